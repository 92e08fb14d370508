//! The simulated Nubus against recorded exchanges of the real services: 101 of the Provisioning API, 84 of UDM REST.
//!
//! Each recording is replayed over TCP against a simulator that was brought into the state it was recorded in. Compared are
//! status, header fields and the body, field by field. Different on each run, hence masked: dates, request ids, lengths,
//! entity tags, entry UUIDs of new objects, ids of operations under way. What differs on purpose is listed with its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod simulator_support;

#[path = "nubus_truth/exchange.rs"]
mod exchange;
#[path = "nubus_truth/live.rs"]
mod live;
#[path = "nubus_truth/prefill.rs"]
mod prefill;
#[path = "nubus_truth/provisioning.rs"]
mod provisioning;
#[path = "nubus_truth/udm.rs"]
mod udm;
