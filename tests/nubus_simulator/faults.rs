//! Faults and pauses on demand, each as a client sees it.

use std::time::{Duration, Instant};

use oxherd::simulator::nubus::{FaultAction, FaultRule, NubusLatency, Place, PrefillStatus};
use serde_json::{Value, json};

use crate::client::{ANNA, Client, TEAM, basic, json_of, start_with_anna, summary};
use crate::simulator_support::http::Connection;

async fn subscribed() -> (oxherd::simulator::nubus::NubusSimulator, Client) {
    let (simulator, client) = start_with_anna().await;
    client.control.subscribe("c", "secret", &["users/user", "groups/group"], false);
    (simulator, client)
}

/// A fetch that may get no answer.
async fn fetch(client: &Client) -> std::io::Result<crate::simulator_support::http::Response> {
    let authorization = basic("c", "secret");
    client.send("GET", "/v1/subscriptions/c/messages/next?timeout=0", &[("Authorization", &authorization)], "").await
}

#[tokio::test]
async fn live_messages_are_dropped_by_number_chance_and_window() {
    let (_simulator, client) = subscribed().await;
    let touch = |times: usize| (0..times).for_each(|_| client.control.touch(ANNA).unwrap());
    client.control.add_fault(FaultRule::always(Place::Live, FaultAction::Drop).every(3));
    touch(9);
    assert_eq!(client.drain("c").await.len(), 6);
    client.control.clear_faults();
    client.control.add_fault(FaultRule::always(Place::Live, FaultAction::Drop));
    touch(5);
    client.control.clear_faults();
    touch(1);
    assert_eq!(client.drain("c").await.len(), 1);
    client.control.add_fault(FaultRule::always(Place::Live, FaultAction::Drop).with_probability(0.5));
    touch(100);
    let left = client.drain("c").await.len();
    assert!((30..70).contains(&left), "{left}");
    assert_eq!(client.control.counters().dropped, u64::try_from(3 + 5 + 100 - left).unwrap());
}

#[tokio::test]
async fn a_fault_can_be_for_one_type_and_later() {
    let (_simulator, client) = subscribed().await;
    let rule = FaultRule::once(Place::Live, FaultAction::Drop).on_topic("users/user").after(1);
    client.control.add_fault(rule);
    for _ in 0..3 {
        client.control.touch(TEAM).unwrap();
        client.control.touch(ANNA).unwrap();
    }
    let messages = summary(&client.drain("c").await);
    assert_eq!(messages.iter().filter(|message| *message == "users/user equal").count(), 2);
    assert_eq!(messages.len(), 5);
    assert!(client.control.faults().is_empty(), "used up");
}

#[tokio::test]
async fn a_blind_dispatcher_loses_everything_until_a_subscription_changes() {
    let (_simulator, client) = subscribed().await;
    client.control.blind_dispatcher();
    client.control.touch(ANNA).unwrap();
    assert!(client.drain("c").await.is_empty());
    client.control.subscribe("other", "secret", &[], false);
    client.control.touch(ANNA).unwrap();
    assert_eq!(client.drain("c").await.len(), 1);
}

#[tokio::test]
async fn old_equals_new_although_something_changed() {
    let (_simulator, client) = subscribed().await;
    client.control.add_fault(FaultRule::once(Place::Live, FaultAction::OldEqualsNew));
    client.control.modify(ANNA, &json!({"lastname": "Trap"})).unwrap();
    let messages = client.drain("c").await;
    assert_eq!(summary(&messages), ["users/user equal"]);
    assert_eq!(messages[0]["body"]["old"]["properties"]["lastname"], "Trap");
}

#[tokio::test]
async fn old_is_what_was_sent_last() {
    let (_simulator, client) = subscribed().await;
    client.control.modify(ANNA, &json!({"lastname": "One"})).unwrap();
    client.control.unsubscribe("c");
    client.control.subscribe("c", "secret", &["users/user"], false);
    client.control.modify(ANNA, &json!({"lastname": "Two"})).unwrap();
    let messages = client.drain("c").await;
    assert_eq!(messages[0]["body"]["old"]["properties"]["lastname"], "One");
}

#[tokio::test]
async fn duplicates_have_numbers_of_their_own() {
    let (_simulator, client) = subscribed().await;
    client.control.add_fault(FaultRule::once(Place::Live, FaultAction::Duplicate));
    client.control.touch(ANNA).unwrap();
    let messages = client.drain("c").await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["body"], messages[1]["body"]);
    assert_ne!(messages[0]["sequence_number"], messages[1]["sequence_number"]);
}

#[tokio::test]
async fn a_malformed_head_blocks_the_queue_until_it_is_acknowledged() {
    let (_simulator, client) = subscribed().await;
    client.control.add_fault(FaultRule::once(Place::Live, FaultAction::Malformed));
    client.control.touch(ANNA).unwrap();
    client.control.touch(ANNA).unwrap();
    for _ in 0..3 {
        assert_eq!(client.next("c", "1").await, (500, json!({"detail": "Internal server error"})));
    }
    assert_eq!(client.acknowledge("c", "1").await.0, 200);
    assert_eq!(client.next("c", "1").await.1["sequence_number"], 2);
}

#[tokio::test]
async fn a_stale_message_can_be_posted() {
    let (_simulator, client) = subscribed().await;
    let stale = client.control.live_message(ANNA).unwrap();
    client.control.modify(ANNA, &json!({"lastname": "New"})).unwrap();
    assert_eq!(client.control.post(&stale), 202);
    let messages = client.drain("c").await;
    let names: Vec<&Value> = messages.iter().map(|message| &message["body"]["new"]["properties"]["lastname"]).collect();
    assert_eq!(names, [&json!("New"), &json!("Weber")]);
}

#[tokio::test]
async fn a_prefill_copy_can_come_after_a_newer_live_message() {
    let (_simulator, client) = start_with_anna().await;
    client.control.pause(Place::Prefill);
    client.control.subscribe("c", "secret", &["users/user"], true);
    client.control.until_held(Place::Prefill).await;
    client.control.modify(ANNA, &json!({"lastname": "New"})).unwrap();
    client.control.resume(Place::Prefill);
    while client.control.subscription("c").unwrap().prefill != PrefillStatus::Done {
        tokio::task::yield_now().await;
    }
    let messages = client.drain("c").await;
    let seen: Vec<(&Value, &Value)> = messages
        .iter()
        .map(|message| (&message["publisher_name"], &message["body"]["new"]["properties"]["lastname"]))
        .collect();
    assert_eq!(seen, [(&json!("udm-listener"), &json!("New")), (&json!("udm-pre-fill"), &json!("Weber"))]);
}

#[tokio::test]
async fn a_prefill_starts_over_and_fails_for_good() {
    let (_simulator, client) = start_with_anna().await;
    let rule = FaultRule::always(Place::Prefill, FaultAction::Fail).on_topic("groups/group").times(2);
    client.control.add_fault(rule);
    client.control.subscribe("c", "secret", &["users/user", "groups/group"], true);
    let end = |name: &'static str| {
        let control = client.control.clone();
        async move {
            loop {
                let status = control.subscription(name).unwrap().prefill;
                if matches!(status, PrefillStatus::Done | PrefillStatus::Failed) {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        }
    };
    assert_eq!(end("c").await, PrefillStatus::Done);
    let messages = client.drain("c").await;
    assert_eq!(messages.len(), 2, "what failed attempts had written is gone");
    assert_eq!(messages[0]["sequence_number"], 3, "so the first number is not 1");

    client.control.add_fault(FaultRule::always(Place::Prefill, FaultAction::Fail));
    client.control.subscribe("d", "secret", &["users/user"], true);
    assert_eq!(end("d").await, PrefillStatus::Failed);
    assert_eq!(client.control.subscribe("d", "secret", &["users/user"], true), 200, "the same again repairs nothing");
    assert_eq!(client.control.subscription("d").unwrap().prefill, PrefillStatus::Failed);
}

#[tokio::test]
async fn errors_on_next_and_acknowledge_with_and_without_effect() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    client.control.touch(ANNA).unwrap();
    client.control.add_fault(FaultRule::once(Place::Next, FaultAction::InternalError));
    assert_eq!(client.next("c", "0").await.0, 500);
    assert_eq!(client.next("c", "0").await.1["num_delivered"], 1, "it was not delivered before");
    client.control.add_fault(FaultRule::once(Place::Acknowledge, FaultAction::InternalError));
    assert_eq!(client.acknowledge("c", "1").await.0, 500);
    client.control.add_fault(FaultRule::once(Place::Acknowledge, FaultAction::InternalErrorAfter));
    assert_eq!(client.acknowledge("c", "1").await.0, 500);
    assert_eq!(client.acknowledge("c", "1").await.0, 404, "the second one had its effect");
}

#[tokio::test]
async fn a_connection_breaks_after_the_delivery() {
    let (_simulator, client) = subscribed().await;
    for action in [FaultAction::ResetAfter, FaultAction::CutAnswer] {
        client.control.add_fault(FaultRule::once(Place::Delivery, action).on_topic("users/user"));
        assert_eq!(client.next("c", "0").await.1, Value::Null, "a poll without a message is not hit");
        client.control.touch(ANNA).unwrap();
        assert!(fetch(&client).await.is_err());
        let (_, message) = client.next("c", "1").await;
        assert_eq!(message["num_delivered"], 2);
        client.acknowledge("c", &message["sequence_number"].to_string()).await;
    }
    client.control.touch(ANNA).unwrap();
    client.control.add_fault(FaultRule::once(Place::Next, FaultAction::ResetBefore));
    assert!(fetch(&client).await.is_err());
    assert_eq!(client.next("c", "1").await.1["num_delivered"], 1);
}

#[tokio::test]
async fn answers_of_proxies_and_lost_rights() {
    let (_simulator, client) = subscribed().await;
    let table = [
        (FaultAction::Unauthorized, 401),
        (FaultAction::Unavailable { retry_after: 7 }, 503),
        (FaultAction::NotFound, 404),
        (FaultAction::Null, 200),
        (FaultAction::Html, 200),
    ];
    client.control.touch(ANNA).unwrap();
    for (action, status) in table {
        client.control.add_fault(FaultRule::once(Place::Next, action.clone()));
        let response = fetch(&client).await.unwrap();
        assert_eq!(response.status, status, "{action:?}");
        match action {
            FaultAction::Unavailable { .. } => assert_eq!(response.header("retry-after"), Some("7")),
            FaultAction::Html => assert!(response.text().starts_with("<!DOCTYPE html>")),
            FaultAction::Null => assert_eq!(response.text(), "null"),
            _ => {}
        }
    }
    assert_eq!(client.next("c", "0").await.1["num_delivered"], 1, "none of these took the message");
}

#[tokio::test]
async fn a_delivery_can_be_held() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    client.control.pause(Place::Delivery);
    let fetching = client.clone();
    let task = tokio::spawn(async move { fetching.next("c", "1").await.1 });
    client.control.until_held(Place::Delivery).await;
    assert_eq!(client.control.subscription("c").unwrap().in_flight, Some((1, 1)));
    client.control.resume(Place::Delivery);
    assert_eq!(task.await.unwrap()["sequence_number"], 1);
}

#[tokio::test]
async fn an_acknowledgement_can_be_held() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    client.next("c", "1").await;
    client.control.pause(Place::Acknowledge);
    let acknowledging = client.clone();
    let task = tokio::spawn(async move { acknowledging.acknowledge("c", "1").await.0 });
    client.control.until_held(Place::Acknowledge).await;
    assert_eq!(client.control.subscription("c").unwrap().queued, 1);
    client.control.resume(Place::Acknowledge);
    assert_eq!(task.await.unwrap(), 200);
    assert_eq!(client.control.subscription("c").unwrap().queued, 0);
}

#[tokio::test]
async fn a_restart_of_the_api_keeps_the_message_in_flight() {
    let (mut simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    client.next("c", "1").await;
    simulator.stop().await;
    assert!(Connection::try_open(client.address).await.is_err());
    simulator.restart().await.unwrap();
    assert_eq!(client.next("c", "1").await.1["num_delivered"], 2);
}

#[tokio::test]
async fn a_hard_restart_of_the_queue_server_counts_anew() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    client.next("c", "1").await;
    client.control.forget_deliveries();
    assert_eq!(client.next("c", "1").await.1["num_delivered"], 1);
}

#[tokio::test]
async fn a_list_of_subscriptions_can_be_empty_by_mistake() {
    let (_simulator, client) = subscribed().await;
    client.control.add_fault(FaultRule::once(Place::Subscriptions, FaultAction::EmptyList));
    let list = || async { json_of(&client.v1("admin", "GET", "/subscriptions", &Value::Null).await) };
    assert_eq!(list().await, json!([]));
    assert_eq!(list().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn messages_can_be_late() {
    let (_simulator, client) = subscribed().await;
    client.control.change_options(|options| options.latency.events = 1000);
    let started = Instant::now();
    client.control.touch(ANNA).unwrap();
    assert!(client.next("c", "0").await.1.is_null());
    assert!(client.next("c", "5").await.1.is_object());
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn live_messages_can_be_held_and_keep_their_order() {
    let (_simulator, client) = subscribed().await;
    client.control.pause(Place::Live);
    client.control.touch(ANNA).unwrap();
    client.control.touch(TEAM).unwrap();
    client.control.until_held(Place::Live).await;
    assert!(client.drain("c").await.is_empty());
    client.control.resume(Place::Live);
    while client.control.subscription("c").unwrap().queued < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(summary(&client.drain("c").await), ["users/user equal", "groups/group equal"]);
}

#[tokio::test]
async fn answers_can_be_late() {
    let (_simulator, client) = subscribed().await;
    client.control.add_fault(FaultRule::once(Place::Next, FaultAction::Delay { milliseconds: 150 }));
    let started = Instant::now();
    client.next("c", "0").await;
    assert!(started.elapsed() >= Duration::from_millis(150));
    client.control.change_options(|options| {
        options.latency = NubusLatency { provisioning: 100, udm: 100, udm_search: 200, ..NubusLatency::default() };
    });
    for (path, least) in [("/users/user/?filter=uid=x", 300), ("/", 100)] {
        let started = Instant::now();
        client.udm("GET", path, &Value::Null).await;
        assert!(started.elapsed() >= Duration::from_millis(least), "{path}");
    }
}

#[tokio::test]
async fn udm_fails_on_demand() {
    let (_simulator, client) = subscribed().await;
    let path = format!("/users/user/{ANNA}");
    let table = [
        (FaultAction::Unavailable { retry_after: 15 }, 503, Some("15")),
        (FaultAction::GatewayStarting, 503, Some("3")),
        (FaultAction::Unauthorized, 401, None),
        (FaultAction::Forbidden, 403, None),
        (FaultAction::NotFound, 404, None),
        (FaultAction::InternalError, 500, None),
    ];
    for (action, status, retry_after) in table {
        client.control.add_fault(FaultRule::once(Place::UdmGet, action.clone()));
        let response = client.udm("GET", &path, &Value::Null).await;
        assert_eq!((response.status, response.header("retry-after")), (status, retry_after), "{action:?}");
        if action == FaultAction::GatewayStarting {
            assert!(json_of(&response).is_string());
            assert_eq!(response.headers.iter().filter(|(name, _)| name == "Content-Type").count(), 2);
        }
    }
    assert_eq!(client.udm("GET", &path, &Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_list_can_be_older_than_the_change_after_it() {
    let (_simulator, client) = subscribed().await;
    client.control.pause(Place::UdmSearch);
    let searching = client.clone();
    let list = tokio::spawn(async move { searching.udm("GET", "/users/user/?filter=uid=anna", &Value::Null).await });
    client.control.until_held(Place::UdmSearch).await;
    client.control.modify(ANNA, &json!({"lastname": "New"})).unwrap();
    client.control.resume(Place::UdmSearch);
    let body = json_of(&list.await.unwrap());
    assert_eq!(body["_embedded"]["udm:object"][0]["properties"]["lastname"], "Weber");
}

#[tokio::test]
async fn other_processes_have_the_same_control() {
    let (_simulator, client) = subscribed().await;
    let post = |path: &'static str, body: Value| {
        let client = client.clone();
        async move { client.send("POST", &format!("/__control/{path}"), &[], &body.to_string()).await.unwrap() }
    };
    let fault = json!({"place": "live", "count": 1, "action": {"kind": "drop"}});
    assert_eq!(post("faults", fault).await.status, 200);
    assert_eq!(post("faults", json!({"place": "nowhere"})).await.status, 400);
    assert_eq!(post("users", json!({"context": 10, "count": 3})).await.status, 200);
    assert_eq!(post("options", json!({"latency": {"events": 5}})).await.status, 200);
    assert_eq!(client.control.options().latency.events, 5);
    let file = json!({"udm_object_type": "users/user", "dn": ANNA, "object": null});
    assert_eq!(post("objects", file).await.status, 200);
    assert_eq!(client.control.counters().dropped, 1);
    let counters = client.send("GET", "/__control/counters", &[], "").await.unwrap();
    assert_eq!(json_of(&counters)["dropped"], 1);
    assert_eq!(client.send("GET", "/__control/nope", &[], "").await.unwrap().status, 404);
}
