//! The work on one section: scan everything, look again at what seems to differ, then at what is not ours.

use std::collections::{BTreeMap, HashMap};

use crate::engine::inventory::{Extent, Inventory};
use crate::state::{Correction, Handle, Record, StateError, Store};
use crate::udm::{Dn, ObjectId, Properties};

use super::judge::{Judgement, judge};
use super::pending::Pending;
use super::{Category, Drift, Repair, SectionReport, Stop, Verification};

/// How many records are read and compared at a time.
const PAGE: usize = 100;

/// So few missing objects never look like a restored backup.
const FEW: u64 = 10;

/// If more than one of so many is missing, it looks like a restored backup.
const ONE_OF: u64 = 20;

/// A recorded object that seems to differ.
struct Suspect<K> {
    object: ObjectId,
    key: K,
}

/// Where an item of the target is, compared with its record.
enum Place<K> {
    /// Under its key.
    Right,
    /// Nowhere.
    Nowhere,
    /// Under another key.
    Elsewhere(K),
}

/// The work on one section.
pub(super) struct Pass<'a, T: Inventory, S: Store> {
    target: &'a T,
    store: &'a S,
    section: &'a T::Section,
    prefix: Handle,
    /// Only this one of the recorded handles.
    only: Option<&'a Handle>,
    repair: Repair,
    origin: &'a str,
    report: &'a mut Verification,
    pending: &'a mut Pending,
    found: SectionReport,
    within: Vec<T::Section>,
    corrections: Vec<Correction>,
}

impl<'a, T: Inventory, S: Store> Pass<'a, T, S> {
    pub(super) fn new(
        target: &'a T,
        store: &'a S,
        section: &'a T::Section,
        only: Option<&'a Handle>,
        repair: Repair,
        origin: &'a str,
        report: &'a mut Verification,
        pending: &'a mut Pending,
    ) -> Self {
        let found = SectionReport::new(section.to_string(), target.kind(section));
        let (prefix, within, corrections) = (target.prefix(section), Vec::new(), Vec::new());
        Self { target, store, section, prefix, only, repair, origin, report, pending, found, within, corrections }
    }

    /// What was found, and the sections within what is recorded here.
    pub(super) fn end(self) -> (SectionReport, Vec<T::Section>) {
        (self.found, self.within)
    }

    /// Finds the sections within this one without reading the target.
    pub(super) async fn look_within(&mut self) -> Result<(), Stop> {
        let mut after = None;
        while let Some(page) = self.page(&mut after).await? {
            for (key, _) in page {
                self.within.extend(self.target.sections_within(self.section, &key));
            }
        }
        Ok(())
    }

    /// Verifies the section.
    pub(super) async fn run(&mut self) -> Result<(), Stop> {
        // The sections within are wanted even if this one cannot be read.
        self.look_within().await?;
        let (mut keys, listing) = self.target.list(self.section).await.map_err(|error| Stop::fault(&error))?;
        keys.sort_unstable();
        keys.dedup();
        self.found.in_target = keys.len() as u64;
        let mut ours = vec![false; keys.len()];
        let suspects = self.scan(&keys, &listing, &mut ours).await?;
        let mut lost = self.confirm(suspects).await?;
        if self.only.is_none() {
            let others = keys.into_iter().zip(ours).filter(|(_, ours)| !ours).map(|(key, _)| key).collect::<Vec<_>>();
            self.look_at_others(&listing, &others, &mut lost).await?;
        }
        for suspect in lost.suspects.iter().flatten() {
            if let Some(record) = self.store.record(&suspect.object).await? {
                let state = self.target.corrected(self.section, &self.state(&record)?, &suspect.key, None);
                let looks_restored = lost.looks_restored(self.found.recorded);
                self.conclude(record, &suspect.key, Place::Nowhere, state, looks_restored).await?;
            }
        }
        self.write().await
    }

    /// The next page of records with their keys; none after the last one.
    async fn page(&self, after: &mut Option<Handle>) -> Result<Option<Vec<(T::Key, Record)>>, StateError> {
        let limit = u32::try_from(PAGE).unwrap_or(u32::MAX);
        let page = self.store.holders(&self.prefix, after.as_ref(), limit).await?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        *after = Some(last.clone());
        let wanted = page.into_iter().filter(|(handle, _)| self.only.is_none_or(|only| only == handle));
        let keyed = wanted.filter_map(|(handle, record)| Some((self.target.key(self.section, &handle)?, record)));
        Ok(Some(keyed.collect()))
    }

    /// What is recorded of the target, with what other sections have corrected already.
    fn state(&self, record: &Record) -> Result<T::State, StateError> {
        let record = self.pending.after(&record.object).unwrap_or(record);
        serde_json::from_value(record.state.clone()).map_err(|error| StateError::corrupt("target state", &error.line()))
    }

    async fn read(&self, listing: &T::Listing, keys: &[T::Key]) -> Result<BTreeMap<T::Key, T::Item>, Stop> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let items = self.target.read(self.section, listing, keys).await.map_err(|error| Stop::fault(&error))?;
        Ok(items.into_iter().collect())
    }

    /// The item, if it is the recorded thing: by a name that it still has, or by one that its object had before.
    async fn same<'i>(
        &self,
        object: &ObjectId,
        key: &T::Key,
        state: &T::State,
        item: Option<&'i T::Item>,
    ) -> Result<Option<&'i T::Item>, StateError> {
        let Some(item) = item else { return Ok(None) };
        if self.target.is_same(self.section, key, state, item) {
            return Ok(Some(item));
        }
        let names = self.target.names(self.section, item);
        let former = self.store.released(&[self.handle(key)]).await?;
        let had = |name| former.iter().any(|former| former.object == *object && former.had(name));
        Ok(names.first().is_some_and(had).then_some(item))
    }

    /// Compares all records. Marks the keys that are ours; returns what seems to differ.
    async fn scan(
        &mut self,
        keys: &[T::Key],
        listing: &T::Listing,
        ours: &mut [bool],
    ) -> Result<Vec<Suspect<T::Key>>, Stop> {
        let (mut suspects, mut after) = (Vec::new(), None);
        while let Some(page) = self.page(&mut after).await? {
            let listed = page.iter().map(|(key, _)| key).filter(|key| keys.binary_search(key).is_ok());
            let items = self.read(listing, &listed.cloned().collect::<Vec<_>>()).await?;
            for (key, record) in page {
                self.found.recorded += 1;
                let state = self.state(&record)?;
                let item = self.same(&record.object, &key, &state, items.get(&key)).await?;
                if let (Some(_), Ok(position)) = (item, keys.binary_search(&key)) {
                    ours[position] = true;
                }
                let right = match item {
                    Some(_) => {
                        let held = self.target.corrected(self.section, &state, &key, item);
                        held == state
                            || matches!(judge(self.target, self.store, &record, &held).await?, Judgement::Right)
                    }
                    None => false,
                };
                if !right {
                    suspects.push(Suspect { object: record.object, key });
                }
            }
        }
        Ok(suspects)
    }

    /// Looks again at what seems to differ: while the target was read, the engine may have changed it. Returns what is not
    /// there under its key.
    async fn confirm(&mut self, suspects: Vec<Suspect<T::Key>>) -> Result<Lost<T::Key>, Stop> {
        let mut lost = Lost { suspects: Vec::new(), names: HashMap::new() };
        if suspects.is_empty() {
            return Ok(lost);
        }
        let (mut keys, listing) = self.target.list(self.section).await.map_err(|error| Stop::fault(&error))?;
        keys.sort_unstable();
        let mut suspects = suspects.into_iter().peekable();
        while suspects.peek().is_some() {
            let mut page = Vec::with_capacity(PAGE);
            for suspect in suspects.by_ref().take(PAGE) {
                if let Some(record) = self.store.record(&suspect.object).await? {
                    page.push((suspect, record));
                }
            }
            let listed = page.iter().map(|(suspect, _)| &suspect.key).filter(|key| keys.binary_search(key).is_ok());
            let items = self.read(&listing, &listed.cloned().collect::<Vec<_>>()).await?;
            for (suspect, record) in page {
                let state = self.state(&record)?;
                let item = self.same(&suspect.object, &suspect.key, &state, items.get(&suspect.key)).await?;
                match item {
                    Some(_) => {
                        let held = self.target.corrected(self.section, &state, &suspect.key, item);
                        self.conclude(record, &suspect.key, Place::Right, held, false).await?;
                    }
                    None => lost.add(suspect, record),
                }
            }
            self.write().await?;
        }
        Ok(lost)
    }

    /// Looks at what is not recorded: lost objects under another key, what came back, and what was never ours.
    async fn look_at_others(
        &mut self,
        listing: &T::Listing,
        others: &[T::Key],
        lost: &mut Lost<T::Key>,
    ) -> Result<(), Stop> {
        for page in others.chunks(PAGE) {
            let handles: Vec<_> = page.iter().map(|key| self.handle(key)).collect();
            let released = self.store.released(&handles).await?;
            for (key, item) in self.read(listing, page).await? {
                let names = self.target.names(self.section, &item);
                let looks_restored = lost.looks_restored(self.found.recorded);
                if let Some(suspect) = lost.take(&names) {
                    if let Some(record) = self.store.record(&suspect.object).await? {
                        let state = self.state(&record)?;
                        let held = self.target.taken_over(self.section, &state, &suspect.key, &item);
                        self.conclude(record, &suspect.key, Place::Elsewhere(key), held, looks_restored).await?;
                    }
                    continue;
                }
                let handle = self.handle(&key);
                if !self.store.resolve(std::slice::from_ref(&handle)).await?.is_empty() {
                    continue; // recorded a moment ago, or under the number of something else
                }
                let former = released
                    .iter()
                    .find(|former| former.handle == handle && names.first().is_some_and(|name| former.had(name)));
                match former {
                    Some(former) => {
                        let object = former.object.clone();
                        self.note(Category::Surplus, &key, None, Some(object), Vec::new(), Vec::new());
                        if self.repair != Repair::No {
                            self.remove_again(former.object.clone(), &key, &item).await?;
                        }
                    }
                    None => self.note(Category::Foreign, &key, None, None, Vec::new(), Vec::new()),
                }
            }
            self.write().await?;
        }
        Ok(())
    }

    fn handle(&self, key: &T::Key) -> Handle {
        self.prefix.with(key)
    }

    /// Asks the planner what it makes of an object that is really like this, and notes or corrects what differs.
    async fn conclude(
        &mut self,
        record: Record,
        key: &T::Key,
        place: Place<T::Key>,
        held: T::State,
        looks_restored: bool,
    ) -> Result<(), Stop> {
        let (attributes, calls) = match judge(self.target, self.store, &record, &held).await? {
            Judgement::Drifted { attributes, calls } => (attributes, calls),
            // Under another key it is wrong even if nothing is to be done about its values.
            Judgement::Right if matches!(place, Place::Elsewhere(_)) => (Vec::new(), Vec::new()),
            Judgement::Right => return Ok(()),
            Judgement::Refused if matches!(place, Place::Right) => {
                self.found.unsettled += 1;
                return Ok(());
            }
            // It may wait for something that is missing as well, for instance for its context.
            Judgement::Refused => (Vec::new(), Vec::new()),
        };
        let busy = !self.store.unsettled(std::slice::from_ref(&record.object)).await?.is_empty();
        if busy || self.store.record(&record.object).await?.is_none_or(|now| now != record) {
            self.found.unsettled += 1;
            return Ok(());
        }
        let (category, found_as) = match &place {
            Place::Right => (Category::Different, None),
            Place::Nowhere => (Category::Missing, None),
            Place::Elsewhere(found) => (Category::WrongId, Some(found)),
        };
        self.note(category, key, found_as, Some(record.object.clone()), attributes, calls);
        match self.repair {
            Repair::No => {}
            Repair::Usual if looks_restored => self.found.held_back += 1,
            Repair::Usual | Repair::AfterRestore => {
                let after = self.record(&record.object, &record.dn, &record.desired, &held);
                let correction = Correction { before: record, after };
                match self.target.extent(self.section) {
                    Extent::Whole => self.corrections.push(correction),
                    Extent::Part => self.pending.add(correction, self.report.sections.len()),
                }
            }
        }
        Ok(())
    }

    fn note(
        &mut self,
        category: Category,
        key: &T::Key,
        found_as: Option<&T::Key>,
        object: Option<ObjectId>,
        attributes: Vec<String>,
        calls: Vec<String>,
    ) {
        self.found.count(category);
        let (section, key) = (self.found.section.clone(), key.to_string());
        let found_as = found_as.map(ToString::to_string);
        self.report.add(Drift { category, section, key, found_as, object, attributes, calls });
    }

    fn record(&self, object: &ObjectId, dn: &Dn, desired: &Properties, state: &T::State) -> Record {
        let kind = self.target.kind(self.section);
        Record {
            object: object.clone(),
            kind,
            dn: dn.clone(),
            desired: desired.clone(),
            state: serde_json::to_value(state).unwrap_or_default(),
            face: self.target.face(kind, desired, state),
            footprint: self.target.footprint(object, kind, dn, Some(desired), state),
            revision: self.target.revision(),
        }
    }

    /// Writes the corrections that have come together.
    async fn write(&mut self) -> Result<(), Stop> {
        if !self.corrections.is_empty() {
            self.found.queued += self.store.correct(&self.corrections, self.origin).await?;
            self.corrections.clear();
        }
        Ok(())
    }

    /// Something that was removed came back: its object is removed again, as the directory wanted it.
    async fn remove_again(&mut self, object: ObjectId, key: &T::Key, item: &T::Item) -> Result<(), Stop> {
        let state = self.target.taken_over(self.section, &T::State::default(), key, item);
        // Its name in the directory is not known any more, and nobody refers to it.
        let Ok(dn) = format!("cn={object},cn=removed").parse::<Dn>() else { return Ok(()) };
        let record = self.record(&object, &dn, &Properties::default(), &state);
        self.found.queued += u64::from(self.store.remove_again(&record, self.origin).await?);
        Ok(())
    }
}

/// Recorded objects that are not there under their keys, with the names by which they can be found.
struct Lost<K> {
    suspects: Vec<Option<Suspect<K>>>,
    names: HashMap<Handle, usize>,
}

impl<K> Lost<K> {
    fn add(&mut self, suspect: Suspect<K>, record: Record) {
        let position = self.suspects.len();
        self.suspects.push(Some(suspect));
        let names = record.footprint.claims.into_iter().chain(record.footprint.handles);
        self.names.extend(names.map(|name| (name, position)));
    }

    /// The object that has one of these names.
    fn take(&mut self, names: &[Handle]) -> Option<Suspect<K>> {
        names.iter().filter_map(|name| self.names.get(name)).find_map(|position| self.suspects[*position].take())
    }

    /// Whether so many of the recorded objects are lost that the target looks as if an old backup had been restored.
    fn looks_restored(&self, recorded: u64) -> bool {
        self.suspects.len() as u64 > FEW.max(recorded / ONE_OF)
    }
}
