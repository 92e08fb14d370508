//! Which source a connector has: one of them, behind one face.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::nubus::{self, Nubus, NubusConfig, NubusError};
use super::{Directory, Drained, Monitor, Sink, Spool, SpoolConfig, SpoolError};

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceConfig {
    /// A folder of listener files.
    Spool(SpoolConfig),
    /// A subscription of the Provisioning API of Nubus.
    Nubus(Box<NubusConfig>),
}

/// A source of events.
pub enum Source {
    /// A folder of listener files.
    Spool(Box<Spool>),
    /// A subscription of the Provisioning API of Nubus.
    Nubus(Box<Nubus>),
}

/// Why nothing could be taken from a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// From a folder.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// From a subscription.
    #[error(transparent)]
    Nubus(#[from] NubusError),
}

impl Source {
    /// Makes a source that has not looked yet, and shows what it does on a monitor. `state` is the file beside which notes of
    /// unusable messages are kept.
    pub fn new(config: &SourceConfig, monitor: &Monitor, state: &Path) -> Self {
        monitor.hand_over();
        match config {
            SourceConfig::Spool(config) => Self::Spool(Box::new(Spool::new(config.clone()).shown_on(monitor.clone()))),
            SourceConfig::Nubus(config) => {
                let nubus = Nubus::new(NubusConfig::clone(config), nubus::notes_folder(state));
                Self::Nubus(Box::new(nubus.shown_on(monitor.clone())))
            }
        }
    }

    /// Delivers until shutdown. Troubles show in the state; they never end it.
    pub async fn run<S: Sink, D: Directory>(self, sink: S, directory: Option<D>, shutdown: CancellationToken) {
        match self {
            Self::Spool(spool) => spool.run(sink, shutdown).await,
            Self::Nubus(nubus) => nubus.run(sink, directory, shutdown).await,
        }
    }

    /// Delivers all that is there now.
    pub async fn drain<S: Sink, D: Directory>(
        &mut self,
        sink: &S,
        directory: Option<&D>,
    ) -> Result<Drained, SourceError> {
        Ok(match self {
            Self::Spool(spool) => spool.drain(sink).await?,
            Self::Nubus(nubus) => nubus.drain(sink, directory).await?,
        })
    }
}
