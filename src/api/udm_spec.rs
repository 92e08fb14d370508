//! The part of the specification of a connector that is about the UDM REST API.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{CredentialsRef, Duration};
use super::connector_spec::Tls;
use super::rules;

/// The UDM REST API: for first loads, resyncs, single look-ups, and to catch up what the source lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UdmApi {
    /// Base URL, for instance `https://portal.example.org/univention/udm/`.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = &rules::HTTP_URL)]
    pub url: String,
    /// Credentials that may read the objects.
    pub credentials_ref: CredentialsRef,
    /// How to verify the server.
    #[serde(default)]
    pub tls: Tls,
    /// How to find events that the source lost.
    #[serde(default)]
    pub catch_up: CatchUp,
}

/// How to find events that the source lost: the directory is asked regularly what has changed, and for what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatchUp {
    /// Time from one look at what was changed to the next. There is another one after each interruption of the source.
    #[serde(default = "interval")]
    pub interval: Duration,
    /// Time from one comparison of all identifiers to the next: it finds deletions, and costs the directory a list of all
    /// objects.
    #[serde(default = "deletions_interval")]
    pub deletions_interval: Duration,
    /// What was changed within this time may still arrive by itself and is not lost yet.
    #[serde(default = "grace")]
    pub grace: Duration,
}

fn interval() -> Duration {
    Duration::constant("5m")
}

fn deletions_interval() -> Duration {
    Duration::constant("1h")
}

fn grace() -> Duration {
    Duration::constant("30s")
}

impl Default for CatchUp {
    fn default() -> Self {
        Self { interval: interval(), deletions_interval: deletions_interval(), grace: grace() }
    }
}
