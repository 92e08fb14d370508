//! Keeps one connector in step with its objects: a pass looks at everything and does what is due, and passes follow each change.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::admins::AdminSecrets;
use super::board::{Shared, Told};
use super::condition::{Reason, conditions};
use super::connector::{FINALIZER, Look, Stock, is_urgent};
use super::context::{self, Known, RECONCILE};
use super::lease::{Leadership, Standing};
use super::mirror::Mirror;
use super::operation::Desk;
use super::problem::{Problem, lock};
use super::references::{Reference, References, Referred};
use super::scribe::{Wanted, annotation};
use super::shelf::Signal;
use super::site::{Inputs, Site, View, is_mirror};
use crate::api::{ConnectorStatus, OxConnector};
use crate::controller::change::readable;
use crate::controller::connector::{Connector, ConnectorReport, StartError};
use crate::controller::intake::Intake;
use crate::controller::resolve::{ConnectorConfig, resolve};
use crate::engine::Switch;
use crate::ox::handles;
use crate::state::sqlite::SqliteStore;
use crate::state::{ParkedFilter, StateError, Store};

/// The annotation that pauses a connector without an edit of its specification.
const PAUSED: &str = "oxherd.dev/paused";

/// How often a connector is looked at when nothing changes.
const LOOK: Duration = Duration::from_secs(1);
/// Changes that come so close together are looked at together.
const TOGETHER: Duration = Duration::from_millis(50);
/// How long a deleted connector may work off what waits.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait after a write that failed.
const REST: Duration = Duration::from_secs(2);

/// What follows a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Another pass.
    Again,
    /// The end: the object is gone.
    End,
}

/// A connector at work.
struct Running {
    connector: Connector,
    /// Nobody else uses the state meanwhile.
    _lock: File,
}

/// What is known of a connector, from pass to pass.
#[derive(Default)]
struct Memory {
    stock: Stock,
    contexts: BTreeMap<String, Known>,
    profile_users: BTreeMap<String, i64>,
    /// The work done when the state was last looked at, and when that was.
    looked: Option<(Work, Instant)>,
    last_success: Option<Timestamp>,
    /// The calls made when the connector was last looked at.
    calls: u64,
    status: Option<ConnectorStatus>,
    written: Option<Instant>,
    resting_until: Option<Instant>,
    handled: Option<String>,
}

/// Changes with everything that the engine does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    done: u64,
    parked: u64,
    held: u64,
    backlog: u64,
    gates: usize,
}

/// The keeper of one connector.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    namespace: String,
    name: String,
    uid: Option<String>,
    changed: Signal,
    references: References,
    leadership: Leadership,
    running: Option<Running>,
    /// What the last configuration was made of, whether it could be used or not.
    tried: Option<Inputs>,
    problem: Option<Problem>,
    /// The last mapping that could be used, with everything that it was made of.
    good: Option<Site>,
    desk: Desk,
    mirror: Mirror,
    memory: Memory,
}

impl Keeper {
    /// Begins to want the Lease of a connector.
    pub(super) fn new(shared: Arc<Shared>, connector: &OxConnector) -> Self {
        let (namespace, name) = (connector.namespace().unwrap_or_default(), connector.name_any());
        let changed = Signal::new();
        let client = shared.scribe.client().clone();
        let lease = shared.options.lease.clone();
        let leadership = Leadership::seek(client.clone(), &namespace, &name, lease, changed.clone());
        let references = References::new(client, namespace.clone(), changed.clone());
        let memory = Memory { status: connector.status.clone(), ..Memory::default() };
        Self {
            uid: connector.uid(),
            references,
            leadership,
            running: None,
            tried: None,
            problem: None,
            good: None,
            desk: Desk::new(changed.clone()),
            mirror: Mirror::default(),
            memory,
            changed,
            shared,
            namespace,
            name,
        }
    }

    /// Works until told to stop or until the object is gone. Drains, then gives the Lease back.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let (mut objects, mut own) = (self.shared.cache.changes(), self.changed.listen());
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.pass().await == Next::Again {
            let changed = async {
                tokio::select! {
                    _ = objects.changed() => {}
                    _ = own.changed() => {}
                    _ = tick.tick() => return,
                }
                tokio::time::sleep(TOGETHER).await;
            };
            if stop.run_until_cancelled(changed).await.is_none() {
                break;
            }
        }
        self.halt().await;
        self.leadership.resign().await;
    }

    /// Looks at everything and does what is due.
    async fn pass(&mut self) -> Next {
        let Some(object) = self.object() else { return Next::End };
        if !self.leads().await {
            return Next::Again;
        }
        if object.metadata.deletion_timestamp.is_some() {
            return self.leave(&object).await;
        }
        if let Err(error) = self.shared.scribe.finalizer(&*object, FINALIZER, Wanted::Present).await {
            tracing::warn!(connector = self.name, %error, "the finalizer cannot be set: nothing is begun without it");
            return Next::Again;
        }
        let view = self.view(object);
        self.references.want(&view.references());
        let Ok(referred) = self.references.seen() else { return Next::Again };
        let site = view.assemble(&referred);
        self.enforce(&view, &site, &referred).await;
        if let Err(error) = self.take_stock(&view).await {
            tracing::warn!(connector = self.name, %error, "the state cannot be read: the status is not complete");
        }
        self.see_to_contexts(&view, &site).await;
        self.see_to_operations().await;
        self.see_to_mirrors().await;
        self.report(&view.connector).await;
        Next::Again
    }

    /// The object, as long as it is the same.
    fn object(&self) -> Option<Arc<OxConnector>> {
        self.shared.cache.connectors.get(&self.namespace, &self.name).filter(|object| object.uid() == self.uid)
    }

    /// Whether we hold the Lease. Who lost it stops at once.
    async fn leads(&mut self) -> bool {
        match self.leadership.standing() {
            Standing::Leading => true,
            Standing::Unknown => false,
            Standing::Following { .. } => {
                self.halt().await;
                false
            }
        }
    }

    fn view(&self, connector: Arc<OxConnector>) -> View {
        let cache = &self.shared.cache;
        let contexts = cache.contexts.of(&self.namespace).into_iter();
        let profiles = cache.profiles.of(&self.namespace).into_iter();
        let mapping = connector.spec.mapping_ref.as_ref();
        View {
            contexts: contexts
                .filter(|context| context.spec.connector_ref.name == self.name && !is_mirror(&**context))
                .collect(),
            mapping: mapping.and_then(|reference| cache.mappings.get(&self.namespace, &reference.name)),
            profiles: profiles.filter(|profile| !is_mirror(&**profile)).collect(),
            connector,
        }
    }

    /// Puts in force what the objects say, if they say something new.
    async fn enforce(&mut self, view: &View, site: &Site, referred: &BTreeMap<Reference, Referred>) {
        let asked = annotation(&*view.connector, RECONCILE).map(str::to_owned);
        let mut inputs = site.inputs.clone();
        inputs.insert(PAUSED.to_owned(), annotation(&*view.connector, PAUSED).unwrap_or_default().to_owned());
        inputs.insert(RECONCILE.to_owned(), asked.clone().unwrap_or_default());
        if self.tried.as_ref() == Some(&inputs) {
            return;
        }
        let (mut config, problem) = self.resolve(view, site, referred);
        if config.is_none() && self.running.is_none() && problem.as_ref().is_some_and(Problem::is_in_mapping) {
            config = self.with_last_settings(view, site).await;
        }
        self.problem = problem;
        if let Some(mut config) = config {
            if annotation(&*view.connector, PAUSED) == Some("true") {
                config.switch = Switch::Paused;
            }
            if let Err(problem) = self.put_in_force(config, view, site).await {
                tracing::error!(
                    connector = self.name,
                    problem = problem.message,
                    "the connector cannot run as described"
                );
                self.problem = Some(problem);
                // It may work the next time.
                return;
            }
        }
        if let (Some(running), true) = (&self.running, asked != self.memory.handled) {
            running.connector.engine().reopen();
        }
        self.memory.handled = asked;
        self.memory.looked = None;
        self.tried = Some(inputs);
    }

    /// The configuration to run with, if there is one, and what is wrong with what is described.
    fn resolve(
        &mut self,
        view: &View,
        site: &Site,
        referred: &BTreeMap<Reference, Referred>,
    ) -> (Option<ConnectorConfig>, Option<Problem>) {
        let error = match resolve(&site.manifests, &self.name, &view.connector) {
            Ok(config) => {
                self.good = Some(site.clone());
                return (Some(config), None);
            }
            Err(error) => error,
        };
        let problem = Problem::of(&error, referred);
        tracing::warn!(connector = self.name, problem = problem.message, "what is described cannot be put in force");
        let repaired = problem.is_in_mapping().then(|| self.with_last_good_mapping(view, site)).flatten();
        (repaired, Some(problem))
    }

    /// Everything as it is described, with the last mapping that could be used.
    fn with_last_good_mapping(&self, view: &View, site: &Site) -> Option<ConnectorConfig> {
        let good = self.good.as_ref()?;
        let mut manifests = site.manifests.clone();
        manifests.mappings.clone_from(&good.manifests.mappings);
        let mut connector = (*view.connector).clone();
        connector.spec.mapping_ref.clone_from(&good.manifests.connectors.get(&self.name)?.spec.mapping_ref);
        let mapping = connector.spec.mapping_ref.as_ref().and_then(|one| good.manifests.mappings.get(&one.name));
        if let Some(json) = mapping.and_then(|mapping| mapping.spec.connector_json_ref.as_ref())
            && let Some(data) = good.manifests.config_maps.get(&json.name)
        {
            manifests.config_maps.insert(json.name.clone(), data.clone());
        }
        resolve(&manifests, &self.name, &connector).ok()
    }

    /// Everything as it is described, planned as it was when the connector ran last.
    async fn with_last_settings(&self, view: &View, site: &Site) -> Option<ConnectorConfig> {
        let path = self.state_file();
        if !path.exists() {
            return None;
        }
        let store = SqliteStore::open(&path).await.ok()?;
        let last = store.in_force().await.ok()?.and_then(readable)?;
        let mut connector = (*view.connector).clone();
        connector.spec.mapping_ref = None;
        Some(resolve(&site.manifests, &self.name, &connector).ok()?.with(last))
    }

    /// Starts the connector with this configuration, or lets it take the configuration over.
    async fn put_in_force(&mut self, config: ConnectorConfig, view: &View, site: &Site) -> Result<(), Problem> {
        if let Some(running) = &mut self.running
            && running.connector.can_apply(&config)
        {
            return running.connector.apply(config).await.map_err(|error| Problem::of_state(&error));
        }
        self.halt().await;
        let path = self.state_file();
        let lock = lock(&path)?;
        let store = SqliteStore::open(&path).await.map_err(|error| Problem::of_state(&error))?;
        let outlet = AdminSecrets::new(self.shared.scribe.client().clone(), &self.namespace, self.name.clone());
        let started = Connector::start_with(config, store, Intake::Follow, Some(Arc::new(outlet)));
        let connector = Box::pin(started).await.map_err(|error| match error {
            StartError::State(error) => Problem::of_state(&error),
            settings @ StartError::Settings { .. } => Problem::new(Reason::InvalidSpec, settings.to_string()),
        })?;
        tracing::info!(connector = self.name, contexts = view.contexts.len(), inputs = site.inputs.len(), "started");
        self.running = Some(Running { connector, _lock: lock });
        Ok(())
    }

    fn state_file(&self) -> PathBuf {
        self.shared.options.state.join(format!("{}.{}.db", self.namespace, self.name))
    }

    /// Stops the connector: what runs is finished, what waits stays in the journal.
    async fn halt(&mut self) {
        self.desk.abandon();
        if let Some(running) = self.running.take() {
            running.connector.stop().await;
            tracing::info!(connector = self.name, "stopped");
        }
        self.tried = None;
        self.shared.board.forget(&self.namespace, &self.name);
    }

    /// Ends because the object is deleted: works off what can be done soon, and lets the object go. Needs nothing of what the
    /// object describes.
    async fn leave(&mut self, object: &OxConnector) -> Next {
        if let Some(running) = &self.running {
            let engine = running.connector.engine().clone();
            self.report(object).await;
            if tokio::time::timeout(DRAIN, engine.idle()).await.is_err() {
                let left = engine.status().backlog;
                tracing::warn!(connector = self.name, left, "its object is deleted: what is left stays in its state");
            }
        }
        self.halt().await;
        if let Err(error) = self.shared.scribe.finalizer(object, FINALIZER, Wanted::Absent).await {
            tracing::warn!(connector = self.name, %error, "the finalizer cannot be taken away");
        }
        Next::Again
    }

    /// Reads what the status needs, if something was done since the last time.
    async fn take_stock(&mut self, view: &View) -> Result<(), StateError> {
        let Some(running) = &self.running else { return Ok(()) };
        let report = running.connector.view().report();
        let engine = &report.engine;
        if engine.totals.calls > self.memory.calls && engine.circuit.is_none() {
            self.memory.last_success = Some(Timestamp::now());
        }
        self.memory.calls = engine.totals.calls;
        let work = Work {
            done: engine.totals.done,
            parked: engine.parked,
            held: engine.held,
            backlog: engine.backlog,
            gates: engine.gates.len(),
        };
        let interval = view.connector.spec.status_interval.get();
        // While a context is on its way, somebody waits for it.
        let pause = if self.is_settled(view) { interval } else { LOOK };
        match self.memory.looked {
            Some((before, _)) if before == work => return Ok(()),
            Some((_, at)) if at.elapsed() < pause => return Ok(()),
            _ => {}
        }
        // What is really there, also in a dry run.
        let store = running.connector.store();
        self.memory.stock = Stock {
            counts: store.counts().await?,
            oldest_parked: match engine.parked {
                0 => None,
                _ => running.connector.ledger().parked(&ParkedFilter::All).await?.into_iter().next(),
            },
        };
        let mut contexts = BTreeMap::new();
        for context in &view.contexts {
            contexts.insert(context.name_any(), context::known(&**store, context, &report).await?);
        }
        self.memory.contexts = contexts;
        let mut users = BTreeMap::new();
        for profile in &view.profiles {
            let count = store.referrer_count(&handles::profile(profile.profile_name())).await?;
            users.insert(profile.name_any(), i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.memory.profile_users = users;
        self.mirror.look(&**store).await?;
        self.memory.looked = Some((work, Instant::now()));
        Ok(())
    }

    /// Whether all contexts are as they should be.
    fn is_settled(&self, view: &View) -> bool {
        let settled = |known: &Known| known.in_ox == context::Found::Yes;
        view.contexts.iter().all(|context| {
            context.metadata.deletion_timestamp.is_none()
                && self.memory.contexts.get(&context.name_any()).is_some_and(settled)
        })
    }

    async fn see_to_contexts(&self, view: &View, site: &Site) {
        let scribe = &self.shared.scribe;
        for context in &view.contexts {
            let name = context.name_any();
            if let Some(running) = &self.running
                && let Err(error) = context::guard(scribe, &**running.connector.store(), context).await
            {
                tracing::warn!(connector = self.name, context = name, %error, "the finalizer cannot be seen to");
            }
            let known = self.running.as_ref().and_then(|_| self.memory.contexts.get(&name));
            let secret = view.admin_secret_of(context);
            let there = site.manifests.secrets.contains_key(&secret).then_some(secret);
            if let Err(error) = context::report(scribe, context, known, site.refused.get(&name), there).await
                && !error.is_gone()
            {
                tracing::warn!(connector = self.name, context = name, %error, "the status cannot be written");
                return; // The API server is away: the others would wait in vain as well.
            }
        }
    }

    async fn see_to_operations(&mut self) {
        let operations = self.shared.cache.operations.of(&self.namespace).into_iter();
        let own: Vec<_> = operations.filter(|one| one.spec.connector_ref.name == self.name).collect();
        let connector = self.running.as_ref().map(|running| &running.connector);
        if let Err(error) = self.desk.pass(&self.shared.scribe, connector, &own).await {
            tracing::warn!(connector = self.name, %error, "an operation cannot go on");
        }
    }

    async fn see_to_mirrors(&self) {
        if self.running.is_none() {
            return;
        }
        let cache = &self.shared.cache;
        if let Err(error) = self.mirror.show(&self.shared.scribe, cache, &self.namespace, &self.name).await {
            tracing::warn!(connector = self.name, %error, "what the directory describes cannot be mirrored");
        }
    }

    /// Says how the connector is: in its status, if that differs from what stands there, and on the board.
    async fn report(&mut self, object: &OxConnector) {
        let report: Option<ConnectorReport> = self.running.as_ref().map(|running| running.connector.view().report());
        let look = Look {
            report: report.as_ref(),
            stock: &self.memory.stock,
            problem: self.problem.as_ref(),
            deleting: object.metadata.deletion_timestamp.is_some(),
            last_success: self.memory.last_success,
            handled: self.memory.handled.as_deref(),
        };
        let former = self.memory.status.as_ref();
        let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
        let generation = object.metadata.generation;
        let (conditions, turns) = conditions(before, &look.findings(), generation, Timestamp::now());
        let mut status = look.status(generation, conditions);
        if status.last_success.is_none() {
            status.last_success = former.and_then(|former| former.last_success.clone());
        }
        let told = Told { report, profile_users: self.memory.profile_users.clone() };
        self.shared.board.tell(&self.namespace, &self.name, told);
        let now = Instant::now();
        let due = match former {
            Some(former) if *former == status => false,
            Some(former) if !is_urgent(former, &status) => {
                self.memory.written.is_none_or(|at| at.elapsed() >= object.spec.status_interval.get())
            }
            _ => true,
        };
        if !due || self.memory.resting_until.is_some_and(|until| now < until) {
            return;
        }
        match self.shared.scribe.status(object, &status).await {
            Ok(()) => {
                self.memory.status = Some(status);
                self.memory.written = Some(now);
                self.shared.scribe.tell(object, &turns).await;
            }
            Err(error) if error.is_gone() => {}
            Err(error) => {
                tracing::warn!(connector = self.name, %error, "the status cannot be written");
                self.memory.resting_until = Some(Instant::now() + REST);
            }
        }
    }
}
