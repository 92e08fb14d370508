//! What the admin server shows of a controller in a cluster.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use super::board::Board;
use crate::telemetry::{Readiness, Report};

/// What the admin server shows. A connector whose OX is away is no reason not to be ready: that is a condition of its object.
pub(super) struct StatusPage {
    board: Arc<Board>,
    missing: RwLock<Vec<String>>,
}

impl StatusPage {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self { board, missing: RwLock::new(vec!["the API server was not asked yet".to_owned()]) }
    }

    /// What is missing before anything can be done.
    pub(super) fn waits_for(&self, missing: Vec<String>) {
        *self.missing.write().unwrap_or_else(PoisonError::into_inner) = missing;
    }

    /// Everything is there.
    pub(super) fn ready(&self) {
        self.waits_for(Vec::new());
    }
}

impl Report for StatusPage {
    fn status(&self) -> Value {
        json!({ "version": env!("CARGO_PKG_VERSION"), "connectors": self.board.reports() })
    }

    fn readiness(&self) -> Readiness {
        let missing = self.missing.read().unwrap_or_else(PoisonError::into_inner).clone();
        if missing.is_empty() { Readiness::Ready } else { Readiness::Waiting(missing) }
    }
}
