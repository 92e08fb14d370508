//! A change of one directory object.

use serde::{Deserialize, Serialize};

use super::{Dn, ObjectId, ObjectType, Properties};

/// What an event says about its object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The object exists with these properties (complete, not a difference).
    Present(Properties),
    /// The object is gone.
    Deleted,
}

/// A change of one directory object, as any source delivers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Which object.
    pub object: ObjectId,
    /// Of which type.
    pub kind: ObjectType,
    /// Where it is in the directory (for a deletion: where it was).
    pub dn: Dn,
    /// What happened.
    pub change: Change,
}

impl Event {
    /// The properties of the object, or none when it was deleted.
    pub fn desired(&self) -> Option<&Properties> {
        match &self.change {
            Change::Present(properties) => Some(properties),
            Change::Deleted => None,
        }
    }
}
