//! What the cluster holds of our kinds, as last seen.

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::scope::Scope;
use super::shelf::{Kind, Shelf, Signal};
use crate::api::{OxAccessProfile, OxAttributeMapping, OxConnector, OxContext, OxOperation};

/// The objects of our kinds.
pub(super) struct Cache {
    pub connectors: Arc<Shelf<OxConnector>>,
    pub contexts: Arc<Shelf<OxContext>>,
    pub mappings: Arc<Shelf<OxAttributeMapping>>,
    pub profiles: Arc<Shelf<OxAccessProfile>>,
    pub operations: Arc<Shelf<OxOperation>>,
    changed: Signal,
}

impl Cache {
    /// Begins to watch. Returns when everything was seen once. The watches end with the set of tasks.
    pub(super) async fn start(client: &Client, scope: &Scope, tasks: &mut JoinSet<&'static str>) -> Self {
        let changed = Signal::new();
        let cache = Self {
            connectors: follow(client, scope, &changed, tasks),
            contexts: follow(client, scope, &changed, tasks),
            mappings: follow(client, scope, &changed, tasks),
            profiles: follow(client, scope, &changed, tasks),
            operations: follow(client, scope, &changed, tasks),
            changed,
        };
        cache.connectors.filled().await;
        cache.contexts.filled().await;
        cache.mappings.filled().await;
        cache.profiles.filled().await;
        cache.operations.filled().await;
        cache
    }

    /// Changes of any object.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.listen()
    }
}

fn follow<K: Kind>(
    client: &Client,
    scope: &Scope,
    changed: &Signal,
    tasks: &mut JoinSet<&'static str>,
) -> Arc<Shelf<K>> {
    let shelf = Arc::new(Shelf::new());
    let (api, filled, changed) = (scope.api(client), Arc::clone(&shelf), changed.clone());
    tasks.spawn(async move {
        filled.follow(api, changed).await;
        "a watch of the API server"
    });
    shelf
}
