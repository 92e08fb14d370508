//! oxherd provisions Open-Xchange App Suite from Univention directories.
//!
//! The rooms of the house, from the ground up; a room imports only from rooms below it (`tests/layout.rs` checks that).

pub mod api;
pub mod cli;
pub mod controller;
pub mod engine;
pub mod failure_points;
pub mod ox;
pub mod simulator;
pub mod source;
pub mod state;
pub mod telemetry;
pub mod transport;
pub mod udm;
