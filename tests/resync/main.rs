//! The directory itself as a source: first load, resync, single look-ups, and catching up what a source lost; with simulated
//! directory and OX.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod catch_up;
mod commands;
mod first_load;
#[path = "../support/observed.rs"]
mod observed;
#[path = "../support/oracle.rs"]
mod oracle;
mod passes;
mod site;
