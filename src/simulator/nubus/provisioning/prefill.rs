//! The prefill service: one subscription after the other, topic by topic, object by object.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::message::{Body, Message};
use super::queue::{PrefillStatus, Topic};
use crate::simulator::nubus::clock;
use crate::simulator::nubus::directory::Kind;
use crate::simulator::nubus::faults::Place;
use crate::simulator::nubus::options::PrefillMode;
use crate::simulator::nubus::server::Shared;

/// Why an attempt ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// The subscription is gone.
    Gone,
    /// An error: the whole attempt counts as failed.
    Failed,
}

/// Fills subscriptions for ever.
pub async fn run_prefill(shared: Arc<Shared>) {
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let request = match shared.options().prefill {
            // It stays in its place until it is done: a killed service begins anew.
            PrefillMode::Automatic => shared.with_world(|world| world.provisioning.prefill_requests.front().cloned()),
            PrefillMode::Stopped => None,
        };
        let Some((name, generation)) = request else {
            changed.await;
            continue;
        };
        fill(&shared, &name, generation).await;
        shared.with_world(|world| {
            if world.provisioning.prefill_requests.front() == Some(&(name, generation)) {
                world.provisioning.prefill_requests.pop_front();
            }
        });
    }
}

async fn fill(shared: &Shared, name: &str, generation: u64) {
    let status = |status| {
        let known = shared.with_world(|world| {
            world.provisioning.blind = false;
            let subscription = world.provisioning.of_generation(name, generation);
            subscription.map(|subscription| subscription.prefill = status).is_some()
        });
        shared.changed.notify_waiters();
        known
    };
    for _ in 0..shared.options().prefill_attempts {
        // What an attempt before this one has left is taken out first.
        shared.with_world(|world| {
            let subscription = world.provisioning.of_generation(name, generation);
            if let Some(queue) = subscription.and_then(|subscription| subscription.queue.as_mut()) {
                queue.purge_prefill();
            }
        });
        if !status(PrefillStatus::Running) {
            return;
        }
        match attempt(shared, name, generation).await {
            Ok(()) => {
                status(PrefillStatus::Done);
                return;
            }
            Err(Stopped::Gone) => return,
            Err(Stopped::Failed) => {}
        }
    }
    status(PrefillStatus::Failed);
}

async fn attempt(shared: &Shared, name: &str, generation: u64) -> Result<(), Stopped> {
    let topics = shared.with_world(|world| {
        world.provisioning.of_generation(name, generation).map(|subscription| subscription.topics.clone())
    });
    for topic in topics.ok_or(Stopped::Gone)?.iter().filter(|topic| topic.realm == "udm") {
        for kind in Kind::ALL.into_iter().filter(|kind| matches(topic, *kind)) {
            let listed: Vec<String> =
                shared.with_directory(|directory| directory.all(kind).map(|object| object.dn.clone()).collect());
            for dn in listed {
                put(shared, name, generation, kind, &dn).await?;
            }
        }
    }
    Ok(())
}

async fn put(shared: &Shared, name: &str, generation: u64, kind: Kind, dn: &str) -> Result<(), Stopped> {
    let order = shared.order(Place::Prefill, Some(kind.name()));
    tokio::time::sleep(order.delay + Duration::from_millis(shared.options().latency.prefill_object)).await;
    if order.action.is_some() {
        return Err(Stopped::Failed);
    }
    // An object that vanished between list and look-up is an error, too.
    let snapshot = shared.with_directory(|directory| directory.find(dn).map(|object| directory.snapshot(&object)));
    let snapshot = snapshot.ok_or(Stopped::Failed)?;
    shared.pauses.pass(Place::Prefill).await;
    let message = Arc::new(Message {
        publisher: "udm-pre-fill".to_owned(),
        ts: clock::naive(Timestamp::now()),
        realm: "udm".to_owned(),
        topic: kind.name().to_owned(),
        body: Body::Prefill(snapshot),
    });
    shared.with_world(|world| {
        let subscription = world.provisioning.of_generation(name, generation).ok_or(Stopped::Gone)?;
        subscription.queue.as_mut().ok_or(Stopped::Failed)?.push(message);
        Ok(())
    })?;
    shared.changed.notify_waiters();
    Ok(())
}

/// Topics are regular expressions here: of those, `.*` at the end is understood.
fn matches(topic: &Topic, kind: Kind) -> bool {
    match topic.topic.strip_suffix(".*") {
        Some(prefix) => kind.name().starts_with(prefix),
        None => kind.name() == topic.topic,
    }
}
