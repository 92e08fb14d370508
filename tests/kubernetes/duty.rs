//! Who works when: Leases, hand-overs, outages of the API server, and pauses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::cluster::ControlPlane;
use crate::directory::user;
use crate::ground::Ground;

fn prepare(ground: &Ground) {
    ground.apply(&[
        ground.connector("main"),
        Ground::master("secret"),
        Ground::context("ten", 10),
        Ground::profile("full", &["webmail"]),
    ]);
}

fn holder(ground: &Ground) -> String {
    let lease = ground.get("lease", "oxherd-main");
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

/// How often each user was created.
fn creates(ground: &Ground) -> BTreeMap<String, usize> {
    let mut creates = BTreeMap::new();
    for write in ground.ox.writes() {
        if write.service == "OXUserService" && write.operation.starts_with("create") {
            let name =
                write.request.split_once(":name>").and_then(|(_, rest)| rest.split_once('<')).map(|(name, _)| name);
            *creates.entry(name.unwrap_or("?").to_owned()).or_default() += 1;
        }
    }
    creates
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_controllers_one_works_and_the_other_takes_over_without_double_effects() {
    let ground = Ground::new("handover").await;
    prepare(&ground);
    ground.ox.start_write_log();
    ground.ox.change_options(|options| options.latency.user_writes = 20);
    let first = ground.controller("first");
    ground.wait_for("Ready", "oxcontext", "ten");
    assert_eq!(holder(&ground), "first");
    let second = ground.controller("second");
    let names: Vec<_> = (0..120).map(|number| format!("user{number:03}")).collect();
    let users: Vec<_> = names.iter().map(|name| user(name)).collect();
    ground.put(&users[..60]);
    ground.until("some users are in OX", || ground.users(10).len() > 20);
    assert_eq!(holder(&ground), "first", "the second one waits");
    // In good order.
    first.terminate();
    ground.put(&users[60..90]);
    ground.until("the second one works", || holder(&ground) == "second" && ground.users(10).len() > 70);
    // With a crash: the Lease ends by itself.
    let third = ground.controller("third");
    second.kill();
    ground.put(&users[90..]);
    ground.until("all users are in OX", || ground.users(10).len() == 121);
    assert_eq!(holder(&ground), "third");
    // A create whose answer was lost is recognised by its name: OX refuses the second one.
    let names: Vec<_> = ground.users(10).into_iter().filter(|name| name.starts_with("user")).collect();
    assert_eq!(names.len(), 120);
    let twice: Vec<_> = creates(&ground).into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "created twice with effect: {twice:?}");
    third.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_stops_nothing_but_status() {
    let plane = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap();
    let ground = Ground::bare(Arc::new(plane), "outage").await;
    // What is missing is said, and waited for.
    let controller = ground.controller("one");
    ground.until("the definitions are missed", || {
        let answer = ground.readiness();
        answer.starts_with("HTTP/1.1 503") && answer.contains("oxconnectors.oxherd.dev is not installed")
    });
    ground.install_definitions();
    ground.until("the controller is ready", || ground.readiness().starts_with("HTTP/1.1 200"));
    prepare(&ground);
    ground.wait_for("Ready", "oxcontext", "ten");
    ground.plane.stop_api_server();
    // Longer than a Lease counts, and as long as the issue demands.
    let end = std::time::Instant::now() + Duration::from_mins(1);
    let mut number = 0;
    while std::time::Instant::now() < end {
        let name = format!("user{number:03}");
        ground.put(&[user(&name)]);
        ground.until("the user is in OX", || ground.user(10, &name).is_some());
        number += 1;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(number > 50, "{number} users in a minute");
    let server = Arc::clone(&ground.plane);
    tokio::task::spawn_blocking(move || server.start_api_server()).await.unwrap();
    ground.until("the status counts all of them", || {
        ground.get("oxconnector", "main")["status"]["provisioned"]["users"] == number
    });
    // Edits are seen again.
    ground.patch("oxconnector", "main", &json!({"spec": {"policies": {"paused": true}}}));
    ground.wait_for("Paused", "oxconnector", "main");
    assert_eq!(holder(&ground), "one");
    controller.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_is_paused_by_field_and_by_annotation() {
    let ground = Ground::new("pause").await;
    prepare(&ground);
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxcontext", "ten");
    for (pause, resume) in [
        (json!({"spec": {"policies": {"paused": true}}}), json!({"spec": {"policies": {"paused": false}}})),
        (
            json!({"metadata": {"annotations": {"oxherd.dev/paused": "true"}}}),
            json!({"metadata": {"annotations": {"oxherd.dev/paused": null}}}),
        ),
    ] {
        ground.patch("oxconnector", "main", &pause);
        ground.wait_for("Paused", "oxconnector", "main");
        ground.wait_for("Ready=False", "oxconnector", "main");
        let before = ground.users(10).len();
        ground.put(&[user(&format!("user{before}"))]);
        ground.until("the change is taken in", || ground.get("oxconnector", "main")["status"]["backlog"] == 1);
        assert_eq!(ground.users(10).len(), before);
        ground.patch("oxconnector", "main", &resume);
        ground.wait_for("Paused=False", "oxconnector", "main");
        ground.until("the user is in OX", || ground.users(10).len() == before + 1);
    }
    ground.patch("oxconnector", "main", &json!({"metadata": {"annotations": {"oxherd.dev/reconcile-at": "now"}}}));
    ground.until("the request is answered", || {
        ground.get("oxconnector", "main")["status"]["lastHandledReconcileAt"] == "now"
    });
    controller.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_to_do_nothing_is_written_but_the_lease() {
    let ground = Ground::new("idle").await;
    prepare(&ground);
    let controller = ground.controller("one");
    ground.wait_for("Ready", "oxcontext", "ten");
    ground.put(&[user("anna")]);
    ground.until("the status counts the user", || {
        ground.get("oxcontext", "ten")["status"]["users"] == 1
            && ground.get("oxconnector", "main")["status"]["phase"] == "Idle"
    });
    let writes = || {
        let all = ground.requests().into_iter();
        all.filter(|one| !["get", "list", "watch"].contains(&one.verb.as_str()) && one.resource != "leases").count()
    };
    // The last numbers may still be on their way.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = writes();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(writes(), before, "{:#?}", ground.requests().split_off(before));
    controller.terminate();
}
