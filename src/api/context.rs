//! `OxContext`: one OX context.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{CredentialsRef, ObjectRef};
use super::rules;

/// A context (tenant) of an OX installation.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "oxherd.dev",
    version = "v1alpha1",
    kind = "OxContext",
    plural = "oxcontexts",
    singular = "oxcontext",
    shortname = "oxctx",
    category = "oxherd",
    namespaced,
    status = "ContextStatus",
    derive = "PartialEq",
    doc = "A context (tenant) of an OX installation.",
    selectable = ".spec.connectorRef.name",
    selectable = ".spec.id",
    printcolumn(name = "ID", type_ = "integer", json_path = ".spec.id"),
    printcolumn(name = "Connector", type_ = "string", json_path = ".spec.connectorRef.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users"),
    printcolumn(name = "Last sync", type_ = "date", json_path = ".status.lastSync"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct OxContextSpec {
    /// The connector of the installation.
    #[x_kube(validation = &rules::IMMUTABLE)]
    pub connector_ref: ObjectRef,
    /// Its number in OX.
    #[schemars(range(min = 1))]
    #[x_kube(validation = &rules::IMMUTABLE)]
    pub id: i32,
    /// Its name in OX. Absent: `context<id>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub name: Option<String>,
    /// Storage limit in MB; `-1` is unlimited.
    #[serde(default = "unlimited")]
    #[schemars(range(min = -1))]
    pub quota: i64,
    /// Names by which users may give the context when they log in, besides its number and `context<id>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub login_mappings: Vec<String>,
    /// Credentials of its administrator. Absent: oxherd makes an administrator when it creates the context, and keeps its
    /// password in a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_secret_ref: Option<CredentialsRef>,
    /// Whether oxherd may change the context.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// What happens in OX when this object is deleted.
    #[serde(default)]
    pub deletion_policy: ContextDeletionPolicy,
}

fn unlimited() -> i64 {
    -1
}

impl OxContextSpec {
    /// The name that the context has in OX.
    pub fn ox_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("context{}", self.id))
    }
}

/// Whether oxherd may change the context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ManagementPolicy {
    /// It is created and kept as described here.
    #[default]
    Manage,
    /// It exists and stays as it is; only what is in it is provisioned.
    Observe,
}

/// What happens in OX when the object of a context is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ContextDeletionPolicy {
    /// The context stays with all that is in it.
    #[default]
    Retain,
    /// It is deleted with all mails, appointments and files of its users.
    Delete,
}

/// What is known of a context.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextStatus {
    /// The generation of the specification that this status speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Synced` and `Conflict`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Storage limit in OX in MB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<i64>,
    /// Users in it because of us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<i64>,
    /// Groups in it because of us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<i64>,
    /// Name of the Secret with the credentials of its administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_secret: Option<String>,
    /// When it last was brought to the described state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<Time>,
    /// The last reconcile request (annotation) that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}
