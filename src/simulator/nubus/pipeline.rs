//! The way of a change into the queues: listener, transformer with its cache, dispatcher.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::clock;
use super::directory::{Change, Snapshot};
use super::faults::{FaultAction, Place};
use super::provisioning::{Body, Message};
use super::server::{Shared, World};

/// Messages on their way, and what was sent last of each object.
#[derive(Debug, Default)]
pub struct Pipeline {
    waiting: VecDeque<(Instant, Arc<Message>)>,
    /// The transformer's cache: the last `new`, which becomes the next `old`.
    sent: HashMap<String, Arc<Snapshot>>,
}

/// Sends messages about changes, with the faults that are ordered for them.
pub fn publish(shared: &Shared, world: &mut World, changes: Vec<Change>) {
    for change in changes {
        let Some(object) = change.object() else { continue };
        let (kind, uuid) = (object.kind, object.uuid.clone());
        let order = shared.order(Place::Live, Some(kind.name()));
        let Change { old, new } = change;
        let mut old = world.pipeline.sent.remove(&uuid).or(old);
        if let Some(new) = &new {
            world.pipeline.sent.insert(uuid, Arc::clone(new));
        }
        if order.action == Some(FaultAction::OldEqualsNew) && old.is_some() && new.is_some() {
            old.clone_from(&new);
        }
        let copies = match order.action {
            Some(FaultAction::Drop) => {
                shared.ledger.count(|counters| counters.dropped += 1);
                0
            }
            Some(FaultAction::Duplicate) => 2,
            _ => 1,
        };
        let body = match order.action {
            Some(FaultAction::Malformed) => Body::Junk,
            _ => Body::Live { old, new },
        };
        let message = Arc::new(Message {
            publisher: "udm-listener".to_owned(),
            ts: clock::naive(Timestamp::now()),
            realm: "udm".to_owned(),
            topic: kind.name().to_owned(),
            body,
        });
        let delay = order.delay + Duration::from_millis(shared.options().latency.events);
        for _ in 0..copies {
            let at_once = delay.is_zero() && world.pipeline.waiting.is_empty() && !shared.pauses.is_paused(Place::Live);
            if at_once {
                world.provisioning.dispatch(&message);
            } else {
                world.pipeline.waiting.push_back((Instant::now() + delay, Arc::clone(&message)));
            }
        }
    }
}

/// Brings messages on that do not arrive at once, in their order.
pub async fn run(shared: Arc<Shared>) {
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let due = shared.with_world(|world| world.pipeline.waiting.front().map(|(due, _)| *due));
        let Some(due) = due else {
            changed.await;
            continue;
        };
        tokio::time::sleep_until(due.into()).await;
        shared.pauses.pass(Place::Live).await;
        shared.with_world(|world| {
            if let Some((_, message)) = world.pipeline.waiting.pop_front() {
                world.provisioning.dispatch(&message);
            }
        });
        shared.changed.notify_waiters();
    }
}

/// The message that a modification of an object would give now.
pub fn message_of(shared: &Shared, dn: &str) -> Option<Value> {
    shared.with_world(|world| {
        let object = world.directory.find(dn)?;
        let snapshot = world.directory.snapshot(&object);
        let message = Message {
            publisher: "udm-listener".to_owned(),
            ts: clock::naive(Timestamp::now()),
            realm: "udm".to_owned(),
            topic: object.kind.name().to_owned(),
            body: Body::Live { old: Some(Arc::clone(&snapshot)), new: Some(snapshot) },
        };
        let bytes = message.render(&world.directory, "", None)?;
        serde_json::from_slice(&bytes).ok()
    })
}
