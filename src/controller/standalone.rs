//! Connectors from a folder of manifests, without Kubernetes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::{ManifestErrors, Manifests};
use crate::engine::Phase;
use crate::state::StateError;
use crate::state::sqlite::SqliteStore;
use crate::telemetry::{AdminServer, Readiness, Report};

use super::change::Pending;
use super::connector::{Connector, ConnectorReport, StartError};
use super::intake::Intake;
use super::resolve::{ConnectorConfig, ResolveError, resolve};

/// How to run connectors from files.
#[derive(Clone, Debug)]
pub struct StandaloneOptions {
    /// The folder with the manifests.
    pub manifests: PathBuf,
    /// The folder with the state of the connectors, one file each.
    pub state: PathBuf,
    /// Where the admin server listens; port 0 takes a free one. The address is written to `admin.address` beside the state.
    pub admin: SocketAddr,
    /// How long OX may be unreachable before [`Until::Idle`] gives up.
    pub patience: Duration,
}

/// How long to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until told to stop.
    Stopped,
    /// Until nothing can make progress any more.
    Idle,
}

/// Connectors cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    /// The manifests are wrong.
    #[error("{0}")]
    Manifests(#[from] ManifestErrors),
    /// There is nothing to run.
    #[error("{} holds no OxConnector: describe one, for instance as in examples/acme/manifests", .0.display())]
    Nothing(PathBuf),
    /// A connector is described wrongly.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A connector cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// State cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The admin server cannot listen.
    #[error("the admin server cannot listen on {address}: {reason}")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// OX was unreachable for longer than the patience.
    #[error(
        "connector '{connector}' made no progress for {seconds} s: {reason}; everything taken in so far is safe in the journal"
    )]
    Unreachable {
        /// The connector.
        connector: String,
        /// For how long.
        seconds: u64,
        /// Why.
        reason: String,
    },
}

/// Connectors from a folder of manifests.
pub struct Standalone {
    options: StandaloneOptions,
    shown: Arc<Shown>,
    connectors: BTreeMap<String, Connector>,
    intake: Intake,
}

/// What the admin server shows: refreshed several times a second.
#[derive(Default)]
struct Shown {
    reports: RwLock<Vec<ConnectorReport>>,
    problem: RwLock<Option<String>>,
}

/// Where the address of the admin server stands, in the state folder.
const ADDRESS_FILE: &str = "admin.address";

/// How often reports and manifests are looked at.
const LOOK: Duration = Duration::from_millis(250);

impl Standalone {
    /// Reads the manifests and starts all connectors.
    pub async fn start(options: StandaloneOptions, until: Until) -> Result<Self, StandaloneError> {
        let intake = match until {
            Until::Stopped => Intake::Follow,
            Until::Idle => Intake::OnDemand,
        };
        let mut standalone = Self { options, shown: Arc::default(), connectors: BTreeMap::new(), intake };
        for config in standalone.read()? {
            standalone.start_one(config).await?;
        }
        standalone.show();
        Ok(standalone)
    }

    /// Runs until told to stop, or until nothing can make progress any more. Returns the last reports.
    pub async fn run(
        mut self,
        until: Until,
        shutdown: CancellationToken,
    ) -> Result<Vec<ConnectorReport>, StandaloneError> {
        let serving = self.serve(shutdown.clone()).await?;
        let result = match until {
            Until::Stopped => {
                self.follow(&shutdown).await;
                Ok(())
            }
            Until::Idle => self.settle(&shutdown).await,
        };
        self.show();
        let reports = self.shown.reports.read().unwrap_or_else(PoisonError::into_inner).clone();
        for connector in std::mem::take(&mut self.connectors).into_values() {
            connector.stop().await;
        }
        serving.abort();
        // Nobody answers there any more.
        let _ = std::fs::remove_file(self.options.state.join(ADDRESS_FILE));
        result.map(|()| reports)
    }

    /// The running connectors by name.
    pub fn connectors(&self) -> &BTreeMap<String, Connector> {
        &self.connectors
    }

    fn read(&self) -> Result<Vec<ConnectorConfig>, StandaloneError> {
        let manifests = Manifests::read(&self.options.manifests)?;
        if manifests.connectors.is_empty() {
            return Err(StandaloneError::Nothing(self.options.manifests.clone()));
        }
        let configs = manifests.connectors.iter().map(|(name, connector)| resolve(&manifests, name, connector));
        Ok(configs.collect::<Result<_, _>>()?)
    }

    async fn start_one(&mut self, config: ConnectorConfig) -> Result<(), StandaloneError> {
        let store = SqliteStore::open(&self.options.state.join(format!("{}.db", config.name))).await?;
        let name = config.name.clone();
        self.connectors.insert(name, Box::pin(Connector::start(config, store, self.intake)).await?);
        Ok(())
    }

    async fn serve(&self, shutdown: CancellationToken) -> Result<tokio::task::JoinHandle<()>, StandaloneError> {
        let failed = |reason| StandaloneError::Admin { address: self.options.admin, reason };
        let server = AdminServer::bind(self.options.admin).await.map_err(failed)?;
        let note = self.options.state.join(ADDRESS_FILE);
        std::fs::write(&note, server.address().to_string()).map_err(failed)?;
        let shown: Arc<dyn Report> = Arc::clone(&self.shown) as _;
        Ok(tokio::spawn(async move {
            if let Err(error) = server.serve(shown, shutdown).await {
                tracing::error!(%error, "the admin server ended");
            }
        }))
    }

    fn show(&self) {
        let reports = self.connectors.values().map(|connector| connector.view().report()).collect();
        *self.shown.reports.write().unwrap_or_else(PoisonError::into_inner) = reports;
    }

    fn problem(&self, problem: Option<String>) {
        if let Some(problem) = &problem {
            tracing::error!(problem, "the manifests are wrong: the last good ones stay in force");
        }
        *self.shown.problem.write().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// Keeps connectors and manifests in step.
    async fn follow(&mut self, shutdown: &CancellationToken) {
        let mut known = Fingerprint::of(&self.options.manifests);
        while shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let now = Fingerprint::of(&self.options.manifests);
            if now != known {
                known = now;
                let problem = match self.reload().await {
                    Ok(()) => None,
                    Err(error) => Some(error.to_string()),
                };
                self.problem(problem);
            }
            self.show();
        }
    }

    async fn reload(&mut self) -> Result<(), StandaloneError> {
        let configs = self.read()?;
        let names: Vec<_> = configs.iter().map(|config| config.name.clone()).collect();
        for config in configs {
            match self.connectors.get_mut(&config.name) {
                Some(connector) if connector.can_apply(&config) => connector.apply(config).await?,
                Some(_) => {
                    if let Some(connector) = self.connectors.remove(&config.name) {
                        connector.stop().await;
                    }
                    self.start_one(config).await?;
                }
                None => self.start_one(config).await?,
            }
        }
        let gone: Vec<_> = self.connectors.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            if let Some(connector) = self.connectors.remove(&name) {
                tracing::info!(connector = name, "no longer described: stopped; its state stays");
                connector.stop().await;
            }
        }
        Ok(())
    }

    async fn settle(&mut self, shutdown: &CancellationToken) -> Result<(), StandaloneError> {
        let (patience, shown) = (self.options.patience, Arc::clone(&self.shown));
        for (name, connector) in &mut self.connectors {
            let view = connector.view().clone();
            let settled = connector.settle();
            tokio::pin!(settled);
            let mut stuck: Option<Instant> = None;
            loop {
                tokio::select! {
                    _ = &mut settled => break,
                    () = shutdown.cancelled() => return Ok(()),
                    () = tokio::time::sleep(LOOK) => {}
                }
                let report = view.report();
                let reason = report.stuck().or_else(|| report.barred());
                *shown.reports.write().unwrap_or_else(PoisonError::into_inner) = vec![report];
                let Some(reason) = reason else {
                    stuck = None;
                    continue;
                };
                let since = *stuck.get_or_insert_with(Instant::now);
                if since.elapsed() > patience {
                    let seconds = patience.as_secs();
                    return Err(StandaloneError::Unreachable { connector: name.clone(), seconds, reason });
                }
            }
        }
        Ok(())
    }
}

impl ConnectorReport {
    /// Why no progress is possible at the moment, if so.
    pub fn stuck(&self) -> Option<String> {
        if let Some(reason) = &self.preparing {
            return Some(reason.clone());
        }
        if let Some(reason) = &self.source.failure {
            return Some(reason.clone());
        }
        if let Some(reason) = self.directory.as_ref().and_then(|directory| directory.failure.clone()) {
            return Some(reason);
        }
        if let Some(pending @ Pending::Unknown { .. }) = &self.change {
            return Some(pending.message());
        }
        match self.engine.phase {
            Phase::CircuitOpen => self.engine.circuit.as_ref().map(|circuit| circuit.reason.clone()),
            Phase::StateFailing => self.engine.state_failure.clone(),
            Phase::Paused => Some("it is paused (spec.policies.paused)".to_owned()),
            Phase::Halted => self.engine.halted.as_ref().map(|halt| {
                format!(
                    "everything waits for {} {} (spec.policies.errorPolicy is Stop): {}; correct the object, or drop it with \
                     `oxherd parked drop`",
                    halt.kind, halt.object, halt.cause
                )
            }),
            _ => None,
        }
    }

    /// Which part of the target keeps everything that is left from going on, if so.
    fn barred(&self) -> Option<String> {
        let gate = self.engine.gates.first().filter(|_| self.engine.phase == Phase::Waiting)?;
        Some(format!("{} tasks wait for {}: {}", gate.waiting, gate.name, gate.reason))
    }
}

impl Report for Shown {
    fn status(&self) -> Value {
        let reports = self.reports.read().unwrap_or_else(PoisonError::into_inner);
        let problem = self.problem.read().unwrap_or_else(PoisonError::into_inner);
        json!({ "version": env!("CARGO_PKG_VERSION"), "connectors": *reports, "manifestProblem": *problem })
    }

    fn readiness(&self) -> Readiness {
        let reports = self.reports.read().unwrap_or_else(PoisonError::into_inner);
        let missing =
            reports.iter().filter_map(|report| Some(format!("connector '{}': {}", report.name, report.stuck()?)));
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() { Readiness::Ready } else { Readiness::Waiting(missing) }
    }
}

/// Names, sizes and times of the files of a folder, links followed (mounted `ConfigMap`s and Secrets are links).
#[derive(PartialEq, Eq)]
struct Fingerprint(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

impl Fingerprint {
    fn of(folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        Self(
            entries
                .filter_map(|entry| {
                    let metadata = std::fs::metadata(entry.path()).ok()?;
                    Some((entry.path(), (metadata.len(), metadata.modified().ok())))
                })
                .collect(),
        )
    }
}
