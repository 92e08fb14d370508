//! Wrong addresses, wrong certificates, broken and huge answers: a clear state, and nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use oxherd::source::nubus::{Api, ApiError, ApiSettings, Nubus, NubusConfig};
use oxherd::transport::{Credentials, Trust};
use serde_json::json;

use crate::consumer::{NOBODY, drain, world};
use crate::journal::Journal;
use crate::queue::{HASTY, NAME, On, Queue, live};
use crate::server::{self, Answer, start_with_tls};

fn own() -> Credentials {
    Credentials::new(NAME, "secret".to_owned())
}

fn settings(url: &str) -> ApiSettings {
    ApiSettings {
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_millis(700),
        ..ApiSettings::new(url)
    }
}

async fn look(settings: &ApiSettings) -> Result<(), ApiError> {
    Api::new(settings).unwrap().subscription(&own()).await.map(drop)
}

fn authority() -> Trust {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");
    Trust::SystemAnd(std::fs::read(format!("{folder}/ca.pem")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_verified_and_what_is_wrong_with_them_is_said() {
    let queue = Queue::start();
    let good = start_with_tls("server.pem", queue.handler());
    let expired = start_with_tls("expired.pem", queue.handler());
    let trusted = |url: &str| ApiSettings { trust: authority(), ..settings(url) };
    assert_eq!(look(&trusted(&good)).await, Ok(()));
    let unknown = look(&settings(&good)).await.unwrap_err().to_string();
    assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    let old = look(&trusted(&expired)).await.unwrap_err().to_string();
    assert!(old.contains("expired"), "{old}");
    assert_eq!(look(&ApiSettings { trust: Trust::Unverified, ..settings(&expired) }).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_over_tls() {
    let queue = Queue::start();
    let journal = Journal::of(&queue).await;
    queue.post(live("anna", "Weber"));
    let url = start_with_tls("server.pem", queue.handler());
    let mut config = NubusConfig { timing: HASTY, ..NubusConfig::new(&url, own()) };
    config.api.trust = authority();
    drain(&mut Nubus::new(config, journal.notes()), &journal).await;
    assert_eq!(journal.origins().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_unreachable() {
    let error = look(&settings("http://127.0.0.1:1")).await.unwrap_err();
    assert!(matches!(error, ApiError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("spec.source.nubus.url"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_is_told_from_a_service_that_fails() {
    let page = "<html>anna@example.org, log in</html>".to_owned();
    let detail = |text: &str| json!({"detail": text}).to_string();
    let table = [
        (Answer::Page(200, page.clone()), "is spec.source.nubus.url right?"),
        (Answer::Page(401, page.clone()), "is spec.source.nubus.url right?"),
        (Answer::Page(404, page.clone()), "is spec.source.nubus.url right?"),
        (Answer::Json(404, detail("Not Found")), "is spec.source.nubus.url right?"),
        (Answer::Json(307, String::new()), "is spec.source.nubus.url right?"),
        (Answer::Json(200, json!({"status": "ok"}).to_string()), "is spec.source.nubus.url right?"),
        (Answer::Page(503, page.clone()), "status 503 (a proxy, or the service is starting)"),
        (Answer::Page(502, page), "status 502"),
        (Answer::Json(500, detail("Internal server error")), "status 500 (Internal server error)"),
        (Answer::Json(401, detail("Incorrect username or password")), "refuses the credentials (401)"),
        (Answer::Json(422, json!({"message": "password geheim"}).to_string()), "status 422"),
        (Answer::Close, "no complete answer"),
        (Answer::CutOff, "no complete answer"),
        (Answer::Silence, "it took too long"),
    ];
    for (answer, expected) in table {
        let given = answer.clone();
        let url = server::start(Arc::new(move |_| given.clone()));
        let error = look(&settings(&url)).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{answer:?}: {error}");
        assert!(!error.contains("anna") && !error.contains("geheim"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_may_have_a_path_and_a_slash_and_must_be_one() {
    let queue = Queue::start();
    for tail in ["", "/", "/v1", "/v1/"] {
        assert_eq!(look(&settings(&format!("{}{tail}", queue.url))).await, Ok(()), "{tail}");
    }
    let below = Queue::start();
    let handler = below.handler();
    let url = server::start(Arc::new(move |request| {
        let path = request.path.strip_prefix("/univention/provisioning").unwrap().to_owned();
        handler(&server::Request { path, ..request.clone() })
    }));
    assert_eq!(look(&settings(&format!("{url}/univention/provisioning/"))).await, Ok(()));
    for bad in ["host", "ftp://host", "http://user:geheim@host", "http://host/?a=b", ""] {
        let error = Api::new(&settings(bad)).unwrap_err().to_string();
        assert!(!error.contains("geheim"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_and_slow_answers_lose_nothing_and_double_nothing() {
    let (queue, journal, mut nubus) = world().await;
    for number in 0..8 {
        queue.post(live("anna", &number.to_string()));
    }
    for fault in [Answer::Close, Answer::CutOff, Answer::Page(502, "<html>".to_owned())] {
        // With effect: the message was handed out to nobody.
        queue.fail_with_effect(On::Fetch, fault.clone());
        queue.fail(On::Fetch, fault.clone());
        queue.fail(On::Look, fault.clone());
        queue.fail_with_effect(On::Acknowledge, fault);
    }
    queue.fail(On::Look, Answer::Trickle(500, " ".repeat(500)));
    drain(&mut nubus, &journal).await;
    let names: Vec<_> = journal.events().await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(queue.waiting(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_30_mb_is_taken_and_one_that_nobody_writes_is_refused() {
    let (queue, journal, mut nubus) = world().await;
    let mut group = live("everybody", "Weber");
    group["body"]["new"]["properties"]["description"] = json!("x".repeat(30 << 20));
    queue.post(group);
    drain(&mut nubus, &journal).await;
    assert_eq!(journal.origins().await, ["nubus live 1/1"]);
    let mut monster = live("everybody", "Weber");
    monster["body"]["new"]["properties"]["description"] = json!("x".repeat(65 << 20));
    queue.post(monster);
    let error = nubus.drain(&journal, NOBODY).await.unwrap_err().to_string();
    assert!(error.contains("more than 64 MB") && error.contains("skip 2"), "{error}");
    assert_eq!(queue.waiting(), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_message_is_told_and_acknowledges_nothing() {
    for text in ["{}", "[1]", "<html>log in</html>", "true"] {
        let (queue, journal, mut nubus) = world().await;
        queue.post(live("anna", "Weber"));
        queue.fail(On::Fetch, Answer::Json(200, text.to_owned()));
        let error = nubus.drain(&journal, NOBODY).await.unwrap_err().to_string();
        assert!(error.contains("none of its answers"), "{error}");
        assert_eq!(queue.waiting(), [1]);
        drain(&mut nubus, &journal).await;
        assert_eq!((queue.waiting(), journal.origins().await.len()), (vec![], 1));
    }
}
