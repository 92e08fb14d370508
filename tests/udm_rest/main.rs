//! The client of the UDM REST API: it reads each recorded answer of a real server, and says clearly what is wrong when
//! something else answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod connection;
mod lists;
mod recordings;
mod wire;
