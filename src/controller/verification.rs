//! Verification on schedule, beside the engine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::Mode;
use crate::engine::{EngineHandle, Inventory, Phase, Repair, Scope, SectionReport, Verification, verify};
use crate::state::{Store, now_ms};

use super::resolve::ConnectorConfig;

/// Who asks for what a scheduled verification queues.
const ORIGIN: &str = "verify (schedule)";

/// How often the schedule is looked at: it may have been changed.
const LOOK: Duration = Duration::from_millis(250);

/// When to verify, and what to do about differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationConfig {
    /// Time from one verification to the next.
    pub every: Duration,
    /// What to do.
    pub repair: Repair,
}

/// The last verification in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationReport {
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Objects that were compared.
    pub compared: u64,
    /// Should be in OX and are not.
    pub missing: u64,
    /// With other values.
    pub different: u64,
    /// Under another number.
    pub wrong_id: u64,
    /// Removed in the directory, and still or again in OX.
    pub surplus: u64,
    /// In OX and never ours.
    pub foreign: u64,
    /// Not judged, because they are being worked on or are parked.
    pub unsettled: u64,
    /// Corrected and queued.
    pub queued: u64,
    /// Not corrected: it looks as if an old backup of OX had been restored.
    pub held_back: u64,
    /// Why it could not be done or not be finished, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl From<&Verification> for VerificationReport {
    fn from(found: &Verification) -> Self {
        let total = |of: fn(&SectionReport) -> u64| found.total(of);
        Self {
            started_at: found.started_at,
            duration_ms: found.duration_ms,
            compared: total(|section| section.recorded),
            missing: total(|section| section.missing),
            different: total(|section| section.different),
            wrong_id: total(|section| section.wrong_id),
            surplus: total(|section| section.surplus),
            foreign: total(|section| section.foreign),
            unsettled: total(|section| section.unsettled),
            queued: total(|section| section.queued),
            held_back: total(|section| section.held_back),
            problem: found.sections.iter().find_map(|one| Some(format!("{}: {}", one.section, one.problem.as_ref()?))),
        }
    }
}

/// The last result, if there is one.
pub type LastVerification = watch::Receiver<Option<VerificationReport>>;

/// When the last verification of these records began, in milliseconds since 1970; now, if there was none.
///
/// It is kept as the position of a source, so that a process that is started anew each day still verifies each day.
async fn last_begun<S: Store>(store: &S) -> i64 {
    match store.cursor(ORIGIN).await {
        Ok(Some(time)) => time.parse().unwrap_or_else(|_| now_ms()),
        Ok(None) => {
            let now = now_ms();
            begin(store, now).await;
            now
        }
        Err(_) => now_ms(),
    }
}

/// Notes when a verification begins.
async fn begin<S: Store>(store: &S, time: i64) {
    if let Err(error) = store.append(&[], Some((ORIGIN, &time.to_string()))).await {
        tracing::warn!(%error, "the time of this verification could not be noted: the next one may come early");
    }
}

/// Verifies again and again, as the configuration in force says, while the engine may work.
pub(super) async fn verify_on_schedule<T: Inventory, S: Store>(
    target: Arc<T>,
    store: Arc<S>,
    engine: EngineHandle,
    config: Arc<Mutex<ConnectorConfig>>,
    last: watch::Sender<Option<VerificationReport>>,
    stop: CancellationToken,
) {
    let work = async {
        let mut begun = last_begun(&*store).await;
        loop {
            tokio::time::sleep(LOOK).await;
            let (schedule, mode) = {
                let config = config.lock().unwrap_or_else(PoisonError::into_inner);
                (config.verification, config.mode)
            };
            let Some(VerificationConfig { every, repair }) = schedule else { continue };
            // A dry run queues nothing either.
            let repair = if mode == Mode::Live { repair } else { Repair::No };
            let phase = engine.status().phase;
            let now = now_ms();
            // A clock that was set back must not put it off.
            let waits = u128::try_from(now - begun).is_ok_and(|passed| passed < every.as_millis());
            if waits || !matches!(phase, Phase::Idle | Phase::Working | Phase::Waiting) {
                continue;
            }
            begun = now;
            begin(&*store, begun).await;
            let report = match verify(&*target, &*store, &Scope::default(), repair, ORIGIN).await {
                Ok(found) => VerificationReport::from(&found),
                Err(error) => {
                    let problem = Some(error.to_string());
                    VerificationReport { started_at: now_ms(), problem, ..(&Verification::default()).into() }
                }
            };
            tracing::info!(?report, "verification");
            if report.queued > 0 {
                engine.wake();
            }
            last.send_replace(Some(report));
        }
    };
    // It only reads, so it can be left at any time.
    stop.run_until_cancelled(work).await;
}
