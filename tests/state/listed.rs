//! What the directory itself says of objects, compared with what is known of them.

use oxherd::state::{Compared, IdSpan, Mark};

use super::*;

async fn compare(store: &SqliteStore, tasks: &[NewTask], since: Mark) -> Compared {
    store.compare(tasks, since, "r1", "test", |_| None).await.unwrap()
}

/// Compares one task. Returns whether it was journalled, was as known, or came too late.
async fn verdict(store: &SqliteStore, new: NewTask, since: Mark) -> &'static str {
    let before = journal(store).await.len();
    let compared = compare(store, &[new], since).await;
    let verdict = match compared {
        Compared { journalled: 1, same: 0, overtaken: 0 } => "journalled",
        Compared { journalled: 0, same: 1, overtaken: 0 } => "same",
        Compared { journalled: 0, same: 0, overtaken: 1 } => "overtaken",
        other => panic!("{other:?}"),
    };
    let added = journal(store).await.len() - before;
    assert_eq!(added, usize::from(verdict == "journalled"));
    verdict
}

fn changed(name: &str) -> NewTask {
    let mut event = event(name);
    let Change::Present(properties) = &mut event.change else { panic!() };
    properties.set("title", "Dr.");
    NewTask { task: Task::Event(event), origin: "resync".into() }
}

fn gone(name: &str) -> NewTask {
    NewTask { task: deletion(name), origin: "resync".into() }
}

#[tokio::test]
async fn what_differs_from_the_newest_that_is_known_is_journalled() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let now = store.mark().await.unwrap();
    assert_eq!(verdict(&store, gone("anna"), now).await, "same", "nothing to delete");
    assert_eq!(verdict(&store, task("anna"), now).await, "journalled");

    // In the journal.
    let now = store.mark().await.unwrap();
    assert_eq!(verdict(&store, task("anna"), now).await, "same");
    assert_eq!(verdict(&store, changed("anna"), now).await, "journalled");
    let now = store.mark().await.unwrap();
    assert_eq!(verdict(&store, task("anna"), now).await, "journalled", "the newest counts, not any");
    assert_eq!(verdict(&store, gone("anna"), store.mark().await.unwrap()).await, "journalled");

    // Applied, without or with something to say.
    let [seq] = append(&store, &["ben"]).await[..] else { panic!() };
    store.commit(&[settled(seq, "ben", &[])]).await.unwrap();
    let [seq] = append(&store, &["cora"]).await[..] else { panic!() };
    store.commit(&[applied(seq, record("cora", &[], &[]), &[])]).await.unwrap();
    let now = store.mark().await.unwrap();
    for name in ["ben", "cora"] {
        assert_eq!(verdict(&store, task(name), now).await, "same", "{name}");
        assert_eq!(verdict(&store, changed(name), now).await, "journalled", "{name}");
    }
    assert_eq!(store.audit(Some(&id("ben")), 9).await.unwrap(), [], "what is as known leaves no trace");

    // Parked.
    let [seq] = append(&store, &["dora"]).await[..] else { panic!() };
    store.commit(&[parked(seq, "dora", &[])]).await.unwrap();
    let now = store.mark().await.unwrap();
    assert_eq!(verdict(&store, task("dora"), now).await, "same");
    assert_eq!(verdict(&store, changed("dora"), now).await, "journalled");

    // Held back.
    let [first] = append(&store, &["emil"]).await[..] else { panic!() };
    store.commit(&[settled(first, "emil", &[])]).await.unwrap();
    let seq = store.append(&[gone("emil")], None).await.unwrap();
    store.commit(&[held(seq, "emil", deletion("emil"))]).await.unwrap();
    let now = store.mark().await.unwrap();
    assert_eq!(verdict(&store, gone("emil"), now).await, "same");
    assert_eq!(verdict(&store, task("emil"), now).await, "journalled", "it is there again");
}

#[tokio::test]
async fn an_object_that_is_kept_for_a_time_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seq = store.append(&[gone("anna")], None).await.unwrap();
    let kept = Verdict::Kept { record: Box::new(record("anna", &[], &[])), since: now_ms() };
    let audit = AuditRow { event: "Deletion".into(), ..audit_row(now_ms(), seq, "anna") };
    store.commit(&[Outcome { audit: Some(audit), ..outcome(seq, "anna", kept, &[]) }]).await.unwrap();
    let now = store.mark().await.unwrap();
    assert_eq!(store.expected(ObjectType::User, &IdSpan::default()).await.unwrap(), []);
    assert_eq!(verdict(&store, gone("anna"), now).await, "same");
    assert_eq!(verdict(&store, task("anna"), now).await, "journalled");
}

#[tokio::test]
async fn what_came_after_the_list_was_asked_for_wins() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let listed = store.mark().await.unwrap();
    // Still in the journal.
    append(&store, &["anna"]).await;
    assert_eq!(verdict(&store, changed("anna"), listed).await, "overtaken");
    assert_eq!(verdict(&store, gone("anna"), listed).await, "overtaken");
    // Done already.
    let [seq] = append(&store, &["ben"]).await[..] else { panic!() };
    let audit = Some(audit_row(now_ms(), seq, "ben"));
    store.commit(&[Outcome { audit, ..settled(seq, "ben", &[]) }]).await.unwrap();
    assert_eq!(verdict(&store, changed("ben"), listed).await, "overtaken");
    // Done without ever being in the journal.
    let again = store.mark().await.unwrap();
    assert_eq!(taken(&store, &[task("ben")], "r1").await, 1);
    assert_eq!(verdict(&store, changed("ben"), again).await, "overtaken");
    // What came before and ends only now does not count.
    let [seq] = append(&store, &["cora"]).await[..] else { panic!() };
    let listed = store.mark().await.unwrap();
    let audit = Some(audit_row(now_ms(), seq, "cora"));
    store.commit(&[Outcome { audit, ..settled(seq, "cora", &[]) }]).await.unwrap();
    assert_eq!(verdict(&store, changed("cora"), listed).await, "journalled");
}

#[tokio::test]
async fn the_position_moves_with_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    append(&store, &["anna"]).await;
    let now = store.mark().await.unwrap();
    let at = |compared: Compared| Some(format!("{} of 3", compared.journalled));
    let compared = store.compare(&[task("anna"), task("ben"), task("cora")], now, "r1", "resync", at).await.unwrap();
    assert_eq!(compared, Compared { journalled: 2, same: 1, overtaken: 0 });
    assert_eq!(store.cursor("resync").await.unwrap().as_deref(), Some("2 of 3"));
}

#[tokio::test]
async fn what_the_directory_should_have_is_known_by_type_and_range() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["0a", "1b", "1c", "2d", "cr:x"]).await;
    for (seq, name) in seqs.iter().zip(["0a", "1b", "1c", "2d", "cr:x"]) {
        store.commit(&[settled(*seq, name, &[])]).await.unwrap();
    }
    store.append(&[gone("1c")], None).await.unwrap();
    append(&store, &["1e"]).await;
    let seq = append(&store, &["1f"]).await[0];
    store.commit(&[parked(seq, "1f", &[])]).await.unwrap();
    let names = async |kind, from: &str, below: Option<&str>| {
        let span = IdSpan { from: from.into(), below: below.map(Into::into) };
        let found = store.expected(kind, &span).await.unwrap();
        assert!(found.iter().all(|(object, dn)| *dn == event(object.as_str()).dn));
        found.into_iter().map(|(object, _)| object.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(ObjectType::User, "", None).await, "0a 1b 1e 1f 2d", "not the deleted and the described one");
    assert_eq!(names(ObjectType::User, "1", Some("1~")).await, "1b 1e 1f");
    assert_eq!(names(ObjectType::Group, "", None).await, "");
}

#[tokio::test]
async fn it_is_known_who_brought_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (before, anna) = (now_ms(), id("anna"));
    let came = async |since| store.came_from(&anna, &["resync", "catch-up"], since).await.unwrap();
    append(&store, &["anna"]).await;
    assert!(!came(before).await, "another source brought it");
    let seq = store.append(&[changed("anna")], None).await.unwrap();
    assert!(came(before).await);
    assert!(!came(now_ms() + 1_000).await);
    let audit = AuditRow { origin: "resync".into(), ..audit_row(now_ms(), seq, "anna") };
    store.commit(&[Outcome { audit: Some(audit), ..settled(seq, "anna", &[]) }]).await.unwrap();
    assert!(came(before).await, "done or not");
}
