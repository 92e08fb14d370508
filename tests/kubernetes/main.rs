//! The controller against a real API server: every kind's life, from `kubectl apply` to what OX holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "../support/cluster.rs"]
mod cluster;
#[path = "../support/directory.rs"]
mod directory;

mod definitions;
mod duty;
mod ground;
mod life;
mod mirrors;
mod operations;
mod rights;
