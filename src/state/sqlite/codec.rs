//! Values to and from JSON columns.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::state::{NewTask, StateError, Task};
use crate::udm::{ObjectId, ObjectType};

/// A value as JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<String, StateError> {
    serde_json::to_string(value).map_err(|error| StateError::corrupt("value", &error))
}

/// A value from JSON text.
pub(super) fn parse<V: DeserializeOwned>(what: &'static str, text: &str) -> Result<V, StateError> {
    serde_json::from_str(text).map_err(|error| StateError::corrupt(what, &error.classify_safely()))
}

/// An identifier from its column.
pub(super) fn object_id(text: &str) -> Result<ObjectId, StateError> {
    ObjectId::new(text).ok_or_else(|| StateError::corrupt("object identifier", &"it is empty"))
}

/// An object type from its column.
pub(super) fn kind(text: &str) -> Result<ObjectType, StateError> {
    text.parse().map_err(|error| StateError::corrupt("object type", &error))
}

/// How the column of events spells [`Task::Purge`].
pub(super) const PURGE: &str = "\"purge\"";

/// What the column of events holds for a task; nothing if it follows from the record of its object.
pub(super) fn task_json(task: &Task) -> Result<Option<String>, StateError> {
    match task {
        Task::Event(event) => Ok(Some(json(event)?)),
        Task::Replan { .. } => Ok(None),
        Task::Purge { .. } => Ok(Some(PURGE.to_owned())),
    }
}

/// What the journal keeps of a new task.
pub(super) struct JournalRow<'a> {
    pub(super) object: &'a str,
    pub(super) kind: &'a str,
    pub(super) event: Option<String>,
    pub(super) origin: &'a str,
}

/// The journal row of a new task.
pub(super) fn journal_row(new: &NewTask) -> Result<JournalRow<'_>, StateError> {
    let (object, kind) = (new.task.object().as_str(), new.task.kind().as_str());
    Ok(JournalRow { object, kind, event: task_json(&new.task)?, origin: &new.origin })
}

/// An error of the JSON reader without the text that it stumbled over, which may be personal.
trait Safely {
    fn classify_safely(&self) -> String;
}

impl Safely for serde_json::Error {
    fn classify_safely(&self) -> String {
        format!("{:?} error at line {} column {}", self.classify(), self.line(), self.column())
    }
}
