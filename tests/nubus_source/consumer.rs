//! From the queue into the journal: nothing lost, nothing twice, nothing for ever.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use oxherd::source::nubus::Nubus;
use oxherd::source::{Drained, Source, SourceConfig, SourceState};
use oxherd::udm::rest::UdmClient;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::journal::Journal;
use crate::queue::{On, Queue, live, message, removal};
use crate::server::Answer;

pub const NOBODY: Option<&UdmClient> = None;

pub fn failure(status: u16) -> Answer {
    Answer::Json(status, r#"{"detail":"Internal server error"}"#.to_owned())
}

/// Drains until there is nothing left, however often that fails. Gives what was delivered.
pub async fn drain(nubus: &mut Nubus, journal: &Journal) -> Drained {
    let (mut sum, mut last) = (Drained::default(), String::new());
    for _ in 0..50 {
        match nubus.drain(journal, NOBODY).await {
            Ok(drained) => {
                sum.accepted += drained.accepted;
                sum.rejected += drained.rejected;
                return sum;
            }
            Err(error) => last = error.to_string(),
        }
    }
    panic!("no end in sight, at last: {last}: {:?}", nubus.monitor().state().borrow());
}

pub async fn world() -> (Queue, Journal, Nubus) {
    let queue = Queue::start();
    let journal = Journal::of(&queue).await;
    let nubus = Nubus::new(queue.config(), journal.notes());
    (queue, journal, nubus)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_in_the_journal_before_it_is_acknowledged_and_only_then_comes_the_next() {
    let (queue, journal, mut nubus) = world().await;
    for message in [live("anna", "Weber"), live("anna", "Klein"), removal("anna")] {
        queue.post(message);
    }
    assert_eq!(nubus.drain(&journal, NOBODY).await.unwrap().accepted, 3);
    let expected: Vec<_> = (1..=3)
        .flat_map(|n| [format!("handed out {n}"), format!("journaled nubus live 1/{n}"), format!("acknowledged {n}")])
        .collect();
    assert_eq!(queue.log(), expected);
    let names: Vec<_> = journal.events().await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["Weber", "Klein", "gone"]);
    assert!(queue.requests().iter().all(|request| !request.path.contains("pop")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_is_repeated_and_its_message_is_journaled_once() {
    for effect in [false, true] {
        for answer in [failure(500), Answer::Close, Answer::Page(503, "<html>busy</html>".to_owned())] {
            let (queue, journal, mut nubus) = world().await;
            queue.post(live("anna", "Weber"));
            if effect {
                queue.fail_with_effect(On::Acknowledge, answer.clone());
            } else {
                queue.fail(On::Acknowledge, answer.clone());
            }
            let drained = drain(&mut nubus, &journal).await;
            assert_eq!((drained.accepted, journal.origins().await.len()), (1, 1), "{effect} {answer:?}");
            assert_eq!(queue.waiting(), [0; 0], "{effect} {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_are_repeated_as_often_as_is_set_and_what_comes_again_is_recognised() {
    let queue = Queue::start();
    let journal = Journal::of(&queue).await;
    let mut config = queue.config();
    config.acknowledgement_retries = 1;
    let mut nubus = Nubus::new(config, journal.notes());
    queue.post(live("anna", "Weber"));
    queue.post(live("bob", "Klein"));
    for _ in 0..2 {
        queue.fail(On::Acknowledge, failure(500));
    }
    nubus.drain(&journal, NOBODY).await.unwrap_err();
    assert_eq!(queue.waiting(), [1, 2], "two tries, then the connection counts as broken");
    // A restart in between changes nothing.
    let mut nubus = Nubus::new(queue.config(), journal.notes());
    drain(&mut nubus, &journal).await;
    assert_eq!(journal.origins().await, ["nubus live 1/1", "nubus live 1/2"]);
    assert_eq!(queue.waiting(), [0; 0]);
    let stream = nubus.monitor().stream().unwrap();
    assert_eq!((stream.repeated, stream.redelivered, stream.sequence_number), (1, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_refuses_leaves_the_message_in_the_queue() {
    let (queue, journal, mut nubus) = world().await;
    queue.post(live("anna", "Weber"));
    journal.refuses.store(true, Ordering::SeqCst);
    let error = nubus.drain(&journal, NOBODY).await.unwrap_err().to_string();
    assert!(error.contains("the disk is full"), "{error}");
    assert_eq!(queue.waiting(), [1]);
    assert!(matches!(&*nubus.monitor().state().borrow(), SourceState::Failing { .. }));
    journal.refuses.store(false, Ordering::SeqCst);
    drain(&mut nubus, &journal).await;
    assert_eq!((journal.origins().await.len(), queue.waiting()), (1, vec![]));
    assert_eq!(*nubus.monitor().state().borrow(), SourceState::Watching);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_accepts_and_fails_to_say_so_holds_the_event_once() {
    let (queue, journal, mut nubus) = world().await;
    queue.post(live("anna", "Weber"));
    journal.lies.store(true, Ordering::SeqCst);
    nubus.drain(&journal, NOBODY).await.unwrap_err();
    drain(&mut nubus, &journal).await;
    assert_eq!((journal.origins().await.len(), queue.waiting()), (1, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_begin_again_with_a_new_subscription_hide_nothing() {
    let (queue, journal, mut nubus) = world().await;
    for name in ["a", "b", "c"] {
        queue.post(live("anna", name));
    }
    drain(&mut nubus, &journal).await;
    queue.recreate();
    for name in ["d", "e"] {
        queue.post(live("anna", name));
    }
    // Also over a restart.
    let mut nubus = Nubus::new(queue.config(), journal.notes());
    drain(&mut nubus, &journal).await;
    let names: Vec<_> = journal.events().await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(journal.origins().await[3], "nubus live 2/1");
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_in_the_numbers_are_normal() {
    let (queue, journal, mut nubus) = world().await;
    for number in [1, 4, 1000] {
        let mut message = live("anna", "x");
        message["ts"] = json!(format!("2026-01-01T00:00:00.{number:06}"));
        queue.post_as(number, message);
    }
    drain(&mut nubus, &journal).await;
    assert_eq!(journal.origins().await, ["nubus live 1/1", "nubus live 1/4", "nubus live 1/1000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_somebody_else_acknowledged_is_noticed() {
    let (queue, journal, mut nubus) = world().await;
    queue.post(live("anna", "Weber"));
    queue.fail_with_effect(On::Acknowledge, Answer::Json(404, r#"{"detail":"no message found"}"#.to_owned()));
    drain(&mut nubus, &journal).await;
    assert_eq!(journal.origins().await.len(), 1);
    assert_eq!(nubus.monitor().stream().unwrap().acknowledged_by_others, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_noted_counted_and_acknowledged_and_never_comes_again() {
    let (queue, journal, mut nubus) = world().await;
    let mut nameless = live("anna", "Geheim");
    nameless["body"]["new"]["properties"]["univentionObjectIdentifier"] = json!(null);
    let mut foreign = live("bob", "Geheim");
    foreign["topic"] = json!("users/contact");
    foreign["body"]["new"]["objectType"] = json!("users/contact");
    let empty = message("udm-listener", "users/user", &json!({}), &json!({}));
    for message in [nameless, foreign, empty, live("carl", "Weber")] {
        queue.post(message);
    }
    let drained = drain(&mut nubus, &journal).await;
    assert_eq!((drained.accepted, drained.rejected), (1, 3));
    assert_eq!(nubus.monitor().counters().rejected(), 3);
    assert_eq!(queue.waiting(), [0; 0]);
    assert_eq!(journal.origins().await, ["nubus live 1/4"]);
    let mut notes: Vec<_> = std::fs::read_dir(journal.notes()).unwrap().map(|entry| entry.unwrap().path()).collect();
    notes.sort();
    let notes: Vec<_> = notes.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert_eq!(notes.len(), 3);
    assert!(notes[0].contains("univentionObjectIdentifier") && notes[0].contains("uid=anna,cn=users,dc=test"));
    assert!(notes[1].contains("users/contact"));
    assert!(notes.iter().all(|note| !note.contains("Geheim") && note.contains("whatToDo")), "{notes:#?}");
    // After a restart they are still behind us.
    let drained = drain(&mut Nubus::new(queue.config(), journal.notes()), &journal).await;
    assert_eq!(drained, Drained::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_cannot_be_written_keeps_the_message_in_the_queue() {
    let (queue, journal, _) = world().await;
    let file = journal.notes();
    std::fs::write(&file, "in the way").unwrap();
    let mut nubus = Nubus::new(queue.config(), file.clone());
    queue.post(message("udm-listener", "users/user", &json!({}), &json!({})));
    let error = nubus.drain(&journal, NOBODY).await.unwrap_err().to_string();
    assert!(error.contains("write access"), "{error}");
    assert_eq!(queue.waiting(), [1]);
    std::fs::remove_file(file).unwrap();
    assert_eq!(drain(&mut nubus, &journal).await.rejected, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn following_ends_at_once_when_told_and_in_the_middle_of_nothing() {
    let (queue, journal, nubus) = world().await;
    queue.post(live("anna", "Weber"));
    let mut config = queue.config();
    config.timing.poll = Duration::from_secs(30);
    let monitor = nubus.monitor().clone();
    let nubus = Nubus::new(config, journal.notes()).shown_on(monitor.clone());
    let stop = CancellationToken::new();
    let running = tokio::spawn(nubus.run(journal.clone(), None::<UdmClient>, stop.clone()));
    until("the message is acknowledged", || queue.log().contains(&"acknowledged 1".to_owned())).await;
    queue.post(live("anna", "Klein"));
    until("an open poll brings the next", || queue.log().contains(&"acknowledged 2".to_owned())).await;
    let told = Instant::now();
    stop.cancel();
    running.await.unwrap();
    assert!(told.elapsed() < Duration::from_secs(5), "it does not wait for the end of its poll");
    assert_eq!(journal.origins().await, ["nubus live 1/1", "nubus live 1/2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_handed_out_is_brought_to_its_end_although_it_is_told_to_stop() {
    let (queue, journal, nubus) = world().await;
    let stop = CancellationToken::new();
    // The acknowledgement takes long; the order to stop comes meanwhile.
    let slow = Answer::Trickle(200, format!("null{}", " ".repeat(2000)));
    queue.fail_with_effect(On::Acknowledge, slow);
    queue.post(live("anna", "Weber"));
    let running = tokio::spawn(nubus.run(journal.clone(), None::<UdmClient>, stop.clone()));
    until("it is acknowledging", || queue.requests().iter().any(|request| request.method == "PATCH")).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!((journal.origins().await.len(), queue.waiting()), (1, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_subscription_begins_anew_on_the_same_journal() {
    let (queue, journal, mut nubus) = world().await;
    queue.post(live("anna", "Weber"));
    drain(&mut nubus, &journal).await;
    let other = Queue::start();
    other.post(live("bob", "x"));
    other.post(live("bob", "y"));
    let config = SourceConfig::Nubus(Box::new(other.config()));
    let mut source = Source::new(&config, nubus.monitor(), &journal.notes());
    source.drain(&journal, NOBODY).await.unwrap();
    assert_eq!(journal.origins().await, ["nubus live 1/1", "nubus live 2/1", "nubus live 2/2"]);
}

/// Waits until something holds, for much longer than it ever should take.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
