//! The state of a running engine: what is admitted, what runs, what rests and why.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::state::{
    Backlog, Footprint, JournalEntry, KeptFilter, ListId, Outcome, ParkedFilter, Seq, StateError, Store, Task, Verdict,
    now_ms,
};
use crate::udm::ObjectId;

use super::circuit::{Circuit, PROBES};
use super::guard::Guard;
use super::perform::{Lanes, Tried, attempt};
use super::run::{Engine, EngineOptions, Report, Switch, Written};
use super::schedule::{Begun, Keys, Schedule};
use super::status::{CircuitStatus, EngineStatus, Phase, Totals};
use super::target::{FaultClass, Target, TargetFault};

/// Counting the journal costs time that grows with it.
const COUNT_PAUSE: Duration = Duration::from_millis(500);
/// Outcomes that may wait to be written. More than the committer takes at once, so that neither waits for the other.
const UNWRITTEN: usize = 256;

/// The state of a running engine.
pub(super) struct Session<T: Target, S: Store> {
    target: Arc<T>,
    store: Arc<S>,
    options: EngineOptions,
    /// When the engine was made, in milliseconds since 1970: what is older may have been begun by another one.
    started_at: i64,
    wakes: Arc<AtomicU64>,
    seen_wakes: u64,
    lanes: Arc<Lanes>,
    guard: Arc<Guard>,
    schedule: Schedule,
    circuit: Circuit,
    /// The last journal entry that was admitted.
    admitted: Seq,
    /// Whether the journal may hold more than was admitted.
    more: bool,
    /// Names that the newest admitted task of an object will hold.
    claimed: HashMap<ObjectId, (Seq, Keys)>,
    /// Resting tasks by the time of their next try.
    timers: BTreeSet<(Instant, Seq)>,
    /// Resting tasks that wait for the circuit.
    held: BTreeSet<Seq>,
    /// Tries of tasks that failed for the moment.
    attempts: HashMap<Seq, u32>,
    /// Outcomes that are not written yet.
    uncommitted: usize,
    revision: Option<String>,
    outcomes: mpsc::UnboundedSender<Outcome>,
    reports: mpsc::UnboundedSender<Report>,
    workers: JoinSet<()>,
    totals: Totals,
    /// What was left to do when it was last counted.
    left: Backlog,
    /// The name of the list of what the guard holds back.
    held_list: Option<ListId>,
    counted: Option<Instant>,
    state_failure: Option<String>,
    phase: Phase,
}

impl<T: Target, S: Store> Session<T, S> {
    pub(super) fn new(
        engine: &Engine<T, S>,
        outcomes: mpsc::UnboundedSender<Outcome>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        Self {
            target: Arc::clone(&engine.target),
            store: Arc::clone(&engine.store),
            options: engine.options.clone(),
            started_at: engine.started_at,
            wakes: Arc::clone(&engine.wakes),
            seen_wakes: 0,
            lanes: Arc::default(),
            guard: Arc::clone(&engine.guard),
            schedule: Schedule::new(engine.options.limits),
            circuit: Circuit::new(PROBES),
            admitted: Seq(0),
            more: true,
            claimed: HashMap::new(),
            timers: BTreeSet::new(),
            held: BTreeSet::new(),
            attempts: HashMap::new(),
            uncommitted: 0,
            revision: None,
            outcomes,
            reports,
            workers: JoinSet::new(),
            totals: Totals::default(),
            left: Backlog::default(),
            held_list: None,
            counted: None,
            state_failure: None,
            phase: Phase::Starting,
        }
    }

    /// Admits new journal entries up to the window.
    pub(super) async fn look_at_journal(&mut self) {
        let wakes = self.wakes.load(Ordering::SeqCst);
        let result = async {
            self.replan_if_settings_changed().await?;
            self.admit().await?;
            if self.counted.is_none_or(|counted| counted.elapsed() >= COUNT_PAUSE) || self.schedule.is_empty() {
                self.count().await?;
            }
            Ok(())
        };
        match result.await {
            Ok(()) => {
                self.seen_wakes = wakes;
                self.state_failure = None;
            }
            Err(error) => self.state_failed(&error),
        }
    }

    fn state_failed(&mut self, error: &StateError) {
        tracing::error!(%error, "the state store failed");
        self.state_failure = Some(error.to_string());
    }

    async fn replan_if_settings_changed(&mut self) -> Result<(), StateError> {
        let revision = self.target.revision();
        if self.revision.as_ref() != Some(&revision) {
            // Parked objects first: their failed task is newer than what is recorded of them and must not be lost to it.
            let parked = self.store.retry_parked(&ParkedFilter::All, &format!("settings {revision}")).await?;
            let queued = parked + self.store.replan_outdated(&revision).await?;
            if queued > 0 {
                tracing::info!(
                    queued,
                    revision,
                    "settings are new or changed: planning known and parked objects again"
                );
            }
            self.revision = Some(revision);
        }
        Ok(())
    }

    async fn admit(&mut self) -> Result<(), StateError> {
        const CHUNK: u32 = 200;
        self.more = true;
        while self.schedule.len() < self.options.window {
            let entries = self.store.journal_after(self.admitted, CHUNK).await?;
            let Some(last) = entries.last() else {
                self.more = false;
                break;
            };
            let last = last.seq;
            let objects: Vec<_> = entries.iter().map(|entry| entry.task.object().clone()).collect();
            let recorded = self.store.footprints(&objects).await?;
            for entry in &entries {
                self.admit_one(entry, &recorded);
            }
            self.admitted = last;
        }
        Ok(())
    }

    fn admit_one(&mut self, entry: &JournalEntry, recorded: &HashMap<ObjectId, Footprint>) {
        let object = entry.task.object();
        let after = match &entry.task {
            Task::Event(event) => {
                let state = T::State::default();
                Some(self.target.footprint(object, event.kind, &event.dn, event.desired(), &state))
            }
            // An event that has not started sees everything that a replan would.
            Task::Replan { .. } | Task::Purge { .. } if self.schedule.has_waiting(object) => {
                self.absorbed(entry.seq, object.clone());
                return;
            }
            Task::Replan { .. } | Task::Purge { .. } => None,
        };
        if entry.approval.is_some() {
            self.guard.released(object);
        } else if entry.task.removes()
            && let Some(footprint) = recorded.get(object)
        {
            self.guard.announce(entry.seq, &self.target.at_stake(entry.task.kind(), footprint));
        }
        let mut keys = Keys::new(object, recorded.get(object).into_iter().chain(&after));
        if let Some((_, pending)) = self.claimed.remove(object) {
            // A task may be absorbed or fail, and then an earlier one decides which names the object still holds.
            keys = keys.with(&pending);
        }
        let names = keys.clone().names();
        let begun = if entry.received_at <= self.started_at { Begun::Perhaps } else { Begun::Never };
        if let Some(earlier) = self.schedule.admit(entry.seq, object, keys, begun) {
            self.absorbed(earlier, object.clone());
        }
        self.claimed.insert(object.clone(), (entry.seq, names));
    }

    fn absorbed(&mut self, seq: Seq, object: ObjectId) {
        self.totals.absorbed += 1;
        self.guard.ended(seq);
        let verdict = Verdict::Absorbed;
        self.write(Outcome { seq, object, verdict, partial: None, ripple: Vec::new(), audit: None });
    }

    fn write(&mut self, outcome: Outcome) {
        self.uncommitted += 1;
        // The committer lives as long as the session.
        let _ = self.outcomes.send(outcome);
    }

    /// Starts what may run.
    pub(super) fn start_tasks(&mut self, switch: Switch) {
        let blocked = switch == Switch::Paused || self.circuit.open().is_some() || self.phase == Phase::Stopping;
        while !blocked
            && self.uncommitted < UNWRITTEN
            && let Some(seq) = self.schedule.start()
        {
            let (target, store) = (Arc::clone(&self.target), Arc::clone(&self.store));
            let (lanes, guard, reports) = (Arc::clone(&self.lanes), Arc::clone(&self.guard), self.reports.clone());
            self.workers.spawn(async move {
                let report = match store.work(seq).await {
                    Ok(Some((entry, own))) => {
                        let tried = attempt(&*target, &*store, &lanes, &guard, &entry, own).await;
                        Report::Tried { seq, tried: Box::new(tried) }
                    }
                    Ok(None) => Report::Vanished { seq },
                    Err(error) => {
                        let (class, cause) = (FaultClass::Busy, error.to_string());
                        Report::Tried { seq, tried: Box::new(Tried::Again { class, cause, reached: None }) }
                    }
                };
                let _ = reports.send(report);
            });
        }
        while self.workers.try_join_next().is_some() {}
        self.phase = self.current_phase(switch);
    }

    fn current_phase(&self, switch: Switch) -> Phase {
        if self.phase == Phase::Stopping {
            Phase::Stopping
        } else if self.state_failure.is_some() {
            Phase::StateFailing
        } else if switch == Switch::Paused {
            Phase::Paused
        } else if self.circuit.open().is_some() {
            Phase::CircuitOpen
        } else if self.schedule.running() > 0 || self.uncommitted > 0 {
            Phase::Working
        } else if self.revision.is_none() {
            Phase::Starting
        } else if self.schedule.is_empty() && !self.more {
            Phase::Idle
        } else {
            Phase::Waiting
        }
    }

    pub(super) async fn take(&mut self, report: Report) {
        match report {
            Report::Tried { seq, tried } => self.tried(seq, *tried),
            Report::Vanished { seq } => self.ended(seq),
            Report::Committed(written) => self.committed(written).await,
            Report::CommitFailed(reason) => self.state_failure = Some(reason),
            Report::Probed(result) => self.probed(result),
        }
    }

    fn tried(&mut self, seq: Seq, tried: Tried) {
        match tried {
            Tried::Ended(outcome) => {
                self.count_outcome(&outcome);
                self.schedule.done(seq);
                self.write(outcome);
            }
            Tried::Again { class, cause, reached } => {
                self.totals.retries += 1;
                tracing::warn!(%seq, ?class, cause, "will be tried again");
                let attempts = self.attempts.entry(seq).or_default();
                *attempts += 1;
                let wait = self.options.retry.wait(*attempts);
                if class == FaultClass::World {
                    self.held.insert(seq);
                    if self.circuit.trip(cause, Instant::now(), now_ms()) {
                        tracing::error!("the target does not work: calls stop until a probe succeeds");
                    }
                } else {
                    self.timers.insert((Instant::now() + wait, seq));
                }
                match reached {
                    // It rests when what it reached is written.
                    Some(outcome) => {
                        self.schedule.done(seq);
                        self.write(outcome);
                    }
                    None => self.schedule.rest(seq),
                }
            }
        }
    }

    fn count_outcome(&mut self, outcome: &Outcome) {
        let calls = outcome.audit.as_ref().map_or(0, |audit| audit.calls.len() as u64);
        self.totals.calls += calls;
        if let Some(audit) = &outcome.audit {
            tracing::info!(
                seq = %outcome.seq, kind = %audit.kind, object = %audit.object, outcome = audit.outcome,
                calls = ?audit.calls, attributes = ?audit.attributes, notes = ?audit.notes, ms = audit.duration_ms,
            );
        }
        match outcome.verdict {
            Verdict::Parked(_) => self.totals.parked += 1,
            Verdict::Held(_) => self.totals.held += 1,
            _ => {
                self.totals.done += 1;
                self.totals.unchanged += u64::from(calls == 0);
            }
        }
    }

    async fn committed(&mut self, written: Vec<Written>) {
        self.state_failure = None;
        self.uncommitted -= written.len();
        let mut rippled = false;
        for Written { seq, object, unfinished, rippled: ripple } in written {
            rippled |= ripple;
            if unfinished {
                self.schedule.rest(seq);
                // Its time may have come while it was written.
                if !self.held.contains(&seq) && !self.timers.iter().any(|(_, timed)| *timed == seq) {
                    self.schedule.release(seq);
                }
                continue;
            }
            if self.claimed.get(&object).is_some_and(|(latest, _)| *latest == seq) {
                self.claimed.remove(&object);
            }
            self.ended(seq);
        }
        let low = self.schedule.len() < self.options.window / 2;
        let drained = self.schedule.is_empty() && self.uncommitted == 0;
        if rippled || (self.more && low) || drained {
            self.look_at_journal().await;
        }
    }

    fn ended(&mut self, seq: Seq) {
        self.forget_rest(seq);
        self.attempts.remove(&seq);
        self.guard.ended(seq);
        self.schedule.finish(seq);
    }

    fn forget_rest(&mut self, seq: Seq) {
        if self.attempts.contains_key(&seq) {
            self.held.remove(&seq);
            self.timers.retain(|(_, timed)| *timed != seq);
        }
    }

    fn probed(&mut self, result: Result<(), String>) {
        if self.circuit.probed(result, Instant::now()) {
            tracing::info!("the target works again");
            for seq in std::mem::take(&mut self.held).into_iter().rev() {
                self.schedule.release(seq);
            }
        }
    }

    /// The next time at which something is due.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(time, _)| *time);
        timer.into_iter().chain(self.circuit.next_probe()).min()
    }

    pub(super) fn time_passed(&mut self) {
        let now = Instant::now();
        while let Some((_, seq)) = self.timers.first().copied().filter(|(time, _)| *time <= now) {
            self.timers.pop_first();
            self.schedule.release(seq);
        }
        if self.circuit.next_probe().is_some_and(|due| due <= now) {
            self.circuit.probing();
            let (target, reports) = (Arc::clone(&self.target), self.reports.clone());
            self.workers.spawn(async move {
                let result = target.probe().await;
                let _ = reports.send(Report::Probed(match result {
                    // Whatever is wrong with single objects or contexts, the target as a whole answers.
                    Err(fault) if fault.class() == FaultClass::World => Err(fault.to_string()),
                    _ => Ok(()),
                }));
            });
        }
    }

    /// Once a second: what other processes wrote, parked objects whose time has come, old audit rows.
    pub(super) async fn tick(&mut self) {
        let work = async {
            let now = now_ms();
            let rested = now - millis(self.options.parked_retry);
            if self.left.parked > 0 {
                self.store.retry_parked(&ParkedFilter::LastAttemptBefore(rested), "timer").await?;
            }
            if self.left.kept > 0 {
                let before = now - millis(self.guard.retention());
                self.store.purge_kept(&KeptFilter::Before(before), "retention ended").await?;
            }
            if now % 3_600_000 < 1_000 {
                self.store.prune_audit(now - millis(self.options.audit_retention)).await?;
            }
            Ok(())
        };
        if let Err(error) = work.await {
            self.state_failed(&error);
        }
        self.look_at_journal().await;
    }

    async fn count(&mut self) -> Result<(), StateError> {
        let backlog = self.store.backlog().await?;
        if self.left.held != backlog.held {
            self.held_list = if backlog.held.count == 0 { None } else { self.store.held_list().await? };
        }
        self.guard.look(&*self.store, backlog.held).await?;
        self.left = backlog;
        self.counted = Some(Instant::now());
        Ok(())
    }

    /// Nothing new starts any more.
    pub(super) fn stop(&mut self) {
        self.phase = Phase::Stopping;
    }

    /// Whether tasks run.
    pub(super) fn is_running(&self) -> bool {
        self.schedule.running() > 0
    }

    pub(super) fn publish(&self, status: &watch::Sender<EngineStatus>) {
        let running = self.schedule.running() as u64;
        let now = EngineStatus {
            phase: self.phase,
            idle: self.phase == Phase::Idle && self.left.tasks == 0,
            backlog: self.left.tasks,
            running,
            resting: self.held.len() as u64 + self.timers.len() as u64,
            parked: self.left.parked,
            held: self.left.held.count,
            held_list: self.held_list.clone(),
            kept: self.left.kept,
            lag_ms: self.left.oldest.map_or(0, |oldest| (now_ms() - oldest).max(0)),
            circuit: self.circuit.open().map(|(reason, since)| CircuitStatus { reason: reason.to_owned(), since }),
            state_failure: self.state_failure.clone(),
            totals: self.totals,
            wakes: self.seen_wakes,
        };
        status.send_if_modified(|current| {
            let changed = *current != now;
            *current = now;
            changed
        });
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
