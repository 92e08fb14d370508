//! What is stored, as plain data.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::udm::{Dn, Event, ObjectId, ObjectType, Properties};

use super::Fingerprint;

/// A name by which objects refer to each other or that only one of them may hold, for instance `dn:uid=anna,dc=example`,
/// `context:10` or `mail:10/anna@example.org`. Compared as text: whoever makes one brings it into canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(String);

impl Handle {
    /// Makes a handle of a kind of name and the name.
    pub fn new(kind: &str, name: impl fmt::Display) -> Self {
        Self(format!("{kind}:{name}"))
    }

    /// The handle of the object with this distinguished name.
    pub fn dn(dn: &Dn) -> Self {
        Self::new("dn", dn.canonical())
    }

    /// The handle of the object with this identifier.
    pub fn object(id: &ObjectId) -> Self {
        Self::new("id", id)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The handle that begins with this one and goes on with a name.
    #[must_use]
    pub fn with(&self, name: &impl fmt::Display) -> Self {
        Self(format!("{}{name}", self.0))
    }

    /// A fingerprint of it, by which it can be recognised but not read: 16 hexadecimal digits.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.0);
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A handle from its text.
    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The names that an object holds and depends on. Decides the order of tasks and who is planned again when something changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Names by which others find the object.
    pub handles: Vec<Handle>,
    /// Names in the target that nobody else may hold at the same time. Only for ordering; nobody looks them up.
    pub claims: Vec<Handle>,
    /// Names of the objects that it depends on.
    pub refs: Vec<Handle>,
    /// The lane of the target in which most of its calls run; bounds how many tasks of a lane are under way.
    pub lane: Option<Handle>,
}

/// Position in the journal: arrival order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is to be done with an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Task {
    /// A source delivered a change.
    Event(Event),
    /// Something that the object depends on changed, or an administrator asked: plan it again from its snapshot.
    Replan {
        /// Which object.
        object: ObjectId,
        /// Its type.
        kind: ObjectType,
    },
}

impl Task {
    /// The object that the task is about.
    pub fn object(&self) -> &ObjectId {
        match self {
            Self::Event(event) => &event.object,
            Self::Replan { object, .. } => object,
        }
    }

    /// What came, for the audit trail: `Change`, `Deletion` or `Replan`.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Event(event) if event.desired().is_some() => "Change",
            Self::Event(_) => "Deletion",
            Self::Replan { .. } => "Replan",
        }
    }

    /// The type of the object.
    pub fn kind(&self) -> ObjectType {
        match self {
            Self::Event(event) => event.kind,
            Self::Replan { kind, .. } => *kind,
        }
    }
}

/// A task on its way into the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// What is to be done.
    pub task: Task,
    /// Who asked: the source with its position, for instance `spool 2026-01-01-00-00-00-000001.json`.
    pub origin: String,
}

/// A task in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// Arrival order.
    pub seq: Seq,
    /// What is to be done.
    pub task: Task,
    /// Who asked.
    pub origin: String,
    /// When it arrived, in milliseconds since 1970.
    pub received_at: i64,
}

/// What is known of an object after its last success.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which object.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Its distinguished name.
    pub dn: Dn,
    /// The properties that were last applied, reduced to what planning needs.
    pub desired: Properties,
    /// What the target holds of it, in the form of the target.
    pub state: Value,
    /// What others need to know of it.
    pub face: Face,
    /// Its names and dependencies.
    pub footprint: Footprint,
    /// Revision of mapping and settings that it was planned with.
    pub revision: String,
}

/// A task with what is known of its object.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The task.
    pub entry: JournalEntry,
    /// What is recorded.
    pub record: Option<Record>,
    /// Whether what is recorded is all that there was to do, and nothing that the object refers to has changed since.
    pub settled: bool,
}

/// What other objects need to know of an object, in the form of the target: small, without personal data where possible.
pub type Face = Value;

/// An object that a handle led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The handle that was asked for.
    pub handle: Handle,
    /// Whose it is.
    pub object: ObjectId,
    /// The type of that object.
    pub kind: ObjectType,
    /// What it shows to others.
    pub face: Face,
}

/// A record that turned out to be wrong about the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The record as it was read. Nothing is written if it has changed since.
    pub before: Record,
    /// What the target really holds.
    pub after: Record,
}

/// Something in the target that an object held until it was removed, or holds under another name now.
#[derive(Clone, Debug, PartialEq)]
pub struct Released {
    /// The name by which it was asked for.
    pub handle: Handle,
    /// Whose it was.
    pub object: ObjectId,
    /// The type of that object.
    pub kind: ObjectType,
    /// Fingerprints of the names that the object had.
    pub(crate) names: Vec<String>,
}

impl Released {
    /// Whether the object had this name.
    pub fn had(&self, name: &Handle) -> bool {
        self.names.contains(&name.fingerprint())
    }
}

/// How the work on one task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Done: the record replaces the former one.
    Applied(Box<Record>),
    /// The object is gone: forget it.
    Removed,
    /// Nothing to do and nothing to remember.
    Nothing,
    /// A newer task of the same object took its place.
    Absorbed,
    /// It was interrupted half-way by something that passes; the task stays in the journal.
    Unfinished,
    /// It failed for a reason that lies in the object or in what it depends on. The task is kept with it.
    Parked(Box<ParkedRow>),
}

/// The end of one task, written in one transaction with everything that follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The task.
    pub seq: Seq,
    /// Whose it was.
    pub object: ObjectId,
    /// How it ended.
    pub verdict: Verdict,
    /// What the target holds after a failure half-way, if it differs from what is recorded.
    pub partial: Option<Box<Record>>,
    /// Handles whose dependants must be planned again.
    pub ripple: Vec<Handle>,
    /// What the task wanted, if the object is settled: it is as wanted, with nothing left to do or to say, so that an event
    /// that wants the same again changes nothing.
    pub settled: Option<Fingerprint>,
    /// The line in the audit trail, if the outcome is worth one.
    pub audit: Option<AuditRow>,
}

impl Outcome {
    /// The handles that lead to the object from now on.
    pub(crate) fn handles(&self) -> impl Iterator<Item = &Handle> {
        let applied = match &self.verdict {
            Verdict::Applied(record) => Some(record),
            _ => None,
        };
        applied.into_iter().chain(&self.partial).flat_map(|record| &record.footprint.handles)
    }
}

/// An object that waits for a correction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParkedRow {
    /// Which object.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Category of the failure, for instance `InvalidObject`.
    pub category: String,
    /// What is wrong and what to do, without secrets.
    pub cause: String,
    /// The names that are missing and whose change makes another try worthwhile.
    pub waits_for: Vec<Handle>,
    /// All names that the object depends on: each change of one starts another try.
    #[serde(skip)]
    pub depends_on: Vec<Handle>,
    /// How often it was tried.
    pub attempts: u32,
    /// First failure, in milliseconds since 1970.
    pub first_at: i64,
    /// Last failure, in milliseconds since 1970.
    pub last_at: i64,
    /// The task that failed.
    #[serde(skip)]
    pub task: Option<Task>,
}

/// One line of the audit trail: what was decided and done for one task. Holds names of attributes; values only of those that
/// an administrator marked as safe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// When the task ended, in milliseconds since 1970.
    pub at: i64,
    /// Position in the journal.
    pub seq: Seq,
    /// Which object.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// What came: `Change`, `Deletion`, or `Replan` if something changed on which the object depends.
    #[serde(default)]
    pub event: String,
    /// Who asked.
    pub origin: String,
    /// `Applied`, `Unchanged`, `Removed`, `Skipped`, `Parked` …
    pub outcome: String,
    /// Names of the calls made, in order.
    pub calls: Vec<String>,
    /// Names of the attributes that changed.
    pub attributes: Vec<String>,
    /// New values of those that the mapping marks with `auditValues`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Value>,
    /// Warnings, or the cause of a failure.
    pub notes: Vec<String>,
    /// From start to end of the work, in milliseconds.
    pub duration_ms: u64,
    /// Revision of mapping and settings.
    pub revision: String,
}

/// Settings by which objects are planned.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// What they are called.
    pub revision: String,
    /// The settings, without secrets.
    pub settings: Value,
}

/// A change of settings that waits for an approval.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingChange {
    /// What the new settings are called.
    pub revision: String,
    /// What they would change.
    pub impact: Value,
    /// Since when it waits, in milliseconds since 1970.
    pub since: i64,
    /// When it was approved, in milliseconds since 1970.
    pub approved_at: Option<i64>,
}
