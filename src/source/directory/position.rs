//! How far a pass through the directory is, and what it found.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::state::{Compared, now_ms};
use crate::udm::{Dn, ObjectId, ObjectType};

use super::scope::{Parts, Scope};
use super::slice::Slice;

/// So many objects that cannot be used are named.
const NAMED: usize = 20;

/// What was found of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Objects in the list.
    pub listed: u64,
    /// Objects that were not as known: they are in the journal now.
    pub journalled: u64,
    /// Objects as known.
    pub same: u64,
    /// Objects of which a source brought something newer meanwhile.
    pub overtaken: u64,
    /// Known objects that are gone from the directory.
    pub gone: u64,
    /// Objects without a stored identifier: they are not provisioned.
    pub without_identifier: u64,
    /// Objects that the server cannot read or that are no events, and why, by their `entryUUID`; only the first ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unusable: BTreeMap<String, String>,
    /// How many more.
    #[serde(default)]
    pub more_unusable: u64,
}

impl Found {
    /// Adds what was found in a part, and what became of the last objects of it. What was journalled before these is counted
    /// already.
    pub(super) fn add(&mut self, part: &Self, last: Compared) {
        self.listed += part.listed;
        self.journalled += last.journalled;
        self.same += part.same + last.same;
        self.overtaken += part.overtaken + last.overtaken;
        self.without_identifier += part.without_identifier;
        self.more_unusable += part.more_unusable;
        for (uuid, reason) in &part.unusable {
            self.count_unusable(Some(uuid), reason.clone());
        }
    }

    pub(super) fn count_unusable(&mut self, uuid: Option<&str>, reason: String) {
        if self.unusable.len() < NAMED {
            self.unusable.insert(uuid.unwrap_or("unknown").to_owned(), reason);
        } else {
            self.more_unusable += 1;
        }
    }
}

/// The next part to be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Of which type.
    pub kind: ObjectType,
    /// Which of its identifiers.
    pub slice: Slice,
}

/// How far a pass is. Kept in the same transaction as what it found, so that it goes on there after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// What is listed.
    pub scope: Scope,
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
    /// When it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<i64>,
    /// Where it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What it found so far.
    pub found: BTreeMap<ObjectType, Found>,
    /// Deletions that are in the journal now.
    #[serde(default)]
    pub deletions_journalled: u64,
    /// Objects that the lists lacked, with their distinguished names. They are looked for one by one at the end, so that all
    /// deletions arrive together: the deletion guard then judges them together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) missing: BTreeMap<ObjectType, Vec<(ObjectId, Dn)>>,
}

impl Position {
    /// The beginning.
    pub fn start(scope: Scope) -> Self {
        let place = scope.kinds().next().map(|kind| Place { kind, slice: scope.first_slice(kind) });
        Self {
            scope,
            started_at: now_ms(),
            finished_at: None,
            place,
            found: BTreeMap::new(),
            deletions_journalled: 0,
            missing: BTreeMap::new(),
        }
    }

    /// Reads a stored one; none if it is of another version.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn to_text(&self) -> String {
        // Maps with plain keys and values: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether everything was looked at.
    pub fn is_finished(&self) -> bool {
        self.finished_at.is_some()
    }

    /// What was found of the type that is being listed.
    pub(super) fn of(&mut self, kind: ObjectType) -> &mut Found {
        self.found.entry(kind).or_default()
    }

    /// Notes objects that a list lacked.
    pub(super) fn miss(&mut self, kind: ObjectType, missing: Vec<(ObjectId, Dn)>) {
        if !missing.is_empty() {
            self.missing.entry(kind).or_default().extend(missing);
        }
    }

    /// Everything was looked at.
    pub(super) fn finish(&mut self) {
        self.missing.clear();
        self.finished_at = Some(now_ms());
    }

    /// Goes on after the part where it is.
    pub(super) fn advance(&mut self, slice: Option<Slice>) {
        let Some(place) = &self.place else { return };
        let kind = place.kind;
        self.place = if let Some(slice) = slice {
            Some(Place { kind, slice })
        } else {
            let next = self.scope.kinds().skip_while(|other| *other != kind).nth(1);
            next.map(|kind| Place { kind, slice: self.scope.first_slice(kind) })
        };
    }

    /// Begins anew with this type, and lists it as a whole: the server does not compare identifiers.
    pub(super) fn list_as_a_whole(&mut self, kind: ObjectType) {
        tracing::info!(%kind, "the directory does not list ranges of identifiers: asking for all objects at once");
        self.scope.parts = Parts::Whole;
        self.place = Some(Place { kind, slice: Slice::whole() });
        self.missing.remove(&kind);
        let found = self.of(kind);
        *found = Found { journalled: found.journalled, ..Found::default() };
    }

    /// All that is in the journal now.
    pub fn journalled(&self) -> u64 {
        self.total(|found| found.journalled) + self.deletions_journalled
    }

    /// A sum over all types.
    pub fn total(&self, of: impl Fn(&Found) -> u64) -> u64 {
        self.found.values().map(of).sum()
    }

    /// How far the type that is being listed is, if it is listed in parts: what share of its objects was looked at, about how
    /// many there are, and how long the rest of them takes if it goes on like this since `begun` objects of it were done.
    pub fn progress(&self, elapsed: Duration, share_at_begin: f64) -> Option<Progress> {
        let place = self.place.as_ref()?;
        let listed = self.found.get(&place.kind).map_or(0, |found| found.listed);
        let share = place.slice.share_before();
        let here = share - share_at_begin;
        let left = (here > 0.0).then(|| elapsed.mul_f64((1.0 - share) / here));
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate"
        )]
        let about = (share > 0.0).then(|| (listed as f64 / share).round() as u64);
        Some(Progress { kind: place.kind, listed, about, left })
    }
}

/// How far a pass is, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The type that is being listed.
    pub kind: ObjectType,
    /// Objects of it that were looked at.
    pub listed: u64,
    /// About how many there are.
    pub about: Option<u64>,
    /// About how long the rest of them takes.
    pub left: Option<Duration>,
}
