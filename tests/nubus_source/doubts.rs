//! Messages that may be outdated: what is newer wins.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use oxherd::source::nubus::Nubus;
use oxherd::source::{Directory, LookUpError, Sink};
use oxherd::udm::{Change, Event, ObjectId, ObjectType, Properties};
use serde_json::json;

use crate::consumer::{drain, world};
use crate::journal::Journal;
use crate::queue::{Queue, live, prefill, removal};

/// A directory with these last names.
#[derive(Default)]
struct Names {
    known: HashMap<&'static str, &'static str>,
    asked: AtomicUsize,
    down: bool,
}

impl Directory for Names {
    async fn object(&self, kind: ObjectType, id: &ObjectId) -> Result<Option<Event>, LookUpError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.down {
            return Err(LookUpError::new("it is down"));
        }
        Ok(self.known.get(id.as_str()).map(|name| user(kind, id, name)))
    }
}

fn user(kind: ObjectType, id: &ObjectId, name: &str) -> Event {
    let mut properties = Properties::default();
    properties.set("lastname", name);
    let dn = format!("uid={id},cn=users,dc=test").parse().unwrap();
    Event { object: id.clone(), kind, dn, change: Change::Present(properties) }
}

fn directory(names: &[(&'static str, &'static str)]) -> Names {
    Names { known: names.iter().copied().collect(), ..Names::default() }
}

async fn names(journal: &Journal) -> Vec<String> {
    journal.events().await.into_iter().map(|(_, name)| name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_prefill_never_takes_the_place_of_what_is_known_live() {
    let (queue, journal, mut nubus) = world().await;
    for message in [prefill("anna", "first copy"), live("anna", "live"), prefill("anna", "stale copy")] {
        queue.post(message);
    }
    queue.post(prefill("bob", "first copy"));
    queue.post(prefill("bob", "copy of the second attempt"));
    drain(&mut nubus, &journal).await;
    assert_eq!(names(&journal).await, ["first copy", "live", "first copy", "copy of the second attempt"]);
    assert_eq!(nubus.monitor().stream().unwrap().outdated, 1);
    assert_eq!(queue.waiting(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prefill_of_a_new_subscription_brings_what_the_former_one_had_lost() {
    let (queue, journal, mut nubus) = world().await;
    queue.post(live("anna", "live"));
    drain(&mut nubus, &journal).await;
    queue.recreate();
    queue.post(prefill("anna", "changed meanwhile"));
    drain(&mut nubus, &journal).await;
    assert_eq!(names(&journal).await, ["live", "changed meanwhile"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_with_a_new_subscription_whose_numbers_tell_nothing() {
    let (queue, journal, mut nubus) = world().await;
    queue.post(live("anna", "live"));
    drain(&mut nubus, &journal).await;
    queue.recreate();
    queue.prefill("running");
    assert_eq!(nubus.drain(&journal, None::<&Names>).await.unwrap().left, 1, "it is not over yet");
    queue.post_as(9, prefill("anna", "changed meanwhile"));
    queue.prefill("done");
    drain(&mut nubus, &journal).await;
    assert_eq!(names(&journal).await, ["live", "changed meanwhile"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_asked_about_a_copy_of_what_is_known_live() {
    let (queue, journal, mut nubus) = world().await;
    for message in [live("anna", "live"), prefill("anna", "stale copy"), live("gone", "live"), prefill("gone", "stale")]
    {
        queue.post(message);
    }
    let directory = directory(&[("anna", "newest")]);
    nubus.drain(&journal, Some(&directory)).await.unwrap();
    assert_eq!(names(&journal).await, ["live", "newest", "live"], "of what is gone, the removal will come");
    assert_eq!(directory.asked.load(Ordering::SeqCst), 2);
    assert_eq!(journal.origins().await[1], "nubus live 1/2 (looked up)");
    // Down, it costs nothing but the look.
    queue.post(prefill("anna", "stale copy"));
    nubus.drain(&journal, Some(&Names { down: true, ..Names::default() })).await.unwrap();
    assert_eq!(names(&journal).await.len(), 3);
}

/// What a list of the directory brought just now.
async fn listed(journal: &Journal, id: &str, name: &str) {
    let id = ObjectId::new(id).unwrap();
    let event = user(ObjectType::User, &id, name);
    journal.append(vec![("resync".to_owned(), event)], "directory", "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_from_before_a_look_at_the_directory_is_replaced_by_another_look() {
    let (queue, journal, mut nubus) = world().await;
    let older = [live("anna", "old"), live("bob", "live"), removal("carl"), removal("dora"), live("emil", "old")];
    listed(&journal, "anna", "listed").await;
    listed(&journal, "carl", "listed").await;
    listed(&journal, "dora", "listed").await;
    listed(&journal, "emil", "listed").await;
    for message in older {
        queue.post(message);
    }
    let directory = directory(&[("anna", "newest"), ("dora", "back again")]);
    nubus.drain(&journal, Some(&directory)).await.unwrap();
    let found = names(&journal).await;
    assert_eq!(
        found[4..],
        ["newest", "live", "gone", "back again"],
        "nobody knows where emil is: a later message says it"
    );
    assert_eq!(directory.asked.load(Ordering::SeqCst), 4, "bob was not listed");
    assert_eq!(nubus.monitor().stream().unwrap().looked_up, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_from_after_the_look_is_taken_as_it_is() {
    let (queue, journal, mut nubus) = world().await;
    listed(&journal, "anna", "listed").await;
    let mut later = live("anna", "later");
    later["ts"] = json!((jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5)).to_string());
    queue.post(later);
    let directory = directory(&[]);
    nubus.drain(&journal, Some(&directory)).await.unwrap();
    assert_eq!(names(&journal).await, ["listed", "later"]);
    assert_eq!(directory.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_asked_keeps_a_doubtful_message_in_the_queue() {
    let (queue, journal, mut nubus) = world().await;
    listed(&journal, "anna", "listed").await;
    queue.post(live("anna", "old"));
    let down = Names { down: true, ..Names::default() };
    let error = nubus.drain(&journal, Some(&down)).await.unwrap_err().to_string();
    assert!(error.contains("may be outdated") && error.contains("it is down"), "{error}");
    assert_eq!((queue.waiting(), names(&journal).await), (vec![1], vec!["listed".to_owned()]));
    let up = directory(&[("anna", "newest")]);
    nubus.drain(&journal, Some(&up)).await.unwrap();
    assert_eq!(names(&journal).await, ["listed", "newest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_go_back_are_a_reason_to_ask() {
    let queue = Queue::start();
    let journal = Journal::of(&queue).await;
    let mut nubus = Nubus::new(queue.config(), journal.notes());
    for name in ["a", "b", "c"] {
        queue.post(live("anna", name));
    }
    let directory = directory(&[("anna", "newest")]);
    nubus.drain(&journal, Some(&directory)).await.unwrap();
    // A crash of the storage brought an old message back that nobody remembers.
    queue.post_as(2, live("anna", "from the past"));
    nubus.drain(&journal, Some(&directory)).await.unwrap();
    assert_eq!(names(&journal).await, ["a", "b", "c", "newest"]);
}
