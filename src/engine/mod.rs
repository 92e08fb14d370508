//! The engine: intake → journal → schedule → plan → execute → record, for any target system.
//!
//! A target system is a [`Target`]: pure functions that say what an object touches and which calls bring it to its desired
//! state, and two asynchronous ones that make a call or ask a question.

mod target;

pub use target::{
    Decision, FaultClass, Input, Known, Plan, Reaction, Rejection, RejectionCategory, Target, TargetFault,
};
