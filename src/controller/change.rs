//! Changes of settings that would change many objects wait for an approval. Meanwhile the former settings stay in force.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::engine::{EngineHandle, Reach, Switch};
use crate::ox::target::OxTarget;
use crate::state::sqlite::SqliteStore;
use crate::state::{InForce, StateError, Store, WaitingChange, now_ms};

use super::described::describe;
use super::impact::{impact, impact_file};
use super::resolve::{Blueprint, ConnectorConfig};
use super::vault::StateVault;

/// How often an approval is looked for, and an impact that could not be told is tried again.
const LOOK: Duration = Duration::from_millis(500);

/// A change of settings that is not in force yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all_fields = "camelCase", tag = "state")]
pub enum Pending {
    /// What it would do is being found out.
    Examining {
        /// What the new settings are called.
        revision: String,
    },
    /// It would change more objects than allowed without an approval.
    WaitsForApproval {
        /// What the new settings are called: approve exactly this one.
        revision: String,
        /// How many objects it would change in OX.
        changed: u64,
        /// How many objects it would park.
        refused: u64,
        /// How many both may be together without an approval.
        limit: u64,
        /// Since when it waits, in milliseconds since 1970.
        since: i64,
    },
    /// What it would do cannot be found out at the moment.
    Unknown {
        /// What the new settings are called.
        revision: String,
        /// Why.
        reason: String,
    },
}

impl Pending {
    /// In words, with the remedy.
    pub fn message(&self) -> String {
        match self {
            Self::Examining { revision } => format!("revision {revision}: finding out what it would change"),
            Self::WaitsForApproval { revision, changed, refused, limit, .. } => {
                let parked = if *refused == 0 { String::new() } else { format!(" and park {refused}") };
                format!(
                    "waits for approval: would change {changed} objects{parked} ({limit} allowed by \
                     spec.policies.changeGuard); the former settings stay in force until \
                     `oxherd approve-change --id {revision}`"
                )
            }
            Self::Unknown { revision, reason } => {
                format!("revision {revision}: {reason}; the former settings stay in force until it is known")
            }
        }
    }
}

/// Puts settings in force, at once or when they are approved.
pub(super) struct ChangeGuard {
    target: Arc<OxTarget<Arc<StateVault>>>,
    store: Arc<SqliteStore>,
    engine: EngineHandle,
    /// The configuration in force, with the features of the server.
    current: Arc<Mutex<ConnectorConfig>>,
    proposed: Mutex<Option<ConnectorConfig>>,
    enacting: tokio::sync::Mutex<()>,
    pending: watch::Sender<Option<Pending>>,
    news: Notify,
}

/// The settings to begin with: those that were in force last, unless nothing speaks against the new ones. Those of another
/// version of oxherd may not read back: then nothing is called until the new ones are in force.
pub(super) async fn settings_at_start(
    config: &ConnectorConfig,
    store: &SqliteStore,
) -> Result<ConnectorConfig, StateError> {
    let former = match store.in_force().await? {
        Some(former) if config.change_limit.is_some() && former.revision != config.blueprint().id() => former,
        _ => return Ok(config.clone()),
    };
    Ok(match readable(former) {
        Some(blueprint) => config.clone().with(blueprint),
        None => ConnectorConfig { switch: Switch::Paused, ..config.clone() },
    })
}

/// What was in force, unless another version of oxherd wrote it in a form of its own.
pub(super) fn readable(settings: InForce) -> Option<Blueprint> {
    serde_json::from_value(settings.settings).ok()
}

impl ChangeGuard {
    pub(super) fn new(
        target: Arc<OxTarget<Arc<StateVault>>>,
        store: Arc<SqliteStore>,
        engine: EngineHandle,
        current: Arc<Mutex<ConnectorConfig>>,
    ) -> Self {
        let (pending, _) = watch::channel(None);
        let (proposed, enacting, news) = (Mutex::default(), tokio::sync::Mutex::default(), Notify::new());
        Self { target, store, engine, current, proposed, enacting, pending, news }
    }

    /// The change that is not in force yet.
    pub(super) fn pending(&self) -> watch::Receiver<Option<Pending>> {
        self.pending.subscribe()
    }

    /// Wants a configuration in force. It is at once if it plans like the one in force, or if there is no limit.
    pub(super) async fn propose(&self, config: ConnectorConfig) -> Result<(), StateError> {
        let revision = config.blueprint().id();
        let former = self.store.in_force().await?;
        let former = former.filter(|former| config.change_limit.is_some() && former.revision != revision);
        {
            let mut proposed = self.proposed.lock().unwrap_or_else(PoisonError::into_inner);
            *proposed = Some(config.clone());
            if former.is_some() {
                self.pending.send_replace(Some(Pending::Examining { revision }));
            }
        }
        let Some(former) = former else { return self.enact(config).await };
        if readable(former).is_some() {
            self.engine.switch(config.switch);
        }
        self.news.notify_one();
        Ok(())
    }

    /// Puts a proposal in force, unless another one has taken its place.
    async fn enact(&self, config: ConnectorConfig) -> Result<(), StateError> {
        let _one_at_a_time = self.enacting.lock().await;
        let blueprint = config.blueprint();
        let (revision, objects) = (blueprint.id(), config.objects.clone());
        if !self.is_proposed(&revision) {
            return Ok(());
        }
        let settings = serde_json::to_value(&blueprint).unwrap_or_default();
        self.store.put_in_force(&InForce { revision: revision.clone(), settings }).await?;
        self.engine.switch(config.switch);
        put_in_place(&self.target, &self.current, config);
        describe(&*self.target, &*self.store, &objects).await?;
        self.tell(&revision, None);
        self.engine.wake();
        Ok(())
    }

    /// Says how it is with a proposal, unless another one has taken its place. None: it is in force.
    fn tell(&self, revision: &str, pending: Option<Pending>) {
        let mut proposed = self.proposed.lock().unwrap_or_else(PoisonError::into_inner);
        if proposed.as_ref().is_none_or(|config| config.blueprint().id() != revision) {
            return;
        }
        if pending.is_none() {
            *proposed = None;
        }
        self.pending.send_if_modified(|now| {
            let changed = *now != pending;
            *now = pending;
            changed
        });
    }

    /// Decides about proposals until told to stop.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let decide = async {
            loop {
                let proposed = self.proposed.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let Some(config) = proposed else {
                    self.news.notified().await;
                    continue;
                };
                let revision = config.blueprint().id();
                if let Err(reason) = Box::pin(self.look_at(config)).await {
                    tracing::warn!(reason, "a change of settings is not in force");
                    self.tell(&revision, Some(Pending::Unknown { revision: revision.clone(), reason }));
                }
                // A new proposal does not wait.
                let _ = tokio::time::timeout(LOOK, self.news.notified()).await;
            }
        };
        stop.run_until_cancelled(decide).await;
    }

    /// Decides about a proposal, or sees whether it has been approved. Objects that it would park count like those that it
    /// would change.
    async fn look_at(&self, config: ConnectorConfig) -> Result<(), String> {
        let failed = |error: StateError| error.to_string();
        let (revision, limit) = (config.blueprint().id(), config.change_limit.unwrap_or(u64::MAX));
        let waiting = self.store.waiting_change().await.map_err(failed)?.filter(|one| one.revision == revision);
        let (impact, since) = match waiting {
            Some(WaitingChange { approved_at: Some(_), .. }) => {
                tracing::info!(revision, "the change of settings is approved");
                return self.enact(config).await.map_err(failed);
            }
            Some(waiting) => (serde_json::from_value(waiting.impact).unwrap_or_default(), waiting.since),
            None => {
                let shadow = impact_file(&self.store.path());
                let impact = impact(&config, &self.store, &shadow).await.map_err(|error| error.to_string())?;
                if !self.is_proposed(&revision) {
                    return Ok(()); // Somebody changed his mind meanwhile.
                }
                (impact, now_ms())
            }
        };
        let Reach { changed, refused, .. } = impact.total;
        if changed + refused <= limit {
            return self.enact(config).await.map_err(failed);
        }
        let waits = Pending::WaitsForApproval { revision: revision.clone(), changed, refused, limit, since };
        if self.pending.borrow().as_ref() != Some(&waits) && self.is_proposed(&revision) {
            let impact = serde_json::to_value(impact).unwrap_or_default();
            let change = WaitingChange { revision: revision.clone(), impact, since, approved_at: None };
            self.store.set_waiting_change(Some(&change)).await.map_err(failed)?;
            tracing::warn!(revision, changed, refused, limit, "a change of settings waits for approval");
            self.tell(&revision, Some(waits));
        }
        Ok(())
    }

    fn is_proposed(&self, revision: &str) -> bool {
        let proposed = self.proposed.lock().unwrap_or_else(PoisonError::into_inner);
        proposed.as_ref().is_some_and(|config| config.blueprint().id() == revision)
    }
}

/// Plans with another configuration from now on.
pub(super) fn put_in_place(
    target: &OxTarget<Arc<StateVault>>,
    current: &Mutex<ConnectorConfig>,
    config: ConnectorConfig,
) {
    let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
    let features = current.settings.features;
    *current = config;
    current.settings.features = features;
    target.replace_settings(current.settings.clone());
}
