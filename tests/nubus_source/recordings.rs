//! What the real service answered: each recorded answer is read, and means what it meant there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use oxherd::source::nubus::{
    Acknowledged, Api, ApiError, ApiSettings, Created, Message, Prefill, PrefillStatus, Publisher, Registration,
    Written,
};
use oxherd::transport::Credentials;
use oxherd::udm::ObjectType;
use serde_json::Value;

use crate::server::{self, Answer};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/provisioning")
}

fn read(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

fn names() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut names: Vec<_> = json.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// What our client makes of an exchange.
#[derive(Debug, PartialEq)]
enum Meaning {
    Message(u64),
    Nothing,
    Acknowledged(Acknowledged),
    Subscription(PrefillStatus),
    Created(Created),
    Deleted,
    Failed(ApiError),
}

async fn meaning(exchange: &Value) -> Option<Meaning> {
    let (request, response) = (&exchange["request"], &exchange["response"]);
    let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
    let body = match &response["body"] {
        Value::String(text) if text.is_empty() => String::new(),
        body => body.to_string(),
    };
    let url = server::start(Arc::new(move |_| Answer::Json(status, body.clone())));
    let api = Api::new(&ApiSettings::new(url)).unwrap();
    let own = Credentials::new("ox-consumer", "secret".to_owned());
    let method = request["method"].as_str().unwrap();
    let path: Vec<_> = request["path"].as_str().unwrap().trim_start_matches('/').split(['/', '?']).collect();
    let outcome = match (method, path.as_slice()) {
        ("GET", ["v1", "subscriptions", _, "messages", "next", ..]) => {
            let answer = api.next(&own, Duration::from_millis(1)).await;
            answer.map(|bytes| {
                bytes.map_or(Meaning::Nothing, |bytes| Meaning::Message(Message::read(&bytes).unwrap().number))
            })
        }
        ("PATCH", ["v1", "subscriptions", _, "messages", number, "status"]) => {
            api.acknowledge(&own, number.parse().unwrap()).await.map(Meaning::Acknowledged)
        }
        ("GET", ["v1", "subscriptions", name]) if !name.is_empty() => {
            api.subscription(&own).await.map(|subscription| Meaning::Subscription(subscription.prefill_queue_status))
        }
        ("POST", ["v1", "subscriptions"]) => {
            let registration = Registration::new(&own, Prefill::None).unwrap();
            api.create(&own, &registration).await.map(Meaning::Created)
        }
        ("DELETE", ["v1", "subscriptions", name]) => api.delete(&own, name).await.map(|()| Meaning::Deleted),
        // Requests that we never make: events, lists, the description of the API.
        _ => return None,
    };
    Some(outcome.unwrap_or_else(Meaning::Failed))
}

fn failed(detail: &str) -> Meaning {
    Meaning::Failed(ApiError::Failed { status: 500, detail: detail.to_owned() })
}

/// What each exchange must mean, by the beginnings of the names; the longest that fits counts.
fn expected(name: &str) -> Option<Meaning> {
    use Meaning::{Acknowledged as Ack, Created as Made, Deleted, Nothing, Subscription};
    Some(match name {
        "ack-200" | "ack-after-pop-200" | "ack-future-number-200" => Ack(Acknowledged::Now),
        "ack-again-404" => Ack(Acknowledged::Before),
        "ack-number-0-500" | "nats-down-ack-500" | "nats-down-next-500" | "queue-not-json-500" => {
            failed("Internal server error")
        }
        "stream-missing-next-500" => failed("Inconsistent message queue state in NATS"),
        "ack-wrong-status-422" | "subscription-create-missing-field-422" => Meaning::Failed(ApiError::Failed {
            status: 422,
            detail: "the request is not as this version wants it".to_owned(),
        }),
        "subscription-create-201"
        | "subscription-create-with-prefill-201"
        | "subscription-create-unknown-realm-201" => Made(Created::Now),
        "subscription-create-again-200" | "subscription-create-again-after-failed-200" => Made(Created::Before),
        "subscription-create-topic-order-409" | "subscription-create-other-password-409" => {
            Meaning::Failed(ApiError::Different)
        }
        "subscription-create-name-with-dot-500" => failed("Subscription could not be created due to an internal error"),
        "subscription-delete-own-200" | "subscription-delete-missing-404" => Deleted,
        "subscription-get-200" | "subscription-get-prefill-done" => Subscription(PrefillStatus::Done),
        "subscription-get-prefill-pending" => Subscription(PrefillStatus::Pending),
        "subscription-get-prefill-failed" => Subscription(PrefillStatus::Failed),
        _ if name.ends_with("-401") => Meaning::Failed(ApiError::Refused),
        "nats-down-during-long-poll" | "next-empty-timeout-0" | "next-empty-timeout-1" => Nothing,
        _ if name.ends_with("-null") => Nothing,
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_answer_is_read_as_what_it_was() {
    let (mut read_as, mut messages) = (0, 0);
    for name in names() {
        let exchange = read(&name);
        if exchange.get("request").is_none() {
            continue;
        }
        let Some(found) = meaning(&exchange).await else { continue };
        match (expected(&name), &found) {
            (Some(expected), _) => assert_eq!(found, expected, "{name}"),
            (None, Meaning::Message(number)) => {
                assert_eq!(Some(*number), exchange["response"]["body"]["sequence_number"].as_u64(), "{name}");
                messages += 1;
            }
            (None, other) => panic!("{name}: nobody says what it must mean: {other:?}"),
        }
        read_as += 1;
    }
    assert!(read_as > 70 && messages > 40, "{read_as} {messages}");
}

#[test]
fn every_recorded_message_is_the_event_that_it_was() {
    let mut count = 0;
    for name in names() {
        let body = &read(&name)["response"]["body"];
        if body.get("sequence_number").is_none() {
            continue;
        }
        count += 1;
        let message = Message::read(body.to_string().as_bytes()).unwrap();
        assert_eq!(Some(message.deliveries), body["num_delivered"].as_u64(), "{name}");
        let content = message.content.unwrap_or_else(|unusable| panic!("{name}: {unusable:?}"));
        let gone = body["body"]["new"].as_object().unwrap().is_empty();
        let side = &body["body"][if gone { "old" } else { "new" }];
        let event = &content.event;
        assert_eq!(Some(event.object.as_str()), side["properties"]["univentionObjectIdentifier"].as_str(), "{name}");
        assert_eq!(Some(event.kind.as_str()), body["topic"].as_str(), "{name}");
        assert_eq!(Some(event.dn.as_str()), side["dn"].as_str(), "{name}");
        assert_eq!(event.desired().is_none(), gone, "{name}");
        assert_eq!(content.publisher == Publisher::Prefill, name.starts_with("prefill-"), "{name}");
        assert!(matches!(content.written, Some(Written::Local(_))), "{name}: the service writes no zone");
        if name.starts_with("live-") && name.ends_with("-delete") {
            assert!(gone, "{name}");
        }
    }
    assert!(count > 45, "{count}");
}

#[test]
fn live_and_prefill_messages_of_all_types_have_the_same_identity() {
    for kind in ObjectType::all() {
        let of = |start: &str| {
            let wanted = |body: &Value| body["topic"] == kind.as_str() && body.get("sequence_number").is_some();
            names()
                .into_iter()
                .filter(|name| name.starts_with(start))
                .any(|name| wanted(&read(&name)["response"]["body"]))
        };
        assert!(of("live-") && of("prefill-"), "{kind}");
    }
    // `id` is the identifier in one and the name in the other; nobody looks at it.
    let prefilled = &read("prefill-user")["response"]["body"]["body"]["new"];
    assert_ne!(prefilled["id"], prefilled["properties"]["univentionObjectIdentifier"]);
}
