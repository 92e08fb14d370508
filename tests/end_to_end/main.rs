//! From listener files to the state of OX: the test catalogue of the existing connector and its known weaknesses, over real
//! HTTP against the simulator. `docs/parity.md` lists them all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod adoption;
mod bad_input;
#[path = "../support/by_hand.rs"]
mod by_hand;
mod calls;
mod contexts;
mod deputies;
#[path = "../support/directory.rs"]
mod directory;
mod functional_accounts;
mod groups;
mod mapping;
mod moves;
mod profiles;
mod resources;
mod shared_accounts;
#[path = "../simulator_support/mod.rs"]
mod simulator_support;
mod state;
mod users;
mod verification;
#[path = "../support/world.rs"]
mod world;
