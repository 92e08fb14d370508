//! The loop that keeps everything moving.
//!
//! One task owns the schedule. Workers try tasks and report; a committer writes their ends in batches and only then the
//! keys of a task are released, so that whoever follows reads what was written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::failure_points::{FailurePoint, pass};
use crate::state::{Handle, Outcome, Seq, Store, Verdict, now_ms};
use crate::transport::Backoff;
use crate::udm::ObjectId;

use super::circuit::PROBES;
use super::guard::{Guard, Protection};
use super::perform::Tried;
use super::schedule::Limits;
use super::session::Session;
use super::status::EngineStatus;
use super::target::{Pace, Target};

/// How the engine works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// How many tasks may run.
    pub limits: Limits,
    /// How many tasks are looked at ahead. More lets more lanes work beside each other; each costs about two kilobytes.
    pub window: usize,
    /// Waits between tries of a task when the target is busy.
    pub retry: Backoff,
    /// How long a parked object rests before it is tried again without a reason.
    pub parked_retry: Duration,
    /// How long the audit trail is kept.
    pub audit_retention: Duration,
    /// How long tasks that run may go on when the engine is told to stop.
    pub drain: Duration,
    /// Calls started in a second, at most.
    pub calls_per_second: Option<u32>,
    /// What a faulty object means for the others.
    pub on_error: OnError,
}

/// What a faulty object means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// It is parked, and only what depends on it waits.
    #[default]
    Continue,
    /// It is parked, and everything waits until it is corrected, deleted or dropped.
    Halt,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            limits: Limits::side_by_side(64),
            window: 4_096,
            retry: Backoff::default(),
            parked_retry: Duration::from_mins(15),
            audit_retention: Duration::from_hours(90 * 24),
            drain: Duration::from_secs(20),
            calls_per_second: None,
            on_error: OnError::default(),
        }
    }
}

/// What an administrator may change while the engine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// Work.
    #[default]
    On,
    /// Take events in, but call nothing.
    Paused,
}

/// The way to a running engine.
#[derive(Clone)]
pub struct EngineHandle {
    wake: Arc<Notify>,
    wakes: Arc<AtomicU64>,
    reopen: Arc<Notify>,
    settled: Arc<AtomicU64>,
    status: watch::Receiver<EngineStatus>,
    switch: watch::Sender<Switch>,
    guard: Arc<Guard>,
}

impl EngineHandle {
    /// Tells the engine that the journal has grown or that settings changed.
    pub fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Tells the engine of events that wanted nothing new and were done when they were taken in.
    pub fn settled(&self, events: u64) {
        self.settled.fetch_add(events, Ordering::Relaxed);
    }

    /// Tells the engine that something changed outside that gives hope, for instance credentials: what waits for the target
    /// or a part of it is tried at once.
    pub fn reopen(&self) {
        self.reopen.notify_one();
    }

    /// Pauses the engine or lets it go on.
    pub fn switch(&self, switch: Switch) {
        self.switch.send_if_modified(|current| std::mem::replace(current, switch) != switch);
    }

    /// Puts another protection from deletions in force. What is held back stays so until it is approved.
    pub fn protect(&self, protection: Protection) {
        self.guard.protect(protection);
    }

    /// The latest picture of the engine.
    pub fn status(&self) -> EngineStatus {
        self.status.borrow().clone()
    }

    /// Pictures of the engine as they come.
    pub fn watch(&self) -> watch::Receiver<EngineStatus> {
        self.status.clone()
    }

    /// Waits until nothing can make progress any more, everything included that was journalled before this call.
    pub async fn idle(&self) -> EngineStatus {
        self.wake();
        let wanted = self.wakes.load(Ordering::SeqCst);
        let mut status = self.status.clone();
        let reached = status.wait_for(|status| status.idle && status.wakes >= wanted).await;
        reached.map_or_else(|_| EngineStatus::default(), |status| status.clone())
    }
}

/// The engine of one target.
pub struct Engine<T: Target, S: Store> {
    pub(super) target: Arc<T>,
    pub(super) store: Arc<S>,
    pub(super) options: EngineOptions,
    wake: Arc<Notify>,
    reopen: Arc<Notify>,
    pub(super) wakes: Arc<AtomicU64>,
    pub(super) settled: Arc<AtomicU64>,
    pub(super) started_at: i64,
    status: watch::Sender<EngineStatus>,
    switch: watch::Receiver<Switch>,
    pub(super) guard: Arc<Guard>,
}

impl<T: Target, S: Store> Engine<T, S> {
    /// An engine and the way to it.
    pub fn new(target: Arc<T>, store: Arc<S>, options: EngineOptions) -> (Self, EngineHandle) {
        let (status, status_receiver) = watch::channel(EngineStatus::default());
        let (switch_sender, switch) = watch::channel(Switch::On);
        let (wake, wakes, settled) =
            (Arc::new(Notify::new()), Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let guard = Arc::<Guard>::default();
        let reopen = Arc::new(Notify::new());
        let handle = EngineHandle {
            reopen: Arc::clone(&reopen),
            wake: Arc::clone(&wake),
            wakes: Arc::clone(&wakes),
            settled: Arc::clone(&settled),
            status: status_receiver,
            switch: switch_sender,
            guard: Arc::clone(&guard),
        };
        let started_at = now_ms();
        (Self { target, store, options, wake, reopen, wakes, settled, started_at, status, switch, guard }, handle)
    }

    /// Works until told to stop. Then finishes what runs, within the drain time.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let (outcomes, outcome_receiver) = mpsc::unbounded_channel();
        let (reports, mut report_receiver) = mpsc::unbounded_channel();
        let committer = tokio::spawn(commit_batches(Arc::clone(&self.store), outcome_receiver, reports.clone()));
        let mut session = Session::new(&self, outcomes, reports);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let switch = *self.switch.borrow_and_update();
            session.start_tasks(switch).await;
            session.publish(&self.status);
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(report) = report_receiver.recv() => session.take(report).await,
                () = self.wake.notified() => session.look_at_journal().await,
                _ = tick.tick() => session.tick().await,
                () = self.reopen.notified() => session.reopen(),
                () = sleep_until(session.next_time()) => session.time_passed(),
                Ok(()) = self.switch.changed() => {}
            }
            while let Ok(report) = report_receiver.try_recv() {
                session.take(report).await;
            }
        }
        session.stop();
        session.publish(&self.status);
        let drained = tokio::time::timeout(self.options.drain, async {
            while session.is_running() {
                let Some(report) = report_receiver.recv().await else { break };
                session.take(report).await;
            }
        });
        if drained.await.is_err() {
            tracing::warn!(
                "tasks were still running when the drain time ended: they will be repeated at the next start"
            );
        }
        drop(session);
        if committer.await.is_err() {
            tracing::error!("the committer ended abnormally");
        }
    }
}

/// What workers, the committer and probes report.
pub(super) enum Report {
    Tried {
        seq: Seq,
        tried: Box<Tried>,
    },
    /// The task had ended already (another process dropped it).
    Vanished {
        seq: Seq,
    },
    Committed(Vec<Written>),
    CommitFailed(String),
    Probed(Result<(), (Pace, String)>),
}

/// What the session needs to know of a written outcome.
pub(super) struct Written {
    pub(super) seq: Seq,
    pub(super) object: ObjectId,
    pub(super) unfinished: bool,
    pub(super) ripple: Vec<Handle>,
    /// The revision of the settings that its record was planned with.
    pub(super) revision: Option<String>,
}

/// The least time between the starts of two commits: what comes close together is written together. One that comes alone is
/// written at once.
const COMMIT_PAUSE: Duration = Duration::from_millis(10);

/// Writes outcomes in batches as they come. A failing store is tried until it works: nothing is lost meanwhile.
async fn commit_batches<S: Store>(
    store: Arc<S>,
    mut outcomes: mpsc::UnboundedReceiver<Outcome>,
    reports: mpsc::UnboundedSender<Report>,
) {
    const BATCH: usize = 128;
    let mut batch = Vec::with_capacity(BATCH);
    let mut next = Instant::now();
    while outcomes.recv_many(&mut batch, BATCH).await > 0 {
        if batch.len() < BATCH && next > Instant::now() {
            tokio::time::sleep_until(next).await;
            while batch.len() < BATCH
                && let Ok(outcome) = outcomes.try_recv()
            {
                batch.push(outcome);
            }
        }
        next = Instant::now() + COMMIT_PAUSE;
        let mut attempt = 0;
        pass(FailurePoint::BeforeOutcomes);
        while let Err(error) = store.commit(&batch).await {
            attempt += 1;
            tracing::error!(%error, attempt, "cannot write to the state store");
            if reports.send(Report::CommitFailed(error.to_string())).is_err() && attempt > 3 {
                // Nobody waits any more: what is not written is repeated at the next start.
                return;
            }
            tokio::time::sleep(PROBES.wait(attempt).max(Duration::from_millis(50))).await;
        }
        pass(FailurePoint::AfterOutcomes);
        let written = batch.drain(..).map(|outcome| Written {
            seq: outcome.seq,
            unfinished: matches!(outcome.verdict, Verdict::Unfinished),
            ripple: outcome.ripple,
            object: outcome.object,
            revision: match outcome.verdict {
                Verdict::Applied(record) => Some(record.revision),
                _ => outcome.partial.map(|record| record.revision),
            },
        });
        // Only a session that is gone does not listen.
        let _ = reports.send(Report::Committed(written.collect()));
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
