//! A running connector: source, journal, engine and OX, under one configuration that may change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::Mode;
use crate::engine::{Backoff, DryRun, Engine, EngineHandle, EngineStatus, Phase, Target};
use crate::ox::execute::Executor;
use crate::ox::settings::Features;
use crate::ox::soap::{Client, Master, SettingsError};
use crate::ox::{handles, target::OxTarget};
use crate::source::{Monitor, SourceState, StreamReport};
use crate::state::sqlite::SqliteStore;
use crate::state::{StateError, Store};
use crate::udm::rest::UdmClient;

use super::change::{ChangeGuard, Pending, put_in_place, settings_at_start};
use super::described::describe;
use super::directory::{DirectoryReport, DirectoryWatch};
use super::dry_run::{Mirror, shadow_file};
use super::impact::impact_file;
use super::intake::{Inlet, Intake};
use super::journal::JournalSink;
use super::resolve::ConnectorConfig;
use super::vault::{Outlet, StateVault};
use super::verification::{LastVerification, VerificationReport, verify_on_schedule};

type Ox = OxTarget<Arc<StateVault>>;
type Journal = JournalSink<Ox, SqliteStore>;

/// How often the features of the server are looked at again: it may have been upgraded.
const FEATURES_EVERY: Duration = Duration::from_mins(10);

/// A connector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// Its connection settings are wrong.
    #[error("OxConnector '{connector}', spec.ox: {error}")]
    Settings {
        /// The connector.
        connector: String,
        /// What is wrong.
        error: SettingsError,
    },
}

/// What a connector is doing.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorReport {
    /// Its name.
    pub name: String,
    /// The engine.
    #[serde(flatten)]
    pub engine: EngineStatus,
    /// The source.
    pub source: SourceReport,
    /// The look at the directory itself, if it can be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryReport>,
    /// Revision of mapping and settings in force.
    pub revision: String,
    /// Why the work has not begun, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preparing: Option<String>,
    /// In mode `DryRun`: everything above tells what would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRunReport>,
    /// A change of settings that is not in force yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Pending>,
    /// The last verification on schedule, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationReport>,
}

/// What a dry run leaves to be done.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRunReport {
    /// Events that wait in the journal for mode `Live`.
    pub waiting: u64,
}

/// What a source is doing.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// In a few words.
    pub state: String,
    /// Events taken since the start.
    pub accepted: u64,
    /// Files and messages rejected since the start.
    pub rejected: u64,
    /// How the messages came, if the source is a stream of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamReport>,
    /// Something to look after, although events arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What it cannot repair itself, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A view of a running connector.
#[derive(Clone)]
pub struct View {
    name: String,
    engine: EngineHandle,
    source: Monitor,
    directory: watch::Receiver<Option<DirectoryReport>>,
    detection: watch::Receiver<Detection>,
    verification: LastVerification,
    change: watch::Receiver<Option<Pending>>,
    mirror: Option<Arc<Mirror>>,
    target: Arc<Ox>,
}

impl View {
    /// What the connector is doing.
    pub fn report(&self) -> ConnectorReport {
        let mut engine = self.engine.status();
        let preparing = match &*self.detection.borrow() {
            Detection::Known => None,
            Detection::Asking => Some("asking OX what it can do".to_owned()),
            Detection::Failed(reason) => {
                engine.phase = Phase::CircuitOpen;
                Some(reason.clone())
            }
        };
        engine.idle &= preparing.is_none();
        let (state, counters) = (self.source.state().borrow().clone(), self.source.counters());
        let source = SourceReport {
            state: state.to_string(),
            accepted: counters.accepted(),
            rejected: counters.rejected(),
            stream: self.source.stream(),
            warning: self.source.warning(),
            failure: match state {
                SourceState::Failing { reason } => Some(reason),
                _ => None,
            },
        };
        let dry_run = self.mirror.as_ref().map(|mirror| DryRunReport { waiting: mirror.waiting() });
        if dry_run.is_some() && matches!(engine.phase, Phase::Working | Phase::Idle | Phase::Waiting) {
            engine.phase = Phase::DryRun;
        }
        let (revision, change) = (self.target.revision(), self.change.borrow().clone());
        let (name, verification) = (self.name.clone(), self.verification.borrow().clone());
        let directory = self.directory.borrow().clone();
        ConnectorReport { name, engine, source, directory, revision, preparing, dry_run, change, verification }
    }
}

/// A running connector.
pub struct Connector {
    config: ConnectorConfig,
    target: Arc<Ox>,
    store: Arc<SqliteStore>,
    /// What the engine works on: the state, or its shadow in a dry run.
    ledger: Arc<SqliteStore>,
    vault: Arc<StateVault>,
    master: Arc<Master>,
    inlet: Inlet<Journal, UdmClient>,
    directory: Arc<DirectoryWatch<Ox, SqliteStore>>,
    view: View,
    settings: Arc<Mutex<ConnectorConfig>>,
    change: Arc<ChangeGuard>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Whether it is known what the server can do.
#[derive(Clone, Debug)]
enum Detection {
    Asking,
    Failed(String),
    Known,
}

/// The parts of a connector that know OX.
struct Built {
    target: Arc<Ox>,
    vault: Arc<StateVault>,
    master: Arc<Master>,
}

async fn build(
    config: &ConnectorConfig,
    store: &Arc<SqliteStore>,
    outlet: Option<Arc<dyn Outlet>>,
) -> Result<Built, StartError> {
    let vault = Arc::new(StateVault::open(Arc::clone(store), outlet).await?);
    vault.give(config.admins.clone());
    let client =
        Client::new(&config.client).map_err(|error| StartError::Settings { connector: config.name.clone(), error })?;
    let master = Arc::new(Master::new(config.master.clone()));
    let executor = Executor::new(client, Arc::clone(&master), Arc::clone(&vault));
    Ok(Built { target: Arc::new(OxTarget::new(config.settings.clone(), executor)), vault, master })
}

/// OX as a connector sees it, for dry runs: with the features of the server if it can be asked. The second value says why
/// not, otherwise.
pub async fn target_for_dry_run(
    config: &ConnectorConfig,
    store: &Arc<SqliteStore>,
) -> Result<(Arc<OxTarget<Arc<StateVault>>>, Option<String>), StartError> {
    let target = build(config, store, None).await?.target;
    let asked = detect(&target, &Mutex::new(config.clone())).await;
    Ok((target, asked.err()))
}

impl Connector {
    /// Starts a connector on a state store.
    pub async fn start(config: ConnectorConfig, store: SqliteStore, intake: Intake) -> Result<Self, StartError> {
        Box::pin(Self::start_with(config, store, intake, None)).await
    }

    /// The same with a second place for the credentials of context administrators that it makes.
    pub async fn start_with(
        config: ConnectorConfig,
        store: SqliteStore,
        intake: Intake,
        outlet: Option<Arc<dyn Outlet>>,
    ) -> Result<Self, StartError> {
        let store = Arc::new(store);
        // A crash may have left it.
        SqliteStore::remove(&impact_file(&store.path()))?;
        let begin = match config.mode {
            Mode::Live => settings_at_start(&config, &store).await?,
            Mode::DryRun => config.clone(),
        };
        let Built { target, vault, master } = build(&begin, &store, outlet).await?;
        let stop = CancellationToken::new();
        let settings = Arc::new(Mutex::new(begin.clone()));
        let (detected, detection) = watch::channel(Detection::Asking);
        let (verified, verification) = watch::channel(None);
        let mut tasks = Vec::new();
        let shadow = shadow_file(&store.path());
        let (ledger, engine, mirror) = match config.mode {
            Mode::Live => {
                SqliteStore::remove(&shadow)?;
                let (engine, handle) = Engine::new(Arc::clone(&target), Arc::clone(&store), config.engine.clone());
                tasks.push(tokio::spawn(work(
                    engine,
                    Arc::clone(&target),
                    Arc::clone(&settings),
                    detected,
                    stop.clone(),
                )));
                (Arc::clone(&store), handle, None)
            }
            Mode::DryRun => {
                let shadow = Arc::new(store.shadow(&shadow).await?);
                let dry = Arc::new(DryRun::new(Arc::clone(&target)));
                let (engine, handle) = Engine::new(dry, Arc::clone(&shadow), config.engine.clone());
                tasks.push(tokio::spawn(work(
                    engine,
                    Arc::clone(&target),
                    Arc::clone(&settings),
                    detected,
                    stop.clone(),
                )));
                let mirror = Arc::new(Mirror::new(Arc::clone(&store), Arc::clone(&shadow), handle.clone()));
                (shadow, handle, Some(mirror))
            }
        };
        engine.switch(begin.switch);
        engine.protect(config.protection);
        tasks.push(tokio::spawn(verify_on_schedule(
            Arc::clone(&target),
            Arc::clone(&store),
            engine.clone(),
            Arc::clone(&settings),
            verified,
            stop.clone(),
        )));
        let change =
            Arc::new(ChangeGuard::new(Arc::clone(&target), Arc::clone(&ledger), engine.clone(), Arc::clone(&settings)));
        let journal = Arc::new(JournalSink::new(Arc::clone(&target), Arc::clone(&store), engine.clone()));
        let source = Monitor::default();
        let directory = Arc::new(DirectoryWatch::new(
            Arc::clone(&target),
            Arc::clone(&store),
            engine.clone(),
            source.state(),
            source.counters(),
            config.directory.clone(),
        ));
        let inlet = Inlet::new(
            &config.source,
            (source.clone(), store.path()),
            (journal, directory.client_in_force()),
            stop.clone(),
        );
        let view = View {
            name: config.name.clone(),
            engine,
            source,
            directory: directory.report(),
            detection,
            verification,
            change: change.pending(),
            mirror,
            target: Arc::clone(&target),
        };
        let mut connector = Self {
            tasks,
            inlet,
            directory,
            config: config.clone(),
            target,
            store,
            ledger,
            vault,
            master,
            view,
            settings,
            change,
            stop,
        };
        connector.put_in_force(config).await?;
        connector.open_up(intake);
        Ok(connector)
    }

    /// Lets in what comes from outside: settings, events, what the directory says.
    fn open_up(&mut self, intake: Intake) {
        let stop = || self.stop.clone();
        self.tasks.push(match &self.view.mirror {
            // After the description, as in a live run.
            Some(mirror) => tokio::spawn(Arc::clone(mirror).run(stop())),
            None => tokio::spawn(Arc::clone(&self.change).run(stop())),
        });
        if intake == Intake::Follow {
            self.tasks.push(tokio::spawn(Arc::clone(&self.directory).follow(stop())));
            self.inlet.follow(self.config.source.clone());
        }
    }

    /// Whether a new configuration can be taken over without a restart of the connector. Another choice of features needs
    /// one, because the server has to be asked again.
    pub fn can_apply(&self, config: &ConnectorConfig) -> bool {
        let now = &self.config;
        now.client == config.client
            && now.engine == config.engine
            && now.mode == config.mode
            && now.features == config.features
    }

    /// Takes a new configuration over.
    pub async fn apply(&mut self, config: ConnectorConfig) -> Result<(), StateError> {
        if self.config.master != config.master {
            self.master.replace(config.master.clone());
            tracing::info!(connector = config.name, "master credentials changed");
            self.view.engine.reopen();
        }
        let changed = self.vault.give(config.admins.clone());
        if !changed.is_empty() {
            tracing::info!(connector = config.name, contexts = ?changed, "context credentials changed");
            let contexts: Vec<_> = changed.into_iter().map(handles::context).collect();
            self.ledger.ripple(&contexts).await?;
            self.view.engine.reopen();
        }
        self.view.engine.protect(config.protection);
        self.directory.apply(config.directory.clone());
        if self.config.source != config.source || self.config.directory != config.directory {
            tracing::info!(connector = config.name, "the source begins anew");
            self.inlet.replace(config.source.clone(), self.directory.client_in_force());
        }
        self.config = config.clone();
        self.put_in_force(config).await?;
        self.view.engine.wake();
        Ok(())
    }

    /// Plans with a configuration, in a dry run at once, else as soon as the change guard lets it through.
    async fn put_in_force(&self, config: ConnectorConfig) -> Result<(), StateError> {
        if self.view.mirror.is_none() {
            return self.change.propose(config).await;
        }
        self.view.engine.switch(config.switch);
        let objects = config.objects.clone();
        put_in_place(&self.target, &self.settings, config);
        describe(&*self.target, &*self.ledger, &objects).await?;
        Ok(())
    }

    /// A view of it that can be held while it works.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// What is stored.
    pub fn store(&self) -> &Arc<SqliteStore> {
        &self.store
    }

    /// What the engine works on: what is stored, or its shadow in a dry run.
    pub fn ledger(&self) -> &Arc<SqliteStore> {
        &self.ledger
    }

    /// The engine.
    pub fn engine(&self) -> &EngineHandle {
        &self.view.engine
    }

    /// OX.
    pub fn target(&self) -> &Arc<Ox> {
        &self.target
    }

    /// Takes all events in that are there and waits until nothing can make progress any more.
    pub async fn settle(&mut self) -> EngineStatus {
        loop {
            let mut brought = 0;
            loop {
                match self.inlet.drain().await {
                    Ok(drained) => {
                        brought += drained.accepted + drained.rejected;
                        if drained.left == 0 {
                            break;
                        }
                    }
                    // It is shown as the state of the source.
                    Err(error) => tracing::debug!(%error, "cannot take events in"),
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            match self.directory.once().await {
                Ok(found) => brought += usize::try_from(found).unwrap_or(usize::MAX),
                Err(reason) => {
                    // It is shown in the report.
                    tracing::debug!(reason, "the directory cannot be asked");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            }
            let mut detection = self.view.detection.clone();
            // An error means that the connector is being stopped.
            let _ = detection.wait_for(|detection| matches!(detection, Detection::Known)).await;
            let mut change = self.view.change.clone();
            let _ = change.wait_for(|change| matches!(change, None | Some(Pending::WaitsForApproval { .. }))).await;
            if let Some(mirror) = &self.view.mirror
                && let Err(error) = mirror.catch_up().await
            {
                tracing::error!(%error, "the dry run cannot take events over: they are safe in the journal");
            }
            let status = self.view.engine.idle().await;
            if brought == 0 {
                return status;
            }
        }
    }

    /// Stops taking events in, finishes what runs, and ends.
    pub async fn stop(self) {
        self.stop.cancel();
        self.inlet.ended().await;
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!(connector = self.config.name, "a task of the connector ended abnormally");
            }
        }
    }
}

/// Finds out what the server can do, then lets the engine work. Looks again from time to time.
async fn work<T: Target>(
    engine: Engine<T, SqliteStore>,
    target: Arc<Ox>,
    config: Arc<Mutex<ConnectorConfig>>,
    detected: watch::Sender<Detection>,
    stop: CancellationToken,
) {
    let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };
    let mut attempt = 0;
    let first = async {
        while let Err(reason) = detect(&target, &config).await {
            tracing::warn!(reason, "cannot ask OX what it can do");
            detected.send_replace(Detection::Failed(reason));
            attempt += 1;
            tokio::time::sleep(backoff.bound(attempt) / 2 + backoff.wait(attempt) / 2).await;
        }
        detected.send_replace(Detection::Known);
    };
    if stop.run_until_cancelled(first).await.is_none() {
        return;
    }
    let again = async {
        loop {
            tokio::time::sleep(FEATURES_EVERY).await;
            // What is known stays in force while the server cannot be asked.
            if let Err(reason) = detect(&target, &config).await {
                tracing::warn!(reason, "cannot ask OX again what it can do");
            }
        }
    };
    tokio::select! {
        () = engine.run(stop) => {}
        () = again => {}
    }
}

/// Asks the server for its features and puts them in force.
async fn detect(target: &Ox, config: &Mutex<ConnectorConfig>) -> Result<(), String> {
    let server = target.executor().client().features().await.map_err(|fault| fault.to_string())?;
    let mut config = config.lock().unwrap_or_else(PoisonError::into_inner);
    let features: Features = config.features.with(server);
    if config.settings.features != features {
        tracing::info!(?features, "features in force");
    }
    config.settings.features = features;
    target.replace_settings(config.settings.clone());
    Ok(())
}
