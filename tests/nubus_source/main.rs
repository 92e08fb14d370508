//! The Provisioning API as a source: what the real service answered is read, and each promise of the consumer holds against a
//! scripted one over real HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod connection;
mod consumer;
mod doubts;
mod journal;
mod manage;
mod queue;
mod recordings;
mod server;
mod states;
