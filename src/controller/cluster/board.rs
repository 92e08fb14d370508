//! What all parts of a controller share, and what the keepers tell each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::cache::Cache;
use super::lease::LeaseOptions;
use super::scope::Scope;
use super::scribe::Scribe;
use crate::controller::connector::ConnectorReport;

/// How a controller runs in a cluster.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Where it looks.
    pub scope: Scope,
    /// It cares for connectors of this class only.
    pub class: String,
    /// The folder with the state of the connectors, one file each.
    pub state: PathBuf,
    /// Where the admin server listens; port 0 takes a free one. The address is written to `admin.address` beside the state.
    pub admin: std::net::SocketAddr,
    /// How Leases are held.
    pub lease: LeaseOptions,
}

/// What all parts share.
pub(super) struct Shared {
    pub cache: Cache,
    pub scribe: Scribe,
    pub options: ClusterOptions,
    pub board: std::sync::Arc<Board>,
}

/// What a keeper tells of its connector.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// None if the connector does not run.
    pub report: Option<ConnectorReport>,
    /// How many users have a profile, by its name.
    pub profile_users: BTreeMap<String, i64>,
}

/// The connectors that this controller leads.
#[derive(Default)]
pub(super) struct Board(Mutex<BTreeMap<(String, String), Told>>);

impl Board {
    /// Replaces what is known of a connector.
    pub(super) fn tell(&self, namespace: &str, name: &str, told: Told) {
        let key = (namespace.to_owned(), name.to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, told);
    }

    /// The connector is not led any more.
    pub(super) fn forget(&self, namespace: &str, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// What is known of a connector; none if it is not led here.
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Told> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// The reports of all connectors that run here.
    pub(super) fn reports(&self) -> Vec<ConnectorReport> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().filter_map(|told| told.report.clone()).collect()
    }
}
