//! Verification: what the target really holds, compared with what it should hold.
//!
//! The planner is the judge: an object has drifted if a plan that starts from what the target really holds would make calls.
//! So whatever planning leaves alone is no drift, and what is reported is what a repair changes. Records and target are read
//! page by page; only the keys of one section are in memory at the same time.

mod judge;
mod pass;
mod pending;
mod report;

use std::collections::VecDeque;
use std::time::Instant;

use crate::state::{Handle, StateError, Store, now_ms};
use crate::udm::ObjectType;

use super::inventory::Inventory;
use super::target::{FaultClass, TargetFault};

use pass::Pass;
use pending::Pending;
pub use report::{Category, Drift, SectionReport, Verification};

/// What is done about differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing.
    No,
    /// They are corrected, unless so much of a section is missing that the target looks as if an old backup had been restored.
    Usual,
    /// They are corrected, whatever is missing.
    AfterRestore,
}

/// What to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only what is within the thing of this handle, for instance `context:10`, and that thing itself.
    pub within: Option<Handle>,
    /// Only objects of this type.
    pub kind: Option<ObjectType>,
}

/// Why a verification ended early.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The state store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The target cannot be read.
    #[error("{0}")]
    Target(String),
}

/// Compares the target with what it should hold.
///
/// To repair means: records are corrected and their objects queued for the engine with `origin`, whose plans then make the
/// calls. This function itself makes no call but reads.
///
/// # Errors
///
/// If the state store fails or the target does not work as a whole. A section that cannot be read is noted in the report.
pub async fn verify<T: Inventory, S: Store>(
    target: &T,
    store: &S,
    scope: &Scope,
    repair: Repair,
    origin: &str,
) -> Result<Verification, VerifyError> {
    let started = Instant::now();
    let mut report = Verification::begun(now_ms());
    let mut pending = Pending::default();
    let roots = target.sections().into_iter().map(|section| (section, scope.within.as_ref()));
    let mut sections: VecDeque<_> = roots.collect();
    while let Some((section, only)) = sections.pop_front() {
        let kind = target.kind(&section);
        let mut pass = Pass::new(target, store, &section, only, repair, origin, &mut report, &mut pending);
        let result =
            if scope.kind.is_none_or(|wanted| wanted == kind) { pass.run().await } else { pass.look_within().await };
        let (found, within) = pass.end();
        sections.extend(within.into_iter().map(|section| (section, None)));
        let problem = match result {
            Ok(()) => None,
            Err(Stop::State(error)) => return Err(error.into()),
            Err(Stop::Fault(FaultClass::World | FaultClass::Credentials | FaultClass::Busy, reason)) => {
                return Err(VerifyError::Target(reason));
            }
            Err(Stop::Fault(_, reason)) => Some(reason),
        };
        if scope.kind.is_none_or(|wanted| wanted == kind) {
            report.sections.push(SectionReport { problem, ..found });
        }
    }
    pending.write(store, origin, &mut report).await?;
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// Why a section cannot be read to its end.
enum Stop {
    State(StateError),
    Fault(FaultClass, String),
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl Stop {
    fn fault(fault: &impl TargetFault) -> Self {
        Self::Fault(fault.class(), fault.to_string())
    }
}
