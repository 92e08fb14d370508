//! Gates to parts of the target: while one is closed, no call goes through it except one trial at a time.
//!
//! A context whose database is being updated, or whose administrator's password is wrong, is no reason to park anybody, and
//! none to call on: what needs it waits, all else goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::state::{Handle, Seq};
use crate::transport::Backoff;

use super::status::GateStatus;
use super::target::Pace;

/// Growth of the pauses between trials of what is busy.
const SOON: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };
/// Growth of the pauses between trials of credentials that were refused: whoever tries too often is locked out.
const SELDOM: Backoff = Backoff { first: Duration::from_secs(30), most: Duration::from_mins(5) };

impl Pace {
    /// The pauses between trials.
    pub(super) fn backoff(self) -> Backoff {
        match self {
            Self::Soon => SOON,
            Self::Seldom => SELDOM,
        }
    }

    /// When to try for the nth time. A wait near zero would hammer what is down: at least half of the bound.
    pub(super) fn next(self, attempt: u32, now: Instant) -> Instant {
        let backoff = self.backoff();
        now + backoff.bound(attempt) / 2 + backoff.wait(attempt) / 2
    }
}

#[derive(Debug)]
struct Gate {
    reason: String,
    since_ms: i64,
    pace: Pace,
    attempts: u32,
    /// When the next trial is due; none while one is under way.
    next: Option<Instant>,
    trial: Option<Seq>,
    waiting: BTreeSet<Seq>,
}

impl Gate {
    fn fail(&mut self, now: Instant) {
        self.trial = None;
        self.attempts = self.attempts.saturating_add(1);
        self.next = Some(self.pace.next(self.attempts, now));
    }
}

/// The gates that are closed. Workers ask before each call; the session decides who may try.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<BTreeMap<Handle, Gate>>);

impl Gates {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Handle, Gate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a call of this task may not go through this gate, if so.
    pub(super) fn bars(&self, gate: Option<&Handle>, seq: Seq) -> Option<String> {
        let gates = self.lock();
        let gate = gates.get(gate?)?;
        (gate.trial != Some(seq)).then(|| gate.reason.clone())
    }

    /// A call of this task met a closed door: from now on nobody else tries, and the task waits.
    /// Returns whether the gate was open before.
    pub(super) fn close(&self, gate: Handle, pace: Pace, reason: String, seq: Seq, now: Instant, now_ms: i64) -> bool {
        let mut gates = self.lock();
        let mut opened = false;
        let gate = gates.entry(gate).or_insert_with(|| {
            opened = true;
            let waiting = BTreeSet::new();
            Gate { reason: String::new(), since_ms: now_ms, pace, attempts: 0, next: None, trial: Some(seq), waiting }
        });
        gate.waiting.insert(seq);
        // Others that were on their way when it closed tell nothing new.
        if gate.trial == Some(seq) {
            (gate.reason, gate.pace) = (reason, pace);
            gate.fail(now);
        }
        opened
    }

    /// A task that was kept from calling waits at the gate. Returns whether it has to: it may be open again.
    pub(super) fn wait(&self, gate: &Handle, seq: Seq) -> bool {
        let mut gates = self.lock();
        let Some(gate) = gates.get_mut(gate) else { return false };
        gate.waiting.insert(seq);
        true
    }

    /// A task waits at one gate now. If it was the trial of another one, that one learned nothing.
    pub(super) fn waits_elsewhere(&self, seq: Seq, here: &Handle, now: Instant) {
        self.lock().retain(|handle, gate| {
            if handle != here && gate.waiting.remove(&seq) && gate.trial == Some(seq) {
                gate.fail(now);
            }
            !gate.waiting.is_empty()
        });
    }

    /// Whether a task waits at a closed gate.
    pub(super) fn holds(&self, seq: Seq) -> bool {
        self.lock().values().any(|gate| gate.waiting.contains(&seq) && gate.trial != Some(seq))
    }

    /// A task ended, or failed for another reason. If it was a trial that called, its gate is open: returns who may go on.
    /// If it needed no call after all, the next one is tried at once.
    pub(super) fn ended(&self, seq: Seq, called: Called, now: Instant) -> Vec<Seq> {
        let mut gates = self.lock();
        let mut free = Vec::new();
        gates.retain(|_, gate| {
            gate.waiting.remove(&seq);
            if gate.trial == Some(seq) {
                gate.trial = None;
                match called {
                    Called::Yes => free.extend(std::mem::take(&mut gate.waiting)),
                    Called::No => gate.next = Some(now),
                    Called::Failed => gate.fail(now),
                }
            }
            !gate.waiting.is_empty()
        });
        free
    }

    /// Something about this gate changed (a secret, the context itself): whoever waits may try. All gates, if none is named.
    pub(super) fn open(&self, gate: Option<&Handle>) -> Vec<Seq> {
        let mut gates = self.lock();
        let opened = match gate {
            Some(gate) => gates.remove(gate).into_iter().collect(),
            None => std::mem::take(&mut *gates).into_values().collect::<Vec<_>>(),
        };
        opened.into_iter().flat_map(|gate| gate.waiting).collect()
    }

    /// When the next trial is due.
    pub(super) fn next_trial(&self) -> Option<Instant> {
        self.lock().values().filter_map(|gate| gate.next).min()
    }

    /// The tasks whose trial is due: they may pass their gates now.
    pub(super) fn trials(&self, now: Instant) -> Vec<Seq> {
        let mut trials = Vec::new();
        for gate in self.lock().values_mut().filter(|gate| gate.next.is_some_and(|next| next <= now)) {
            gate.next = None;
            gate.trial = gate.waiting.first().copied();
            trials.extend(gate.trial);
        }
        trials
    }

    /// How many tasks wait at closed gates.
    pub(super) fn waiting(&self) -> usize {
        self.lock().values().map(|gate| gate.waiting.len()).sum()
    }

    /// What is shown of the closed gates.
    pub(super) fn status(&self) -> Vec<GateStatus> {
        let gates = self.lock();
        let shown = gates.iter().map(|(name, gate)| GateStatus {
            name: name.to_string(),
            reason: gate.reason.clone(),
            since: gate.since_ms,
            waiting: gate.waiting.len() as u64,
        });
        shown.collect()
    }
}

/// What a task did before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// It made at least one call.
    Yes,
    /// It made none.
    No,
    /// It failed for the moment, for a reason that has nothing to do with the gate.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle() -> Handle {
        Handle::new("context", 10)
    }

    fn closed() -> (Gates, Instant) {
        let (gates, now) = (Gates::default(), Instant::now());
        assert!(gates.close(handle(), Pace::Seldom, "wrong password".into(), Seq(1), now, 7));
        (gates, now)
    }

    #[test]
    fn nobody_calls_through_a_closed_gate_but_one_trial() {
        let (gates, now) = closed();
        assert_eq!(gates.bars(Some(&handle()), Seq(2)).as_deref(), Some("wrong password"));
        assert_eq!(gates.bars(Some(&Handle::new("context", 11)), Seq(2)), None);
        assert!(gates.wait(&handle(), Seq(2)));
        assert!(gates.trials(now + Duration::from_secs(14)).is_empty(), "at least half a minute halved passes");
        let later = now + Duration::from_secs(31);
        assert_eq!(gates.trials(later), [Seq(1)]);
        assert_eq!((gates.bars(Some(&handle()), Seq(1)), gates.trials(later)), (None, vec![]));
        assert!(!gates.close(handle(), Pace::Seldom, "still wrong".into(), Seq(1), later, 8));
        assert!(gates.next_trial().is_some_and(|next| next >= later + Duration::from_secs(30)), "pauses grow");
        assert_eq!((gates.status()[0].waiting, gates.status()[0].since), (2, 7));
    }

    #[test]
    fn a_trial_that_succeeds_lets_all_through() {
        let (gates, now) = closed();
        gates.wait(&handle(), Seq(2));
        assert_eq!(gates.trials(now + Duration::from_mins(1)), [Seq(1)]);
        assert_eq!(gates.ended(Seq(1), Called::Yes, now), [Seq(2)]);
        assert!(gates.status().is_empty());
        assert!(!gates.wait(&handle(), Seq(3)));
    }

    #[test]
    fn a_trial_that_needs_no_call_passes_its_turn_on() {
        let (gates, now) = closed();
        gates.wait(&handle(), Seq(2));
        gates.trials(now + Duration::from_mins(1));
        assert!(gates.ended(Seq(1), Called::No, now).is_empty());
        assert_eq!(gates.trials(now), [Seq(2)]);
        assert!(gates.ended(Seq(2), Called::Failed, now).is_empty());
        assert!(gates.status().is_empty(), "nobody waits any more");
    }

    #[test]
    fn those_who_were_on_their_way_when_it_closed_do_not_make_the_pause_longer() {
        let (gates, now) = closed();
        let next = gates.next_trial();
        assert!(!gates.close(handle(), Pace::Seldom, "wrong password".into(), Seq(2), now, 8));
        assert_eq!(gates.next_trial(), next);
        assert_eq!(gates.open(Some(&handle())), [Seq(1), Seq(2)]);
    }
}
