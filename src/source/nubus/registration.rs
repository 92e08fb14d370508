//! What a subscription is, and what ours must be.

use std::fmt;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::transport::Credentials;
use crate::udm::ObjectType;

/// The realm of everything that comes from UDM.
pub(super) const REALM: &str = "udm";

/// The topics in the order in which they are registered. It is part of what makes two registrations equal, decides the order
/// of a prefill, and is that of the existing connector, so that its subscription is recognised.
pub const TOPICS: [ObjectType; 8] = [
    ObjectType::Context,
    ObjectType::AccessProfile,
    ObjectType::User,
    ObjectType::Group,
    ObjectType::FunctionalAccount,
    ObjectType::SharedAccount,
    ObjectType::SharedAccountPermission,
    ObjectType::Resource,
];

/// Whether a new subscription brings all objects that exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefill {
    /// Only changes from now on.
    #[default]
    None,
    /// All objects first.
    Requested,
}

/// A name that the Provisioning API cannot cope with: some leave a stray credential behind that breaks its list of
/// subscriptions for good (`nubus-provisioning.md` 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a subscription must consist of letters, digits, _ and - only")]
pub struct BadName;

/// A subscription to be created. Prints without the password.
#[derive(Clone)]
pub struct Registration {
    own: Credentials,
    prefill: Prefill,
}

impl Registration {
    /// A subscription of all topics with this name and password.
    pub fn new(own: &Credentials, prefill: Prefill) -> Result<Self, BadName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let good = !own.login.is_empty() && own.login.bytes().all(plain);
        if good { Ok(Self { own: own.clone(), prefill }) } else { Err(BadName) }
    }

    /// The body of the request, which is also what the Helm chart of Nubus takes to register a consumer. Holds the password.
    pub fn json(&self) -> String {
        let topics: Vec<_> = TOPICS.iter().map(|topic| json!({"realm": REALM, "topic": topic.as_str()})).collect();
        json!({
            "name": self.own.login,
            "realms_topics": topics,
            "request_prefill": self.prefill == Prefill::Requested,
            "password": self.own.password.expose_secret(),
        })
        .to_string()
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("own", &self.own).field("prefill", &self.prefill).finish()
    }
}

/// A subscription as the API describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub realms_topics: Vec<RealmTopic>,
    /// Whether it was to bring all objects that existed.
    pub request_prefill: bool,
    /// How far that is.
    pub prefill_queue_status: PrefillStatus,
}

/// A topic of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealmTopic {
    /// `udm`.
    pub realm: String,
    /// A UDM module.
    pub topic: String,
}

/// How far the prefill of a subscription is. Until it is done, nothing is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrefillStatus {
    /// It waits for the prefill service.
    Pending,
    /// It is being written into the queue.
    Running,
    /// It was given up; nothing is handed out ever.
    Failed,
    /// It is complete, or was not asked for.
    Done,
}

impl Subscription {
    /// The topics of ours that it lacks. Objects of these types never arrive.
    pub fn missing(&self) -> Vec<ObjectType> {
        let has =
            |topic: &ObjectType| self.realms_topics.iter().any(|one| one.realm == REALM && one.topic == topic.as_str());
        TOPICS.into_iter().filter(|topic| !has(topic)).collect()
    }

    /// Its topics that are none of ours. What they bring is put aside.
    pub fn surplus(&self) -> Vec<&str> {
        let ours = |one: &&RealmTopic| one.realm == REALM && TOPICS.iter().any(|topic| topic.as_str() == one.topic);
        self.realms_topics.iter().filter(|one| !ours(one)).map(|one| one.topic.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str) -> Credentials {
        Credentials::new(name, "geheim".to_owned())
    }

    #[test]
    fn only_names_that_the_service_can_cope_with_are_sent() {
        for good in ["oxherd", "ox-consumer", "OX_1"] {
            assert!(Registration::new(&own(good), Prefill::None).is_ok(), "{good}");
        }
        for bad in ["", "a.b", "a/b", "a b", "a*", "ü", "a>b"] {
            assert_eq!(Registration::new(&own(bad), Prefill::None).err(), Some(BadName), "{bad}");
        }
    }

    #[test]
    fn a_registration_prints_without_the_password() {
        let registration = Registration::new(&own("oxherd"), Prefill::Requested).unwrap();
        assert!(!format!("{registration:?}").contains("geheim"));
        assert!(registration.json().contains("geheim") && registration.json().contains("\"request_prefill\":true"));
    }

    #[test]
    fn all_types_are_topics() {
        assert!(ObjectType::all().all(|kind| TOPICS.contains(&kind)));
    }
}
