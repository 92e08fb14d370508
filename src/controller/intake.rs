//! The source of a connector: started, replaced and stopped while everything else goes on.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::source::{Directory, Drained, Monitor, Sink, Source, SourceConfig, SourceError};

/// How a connector takes events in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// As they come.
    Follow,
    /// When [`super::Connector::settle`] asks for it.
    OnDemand,
}

/// The source of a connector.
pub(super) struct Inlet<S, D> {
    monitor: Monitor,
    /// The state file, beside which a source may keep notes.
    state: PathBuf,
    sink: Arc<S>,
    directory: Option<D>,
    /// Ends the source with the connector.
    stop: CancellationToken,
    flow: Flow,
}

enum Flow {
    Following { task: JoinHandle<()>, stop: CancellationToken },
    OnDemand(Box<Source>),
}

impl<S: Sink + 'static, D: Directory + Clone + 'static> Inlet<S, D> {
    /// Makes the source that is described; it delivers on demand until it is told to follow.
    pub(super) fn new(
        config: &SourceConfig,
        (monitor, state): (Monitor, PathBuf),
        (sink, directory): (Arc<S>, Option<D>),
        stop: CancellationToken,
    ) -> Self {
        let flow = Flow::OnDemand(Box::new(Source::new(config, &monitor, &state)));
        Self { monitor, state, sink, directory, stop, flow }
    }

    /// Delivers events as they come from now on.
    pub(super) fn follow(&mut self, config: SourceConfig) {
        self.flow = self.start(config, None);
    }

    /// Puts another source in the place of this one, which finishes first what it has begun.
    pub(super) fn replace(&mut self, config: SourceConfig, directory: Option<D>) {
        self.directory = directory;
        match &mut self.flow {
            Flow::OnDemand(source) => **source = Source::new(&config, &self.monitor, &self.state),
            Flow::Following { task, stop } => {
                stop.cancel();
                let former = std::mem::replace(task, tokio::spawn(async {}));
                self.flow = self.start(config, Some(former));
            }
        }
    }

    /// Takes all events in that are there, if that is to be done on demand.
    pub(super) async fn drain(&mut self) -> Result<Drained, SourceError> {
        match &mut self.flow {
            Flow::OnDemand(source) => source.drain(&self.sink, self.directory.as_ref()).await,
            Flow::Following { .. } => Ok(Drained::default()),
        }
    }

    /// Waits for the end of the source after the connector was told to stop.
    pub(super) async fn ended(self) {
        if let Flow::Following { task, .. } = self.flow
            && task.await.is_err()
        {
            tracing::error!("the source of a connector ended abnormally");
        }
    }

    /// Follows a source as soon as the former one has ended.
    fn start(&self, config: SourceConfig, former: Option<JoinHandle<()>>) -> Flow {
        let (monitor, state) = (self.monitor.clone(), self.state.clone());
        let (sink, directory) = (Arc::clone(&self.sink), self.directory.clone());
        let stop = self.stop.child_token();
        let shutdown = stop.clone();
        let task = tokio::spawn(async move {
            if let Some(former) = former
                && former.await.is_err()
            {
                tracing::error!("the former source of a connector ended abnormally");
            }
            Source::new(&config, &monitor, &state).run(sink, directory, shutdown).await;
        });
        Flow::Following { task, stop }
    }
}
