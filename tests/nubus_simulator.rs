//! Quirks of the simulated Nubus, one test each, and the faults that tests can order.
//!
//! What recordings show is compared in `nubus_truth.rs`; here are behaviour over time, effects of changes, and what was only read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod simulator_support;

#[path = "nubus_simulator/changes.rs"]
mod changes;
#[path = "nubus_simulator/client.rs"]
mod client;
#[path = "nubus_simulator/faults.rs"]
mod faults;
#[path = "nubus_simulator/provisioning.rs"]
mod provisioning;
#[path = "nubus_simulator/sample.rs"]
mod sample;
#[path = "nubus_simulator/udm.rs"]
mod udm;
