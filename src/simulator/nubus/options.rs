//! What can be set about a simulated Nubus.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Settings of a simulated Nubus. All but the first three can be changed while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NubusOptions {
    /// Address to listen on; port 0 takes a free one.
    pub address: SocketAddr,
    /// Seed of everything that is left to chance (identifiers, faults with a probability).
    pub seed: u64,
    /// Distinguished name of the directory's root, spelled exactly as clients must spell it.
    pub base_dn: String,
    /// Password of `admin`, who creates and deletes subscriptions.
    pub admin_password: String,
    /// Password of `udm`, who posts events.
    pub events_password: String,
    /// Password of `prefill`, who sets the prefill status.
    pub prefill_password: String,
    /// Who may use the UDM REST API: by user name, compared without case.
    pub udm_accounts: BTreeMap<String, UdmAccount>,
    /// Seconds until a message that was not acknowledged is delivered again (the real service: 1).
    pub ack_wait: f64,
    /// Seconds between two looks at the prefill status during a poll (the real service: 1). Timeouts are rounded up to it.
    pub prefill_poll: f64,
    /// Who fills new subscriptions.
    pub prefill: PrefillMode,
    /// Attempts of a prefill before it has failed for good.
    pub prefill_attempts: u32,
    /// Largest message in bytes that the queue takes.
    pub message_limit: usize,
    /// Most entries that a UDM search may find.
    pub size_limit: usize,
    /// How UDM answers to pages.
    pub pages: Pages,
    /// Whether UDM generates identifiers for objects without one (the default of the real server).
    pub generate_identifiers: bool,
    /// `Link` fields that each UDM answer has on top: some versions send hundreds.
    pub extra_links: usize,
    /// Whether the LDAP server behind UDM is down.
    pub ldap_down: bool,
    /// Time that requests take beside their own work.
    pub latency: NubusLatency,
}

impl Default for NubusOptions {
    fn default() -> Self {
        let administrator = UdmAccount { password: "univention".to_owned(), rights: UdmRights::Administrator };
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 0,
            base_dn: "dc=acme,dc=example".to_owned(),
            admin_password: "admin".to_owned(),
            events_password: "events".to_owned(),
            prefill_password: "prefill".to_owned(),
            udm_accounts: BTreeMap::from([("Administrator".to_owned(), administrator)]),
            ack_wait: 1.0,
            prefill_poll: 1.0,
            prefill: PrefillMode::Automatic,
            prefill_attempts: 5,
            message_limit: 16 << 20,
            size_limit: 400_000,
            pages: Pages::OneWorker,
            generate_identifiers: true,
            extra_links: 0,
            ldap_down: false,
            latency: NubusLatency::default(),
        }
    }
}

/// An account of the UDM REST API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UdmAccount {
    /// Its password.
    pub password: String,
    /// What it may do.
    pub rights: UdmRights,
}

/// What an account of the UDM REST API may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UdmRights {
    /// Everything.
    Administrator,
    /// Read; writes are refused by an LDAP ACL.
    Reader,
    /// Nothing: in none of the authorised groups.
    Outsider,
}

/// Who fills new subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrefillMode {
    /// The prefill service, as soon as they are created.
    Automatic,
    /// The prefill service does not run: subscriptions stay `pending` until this is changed or somebody sets the status.
    Stopped,
}

/// How UDM answers to `page` and `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pages {
    /// Pages in their order work; page 1 after a later one is empty; behind the last page comes the last one again.
    OneWorker,
    /// Every second page answers 500, because the other worker has the cookie.
    TwoWorkers,
}

/// Artificial latency in milliseconds, per object in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NubusLatency {
    /// The password check of the Provisioning API (bcrypt): stops the whole process, right passwords are cached for 30 s.
    pub password_check: u64,
    /// Each request of the Provisioning API.
    pub provisioning: u64,
    /// From a change in the directory to its message in the queues; 0 puts it there in one step with the change.
    pub events: u64,
    /// Each object that the prefill reads.
    pub prefill_object: u64,
    /// Each UDM search (the real server: about 100).
    pub udm_search: u64,
    /// Each object in the answer to a search, in microseconds (the real server: 1,100 unopened, 2,600 with everything).
    pub udm_search_object_us: u64,
    /// Each other UDM request (the real server: 5 to 10).
    pub udm: u64,
    /// How long UDM tries to reach an LDAP server that is down (the real server: 10,000).
    pub ldap_timeout: u64,
}
