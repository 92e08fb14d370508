//! Conditions: the standard way in which an object says how it is. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr)]
pub(super) enum About {
    /// Whether it does what it is for.
    Ready,
    /// Whether the specification as it stands is in force.
    Synced,
    /// Whether changes of the directory can be read.
    SourceConnected,
    /// Whether OX answers.
    TargetReachable,
    /// Whether the deletion guard holds something back.
    DeletionsBlocked,
    /// Whether an administrator paused it.
    Paused,
    /// Whether what is described can be used.
    Valid,
    /// Whether somebody else owns what is described.
    Conflict,
}

/// Why a condition is as it is. The reasons of Kubernetes Events are the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumIter)]
pub(super) enum Reason {
    /// It works.
    Provisioning,
    /// It plans and calls nothing.
    DryRun,
    /// It has not begun yet.
    Starting,
    /// It ends because its object is deleted.
    Draining,
    /// An administrator paused it.
    Paused,
    /// Nobody paused it.
    NotPaused,
    /// OX does not work, or refuses the credentials of the master administrator.
    TargetUnreachable,
    /// OX answers.
    TargetReachable,
    /// Changes of the directory cannot be read.
    SourceFailing,
    /// Changes of the directory are read.
    SourceConnected,
    /// The state cannot be read or written.
    StateFailing,
    /// A faulty object stops everything (`errorPolicy: Stop`).
    Halted,
    /// The specification is in force.
    InForce,
    /// What the new settings would change is being found out.
    Examining,
    /// The new settings change more than allowed and wait for an approval.
    WaitingForApproval,
    /// A Secret, a `ConfigMap` or an object that is referred to is missing or has not what is expected of it.
    ReferenceMissing,
    /// A field has a value that cannot be used.
    InvalidSpec,
    /// The mapping cannot be used; the last good one stays in force.
    InvalidMapping,
    /// The deletion guard holds something back.
    DeletionsHeldBack,
    /// The deletion guard holds nothing back.
    NothingHeldBack,
    /// OX is as described.
    Provisioned,
    /// It is waiting for its turn.
    Pending,
    /// OX or the description is wrong: it waits for a correction.
    Parked,
    /// Only what is in it is provisioned.
    Observed,
    /// The part of OX that holds it does not work at the moment.
    Unavailable,
    /// Somebody else owns it.
    OwnedElsewhere,
    /// Nobody else claims it.
    NoConflict,
    /// It is mirrored from the directory and cannot be changed here.
    Mirrored,
    /// There is no connector of that name, or none that this controller cares for.
    NoConnector,
    /// It can be used.
    Valid,
    /// The operation is done.
    Succeeded,
    /// The operation is under way.
    Running,
    /// The operation failed.
    Failed,
}

impl Reason {
    /// Whether somebody should look at it.
    pub(super) fn is_warning(self) -> bool {
        matches!(
            self,
            Self::TargetUnreachable
                | Self::SourceFailing
                | Self::StateFailing
                | Self::Halted
                | Self::WaitingForApproval
                | Self::ReferenceMissing
                | Self::InvalidSpec
                | Self::InvalidMapping
                | Self::DeletionsHeldBack
                | Self::Parked
                | Self::OwnedElsewhere
                | Self::NoConnector
                | Self::Failed
        )
    }

    /// Whether it is worth an Event only after something else.
    fn goes_without_saying(self) -> bool {
        matches!(self, Self::NotPaused | Self::NothingHeldBack | Self::NoConflict)
    }
}

/// How a condition is found at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub about: About,
    pub holds: bool,
    pub reason: Reason,
    pub message: String,
}

impl Finding {
    /// The condition holds.
    pub(super) fn yes(about: About, reason: Reason, message: impl Into<String>) -> Self {
        Self { about, holds: true, reason, message: message.into() }
    }

    /// The condition does not hold.
    pub(super) fn no(about: About, reason: Reason, message: impl Into<String>) -> Self {
        Self { about, holds: false, reason, message: message.into() }
    }
}

/// Something that changed in the conditions of an object, and is worth an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub about: About,
    pub reason: Reason,
    pub message: String,
}

/// The conditions after these findings, and what changed. The time of a transition moves only when the value flips.
pub(super) fn conditions(
    former: &[Condition],
    findings: &[Finding],
    generation: Option<i64>,
    now: Timestamp,
) -> (Vec<Condition>, Vec<Turn>) {
    let known: BTreeMap<&str, &Condition> = former.iter().map(|one| (one.type_.as_str(), one)).collect();
    let mut turns = Vec::new();
    let conditions = findings.iter().map(|finding| {
        let about = finding.about.as_ref();
        let status = if finding.holds { "True" } else { "False" };
        let before = known.get(about);
        let same = before.filter(|before| before.status == status);
        let turned = same.is_none_or(|before| before.reason != finding.reason.as_ref());
        let told = turns.iter().any(|turn: &Turn| (turn.reason, &turn.message) == (finding.reason, &finding.message));
        if turned && !told && (before.is_some() || !finding.reason.goes_without_saying()) {
            let Finding { about, reason, message, .. } = finding.clone();
            turns.push(Turn { about, reason, message });
        }
        Condition {
            type_: about.to_owned(),
            status: status.to_owned(),
            reason: finding.reason.as_ref().to_owned(),
            message: cut(&finding.message, MESSAGE),
            observed_generation: generation,
            // Kubernetes keeps whole seconds.
            last_transition_time: same.map_or_else(|| Time(seconds(now)), |before| before.last_transition_time.clone()),
        }
    });
    (conditions.collect(), turns)
}

/// The longest message of a condition.
const MESSAGE: usize = 4_096;

/// The beginning of a text, at most so many bytes.
pub(super) fn cut(text: &str, most: usize) -> String {
    const DOTS: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub(DOTS.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{DOTS}", &text[..end])
}

/// A time as Kubernetes writes it: without parts of a second.
pub(super) fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A time in milliseconds since 1970 as Kubernetes writes it.
pub(super) fn time_of(milliseconds: i64) -> Option<Time> {
    Timestamp::from_second(milliseconds / 1_000).ok().map(Time)
}

/// Whether two lists of conditions say the same, apart from their messages.
pub(super) fn same_verdict(one: &[Condition], other: &[Condition]) -> bool {
    let verdict = |all: &[Condition]| -> Vec<(String, String, String, Option<i64>)> {
        let parts =
            |one: &Condition| (one.type_.clone(), one.status.clone(), one.reason.clone(), one.observed_generation);
        all.iter().map(parts).collect()
    };
    verdict(one) == verdict(other)
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_transition_is_dated_when_the_value_flips_and_told_when_the_reason_changes() {
        let ready = |reason| [Finding::yes(About::Ready, reason, "well")];
        let (first, turns) = conditions(&[], &ready(Reason::Provisioning), Some(1), at(10));
        assert_eq!((first[0].last_transition_time.0, turns.len()), (at(10), 1));
        let (same, turns) = conditions(&first, &ready(Reason::Provisioning), Some(2), at(20));
        assert_eq!((same[0].last_transition_time.0, same[0].observed_generation, turns.len()), (at(10), Some(2), 0));
        let (other, turns) = conditions(&same, &ready(Reason::DryRun), Some(2), at(30));
        assert_eq!((other[0].last_transition_time.0, turns[0].reason), (at(10), Reason::DryRun));
        let (flipped, turns) = conditions(&other, &[Finding::no(About::Ready, Reason::Paused, "")], Some(2), at(40));
        assert_eq!((flipped[0].last_transition_time.0, flipped[0].status.as_str(), turns.len()), (at(40), "False", 1));
    }

    #[test]
    fn nothing_is_told_twice_or_without_need() {
        let told = |before: &[Condition], reason| {
            let quiet = Finding::no(About::Paused, Reason::NotPaused, "");
            let findings = [Finding::no(About::Ready, reason, "x"), Finding::no(About::Synced, reason, "x"), quiet];
            let (conditions, turns) = conditions(before, &findings, None, at(1));
            (conditions, turns.iter().map(|turn| turn.reason).collect::<Vec<_>>())
        };
        let (mut first, turns) = told(&[], Reason::Pending);
        assert_eq!(turns, [Reason::Pending]);
        "True".clone_into(&mut first[2].status);
        assert_eq!(told(&first, Reason::Pending).1, [Reason::NotPaused]);
    }

    #[test]
    fn reasons_are_words_that_the_api_server_takes() {
        for reason in Reason::iter() {
            let word = reason.as_ref();
            assert!(word.len() <= 128 && word.chars().all(|c| c.is_ascii_alphabetic()), "{word}");
            assert!(word.starts_with(|c: char| c.is_ascii_uppercase()), "{word}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short", 10), "short");
        let text = "ä".repeat(100);
        for most in 10..20 {
            let cut = cut(&text, most);
            assert!(cut.len() <= most && cut.ends_with('…'), "{cut}");
        }
    }
}
