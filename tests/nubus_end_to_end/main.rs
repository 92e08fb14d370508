//! Directory → Provisioning API → controller → OX, everything over real HTTP: whatever is restarted on the way, OX ends as the
//! directory is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "../support/directory.rs"]
mod directory;
#[path = "../support/observed.rs"]
mod observed;
#[path = "../support/oracle.rs"]
mod oracle;
#[path = "../support/world.rs"]
mod world;

mod disturbed;
mod random;
mod switching;
