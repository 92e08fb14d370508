//! Faults and pauses that tests order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::simulator::random::Chance;

/// Where something can go wrong or be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Requests about subscriptions: create, list, get, delete, prefill status.
    Subscriptions,
    /// `GET …/messages/next`, whatever it finds. A pause holds the request before the queue is looked at.
    Next,
    /// A message that was taken from the queue and is about to be sent as the answer; polls without one do not come by here. A
    /// pause holds the answer. With any reset the message was delivered, but nobody has it.
    Delivery,
    /// `PATCH …/messages/{seq}/status`. A pause holds the request *before* it takes effect.
    Acknowledge,
    /// `POST /v1/messages`.
    Events,
    /// The way of a change in the directory into the queues.
    Live,
    /// The prefill, for each object. A pause holds it between reading the object and putting it into the queue; a fault of any
    /// kind makes the attempt fail there.
    Prefill,
    /// UDM searches. A pause holds the answer after the entries were collected.
    UdmSearch,
    /// UDM look-ups of one object, by DN or UUID. A pause holds the answer after the object was read.
    UdmGet,
    /// UDM writes.
    UdmWrite,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultAction {
    /// The connection is reset before anything happens.
    ResetBefore,
    /// It happens, then the connection is reset without an answer.
    ResetAfter,
    /// It happens, half of the answer is sent, then the connection ends.
    CutAnswer,
    /// 500 as the service answers it, nothing happens.
    InternalError,
    /// It happens, the answer is 500 all the same.
    InternalErrorAfter,
    /// 503 with `Retry-After`. UDM: as if LDAP were down for a new credential.
    Unavailable {
        /// Seconds of `Retry-After`.
        retry_after: u32,
    },
    /// The gateway of UDM while its server starts: 503, body a JSON text, two `Content-Type` fields.
    GatewayStarting,
    /// 401 although the credential is right.
    Unauthorized,
    /// 403 although the account may.
    Forbidden,
    /// 404: an object that vanished between list and look-up.
    NotFound,
    /// 200 with a page in HTML, as of a proxy.
    Html,
    /// 200 `null` although there would be something else.
    Null,
    /// 200 `[]` although subscriptions exist.
    EmptyList,
    /// Everything as usual, but later.
    Delay {
        /// How much later.
        milliseconds: u64,
    },
    /// (`Live`) The message is lost for all subscriptions.
    Drop,
    /// (`Live`) The message comes twice, with two numbers.
    Duplicate,
    /// (`Live`) The message has the new object on both sides although it changed.
    OldEqualsNew,
    /// (`Live`) What arrives in the queues is no JSON.
    Malformed,
    /// (`Prefill`) The attempt fails.
    Fail,
}

/// When something goes wrong. What is left out matches everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Where.
    pub place: Place,
    /// Only for this object type (topic), for instance `users/user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Lets that many pass before the first one.
    #[serde(default)]
    pub skip: u64,
    /// Hits only every nth of those that match (1 or 0: each).
    #[serde(default)]
    pub every: u64,
    /// How many it hits; without it, until faults are cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Probability that it hits, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What goes wrong.
    pub action: FaultAction,
}

impl FaultRule {
    /// A fault that hits everything at a place until faults are cleared.
    pub const fn always(place: Place, action: FaultAction) -> Self {
        Self { place, topic: None, skip: 0, every: 0, count: None, probability: None, action }
    }

    /// A fault that hits once.
    pub fn once(place: Place, action: FaultAction) -> Self {
        Self::always(place, action).times(1)
    }

    /// The same fault for an object type only.
    #[must_use]
    pub fn on_topic(self, topic: &str) -> Self {
        Self { topic: Some(topic.to_owned()), ..self }
    }

    /// The same fault after letting some pass.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// The same fault for every nth only.
    #[must_use]
    pub fn every(self, every: u64) -> Self {
        Self { every, ..self }
    }

    /// The same fault a number of times.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    /// The same fault for some only.
    #[must_use]
    pub fn with_probability(self, probability: f64) -> Self {
        Self { probability: Some(probability), ..self }
    }
}

#[derive(Debug)]
struct Ordered {
    rule: FaultRule,
    seen: u64,
}

impl Ordered {
    /// Whether it hits now.
    fn hits(&mut self, place: Place, topic: Option<&str>, chance: &Chance) -> bool {
        let rule = &mut self.rule;
        if rule.place != place || rule.topic.as_deref().is_some_and(|wanted| Some(wanted) != topic) {
            return false;
        }
        self.seen += 1;
        let Some(number) = self.seen.checked_sub(rule.skip).filter(|number| *number > 0) else { return false };
        if !number.is_multiple_of(rule.every.max(1)) {
            return false;
        }
        if rule.probability.is_some_and(|probability| chance.fraction() >= probability) {
            return false;
        }
        if let Some(count) = &mut rule.count {
            *count = count.saturating_sub(1);
        }
        true
    }
}

/// What happens to one request or message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Delay before anything else.
    pub delay: Duration,
    /// What goes wrong then.
    pub action: Option<FaultAction>,
}

/// The ordered faults.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Ordered>>);

impl Faults {
    /// Orders a fault.
    pub fn add(&self, rule: FaultRule) {
        self.rules().push(Ordered { rule, seen: 0 });
    }

    /// Takes back all orders.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// The orders that are not used up.
    pub fn list(&self) -> Vec<FaultRule> {
        self.rules().iter().map(|ordered| ordered.rule.clone()).collect()
    }

    /// What happens now: all delays, then the first other fault that hits.
    pub fn order(&self, place: Place, topic: Option<&str>, chance: &Chance) -> Order {
        let mut rules = self.rules();
        let mut order = Order::default();
        for ordered in rules.iter_mut() {
            let delay = match &ordered.rule.action {
                FaultAction::Delay { milliseconds } => Some(Duration::from_millis(*milliseconds)),
                _ if order.action.is_some() => continue,
                _ => None,
            };
            if !ordered.hits(place, topic, chance) {
                continue;
            }
            match delay {
                Some(delay) => order.delay += delay,
                None => order.action = Some(ordered.rule.action.clone()),
            }
        }
        rules.retain(|ordered| ordered.rule.count != Some(0));
        order
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Ordered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places at which everything is held until a test lets it go.
#[derive(Debug, Default)]
pub struct Pauses {
    /// How many wait at each held place.
    held: Mutex<BTreeMap<Place, usize>>,
    arrived: Notify,
    changed: Notify,
}

impl Pauses {
    /// Holds from now on whatever comes by.
    pub fn pause(&self, place: Place) {
        self.held().entry(place).or_default();
    }

    /// Lets go what is held, and everything after it.
    pub fn resume(&self, place: Place) {
        self.held().remove(&place);
        self.changed.notify_waiters();
    }

    /// Waits until something is held at a place.
    pub async fn until_held(&self, place: Place) {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if self.held().get(&place).is_some_and(|count| *count > 0) {
                return;
            }
            arrived.await;
        }
    }

    /// Whether a place is held.
    pub fn is_paused(&self, place: Place) -> bool {
        self.held().contains_key(&place)
    }

    /// Comes by a place: waits while it is held.
    pub async fn pass(&self, place: Place) {
        let mut counted = false;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.held().get_mut(&place) {
                None => return,
                Some(_) if counted => {}
                Some(count) => {
                    *count += 1;
                    counted = true;
                }
            }
            self.arrived.notify_waiters();
            changed.await;
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Place, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
