//! What a verification found.

use serde::Serialize;

use crate::udm::{ObjectId, ObjectType};

/// Rows that a report holds at most; counts are always complete.
const ROWS: usize = 1_000;

/// How the target differs from what it should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::AsRefStr)]
pub enum Category {
    /// It should be there and is not.
    Missing,
    /// It is there, and attributes differ.
    Different,
    /// It is there under another key than recorded.
    WrongId,
    /// It is there, though its object was removed.
    Surplus,
    /// It is there and was never ours. That is no drift, and it is never touched.
    Foreign,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// What kind of difference.
    pub category: Category,
    /// The section of the target.
    pub section: String,
    /// The key under which it is recorded, or under which something was found that is not recorded.
    pub key: String,
    /// The key under which it really is, if that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_as: Option<String>,
    /// The object, if it is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// Names of the attributes that a repair changes.
    pub attributes: Vec<String>,
    /// Names of the calls that a repair makes.
    pub calls: Vec<String>,
}

/// What was found in one section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionReport {
    /// Which section.
    pub section: String,
    /// The type of its objects.
    pub kind: String,
    /// What the target has there.
    pub in_target: u64,
    /// What should be there by our records.
    pub recorded: u64,
    /// Recorded, but not there.
    pub missing: u64,
    /// There, but with other values.
    pub different: u64,
    /// There under another key.
    pub wrong_id: u64,
    /// There, though its object was removed.
    pub surplus: u64,
    /// Never ours.
    pub foreign: u64,
    /// Not judged, because a task of the object is under way or it is parked.
    pub unsettled: u64,
    /// Corrected and queued.
    pub queued: u64,
    /// Not corrected, because so much is missing that an old backup may have been restored.
    pub held_back: u64,
    /// Why the section could not be read to its end, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl SectionReport {
    pub(super) fn new(section: String, kind: ObjectType) -> Self {
        Self { section, kind: kind.to_string(), ..Self::default() }
    }

    pub(super) fn count(&mut self, category: Category) {
        *match category {
            Category::Missing => &mut self.missing,
            Category::Different => &mut self.different,
            Category::WrongId => &mut self.wrong_id,
            Category::Surplus => &mut self.surplus,
            Category::Foreign => &mut self.foreign,
        } += 1;
    }

    /// How many objects differ from what they should be.
    pub fn drifted(&self) -> u64 {
        self.missing + self.different + self.wrong_id + self.surplus
    }
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The sections in the order in which they were read.
    pub sections: Vec<SectionReport>,
    /// The first differences of all sections.
    pub drift: Vec<Drift>,
    /// How many more there are.
    pub more: u64,
}

impl Verification {
    pub(super) fn begun(started_at: i64) -> Self {
        Self { started_at, ..Self::default() }
    }

    pub(super) fn add(&mut self, drift: Drift) {
        if self.drift.len() < ROWS {
            self.drift.push(drift);
        } else {
            self.more += 1;
        }
    }

    /// The sum of something over all sections.
    pub fn total(&self, of: impl Fn(&SectionReport) -> u64) -> u64 {
        self.sections.iter().map(of).sum()
    }

    /// Whether the target holds what it should, as far as could be seen, and everything could be seen.
    pub fn is_clean(&self) -> bool {
        self.sections.iter().all(|section| section.drifted() == 0 && section.problem.is_none())
    }
}
