//! Nothing comes: why, is always said.

use std::time::{Duration, Instant};

use oxherd::source::SourceState;
use oxherd::source::nubus::Nubus;
use oxherd::udm::rest::UdmClient;
use tokio_util::sync::CancellationToken;

use crate::consumer::{NOBODY, drain, failure, until, world};
use crate::journal::Journal;
use crate::queue::{ALL, On, Queue, live};
use crate::server::Answer;

fn state(nubus: &Nubus) -> String {
    nubus.monitor().state().borrow().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reasons_for_an_empty_answer_are_told_apart() {
    let (queue, journal, mut nubus) = world().await;
    queue.post(live("anna", "Weber"));
    for (status, expected, left) in [
        ("pending", "waiting for the prefill of the subscription to begin", 1),
        ("running", "waiting for the prefill of the subscription to be done", 1),
        (
            "failed",
            "has failed, and nothing is handed out any more: begin anew with `oxherd subscription ensure --recreate`",
            0,
        ),
    ] {
        queue.prefill(status);
        let drained = nubus.drain(&journal, NOBODY).await.unwrap();
        assert_eq!((drained.accepted, drained.left), (0, left), "{status}");
        assert!(state(&nubus).contains(expected), "{status}: {}", state(&nubus));
    }
    queue.prefill("pending");
    // It waits for its service a second time, now for too long.
    let begun = Instant::now();
    while !state(&nubus).contains("does not begin") {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", state(&nubus));
        nubus.drain(&journal, NOBODY).await.unwrap();
    }
    queue.prefill("done");
    drain(&mut nubus, &journal).await;
    assert_eq!(*nubus.monitor().state().borrow(), SourceState::Watching);
    assert_eq!(journal.origins().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_the_service_cannot_read_is_recognised_and_the_way_out_works() {
    let (queue, journal, mut nubus) = world().await;
    queue.post(live("anna", "Weber"));
    drain(&mut nubus, &journal).await;
    for _ in 0..8 {
        queue.fail(On::Fetch, failure(500));
    }
    let mut last = String::new();
    for _ in 0..8 {
        last = nubus.drain(&journal, NOBODY).await.unwrap_err().to_string();
    }
    assert!(last.contains("after number 1 of subscription 'oxherd'"), "{last}");
    assert!(last.contains("`oxherd subscription skip 2`") && last.contains("--recreate"), "{last}");
    queue.post(live("anna", "Klein"));
    drain(&mut nubus, &journal).await;
    assert_eq!(journal.origins().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_is_down_is_no_broken_head() {
    let (queue, journal, mut nubus) = world().await;
    for _ in 0..20 {
        queue.fail(On::Fetch, failure(500));
        queue.fail(On::Look, failure(500));
    }
    for _ in 0..10 {
        let error = nubus.drain(&journal, NOBODY).await.unwrap_err().to_string();
        assert!(error.contains("failed with status 500") && !error.contains("skip"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_lost_is_told_with_the_remedy() {
    let (queue, journal, mut nubus) = world().await;
    let detail = r#"{"detail":"Inconsistent message queue state in NATS"}"#.to_owned();
    queue.fail(On::Fetch, Answer::Json(500, detail));
    let error = nubus.drain(&journal, NOBODY).await.unwrap_err().to_string();
    assert!(error.contains("lost the queue") && error.contains("--recreate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_told_and_seldom_tried_and_mended_live() {
    let queue = Queue::start();
    let journal = Journal::of(&queue).await;
    let nubus = Nubus::new(queue.config(), journal.notes());
    let monitor = nubus.monitor().clone();
    let stop = CancellationToken::new();
    let running = tokio::spawn(nubus.run(journal.clone(), None::<UdmClient>, stop.clone()));
    until("it is connected", || *monitor.state().borrow() == SourceState::Watching).await;
    queue.set_password("another one");
    let told = |text: &'static str| {
        let monitor = monitor.clone();
        move || monitor.state().borrow().to_string().contains(text)
    };
    until("it says so", told("refuses the credentials of subscription 'oxherd' (401)")).await;
    assert!(!monitor.state().borrow().to_string().contains("secret"));
    // A subscription that was deleted looks the same.
    queue.set_password("secret");
    until("it goes on", || *monitor.state().borrow() == SourceState::Watching).await;
    queue.delete();
    until("it says so", told("there is no such subscription")).await;
    queue.recreate();
    queue.post(live("anna", "Weber"));
    until("it goes on", || queue.waiting().is_empty()).await;
    assert!(*monitor.connections().borrow() >= 3, "whoever looks for lost events is told of each new connection");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_tried_with_long_pauses() {
    let queue = Queue::start();
    queue.set_password("another one");
    let journal = Journal::of(&queue).await;
    let mut config = queue.config();
    config.timing.refused = oxherd::source::nubus::Timing::default().refused;
    let mut nubus = Nubus::new(config, journal.notes());
    nubus.drain(&journal, NOBODY).await.unwrap_err();
    // The next try waits some seconds: each costs the service a quarter of one.
    let soon = tokio::time::timeout(Duration::from_millis(1500), nubus.drain(&journal, NOBODY)).await;
    assert!(soon.is_err());
    assert_eq!(queue.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_a_warning_while_the_others_arrive() {
    let (queue, journal, mut nubus) = world().await;
    queue.has_topics(&ALL[..6]);
    queue.post(live("anna", "Weber"));
    drain(&mut nubus, &journal).await;
    let warning = nubus.monitor().warning().unwrap();
    assert!(warning.contains("no topic oxmail/shared_account_permission, oxresources/oxresources"), "{warning}");
    assert_eq!((state(&nubus).as_str(), journal.origins().await.len()), ("watching", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_work_are_a_state_and_no_crash() {
    let queue = Queue::start();
    let journal = Journal::of(&queue).await;
    let mut config = queue.config();
    config.api.url = "http://user:geheim@host".to_owned();
    let mut nubus = Nubus::new(config, journal.notes());
    let error = nubus.drain(&journal, NOBODY).await.unwrap_err().to_string();
    assert!(error.starts_with("spec.source.nubus: url: ") && !error.contains("geheim"), "{error}");
}
