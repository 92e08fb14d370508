//! `OxConnector`: one OX installation and where its users come from.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Duration, ObjectRef};
use super::connector_spec::{
    Defaults, Features, Identifiers, LoginTemplates, OxServer, Policies, Source, StateStore, Verification,
};
use super::rules;
use super::udm_spec::UdmApi;

/// Provisions one OX installation from one directory.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "oxherd.dev",
    version = "v1alpha1",
    kind = "OxConnector",
    plural = "oxconnectors",
    singular = "oxconnector",
    shortname = "oxc",
    category = "oxherd",
    namespaced,
    status = "ConnectorStatus",
    derive = "PartialEq",
    doc = "Provisions one OX installation from one directory.",
    validation = name_fits_into_labels(),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.ox.url"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.policies.mode"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Backlog", type_ = "integer", json_path = ".status.backlog"),
    printcolumn(name = "Parked", type_ = "integer", json_path = ".status.parked"),
    printcolumn(name = "Last success", type_ = "date", json_path = ".status.lastSuccess"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct OxConnectorSpec {
    /// Only a controller that was started with the same class takes care of this connector.
    #[serde(default)]
    #[schemars(length(max = 63))]
    #[x_kube(validation = &rules::IMMUTABLE)]
    pub controller_class: String,
    /// How to reach Open-Xchange.
    pub ox: OxServer,
    /// Where changes of the directory come from.
    pub source: Source,
    /// The UDM REST API, for first loads, resyncs and verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udm: Option<UdmApi>,
    /// Values for what the directory does not say.
    pub defaults: Defaults,
    /// Logins that OX uses at the mail server.
    #[serde(default)]
    pub login_templates: LoginTemplates,
    /// The UDM properties that become names in OX.
    #[serde(default)]
    pub identifiers: Identifiers,
    /// The `OxAttributeMapping` for users. Absent: the mapping of the existing connector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping_ref: Option<ObjectRef>,
    /// Parts of OX that not every server has.
    #[serde(default)]
    pub features: Features,
    /// How to act when something is not plain.
    #[serde(default)]
    pub policies: Policies,
    /// Regular comparison of OX with the directory.
    #[serde(default)]
    pub verification: Verification,
    /// Where oxherd keeps its journal and what it knows of OX.
    #[serde(default)]
    #[x_kube(validation = &rules::IMMUTABLE)]
    pub state: StateStore,
    /// How often the status is brought up to date at most.
    #[serde(default = "status_interval")]
    pub status_interval: Duration,
}

/// What belongs to a connector carries its name in a label, and the values of labels are short.
fn name_fits_into_labels() -> kube::core::Rule {
    kube::core::Rule::from(("self.metadata.name.size() <= 63", "metadata.name must be at most 63 characters long"))
}

fn status_interval() -> Duration {
    Duration::constant("10s")
}

/// What a connector is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorStatus {
    /// The generation of the specification that this status speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Synced`, `SourceConnected`, `TargetReachable`, `DeletionsBlocked` and `Paused`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What it is doing, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Changes that wait to be worked on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog: Option<i64>,
    /// Objects that wait for a correction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<i64>,
    /// The object that waits longest for a correction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_parked: Option<OldestParked>,
    /// How many objects OX holds because of us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned: Option<ProvisionedCounts>,
    /// Age of the oldest change that waits, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    /// When a call to OX last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Time>,
    /// When OX was last compared with the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_verification: Option<Time>,
    /// Names the deletions that are held back; an approval refers to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_list: Option<String>,
    /// The last reconcile request (annotation) that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// What a connector is doing, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// It is starting.
    Starting,
    /// It loads all objects for the first time.
    Loading,
    /// It works on changes.
    Working,
    /// There is nothing to do.
    Idle,
    /// It is paused.
    Paused,
    /// It cannot work: see the conditions.
    Blocked,
}

/// The object that waits longest for a correction. Its identifier only: names are personal data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OldestParked {
    /// Its identifier.
    pub object: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Category of the failure.
    pub category: String,
    /// Since when.
    pub since: Time,
}

/// How many objects OX holds because of us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProvisionedCounts {
    /// Contexts.
    #[serde(default)]
    pub contexts: i64,
    /// Users.
    #[serde(default)]
    pub users: i64,
    /// Groups, each counted once.
    #[serde(default)]
    pub groups: i64,
    /// Resources.
    #[serde(default)]
    pub resources: i64,
    /// Functional accounts.
    #[serde(default)]
    pub functional_accounts: i64,
    /// Shared accounts.
    #[serde(default)]
    pub shared_accounts: i64,
}
