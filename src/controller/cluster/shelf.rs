//! The objects of one kind, as last seen. They stay readable while the API server is away.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::StreamExt;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

/// A kind of ours.
pub(super) trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Kind for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// Tells that something changed.
#[derive(Clone, Debug)]
pub(super) struct Signal(watch::Sender<u64>);

impl Signal {
    pub(super) fn new() -> Self {
        Self(watch::channel(0).0)
    }

    /// Something changed.
    pub(super) fn send(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A way to wait for changes.
    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// Namespace and name.
type Key = (String, String);

fn key(object: &impl ResourceExt) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The objects of one kind.
pub(super) struct Shelf<K> {
    objects: RwLock<BTreeMap<Key, Arc<K>>>,
    filled: watch::Sender<bool>,
}

impl<K: Kind> Shelf<K> {
    pub(super) fn new() -> Self {
        Self { objects: RwLock::default(), filled: watch::channel(false).0 }
    }

    /// Returns when everything was seen once.
    pub(super) async fn filled(&self) {
        // The sender lives as long as the shelf.
        let _ = self.filled.subscribe().wait_for(|filled| *filled).await;
    }

    /// All objects.
    pub(super) fn all(&self) -> Vec<Arc<K>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The objects of a namespace, by name.
    pub(super) fn of(&self, namespace: &str) -> Vec<Arc<K>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        let from = (namespace.to_owned(), String::new());
        objects.range(from..).take_while(|(key, _)| key.0 == namespace).map(|(_, object)| Arc::clone(object)).collect()
    }

    /// One object.
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Keeps the shelf in step with the API server for ever. While the server is away, it is asked again and again, ever more
    /// rarely. An object that cannot be read is left out and does not disturb the others.
    pub(super) async fn follow(self: Arc<Self>, api: Api<DeserializeGuard<K>>, changed: Signal) {
        let kind = K::kind(&()).into_owned();
        // What the server's own cache holds is good enough to begin with.
        let events = watcher(api, watcher::Config::default().any_semantic()).default_backoff();
        let mut events = std::pin::pin!(events);
        let mut incoming = BTreeMap::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => incoming.clear(),
                Ok(watcher::Event::InitApply(object)) => {
                    if let Some(object) = readable(&kind, object) {
                        incoming.insert(key(&object), Arc::new(object));
                    }
                }
                Ok(watcher::Event::InitDone) => {
                    *self.objects.write().unwrap_or_else(PoisonError::into_inner) = std::mem::take(&mut incoming);
                    self.filled.send_replace(true);
                    changed.send();
                }
                Ok(watcher::Event::Apply(object)) => {
                    if let Some(object) = readable(&kind, object) {
                        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
                        objects.insert(key(&object), Arc::new(object));
                        drop(objects);
                        changed.send();
                    }
                }
                Ok(watcher::Event::Delete(object)) => {
                    self.objects.write().unwrap_or_else(PoisonError::into_inner).remove(&key(&object));
                    changed.send();
                }
                Err(error) => tracing::warn!(kind, %error, "the API server cannot be watched: it is tried again"),
            }
        }
    }
}

/// The object, unless it cannot be read. What was known of it stays.
fn readable<K>(kind: &str, object: DeserializeGuard<K>) -> Option<K> {
    match object.0 {
        Ok(object) => Some(object),
        Err(invalid) => {
            let name = invalid.metadata.name.unwrap_or_default();
            tracing::warn!(kind, name, error = invalid.error, "an object cannot be read: it is left out");
            None
        }
    }
}
