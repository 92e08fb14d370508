//! SQLite on a local volume: the default backend.
//!
//! One connection writes, a few read (WAL). Appending to the journal and storing credentials are synced to disk before they
//! return; the outcome of work is not, because work that is lost with the power is recognised and repeated without effect.

mod audit;
mod codec;
mod commit;
mod correct;
mod credentials;
mod faces;
mod held;
mod intake;
mod intentions;
mod listed;
mod losses;
mod open;
mod parked;
mod read;
mod released;
mod rows;
mod settings;
mod shadow;
mod transaction;
#[cfg(feature = "failure-points")]
mod trouble;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sqlx::SqlitePool;

use crate::udm::{Dn, ObjectId, ObjectType, Properties};

use super::{
    AuditFilter, AuditRow, Backlog, Compared, Correction, Counts, Footprint, Found, Handle, HeldFilter, HeldRow,
    IdSpan, InForce, JournalEntry, KeptFilter, KeptRow, ListId, Lost, Mark, NewTask, Outcome, ParkedFilter, ParkedRow,
    Record, Release, Released, Seq, StateError, Store, Taken, Task, TaskSort, WaitingChange, Work, now_ms,
};

pub use credentials::StoredCredentials;
use faces::Faces;
use transaction::{Durability, Transaction, finish};
#[cfg(feature = "failure-points")]
pub use trouble::Trouble;

/// State in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    faces: Arc<Faces>,
    #[cfg(feature = "failure-points")]
    trouble: Arc<trouble::Ordered>,
}

impl SqliteStore {
    /// Opens the file, creates it with mode 0600 if it is missing, and brings an older schema up to date after a backup.
    pub async fn open(path: &Path) -> Result<Self, StateError> {
        open::open(path).await
    }

    async fn write(&self, durability: Durability) -> Result<Transaction, StateError> {
        let transaction = Transaction::begin(&self.writer, durability).await?;
        #[cfg(feature = "failure-points")]
        let transaction = {
            let mut transaction = transaction;
            self.trouble.inflict(&mut transaction).await?;
            transaction
        };
        Ok(transaction)
    }
}

impl Store for SqliteStore {
    async fn append(&self, tasks: &[NewTask], cursor: Option<(&str, &str)>) -> Result<Seq, StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = intake::append(&mut connection, tasks.iter(), cursor).await;
        finish(connection, work).await
    }

    async fn take_in(&self, tasks: &[NewTask], cursor: (&str, &str), revision: &str) -> Result<Taken, StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = intake::take_in(&mut connection, tasks, cursor, revision).await;
        finish(connection, work).await
    }

    async fn cursor(&self, source: &str) -> Result<Option<String>, StateError> {
        // As a writer: an append whose caller went away may still be committing, and its cursor must not be missed.
        let mut connection = self.write(Durability::Process).await?;
        let work = read::cursor(&mut connection, source).await;
        finish(connection, work).await
    }

    async fn mark(&self) -> Result<Mark, StateError> {
        listed::mark(&self.readers).await
    }

    async fn compare(
        &self,
        listed: &[NewTask],
        since: Mark,
        revision: &str,
        source: &str,
        position: impl FnOnce(Compared) -> Option<String> + Send,
    ) -> Result<Compared, StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = async {
            let (compared, news) = listed::compare(&mut connection, listed, since, revision).await?;
            let position = position(compared);
            let cursor = position.as_deref().map(|position| (source, position));
            intake::append(&mut connection, news.into_iter(), cursor).await?;
            Ok(compared)
        }
        .await;
        finish(connection, work).await
    }

    async fn expected(&self, kind: ObjectType, span: &IdSpan) -> Result<Vec<(ObjectId, Dn)>, StateError> {
        listed::expected(&self.readers, kind, span).await
    }

    async fn came_from(&self, object: &ObjectId, origins: &[&str], since: i64) -> Result<bool, StateError> {
        listed::came_from(&self.readers, object, origins, since).await
    }

    async fn journal_after(&self, after: Seq, sort: TaskSort, limit: u32) -> Result<Vec<JournalEntry>, StateError> {
        read::journal_after(&self.readers, after, sort, limit).await
    }

    async fn oldest_task(&self, object: &ObjectId) -> Result<Option<Seq>, StateError> {
        read::oldest_task(&self.readers, object).await
    }

    async fn work(&self, seqs: &[Seq]) -> Result<Vec<Work>, StateError> {
        read::work(&self.readers, seqs).await
    }

    async fn record(&self, object: &ObjectId) -> Result<Option<Record>, StateError> {
        read::record(&self.readers, object).await
    }

    async fn footprints(&self, objects: &[ObjectId]) -> Result<HashMap<ObjectId, Footprint>, StateError> {
        read::footprints(&self.readers, objects).await
    }

    async fn resolve(&self, handles: &[Handle]) -> Result<Vec<Found>, StateError> {
        let asked = match self.faces.get(handles) {
            Ok(found) => return Ok(found),
            Err(asked) => asked,
        };
        let found = read::resolve(&self.readers, handles).await?;
        self.faces.keep(asked, handles, &found);
        Ok(found)
    }

    async fn referrers(&self, handle: &Handle) -> Result<Vec<Found>, StateError> {
        read::referrers(&self.readers, handle).await
    }

    async fn properties(&self, objects: &[ObjectId]) -> Result<HashMap<ObjectId, Properties>, StateError> {
        read::properties(&self.readers, objects).await
    }

    async fn commit(&self, outcomes: &[Outcome]) -> Result<(), StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = commit::commit(&mut connection, outcomes).await;
        let written = finish(connection, work).await;
        self.faces.forget(outcomes);
        written
    }

    async fn ripple(&self, handles: &[Handle]) -> Result<(), StateError> {
        let handles: Vec<_> = handles.iter().map(Handle::as_str).collect();
        let mut connection = self.write(Durability::Process).await?;
        let work = commit::queue_dependants(&mut connection, &handles).await;
        finish(connection, work).await
    }

    async fn with_prefix(&self, prefix: &str) -> Result<Vec<(ObjectId, ObjectType, String)>, StateError> {
        read::with_prefix(&self.readers, prefix).await
    }

    async fn replan_outdated(&self, revision: &str) -> Result<u64, StateError> {
        let mut connection = self.write(Durability::Process).await?;
        // Two ranges instead of `<>`, so that the index is used: at a start all objects are up to date.
        let work = sqlx::query(
            "INSERT INTO journal (object, kind, event, origin, received_at)
             SELECT object, kind, NULL, 'settings ' || ?1, ?2 FROM objects
             WHERE (revision < ?1 OR revision > ?1) AND NOT EXISTS (SELECT 1 FROM journal q WHERE q.object = objects.object)",
        )
        .bind(revision)
        .bind(now_ms())
        .execute(&mut *connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(StateError::from);
        finish(connection, work).await
    }

    async fn parked(&self, filter: &ParkedFilter) -> Result<Vec<ParkedRow>, StateError> {
        parked::list(&self.readers, filter).await
    }

    async fn retry_parked(&self, filter: &ParkedFilter, origin: &str) -> Result<u64, StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = parked::retry(&mut connection, filter, origin).await;
        finish(connection, work).await
    }

    async fn drop_parked(&self, filter: &ParkedFilter, origin: &str) -> Result<u64, StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = parked::drop(&mut connection, filter, origin).await;
        finish(connection, work).await
    }

    async fn note_losses(&self, lost: &Lost) -> Result<(), StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = losses::note(&mut connection, lost).await;
        finish(connection, work).await
    }

    async fn strike_losses(&self, task: Seq) -> Result<(), StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = losses::strike(&mut connection, task).await;
        finish(connection, work).await
    }

    async fn losses_since(&self, time: i64) -> Result<Vec<Lost>, StateError> {
        losses::since(&self.readers, time).await
    }

    async fn population(&self, kind: ObjectType, nothing: &Value) -> Result<u64, StateError> {
        losses::population(&self.readers, kind, nothing).await
    }

    async fn handle_count(&self, prefix: &Handle) -> Result<u64, StateError> {
        read::handle_count(&self.readers, prefix).await
    }

    async fn referrer_count(&self, handle: &Handle) -> Result<u64, StateError> {
        losses::referrer_count(&self.readers, handle).await
    }

    async fn held(&self, filter: &HeldFilter) -> Result<Vec<HeldRow>, StateError> {
        held::list(&self.readers, filter).await
    }

    async fn held_list(&self) -> Result<Option<ListId>, StateError> {
        held::list_id(&self.readers).await
    }

    async fn approve_held(&self, list: &ListId) -> Result<Release, StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = held::approve(&mut connection, list).await;
        finish(connection, work).await
    }

    async fn drop_held(&self, filter: &HeldFilter, origin: &str) -> Result<u64, StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = held::drop(&mut connection, filter, origin).await;
        finish(connection, work).await
    }

    async fn kept(&self) -> Result<Vec<KeptRow>, StateError> {
        losses::kept(&self.readers).await
    }

    async fn purge_kept(&self, filter: &KeptFilter, origin: &str) -> Result<u64, StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = losses::purge_kept(&mut connection, filter, origin).await;
        finish(connection, work).await
    }

    async fn audit(&self, object: Option<&ObjectId>, limit: u32) -> Result<Vec<AuditRow>, StateError> {
        audit::newest(&self.readers, object, limit).await
    }

    async fn audit_after(
        &self,
        filter: &AuditFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, AuditRow)>, StateError> {
        audit::after(&self.readers, filter, after, limit).await
    }

    async fn audit_by_object(
        &self,
        after: Option<&(ObjectId, i64)>,
        limit: u32,
    ) -> Result<Vec<(i64, AuditRow)>, StateError> {
        audit::by_object(&self.readers, after, limit).await
    }

    async fn prune_audit(&self, before: i64) -> Result<u64, StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = async {
            sqlx::query("DELETE FROM released WHERE at < ?1").bind(before).execute(&mut *connection).await?;
            let rows = sqlx::query("DELETE FROM audit WHERE at < ?1").bind(before).execute(&mut *connection).await?;
            Ok(rows.rows_affected())
        }
        .await;
        finish(connection, work).await
    }

    async fn in_force(&self) -> Result<Option<InForce>, StateError> {
        settings::in_force(&self.readers).await
    }

    async fn put_in_force(&self, settings: &InForce) -> Result<(), StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = settings::put_in_force(&mut connection, settings).await;
        finish(connection, work).await
    }

    async fn waiting_change(&self) -> Result<Option<WaitingChange>, StateError> {
        settings::waiting(&self.readers).await
    }

    async fn set_waiting_change(&self, change: Option<&WaitingChange>) -> Result<(), StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = settings::set_waiting(&mut connection, change).await;
        finish(connection, work).await
    }

    async fn approve_change(&self, revision: &str) -> Result<bool, StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = settings::approve(&mut connection, revision).await;
        finish(connection, work).await
    }

    async fn backlog(&self) -> Result<Backlog, StateError> {
        read::backlog(&self.readers).await
    }

    async fn counts(&self) -> Result<Counts, StateError> {
        read::counts(&self.readers).await
    }

    async fn search(&self, text: &str, limit: u32) -> Result<Vec<(ObjectId, ObjectType, String)>, StateError> {
        read::search(&self.readers, text, limit).await
    }

    async fn intend(&self, object: &ObjectId, name: &Handle) -> Result<(), StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = intentions::add(&mut connection, object, name).await;
        finish(connection, work).await
    }

    async fn intentions(&self, object: &ObjectId) -> Result<Vec<Handle>, StateError> {
        intentions::of(&self.readers, object).await
    }

    async fn holders(
        &self,
        prefix: &Handle,
        after: Option<&Handle>,
        limit: u32,
    ) -> Result<Vec<(Handle, Record)>, StateError> {
        read::holders(&self.readers, prefix, after, limit).await
    }

    async fn unsettled(&self, objects: &[ObjectId]) -> Result<HashSet<ObjectId>, StateError> {
        read::unsettled(&self.readers, objects).await
    }

    async fn correct(&self, corrections: &[Correction], origin: &str) -> Result<u64, StateError> {
        let mut connection = self.write(Durability::Process).await?;
        let work = correct::correct(&mut connection, corrections, origin).await;
        let written = finish(connection, work).await;
        self.faces.clear();
        written
    }

    async fn released(&self, handles: &[Handle]) -> Result<Vec<Released>, StateError> {
        released::find(&self.readers, handles).await
    }

    async fn remove_again(&self, record: &Record, origin: &str) -> Result<bool, StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = correct::remove_again(&mut connection, record, origin).await;
        let written = finish(connection, work).await;
        self.faces.clear();
        written
    }
}

/// The event of a journal or parked row.
fn task_of(object: ObjectId, kind: ObjectType, event: Option<&str>) -> Result<Task, StateError> {
    match event {
        None => Ok(Task::Replan { object, kind }),
        Some(codec::PURGE) => Ok(Task::Purge { object, kind }),
        Some(json) => Ok(Task::Event(codec::parse("event", json)?)),
    }
}
