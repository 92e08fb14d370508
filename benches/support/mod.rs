//! Harness code of the load generator.

pub mod bulk;
pub mod directory;
pub mod fill;
pub mod intake;
pub mod nubus;
pub mod process;
pub mod world;
