//! The look at the directory itself, beside the source: the first load, and catching up what the source lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::{EngineHandle, Target};
use crate::source::directory::{
    CATCH_UP, CatchUp, Caught, Deletions, DirectoryError, FIRST_LOAD, Identity, Needs, Position, Scope, Survey,
};
use crate::source::{Counters, SourceState};
use crate::state::{Store, now_ms};
use crate::transport::{Backoff, Credentials};
use crate::udm::Event;
use crate::udm::rest::{self, SettingsError, UdmClient};

/// How often the settings and the source are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Pauses after a failure.
const PAUSES: Backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_mins(2) };
/// A source that always has more to deliver puts a look off for so long at most.
const LONGEST_BACKLOG: Duration = Duration::from_hours(1);

/// How the directory is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryConfig {
    /// How it is reached.
    pub client: rest::Settings,
    /// Who asks.
    pub credentials: Credentials,
    /// How objects come that were there before the connector.
    pub first_load: FirstLoad,
    /// When to look.
    pub schedule: Schedule,
}

/// How objects come that were there before the connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLoad {
    /// The directory is listed.
    Bulk,
    /// The source brings them.
    BySource,
}

/// When to look for what the source lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Time from one look at what was changed to the next.
    pub changes: Duration,
    /// Time from one comparison of all identifiers to the next.
    pub identifiers: Duration,
    /// What was changed within this time may still arrive by itself.
    pub grace: Duration,
}

/// A client of the directory.
pub fn directory_client(config: &DirectoryConfig) -> Result<UdmClient, SettingsError> {
    UdmClient::new(&config.client, config.credentials.clone())
}

/// What a target needs of objects.
pub struct NeedsOf<T>(pub Arc<T>);

impl<T: Target> Needs for NeedsOf<T> {
    fn reduce(&self, event: Event) -> Event {
        self.0.reduce(event)
    }

    fn revision(&self) -> String {
        self.0.revision()
    }
}

/// What the look at the directory is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryReport {
    /// In a few words.
    pub state: String,
    /// Events that the source had lost, and that were found, since the beginning.
    pub caught_up: u64,
    /// When the last look for changes ended, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<i64>,
    /// Objects that a first load brought since the start.
    pub loaded: u64,
    /// How far the first load is, as long as it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_load: Option<LoadReport>,
    /// Why the directory cannot be asked, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// How far a first load is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// Since when, in milliseconds since 1970.
    pub started_at: i64,
    /// Objects that were listed so far.
    pub listed: u64,
    /// The type that is being listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// About how many objects of that type there are, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<u64>,
}

/// What the look at the directory goes by.
pub(super) struct DirectoryWatch<T, S> {
    needs: NeedsOf<T>,
    store: Arc<S>,
    engine: EngineHandle,
    source: watch::Receiver<SourceState>,
    counters: Arc<Counters>,
    config: Mutex<Option<DirectoryConfig>>,
    client: Mutex<Option<(DirectoryConfig, UdmClient)>>,
    report: watch::Sender<Option<DirectoryReport>>,
}

impl<T: Target, S: Store> DirectoryWatch<T, S> {
    pub(super) fn new(
        target: Arc<T>,
        store: Arc<S>,
        engine: EngineHandle,
        source: watch::Receiver<SourceState>,
        counters: Arc<Counters>,
        config: Option<DirectoryConfig>,
    ) -> Self {
        let report = watch::channel(config.as_ref().map(|_| DirectoryReport::default())).0;
        let (config, client, needs) = (Mutex::new(config), Mutex::default(), NeedsOf(target));
        Self { needs, store, engine, source, counters, config, client, report }
    }

    /// Takes new settings over; the next look follows them.
    pub(super) fn apply(&self, config: Option<DirectoryConfig>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// What it is doing; none if there is no access to the directory.
    pub(super) fn report(&self) -> watch::Receiver<Option<DirectoryReport>> {
        self.report.subscribe()
    }

    fn config(&self) -> Option<DirectoryConfig> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A client for the settings in force; none if there is no access to the directory.
    pub(super) fn client_in_force(&self) -> Option<UdmClient> {
        self.client(&self.config()?).ok()
    }

    /// The client for these settings, the same one as long as they stay.
    fn client(&self, config: &DirectoryConfig) -> Result<UdmClient, SettingsError> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, client)) = &mut *kept
            && of.client == config.client
        {
            if of.credentials != config.credentials {
                client.replace_credentials(config.credentials.clone());
                of.credentials = config.credentials.clone();
            }
            return Ok(client.clone());
        }
        let client = directory_client(config)?;
        *kept = Some((config.clone(), client.clone()));
        Ok(client)
    }

    fn tell(&self, change: impl FnOnce(&mut DirectoryReport)) {
        self.report.send_modify(|report| change(report.get_or_insert_default()));
    }

    /// Looks at the directory as scheduled, until told to stop.
    pub(super) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        // It can be left at any time: what it found is durable.
        stop.run_until_cancelled(async {
            let mut attempt = 0;
            loop {
                let Some(config) = self.config() else {
                    self.report.send_replace(None);
                    tokio::time::sleep(LOOK).await;
                    continue;
                };
                match self.follow_as(&config).await {
                    Ok(()) => attempt = 0,
                    Err(reason) => {
                        attempt += 1;
                        tracing::warn!(reason, "the directory cannot be asked");
                        self.tell(|report| report.failure = Some(reason));
                        self.pause(&config, PAUSES.bound(attempt) / 2 + PAUSES.wait(attempt) / 2).await;
                    }
                }
            }
        })
        .await;
    }

    /// Waits, but no longer than the settings stay as they are.
    async fn pause(&self, config: &DirectoryConfig, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time && self.config().as_ref() == Some(config) {
            tokio::time::sleep(LOOK.min(time)).await;
        }
    }

    /// Looks as these settings say, as long as they are in force.
    async fn follow_as(&self, config: &DirectoryConfig) -> Result<(), String> {
        let client = self.client(config).map_err(|error| format!("spec.udm: {error}"))?;
        self.tell(|report| "waiting for the source".clone_into(&mut report.state));
        // What changes while the directory is listed must not escape: the source has to be there before.
        while !self.source_works() {
            if self.config().as_ref() != Some(config) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        let mut catch_up = self.first(&client, config).await.map_err(|error| error.to_string())?;
        let mut interruptions = self.source.clone();
        while self.config().as_ref() == Some(config) {
            let begun = Instant::now();
            self.round(&mut catch_up, config).await.map_err(|error| error.to_string())?;
            interruptions.mark_unchanged();
            let mut broken = false;
            // The next round comes early after an interruption.
            while begun.elapsed() < config.schedule.changes
                && self.config().as_ref() == Some(config)
                && !(broken && self.source_works())
            {
                broken |= !self.source_works();
                tokio::time::sleep(LOOK.min(config.schedule.changes)).await;
            }
            if broken {
                // What the source still has is not lost.
                self.pause(config, config.schedule.grace).await;
            }
        }
        Ok(())
    }

    fn source_works(&self) -> bool {
        !matches!(*self.source.borrow(), SourceState::Starting | SourceState::Failing { .. })
    }

    fn survey<'a>(&'a self, client: &'a UdmClient, origin: &'static str) -> Survey<'a, NeedsOf<T>, S> {
        Survey { client, store: &*self.store, needs: &self.needs, origin }
    }

    /// Does the first load, or finishes it, unless that is over.
    async fn first<'a>(
        &'a self,
        client: &'a UdmClient,
        config: &DirectoryConfig,
    ) -> Result<CatchUp<'a, NeedsOf<T>, S>, DirectoryError> {
        if let Some(catch_up) = CatchUp::resume(self.survey(client, CATCH_UP)).await? {
            return Ok(catch_up);
        }
        let mut since = now_ms();
        if config.first_load == FirstLoad::Bulk {
            let survey = self.survey(client, FIRST_LOAD);
            let scope = Scope { deletions: Deletions::Ignore, ..Scope::default() };
            let position = survey.position().await?.unwrap_or_else(|| Position::start(scope));
            since = position.started_at;
            self.tell(|report| "first load".clone_into(&mut report.state));
            self.show_load(&position);
            let position = survey
                .pass(position, |position| {
                    self.show_load(position);
                    self.engine.wake();
                })
                .await?;
            self.engine.wake();
            tracing::info!(
                listed = position.total(|found| found.listed),
                journalled = position.total(|found| found.journalled),
                "first load of the directory done"
            );
            let loaded = position.total(|found| found.journalled);
            self.tell(|report| (report.first_load, report.loaded) = (None, loaded));
        }
        CatchUp::begin(self.survey(client, CATCH_UP), since).await
    }

    fn show_load(&self, position: &Position) {
        let progress = position.progress(Duration::ZERO, 0.0);
        let load = LoadReport {
            started_at: position.started_at,
            listed: position.total(|found| found.listed),
            kind: progress.as_ref().map(|progress| progress.kind.to_string()),
            about: progress.and_then(|progress| progress.about),
        };
        self.tell(|report| {
            report.first_load = Some(load);
            report.failure = None;
        });
    }

    /// One look for what the source lost.
    async fn round(
        &self,
        catch_up: &mut CatchUp<'_, NeedsOf<T>, S>,
        config: &DirectoryConfig,
    ) -> Result<u64, DirectoryError> {
        let Schedule { identifiers, grace, .. } = config.schedule;
        self.tell(|report| "looking for changes".clone_into(&mut report.state));
        let mut lost = catch_up.changes(self.delivered_until(grace)).await?;
        self.show(catch_up.caught);
        let due = catch_up.caught.compared_at.saturating_add(ms(identifiers)) <= now_ms();
        if due {
            self.tell(|report| "comparing identifiers".clone_into(&mut report.state));
            let doubts: Vec<Identity> = catch_up.doubts().await?;
            let listed_at = now_ms();
            if !doubts.is_empty() {
                // The source may be about to deliver just these.
                let begun = Instant::now();
                while self.delivered_until(grace) < listed_at && begun.elapsed() < grace.max(LOOK) * 10 {
                    tokio::time::sleep(LOOK.min(grace)).await;
                }
            }
            lost += catch_up.settle(&doubts).await?;
            self.show(catch_up.caught);
        }
        if lost > 0 {
            tracing::warn!(lost, "the source had lost events; they were found in the directory");
            self.engine.wake();
        }
        self.tell(|report| {
            "watching".clone_into(&mut report.state);
            report.looked_at = Some(now_ms());
            report.failure = None;
        });
        Ok(lost)
    }

    /// One look, to be complete now: the first load, or what was changed until now.
    pub(super) async fn once(&self) -> Result<u64, String> {
        let Some(config) = self.config() else { return Ok(0) };
        let client = self.client(&config).map_err(|error| format!("spec.udm: {error}"))?;
        let work = async {
            let known = CatchUp::resume(self.survey(&client, CATCH_UP)).await?.is_some();
            let mut catch_up = self.first(&client, &config).await?;
            if known { self.round(&mut catch_up, &config).await } else { Ok(1) }
        };
        work.await.map_err(|error: DirectoryError| {
            let reason = error.to_string();
            self.tell(|report| report.failure = Some(reason.clone()));
            reason
        })
    }

    fn show(&self, caught: Caught) {
        self.tell(|report| report.caught_up = caught.lost);
    }

    /// Up to which time the source has delivered all that it will, in milliseconds since 1970: it was empty after that.
    fn delivered_until(&self, grace: Duration) -> i64 {
        let now = now_ms();
        let empty = self.counters.drained_at().unwrap_or(now);
        (empty - ms(grace)).max(now - ms(grace) - ms(LONGEST_BACKLOG))
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
