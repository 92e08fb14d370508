//! What can be set about a simulated server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::schema::Feature;

/// Settings of a simulated server. All but the first three can be changed while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the real server, too")]
pub struct OxOptions {
    /// Address to listen on; port 0 takes a free one.
    pub address: SocketAddr,
    /// File that keeps the world over restarts of the program.
    pub state_file: Option<PathBuf>,
    /// Seed of everything that is left to chance (exception numbers, waiting times, faults with a probability).
    pub seed: u64,
    /// Login of the master admin.
    pub master_login: String,
    /// Password of the master admin.
    pub master_password: String,
    /// Whether login names may be changed (`USERNAME_CHANGEABLE`; off on a shipped server).
    pub username_changeable: bool,
    /// Whether display names have to be unique (`com.openexchange.user.enforceUniqueDisplayName`).
    pub unique_display_names: bool,
    /// Whether the user `create` knows `convertguest`.
    pub convert_guest: bool,
    /// Whether the deputy permission service is installed.
    pub deputies: bool,
    /// Whether the shared account service is installed.
    pub shared_accounts: bool,
    /// Whether the user copy service is installed.
    pub user_copy: bool,
    /// What `getVersion` of the util service answers; without it the operation does not exist.
    pub version: Option<String>,
    /// Whether user writes take the lock of their context.
    pub user_write_lock: bool,
    /// Factor for the times a call waits for that lock (1 is the pace of a real server).
    pub lock_wait_factor: f64,
    /// Time each call takes beside its own work.
    pub latency: Latency,
}

impl Default for OxOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            state_file: None,
            seed: 0,
            master_login: "oxadminmaster".to_owned(),
            master_password: "secret".to_owned(),
            username_changeable: false,
            unique_display_names: true,
            convert_guest: false,
            deputies: false,
            shared_accounts: false,
            user_copy: true,
            version: None,
            user_write_lock: true,
            lock_wait_factor: 1.0,
            latency: Latency::default(),
        }
    }
}

impl OxOptions {
    /// Whether a part of the interface exists.
    pub(super) const fn has(&self, feature: Feature) -> bool {
        match feature {
            Feature::ConvertGuest => self.convert_guest,
            Feature::Version => self.version.is_some(),
            Feature::Deputies => self.deputies,
            Feature::SharedAccounts => self.shared_accounts,
            Feature::UserCopy => self.user_copy,
        }
    }

    /// Whether a part exists that may depend on a feature.
    pub(super) fn allows(&self, feature: Option<Feature>) -> bool {
        feature.is_none_or(|feature| self.has(feature))
    }
}

/// Artificial latency per class of calls, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Calls that change nothing.
    pub reads: u64,
    /// Calls that take the user lock of their context.
    pub user_writes: u64,
    /// Other calls that change something.
    pub other_writes: u64,
    /// Calls with the master admin; comes on top of the other three.
    pub master_calls: u64,
}
