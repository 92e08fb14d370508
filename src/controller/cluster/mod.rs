//! The controller in a cluster: the objects of the API server brought to life.
//!
//! Watches fill a cache; each connector has a keeper that looks at the cache and does what is due, as long as it holds the Lease
//! of that connector. What is written to the API server never keeps the work with OX waiting.

mod admins;
mod board;
mod cache;
mod condition;
mod connector;
mod context;
mod keeper;
mod lease;
mod mirror;
mod operation;
mod orphans;
mod problem;
mod references;
mod scope;
mod scribe;
mod settings;
mod shelf;
mod site;
mod start;
mod status_page;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::{Client, ResourceExt};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub use board::ClusterOptions;
pub use lease::LeaseOptions;
pub use scope::Scope;

use board::{Board, Shared};
use cache::Cache;
use keeper::Keeper;
use orphans::Orphans;
use scribe::Scribe;
use status_page::StatusPage;

use crate::telemetry::{AdminServer, Report};

/// How often what belongs to no connector is looked at when nothing changes.
const LOOK: Duration = Duration::from_secs(10);

/// Where the address of the admin server stands, in the state folder.
const ADDRESS_FILE: &str = "admin.address";

/// The controller cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// There is no way to the API server.
    #[error("there is no way to an API server: {0}; run in a Pod with a ServiceAccount, or set KUBECONFIG")]
    Config(String),
    /// The state folder cannot be used.
    #[error("the state folder {folder} cannot be used: {reason}")]
    State {
        /// The folder.
        folder: std::path::PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The admin server cannot listen.
    #[error("the admin server cannot listen on {address}: {reason}")]
    Admin {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// A part that everything depends on has ended.
    #[error("{0} has ended: the process starts anew")]
    Ended(&'static str),
}

/// The way to the API server: that of the Pod, or that of the kubeconfig. The second value is its namespace.
pub async fn client() -> Result<(Client, String), ClusterError> {
    let config = kube::Config::infer().await.map_err(|error| ClusterError::Config(error.to_string()))?;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|error| ClusterError::Config(error.to_string()))?;
    Ok((client, namespace))
}

/// Runs the controller until told to stop; then drains.
pub async fn run_in_cluster(
    client: Client,
    options: ClusterOptions,
    shutdown: CancellationToken,
) -> Result<(), ClusterError> {
    let failed = |reason| ClusterError::State { folder: options.state.clone(), reason };
    std::fs::create_dir_all(&options.state).map_err(failed)?;
    let board = Arc::new(Board::default());
    let page = Arc::new(StatusPage::new(Arc::clone(&board)));
    let serving = serve(&options, Arc::clone(&page)).await?;
    let mut watches = JoinSet::new();
    let begin = async {
        start::wait_for_kinds(&client, &options.scope, &page).await;
        Cache::start(&client, &options.scope, &mut watches).await
    };
    let Some(cache) = shutdown.run_until_cancelled(begin).await else { return Ok(()) };
    page.ready();
    let scribe = Scribe::new(client, &options.lease.identity);
    let shared = Arc::new(Shared { cache, scribe, options, board });
    let mut keepers = Keepers::default();
    let mut orphans = Orphans::new(Arc::clone(&shared));
    let mut changes = shared.cache.changes();
    let result = loop {
        keepers.follow(&shared);
        orphans.pass().await;
        tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            Some(ended) = watches.join_next() => break Err(ClusterError::Ended(ended.unwrap_or("a watch of the API server"))),
            _ = changes.changed() => tokio::time::sleep(Duration::from_millis(100)).await,
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    keepers.stop().await;
    let _ = std::fs::remove_file(shared.options.state.join(ADDRESS_FILE));
    serving.abort();
    result
}

async fn serve(options: &ClusterOptions, page: Arc<StatusPage>) -> Result<JoinHandle<()>, ClusterError> {
    let failed = |reason| ClusterError::Admin { address: options.admin, reason };
    let server = AdminServer::bind(options.admin).await.map_err(failed)?;
    std::fs::write(options.state.join(ADDRESS_FILE), server.address().to_string()).map_err(failed)?;
    let page: Arc<dyn Report> = page;
    Ok(tokio::spawn(async move {
        // It answers as long as the process lives: who drains is still alive.
        if let Err(error) = server.serve(page, CancellationToken::new()).await {
            tracing::error!(%error, "the admin server ended");
        }
    }))
}

/// The keepers of all connectors, by the identity of the objects.
#[derive(Default)]
struct Keepers {
    running: BTreeMap<String, JoinHandle<()>>,
    stop: CancellationToken,
}

impl Keepers {
    /// Gives each connector of our class a keeper. A keeper whose object is gone ends by itself.
    fn follow(&mut self, shared: &Arc<Shared>) {
        let connectors = shared.cache.connectors.all();
        for connector in connectors.iter().filter(|one| one.spec.controller_class == shared.options.class) {
            let ended = self.running.get(&connector.uid().unwrap_or_default()).is_none_or(JoinHandle::is_finished);
            if ended {
                let keeper = Keeper::new(Arc::clone(shared), connector);
                let task = tokio::spawn(keeper.run(self.stop.clone()));
                self.running.insert(connector.uid().unwrap_or_default(), task);
            }
        }
        self.running.retain(|_, task| !task.is_finished());
    }

    /// Lets all of them drain.
    async fn stop(self) {
        self.stop.cancel();
        for task in self.running.into_values() {
            if task.await.is_err() {
                tracing::error!("a keeper ended abnormally");
            }
        }
    }
}
