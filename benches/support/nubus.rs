//! Intake from the Provisioning API: as fast as it hands messages out, however slow OX is.

use std::fs;
use std::time::{Duration, Instant};

use oxherd::simulator::nubus::{NubusControl, NubusLatency, NubusOptions, NubusSimulator};
use oxherd::simulator::ox::{OxOptions, OxSimulator};
use oxherd::source::nubus::{Api, ApiSettings, Message};
use oxherd::transport::Credentials;
use serde_json::json;

use super::process::Controller;

/// How many messages.
const MANY: usize = 1_000;
/// What a request takes in the real service, in milliseconds (`nubus-provisioning.md` 18.2).
const SERVICE: u64 = 9;
/// What the controller must reach of what the service hands out.
const SHARE: f64 = 0.9;

/// Measures, and says whether the targets were met.
pub fn measure() -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let most = drained_by_a_bare_client().await;
        let fast = drained_by_the_controller(0).await;
        let slow = drained_by_the_controller(2_000).await;
        for (what, rate) in [
            ("handed out to a client that forgets", most),
            ("taken in, OX at once", fast),
            ("taken in, OX at 2 s", slow),
        ] {
            println!("intake-nubus: {what}: {rate:.1} messages/s, {:.2} ms each", 1000.0 / rate);
        }
        let met = fast.min(slow) >= SHARE * most;
        println!("intake-nubus: target {:.0} %: {}", SHARE * 100.0, if met { "met" } else { "NOT MET" });
        met
    })
}

/// A Nubus in which so many users have just changed.
async fn nubus() -> NubusSimulator {
    let latency = NubusLatency { provisioning: SERVICE, ..NubusLatency::default() };
    let nubus = NubusSimulator::start(NubusOptions { latency, ..NubusOptions::default() }).await.expect("a simulator");
    let control = nubus.control();
    control.seed_users(10, MANY).expect("users");
    let topics = ["users/user"];
    assert_eq!(control.subscribe("oxherd", "s3cret", &topics, false), 201);
    for dn in control.list("users/user") {
        control.modify(&dn, &json!({"city": "Bremen"})).expect("a change");
    }
    nubus
}

fn waiting(control: &NubusControl) -> usize {
    control.subscription("oxherd").expect("the subscription").queued
}

/// Messages in a second for somebody who only fetches and acknowledges.
async fn drained_by_a_bare_client() -> f64 {
    let nubus = nubus().await;
    let api = Api::new(&ApiSettings::new(nubus.provisioning_url())).expect("a client");
    let own = Credentials::new("oxherd", "s3cret".to_owned());
    let begun = Instant::now();
    let mut count = 0;
    while waiting(&nubus.control()) > 0 {
        let bytes = api.next(&own, Duration::from_secs(1)).await.expect("an answer").expect("a message");
        api.acknowledge(&own, Message::read(&bytes).expect("a message").number).await.expect("an answer");
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// Messages in a second for the controller, from the first one that it is given to the last one that it acknowledges.
async fn drained_by_the_controller(ox_latency: u64) -> f64 {
    let nubus = nubus().await;
    let control = nubus.control();
    let mut options = OxOptions::default();
    options.latency.user_writes = ox_latency;
    let ox = OxSimulator::start(options).await.expect("a simulator");
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("manifests")).expect("a folder");
    fs::write(folder.path().join("manifests/all.yaml"), manifests(&ox.base_url(), &nubus.provisioning_url()))
        .expect("manifests");
    let _controller = Controller::start(&["run", "--standalone", "manifests"], folder.path());
    while control.counters().deliveries == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let begun = Instant::now();
    while waiting(&control) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let messages = u32::try_from(control.counters().acknowledged).expect("few messages");
    f64::from(messages) / begun.elapsed().as_secs_f64()
}

fn manifests(ox: &str, nubus: &str) -> String {
    let connector = json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxConnector", "metadata": {"name": "bench"},
    "spec": {
        "ox": {"url": ox, "credentialsRef": {"name": "ox-master"}},
        "source": {"nubus": {"url": nubus, "credentialsRef": {"name": "subscription"}}},
        "defaults": {"domain": "acme.example"},
    }});
    let secret = |name: &str, user: &str, password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"username": user, "password": password}})
    };
    let secrets = [secret("ox-master", "oxadminmaster", "secret"), secret("subscription", "oxherd", "s3cret")];
    let all: Vec<_> = std::iter::once(&connector).chain(&secrets).map(ToString::to_string).collect();
    all.join("\n---\n")
}
