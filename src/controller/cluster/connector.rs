//! `OxConnector`: how a connector shows itself. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::condition::{About, Finding, Reason, same_verdict, seconds, time_of};
use super::problem::Problem;
use crate::api::{ConnectorStatus, OldestParked, Phase, ProvisionedCounts};
use crate::controller::change::Pending;
use crate::controller::connector::ConnectorReport;
use crate::engine::Phase as EnginePhase;
use crate::state::{Counts, ParkedRow};
use crate::udm::ObjectType;

/// Keeps a connector that is being deleted until what it has begun is done.
pub(super) const FINALIZER: &str = "oxherd.dev/drain";

/// What the status is made of, besides the report.
#[derive(Clone, Debug, Default)]
pub(super) struct Stock {
    pub counts: Counts,
    pub oldest_parked: Option<ParkedRow>,
}

/// What is known of a connector.
pub(super) struct Look<'a> {
    /// None if it does not run.
    pub report: Option<&'a ConnectorReport>,
    pub stock: &'a Stock,
    /// Why the specification is not in force, if so.
    pub problem: Option<&'a Problem>,
    /// Whether its object is being deleted.
    pub deleting: bool,
    /// Why it is paused by annotation, if so.
    pub last_success: Option<Timestamp>,
    pub handled: Option<&'a str>,
}

impl Look<'_> {
    /// The conditions as they are found.
    pub(super) fn findings(&self) -> Vec<Finding> {
        vec![self.ready(), self.synced(), self.source(), self.target(), self.deletions(), self.paused()]
    }

    fn ready(&self) -> Finding {
        let no = |reason, message: String| Finding::no(About::Ready, reason, message);
        if self.deleting {
            return no(Reason::Draining, "its object is deleted: finishing what was begun".to_owned());
        }
        let Some(report) = self.report else {
            return match self.problem {
                Some(problem) => no(problem.reason, problem.message.clone()),
                None => no(Reason::Starting, "it is starting".to_owned()),
            };
        };
        if let Some(reason) = &report.preparing {
            let reason_word = match report.engine.phase {
                EnginePhase::CircuitOpen => Reason::TargetUnreachable,
                _ => Reason::Starting,
            };
            return no(reason_word, reason.clone());
        }
        let engine = &report.engine;
        let circuit = || engine.circuit.as_ref().map(|circuit| circuit.reason.clone()).unwrap_or_default();
        match engine.phase {
            EnginePhase::CircuitOpen => return no(Reason::TargetUnreachable, circuit()),
            EnginePhase::Paused => {
                return no(Reason::Paused, "it is paused: changes are taken in, and nothing is called".to_owned());
            }
            EnginePhase::Halted | EnginePhase::StateFailing => {
                let reason = if engine.phase == EnginePhase::Halted { Reason::Halted } else { Reason::StateFailing };
                return no(reason, report.stuck().unwrap_or_default());
            }
            EnginePhase::Starting => return no(Reason::Starting, "it is starting".to_owned()),
            EnginePhase::Stopping => return no(Reason::Draining, "it is stopping".to_owned()),
            _ => {}
        }
        if let Some(failure) = &report.source.failure {
            return no(Reason::SourceFailing, failure.clone());
        }
        if report.dry_run.is_some() {
            let message = "mode DryRun: calls are planned and shown, and OX is only read".to_owned();
            return Finding::yes(About::Ready, Reason::DryRun, message);
        }
        let parked = match engine.parked {
            0 => String::new(),
            1 => "; 1 object waits for a correction".to_owned(),
            count => format!("; {count} objects wait for a correction"),
        };
        Finding::yes(About::Ready, Reason::Provisioning, format!("changes are provisioned{parked}"))
    }

    fn synced(&self) -> Finding {
        if let Some(problem) = self.problem {
            return Finding::no(About::Synced, problem.reason, problem.message.clone());
        }
        match self.report.map(|report| report.change.as_ref()) {
            None => Finding::no(About::Synced, Reason::Starting, "it is starting"),
            Some(None) => Finding::yes(About::Synced, Reason::InForce, "the specification is in force"),
            Some(Some(pending @ Pending::Examining { .. })) => {
                Finding::no(About::Synced, Reason::Examining, pending.message())
            }
            Some(Some(pending @ Pending::Unknown { .. })) => {
                Finding::no(About::Synced, Reason::TargetUnreachable, pending.message())
            }
            Some(Some(pending @ Pending::WaitsForApproval { .. })) => {
                Finding::no(About::Synced, Reason::WaitingForApproval, pending.message())
            }
        }
    }

    fn source(&self) -> Finding {
        match self.report.map(|report| &report.source) {
            None => Finding::no(About::SourceConnected, Reason::Starting, "it is not read yet"),
            Some(source) => match &source.failure {
                Some(failure) => Finding::no(About::SourceConnected, Reason::SourceFailing, failure.clone()),
                None => Finding::yes(About::SourceConnected, Reason::SourceConnected, source.state.clone()),
            },
        }
    }

    fn target(&self) -> Finding {
        let Some(report) = self.report else {
            return Finding::no(About::TargetReachable, Reason::Starting, "OX was not asked yet");
        };
        let circuit = report.engine.circuit.as_ref().map(|circuit| &circuit.reason);
        match (circuit.or(report.preparing.as_ref()), report.engine.phase) {
            (Some(reason), EnginePhase::CircuitOpen) => {
                Finding::no(About::TargetReachable, Reason::TargetUnreachable, reason.clone())
            }
            (Some(reason), _) => Finding::no(About::TargetReachable, Reason::Starting, reason.clone()),
            (None, _) => Finding::yes(About::TargetReachable, Reason::TargetReachable, "OX answers"),
        }
    }

    fn deletions(&self) -> Finding {
        let engine = self.report.map(|report| &report.engine);
        match engine.and_then(|engine| Some((engine.held, engine.held_list.as_ref()?))) {
            Some((held, list)) => {
                let message = format!(
                    "{held} deletions are held back: look at them with `oxherd held list`, then approve exactly this list with \
                     an OxOperation of action ApproveDeletions and deletionList {list}"
                );
                Finding::yes(About::DeletionsBlocked, Reason::DeletionsHeldBack, message)
            }
            None => Finding::no(About::DeletionsBlocked, Reason::NothingHeldBack, "nothing is held back"),
        }
    }

    fn paused(&self) -> Finding {
        match self.report.map(|report| report.engine.phase) {
            Some(EnginePhase::Paused) => Finding::yes(
                About::Paused,
                Reason::Paused,
                "paused by spec.policies.paused or the annotation oxherd.dev/paused",
            ),
            _ => Finding::no(About::Paused, Reason::NotPaused, "it is not paused"),
        }
    }

    fn phase(&self) -> Phase {
        let Some(report) = self.report else {
            return if self.problem.is_some() { Phase::Blocked } else { Phase::Starting };
        };
        match report.engine.phase {
            EnginePhase::Starting => Phase::Starting,
            EnginePhase::Working | EnginePhase::Waiting => Phase::Working,
            EnginePhase::DryRun => {
                if report.engine.idle {
                    Phase::Idle
                } else {
                    Phase::Working
                }
            }
            EnginePhase::Idle => Phase::Idle,
            EnginePhase::Paused => Phase::Paused,
            EnginePhase::CircuitOpen | EnginePhase::Halted | EnginePhase::StateFailing | EnginePhase::Stopping => {
                Phase::Blocked
            }
        }
    }

    /// The status.
    pub(super) fn status(&self, generation: Option<i64>, conditions: Vec<Condition>) -> ConnectorStatus {
        let engine = self.report.map(|report| &report.engine);
        let verification = self.report.and_then(|report| report.verification.as_ref());
        ConnectorStatus {
            observed_generation: generation,
            conditions,
            phase: Some(self.phase()),
            backlog: engine.map(|engine| number(engine.backlog)),
            parked: engine.map(|engine| number(engine.parked)),
            oldest_parked: self.stock.oldest_parked.as_ref().and_then(oldest),
            provisioned: engine.map(|_| provisioned(&self.stock.counts)),
            lag_seconds: engine.map(|engine| engine.lag_ms / 1_000),
            last_success: self.last_success.map(|time| Time(seconds(time))),
            last_verification: verification.and_then(|verification| time_of(verification.started_at)),
            deletion_list: engine.and_then(|engine| engine.held_list.as_ref()).map(ToString::to_string),
            last_handled_reconcile_at: self.handled.map(str::to_owned),
        }
    }
}

/// Whether a status has to be written at once. Numbers and words that come and go with each change can wait.
pub(super) fn is_urgent(former: &ConnectorStatus, now: &ConnectorStatus) -> bool {
    !same_verdict(&former.conditions, &now.conditions)
        || former.observed_generation != now.observed_generation
        || former.deletion_list != now.deletion_list
        || former.last_handled_reconcile_at != now.last_handled_reconcile_at
        || at_work(former.phase) != at_work(now.phase)
}

/// Whether work goes on: there is not always something to do.
fn at_work(phase: Option<Phase>) -> Option<Phase> {
    phase.map(|phase| if phase == Phase::Idle { Phase::Working } else { phase })
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn oldest(row: &ParkedRow) -> Option<OldestParked> {
    Some(OldestParked {
        object: row.object.to_string(),
        kind: row.kind.to_string(),
        category: row.category.clone(),
        since: time_of(row.first_at)?,
    })
}

fn provisioned(counts: &Counts) -> ProvisionedCounts {
    let of = |kind: ObjectType| number(counts.objects.get(kind.as_str()).copied().unwrap_or(0));
    ProvisionedCounts {
        contexts: of(ObjectType::Context),
        users: of(ObjectType::User),
        groups: of(ObjectType::Group),
        resources: of(ObjectType::Resource),
        functional_accounts: of(ObjectType::FunctionalAccount),
        shared_accounts: of(ObjectType::SharedAccount),
    }
}
