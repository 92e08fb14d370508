//! The Provisioning API: each group of recordings in its order, with what happened behind the API between them.

use std::time::{Duration, Instant};

use oxherd::simulator::nubus::{
    FaultAction, FaultRule, NubusControl, NubusSimulator, Place, PrefillMode, PrefillStatus,
};
use serde_json::{Value, json};

use crate::exchange::{judge, names, recording, simulator};

const TOPICS: [&str; 8] = [
    "oxmail/oxcontext",
    "oxmail/accessprofile",
    "users/user",
    "groups/group",
    "oxmail/functional_account",
    "oxmail/shared_account",
    "oxmail/shared_account_permission",
    "oxresources/oxresources",
];

/// Replays recordings against a simulator and collects what differs.
struct Replay {
    simulator: NubusSimulator,
    control: NubusControl,
    differences: Vec<(String, Vec<String>)>,
    replayed: usize,
}

impl Replay {
    async fn start() -> Self {
        let simulator = simulator().await;
        let control = simulator.control();
        Self { simulator, control, differences: Vec::new(), replayed: 0 }
    }

    /// Replays one exchange; gives its body and how long it took.
    async fn play(&mut self, name: &str) -> (Value, Duration) {
        self.play_at(name, |_| {}).await
    }

    /// The same with a change of the recorded request or answer that this run needs.
    async fn play_at(&mut self, name: &str, change: impl FnOnce(&mut crate::exchange::Exchange)) -> (Value, Duration) {
        let mut exchange = recording("provisioning", name);
        change(&mut exchange);
        let started = Instant::now();
        let got = exchange.send(self.simulator.address()).await;
        let time = started.elapsed();
        self.replayed += 1;
        self.differences.push((name.to_owned(), exchange.differences(&got)));
        (serde_json::from_slice(&got.body).unwrap_or_default(), time)
    }

    /// Posts the message that a recording shows, as the transformer did.
    fn post(&self, name: &str) {
        let recorded = recording("provisioning", name).response.body;
        let mut message = recorded;
        let message = message.as_object_mut().unwrap();
        message.remove("sequence_number");
        message.remove("num_delivered");
        assert_eq!(self.control.post(&Value::Object(message.clone())), 202);
    }

    /// Posts any message.
    fn post_any(&self) {
        let object = json!({"objectType": "groups/group", "dn": "cn=x,dc=example,dc=test", "properties": {}});
        let message = json!({"publisher_name": "udm-listener", "ts": "2026-11-22T02:14:43.467260", "realm": "udm",
            "topic": "groups/group", "body": {"old": {}, "new": object}});
        assert_eq!(self.control.post(&message), 202);
    }

    async fn acknowledge(&self, name: &str, number: u64) {
        let mut exchange = recording("provisioning", "ack-200");
        exchange.request.path = format!("/v1/subscriptions/{name}/messages/{number}/status");
        exchange.request.headers.insert("Authorization".to_owned(), json!(format!("Basic (credentials of {name})")));
        assert_eq!(exchange.send(self.simulator.address()).await.status, 200);
    }

    fn end(self, expected: usize) {
        assert_eq!(self.replayed, expected);
        judge(&self.differences, &[]);
    }
}

/// Recorded credentials are notes; the simulator gets `secret` for everybody, so creations must say so as well.
fn with_secret(exchange: &mut crate::exchange::Exchange) {
    exchange.request.body.set("/password", json!("secret"));
}

#[tokio::test]
async fn subscriptions() {
    let mut replay = Replay::start().await;
    replay.control.change_options(|options| options.prefill = PrefillMode::Stopped);
    for name in [
        "subscription-create-201",
        "subscription-create-with-prefill-201",
        "subscription-create-again-200",
        "subscription-create-topic-order-409",
    ] {
        replay.play_at(name, with_secret).await;
    }
    let other = |exchange: &mut crate::exchange::Exchange| exchange.request.body.set("/password", json!("another"));
    replay.play_at("subscription-create-other-password-409", other).await;
    replay.play("subscription-create-missing-field-422").await;
    replay.play_at("subscription-create-unknown-realm-201", with_secret).await;
    replay.control.set_prefill_status("odd-realm", PrefillStatus::Done);
    replay.play("subscription-create-as-consumer-401").await;
    replay.play("subscription-get-200").await;
    replay.play("subscription-get-as-admin-401").await;
    // The list was recorded with more subscriptions.
    replay.control.unsubscribe("ox-prefill");
    let listed = recording("provisioning", "subscription-list-200").response.body;
    for entry in listed.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        if replay.control.subscription(name).is_none() {
            let topics: Vec<&str> = entry["realms_topics"]
                .as_array()
                .unwrap()
                .iter()
                .map(|topic| topic["topic"].as_str().unwrap())
                .collect();
            replay.control.subscribe(name, "secret", &topics, entry["request_prefill"] == json!(true));
            replay.control.set_prefill_status(name, PrefillStatus::Done);
        }
    }
    let by_name = |exchange: &mut crate::exchange::Exchange| {
        // The queue server gives them in an order of its own.
        exchange.response.body.as_array_mut().unwrap().sort_by_key(|entry| entry["name"].to_string());
    };
    replay.play_at("subscription-list-200", by_name).await;
    replay.control.subscribe("other", "secret", &["users/user"], false);
    replay.play("subscription-delete-own-200").await;
    replay.play("subscription-delete-missing-404").await;
    replay.play("subscription-get-after-delete-401").await;
    replay.play("subscription-create-name-with-dot-500").await;
    replay.play("subscription-list-after-bad-name-500").await;
    replay.end(16);
}

#[tokio::test]
async fn deleted_during_a_long_poll() {
    let mut replay = Replay::start().await;
    replay.control.subscribe("ox-fail", "secret", &["users/user"], false);
    let control = replay.control.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        control.unsubscribe("ox-fail");
    });
    let (_, time) = replay.play("next-deleted-during-long-poll-null").await;
    assert!(time >= Duration::from_millis(2900), "{time:?}");
    replay.end(1);
}

#[tokio::test]
async fn authentication_and_general_routes() {
    let mut replay = Replay::start().await;
    replay.control.subscribe("ox-consumer", "secret", &TOPICS, false);
    for name in [
        "auth-missing-401",
        "auth-wrong-password-401",
        "auth-foreign-name-any-password-401",
        "health-404",
        "trailing-slash-307",
    ] {
        replay.play(name).await;
    }
    replay.end(5);
}

#[tokio::test]
async fn fetch_from_an_empty_queue() {
    let mut replay = Replay::start().await;
    replay.control.subscribe("ox-consumer", "secret", &TOPICS, false);
    let (_, time) = replay.play("next-empty-timeout-0").await;
    assert!(time >= Duration::from_millis(90), "{time:?}");
    let (_, time) = replay.play("next-empty-timeout-1").await;
    assert!(time >= Duration::from_millis(990), "{time:?}");
    let poll = recording("provisioning", "next-long-poll-ended-by-message");
    let address = replay.simulator.address();
    let waiting = tokio::spawn(async move { poll.send(address).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    replay.play("event-post-202").await;
    let got = waiting.await.unwrap();
    let name = "next-long-poll-ended-by-message";
    replay.differences.push((name.to_owned(), recording("provisioning", name).differences(&got)));
    replay.replayed += 1;
    replay.end(4);
}

#[tokio::test]
async fn acknowledgements() {
    let mut replay = Replay::start().await;
    replay.control.subscribe("ox-consumer", "secret", &TOPICS, false);
    for _ in 0..4 {
        replay.post_any();
    }
    for name in ["ack-200", "ack-again-404", "ack-number-0-500", "ack-wrong-status-422", "ack-future-number-200"] {
        replay.play(name).await;
    }
    replay.acknowledge("ox-consumer", 2).await;
    replay.acknowledge("ox-consumer", 3).await;
    replay.play("next-after-future-ack-null").await;
    replay.end(6);
}

#[tokio::test]
async fn redelivery_two_consumers_and_pop() {
    let mut replay = Replay::start().await;
    replay.control.subscribe("ox-consumer", "secret", &TOPICS, false);
    // The real service waits one second; three make sure that a busy machine is not late.
    replay.control.change_options(|options| options.ack_wait = 3.0);
    let wait = Duration::from_secs(3);
    replay.post_any();
    replay.acknowledge("ox-consumer", 1).await;
    replay.post("redelivery-first");
    let delivered = Instant::now();
    replay.play("redelivery-first").await;
    let (_, time) = replay.play("redelivery-in-flight-null").await;
    assert!(time >= Duration::from_millis(290), "{time:?}");
    replay.play("redelivery-second").await;
    assert!(delivered.elapsed() >= wait);
    replay.acknowledge("ox-consumer", 2).await;
    replay.post_any();
    replay.post_any();
    replay.acknowledge("ox-consumer", 3).await;
    replay.acknowledge("ox-consumer", 4).await;
    replay.post("two-consumers-first-request");
    replay.post("two-consumers-second-after-ack-of-first");
    let delivered = Instant::now();
    replay.play("two-consumers-first-request").await;
    replay.play("two-consumers-second-request").await;
    assert!(delivered.elapsed() >= wait);
    let address = replay.simulator.address();
    let poll = recording("provisioning", "two-consumers-second-after-ack-of-first");
    let waiting = tokio::spawn(async move { poll.send(address).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    replay.acknowledge("ox-consumer", 5).await;
    let got = waiting.await.unwrap();
    let name = "two-consumers-second-after-ack-of-first";
    replay.differences.push((name.to_owned(), recording("provisioning", name).differences(&got)));
    replay.replayed += 1;
    replay.acknowledge("ox-consumer", 6).await;
    replay.post("next-pop");
    replay.post("next-after-pop");
    for name in ["next-pop", "next-after-pop", "ack-after-pop-200"] {
        replay.play(name).await;
    }
    replay.end(9);
}

#[tokio::test]
async fn prefill() {
    let mut replay = Replay::start().await;
    replay.control.change_options(|options| options.prefill = PrefillMode::Stopped);
    replay.control.subscribe("ox-prefill", "secret", &TOPICS, true);
    replay.play("subscription-get-prefill-pending").await;
    let (_, time) = replay.play("next-prefill-pending-null").await;
    assert!(time >= Duration::from_millis(990), "{time:?}");
    replay.post("next-long-poll-ended-by-prefill-done");
    let (_, time) = replay.play("next-prefill-pending-live-waits-null").await;
    assert!(time >= Duration::from_millis(2990), "{time:?}");
    let control = replay.control.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        control.change_options(|options| options.prefill = PrefillMode::Automatic);
    });
    replay.play("next-long-poll-ended-by-prefill-done").await;
    replay.play("subscription-get-prefill-done").await;

    // All attempts fail.
    replay.control.create("users/user", "uid=a,cn=users,dc=example,dc=test", &json!({"lastname": "a"})).unwrap();
    replay.control.change_options(|options| options.prefill_attempts = 2);
    replay.control.add_fault(FaultRule::always(Place::Prefill, FaultAction::Fail));
    // The gate of an earlier subscription of that name must not be open yet.
    replay.control.subscribe("ox-fail", "secret", &["users/user", "groups/group"], true);
    while replay.control.subscription("ox-fail").unwrap().prefill != PrefillStatus::Failed {
        tokio::task::yield_now().await;
    }
    replay.play("subscription-get-prefill-failed").await;
    replay.post_any();
    replay.play("next-after-failed-prefill-live-waits-null").await;
    replay.play_at("subscription-create-again-after-failed-200", with_secret).await;

    // The quirk: one empty answer after `done` opens the gate of that name for ever.
    replay.control.unsubscribe("ox-fail");
    replay.control.subscribe("ox-fail", "secret", &["users/user", "groups/group"], false);
    let mut empty = recording("provisioning", "next-after-failed-prefill-live-waits-null");
    empty.request.path = "/v1/subscriptions/ox-fail/messages/next?timeout=0".to_owned();
    assert_eq!(empty.send(replay.simulator.address()).await.text(), "null");
    replay.control.change_options(|options| options.prefill = PrefillMode::Stopped);
    replay.control.unsubscribe("ox-fail");
    replay.control.subscribe("ox-fail", "secret", &["users/user", "groups/group"], true);
    replay.post("recreate-message-while-pending");
    replay.play("recreate-message-while-pending").await;
    replay.end(9);
}

#[tokio::test]
async fn failures_behind_the_api() {
    let mut replay = Replay::start().await;
    let control = replay.control.clone();
    // Two seconds of the queue server are enough here: the pace is that of the ack wait.
    control.change_options(|options| options.ack_wait = 0.2);
    control.subscribe("ox-consumer", "secret", &TOPICS, false);
    control.set_queue_server_down(true);
    for name in ["nats-down-next-500", "nats-down-ack-500", "nats-down-event-500"] {
        replay.play(name).await;
    }
    control.set_queue_server_down(false);
    let dies = control.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        dies.set_queue_server_down(true);
    });
    let (_, time) = replay.play("nats-down-during-long-poll").await;
    assert!(time >= Duration::from_millis(4900), "{time:?}");
    control.set_queue_server_down(false);
    let back = recording("provisioning", "nats-back-redelivery").response.body;
    let (number, count) = (back["sequence_number"].as_u64().unwrap(), back["num_delivered"].as_u64().unwrap());
    for earlier in 1..number {
        replay.post_any();
        replay.acknowledge("ox-consumer", earlier).await;
    }
    replay.post("nats-back-redelivery");
    for _ in 1..count {
        recording("provisioning", "nats-back-redelivery").send(replay.simulator.address()).await;
    }
    replay.play("nats-back-redelivery").await;
    control.subscribe("broken", "secret", &TOPICS, false);
    control.lose_queue("broken");
    replay.play("stream-missing-next-500").await;
    replay.acknowledge("ox-consumer", number).await;
    let junk = control.enqueue("ox-consumer", b"no json").unwrap();
    replay.play("queue-not-json-500").await;
    replay.acknowledge("ox-consumer", junk).await;

    control.change_options(|options| options.message_limit = 1000);
    let big = |exchange: &mut crate::exchange::Exchange| {
        exchange.request.body.set("/body/new/properties/description", json!("x".repeat(2000)));
    };
    replay.play_at("event-too-big-500", big).await;
    control.change_options(|options| options.message_limit = 1 << 20);

    control.blind_dispatcher();
    replay.play("dispatcher-blind-event-202").await;
    replay.play("dispatcher-blind-next-null").await;
    control.set_prefill_status("broken", PrefillStatus::Done);
    let after =
        recording("provisioning", "dispatcher-blind-after-change").response.body["sequence_number"].as_u64().unwrap();
    for earlier in control.subscription("ox-consumer").unwrap().next_number..after {
        replay.post_any();
        replay.acknowledge("ox-consumer", earlier).await;
    }
    replay.post("dispatcher-blind-after-change");
    replay.play("dispatcher-blind-after-change").await;
    control.add_fault(FaultRule::once(Place::Subscriptions, FaultAction::EmptyList));
    replay.play("subscription-list-wrongly-empty").await;
    replay.end(12);
}

#[tokio::test]
async fn restart_of_the_api() {
    let mut replay = Replay::start().await;
    let recorded = recording("provisioning", "restart-api-redelivery");
    let name = recorded.request.path.split('/').nth(3).unwrap().to_owned();
    replay.control.subscribe(&name, "secret", &TOPICS, false);
    for earlier in 1..recorded.response.body["sequence_number"].as_u64().unwrap() {
        replay.post_any();
        replay.acknowledge(&name, earlier).await;
    }
    replay.post("restart-api-redelivery");
    for _ in 1..recorded.response.body["num_delivered"].as_u64().unwrap() {
        assert_eq!(recorded.send(replay.simulator.address()).await.status, 200);
    }
    replay.simulator.stop().await;
    replay.simulator.restart().await.unwrap();
    replay.play("restart-api-redelivery").await;
    replay.end(1);
}

#[test]
fn every_recording_is_replayed() {
    let here = include_str!("provisioning.rs");
    for name in names("provisioning") {
        // Those of the listener and of the prefill service are replayed by name in files of their own.
        let elsewhere = name.starts_with("live-") || name.starts_with("prefill-");
        // What the service says of itself, wrong in parts: no client asks for it.
        let described = name == "openapi";
        assert!(elsewhere || described || here.contains(&format!("\"{name}\"")), "{name}");
    }
}
