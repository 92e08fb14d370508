//! What a state backend must do.

use std::collections::{HashMap, HashSet};
use std::future::Future;

use serde::Serialize;
use serde_json::Value;

use crate::udm::{Dn, ObjectId, ObjectType, Properties};

use super::{
    AuditRow, Compared, Correction, Footprint, Found, Handle, HeldMark, HeldRow, IdSpan, InForce, JournalEntry,
    KeptRow, ListId, Lost, Mark, NewTask, Outcome, ParkedRow, Record, Release, Released, Seq, StateError,
    WaitingChange, Work,
};

/// Which parked objects are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParkedFilter {
    /// All of them.
    All,
    /// This object.
    Object(ObjectId),
    /// Those that failed with this category.
    Category(String),
    /// Those whose last attempt is older than this time, in milliseconds since 1970.
    LastAttemptBefore(i64),
}

/// Which tasks that are held back are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldFilter {
    /// All of them.
    All,
    /// That of this object.
    Object(ObjectId),
}

/// Which objects that are kept for a time are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptFilter {
    /// Those that are kept since before this time, in milliseconds since 1970.
    Before(i64),
    /// This object.
    Object(ObjectId),
}

/// Which rows of the audit trail are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this object.
    pub object: Option<ObjectId>,
    /// Only those that are not older than this time, in milliseconds since 1970.
    pub since: i64,
}

/// Which tasks are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskSort {
    /// Changes that a source delivered, and parked ones that are tried again.
    Event,
    /// Objects to be planned again because something else changed.
    Replan,
}

/// What is left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Tasks in the journal.
    pub tasks: u64,
    /// When the oldest of them arrived, in milliseconds since 1970.
    pub oldest: Option<i64>,
    /// Parked objects.
    pub parked: u64,
    /// Objects that the deletion guard holds back.
    pub held: HeldMark,
    /// Deleted objects that are kept for a time.
    pub kept: u64,
}

/// What became of tasks that were taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The last position in the journal.
    pub last: Seq,
    /// How many wanted nothing new of a settled object: they are in the audit trail and not in the journal.
    pub settled: u64,
}

/// How much is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Known objects by type.
    pub objects: HashMap<String, u64>,
}

/// A state backend. All writes are transactions: they happen completely or not at all.
pub trait Store: Send + Sync + 'static {
    /// Adds tasks to the journal and moves the cursor of their source. Returns when both survive a power failure.
    fn append(
        &self,
        tasks: &[NewTask],
        cursor: Option<(&str, &str)>,
    ) -> impl Future<Output = Result<Seq, StateError>> + Send;

    /// As [`Store::append`], for what a source delivers: an event that wants nothing new of a settled object, under the mapping
    /// and settings of this revision, and before which nothing waits, is done at once.
    fn take_in(
        &self,
        tasks: &[NewTask],
        cursor: (&str, &str),
        revision: &str,
    ) -> impl Future<Output = Result<Taken, StateError>> + Send;

    /// The position up to which a source was read.
    fn cursor(&self, source: &str) -> impl Future<Output = Result<Option<String>, StateError>> + Send;

    /// Where journal and audit trail are now.
    fn mark(&self) -> impl Future<Output = Result<Mark, StateError>> + Send;

    /// Journals of events that the directory itself told those that want something else than what is known, and moves the
    /// cursor of this source to the position that follows from it, if one does, all in one transaction. Known is the newest
    /// event of an object, done or not. What came since the mark wins: the list may be older.
    fn compare(
        &self,
        listed: &[NewTask],
        since: Mark,
        revision: &str,
        source: &str,
        position: impl FnOnce(Compared) -> Option<String> + Send,
    ) -> impl Future<Output = Result<Compared, StateError>> + Send;

    /// Objects of a type that the directory should have, with their distinguished names: not those of custom resources, nor
    /// those whose removal is under way or over. In the order of identifiers.
    fn expected(
        &self,
        kind: ObjectType,
        span: &IdSpan,
    ) -> impl Future<Output = Result<Vec<(ObjectId, Dn)>, StateError>> + Send;

    /// Whether an event of the object came from an origin that begins like one of these, since a time in milliseconds since
    /// 1970.
    fn came_from(
        &self,
        object: &ObjectId,
        origins: &[&str],
        since: i64,
    ) -> impl Future<Output = Result<bool, StateError>> + Send;

    /// The next tasks of one sort after a position, oldest first.
    fn journal_after(
        &self,
        after: Seq,
        sort: TaskSort,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<JournalEntry>, StateError>> + Send;

    /// The oldest task of an object.
    fn oldest_task(&self, object: &ObjectId) -> impl Future<Output = Result<Option<Seq>, StateError>> + Send;

    /// Tasks with what is known of their objects, in no order; those that have ended are missing in the answer.
    fn work(&self, seqs: &[Seq]) -> impl Future<Output = Result<Vec<Work>, StateError>> + Send;

    /// What is known of an object.
    fn record(&self, object: &ObjectId) -> impl Future<Output = Result<Option<Record>, StateError>> + Send;

    /// The recorded footprints of objects; those without record are missing in the answer.
    fn footprints(
        &self,
        objects: &[ObjectId],
    ) -> impl Future<Output = Result<HashMap<ObjectId, Footprint>, StateError>> + Send;

    /// The objects behind handles; handles that lead nowhere are missing in the answer.
    fn resolve(&self, handles: &[Handle]) -> impl Future<Output = Result<Vec<Found>, StateError>> + Send;

    /// The objects that refer to a handle.
    fn referrers(&self, handle: &Handle) -> impl Future<Output = Result<Vec<Found>, StateError>> + Send;

    /// The stored properties of objects.
    fn properties(
        &self,
        objects: &[ObjectId],
    ) -> impl Future<Output = Result<HashMap<ObjectId, Properties>, StateError>> + Send;

    /// Writes the ends of tasks and everything that follows from them: records, parked objects, audit trail, and new tasks
    /// for objects that depend on what changed.
    fn commit(&self, outcomes: &[Outcome]) -> impl Future<Output = Result<(), StateError>> + Send;

    /// Queues everything that depends on these handles: parked objects with the task that failed, others from their record.
    fn ripple(&self, handles: &[Handle]) -> impl Future<Output = Result<(), StateError>> + Send;

    /// Objects whose identifier begins with this text, with their distinguished names.
    fn with_prefix(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<(ObjectId, ObjectType, String)>, StateError>> + Send;

    /// Queues all objects that were planned with another revision. Returns how many.
    fn replan_outdated(&self, revision: &str) -> impl Future<Output = Result<u64, StateError>> + Send;

    /// Parked objects, oldest first.
    fn parked(&self, filter: &ParkedFilter) -> impl Future<Output = Result<Vec<ParkedRow>, StateError>> + Send;

    /// Queues parked objects again. They stay listed until they succeed. Returns how many.
    fn retry_parked(&self, filter: &ParkedFilter, origin: &str)
    -> impl Future<Output = Result<u64, StateError>> + Send;

    /// Forgets parked tasks; the objects stay as they are in the target. Returns how many.
    fn drop_parked(&self, filter: &ParkedFilter, origin: &str) -> impl Future<Output = Result<u64, StateError>> + Send;

    /// Notes losses before they happen; survives a power failure.
    fn note_losses(&self, lost: &Lost) -> impl Future<Output = Result<(), StateError>> + Send;

    /// Strikes the losses of a task out: it failed without effect.
    fn strike_losses(&self, task: Seq) -> impl Future<Output = Result<(), StateError>> + Send;

    /// The losses since a time in milliseconds since 1970, oldest first.
    fn losses_since(&self, time: i64) -> impl Future<Output = Result<Vec<Lost>, StateError>> + Send;

    /// How many known objects of a type the target holds something of; `nothing` is the state of the others. Looks at each
    /// of them.
    fn population(&self, kind: ObjectType, nothing: &Value) -> impl Future<Output = Result<u64, StateError>> + Send;

    /// How many handles begin with this text, for instance those of all users of a context.
    fn handle_count(&self, prefix: &Handle) -> impl Future<Output = Result<u64, StateError>> + Send;

    /// How many objects refer to a handle.
    fn referrer_count(&self, handle: &Handle) -> impl Future<Output = Result<u64, StateError>> + Send;

    /// What the deletion guard holds back, in order of arrival.
    fn held(&self, filter: &HeldFilter) -> impl Future<Output = Result<Vec<HeldRow>, StateError>> + Send;

    /// The name of the list of all that is held back; none if it is empty.
    fn held_list(&self) -> impl Future<Output = Result<Option<ListId>, StateError>> + Send;

    /// Puts all tasks that are held back into the journal with an approval, if the list still has this name.
    fn approve_held(&self, list: &ListId) -> impl Future<Output = Result<Release, StateError>> + Send;

    /// Forgets tasks that are held back; the objects stay as they are in the target. Returns how many.
    fn drop_held(&self, filter: &HeldFilter, origin: &str) -> impl Future<Output = Result<u64, StateError>> + Send;

    /// Deleted objects that are kept for a time, oldest first.
    fn kept(&self) -> impl Future<Output = Result<Vec<KeptRow>, StateError>> + Send;

    /// Queues the final deletion of objects that are kept, unless they have a task in the journal or are held back or parked.
    /// Returns how many.
    fn purge_kept(&self, filter: &KeptFilter, origin: &str) -> impl Future<Output = Result<u64, StateError>> + Send;

    /// The audit trail, newest first: of one object or of all.
    fn audit(
        &self,
        object: Option<&ObjectId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<AuditRow>, StateError>> + Send;

    /// A page of the audit trail after a position (0: the beginning), oldest first, each row with its position.
    fn audit_after(
        &self,
        filter: &AuditFilter,
        after: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(i64, AuditRow)>, StateError>> + Send;

    /// A page of the audit trail object by object, the rows of each oldest first, each row with its position.
    fn audit_by_object(
        &self,
        after: Option<&(ObjectId, i64)>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(i64, AuditRow)>, StateError>> + Send;

    /// Removes audit rows that are older than a time in milliseconds since 1970. Returns how many.
    fn prune_audit(&self, before: i64) -> impl Future<Output = Result<u64, StateError>> + Send;

    /// The settings in force, as they were put there last.
    fn in_force(&self) -> impl Future<Output = Result<Option<InForce>, StateError>> + Send;

    /// Puts settings in force; no change waits any more.
    fn put_in_force(&self, settings: &InForce) -> impl Future<Output = Result<(), StateError>> + Send;

    /// The change of settings that waits for an approval.
    fn waiting_change(&self) -> impl Future<Output = Result<Option<WaitingChange>, StateError>> + Send;

    /// Lets a change of settings wait, or none. One of the same revision keeps its approval.
    fn set_waiting_change(&self, change: Option<&WaitingChange>)
    -> impl Future<Output = Result<(), StateError>> + Send;

    /// Approves the change of this revision. Returns whether it waits.
    fn approve_change(&self, revision: &str) -> impl Future<Output = Result<bool, StateError>> + Send;

    /// What is left to do.
    fn backlog(&self) -> impl Future<Output = Result<Backlog, StateError>> + Send;

    /// How much is stored.
    fn counts(&self) -> impl Future<Output = Result<Counts, StateError>> + Send;

    /// Known objects by what people call them: an identifier, a distinguished name or its first value, or a mail address.
    fn search(
        &self,
        text: &str,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(ObjectId, ObjectType, String)>, StateError>> + Send;

    /// Notes that an object is about to be created under a name. Survives a power failure; forgotten with the end of the
    /// task, unless nobody knows whether it was created.
    fn intend(&self, object: &ObjectId, name: &Handle) -> impl Future<Output = Result<(), StateError>> + Send;

    /// The names under which an object was about to be created.
    fn intentions(&self, object: &ObjectId) -> impl Future<Output = Result<Vec<Handle>, StateError>> + Send;

    /// The records behind handles that begin with this text, in the order of handles, from after a handle on.
    fn holders(
        &self,
        prefix: &Handle,
        after: Option<&Handle>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(Handle, Record)>, StateError>> + Send;

    /// Those of these objects that are parked or have a task in the journal.
    fn unsettled(&self, objects: &[ObjectId]) -> impl Future<Output = Result<HashSet<ObjectId>, StateError>> + Send;

    /// Corrects what is recorded of the target and queues the objects, all in one transaction. Those that changed meanwhile
    /// or have a task in the journal are left out. Returns how many were corrected.
    fn correct(&self, corrections: &[Correction], origin: &str)
    -> impl Future<Output = Result<u64, StateError>> + Send;

    /// Which objects held something behind these handles and were removed, or had other names then; as long as the audit
    /// trail is kept.
    fn released(&self, handles: &[Handle]) -> impl Future<Output = Result<Vec<Released>, StateError>> + Send;

    /// Takes something that came back into the records of its former object and queues the removal of that object. Nothing
    /// happens if the object exists anew. Returns whether it was queued.
    fn remove_again(&self, record: &Record, origin: &str) -> impl Future<Output = Result<bool, StateError>> + Send;
}
