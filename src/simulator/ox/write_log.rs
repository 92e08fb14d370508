//! Which writes took effect, in their order, for tests of order and of what is done twice.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A write that the server carried out, whether or not its answer arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Service, for example `OXUserService`.
    pub service: &'static str,
    /// Operation, for example `create`.
    pub operation: &'static str,
    /// Id of the context in the request.
    pub context: Option<i64>,
    /// The request as it came, credentials included.
    pub request: String,
}

/// The log of a server. It is off until somebody starts it, because it grows without limit.
#[derive(Debug, Default)]
pub struct WriteLog(Mutex<Option<Vec<Write>>>);

impl WriteLog {
    /// Begins anew.
    pub fn start(&self) {
        *self.writes() = Some(Vec::new());
    }

    /// Notes a write, if the log is on.
    pub fn note(&self, write: impl FnOnce() -> Write) {
        if let Some(writes) = &mut *self.writes() {
            writes.push(write());
        }
    }

    /// What was noted since the start.
    pub fn noted(&self) -> Vec<Write> {
        self.writes().clone().unwrap_or_default()
    }

    fn writes(&self) -> MutexGuard<'_, Option<Vec<Write>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
