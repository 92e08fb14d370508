//! The Provisioning API over time (`nubus-provisioning.md` 3 to 9) and its errors (11).

use std::time::{Duration, Instant};

use oxherd::simulator::nubus::{Place, PrefillMode, PrefillStatus};
use serde_json::{Value, json};

use crate::client::{Client, basic, json_of, start, start_with_anna, summary};

const ALL: [&str; 2] = ["users/user", "groups/group"];

async fn subscribed() -> (oxherd::simulator::nubus::NubusSimulator, Client) {
    let (simulator, client) = start_with_anna().await;
    assert_eq!(client.control.subscribe("c", "secret", &ALL, false), 201);
    (simulator, client)
}

const ANNA: &str = crate::client::ANNA;

#[tokio::test]
async fn both_bases_lead_to_the_same_api() {
    let (_simulator, client) = subscribed().await;
    let authorization = basic("c", "secret");
    for base in ["", "/univention/provisioning"] {
        let path = format!("{base}/v1/subscriptions/c");
        let response = client.send("GET", &path, &[("Authorization", &authorization)], "").await.unwrap();
        assert_eq!(response.status, 200, "{path}");
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_are_told_apart() {
    let (_simulator, client) = subscribed().await;
    let table = [
        ("GET", "/v1/nope", 404),
        ("GET", "/", 404),
        ("GET", "/v2/subscriptions", 404),
        ("PUT", "/v1/subscriptions", 405),
        ("POST", "/v1/subscriptions/c", 405),
        ("GET", "/v1/messages", 405),
        ("GET", "/v1/subscriptions/c/prefill", 405),
        ("GET", "/v1/subscriptions/", 307),
    ];
    for (method, path, status) in table {
        assert_eq!(client.send(method, path, &[], "").await.unwrap().status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_request_id_is_kept_only_if_it_is_a_uuid4() {
    let (_simulator, client) = start().await;
    let id = |given: &'static str| {
        let client = client.clone();
        async move {
            let response = client.send("GET", "/v1/x", &[("x-request-id", given)], "").await.unwrap();
            response.header("x-request-id").unwrap().to_owned()
        }
    };
    assert_eq!(id("5fae14a7-f72a-46d4-a03a-fa7d32bfa8ac").await, "5fae14a7f72a46d4a03afa7d32bfa8ac");
    let other = id("my-own").await;
    assert_eq!(other.len(), 32);
    assert_eq!(other.as_bytes()[12], b'4');
}

#[tokio::test]
async fn a_null_has_its_media_type() {
    let (_simulator, client) = subscribed().await;
    let response = client.v1("c", "GET", "/subscriptions/c/messages/next?timeout=0", &Value::Null).await;
    assert_eq!((response.text().as_str(), response.header("content-type")), ("null", Some("application/json")));
}

#[tokio::test]
async fn the_three_texts_of_a_401() {
    let (_simulator, client) = subscribed().await;
    client.control.subscribe("other", "secret", &ALL, false);
    let table = [
        (None, "/v1/subscriptions/c", "Not authenticated"),
        (Some("Bearer x".to_owned()), "/v1/subscriptions/c", "Not authenticated"),
        (Some(basic("c", "wrong")), "/v1/subscriptions/c", "Incorrect username or password"),
        (Some(basic("c", "secret")), "/v1/subscriptions", "Incorrect username or password"),
        (Some(basic("nobody", "secret")), "/v1/subscriptions/nobody", "Incorrect username or password"),
        (Some(basic("other", "wrong")), "/v1/subscriptions/c", "You do not have access to this data"),
        (Some(basic("admin", "admin")), "/v1/subscriptions/c", "You do not have access to this data"),
        (Some(basic("admin", "admin")), "/v1/subscriptions/c/messages/next", "You do not have access to this data"),
    ];
    for (authorization, path, text) in table {
        let headers: Vec<(&str, &str)> = authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
        let response = client.send("GET", path, &headers, "").await.unwrap();
        assert_eq!((response.status, json_of(&response)), (401, json!({"detail": text})), "{path}");
        assert_eq!(response.header("www-authenticate"), Some("Basic"));
    }
}

#[tokio::test]
async fn a_deleted_subscription_is_a_401() {
    let (_simulator, client) = subscribed().await;
    client.control.unsubscribe("c");
    let (status, body) = client.next("c", "0").await;
    assert_eq!((status, body), (401, json!({"detail": "Incorrect username or password"})));
}

#[tokio::test]
async fn only_72_bytes_of_a_password_count() {
    let (_simulator, client) = start().await;
    let long = "x".repeat(72);
    client.control.subscribe("c", &format!("{long}tail"), &ALL, false);
    for (password, status) in [(format!("{long}other"), 200), (long[1..].to_owned(), 401)] {
        let authorization = basic("c", &password);
        let response =
            client.send("GET", "/v1/subscriptions/c", &[("Authorization", &authorization)], "").await.unwrap();
        assert_eq!(response.status, status);
    }
}

#[tokio::test]
async fn a_password_check_stops_everybody_and_is_remembered() {
    let (_simulator, client) = subscribed().await;
    client.control.change_options(|options| options.latency.password_check = 700);
    let started = Instant::now();
    client.next("c", "0").await;
    assert!(started.elapsed() >= Duration::from_millis(700));
    let started = Instant::now();
    client.v1("c", "GET", "/subscriptions/c", &Value::Null).await;
    assert!(started.elapsed() < Duration::from_millis(700), "a right password needs no second check");
    let wrong = client.clone();
    let checking = tokio::spawn(async move {
        let authorization = basic("c", "wrong");
        wrong.send("GET", "/v1/subscriptions/c", &[("Authorization", &authorization)], "").await.unwrap().status
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = Instant::now();
    client.v1("admin", "GET", "/subscriptions", &Value::Null).await;
    assert!(started.elapsed() >= Duration::from_millis(100), "others wait");
    assert_eq!(checking.await.unwrap(), 401);
}

#[tokio::test]
async fn creation_knows_new_same_and_different() {
    let (_simulator, client) = start().await;
    let body = |name: &str, topics: &[&str], prefill: bool, password: &str| {
        let topics: Vec<Value> = topics.iter().map(|topic| json!({"realm": "udm", "topic": topic})).collect();
        json!({"name": name, "realms_topics": topics, "request_prefill": prefill, "password": password})
    };
    let table = [
        (body("c", &["users/user", "groups/group"], false, "p"), 201),
        (body("c", &["users/user", "groups/group"], false, "p"), 200),
        (body("c", &["groups/group", "users/user"], false, "p"), 409),
        (body("c", &["users/user", "groups/group"], true, "p"), 409),
        (body("c", &["users/user", "groups/group"], false, "q"), 409),
        (body("x", &["no/topic"], true, "p"), 201),
        (json!({"name": "y", "request_prefill": true, "password": "p"}), 422),
        (json!({"name": "y", "realms_topics": "x", "request_prefill": true, "password": "p"}), 422),
    ];
    for (body, status) in table {
        let response = client.v1("admin", "POST", "/subscriptions", &body).await;
        assert_eq!(response.status, status, "{body}");
        if status < 300 {
            assert_eq!(response.text(), "null");
        }
    }
}

#[tokio::test]
async fn an_invalid_creation_repeats_the_password() {
    let (_simulator, client) = start().await;
    let body = json!({"name": "y", "request_prefill": true, "password": "hunter2"});
    let response = client.v1("admin", "POST", "/subscriptions", &body).await;
    let answer = json_of(&response);
    assert_eq!(answer["status_code"], 422);
    assert_eq!(answer["data"], Value::Null);
    assert!(answer["message"].as_str().unwrap().contains("hunter2"));
}

#[tokio::test]
async fn a_bad_name_leaves_a_stray_credential() {
    let (_simulator, client) = start().await;
    let list = || async { client.v1("admin", "GET", "/subscriptions", &Value::Null).await.status };
    for name in ["a b", "a*", "ä", "", "a>"] {
        assert_eq!(client.control.subscribe(name, "p", &ALL, false), 500, "{name}");
        assert_eq!(list().await, 200);
    }
    for name in ["a.b", "a/b"] {
        let body = json!({"name": name, "realms_topics": [], "request_prefill": false, "password": "p"});
        let response = client.v1("admin", "POST", "/subscriptions", &body).await;
        assert_eq!(json_of(&response)["detail"], "Subscription could not be created due to an internal error");
        assert_eq!(list().await, 500);
    }
}

#[tokio::test]
async fn prefill_status_is_set_by_the_prefill_user_only() {
    let (_simulator, client) = subscribed().await;
    let patch = |user: &'static str, password: &'static str, body: Value| {
        let client = client.clone();
        async move {
            let authorization = basic(user, password);
            let path = "/v1/subscriptions/c/prefill";
            client.send("PATCH", path, &[("Authorization", &authorization)], &body.to_string()).await.unwrap().status
        }
    };
    assert_eq!(patch("prefill", "prefill", json!({"status": "failed"})).await, 200);
    assert_eq!(client.control.subscription("c").unwrap().prefill, PrefillStatus::Failed);
    assert_eq!(patch("prefill", "prefill", json!({"status": "nearly"})).await, 422);
    assert_eq!(patch("c", "secret", json!({"status": "done"})).await, 401);
}

#[tokio::test]
async fn one_message_is_in_flight_and_comes_again() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    client.control.touch(ANNA).unwrap();
    let (_, first) = client.next("c", "1").await;
    assert_eq!((&first["sequence_number"], &first["num_delivered"]), (&json!(1), &json!(1)));
    client.control.change_options(|options| options.ack_wait = 60.0);
    assert_eq!(client.next("c", "0.01").await.1, Value::Null, "the second one waits for the acknowledgement");
    client.control.change_options(|options| options.ack_wait = 0.1);
    let (_, again) = client.next("c", "1").await;
    assert_eq!((&again["sequence_number"], &again["num_delivered"]), (&json!(1), &json!(2)));
    assert_eq!(client.acknowledge("c", "1").await.0, 200, "a late acknowledgement counts");
    assert_eq!(client.next("c", "1").await.1["sequence_number"], 2);
}

#[tokio::test]
async fn a_client_that_gave_up_swallows_a_delivery() {
    use tokio::io::AsyncWriteExt as _;
    let (_simulator, client) = subscribed().await;
    client.control.pause(Place::Next);
    let mut stream = tokio::net::TcpStream::connect(client.address).await.unwrap();
    let request = format!(
        "GET /v1/subscriptions/c/messages/next?timeout=5 HTTP/1.1\r\nAuthorization: {}\r\n\r\n",
        basic("c", "secret")
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    client.control.until_held(Place::Next).await;
    drop(stream);
    client.control.touch(ANNA).unwrap();
    client.control.resume(Place::Next);
    while client.control.subscription("c").unwrap().in_flight.is_none() {
        tokio::task::yield_now().await;
    }
    let (_, message) = client.next("c", "2").await;
    assert_eq!(message["num_delivered"], 2, "the dead request took the first delivery");
}

#[tokio::test]
async fn numbers_start_again_after_recreation() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    assert_eq!(client.drain("c").await.len(), 1);
    client.control.unsubscribe("c");
    client.control.subscribe("c", "secret", &ALL, false);
    client.control.touch(ANNA).unwrap();
    assert_eq!(client.next("c", "1").await.1["sequence_number"], 1);
}

#[tokio::test]
async fn acknowledging_knows_404_422_and_500() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    assert_eq!(client.acknowledge("c", "1").await.0, 200, "also a message that was never delivered");
    assert_eq!(client.acknowledge("c", "1").await, (404, json!({"detail": "no message found"})));
    for number in ["0", "-3", "99999999999999999999"] {
        assert_eq!(client.acknowledge("c", number).await.0, 500, "{number}");
    }
    assert_eq!(client.acknowledge("c", "one").await.0, 422);
    client.control.lose_queue("c");
    assert_eq!(client.acknowledge("c", "1").await, (404, json!({"detail": "stream not found"})));
}

#[tokio::test]
async fn timeouts_have_their_limits() {
    let (_simulator, client) = subscribed().await;
    let started = Instant::now();
    assert_eq!(client.next("c", "-5").await, (200, Value::Null));
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(client.next("c", "nan").await.0, 500);
    assert_eq!(client.next("c", "soon").await.0, 422);
    assert_eq!(client.next("c", "0&pop=maybe").await.0, 422);
}

#[tokio::test]
async fn nothing_comes_before_the_prefill_is_done() {
    let (_simulator, client) = start_with_anna().await;
    client.control.change_options(|options| options.prefill = PrefillMode::Stopped);
    client.control.subscribe("c", "secret", &ALL, true);
    client.control.touch(ANNA).unwrap();
    for status in [PrefillStatus::Pending, PrefillStatus::Running, PrefillStatus::Failed] {
        client.control.set_prefill_status("c", status);
        assert_eq!(client.next("c", "0.01").await, (200, Value::Null), "{status:?}");
    }
    client.control.set_prefill_status("c", PrefillStatus::Done);
    assert_eq!(client.next("c", "0.01").await.1["topic"], "users/user");
}

#[tokio::test]
async fn an_open_gate_stays_open_for_a_name_until_the_process_ends() {
    let (mut simulator, client) = start_with_anna().await;
    client.control.subscribe("c", "secret", &ALL, false);
    assert_eq!(client.next("c", "0").await.1, Value::Null);
    client.control.change_options(|options| options.prefill = PrefillMode::Stopped);
    let recreate = || {
        client.control.unsubscribe("c");
        client.control.subscribe("c", "secret", &ALL, true);
        client.control.touch(ANNA).unwrap();
    };
    recreate();
    assert_eq!(client.next("c", "0").await.1["sequence_number"], 1, "although the status is pending");
    simulator.stop().await;
    simulator.restart().await.unwrap();
    recreate();
    assert_eq!(client.next("c", "0").await.1, Value::Null);
}

#[tokio::test]
async fn prefill_comes_in_the_order_of_topics() {
    let (_simulator, client) = start_with_anna().await;
    client.control.create("users/user", "uid=bob,cn=users,dc=acme,dc=example", &json!({"lastname": "B"})).unwrap();
    client.control.subscribe("c", "secret", &["groups/group", "users/.*"], true);
    while client.control.subscription("c").unwrap().prefill != PrefillStatus::Done {
        tokio::task::yield_now().await;
    }
    let messages = client.drain("c").await;
    let names: Vec<&str> = messages.iter().map(|message| message["body"]["new"]["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["team", "anna", "bob"]);
    assert!(
        messages
            .iter()
            .all(|message| message["publisher_name"] == "udm-pre-fill" && message["body"]["old"] == json!({}))
    );
    client.control.touch(ANNA).unwrap();
    assert!(client.drain("c").await.is_empty(), "a pattern fills, but live messages need the exact topic");
}

#[tokio::test]
async fn live_and_prefill_show_an_object_differently() {
    let (_simulator, client) = start_with_anna().await;
    client.control.subscribe("c", "secret", &["users/user"], true);
    let (_, prefill) = client.next("c", "2").await;
    client.acknowledge("c", "1").await;
    client.control.touch(ANNA).unwrap();
    let (_, live) = client.next("c", "2").await;
    let (prefill, live) = (&prefill["body"]["new"], &live["body"]["new"]);
    assert_eq!(prefill["properties"], live["properties"]);
    assert_eq!(prefill["id"], "anna");
    assert_eq!(live["id"], live["properties"]["univentionObjectIdentifier"]);
    assert!(prefill["uuid"].is_string() && prefill["uri"].is_string() && prefill["_embedded"] == json!({}));
    assert!(live.get("uuid").is_none() && live.get("uri").is_none() && live.get("_links").is_none());
}

#[tokio::test]
async fn times_are_naive() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    let (_, message) = client.next("c", "1").await;
    let ts = message["ts"].as_str().unwrap();
    assert_eq!((ts.len(), ts.as_bytes()[10], ts.as_bytes()[19]), (26, b'T', b'.'), "{ts}");
}

#[tokio::test]
async fn events_are_checked_and_handed_on() {
    let (_simulator, client) = subscribed().await;
    let object = json!({"objectType": "groups/group", "dn": "cn=x", "properties": {}});
    let message = |publisher: &str, ts: Value, old: Value, new: Value| {
        json!({"publisher_name": publisher, "ts": ts, "realm": "udm", "topic": "users/user", "extra": 1,
            "body": {"old": old, "new": new}})
    };
    let naive = json!("2026-01-01T00:00:00.5");
    let table = [
        (message("udm-listener", naive.clone(), json!({}), object.clone()), 202),
        (message("somebody", naive.clone(), json!({}), object.clone()), 422),
        (message("udm-listener", naive.clone(), Value::Null, object.clone()), 422),
        (message("udm-listener", naive.clone(), json!({}), json!({})), 500),
        (message("udm-listener", json!("2026-01-01T00:00:00Z"), object.clone(), json!({})), 202),
        (message("udm-listener", json!(0), object.clone(), json!({})), 202),
    ];
    let authorization = basic("udm", "events");
    for (body, status) in &table {
        let response =
            client.send("POST", "/v1/messages", &[("Authorization", &authorization)], &body.to_string()).await;
        assert_eq!(response.unwrap().status, *status, "{body}");
    }
    let messages = client.drain("c").await;
    let times: Vec<&str> = messages.iter().map(|message| message["ts"].as_str().unwrap()).collect();
    assert_eq!(times, ["2026-01-01T00:00:00.5", "2026-01-01T00:00:00+00:00", "1970-01-01T00:00:00+00:00"]);
    assert!(messages.iter().all(|message| message.get("extra").is_none()));
}

#[tokio::test]
async fn each_subscription_has_its_own_queue() {
    let (_simulator, client) = subscribed().await;
    client.control.subscribe("users-only", "secret", &["users/user"], false);
    client.control.modify(crate::client::TEAM, &json!({"description": "x"})).unwrap();
    client.control.touch(ANNA).unwrap();
    assert_eq!(summary(&client.drain("c").await), ["groups/group modify", "users/user equal"]);
    assert_eq!(summary(&client.drain("users-only").await), ["users/user equal"]);
}

#[tokio::test]
async fn deliveries_and_acknowledgements_are_in_one_order() {
    let (_simulator, client) = subscribed().await;
    client.control.touch(ANNA).unwrap();
    client.control.touch(ANNA).unwrap();
    client.drain("c").await;
    let deliveries: Vec<(u64, u64)> =
        client.control.deliveries().iter().map(|delivery| (delivery.order, delivery.sequence_number)).collect();
    let acknowledgements: Vec<(u64, String)> =
        client.control.acknowledgements().into_iter().map(|one| (one.order, one.sequence_number)).collect();
    assert_eq!(deliveries, [(1, 1), (3, 2)]);
    assert_eq!(acknowledgements, [(2, "1".to_owned()), (4, "2".to_owned())]);
    let counters = client.control.counters();
    assert_eq!((counters.deliveries, counters.redeliveries, counters.acknowledged), (2, 0, 2));
    assert_eq!(counters.requests("next"), 3);
}
