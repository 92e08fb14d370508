//! One pass through the directory: lists it in parts, in the order in which objects depend on each other, and journals what is
//! not as known. It can be interrupted anywhere and goes on with the part where it was.

use std::collections::HashSet;
use std::time::Duration;

use crate::state::{Compared, Mark, NewTask, Store, Task};
use crate::transport::Backoff;
use crate::udm::rest::{Category, Class, Fields, Filter, Query, UdmClient};
use crate::udm::{Change, Dn, Event, ObjectId, ObjectType, Properties, Representation};

use super::position::{Found, Place, Position};
use super::slice::Slice;
use super::{DirectoryError, Needs};

/// So many objects are compared in one transaction.
const CHUNK: usize = 500;
/// So many identifiers go into one question.
const BATCH: usize = 20;
/// A part of a list that broke off is asked for so often.
const TRIES: u32 = 3;
const PAUSES: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(10) };

/// The directory and what is known of it.
pub struct Survey<'a, N, S> {
    /// The directory.
    pub client: &'a UdmClient,
    /// What is known.
    pub store: &'a S,
    /// What of an object matters.
    pub needs: &'a N,
    /// Who asks: the origin of what is journalled, and the name of the cursor.
    pub origin: &'static str,
}

impl<N: Needs, S: Store> Survey<'_, N, S> {
    /// Where the last pass was left; none if there was none.
    pub async fn position(&self) -> Result<Option<Position>, DirectoryError> {
        Ok(self.store.cursor(self.origin).await?.as_deref().and_then(Position::parse))
    }

    /// Goes through the directory from this position on. `watch` is told each new position.
    pub async fn pass(&self, mut position: Position, watch: impl Fn(&Position)) -> Result<Position, DirectoryError> {
        let types = self.client.types().await?;
        // The fields of a type are looked up once.
        let mut fields = None;
        let mut attempt = 0;
        while let Some(Place { kind, slice }) = position.place.clone() {
            if !types.contains(&kind) {
                // Without the extension that brings the type, nobody can say which of its objects there are.
                position.advance(None);
                continue;
            }
            if fields.as_ref().is_none_or(|(of, _)| *of != kind) {
                fields = Some((kind, self.fields(kind).await?));
            }
            let wanted = fields.as_ref().map_or(Fields::All, |(_, fields)| fields.clone());
            let query = Query { kind, filter: position.scope.filter(kind, &slice), fields: wanted };
            match self.part(&mut position, &slice, &query).await {
                Ok(()) => {
                    attempt = 0;
                    watch(&position);
                }
                Err(DirectoryError::Udm(error)) if error.class() == Class::World && attempt < TRIES => {
                    tracing::warn!(%error, "a list of the directory broke off: asking for it again");
                    attempt += 1;
                    tokio::time::sleep(PAUSES.wait(attempt)).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.delete_missing(&mut position).await?;
        Ok(position)
    }

    /// Looks for the objects that the lists lacked, and journals the deletions of those that are gone, all together.
    async fn delete_missing(&self, position: &mut Position) -> Result<(), DirectoryError> {
        let mark = self.store.mark().await?;
        let mut tasks = Vec::new();
        for (kind, missing) in position.missing.clone() {
            let gone = self.confirm(kind, &missing).await?.gone;
            position.of(kind).gone = gone.len() as u64;
            tasks.extend(gone.into_iter().map(|event| self.task(event)));
        }
        let (origin, revision) = (self.origin, self.needs.revision());
        self.store
            .compare(&tasks, mark, &revision, origin, |compared| {
                position.deletions_journalled = compared.journalled;
                position.finish();
                Some(position.to_text())
            })
            .await?;
        Ok(())
    }

    /// What of a type to ask for: the properties that are kept, of those that the server knows. Nothing else is transferred.
    pub async fn fields(&self, kind: ObjectType) -> Result<Fields, DirectoryError> {
        Ok(match self.client.properties(kind).await? {
            Some(names) => Fields::Only(needed(self.needs, kind, &names)),
            None => Fields::All,
        })
    }

    /// Lists one part and compares it; the position is then that of the next one.
    async fn part(&self, position: &mut Position, slice: &Slice, query: &Query) -> Result<(), DirectoryError> {
        let kind = query.kind;
        let mut part = Part { mark: self.store.mark().await?, ..Part::default() };
        match self.take_list(&mut part, query, position).await {
            Err(DirectoryError::Udm(error)) if error.category() == Category::ServerError => {
                // One object that the server cannot open spoils the whole list (`udm-rest.md` 19.4).
                self.take_one_by_one(&mut part, query, position).await?;
            }
            other => other?,
        }
        let mut missing = Vec::new();
        if position.scope.finds_deletions() {
            missing = self.store.expected(kind, &slice.span()).await?;
            missing.retain(|(object, _)| !part.seen.contains(object));
            // A list of nothing, although there is something: the server does not compare identifiers.
            let some = missing.get(..BATCH).unwrap_or(&missing);
            if part.seen.is_empty() && !slice.is_whole() && self.confirm(kind, some).await?.still_there > 0 {
                position.list_as_a_whole(kind);
                return Ok(());
            }
        }
        let next = slice.next(part.seen.len());
        if next.is_none() {
            let listed = part.found.listed + position.of(kind).listed;
            if listed == 0 && !slice.is_whole() && self.count(kind, Filter::identified()).await? > 0 {
                position.list_as_a_whole(kind);
                return Ok(());
            }
            if position.scope.is_complete() {
                let without = Filter::Not(Box::new(Filter::identified()));
                part.found.without_identifier = self.count(kind, without).await?;
            }
        }
        self.compare(&mut part, |found, compared| {
            position.of(kind).add(found, compared);
            position.miss(kind, missing);
            position.advance(next);
            position.to_text()
        })
        .await
    }

    async fn take_list(&self, part: &mut Part, query: &Query, position: &mut Position) -> Result<(), DirectoryError> {
        let mut list = self.client.list(query).await?;
        while let Some(object) = list.next().await? {
            self.take(part, object, query.kind, position).await?;
        }
        Ok(())
    }

    /// Reads the objects of a list that the server cannot make.
    async fn take_one_by_one(
        &self,
        part: &mut Part,
        query: &Query,
        position: &mut Position,
    ) -> Result<(), DirectoryError> {
        let kind = query.kind;
        let names = self.client.list(&query.clone().fields(Fields::Names)).await?.collect().await?;
        for name in names {
            match self.client.by_dn(kind, &name.dn, &query.fields).await {
                Ok(Some(read)) => self.take(part, read.object, kind, position).await?,
                // Deleted meanwhile: the next look finds that.
                Ok(None) => {}
                Err(error) if error.category() == Category::ServerError => {
                    let uuid = name.uuid.as_deref();
                    tracing::warn!(%kind, uuid, "the directory cannot read an object: correct it there");
                    part.found.count_unusable(uuid, "the server cannot read it: correct it there".to_owned());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        part: &mut Part,
        object: Representation,
        kind: ObjectType,
        position: &mut Position,
    ) -> Result<(), DirectoryError> {
        let uuid = object.uuid.clone();
        part.found.listed += 1;
        match object.present() {
            Ok(event) => {
                // A list that was begun anew one by one may bring it twice.
                if part.seen.insert(event.object.clone()) {
                    part.chunk.push(self.task(event));
                }
            }
            Err(reason) => part.found.count_unusable(uuid.as_deref(), reason.to_string()),
        }
        if part.chunk.len() < CHUNK {
            return Ok(());
        }
        // The place stays that of this part, which would be listed anew after a crash.
        self.compare(part, |_, compared| {
            position.of(kind).journalled += compared.journalled;
            position.to_text()
        })
        .await
    }

    /// Compares what was collected, and stores the position that follows from it.
    async fn compare(
        &self,
        part: &mut Part,
        position: impl FnOnce(&Found, Compared) -> String + Send,
    ) -> Result<(), DirectoryError> {
        let tasks = std::mem::take(&mut part.chunk);
        let (origin, revision) = (self.origin, self.needs.revision());
        let found = &part.found;
        let compared = self.store.compare(&tasks, part.mark, &revision, origin, |it| Some(position(found, it))).await?;
        part.found.same += compared.same;
        part.found.overtaken += compared.overtaken;
        Ok(())
    }

    fn task(&self, event: Event) -> NewTask {
        NewTask { task: Task::Event(self.needs.reduce(event)), origin: self.origin.to_owned() }
    }

    /// Which of these objects the directory really does not have: a list may lack one that was created or renamed meanwhile,
    /// or that the server cannot read.
    async fn confirm(&self, kind: ObjectType, missing: &[(ObjectId, Dn)]) -> Result<Confirmed, DirectoryError> {
        let mut confirmed = Confirmed::default();
        for batch in missing.chunks(BATCH) {
            let ids: Vec<_> = batch.iter().map(|(object, _)| object.clone()).collect();
            let none = self.client.having(kind, &ids).await? == 0;
            for (object, dn) in batch {
                if none || self.client.having(kind, std::slice::from_ref(object)).await? == 0 {
                    let (object, dn) = (object.clone(), dn.clone());
                    confirmed.gone.push(Event { object, kind, dn, change: Change::Deleted });
                } else {
                    confirmed.still_there += 1;
                }
            }
        }
        Ok(confirmed)
    }

    async fn count(&self, kind: ObjectType, filter: Filter) -> Result<u64, DirectoryError> {
        let names = Query { kind, filter, fields: Fields::Names };
        Ok(self.client.list(&names).await?.count().await?)
    }
}

/// A part that is being listed.
#[derive(Default)]
struct Part {
    /// What comes later is newer than its list.
    mark: Mark,
    /// The objects in the list.
    seen: HashSet<ObjectId>,
    /// Those that were not compared yet.
    chunk: Vec<NewTask>,
    /// What was found in it.
    found: Found,
}

/// What came of looking for objects that a list lacks.
#[derive(Default)]
struct Confirmed {
    /// Deletions of those that are gone.
    gone: Vec<Event>,
    /// How many there are all the same.
    still_there: u64,
}

/// The properties that are kept of a type, of these.
fn needed<N: Needs>(needs: &N, kind: ObjectType, names: &[String]) -> Vec<String> {
    // Any name and identifier will do: it is asked what becomes of properties.
    let (Some(object), Ok(dn)) = (ObjectId::new("any"), "cn=any".parse()) else { return names.to_vec() };
    let mut properties = Properties::default();
    for name in names {
        properties.set(name, true);
    }
    let reduced = needs.reduce(Event { object, kind, dn, change: Change::Present(properties) });
    let kept = |name: &&String| reduced.desired().is_some_and(|kept| kept.raw(name).is_some());
    names.iter().filter(kept).cloned().collect()
}
