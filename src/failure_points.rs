//! Places between durable steps at which a test can end the process, as a crash would (`tests/crashes.rs`).
//!
//! They exist only with the cargo feature `failure-points`, which is off by default: what is shipped has none.

/// A place between two durable steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "failure-points", derive(strum::EnumIter, strum::EnumString, strum::IntoStaticStr))]
pub enum FailurePoint {
    /// The state file exists and has no tables yet, or old ones.
    StateFileThere,
    /// The state file has all tables.
    StateMigrated,
    /// Events were read and are not in the journal.
    EventsRead,
    /// Events are in the journal, and their files are still there.
    EventsJournaled,
    /// One file of an event in the journal is gone.
    FileRemoved,
    /// A transaction has begun.
    TransactionBegun,
    /// Everything of a transaction is written but its end.
    BeforeCommit,
    /// A transaction is durable, and nobody knows yet.
    AfterCommit,
    /// The credentials of a new context are durable, and OX has not heard of it.
    CredentialsStored,
    /// OX has made a context, and nobody knows yet.
    ContextCreated,
    /// OX has deleted a context, and its credentials are still there.
    ContextDeleted,
    /// A write is about to be sent to OX.
    BeforeWrite,
    /// OX has answered a write.
    AfterWrite,
    /// OX has answered a question of a plan.
    QuestionAnswered,
    /// What a call reached is known in memory only.
    CallTakenOver,
    /// Ends of tasks are collected and not written.
    BeforeOutcomes,
    /// Ends of tasks are written, and the schedule does not know.
    AfterOutcomes,
}

/// Passes a place: ends the process if a test wants that.
#[inline]
pub fn pass(point: FailurePoint) {
    #[cfg(feature = "failure-points")]
    armed::pass(point);
    #[cfg(not(feature = "failure-points"))]
    let _ = point;
}

#[cfg(feature = "failure-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::FailurePoint;

    /// `<place>:<n>`: the process ends at the nth passage of that place.
    const VARIABLE: &str = "OXHERD_FAILURE_POINT";

    static ARMED: OnceLock<Option<(FailurePoint, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);

    fn order() -> Option<(FailurePoint, u32)> {
        let order = std::env::var(VARIABLE).ok()?;
        let (place, passage) = order.split_once(':')?;
        Some((place.parse().ok()?, passage.parse().ok()?))
    }

    pub(super) fn pass(point: FailurePoint) {
        if let Some((place, passage)) = ARMED.get_or_init(order)
            && *place == point
            && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *passage
        {
            // No destructor, no buffer, no goodbye: as after a power cut of the process.
            std::process::abort();
        }
    }
}
