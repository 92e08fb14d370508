//! `OxOperation`: one request of an administrator.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Duration, ObjectRef};
use super::rules;

/// One request of an administrator to a connector. It is carried out once; its status holds the result.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "oxherd.dev",
    version = "v1alpha1",
    kind = "OxOperation",
    plural = "oxoperations",
    singular = "oxoperation",
    shortname = "oxop",
    category = "oxherd",
    namespaced,
    status = "OperationStatus",
    derive = "PartialEq",
    doc = "One request of an administrator to a connector.",
    selectable = ".spec.connectorRef.name",
    selectable = ".spec.action",
    validation = operation_is_immutable(),
    printcolumn(name = "Action", type_ = "string", json_path = ".spec.action"),
    printcolumn(name = "Connector", type_ = "string", json_path = ".spec.connectorRef.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Done", type_ = "integer", json_path = ".status.progress.done"),
    printcolumn(name = "Total", type_ = "integer", json_path = ".status.progress.total"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Result", type_ = "string", json_path = ".status.result", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = &rules::APPROVAL_NAMES_ITS_LIST)]
pub struct OxOperationSpec {
    /// Whom it is for.
    pub connector_ref: ObjectRef,
    /// What to do.
    pub action: Action,
    /// Which objects. Empty: all.
    #[serde(default)]
    pub selector: Selector,
    /// For `ApproveDeletions`: the list that is approved, as the status of the connector names it. Another list, even if it
    /// differs in one object only, needs another approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub deletion_list: Option<String>,
    /// How long the object stays after it is finished.
    #[serde(default = "ttl")]
    pub ttl: Duration,
}

fn ttl() -> Duration {
    Duration::constant("24h")
}

fn operation_is_immutable() -> kube::core::Rule {
    kube::core::Rule::from(("self.spec == oldSelf.spec", "an operation must not be changed: make another one"))
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Reads the objects from the directory again and provisions them.
    Resync,
    /// Compares OX with the desired state.
    Verify,
    /// Tries parked objects again.
    Retry,
    /// Forgets parked changes.
    Drop,
    /// Releases the deletions that are held back.
    ApproveDeletions,
    /// Finds the numbers of the objects in OX again by their names.
    RebuildIds,
    /// Shows what would be done, and does nothing.
    Plan,
}

/// Selects objects. All that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Identifiers (`univentionObjectIdentifier`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub objects: Vec<String>,
    /// Types, for instance `users/user`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub types: Vec<String>,
    /// Numbers of contexts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(range(min = 1)), extend("x-kubernetes-list-type" = "set"))]
    pub contexts: Vec<i32>,
    /// Categories of parked objects, for instance `InvalidObject`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub categories: Vec<String>,
}

/// How far an operation is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// The generation of the specification that this status speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: true when it is finished successfully.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// In one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<OperationPhase>,
    /// In numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What came out, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Where the full report is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_ref: Option<ObjectRef>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
}

/// How far an operation is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OperationPhase {
    /// It was not seen yet, or others are first.
    Pending,
    /// It is being carried out.
    Running,
    /// All went well.
    Succeeded,
    /// Something went wrong: see the result.
    Failed,
}

/// How far an operation is, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Objects that are done.
    #[serde(default)]
    pub done: i64,
    /// Objects that were selected.
    #[serde(default)]
    pub total: i64,
}
