//! How oxherd shows itself: logs and the admin HTTP server.

mod admin;
mod log;

pub use admin::{AdminServer, Readiness, Report};
pub use log::{LogFormat, LogGuardError, init_logging};
