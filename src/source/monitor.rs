//! What a source shows of itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use super::{Counters, SourceState};

/// What a source shows of itself. It outlives the source, so that another one can go on in its place.
#[derive(Clone, Debug)]
pub struct Monitor {
    state: watch::Sender<SourceState>,
    connections: watch::Sender<u64>,
    counters: Arc<Counters>,
    about: Arc<Mutex<About>>,
}

#[derive(Debug, Default)]
struct About {
    stream: Option<StreamReport>,
    warning: Option<String>,
}

/// How a stream of messages went since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamReport {
    /// The number of the message that came last. Numbers count within one life of a subscription.
    pub sequence_number: u64,
    /// When it came, in milliseconds since 1970.
    pub last_message: Option<i64>,
    /// Messages that the service says to have handed out before.
    pub redelivered: u64,
    /// Messages that were in the journal already, and were only acknowledged.
    pub repeated: u64,
    /// Messages that were left out, because something newer is known.
    pub outdated: u64,
    /// Messages that might have been outdated, and were replaced by what the directory says.
    pub looked_up: u64,
    /// Acknowledgements that failed, each try counted.
    pub unacknowledged: u64,
    /// Messages that somebody else had acknowledged: is there a second consumer of the subscription?
    pub acknowledged_by_others: u64,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(SourceState::Starting),
            connections: watch::Sender::new(0),
            counters: Arc::default(),
            about: Arc::default(),
        }
    }
}

impl Monitor {
    /// What the source is doing, now and later.
    pub fn state(&self) -> watch::Receiver<SourceState> {
        self.state.subscribe()
    }

    /// How often the source has connected to where its events come from: after each time it may have missed something.
    pub fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// What it delivered since the start.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// How its stream of messages went, if it reads one.
    pub fn stream(&self) -> Option<StreamReport> {
        self.about().stream.clone()
    }

    /// Something that an administrator should know, although events arrive.
    pub fn warning(&self) -> Option<String> {
        self.about().warning.clone()
    }

    /// Another source goes on from here.
    pub(super) fn hand_over(&self) {
        *self.about() = About::default();
        self.show(SourceState::Starting);
    }

    /// Shows what the source is doing.
    pub(super) fn show(&self, state: SourceState) {
        self.state.send_if_modified(|now| {
            let changed = *now != state;
            if changed {
                if matches!(state, SourceState::Failing { .. }) {
                    tracing::warn!(%state, "source");
                } else {
                    tracing::info!(%state, "source");
                }
                *now = state;
            }
            changed
        });
    }

    /// Shows that something should be looked after, or no longer.
    pub(super) fn warn(&self, warning: Option<String>) {
        let mut about = self.about();
        if about.warning != warning {
            if let Some(warning) = &warning {
                tracing::warn!(warning, "source");
            }
            about.warning = warning;
        }
    }

    /// The source has (again) reached where its events come from.
    pub(super) fn connected(&self) {
        self.connections.send_modify(|count| *count += 1);
    }

    /// Changes what is shown of the stream.
    pub(super) fn note(&self, change: impl FnOnce(&mut StreamReport)) {
        change(self.about().stream.get_or_insert_default());
    }

    fn about(&self) -> MutexGuard<'_, About> {
        self.about.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
