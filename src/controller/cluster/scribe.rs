//! Writes to the API server: status, finalizers, Events. Each write has a time limit, and a failed one is tried again by the
//! next pass.

use std::future::Future;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};

use super::condition::{Finding, Turn, conditions, cut};
use super::shelf::Kind;

/// Who writes the status of our objects.
const STATUS: &str = "oxherd-status";
/// Who sets finalizers.
const FINALIZERS: &str = "oxherd-finalizers";

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The API server refused.
    #[error(transparent)]
    Refused(#[from] kube::Error),
    /// The API server did not answer.
    #[error("no answer from the API server within {} s", PATIENCE.as_secs())]
    Silent,
}

impl WriteError {
    /// Whether the object is gone, which is fine for most purposes.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Refused(kube::Error::Api(status)) if status.code == 404)
    }
}

/// Waits for an answer, but not for ever.
pub(super) async fn within<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, WriteError> {
    tokio::time::timeout(PATIENCE, call).await.map_err(|_| WriteError::Silent)?.map_err(Into::into)
}

/// Writes to the API server.
#[derive(Clone)]
pub(super) struct Scribe {
    client: Client,
    recorder: Recorder,
}

impl Scribe {
    pub(super) fn new(client: Client, identity: &str) -> Self {
        let reporter = Reporter { controller: "oxherd".to_owned(), instance: Some(identity.to_owned()) };
        Self { recorder: Recorder::new(client.clone(), reporter), client }
    }

    /// The way to the API server.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The objects of a kind in the namespace of one of them.
    pub(super) fn api<K: Kind>(&self, object: &K) -> Api<K> {
        Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default())
    }

    /// Writes the whole status of an object.
    pub(super) async fn status<K: Kind>(&self, object: &K, status: &impl Serialize) -> Result<(), WriteError> {
        let patch = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "name": object.name_any(), "uid": object.uid() },
            "status": status,
        });
        let params = PatchParams::apply(STATUS).force();
        let api = Api::<K>::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        within(api.patch_status(&object.name_any(), &params, &Patch::Apply(patch))).await?;
        Ok(())
    }

    /// Tells what changed in the conditions of an object. Events are a courtesy: what cannot be told is only logged.
    pub(super) async fn tell<K: Kind>(&self, object: &K, turns: &[Turn]) {
        for turn in turns {
            let event = Event {
                type_: if turn.reason.is_warning() { EventType::Warning } else { EventType::Normal },
                reason: turn.reason.as_ref().to_owned(),
                note: Some(cut(&turn.message, 1_000)),
                action: turn.about.as_ref().to_owned(),
                secondary: None,
            };
            if let Err(error) = within(self.recorder.publish(&event, &object.object_ref(&()))).await {
                tracing::debug!(%error, reason = event.reason, "an Event could not be published");
            }
        }
    }

    /// Adds a finalizer or takes it away. Nothing happens if somebody changed the object meanwhile: the next pass sees it.
    pub(super) async fn finalizer<K: Kind>(&self, object: &K, name: &str, wanted: Wanted) -> Result<(), WriteError> {
        let has = object.finalizers().iter().any(|finalizer| finalizer == name);
        if has == (wanted == Wanted::Present) {
            return Ok(());
        }
        let mut finalizers = object.finalizers().to_vec();
        finalizers.retain(|finalizer| finalizer != name);
        if wanted == Wanted::Present {
            finalizers.push(name.to_owned());
        }
        let metadata = json!({ "finalizers": finalizers, "resourceVersion": object.resource_version() });
        let patch = json!({ "metadata": metadata });
        let params = PatchParams { field_manager: Some(FINALIZERS.to_owned()), ..PatchParams::default() };
        match within(self.api(object).patch(&object.name_any(), &params, &Patch::Merge(patch))).await {
            Err(WriteError::Refused(kube::Error::Api(status))) if [404, 409].contains(&status.code) => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Whether something is to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Present,
    Absent,
}

/// Writes the status of an object if it differs from what stands there, and tells what changed in its conditions.
///
/// `status` makes the status from the conditions, given those that stand there.
pub(super) async fn publish<K: Kind, S: Serialize + PartialEq>(
    scribe: &Scribe,
    object: &K,
    former: Option<&S>,
    before: &[Condition],
    findings: &[Finding],
    status: impl FnOnce(Vec<Condition>) -> S,
) -> Result<(), WriteError> {
    let (conditions, turns) = conditions(before, findings, object.meta().generation, Timestamp::now());
    let status = status(conditions);
    if former != Some(&status) {
        scribe.status(object, &status).await?;
        scribe.tell(object, &turns).await;
    }
    Ok(())
}

/// The value of an annotation.
pub(super) fn annotation<'a>(object: &'a impl ResourceExt, name: &str) -> Option<&'a str> {
    object.annotations().get(name).map(String::as_str)
}

/// As JSON, for reports.
pub(super) fn plain(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
