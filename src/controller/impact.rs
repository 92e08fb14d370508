//! What changed settings would do: a dry run of them on a shadow of the state, by the same engine that a live run uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::engine::{
    DryRun, Engine, EngineHandle, EngineOptions, EngineStatus, GuardLimits, Impact, OnError, Phase, Protection,
};
use crate::ox::target::OxTarget;
use crate::state::StateError;
use crate::state::sqlite::SqliteStore;

use super::connector::{StartError, target_for_dry_run};
use super::described::describe;
use super::resolve::ConnectorConfig;
use super::vault::StateVault;

/// How long OX may be out of reach before the impact is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The file in which a running connector finds an impact out.
pub(super) fn impact_file(state: &Path) -> PathBuf {
    state.with_extension("impact.db")
}

/// The impact cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ImpactError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] StartError),
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// OX does not answer what has to be known.
    #[error("the impact cannot be told because OX cannot be asked: {0}")]
    Unreachable(String),
}

/// Plans all known objects with a configuration that is not in force. OX is read, never changed; `shadow` is the file for a
/// copy of the state, which is removed in the end. What waits in the journal is not part of it.
pub async fn impact(config: &ConnectorConfig, store: &Arc<SqliteStore>, shadow: &Path) -> Result<Impact, ImpactError> {
    let (target, unasked) = target_for_dry_run(config, store).await?;
    if let Some(reason) = unasked {
        return Err(ImpactError::Unreachable(reason));
    }
    let shadow = Arc::new(store.shadow(shadow).await?);
    let planned = rehearse(config, target, &shadow).await;
    let impact = match planned {
        Ok(()) => Ok(Impact::read(config.blueprint().id(), &*shadow, &**store).await?),
        Err(error) => Err(error),
    };
    shadow.discard().await?;
    impact
}

async fn rehearse(
    config: &ConnectorConfig,
    target: Arc<OxTarget<Arc<StateVault>>>,
    shadow: &Arc<SqliteStore>,
) -> Result<(), ImpactError> {
    describe(&*target, &**shadow, &config.objects).await?;
    // Nothing is called, so nothing has to be spared, and one faulty object must not hide the others.
    let options = EngineOptions { on_error: OnError::Continue, calls_per_second: None, ..config.engine.clone() };
    let (engine, handle) = Engine::new(Arc::new(DryRun::new(target)), Arc::clone(shadow), options);
    // What the deletion guard would hold back is part of what the settings would do.
    handle.protect(Protection { limits: GuardLimits::NONE, ..config.protection });
    let stop = CancellationToken::new();
    // Whoever does not wait any longer stops the engine as well.
    let _stopped = stop.clone().drop_guard();
    let running = tokio::spawn(engine.run(stop.clone()));
    let reached = tokio::select! {
        _ = handle.idle() => Ok(()),
        reason = stuck(&handle) => Err(ImpactError::Unreachable(reason)),
    };
    stop.cancel();
    // An engine that broke has said so.
    let _ = running.await;
    reached
}

/// Ends when the engine has been kept from working for too long; says why.
async fn stuck(engine: &EngineHandle) -> String {
    let mut status = engine.watch();
    loop {
        if status.wait_for(|status| obstacle(status).is_some()).await.is_err() {
            return "the dry run ended early".to_owned();
        }
        let free = status.wait_for(|status| obstacle(status).is_none());
        if tokio::time::timeout(PATIENCE, free).await.is_err() {
            return obstacle(&engine.status()).unwrap_or_default();
        }
    }
}

/// What keeps the engine from working.
fn obstacle(status: &EngineStatus) -> Option<String> {
    let gates = || status.gates.first().map(|gate| format!("{}: {}", gate.name, gate.reason));
    match status.phase {
        Phase::CircuitOpen => Some(status.circuit.as_ref().map(|circuit| circuit.reason.clone()).unwrap_or_default()),
        Phase::StateFailing => Some(status.state_failure.clone().unwrap_or_default()),
        Phase::Waiting => gates(),
        _ => None,
    }
}
