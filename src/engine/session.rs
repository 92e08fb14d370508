//! The state of a running engine: what is admitted, what runs, what rests and why.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::state::{Backlog, KeptFilter, ListId, Outcome, ParkedFilter, Seq, StateError, Store, Verdict, now_ms};
use crate::udm::ObjectId;

use super::admit::Admitted;
use super::circuit::Circuit;
use super::desk::Desk;
use super::gates::{Called, Gates};
use super::perform::{Lanes, Shared, Tried, Why, attempt};
use super::run::{Engine, EngineOptions, Report, Switch, Written};
use super::schedule::{Keys, Schedule};
use super::status::{CircuitStatus, EngineStatus, HaltStatus, Phase, Totals};
use super::target::{FaultClass, Pace, Target, TargetFault};
use super::throttle::Throttle;

/// Counting the journal costs time that grows with it: it is done this often, and takes at most a fiftieth of the time.
const COUNT_PAUSE: Duration = Duration::from_millis(500);
const COUNT_SHARE: u32 = 50;
/// Outcomes that may wait to be written. More than the committer takes at once, so that neither waits for the other.
const UNWRITTEN: usize = 256;

/// The state of a running engine.
pub(super) struct Session<T: Target, S: Store> {
    pub(super) target: Arc<T>,
    pub(super) store: Arc<S>,
    desk: Desk,
    pub(super) options: EngineOptions,
    /// When the engine was made, in milliseconds since 1970: what is older may have been begun by another one.
    pub(super) started_at: i64,
    pub(super) wakes: Arc<AtomicU64>,
    settled: Arc<AtomicU64>,
    pub(super) seen_wakes: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) schedule: Schedule,
    circuit: Circuit,
    pub(super) admitted: Admitted,
    /// The faulty object for which everything waits, if so.
    pub(super) halted: Option<HaltStatus>,
    /// The task of that object that runs before its turn.
    pub(super) forced: Option<Seq>,
    /// Names that the newest admitted task of an object will hold.
    pub(super) claimed: HashMap<ObjectId, (Seq, Keys)>,
    /// Resting tasks by the time of their next try.
    timers: BTreeSet<(Instant, Seq)>,
    /// Resting tasks that wait for the circuit.
    held: BTreeSet<Seq>,
    /// Tries of tasks that failed for the moment.
    attempts: HashMap<Seq, u32>,
    /// Outcomes that are not written yet.
    uncommitted: usize,
    pub(super) revision: Option<String>,
    outcomes: mpsc::UnboundedSender<Outcome>,
    reports: mpsc::UnboundedSender<Report>,
    workers: JoinSet<()>,
    totals: Totals,
    /// What was left to do when it was last counted.
    left: Backlog,
    /// The name of the list of what the guard holds back.
    held_list: Option<ListId>,
    /// When the journal is to be counted again.
    pub(super) count_at: Instant,
    pub(super) state_failure: Option<String>,
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
            desk: Desk::open(Arc::clone(&engine.store)),
            options: engine.options.clone(),
            started_at: engine.started_at,
            wakes: Arc::clone(&engine.wakes),
            settled: Arc::clone(&engine.settled),
            seen_wakes: 0,
            shared: Arc::new(Shared {
                lanes: Lanes::default(),
                gates: Gates::default(),
                throttle: Throttle::new(engine.options.limits.total, engine.options.calls_per_second),
                guard: Arc::clone(&engine.guard),
            }),
            schedule: Schedule::new(engine.options.limits),
            circuit: Circuit::default(),
            admitted: Admitted::default(),
            halted: None,
            forced: None,
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
            count_at: Instant::now(),
            state_failure: None,
            phase: Phase::Starting,
        }
    }

    pub(super) fn absorbed(&mut self, seq: Seq, object: ObjectId) {
        self.totals.absorbed += 1;
        self.shared.guard.ended(seq);
        let verdict = Verdict::Absorbed;
        self.write(Outcome { seq, object, verdict, partial: None, ripple: Vec::new(), settled: None, audit: None });
    }

    fn write(&mut self, outcome: Outcome) {
        self.uncommitted += 1;
        // The committer lives as long as the session.
        let _ = self.outcomes.send(outcome);
    }

    pub(super) fn state_failed(&mut self, error: &StateError) {
        tracing::error!(%error, "the state store failed");
        self.state_failure = Some(error.to_string());
    }

    /// Starts what may run.
    pub(super) async fn start_tasks(&mut self, switch: Switch) {
        let blocked = switch == Switch::Paused || self.circuit.open().is_some() || self.phase == Phase::Stopping;
        if !blocked && self.halted.is_some() {
            self.start_halted().await;
        } else if !blocked {
            self.schedule.limit(self.shared.throttle.limit());
            while self.uncommitted < UNWRITTEN
                && let Some(seq) = self.schedule.start()
            {
                self.start_task(seq);
            }
        }
        while self.workers.try_join_next().is_some() {}
        self.phase = self.current_phase(switch);
    }

    pub(super) fn start_task(&mut self, seq: Seq) {
        let (target, store) = (Arc::clone(&self.target), Arc::clone(&self.store));
        let (shared, reports, desk) = (Arc::clone(&self.shared), self.reports.clone(), self.desk.clone());
        self.workers.spawn(async move {
            let report = match desk.work(seq).await {
                Ok(Some(work)) => {
                    let tried = attempt(&*target, &*store, &shared, work).await;
                    Report::Tried { seq, tried: Box::new(tried) }
                }
                Ok(None) => Report::Vanished { seq },
                Err(error) => {
                    let (why, cause) = (Why::Fault(FaultClass::Busy), error.to_string());
                    Report::Tried { seq, tried: Box::new(Tried::Again { why, cause, reached: None }) }
                }
            };
            let _ = reports.send(report);
        });
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
        } else if self.halted.is_some() {
            Phase::Halted
        } else if self.schedule.running() > 0 || self.uncommitted > 0 {
            Phase::Working
        } else if self.revision.is_none() {
            Phase::Starting
        } else if self.schedule.is_empty() && !self.admitted.is_behind() {
            Phase::Idle
        } else {
            Phase::Waiting
        }
    }

    pub(super) async fn take(&mut self, report: Report) {
        match report {
            Report::Tried { seq, tried } => self.tried(seq, *tried),
            Report::Vanished { seq } => {
                self.pass_gates(seq, Called::No);
                self.ended(seq);
            }
            Report::Committed(written) => self.committed(written).await,
            Report::CommitFailed(reason) => self.state_failure = Some(reason),
            Report::Probed(result) => self.probed(result),
        }
    }

    fn tried(&mut self, seq: Seq, tried: Tried) {
        match tried {
            Tried::Ended(outcome) => {
                self.count_outcome(&outcome);
                let calls = outcome.audit.as_ref().is_some_and(|audit| !audit.calls.is_empty());
                self.pass_gates(seq, if calls { Called::Yes } else { Called::No });
                self.halt_or_resume(&outcome);
                self.schedule.done(seq);
                self.write(outcome);
            }
            Tried::Again { why, cause, reached } => {
                self.totals.retries += 1;
                self.forced.take_if(|forced| *forced == seq);
                self.wait_for(seq, why, &cause);
                match reached {
                    // It rests when what it reached is written.
                    Some(outcome) => {
                        self.schedule.done(seq);
                        self.write(outcome);
                    }
                    None => self.schedule.rest(seq),
                }
                self.release_if_free(seq);
            }
        }
    }

    /// Notes what a task that failed for the moment waits for.
    fn wait_for(&mut self, seq: Seq, why: Why, cause: &str) {
        let now = Instant::now();
        let attempts = self.attempts.entry(seq).or_default();
        *attempts += 1;
        let wait = self.options.retry.wait(*attempts);
        let gates = &self.shared.gates;
        match why {
            Why::Barred(gate) => {
                gates.waits_elsewhere(seq, &gate, now);
                gates.wait(&gate, seq);
            }
            Why::Fault(FaultClass::Blocked { gate, pace }) => {
                gates.waits_elsewhere(seq, &gate, now);
                let name = gate.clone();
                if gates.close(gate, pace, cause.to_owned(), seq, now, now_ms()) {
                    tracing::warn!(part = %name, cause, "this part of the target is not called for the moment");
                }
            }
            Why::Fault(class @ (FaultClass::World | FaultClass::Credentials)) => {
                self.pass_gates(seq, Called::Failed);
                self.shared.throttle.overloaded();
                self.held.insert(seq);
                let pace = if class == FaultClass::Credentials { Pace::Seldom } else { Pace::Soon };
                if self.circuit.trip(cause.to_owned(), pace, now, now_ms()) {
                    tracing::error!(cause, "the target does not work: calls stop until a probe succeeds");
                }
            }
            Why::Fault(class) => {
                tracing::warn!(%seq, ?class, cause, "will be tried again");
                self.pass_gates(seq, Called::Failed);
                self.timers.insert((now + wait, seq));
            }
        }
    }

    /// A task ended, or failed for a reason beside the gates: others may pass, if it was the trial of one.
    fn pass_gates(&mut self, seq: Seq, called: Called) {
        for free in self.shared.gates.ended(seq, called, Instant::now()) {
            self.schedule.release(free);
        }
    }

    /// What a task waited for may have come while its last try was being written.
    fn release_if_free(&mut self, seq: Seq) {
        if !self.rests(seq) {
            self.schedule.release(seq);
        }
    }

    /// Whether a task waits for a time, the circuit or a gate.
    pub(super) fn rests(&self, seq: Seq) -> bool {
        self.held.contains(&seq) || self.timers.iter().any(|(_, timed)| *timed == seq) || self.shared.gates.holds(seq)
    }

    /// Whether ends of tasks are not written yet.
    pub(super) fn is_writing(&self) -> bool {
        self.uncommitted > 0
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
        for Written { seq, object, unfinished, ripple, revision } in written {
            rippled |= !ripple.is_empty();
            if revision.is_some() && revision != self.revision {
                // The settings changed under it, and it was in the journal when outdated objects were looked for.
                self.revision = None;
                rippled = true;
            }
            for handle in &ripple {
                for free in self.shared.gates.open(Some(handle)) {
                    self.schedule.release(free);
                }
            }
            if unfinished {
                self.schedule.rest(seq);
                self.release_if_free(seq);
                continue;
            }
            if self.claimed.get(&object).is_some_and(|(latest, _)| *latest == seq) {
                self.claimed.remove(&object);
            }
            self.ended(seq);
        }
        let drained = self.schedule.is_empty() && self.uncommitted == 0;
        if rippled || self.wants_more() || drained {
            self.look_at_journal().await;
        }
    }

    fn ended(&mut self, seq: Seq) {
        self.forced.take_if(|forced| *forced == seq);
        self.forget_rest(seq);
        self.attempts.remove(&seq);
        self.shared.guard.ended(seq);
        self.schedule.finish(seq);
    }

    fn forget_rest(&mut self, seq: Seq) {
        if self.attempts.contains_key(&seq) {
            self.held.remove(&seq);
            self.timers.retain(|(_, timed)| *timed != seq);
        }
    }

    /// Something changed outside that gives hope: what waits for the target or a part of it is tried at once.
    pub(super) fn reopen(&mut self) {
        self.circuit.hope(Instant::now());
        for free in self.shared.gates.open(None) {
            self.schedule.release(free);
        }
    }

    fn probed(&mut self, result: Result<(), (Pace, String)>) {
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
        timer.into_iter().chain(self.circuit.next_probe()).chain(self.shared.gates.next_trial()).min()
    }

    pub(super) fn time_passed(&mut self) {
        let now = Instant::now();
        while let Some((_, seq)) = self.timers.first().copied().filter(|(time, _)| *time <= now) {
            self.timers.pop_first();
            self.schedule.release(seq);
        }
        for seq in self.shared.gates.trials(now) {
            self.schedule.release(seq);
        }
        if self.circuit.next_probe().is_some_and(|due| due <= now) {
            self.circuit.probing();
            let (target, reports) = (Arc::clone(&self.target), self.reports.clone());
            self.workers.spawn(async move {
                let result = target.probe().await;
                let _ = reports.send(Report::Probed(match result {
                    Err(fault) => match fault.class() {
                        FaultClass::World => Err((Pace::Soon, fault.to_string())),
                        FaultClass::Credentials => Err((Pace::Seldom, fault.to_string())),
                        // Whatever is wrong with single objects or contexts, the target as a whole answers.
                        _ => Ok(()),
                    },
                    Ok(()) => Ok(()),
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
                let before = now - millis(self.shared.guard.retention());
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
        self.end_halt_if_dropped().await;
        self.look_at_journal().await;
    }

    pub(super) async fn count(&mut self) -> Result<(), StateError> {
        let started = Instant::now();
        let backlog = self.store.backlog().await?;
        if self.left.held != backlog.held {
            self.held_list = if backlog.held.count == 0 { None } else { self.store.held_list().await? };
        }
        self.shared.guard.look(&*self.store, backlog.held).await?;
        self.left = backlog;
        self.count_at = Instant::now() + COUNT_PAUSE.max(started.elapsed() * COUNT_SHARE);
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
        let settled = self.settled.load(Ordering::Relaxed);
        let totals =
            Totals { done: self.totals.done + settled, unchanged: self.totals.unchanged + settled, ..self.totals };
        let now = EngineStatus {
            phase: self.phase,
            idle: self.phase == Phase::Idle && self.left.tasks == 0,
            backlog: self.left.tasks,
            running,
            resting: (self.held.len() + self.timers.len() + self.shared.gates.waiting()) as u64,
            parked: self.left.parked,
            held: self.left.held.count,
            held_list: self.held_list.clone(),
            kept: self.left.kept,
            lag_ms: self.left.oldest.map_or(0, |oldest| (now_ms() - oldest).max(0)),
            circuit: self.circuit.open().map(|(reason, since)| CircuitStatus { reason: reason.to_owned(), since }),
            gates: self.shared.gates.status(),
            halted: self.halted.clone(),
            concurrency: self.shared.throttle.limit() as u64,
            state_failure: self.state_failure.clone(),
            totals,
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
