//! `oxherd run` in a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::controller::{ClusterOptions, LeaseOptions, Scope, client, run_in_cluster};

use super::CliError;
use super::run::stop_on_signal;

/// How the controller runs in a cluster.
#[derive(Debug, Args)]
pub struct Cluster {
    /// Care for the connectors of this namespace. Default: the namespace of the Pod, or that of the kubeconfig.
    #[arg(long, env = "OXHERD_NAMESPACE", value_name = "NAME")]
    namespace: Option<String>,
    /// Care for the connectors of all namespaces. Needs a cluster role.
    #[arg(long, env = "OXHERD_ALL_NAMESPACES", conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Care for connectors with this spec.controllerClass only.
    #[arg(long, env = "OXHERD_CLASS", default_value = "", value_name = "NAME")]
    class: String,
    /// The name under which Leases are held: that of the Pod. Default: the name of the host.
    #[arg(long, env = "OXHERD_IDENTITY", value_name = "NAME")]
    identity: Option<String>,
    /// After how many seconds another controller takes over from one that has vanished.
    #[arg(long, env = "OXHERD_LEASE_DURATION", default_value_t = 30, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(3..=3_600))]
    lease_duration: u64,
}

impl Cluster {
    /// Runs the controller.
    pub async fn run(self, state: PathBuf, admin: SocketAddr) -> Result<ExitCode, CliError> {
        let (client, own) = client().await.map_err(|error| CliError::usage(&error))?;
        let scope = if self.all_namespaces { Scope::Cluster } else { Scope::Namespace(self.namespace.unwrap_or(own)) };
        let duration = Duration::from_secs(self.lease_duration);
        let lease = LeaseOptions { identity: self.identity.unwrap_or_else(host), duration, renew: duration / 3 };
        let options = ClusterOptions { scope, class: self.class, state, admin, lease };
        let shutdown = stop_on_signal()?;
        run_in_cluster(client, options, shutdown).await.map_err(|error| CliError::failed(&error))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The name of the host: in a Pod, that of the Pod.
fn host() -> String {
    let name = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| format!("process-{}", std::process::id()))
}
