//! Catching up: a regular look for what a stream of events has lost.
//!
//! The Provisioning API can drop events without a word (`nubus-provisioning.md` 8), and so can an outage. Each round asks for what was
//! changed since the last one; more rarely all identifiers are compared, which finds deletions. What is as known leaves no trace.
//! What is not was lost, and is journalled and counted.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::state::{Compared, Mark, NewTask, Store, Task, now_ms};
use crate::udm::rest::{Category, Fields, Filter, Query};
use crate::udm::{Event, ObjectType};

use super::look::{Identity, Looked};
use super::pass::Survey;
use super::position::Place;
use super::scope::{Parts, Scope};
use super::{DirectoryError, Needs};

/// A round looks back so much further than the last one ended, in milliseconds: entries may become visible late, and clocks
/// differ.
const OVERLAP: i64 = 2 * 60_000;
/// So many objects are compared in one transaction.
const CHUNK: usize = 500;
/// So many objects that lists and state do not agree on are looked at one by one in one round; the next round goes on.
const MOST_DOUBTS: usize = 10_000;

/// What was caught up so far. Kept with the events that were found, so that each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Caught {
    /// Up to when changes were looked for, in milliseconds since 1970 by the clock of the directory.
    pub until: i64,
    /// When identifiers were compared last, in milliseconds since 1970.
    pub compared_at: i64,
    /// Events that were lost and found.
    pub lost: u64,
}

impl Caught {
    fn to_text(self) -> String {
        // Three numbers: this cannot fail.
        serde_json::to_string(&self).unwrap_or_default()
    }
}

/// Looks for what a stream has lost.
pub struct CatchUp<'a, N, S> {
    /// The directory and what is known; its origin is [`super::CATCH_UP`].
    pub survey: Survey<'a, N, S>,
    /// What was caught up so far.
    pub caught: Caught,
}

impl<'a, N: Needs, S: Store> CatchUp<'a, N, S> {
    /// Goes on where the last one was; none if there was none: then a pass through everything has to come first.
    pub async fn resume(survey: Survey<'a, N, S>) -> Result<Option<Self>, DirectoryError> {
        let stored = survey.store.cursor(survey.origin).await?;
        let caught = stored.and_then(|text| serde_json::from_str(&text).ok());
        Ok(caught.map(|caught| Self { survey, caught }))
    }

    /// Begins after a pass that began at this time, in milliseconds since 1970, and found everything until then.
    pub async fn begin(survey: Survey<'a, N, S>, since: i64) -> Result<Self, DirectoryError> {
        let until = since + survey.client.clock_ahead();
        let caught = Caught { until, compared_at: now_ms(), lost: 0 };
        survey.store.append(&[], Some((survey.origin, &caught.to_text()))).await?;
        Ok(Self { survey, caught })
    }

    /// Looks for changes up to a time, in milliseconds since 1970, of which the stream has delivered all that it will.
    /// Returns how many it had lost.
    pub async fn changes(&mut self, until: i64) -> Result<u64, DirectoryError> {
        let until = until + self.survey.client.clock_ahead();
        if until <= self.caught.until {
            return Ok(0);
        }
        let lost = self.caught.lost;
        let changed = Filter::identified()
            .and(Filter::AtLeast("modifyTimestamp", ldap_time(self.caught.until - OVERLAP)))
            .and(Filter::AtMost("modifyTimestamp", ldap_time(until)));
        for kind in self.kinds().await? {
            self.take_changed(kind, &changed).await?;
        }
        self.caught.until = until;
        self.compare(Vec::new(), Mark::default()).await?;
        Ok(self.caught.lost - lost)
    }

    async fn take_changed(&mut self, kind: ObjectType, changed: &Filter) -> Result<(), DirectoryError> {
        let mark = self.survey.mark().await?;
        let mut chunk = Vec::new();
        let mut list = match self.survey.client.list(&Query::new(kind, changed.clone())).await {
            Err(error) if error.category() == Category::ServerError => {
                return self.take_changed_one_by_one(kind, changed).await;
            }
            other => other?,
        };
        while let Some(object) = list.next().await? {
            match object.present() {
                Ok(event) => chunk.push(event),
                Err(error) => tracing::debug!(%kind, %error, "an object of the directory cannot be used"),
            }
            if chunk.len() >= CHUNK {
                self.compare(std::mem::take(&mut chunk), mark).await?;
            }
        }
        self.compare(chunk, mark).await
    }

    /// One object that the server cannot open spoils a whole list.
    async fn take_changed_one_by_one(&mut self, kind: ObjectType, changed: &Filter) -> Result<(), DirectoryError> {
        let client = self.survey.client;
        let names = client.list(&Query::new(kind, changed.clone()).fields(Fields::Names)).await?.collect().await?;
        for name in names {
            let mark = self.survey.mark().await?;
            match client.by_dn(kind, &name.dn, &Fields::All).await {
                Ok(read) => {
                    let event = read.and_then(|read| read.object.present().ok());
                    self.compare(event.into_iter().collect(), mark).await?;
                }
                Err(error) if error.category() == Category::ServerError => {
                    tracing::warn!(%kind, uuid = name.uuid, "the directory cannot read an object: correct it there");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Compares all identifiers. Returns the objects on which directory and state do not agree: after the time that the stream
    /// may take they have to be looked at one by one.
    pub async fn doubts(&mut self) -> Result<Vec<Identity>, DirectoryError> {
        let mut doubts = Vec::new();
        for kind in self.kinds().await? {
            let mut scope = Scope { kind: Some(kind), ..Scope::default() };
            while !self.doubts_of(kind, &scope, &mut doubts).await? {
                scope.parts = Parts::Whole;
            }
        }
        doubts.truncate(MOST_DOUBTS);
        Ok(doubts)
    }

    /// Returns false if the server cannot list a type in parts.
    async fn doubts_of(
        &self,
        kind: ObjectType,
        scope: &Scope,
        doubts: &mut Vec<Identity>,
    ) -> Result<bool, DirectoryError> {
        let Survey { client, store, .. } = self.survey;
        let mut place = Some(Place { kind, slice: scope.first_slice(kind) });
        let mut listed = 0;
        let before = doubts.len();
        while let Some(Place { slice, .. }) = place {
            let known: BTreeMap<_, _> = store.expected(kind, &slice.span()).await?.into_iter().collect();
            let query = Query { kind, filter: scope.filter(kind, &slice), fields: Fields::Only(Vec::new()) };
            let mut list = match client.list(&query).await {
                Err(error) if error.category() == Category::ServerError => {
                    tracing::warn!(%kind, %error, "identifiers cannot be compared: the directory cannot list them");
                    return Ok(true);
                }
                other => other?,
            };
            let mut seen = HashSet::new();
            while let Some(object) = list.next().await? {
                let Some(id) = object.identifier() else { continue };
                if !known.contains_key(&id)
                    && let Ok(dn) = object.dn.parse()
                {
                    doubts.push(Identity { object: id.clone(), kind, dn });
                }
                seen.insert(id);
            }
            let missing = known.into_iter().filter(|(object, _)| !seen.contains(object));
            doubts.extend(missing.map(|(object, dn)| Identity { object, kind, dn }));
            listed += seen.len();
            place = slice.next(seen.len()).map(|slice| Place { kind, slice });
        }
        if listed == 0 && scope.parts == Parts::Ranges && !scope.first_slice(kind).is_whole() {
            let names = Query { kind, filter: Filter::identified(), fields: Fields::Names };
            if client.list(&names).await?.count().await? > 0 {
                doubts.truncate(before);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Looks at objects one by one. Returns how many events the stream had lost. All deletions arrive together, so that the
    /// deletion guard judges them together.
    pub async fn settle(&mut self, doubts: &[Identity]) -> Result<u64, DirectoryError> {
        let lost = self.caught.lost;
        let begun = self.survey.mark().await?;
        let mut gone = Vec::new();
        for whom in doubts {
            let mark = self.survey.mark().await?;
            match self.survey.look(whom).await? {
                Looked::Present(event) => self.compare(vec![event], mark).await?,
                Looked::Gone(event) => gone.push(event),
                Looked::Unusable(reason) => {
                    tracing::warn!(object = %whom.object, kind = %whom.kind, reason, "cannot be compared");
                }
            }
        }
        self.caught.compared_at = now_ms();
        self.compare(gone, begun).await?;
        Ok(self.caught.lost - lost)
    }

    async fn compare(&mut self, events: Vec<Event>, mark: Mark) -> Result<(), DirectoryError> {
        let Survey { store, needs, origin, .. } = self.survey;
        let task = |event| NewTask { task: Task::Event(needs.reduce(event)), origin: origin.to_owned() };
        let tasks: Vec<_> = events.into_iter().map(task).collect();
        let caught = self.caught;
        let after = |compared: Compared| Caught { lost: caught.lost + compared.journalled, ..caught };
        let compared =
            store.compare(&tasks, mark, &needs.revision(), origin, |compared| Some(after(compared).to_text())).await?;
        self.caught = after(compared);
        Ok(())
    }

    async fn kinds(&self) -> Result<Vec<ObjectType>, DirectoryError> {
        let types = self.survey.client.types().await?;
        Ok(ObjectType::all().filter(|kind| types.contains(kind)).collect())
    }
}

/// A time in milliseconds since 1970 as LDAP writes it: `20260131235959Z`.
fn ldap_time(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms.max(0)).unwrap_or_default();
    time.strftime("%Y%m%d%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_ldap_wants_them() {
        assert_eq!(ldap_time(1_767_225_599_999), "20251231235959Z");
        assert_eq!(ldap_time(-5), "19700101000000Z");
    }
}
