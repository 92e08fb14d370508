//! The deletion guard: everything that a plan takes away for good is asked for here, before its first call.
//!
//! What counts is what was *asked for* within the window: what was let pass, what is held back, and the deletions that wait
//! in the journal. If that is more than a limit allows, nothing more passes. So a mass deletion that arrives together takes
//! nothing at all away, and one that trickles in never more than the limits.

mod ledger;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::state::{
    HeldFilter, HeldMark, JournalEntry, Loss, Lost, Population, Seq, StateError, Store, now_ms, weight,
};
use crate::udm::{ObjectId, ObjectType};

use self::ledger::{Asked, Ledger};

/// How much may be taken away within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardLimits {
    /// Objects, at most.
    pub max_count: u64,
    /// Objects of one part of the target (a context), at most.
    pub max_count_per_scope: u64,
    /// Objects of one type, at most, of a hundred that the target has.
    pub max_percent: u64,
    /// Members of one group or account, at most, of a hundred.
    pub max_member_percent: u64,
    /// So few are never too many of a hundred.
    pub percent_from: u64,
    /// The window.
    pub window: Duration,
}

impl GuardLimits {
    /// Everything may be taken away.
    pub const NONE: Self = Self {
        max_count: u64::MAX,
        max_count_per_scope: u64::MAX,
        max_percent: 100,
        max_member_percent: 100,
        percent_from: u64::MAX,
        window: Duration::from_hours(1),
    };
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            max_count: 50,
            max_count_per_scope: 25,
            max_percent: 10,
            max_member_percent: 50,
            percent_from: 10,
            window: Duration::from_hours(1),
        }
    }
}

/// What protects from deletions. May change while the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// How much may be taken away.
    pub limits: GuardLimits,
    /// How long objects are kept that are gone from the directory, if the target keeps them at all.
    pub retention: Duration,
}

impl Default for Protection {
    fn default() -> Self {
        Self { limits: GuardLimits::default(), retention: Duration::from_hours(30 * 24) }
    }
}

/// How long a counted population holds. Counting walks all objects of a type.
const POPULATION_HOLDS: Duration = Duration::from_mins(1);

/// A task is held back.
pub(super) struct Refusal {
    /// Which limit would be exceeded, in words with numbers.
    pub(super) reason: String,
    /// What it would take away.
    pub(super) losses: Vec<Loss>,
}

/// The one guard of an engine.
#[derive(Default)]
pub(super) struct Guard {
    inner: Mutex<Inner>,
    /// One task asks at a time, so that two never slip through together.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Inner {
    protection: Protection,
    ledger: Ledger,
    /// The list that the ledger knows; none before the first look.
    known: Option<HeldMark>,
    populations: HashMap<ObjectType, (Instant, u64)>,
}

impl Guard {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts other limits in force.
    pub(super) fn protect(&self, protection: Protection) {
        let mut inner = self.inner();
        if inner.protection != protection {
            inner.protection = protection;
            // A longer window looks further back.
            inner.known = None;
        }
    }

    /// How long objects are kept.
    pub(super) fn retention(&self) -> Duration {
        self.inner().protection.retention
    }

    /// A task waits in the journal that will take these away if nothing changes.
    pub(super) fn announce(&self, seq: Seq, expected: &[Loss]) {
        if !expected.is_empty() {
            self.inner().ledger.waits(seq, expected);
        }
    }

    /// An administrator released a task: it no longer counts as asked for.
    pub(super) fn released(&self, object: &ObjectId) {
        self.inner().ledger.released(object);
    }

    /// The end of a task is written, or another one took its place.
    pub(super) fn ended(&self, seq: Seq) {
        self.inner().ledger.ended(seq);
    }

    /// Other processes release and forget what is held back: looks again if the list is another one.
    pub(super) async fn look<S: Store>(&self, store: &S, mark: HeldMark) -> Result<(), StateError> {
        let (known, since) = {
            let mut inner = self.inner();
            if inner.known.is_some_and(|known| mark.only_grew_from(known)) {
                // This engine alone adds to the list.
                inner.known = Some(mark);
                return Ok(());
            }
            (inner.known, now_ms() - millis(inner.protection.limits.window))
        };
        let taken = if known.is_none() { Some(store.losses_since(since).await?) } else { None };
        let held = store.held(&HeldFilter::All).await?;
        let mut inner = self.inner();
        if let Some(taken) = taken {
            inner.ledger.remember(taken);
        }
        inner.ledger.holds(held.into_iter().filter(|row| row.since >= since));
        inner.known = Some(mark);
        Ok(())
    }

    /// Asks for what a task takes away. What passes is noted before this returns. `nothing` is the state of objects of which
    /// the target holds nothing.
    pub(super) async fn ask<S: Store>(
        &self,
        store: &S,
        entry: &JournalEntry,
        mut losses: Vec<Loss>,
        nothing: &Value,
    ) -> Result<Result<(), Refusal>, StateError> {
        for loss in &mut losses {
            if let Some(handle) = &loss.contains {
                loss.weight += store.referrer_count(handle).await?;
            }
        }
        if entry.approval.as_ref().is_some_and(|approval| weight(&losses) <= approval.weight) {
            return Ok(Ok(()));
        }
        let _turn = self.turn.lock().await;
        let unseen = self.inner().known.is_none();
        if unseen {
            self.look(store, store.backlog().await?.held).await?;
        }
        let asked = Asked { seq: entry.seq, object: entry.task.object().clone(), losses };
        self.count(store, &asked, nothing).await?;
        let now = now_ms();
        let decided = {
            let mut inner = self.inner();
            let Inner { protection, ledger, populations, .. } = &mut *inner;
            ledger.forget_before(now - millis(protection.limits.window));
            let population = |kind| populations.get(&kind).map_or(0, |(_, count)| *count);
            let decided = ledger.decide(&protection.limits, &asked, population);
            match decided {
                Ok(()) => ledger.take(now, &asked),
                Err(_) => ledger.hold(now, &asked),
            }
            decided
        };
        if let Err(reason) = decided {
            return Ok(Err(Refusal { reason, losses: asked.losses }));
        }
        let written = store.note_losses(&Lost { seq: asked.seq, at: now, losses: asked.losses }).await;
        if written.is_err() {
            self.inner().ledger.untake(asked.seq);
        }
        written.map(Ok)
    }

    /// A task took nothing away after all.
    pub(super) async fn give_back<S: Store>(&self, store: &S, seq: Seq) -> Result<(), StateError> {
        if self.inner().ledger.untake(seq) { store.strike_losses(seq).await } else { Ok(()) }
    }

    /// Counts the populations that matter for a decision, unless they were counted lately.
    async fn count<S: Store>(&self, store: &S, asked: &Asked, nothing: &Value) -> Result<(), StateError> {
        let needed: Vec<_> = {
            let inner = self.inner();
            let lately =
                |kind: &ObjectType| inner.populations.get(kind).is_some_and(|(at, _)| at.elapsed() < POPULATION_HOLDS);
            let kinds = asked.losses.iter().filter_map(|loss| match loss.of {
                Population::Objects { kind } => Some(kind),
                Population::Members { .. } => None,
            });
            kinds
                .filter(|kind| !lately(kind) && inner.ledger.is_share(&inner.protection.limits, asked, *kind))
                .collect()
        };
        for kind in needed {
            let count = store.population(kind, nothing).await?;
            self.inner().populations.insert(kind, (Instant::now(), count));
        }
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
