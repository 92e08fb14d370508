//! Helpers of several tests.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod http;
pub mod soap;
pub mod xml;
