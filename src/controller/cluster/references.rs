//! Secrets and `ConfigMap`s that a connector refers to: each is watched by its name, so that a change is seen at once and no
//! right to list all Secrets is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::NamespaceResourceScope;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use super::shelf::Signal;
use crate::api::SecretData;

/// What is referred to, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reference {
    Secret(String),
    ConfigMap(String),
}

impl Reference {
    /// As people call it.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Secret(name) => format!("Secret '{name}'"),
            Self::ConfigMap(name) => format!("ConfigMap '{name}'"),
        }
    }
}

/// What a reference leads to.
#[derive(Clone, Debug)]
pub(super) enum Referred {
    /// A Secret and its version.
    Secret(SecretData, String),
    /// A `ConfigMap` and its version.
    ConfigMap(BTreeMap<String, String>, String),
    /// Nothing.
    Absent,
    /// It may not be read.
    Forbidden,
}

impl Referred {
    /// Changes with each change of what is referred to.
    pub(super) fn version(&self) -> &str {
        match self {
            Self::Secret(_, version) | Self::ConfigMap(_, version) => version,
            Self::Absent => "absent",
            Self::Forbidden => "forbidden",
        }
    }
}

type Seen = Arc<RwLock<BTreeMap<Reference, Referred>>>;

/// Ends the watch with its owner.
struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The things of one namespace that somebody refers to.
pub(super) struct References {
    client: Client,
    namespace: String,
    seen: Seen,
    watches: BTreeMap<Reference, Watch>,
    changed: Signal,
}

impl References {
    /// Watches nothing yet. Changes are told by the signal.
    pub(super) fn new(client: Client, namespace: String, changed: Signal) -> Self {
        Self { client, namespace, seen: Seen::default(), watches: BTreeMap::new(), changed }
    }

    /// Watches exactly these from now on.
    pub(super) fn want(&mut self, wanted: &BTreeSet<Reference>) {
        self.watches.retain(|reference, _| wanted.contains(reference));
        self.seen.write().unwrap_or_else(PoisonError::into_inner).retain(|reference, _| wanted.contains(reference));
        for reference in wanted {
            if !self.watches.contains_key(reference) {
                self.watches.insert(reference.clone(), self.watch(reference.clone()));
            }
        }
    }

    /// What all of them lead to; the first one that is not known yet otherwise.
    pub(super) fn seen(&self) -> Result<BTreeMap<Reference, Referred>, Reference> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        match self.watches.keys().find(|reference| !seen.contains_key(*reference)) {
            Some(unknown) => Err(unknown.clone()),
            None => Ok(seen.clone()),
        }
    }

    fn watch(&self, reference: Reference) -> Watch {
        let (client, seen, changed) = (self.client.clone(), Arc::clone(&self.seen), self.changed.clone());
        let namespace = self.namespace.clone();
        Watch(match reference.clone() {
            Reference::Secret(name) => tokio::spawn(async move {
                follow(Api::<Secret>::namespaced(client, &namespace), &name, reference, seen, changed, secret).await;
            }),
            Reference::ConfigMap(name) => tokio::spawn(async move {
                follow(Api::<ConfigMap>::namespaced(client, &namespace), &name, reference, seen, changed, map).await;
            }),
        })
    }
}

fn secret(secret: Secret) -> Referred {
    let version = secret.resource_version().unwrap_or_default();
    let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
    Referred::Secret(data.collect(), version)
}

fn map(map: ConfigMap) -> Referred {
    let version = map.resource_version().unwrap_or_default();
    Referred::ConfigMap(map.data.unwrap_or_default(), version)
}

/// Keeps one reference in step with the API server for ever. What was seen stays while the server is away.
async fn follow<K>(api: Api<K>, name: &str, reference: Reference, seen: Seen, changed: Signal, read: fn(K) -> Referred)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let objects = watcher::watch_object(api, name).default_backoff();
    let mut objects = std::pin::pin!(objects);
    while let Some(object) = objects.next().await {
        let mut seen = seen.write().unwrap_or_else(PoisonError::into_inner);
        match object {
            Ok(object) => {
                let referred = object.map_or(Referred::Absent, read);
                let news = seen.get(&reference).is_none_or(|known| known.version() != referred.version());
                seen.insert(reference.clone(), referred);
                if news {
                    changed.send();
                }
            }
            Err(error) => {
                tracing::warn!(object = reference.label(), %error, "cannot be watched: it is tried again");
                if is_forbidden(&error) && !seen.contains_key(&reference) {
                    seen.insert(reference.clone(), Referred::Forbidden);
                    changed.send();
                }
            }
        }
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed};
    let status = match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => match error {
            kube::Error::Api(status) => status,
            _ => return false,
        },
        WatchError(status) => status,
        NoResourceVersion => return false,
    };
    status.code == 403
}
