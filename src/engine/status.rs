//! What the engine says about itself.

use serde::Serialize;

use crate::state::ListId;
use crate::udm::{ObjectId, ObjectType};

/// Why the engine does what it does. There is always exactly one answer to «why does nothing happen?».
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, strum::AsRefStr)]
pub enum Phase {
    /// It has not looked at its journal yet.
    #[default]
    Starting,
    /// Tasks are under way.
    Working,
    /// There is nothing to do.
    Idle,
    /// Everything that is left waits for a time or a change.
    Waiting,
    /// It plans, but by its mode it calls nothing. Events are still taken in.
    DryRun,
    /// An administrator paused it. Events are still taken in.
    Paused,
    /// The target does not work. Events are still taken in.
    CircuitOpen,
    /// An object is faulty, and everything waits until it is corrected (`errorPolicy: Stop`). Events are still taken in.
    Halted,
    /// The state store does not work.
    StateFailing,
    /// It finishes what is under way and ends.
    Stopping,
}

/// A part of the target that is not called for the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GateStatus {
    /// The part, for instance `context:10`.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// How many tasks wait for it.
    pub waiting: u64,
}

/// The faulty object for which everything waits (`errorPolicy: Stop`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HaltStatus {
    /// Which object.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Category of the failure.
    pub category: String,
    /// What is wrong and what to do.
    pub cause: String,
}

/// The circuit to the target while it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitStatus {
    /// Why.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
}

/// What has been done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Tasks that ended well, with or without calls.
    pub done: u64,
    /// Of these, tasks that needed no call.
    pub unchanged: u64,
    /// Tasks whose place a newer one took.
    pub absorbed: u64,
    /// Tasks that ended parked.
    pub parked: u64,
    /// Tasks that the deletion guard held back.
    pub held: u64,
    /// Tries that have to be repeated.
    pub retries: u64,
    /// Calls to the target.
    pub calls: u64,
}

/// A picture of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineStatus {
    /// What it does.
    pub phase: Phase,
    /// Whether nothing can make progress any more without a new event, a correction or time.
    pub idle: bool,
    /// Tasks in the journal.
    pub backlog: u64,
    /// Tasks that run now.
    pub running: u64,
    /// Tasks that rest before another try.
    pub resting: u64,
    /// Parked objects.
    pub parked: u64,
    /// Objects that the deletion guard holds back until an approval.
    pub held: u64,
    /// The name of the list of what is held back, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_list: Option<ListId>,
    /// Deleted objects that are kept for a time.
    pub kept: u64,
    /// Age of the oldest task in the journal in milliseconds.
    pub lag_ms: i64,
    /// Why the target is not called, if it is not.
    pub circuit: Option<CircuitStatus>,
    /// Parts of the target that are not called for the moment.
    pub gates: Vec<GateStatus>,
    /// The faulty object for which everything waits, if so.
    pub halted: Option<HaltStatus>,
    /// How many tasks may run side by side now: fewer than configured while the target is slow.
    pub concurrency: u64,
    /// Why the state store is not written, if it is not.
    pub state_failure: Option<String>,
    /// What has been done since the start.
    pub totals: Totals,
    /// How many wake-up calls this picture takes into account.
    #[serde(skip)]
    pub wakes: u64,
}
