//! From a spool folder to Nubus and back, on the same journal and state.

use oxherd::simulator::nubus::{NubusControl, NubusOptions, NubusSimulator};
use serde_json::{Value, json};

use crate::directory::{Object, context, group, profile, user};
use crate::world::{FULL, Setup, World};

/// A Nubus that knows what the world of the test knows.
async fn nubus() -> NubusSimulator {
    let options = NubusOptions { base_dn: "dc=test".to_owned(), ack_wait: 0.1, ..NubusOptions::default() };
    let nubus = NubusSimulator::start(options).await.unwrap();
    for object in [context(10), context(20), context(30), profile("full", FULL)] {
        nubus.control().seed(&object.present()).unwrap();
    }
    nubus
}

/// The connector takes its changes from Nubus.
fn from_nubus(setup: &mut Setup, url: &str, more: &Value) {
    let mut source = json!({"url": url, "credentialsRef": {"name": "subscription"},
        "adminCredentialsRef": {"name": "nubus-admin"}});
    source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    setup.spec = json!({"source": {"spool": null, "nubus": source}});
    setup.manifests = vec![secret("subscription", "oxherd", "s3cret"), secret("nubus-admin", "admin", "admin")];
}

fn from_spool(setup: &mut Setup) {
    setup.spec = json!({});
}

fn secret(name: &str, user: &str, password: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "stringData": {"username": user, "password": password}})
}

/// An object changes in the directory.
fn change(nubus: &NubusControl, object: &Object) {
    nubus.apply(&object.present()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_spool_folder_to_nubus_and_back() {
    let nubus = nubus().await;
    let control = nubus.control();
    let mut world = World::start().await;
    let (anna, bob) = (user("anna"), user("bob"));
    for object in [&anna, &bob] {
        world.put(object);
        control.seed(&object.present()).unwrap();
    }
    world.settle().await;
    let number = world.id(10, "anna");
    world.ox.reset_counters();

    world.configure(|setup| from_nubus(setup, &nubus.provisioning_url(), &json!({}))).await;
    assert_eq!(world.report().source.state, "watching");
    world.expect_calls(&[]);
    let anna = anna.with("lastname", "Klein");
    change(&control, &anna);
    control.touch(&bob.dn).unwrap();
    let team = group("team", &["anna", "bob"]);
    change(&control, &team);
    world.settle().await;
    assert_eq!((world.id(10, "anna"), world.members(10, "team").len()), (number, 2));
    assert_eq!(world.user(10, "anna").unwrap()["sur_name"], "Klein");
    assert_eq!(world.history(&anna).await[0].origin, "nubus live 1/1");
    let calls = world.calls();
    assert!(!calls.keys().any(|call| call.contains("User.create")), "{calls:?}");
    assert_eq!(world.report().source.stream.unwrap().redelivered, 0);

    world.configure(from_spool).await;
    assert!(world.report().source.stream.is_none());
    let anna = anna.with("lastname", "Groß");
    world.apply([anna.clone()]).await;
    assert!(world.history(&anna).await[0].origin.starts_with("spool "));
    // The queue still collects.
    let bob = bob.with("lastname", "Later");
    change(&control, &anna);
    change(&control, &bob);
    assert!(world.history(&bob).await[0].origin.starts_with("nubus live 1/"), "the touch");

    world.ox.reset_counters();
    world.configure(|setup| from_nubus(setup, &nubus.provisioning_url(), &json!({}))).await;
    assert_eq!(world.history(&bob).await[0].origin, "nubus live 1/5");
    let changes: u64 = world.calls().values().sum();
    assert_eq!(changes, 1, "only bob is news: {:?}", world.calls());
    assert_eq!(world.parked().await, []);
    assert_eq!(control.subscription("oxherd").unwrap().queued, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefill_after_the_switch_changes_nothing_that_is_right() {
    let nubus = nubus().await;
    let mut world = World::start().await;
    let objects = [user("anna"), user("bob"), group("team", &["anna"])];
    for object in &objects {
        nubus.control().seed(&object.present()).unwrap();
    }
    world.apply(objects).await;
    world.ox.reset_counters();
    world.configure(|setup| from_nubus(setup, &nubus.provisioning_url(), &json!({"prefill": true}))).await;
    assert!(world.report().source.accepted >= 7, "{:?}", world.report().source);
    world.expect_calls(&[]);
    assert_eq!(world.parked().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_load_by_prefill_provisions_everything() {
    let nubus = nubus().await;
    for object in [user("anna"), user("bob"), group("team", &["anna", "bob"])] {
        nubus.control().seed(&object.present()).unwrap();
    }
    let url = nubus.provisioning_url();
    let mut world = World::empty(|setup| from_nubus(setup, &url, &json!({"prefill": true}))).await;
    world.settle().await;
    assert_eq!(
        (world.names(10), world.members(10, "team")),
        (vec!["anna".to_owned(), "bob".to_owned()], vec!["anna".to_owned(), "bob".to_owned()])
    );
    assert_eq!(world.parked().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_address_or_password_restarts_only_the_source() {
    let nubus = nubus().await;
    let other = self::nubus().await;
    let url = nubus.provisioning_url();
    let mut world = World::empty(|setup| from_nubus(setup, &url, &json!({"prefill": true}))).await;
    world.settle().await;
    let begun = world.report().engine.totals.done;
    assert!(begun > 0);
    // The password of the subscription changes there, then here.
    nubus.control().unsubscribe("oxherd");
    nubus.control().subscribe("oxherd", "another", &["users/user"], false);
    change(&nubus.control(), &user("anna"));
    world.configure(|setup| setup.manifests[0] = secret("subscription", "oxherd", "another")).await;
    assert_eq!(world.names(10), ["anna"]);
    let warning = world.report().source.warning.unwrap();
    assert!(warning.contains("no topic oxmail/oxcontext"), "{warning}");
    world.configure(|setup| from_nubus(setup, &other.provisioning_url(), &json!({}))).await;
    change(&other.control(), &user("bob"));
    world.settle().await;
    assert_eq!(world.names(10), ["anna", "bob"]);
    assert!(world.report().source.warning.is_none());
    assert!(world.report().engine.totals.done > begun, "the engine was not restarted");
}
