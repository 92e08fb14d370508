//! What the clients did, so that tests can show what happened before what.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// A message that was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Place in the order of all deliveries and acknowledgements, from 1.
    pub order: u64,
    /// Name of the subscription.
    pub subscription: String,
    /// Number of the message in it.
    pub sequence_number: u64,
    /// How often it was delivered, this time included.
    pub num_delivered: u64,
    /// Object type.
    pub topic: String,
    /// Publisher, for instance `udm-listener` or `udm-pre-fill`.
    pub publisher: String,
    /// `univentionObjectIdentifier` of the object, if it has one.
    pub identifier: Option<String>,
}

/// An acknowledgement that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acknowledgement {
    /// Place in the order of all deliveries and acknowledgements, from 1.
    pub order: u64,
    /// Name of the subscription.
    pub subscription: String,
    /// Number of the message, as the client named it.
    pub sequence_number: String,
    /// Whether it removed the message (false also for a second time, and for faults before the effect).
    pub effective: bool,
}

/// All counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NubusCounters {
    /// Connections accepted.
    pub connections: u64,
    /// Answers by kind of request and status, for instance `next 200`, `acknowledge 404`, `udm-search 200`. Answers that were
    /// not sent count as `reset`.
    pub answers: BTreeMap<String, u64>,
    /// Messages handed out, redeliveries included.
    pub deliveries: u64,
    /// Messages handed out a second time or later.
    pub redeliveries: u64,
    /// Acknowledgements with effect.
    pub acknowledged: u64,
    /// Polls that ended without a message.
    pub empty_polls: u64,
    /// Live messages that were lost on purpose.
    pub dropped: u64,
    /// UDM searches that were executed.
    pub udm_searches: u64,
    /// Objects in the answers to them.
    pub udm_search_objects: u64,
    /// UDM look-ups of one object, by DN or UUID.
    pub udm_gets: u64,
    /// UDM writes that took effect.
    pub udm_writes: u64,
}

impl NubusCounters {
    /// The answers of a kind of request with any status, for instance `next`.
    pub fn requests(&self, kind: &str) -> u64 {
        let of_kind = |name: &str| name.split_once(' ').is_some_and(|(name, _)| name == kind);
        self.answers.iter().filter(|(name, _)| of_kind(name)).map(|(_, count)| count).sum()
    }
}

#[derive(Debug, Default)]
struct Inner {
    counters: NubusCounters,
    order: u64,
    deliveries: Vec<Delivery>,
    acknowledgements: Vec<Acknowledgement>,
}

/// The ledger of a running server.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Inner>);

impl Ledger {
    /// The counts so far.
    pub fn counters(&self) -> NubusCounters {
        self.inner().counters.clone()
    }

    /// What was handed out so far, in its order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inner().deliveries.clone()
    }

    /// What was acknowledged so far, in its order.
    pub fn acknowledgements(&self) -> Vec<Acknowledgement> {
        self.inner().acknowledgements.clone()
    }

    /// Starts anew; the order goes on.
    pub fn reset(&self) {
        let mut inner = self.inner();
        *inner = Inner { order: inner.order, ..Inner::default() };
    }

    /// Counts anything.
    pub fn count(&self, count: impl FnOnce(&mut NubusCounters)) {
        count(&mut self.inner().counters);
    }

    /// Counts an answer.
    pub fn answer(&self, kind: &str, status: &str) {
        *self.inner().counters.answers.entry(format!("{kind} {status}")).or_default() += 1;
    }

    /// Notes a delivery; its order is given here.
    pub fn delivered(&self, delivery: Delivery) {
        let mut inner = self.inner();
        inner.order += 1;
        inner.counters.deliveries += 1;
        inner.counters.redeliveries += u64::from(delivery.num_delivered > 1);
        let order = inner.order;
        inner.deliveries.push(Delivery { order, ..delivery });
    }

    /// Notes an acknowledgement; its order is given here.
    pub fn acknowledged(&self, acknowledgement: Acknowledgement) {
        let mut inner = self.inner();
        inner.order += 1;
        inner.counters.acknowledged += u64::from(acknowledgement.effective);
        let order = inner.order;
        inner.acknowledgements.push(Acknowledgement { order, ..acknowledgement });
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
