//! Simulated servers for tests, demonstrations and measurements.
//!
//! This room stands on its own: it shares no code with the client side, so that a mistake of the client cannot hide
//! behind the same mistake here.

mod http;
pub mod nubus;
pub mod ox;
mod random;
