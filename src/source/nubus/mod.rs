//! Events from the Provisioning API of Nubus: one subscription, read by long polls.
//!
//! The service hands out one message at a time and the next one only when that is acknowledged; what is not acknowledged comes
//! again after a second, for ever (`nubus-provisioning.md` 5, 6). So each message is written to the journal together with how
//! far the queue was read (`position.rs`), then acknowledged. What comes again is recognised and only acknowledged.
//!
//! Nothing that a message says of itself is trusted but the identifier of its object: not the former state, not the numbers
//! beyond one life of the subscription, not that it is news. `doubt.rs` says what happens to messages that may be outdated.

mod api;
mod aside;
mod clock;
mod consumer;
mod doubt;
mod fault;
mod manage;
mod message;
mod position;
mod registration;

use std::path::PathBuf;
use std::time::Duration;

use crate::transport::{Backoff, Credentials};

pub use api::{Acknowledged, Api, ApiSettings, ApiSettingsError, Created};
pub use consumer::{Nubus, NubusError};
pub use fault::ApiError;
pub use manage::{Difference, Found, Manager};
pub use message::{Content, Message, NoMessage, Publisher, Unusable, Written};
pub use registration::{BadName, Prefill, PrefillStatus, RealmTopic, Registration, Subscription, TOPICS};

/// Which subscription to read, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NubusConfig {
    /// Where the API is.
    pub api: ApiSettings,
    /// Name and password of the subscription.
    pub own: Credentials,
    /// Who may create it, if it may be created.
    pub admin: Option<Credentials>,
    /// Whether a new subscription brings all objects that exist.
    pub prefill: Prefill,
    /// How often an acknowledgement is repeated before the connection counts as broken.
    pub acknowledgement_retries: u32,
    /// How patient to be.
    pub timing: Timing,
}

impl NubusConfig {
    /// A subscription that exists, with the usual patience.
    pub fn new(url: impl Into<String>, own: Credentials) -> Self {
        Self {
            api: ApiSettings::new(url),
            own,
            admin: None,
            prefill: Prefill::None,
            acknowledgement_retries: 3,
            timing: Timing::default(),
        }
    }

    /// The subscription as it is to be registered.
    pub fn registration(&self) -> Result<Registration, BadName> {
        Registration::new(&self.own, self.prefill)
    }
}

/// How patient to be with the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long the service is asked to wait for a message.
    pub poll: Duration,
    /// Waits after a failure.
    pub backoff: Backoff,
    /// Waits after refused credentials: each try stops the whole service for a quarter of a second.
    pub refused: Backoff,
    /// How long a prefill may wait for its service before something must be wrong with it.
    pub prefill: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(20),
            backoff: Backoff { first: Duration::from_millis(500), most: Duration::from_secs(30) },
            refused: Backoff { first: Duration::from_secs(10), most: Duration::from_mins(1) },
            prefill: Duration::from_mins(15),
        }
    }
}

/// Where notes of unusable messages are kept: beside a state file.
pub fn notes_folder(state: &std::path::Path) -> PathBuf {
    state.with_extension("rejected")
}
