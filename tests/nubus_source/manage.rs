//! The subscription: found, created, compared, replaced only when asked.

use oxherd::source::nubus::{BadName, Difference, Found, Manager, Nubus, NubusConfig, Prefill, Registration, TOPICS};
use oxherd::transport::Credentials;
use serde_json::Value;

use crate::consumer::{NOBODY, drain};
use crate::journal::Journal;
use crate::queue::{ALL, NAME, Queue, live};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_subscription_is_created_with_all_topics_by_who_may() {
    let queue = Queue::start();
    queue.delete();
    let journal = Journal::of(&queue).await;
    let mut nubus = Nubus::new(queue.admin_config(), journal.notes());
    nubus.drain(&journal, NOBODY).await.unwrap();
    assert!(queue.exists());
    let requests = queue.requests();
    let post = requests.iter().find(|request| request.method == "POST").unwrap();
    let body: Value = serde_json::from_slice(&post.body).unwrap();
    let topics: Vec<_> =
        body["realms_topics"].as_array().unwrap().iter().map(|one| one["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ALL);
    assert!(body["realms_topics"].as_array().unwrap().iter().all(|one| one["realm"] == "udm"));
    assert_eq!(
        (body["name"].as_str(), body["request_prefill"].as_bool(), body["password"].as_str()),
        (Some(NAME), Some(false), Some("secret"))
    );
    queue.post(live("anna", "Weber"));
    drain(&mut nubus, &journal).await;
    assert_eq!(journal.origins().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_there_is_used_as_it_is() {
    let queue = Queue::start();
    queue.has_topics(&ALL[2..4]);
    let manager = Manager::new(&queue.admin_config()).unwrap();
    let Found::Existing(subscription) = manager.find_or_create().await.unwrap() else { panic!("it was there") };
    let missing: Vec<_> = [&ALL[..2], &ALL[4..]].concat();
    assert_eq!(manager.differences(&subscription), [Difference::MissingTopics(missing)]);
    assert!(queue.requests().iter().all(|request| request.method == "GET"), "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_one_of_the_same_name_is_told_and_left_alone() {
    let queue = Queue::start();
    queue.set_password("another one");
    let manager = Manager::new(&queue.admin_config()).unwrap();
    let error = manager.find_or_create().await.unwrap_err().to_string();
    assert!(error.contains("exists with another password") && error.contains("--recreate"), "{error}");
    assert!(queue.requests().iter().all(|request| request.method != "DELETE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_replaced_when_asked_whatever_its_password_was() {
    let queue = Queue::start();
    queue.set_password("another one");
    queue.has_topics(&ALL[..1]);
    queue.post(live("anna", "lost with it"));
    let manager = Manager::new(&queue.admin_config()).unwrap();
    let Found::New(subscription) = manager.recreate().await.unwrap() else { panic!("it is new") };
    assert_eq!(manager.differences(&subscription), []);
    assert_eq!(queue.waiting(), [0; 0]);
    // One that is gone is no obstacle.
    queue.delete();
    assert!(matches!(manager.recreate().await.unwrap(), Found::New(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_that_cannot_be_made_again() {
    let queue = Queue::start();
    let manager = Manager::new(&queue.config()).unwrap();
    let error = manager.recreate().await.unwrap_err().to_string();
    assert!(error.contains("adminCredentialsRef"), "{error}");
    assert!(queue.exists() && queue.requests().is_empty());
    let wrong = NubusConfig { admin: Some(Credentials::new("admin", "wrong".to_owned())), ..queue.config() };
    let error = Manager::new(&wrong).unwrap().recreate().await.unwrap_err().to_string();
    assert!(error.contains("refuses the administrator"), "{error}");
    assert!(queue.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_found() {
    let queue = Queue::start();
    let mut topics = ALL.to_vec();
    topics.push("users/contact");
    queue.has_topics(&topics);
    queue.prefill("failed");
    let manager = Manager::new(&queue.config()).unwrap();
    let subscription = manager.find().await.unwrap().unwrap();
    let expected = [Difference::SurplusTopics(vec!["users/contact".to_owned()]), Difference::PrefillFailed];
    assert_eq!(manager.differences(&subscription), expected);
}

#[test]
fn names_that_break_the_service_are_never_sent() {
    for bad in ["a.b", "a/b", "a b", "ü", ""] {
        let config = NubusConfig::new("http://host", Credentials::new(bad, "x".to_owned()));
        assert_eq!(config.registration().err(), Some(BadName), "{bad}");
        assert!(Manager::new(&config).is_err());
    }
}

#[test]
fn a_registration_is_what_the_chart_of_nubus_takes() {
    let registration = Registration::new(&Credentials::new("oxherd", "s3cret".to_owned()), Prefill::Requested).unwrap();
    let json: Value = serde_json::from_str(&registration.json()).unwrap();
    assert_eq!(json.as_object().unwrap().len(), 4, "the service wants exactly these");
    assert_eq!(json["request_prefill"], true);
    assert_eq!(json["realms_topics"].as_array().unwrap().len(), TOPICS.len());
}
