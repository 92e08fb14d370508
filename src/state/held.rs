//! Losses, what the guard holds back of them, and approvals.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::udm::{ObjectId, ObjectType};

use super::{Handle, Seq, Task};

/// A part of what a plan takes away from the target for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Of what something is lost.
    pub of: Population,
    /// The part of the target that loses it, for instance `context:10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Handle>,
    /// How much: objects, or members.
    pub weight: u64,
    /// Everything that refers to this name is lost as well; the engine adds it to the weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Handle>,
}

/// Of what something is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "what")]
pub enum Population {
    /// Objects of a type.
    Objects {
        /// The type.
        kind: ObjectType,
    },
    /// Members of one group or account, which itself stays.
    Members {
        /// The object that loses them.
        object: ObjectId,
        /// How many it had.
        had: u64,
    },
}

/// Losses that the guard let pass, noted before the first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The task: a repetition of it is no further loss.
    pub seq: Seq,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What was lost.
    pub losses: Vec<Loss>,
}

/// A task that the guard holds back, with its object: it stays as it is in the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldRow {
    /// Which object.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Which limit would have been exceeded, in words with numbers.
    pub reason: String,
    /// What would be lost.
    pub losses: Vec<Loss>,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// Who asked for it.
    pub origin: String,
    /// The task that is held back.
    #[serde(skip)]
    pub task: Option<Task>,
}

impl HeldRow {
    /// How much would be lost.
    pub fn weight(&self) -> u64 {
        weight(&self.losses)
    }
}

/// How much is lost in all.
pub fn weight(losses: &[Loss]) -> u64 {
    losses.iter().map(|loss| loss.weight).sum()
}

/// An approval that a task carries: the guard lets it pass if it does not take more than was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The list that was approved.
    pub id: ListId,
    /// How much may be lost.
    pub weight: u64,
}

/// Names the list of everything that is held back. Another list has another name: it changes with each object that comes,
/// goes, or is asked for differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListId(String);

impl ListId {
    /// From what a person typed.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// The name of a list: each object with the fingerprint of what is asked for it. None if it is empty.
    pub fn of<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_unstable();
        let mut digest = Sha256::new();
        for (object, task) in &entries {
            digest.update(object);
            digest.update([0]);
            digest.update(task);
            digest.update([0]);
        }
        (!entries.is_empty()).then(|| Self(hexadecimal(&digest.finalize()[..6])))
    }
}

impl std::fmt::Display for ListId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The fingerprint of a task in its stored form.
pub(super) fn fingerprint(stored: &str) -> String {
    hexadecimal(&Sha256::digest(stored)[..16])
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What came of an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// All tasks of the list are back in the journal.
    Released(u64),
    /// The list has another name now (none: it is empty). Nothing was released.
    Changed(Option<ListId>),
    /// Newer events of objects on the list wait in the journal and are about to change it. Nothing was released.
    Changing(u64),
}

/// How much is held back. Equal marks mean equal lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldMark {
    /// Objects.
    pub count: u64,
    /// The number of the newest entry; numbers are never used again.
    pub newest: i64,
}

impl HeldMark {
    /// Whether entries were added at most, and none went.
    pub fn only_grew_from(self, former: Self) -> bool {
        let (added, newer) = (self.count.checked_sub(former.count), self.newest.checked_sub(former.newest));
        added.zip(newer).is_some_and(|(added, newer)| i64::try_from(added) == Ok(newer))
    }
}

/// An object that the directory no longer has (or wants) and that the target keeps for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptRow {
    /// Which object.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_shows_whether_something_went() {
        let grew = |count, newest, (former, before): (u64, i64)| {
            HeldMark { count, newest }.only_grew_from(HeldMark { count: former, newest: before })
        };
        assert!(grew(3, 9, (3, 9)) && grew(5, 11, (3, 9)) && grew(1, 1, (0, 0)));
        assert!(!grew(2, 9, (3, 9)), "one went");
        assert!(!grew(2, 8, (3, 9)), "the newest went");
        assert!(!grew(3, 10, (3, 9)), "one went and one came");
        assert!(!grew(4, 11, (3, 9)), "one went and two came");
    }

    #[test]
    fn a_list_is_named_after_exactly_what_is_on_it() {
        let id = |entries: &[(&str, &str)]| ListId::of(entries.iter().copied());
        let two = id(&[("a", "1"), ("b", "2")]);
        assert_eq!(two, id(&[("b", "2"), ("a", "1")]), "the order does not matter");
        let others: &[&[(&str, &str)]] = &[&[], &[("a", "1")], &[("a", "1"), ("b", "3")], &[("a", "1b"), ("", "2")]];
        for other in others {
            assert_ne!(two, id(other), "{other:?}");
        }
        assert_eq!(id(&[]), None);
        assert_eq!(two.map(|id| id.to_string().len()), Some(12));
    }
}
