//! The planner, case by case: given a directory and what OX holds, when something changes, then exactly these calls are made.
//!
//! Names that start with `i1_` … `i11_` are those of the test catalogue of the existing connector, those with `j…_` its known
//! weaknesses. After each case the harness plans the same once more and insists on nothing to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::result_large_err
)]

mod adoption;
mod contexts;
mod deputies;
mod functional_accounts;
mod groups;
mod idempotence;
mod inputs;
mod mappings;
mod members;
mod moves;
mod ox;
mod pictures;
mod profiles;
mod resources;
mod shared_accounts;
mod users;
mod world;
