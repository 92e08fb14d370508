//! Subscriptions and their queues: a stream that is read from its beginning, one message in flight.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::message::Message;

/// How far the initial transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrefillStatus {
    /// Not begun.
    Pending,
    /// Under way.
    Running,
    /// All attempts are used up.
    Failed,
    /// Everything is in the queue, or none was asked for.
    Done,
}

/// A subscription as tests see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubscriptionState {
    /// Its name, which is its user name as well.
    pub name: String,
    /// The topics in their order.
    pub topics: Vec<String>,
    /// Whether an initial transfer was asked for.
    pub request_prefill: bool,
    /// How far it is.
    pub prefill: PrefillStatus,
    /// Messages in its queue, the one in flight included.
    pub queued: usize,
    /// The message that was delivered and not acknowledged: its number and how often it was delivered.
    pub in_flight: Option<(u64, u64)>,
    /// The number that the next message gets.
    pub next_number: u64,
}

/// A realm and an object type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// The realm.
    pub realm: String,
    /// The object type.
    pub topic: String,
}

/// A subscription.
#[derive(Debug)]
pub struct Subscription {
    /// Tells it from another one of the same name before or after it.
    pub generation: u64,
    /// What it wants, in order.
    pub topics: Vec<Topic>,
    /// Whether an initial transfer was asked for.
    pub request_prefill: bool,
    /// Its password; only the first 72 bytes count.
    pub password: String,
    /// How far the initial transfer is.
    pub prefill: PrefillStatus,
    /// Its queue; nothing if it was lost behind the service's back.
    pub queue: Option<Queue>,
}

impl Subscription {
    /// As `GET` shows it.
    pub fn picture(&self, name: &str) -> Value {
        json!({
            "name": name,
            "realms_topics": self.topics,
            "request_prefill": self.request_prefill,
            "prefill_queue_status": self.prefill,
        })
    }

    /// Whether a password is the right one.
    pub fn accepts(&self, password: &str) -> bool {
        let counted = |text: &str| text.as_bytes()[..text.len().min(72)].to_vec();
        counted(password) == counted(&self.password)
    }
}

/// The message that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    number: u64,
    since: Instant,
    count: u64,
}

/// A queue.
#[derive(Debug)]
pub struct Queue {
    next: u64,
    messages: BTreeMap<u64, Arc<Message>>,
    /// The number that was delivered last.
    position: u64,
    in_flight: Option<InFlight>,
}

/// What a fetch finds.
#[derive(Debug)]
pub enum Fetch {
    /// A message with its number and how often it was delivered.
    Message(u64, u64, Arc<Message>),
    /// Nothing; look again at this moment if nothing happens before.
    Wait(Option<Instant>),
}

impl Default for Queue {
    fn default() -> Self {
        Self { next: 1, messages: BTreeMap::new(), position: 0, in_flight: None }
    }
}

impl Queue {
    /// Puts a message at the end; gives its number.
    pub fn push(&mut self, message: Arc<Message>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.messages.insert(number, message);
        number
    }

    /// Takes the next message, or the one in flight again when its time is over.
    pub fn fetch(&mut self, now: Instant, ack_wait: Duration) -> Fetch {
        if let Some(flight) = self.in_flight {
            match self.messages.get(&flight.number) {
                Some(_) if now < flight.since + ack_wait => return Fetch::Wait(Some(flight.since + ack_wait)),
                Some(message) => {
                    let count = flight.count + 1;
                    self.in_flight = Some(InFlight { since: now, count, ..flight });
                    return Fetch::Message(flight.number, count, Arc::clone(message));
                }
                // Acknowledged by somebody else.
                None => self.in_flight = None,
            }
        }
        match self.messages.range(self.position + 1..).next() {
            Some((number, message)) => {
                self.position = *number;
                self.in_flight = Some(InFlight { number: *number, since: now, count: 1 });
                Fetch::Message(*number, 1, Arc::clone(message))
            }
            None => Fetch::Wait(None),
        }
    }

    /// `pop`: the delivery counts as acknowledged, but the message stays for ever.
    pub fn pop(&mut self) {
        self.in_flight = None;
    }

    /// Removes a message, delivered or not; false if there is none with this number.
    pub fn acknowledge(&mut self, number: u64) -> bool {
        let removed = self.messages.remove(&number).is_some();
        if removed && self.in_flight.is_some_and(|flight| flight.number == number) {
            self.in_flight = None;
        }
        removed
    }

    /// Removes all messages of the initial transfer, before it begins anew.
    pub fn purge_prefill(&mut self) {
        self.messages.retain(|_, message| !message.is_prefill());
    }

    /// What a hard restart of the queue server forgets.
    pub fn forget_deliveries(&mut self) {
        if let Some(flight) = self.in_flight.take() {
            self.position = flight.number - 1;
        }
    }
}

/// All subscriptions.
#[derive(Debug, Default)]
pub struct Provisioning {
    /// By name.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Whether a credential without subscription breaks the list.
    pub stray_credential: bool,
    /// Whether the queue server is down.
    pub down: bool,
    /// Whether the dispatcher has read an empty list of subscriptions; healed by any change of one.
    pub blind: bool,
    /// Subscriptions that wait for the prefill service, with their generation.
    pub prefill_requests: VecDeque<(String, u64)>,
    generations: u64,
}

impl Provisioning {
    /// Adds a subscription, with its request to the prefill service.
    pub fn add(&mut self, name: &str, topics: Vec<Topic>, request_prefill: bool, password: String) {
        self.generations += 1;
        let generation = self.generations;
        let prefill = if request_prefill { PrefillStatus::Pending } else { PrefillStatus::Done };
        let queue = Some(Queue::default());
        let subscription = Subscription { generation, topics, request_prefill, password, prefill, queue };
        self.subscriptions.insert(name.to_owned(), subscription);
        if request_prefill {
            self.prefill_requests.push_back((name.to_owned(), generation));
        }
        self.blind = false;
    }

    /// Hands a message to all subscriptions that want it, by exact comparison.
    pub fn dispatch(&mut self, message: &Arc<Message>) {
        if self.blind {
            return;
        }
        for subscription in self.subscriptions.values_mut() {
            // What is no message has no topic either: it hits everybody.
            let wanted = message.topic.is_empty()
                || subscription
                    .topics
                    .iter()
                    .any(|wanted| wanted.realm == message.realm && wanted.topic == message.topic);
            if let Some(queue) = subscription.queue.as_mut().filter(|_| wanted) {
                queue.push(Arc::clone(message));
            }
        }
    }

    /// The subscription of a name, if it is still the one of this generation.
    pub fn of_generation(&mut self, name: &str, generation: u64) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(name).filter(|subscription| subscription.generation == generation)
    }

    /// All subscriptions as tests see them.
    pub fn states(&self) -> Vec<SubscriptionState> {
        let state = |(name, subscription): (&String, &Subscription)| {
            let queue = subscription.queue.as_ref();
            SubscriptionState {
                name: name.clone(),
                topics: subscription.topics.iter().map(|topic| topic.topic.clone()).collect(),
                request_prefill: subscription.request_prefill,
                prefill: subscription.prefill,
                queued: queue.map_or(0, |queue| queue.messages.len()),
                in_flight: queue.and_then(|queue| queue.in_flight).map(|flight| (flight.number, flight.count)),
                next_number: queue.map_or(0, |queue| queue.next),
            }
        };
        self.subscriptions.iter().map(state).collect()
    }
}
