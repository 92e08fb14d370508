use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::udm::Event;

/// A journal in memory that can refuse.
#[derive(Default)]
struct Journal {
    appends: Mutex<Vec<(Vec<String>, String)>>,
    refuse: AtomicBool,
}

impl Journal {
    fn origins(&self) -> Vec<String> {
        self.appends.lock().unwrap().iter().flat_map(|(origins, _)| origins.clone()).collect()
    }
}

impl Sink for Journal {
    async fn append(&self, events: Vec<(String, Event)>, source: &str, cursor: &str) -> Result<(), SinkError> {
        assert_eq!(source, "spool");
        if self.refuse.load(Ordering::Relaxed) {
            return Err(SinkError::new("the disk is full"));
        }
        let line = |(origin, event): (String, Event)| format!("{origin} {}", event.object);
        self.appends.lock().unwrap().push((events.into_iter().map(line).collect(), cursor.to_owned()));
        Ok(())
    }

    async fn cursor(&self, _: &str) -> Result<Option<String>, SinkError> {
        Ok(self.appends.lock().unwrap().last().map(|(_, cursor)| cursor.clone()))
    }
}

fn text(id: &str) -> String {
    json!({"id": id, "udm_object_type": "users/user", "dn": format!("uid={id},dc=acme"), "object": {"username": id}})
        .to_string()
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(folder.join(name), text).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn spool(folder: &TempDir, settle: u64) -> Spool {
    let settle = Duration::from_millis(settle);
    Spool::new(SpoolConfig { folder: folder.path().to_owned(), poll_interval: Duration::from_millis(50), settle })
}

/// Waits until something holds, for much longer than it ever should take.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn files_are_taken_in_the_order_of_their_names_and_then_removed() {
    let folder = TempDir::new().unwrap();
    for name in ["3", "1", "2"] {
        write(folder.path(), &format!("{name}.json"), text(name));
    }
    write(folder.path(), ".4.json", text("hidden"));
    write(folder.path(), "5.json.tmp", text("temporary"));
    fs::create_dir(folder.path().join("6.json")).unwrap();

    let journal = Journal::default();
    let mut spool = spool(&folder, 2000);
    let drained = spool.drain(&journal).await.unwrap();
    assert_eq!(drained, Drained { accepted: 3, rejected: 0, left: 0 });
    assert_eq!(journal.origins(), ["spool 1.json 1", "spool 2.json 2", "spool 3.json 3"]);
    let appends = journal.appends.lock().unwrap().clone();
    assert_eq!(appends.len(), 1, "one transaction, with the position after it");
    assert!(["1.json", "2.json", "3.json"].iter().all(|name| appends[0].1.contains(name)), "{appends:?}");
    assert_eq!(names(folder.path()), [".4.json", "5.json.tmp", "6.json"]);
    assert_eq!((spool.counters().accepted(), spool.counters().rejected()), (3, 0));
}

#[tokio::test]
async fn a_broken_file_is_rejected_with_an_explanation_and_stops_nobody() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "1.json", r#"{"id": "Geheim"#);
    write(folder.path(), "2.json", text("b"));
    fs::create_dir(folder.path().join("rejected")).unwrap();
    write(&folder.path().join("rejected"), "1.json", "an older one");

    let journal = Journal::default();
    let mut spool = spool(&folder, 100);
    assert_eq!(spool.drain(&journal).await.unwrap(), Drained { accepted: 1, rejected: 0, left: 1 });
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(spool.drain(&journal).await.unwrap(), Drained { accepted: 0, rejected: 1, left: 0 });
    assert_eq!(names(folder.path()), ["rejected"]);
    assert_eq!(names(&folder.path().join("rejected")), ["1.json", "1~2.json", "1~2.json.error"]);
    let error = fs::read_to_string(folder.path().join("rejected/1~2.json.error")).unwrap();
    assert!(error.contains("1.json") && error.contains("no JSON") && error.contains("What to do"), "{error}");
    assert!(!error.contains("Geheim"), "{error}");
    assert_eq!(spool.counters().rejected(), 1);
}

#[tokio::test]
async fn a_file_that_still_grows_waits_until_it_is_complete() {
    let folder = TempDir::new().unwrap();
    let whole = text("slow");
    let journal = Journal::default();
    let mut spool = spool(&folder, 200);
    for end in (1..whole.len()).step_by(9) {
        write(folder.path(), "1.json", &whole[..end]);
        assert_eq!(spool.drain(&journal).await.unwrap().left, 1);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    write(folder.path(), "1.json", &whole);
    assert_eq!(spool.drain(&journal).await.unwrap(), Drained { accepted: 1, rejected: 0, left: 0 });
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_late_file_does_not_undo_a_later_one_of_the_same_object() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "1.json", &text("a")[..20]);
    write(folder.path(), "2.json", &text("b")[..20]);
    write(folder.path(), "3.json", text("a"));
    let journal = Journal::default();
    let mut spool = spool(&folder, 60_000);
    spool.drain(&journal).await.unwrap();
    assert_eq!(journal.origins(), ["spool 3.json a"]);
    assert_eq!(names(folder.path()), ["1.json", "2.json", "3.json"], "after a crash all must come in order");

    write(folder.path(), "1.json", text("a"));
    write(folder.path(), "2.json", text("b"));
    assert_eq!(spool.drain(&journal).await.unwrap().left, 0);
    assert_eq!(journal.origins(), ["spool 3.json a", "spool 2.json b"]);
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_journal_refuses_stays_and_comes_again() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "1.json", text("a"));
    let journal = Journal::default();
    let mut spool = spool(&folder, 2000);
    journal.refuse.store(true, Ordering::Relaxed);
    assert!(matches!(spool.drain(&journal).await, Err(SpoolError::Sink(_))));
    assert!(matches!(&*spool.state().borrow(), SourceState::Failing { reason } if reason.contains("the disk is full")));
    assert_eq!(names(folder.path()), ["1.json"]);

    journal.refuse.store(false, Ordering::Relaxed);
    assert_eq!(spool.drain(&journal).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn after_a_crash_between_journal_and_removal_a_file_is_only_removed() {
    let folder = TempDir::new().unwrap();
    let journal = Journal::default();
    let written = std::time::SystemTime::now();
    let lay = |name: &str, object: &str| {
        write(folder.path(), name, text(object));
        fs::File::options().append(true).open(folder.path().join(name)).unwrap().set_modified(written).unwrap();
    };
    lay("1.json", "a");
    lay("2.json", "a");
    assert_eq!(spool(&folder, 2000).drain(&journal).await.unwrap().accepted, 2);
    // That life ended before the files were removed: for the next one they are still there, and a newer one behind them.
    lay("1.json", "a");
    lay("2.json", "a");
    write(folder.path(), "3.json", text("a"));
    assert_eq!(spool(&folder, 2000).drain(&journal).await.unwrap().accepted, 1);
    assert_eq!(journal.origins(), ["spool 1.json a", "spool 2.json a", "spool 3.json a"]);
    assert_eq!(names(folder.path()), Vec::<String>::new());
    // A file of the same name that was written anew is another one.
    write(folder.path(), "3.json", text("b"));
    assert_eq!(spool(&folder, 2000).drain(&journal).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn what_an_interrupted_pass_delivered_is_not_delivered_again() {
    let folder = TempDir::new().unwrap();
    let journal = Journal::default();
    let mut spool = spool(&folder, 2000);
    for round in 0..200 {
        write(folder.path(), &format!("{round:03}.json"), text("a"));
        let pause = Duration::from_micros(round * 5);
        let _ = tokio::time::timeout(pause, spool.drain(&journal)).await;
    }
    spool.drain(&journal).await.unwrap();
    let origins = journal.origins();
    assert_eq!(origins, (0..200).map(|round| format!("spool {round:03}.json a")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_that_was_rewritten_after_it_was_read_is_not_removed() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "1.json", text("a"));
    let mark = match &folder::look(folder.path(), &[("1.json".into(), None)])[0] {
        Look::Event(mark, _) => *mark,
        _ => panic!("no event"),
    };
    write(folder.path(), "1.json", text("other"));
    folder::remove(folder.path(), "1.json".as_ref(), mark).unwrap();
    assert_eq!(names(folder.path()), ["1.json"]);
}

#[tokio::test]
async fn a_new_file_is_noticed_at_once() {
    let folder = TempDir::new().unwrap();
    let journal = Arc::new(Journal::default());
    let mut source = spool(&folder, 2000);
    source.config.poll_interval = Duration::from_hours(1);
    let state = source.state();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(source.run(Arc::clone(&journal), shutdown.clone()));
    eventually("watching", || *state.borrow() == SourceState::Watching).await;

    let start = Instant::now();
    write(folder.path(), "1.json", text("a"));
    eventually("written", || journal.origins().len() == 1).await;
    write(folder.path(), "tmp", text("b"));
    fs::rename(folder.path().join("tmp"), folder.path().join("2.json")).unwrap();
    eventually("renamed", || journal.origins().len() == 2).await;
    // In practice some 20 ms each; the promise is 100 ms, the rest is for a busy machine.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());

    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn without_notifications_it_polls_and_says_so() {
    let folder = TempDir::new().unwrap();
    let journal = Arc::new(Journal::default());
    let mut source = spool(&folder, 2000);
    source.notifications = false;
    source.watch = Err("too many watches".to_owned());
    let state = source.state();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(source.run(Arc::clone(&journal), shutdown.clone()));
    eventually(
        "polling",
        || matches!(&*state.borrow(), SourceState::Polling { reason } if reason == "too many watches"),
    )
    .await;
    write(folder.path(), "1.json", text("a"));
    eventually("taken", || journal.origins().len() == 1).await;
    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_missing_folder_is_reported_and_watched_when_it_appears() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("spool");
    let mut config = SpoolConfig::new(&folder);
    config.poll_interval = Duration::from_millis(20);
    let journal = Arc::new(Journal::default());
    let source = Spool::new(config);
    let state = source.state();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(source.run(Arc::clone(&journal), shutdown.clone()));
    for round in 1..=2 {
        eventually(
            "failing",
            || matches!(&*state.borrow(), SourceState::Failing { reason } if reason.contains("create it")),
        )
        .await;
        fs::create_dir(&folder).unwrap();
        eventually("watching", || *state.borrow() == SourceState::Watching).await;
        write(&folder, "1.json", text("a"));
        eventually("taken", || journal.origins().len() == round && names(&folder).is_empty()).await;
        fs::remove_dir(&folder).unwrap();
    }
    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_moved_away_is_reported_and_does_not_stop_the_others() {
    let folder = TempDir::new().unwrap();
    // A file of that name makes the folder impossible, for root as well.
    write(folder.path(), "rejected", "");
    write(folder.path(), "1.json", "{}");
    let journal = Journal::default();
    let mut spool = spool(&folder, 0);
    spool.drain(&journal).await.unwrap();
    spool.drain(&journal).await.unwrap();
    assert!(matches!(&*spool.state().borrow(), SourceState::Failing { reason } if reason.contains("write access")));
    write(folder.path(), "2.json", text("b"));
    assert_eq!(spool.drain(&journal).await.unwrap(), Drained { accepted: 1, rejected: 0, left: 0 });
    assert_eq!(names(folder.path()), ["1.json", "rejected"]);

    fs::remove_file(folder.path().join("rejected")).unwrap();
    spool.drain(&journal).await.unwrap();
    assert_eq!(names(&folder.path().join("rejected")), ["1.json", "1.json.error"]);
    assert_eq!(spool.counters().rejected(), 1, "counted once");
    assert!(!matches!(&*spool.state().borrow(), SourceState::Failing { .. }));
}

#[tokio::test]
async fn ten_thousand_files_are_taken_in_order() {
    let folder = TempDir::new().unwrap();
    for number in 0..10_000 {
        write(folder.path(), &format!("2026-01-05-08-00-00-{number:06}.json"), text(&format!("u{number}")));
    }
    let journal = Journal::default();
    assert_eq!(spool(&folder, 2000).drain(&journal).await.unwrap().accepted, 10_000);
    let origins = journal.origins();
    assert!(origins.is_sorted() && origins.len() == 10_000);
    assert!(journal.appends.lock().unwrap().len() < 100, "many files in one transaction");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}
