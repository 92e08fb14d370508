//! The engine: intake → journal → schedule → plan → execute → record, for any target system.
//!
//! A target system is a [`Target`]: pure functions that say what an object touches and which calls bring it to its desired
//! state, and a few asynchronous ones that make a call or ask a question.

mod admit;
mod circuit;
mod decide;
mod desk;
mod dry_run;
mod gates;
mod guard;
mod halt;
mod impact;
mod inventory;
mod perform;
mod preview;
mod run;
mod schedule;
mod session;
mod status;
mod target;
mod throttle;
mod verify;

pub use crate::transport::Backoff;
pub use dry_run::{DryFault, DryRun, Rehearse};
pub use guard::{GuardLimits, Protection};
pub use impact::{Impact, Reach, Reached};
pub use inventory::{Extent, Inventory};
pub use preview::{Preview, Previewed, preview};
pub use run::{Engine, EngineHandle, EngineOptions, OnError, Switch};
pub use schedule::Limits;
pub use status::{CircuitStatus, EngineStatus, GateStatus, HaltStatus, Phase, Totals};
pub use target::{
    Decision, FaultClass, Input, Kept, Known, Pace, Plan, Reaction, Rejection, RejectionCategory, Target, TargetFault,
    Term,
};
pub use verify::{Category, Drift, Repair, Scope, SectionReport, Verification, VerifyError, verify};
