//! What any state backend must do. Each promise is one test; a new backend adds itself to `open`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "state/listed.rs"]
mod listed;

use std::path::Path;

use oxherd::state::sqlite::{SqliteStore, StoredCredentials};
use oxherd::state::{
    Approval, AuditFilter, AuditRow, Correction, Fingerprint, Footprint, Handle, HeldFilter, HeldRow, InForce,
    KeptFilter, Loss, Lost, NewTask, Outcome, ParkedFilter, ParkedRow, Population, Record, Release, Seq, Store, Task,
    TaskSort, Verdict, WaitingChange, now_ms,
};
use oxherd::udm::{Change, Event, ObjectId, ObjectType, Properties};
use serde_json::json;

async fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join("state.db")).await.unwrap()
}

fn id(name: &str) -> ObjectId {
    ObjectId::new(name).unwrap()
}

fn properties(name: &str) -> Properties {
    serde_json::from_value(json!({ "username": name, "mailPrimaryAddress": format!("{name}@example.test") })).unwrap()
}

fn event(name: &str) -> Event {
    Event {
        object: id(name),
        kind: ObjectType::User,
        dn: format!("uid={name},dc=example,dc=test").parse().unwrap(),
        change: Change::Present(properties(name)),
    }
}

fn task(name: &str) -> NewTask {
    NewTask { task: Task::Event(event(name)), origin: format!("test {name}") }
}

fn record(name: &str, handles: &[&str], refs: &[&str]) -> Record {
    Record {
        object: id(name),
        kind: ObjectType::User,
        dn: event(name).dn,
        desired: properties(name),
        state: json!({ "id": 7 }),
        face: json!({ "id": 7 }),
        footprint: Footprint {
            handles: handles.iter().map(|text| handle(text)).collect(),
            claims: vec![],
            refs: refs.iter().map(|text| handle(text)).collect(),
            lane: None,
        },
        revision: "r1".into(),
    }
}

fn handle(text: &str) -> Handle {
    let (kind, name) = text.split_once(':').unwrap();
    Handle::new(kind, name)
}

fn outcome(seq: Seq, name: &str, verdict: Verdict, ripple: &[&str]) -> Outcome {
    let ripple = ripple.iter().map(|text| handle(text)).collect();
    Outcome { seq, object: id(name), verdict, partial: None, ripple, settled: None, audit: None }
}

fn applied(seq: Seq, record: Record, ripple: &[&str]) -> Outcome {
    let name = record.object.to_string();
    outcome(seq, &name, Verdict::Applied(Box::new(record)), ripple)
}

fn parked(seq: Seq, name: &str, waits_for: &[&str]) -> Outcome {
    let now = now_ms();
    let row = ParkedRow {
        object: id(name),
        kind: ObjectType::User,
        category: "Waiting".into(),
        cause: "context 10 is missing".into(),
        waits_for: waits_for.iter().map(|text| handle(text)).collect(),
        depends_on: vec![],
        attempts: 1,
        first_at: now,
        last_at: now,
        task: Some(Task::Event(event(name))),
    };
    outcome(seq, name, Verdict::Parked(Box::new(row)), &[])
}

/// Appends and gives back the positions.
async fn append(store: &SqliteStore, names: &[&str]) -> Vec<Seq> {
    let tasks: Vec<_> = names.iter().map(|name| task(name)).collect();
    let last = store.append(&tasks, None).await.unwrap().0;
    (last - i64::try_from(names.len()).unwrap() + 1..=last).map(Seq).collect()
}

async fn journal(store: &SqliteStore) -> Vec<(String, bool)> {
    let mut entries = store.journal_after(Seq(0), TaskSort::Event, 1000).await.unwrap();
    entries.extend(store.journal_after(Seq(0), TaskSort::Replan, 1000).await.unwrap());
    entries.sort_by_key(|entry| entry.seq);
    entries.iter().map(|entry| (entry.task.object().to_string(), matches!(entry.task, Task::Replan { .. }))).collect()
}

#[tokio::test]
async fn the_journal_keeps_arrival_order_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.append(&[task("b"), task("a")], Some(("spool", "0002.json"))).await.unwrap();
    store.append(&[task("c")], Some(("spool", "0003.json"))).await.unwrap();
    drop(store);
    let store = open(folder.path()).await;
    let entries = store.journal_after(Seq(0), TaskSort::Event, 10).await.unwrap();
    assert_eq!(
        entries.iter().map(|e| e.task.clone()).collect::<Vec<_>>(),
        ["b", "a", "c"].map(|n| Task::Event(event(n)))
    );
    assert_eq!(entries[2].origin, "test c");
    assert_eq!(store.cursor("spool").await.unwrap().as_deref(), Some("0003.json"));
    assert_eq!(store.cursor("other").await.unwrap(), None);
    assert_eq!(store.journal_after(entries[0].seq, TaskSort::Event, 1).await.unwrap()[0].seq, entries[1].seq);
}

#[tokio::test]
async fn positions_are_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "b"]).await;
    store
        .commit(&[applied(seqs[1], record("b", &[], &[]), &[]), applied(seqs[0], record("a", &[], &[]), &[])])
        .await
        .unwrap();
    assert!(append(&store, &["c"]).await[0] > seqs[1]);
}

#[tokio::test]
async fn a_record_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a"]).await;
    let written = record("a", &["dn:uid=a", "context:10"], &["profile:premium"]);
    store.commit(&[applied(seqs[0], written.clone(), &[])]).await.unwrap();
    assert_eq!(store.record(&id("a")).await.unwrap(), Some(written.clone()));
    assert_eq!(journal(&store).await, []);
    assert_eq!(store.footprints(&[id("a"), id("none")]).await.unwrap()[&id("a")], written.footprint);
    assert_eq!(store.properties(&[id("a")]).await.unwrap()[&id("a")], written.desired);
    let found = store.resolve(&[handle("context:10"), handle("context:11")]).await.unwrap();
    assert_eq!(
        found.iter().map(|f| (f.handle.to_string(), f.object.to_string())).collect::<Vec<_>>(),
        [("context:10".into(), "a".into())]
    );
    assert_eq!(store.referrers(&handle("profile:premium")).await.unwrap()[0].object, id("a"));
}

#[tokio::test]
async fn what_a_handle_leads_to_is_never_outdated() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "a", "b", "b"]).await;
    let asked = [handle("profile:p"), handle("profile:none")];
    let answer = async || {
        let found = store.resolve(&asked).await.unwrap();
        assert_eq!(found, store.resolve(&asked).await.unwrap(), "the second answer is as the first one");
        found.into_iter().map(|found| (found.object.to_string(), found.face)).collect::<Vec<_>>()
    };
    assert_eq!(answer().await, []);
    for (seq, object, face) in [(seqs[0], "a", 1), (seqs[1], "a", 2), (seqs[2], "b", 3)] {
        let shown = Record { face: face.into(), ..record(object, &["profile:p"], &[]) };
        store.commit(&[applied(seq, shown, &[])]).await.unwrap();
        assert_eq!(answer().await, [(object.to_owned(), face.into())]);
    }
    let gone = Outcome { verdict: Verdict::Removed, ..applied(seqs[3], record("b", &[], &[]), &[]) };
    store.commit(&[gone]).await.unwrap();
    assert_eq!(answer().await, []);
}

#[tokio::test]
async fn work_comes_with_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "a"]).await;
    let work = store.work(&seqs[..1]).await.unwrap().pop().unwrap();
    assert_eq!((work.entry.seq, work.record, work.settled), (seqs[0], None, false));
    store.commit(&[applied(seqs[0], record("a", &[], &[]), &[])]).await.unwrap();
    let left = store.work(&seqs).await.unwrap();
    assert_eq!(left.len(), 1, "the first task has ended");
    assert_eq!((left[0].entry.seq, &left[0].record), (seqs[1], &Some(record("a", &[], &[]))));
}

#[tokio::test]
async fn a_former_dn_leads_to_the_object_until_another_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "a", "b"]).await;
    store.commit(&[applied(seqs[0], record("a", &["dn:uid=old", "primary:10/a"], &[]), &[])]).await.unwrap();
    store.commit(&[applied(seqs[1], record("a", &["dn:uid=new"], &[]), &[])]).await.unwrap();
    let holder =
        async |text: &str| store.resolve(&[handle(text)]).await.unwrap().pop().map(|found| found.object.to_string());
    assert_eq!(holder("dn:uid=old").await.as_deref(), Some("a"));
    assert_eq!(holder("dn:uid=new").await.as_deref(), Some("a"));
    assert_eq!(holder("primary:10/a").await, None, "only distinguished names linger");
    store.commit(&[applied(seqs[2], record("b", &["dn:uid=old"], &[]), &[])]).await.unwrap();
    assert_eq!(holder("dn:uid=old").await.as_deref(), Some("b"));
}

/// A group may still list a renamed member under its former name when that member moves or goes.
#[tokio::test]
async fn who_knows_an_object_by_its_former_dn_depends_on_it_as_well() {
    for verdict in [Verdict::Applied(Box::new(record("a", &["dn:uid=new", "ox:10/user/3"], &[]))), Verdict::Removed] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        let seqs = append(&store, &["a", "a", "group", "a"]).await;
        store.commit(&[applied(seqs[0], record("a", &["dn:uid=old"], &[]), &[])]).await.unwrap();
        store.commit(&[applied(seqs[1], record("a", &["dn:uid=new"], &[]), &[])]).await.unwrap();
        store.commit(&[applied(seqs[2], record("group", &[], &["dn:uid=old"]), &[])]).await.unwrap();
        store.commit(&[outcome(seqs[3], "a", verdict, &["dn:uid=new"])]).await.unwrap();
        assert_eq!(journal(&store).await, [("group".to_owned(), true)]);
    }
}

#[tokio::test]
async fn a_removed_object_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "a", "a"]).await;
    store.commit(&[applied(seqs[0], record("a", &["dn:uid=a"], &["context:10"]), &[])]).await.unwrap();
    store.commit(&[parked(seqs[1], "a", &[])]).await.unwrap();
    store.commit(&[outcome(seqs[2], "a", Verdict::Removed, &[])]).await.unwrap();
    assert_eq!(store.record(&id("a")).await.unwrap(), None);
    assert_eq!(store.resolve(&[handle("dn:uid=a")]).await.unwrap(), []);
    assert_eq!(store.referrers(&handle("context:10")).await.unwrap(), []);
    assert_eq!(store.parked(&ParkedFilter::All).await.unwrap(), []);
}

#[tokio::test]
async fn a_change_queues_those_that_depend_on_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["x", "y", "other", "c"]).await;
    store
        .commit(&[
            applied(seqs[0], record("x", &[], &["context:10", "profile:p"]), &[]),
            applied(seqs[1], record("y", &[], &["context:10"]), &[]),
            applied(seqs[2], record("other", &[], &["context:11"]), &[]),
        ])
        .await
        .unwrap();
    let pending = append(&store, &["y"]).await;
    store.commit(&[applied(seqs[3], record("c", &["context:10"], &[]), &["context:10", "profile:p"])]).await.unwrap();
    assert_eq!(
        journal(&store).await,
        [("y".to_owned(), false), ("x".to_owned(), true)],
        "y is planned by its own task"
    );
    assert_eq!(pending.len(), 1);
}

#[tokio::test]
async fn a_parked_object_is_tried_again_with_what_failed_when_its_dependency_comes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["x", "x", "c"]).await;
    store.commit(&[applied(seqs[0], record("x", &[], &["context:10"]), &[])]).await.unwrap();
    store.commit(&[parked(seqs[1], "x", &["context:10"])]).await.unwrap();
    store.commit(&[applied(seqs[2], record("c", &["context:10"], &[]), &["context:10"])]).await.unwrap();
    assert_eq!(journal(&store).await, [("x".to_owned(), false)]);
}

#[tokio::test]
async fn retry_queues_what_failed_but_never_over_something_newer() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["x", "y"]).await;
    store.commit(&[parked(seqs[0], "x", &[]), parked(seqs[1], "y", &[])]).await.unwrap();
    append(&store, &["y"]).await;
    assert_eq!(store.retry_parked(&ParkedFilter::All, "administrator").await.unwrap(), 1);
    assert_eq!(journal(&store).await, [("y".to_owned(), false), ("x".to_owned(), false)]);
    assert_eq!(store.retry_parked(&ParkedFilter::Object(id("x")), "administrator").await.unwrap(), 0);
    assert_eq!(store.parked(&ParkedFilter::All).await.unwrap().len(), 2, "they stay listed until they succeed");
    assert_eq!(store.parked(&ParkedFilter::LastAttemptBefore(0)).await.unwrap().len(), 0);
    assert_eq!(store.parked(&ParkedFilter::Category("Waiting".into())).await.unwrap().len(), 2);
}

#[tokio::test]
async fn repeated_failures_are_counted_and_success_clears_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for _ in 0..3 {
        let seqs = append(&store, &["x"]).await;
        store.commit(&[parked(seqs[0], "x", &["context:10"])]).await.unwrap();
    }
    let rows = store.parked(&ParkedFilter::Object(id("x"))).await.unwrap();
    assert_eq!((rows.len(), rows[0].attempts), (1, 3));
    assert!(rows[0].first_at <= rows[0].last_at);
    assert_eq!(rows[0].task, Some(Task::Event(event("x"))));
    assert_eq!(store.backlog().await.unwrap().parked, 1);
    let seqs = append(&store, &["x"]).await;
    store.commit(&[applied(seqs[0], record("x", &[], &[]), &[])]).await.unwrap();
    assert_eq!(store.parked(&ParkedFilter::All).await.unwrap(), []);
}

#[tokio::test]
async fn dropping_leaves_a_line_in_the_audit_trail() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["x"]).await;
    store.commit(&[parked(seqs[0], "x", &[])]).await.unwrap();
    assert_eq!(store.drop_parked(&ParkedFilter::All, "administrator").await.unwrap(), 1);
    assert_eq!(store.parked(&ParkedFilter::All).await.unwrap(), []);
    let trail = store.audit(Some(&id("x")), 10).await.unwrap();
    assert_eq!((trail[0].outcome.as_str(), trail[0].origin.as_str()), ("Dropped", "administrator"));
}

#[tokio::test]
async fn an_unfinished_task_stays_and_what_it_reached_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["x"]).await;
    let reached =
        Outcome { partial: Some(Box::new(record("x", &[], &[]))), ..outcome(seqs[0], "x", Verdict::Unfinished, &[]) };
    store.commit(&[reached]).await.unwrap();
    assert_eq!(journal(&store).await, [("x".to_owned(), false)]);
    assert_eq!(store.record(&id("x")).await.unwrap(), Some(record("x", &[], &[])));
}

#[tokio::test]
async fn new_settings_queue_everything_that_was_planned_with_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["x", "y"]).await;
    let newer = Record { revision: "r2".into(), ..record("y", &[], &[]) };
    store.commit(&[applied(seqs[0], record("x", &[], &[]), &[]), applied(seqs[1], newer, &[])]).await.unwrap();
    assert_eq!(store.replan_outdated("r2").await.unwrap(), 1);
    assert_eq!(journal(&store).await, [("x".to_owned(), true)]);
    assert_eq!(store.replan_outdated("r2").await.unwrap(), 0, "it is queued already");
}

fn audit_row(at: i64, seq: Seq, name: &str) -> AuditRow {
    AuditRow {
        at,
        seq,
        object: id(name),
        kind: ObjectType::User,
        event: "Change".into(),
        origin: "test".into(),
        outcome: "Applied".into(),
        calls: vec!["UserCreate".into()],
        attributes: vec!["title".into()],
        values: [("title".to_owned(), json!("Dr."))].into(),
        notes: vec![],
        duration_ms: 3,
        revision: "r1".into(),
    }
}

#[tokio::test]
async fn the_audit_trail_reads_newest_first_and_is_pruned_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for (at, name) in [(1_000, "x"), (2_000, "y"), (3_000, "x")] {
        let seqs = append(&store, &[name]).await;
        let audit = audit_row(at, seqs[0], name);
        let done = Outcome { audit: Some(audit), ..outcome(seqs[0], name, Verdict::Nothing, &[]) };
        store.commit(&[done]).await.unwrap();
    }
    let times = async |object: Option<&ObjectId>| {
        store.audit(object, 10).await.unwrap().iter().map(|row| row.at).collect::<Vec<_>>()
    };
    assert_eq!(times(None).await, [3_000, 2_000, 1_000]);
    assert_eq!(times(Some(&id("x"))).await, [3_000, 1_000]);
    assert_eq!(store.prune_audit(2_500).await.unwrap(), 2);
    assert_eq!(times(None).await, [3_000]);
}

#[tokio::test]
async fn the_audit_trail_is_read_page_by_page_in_both_orders() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let names = ["b", "a", "c"];
    for round in 0..7 {
        let seqs = append(&store, &names).await;
        let row = |(seq, name): (&Seq, &&str)| {
            let audit = audit_row(1_000 * (round + 1), *seq, name);
            Outcome { audit: Some(audit), ..outcome(*seq, name, Verdict::Nothing, &[]) }
        };
        store.commit(&seqs.iter().zip(&names).map(row).collect::<Vec<_>>()).await.unwrap();
    }
    let pages = async |filter: &AuditFilter| {
        let (mut after, mut rows) = (0, Vec::new());
        loop {
            let page = store.audit_after(filter, after, 4).await.unwrap();
            assert!(page.len() <= 4);
            let Some((last, _)) = page.last() else { return rows };
            after = *last;
            rows.extend(page.into_iter().map(|(_, row)| (row.at, row.object.to_string())));
        }
    };
    let all = pages(&AuditFilter::default()).await;
    assert_eq!((all.len(), &all[0], &all[20]), (21, &(1_000, "b".to_owned()), &(7_000, "c".to_owned())));
    let late = AuditFilter { since: 5_500, object: Some(id("a")) };
    assert_eq!(pages(&late).await, [(6_000, "a".to_owned()), (7_000, "a".to_owned())]);
    assert_eq!(pages(&AuditFilter { since: 8_000, object: None }).await, []);

    let (mut position, mut rows) = (None, Vec::new());
    loop {
        let page = store.audit_by_object(position.as_ref(), 4).await.unwrap();
        let Some((last, row)) = page.last() else { break };
        position = Some((row.object.clone(), *last));
        rows.extend(page.into_iter().map(|(_, row)| (row.object.to_string(), row.at)));
    }
    let mut sorted = rows.clone();
    sorted.sort();
    assert_eq!((rows.len(), &rows), (21, &sorted));
}

#[tokio::test]
async fn an_approval_is_bound_to_one_revision_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    assert_eq!((store.in_force().await.unwrap(), store.waiting_change().await.unwrap()), (None, None));
    assert!(!store.approve_change("r1").await.unwrap());
    let first = InForce { revision: "r0".into(), settings: json!({ "language": "de_DE" }) };
    store.put_in_force(&first).await.unwrap();
    let change = |revision: &str| WaitingChange {
        revision: revision.into(),
        impact: json!({ "changed": 3 }),
        since: 5,
        approved_at: None,
    };
    store.set_waiting_change(Some(&change("r1"))).await.unwrap();
    assert!(!store.approve_change("r2").await.unwrap());
    assert_eq!(store.waiting_change().await.unwrap(), Some(change("r1")));
    assert!(store.approve_change("r1").await.unwrap());
    let approved = async || store.waiting_change().await.unwrap().unwrap().approved_at.is_some();
    store.set_waiting_change(Some(&change("r1"))).await.unwrap();
    assert!(approved().await, "the same change keeps its approval");
    store.set_waiting_change(Some(&change("r2"))).await.unwrap();
    assert!(!approved().await, "another one needs its own");
    let second = InForce { revision: "r2".into(), settings: json!({}) };
    store.put_in_force(&second).await.unwrap();
    drop(store);
    let store = open(folder.path()).await;
    assert_eq!((store.in_force().await.unwrap(), store.waiting_change().await.unwrap()), (Some(second), None));
}

#[tokio::test]
async fn a_shadow_knows_the_objects_and_nothing_else_and_does_not_touch_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["anna", "bert"]).await;
    store.commit(&[applied(seqs[0], record("anna", &["dn:anna"], &[]), &[])]).await.unwrap();
    store
        .store_credentials(&StoredCredentials { context: 10, login: "oxadmin".into(), password: "s3cr3t-word".into() })
        .await
        .unwrap();
    let path = folder.path().join("state.dry-run.db");
    for _ in 0..2 {
        let shadow = store.shadow(&path).await.unwrap();
        assert!(shadow.record(&id("anna")).await.unwrap().is_some());
        assert_eq!(shadow.resolve(&[handle("dn:anna")]).await.unwrap().len(), 1);
        assert_eq!((shadow.backlog().await.unwrap().tasks, shadow.credentials().await.unwrap().len()), (0, 0));
        let seqs = append(&shadow, &["anna"]).await;
        shadow.commit(&[outcome(seqs[0], "anna", Verdict::Removed, &[])]).await.unwrap();
        assert!(shadow.record(&id("anna")).await.unwrap().is_none());
    }
    for file in ["state.dry-run.db", "state.dry-run.db-wal"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(11).any(|window| window == b"s3cr3t-word"), "{file} holds a password");
    }
    assert!(store.record(&id("anna")).await.unwrap().is_some());
    assert_eq!(store.backlog().await.unwrap().tasks, 1);
    SqliteStore::remove(&path).unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn objects_are_found_by_what_people_call_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["anna", "bert"]).await;
    let known = |name: &str| record(name, &[&format!("dn:uid={name},dc=example,dc=test")], &[]);
    store.commit(&[applied(seqs[0], known("anna"), &[]), applied(seqs[1], known("bert"), &[])]).await.unwrap();
    for text in ["anna", "ANNA", "uid=anna,dc=example,dc=test", "anna@example.test"] {
        let found = store.search(text, 5).await.unwrap();
        assert_eq!(found.iter().map(|(object, ..)| object.as_str()).collect::<Vec<_>>(), ["anna"], "{text}");
    }
    assert_eq!(store.search("example", 5).await.unwrap().len(), 2);
    assert_eq!(store.counts().await.unwrap().objects["users/user"], 2);
}

#[tokio::test]
async fn context_credentials_are_kept_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let credentials = StoredCredentials { context: 10, login: "oxadmin".into(), password: "s3cr3t-word".into() };
    assert!(!format!("{credentials:?}").contains("s3cr3t-word"));
    store.store_credentials(&credentials).await.unwrap();
    drop(store);
    let store = open(folder.path()).await;
    let stored = store.credentials().await.unwrap();
    assert_eq!((stored.len(), stored[0].context, stored[0].login.as_str()), (1, 10, "oxadmin"));
    store.remove_credentials(10).await.unwrap();
    assert!(store.credentials().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_write_that_is_given_up_half_way_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let tasks = [task("given-up")];
    for polls in 0..40 {
        // Dropped after so many steps, as a task is that is cancelled.
        let given_up = async {
            for _ in 0..polls {
                tokio::time::sleep(std::time::Duration::from_micros(100)).await;
            }
        };
        tokio::select! {
            biased;
            () = given_up => {}
            done = store.append(&tasks, None) => drop(done.unwrap()),
        }
        append(&store, &["kept"]).await;
    }
    let kept = journal(&store).await.into_iter().filter(|(name, _)| name == "kept").count();
    assert_eq!(kept, 40);
}

#[tokio::test]
async fn intentions_last_until_it_is_known_whether_the_object_was_created() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let names = [handle("name:10/user/a"), handle("name:20/user/a")];
    let seqs = append(&store, &["a", "b"]).await;
    for name in names.iter().chain(&names) {
        store.intend(&id("a"), name).await.unwrap();
    }
    drop(store);
    let store = open(folder.path()).await;
    assert_eq!(store.intentions(&id("a")).await.unwrap(), names);
    assert_eq!(store.intentions(&id("b")).await.unwrap(), []);
    // A try that was cut off, and an answer that nobody understood, leave the question open.
    let unfinished = Outcome { partial: None, ..outcome(seqs[0], "a", Verdict::Unfinished, &[]) };
    store.commit(&[unfinished]).await.unwrap();
    let mut unclear = parked(seqs[0], "a", &[]);
    if let Verdict::Parked(row) = &mut unclear.verdict {
        row.category = "Protocol".into();
    }
    store.commit(&[unclear]).await.unwrap();
    assert_eq!(store.intentions(&id("a")).await.unwrap(), names);
    let seqs = append(&store, &["a"]).await;
    store.commit(&[parked(seqs[0], "a", &[])]).await.unwrap();
    assert_eq!(store.intentions(&id("a")).await.unwrap(), []);
}

#[tokio::test]
async fn the_holders_of_handles_come_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "b", "c"]).await;
    let held = [
        ("a", vec!["ox:10/user/1", "dn:a"]),
        ("b", vec!["ox:10/user/2", "ox:10/group/2"]),
        ("c", vec!["ox:10/user/3"]),
    ];
    for (seq, (name, handles)) in seqs.into_iter().zip(held) {
        store.commit(&[applied(seq, record(name, &handles, &[]), &[])]).await.unwrap();
    }
    let (prefix, mut after, mut all) = (handle("ox:10/user/"), None, vec![]);
    loop {
        let page = store.holders(&prefix, after.as_ref(), 2).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        all.extend(page.into_iter().map(|(handle, record)| (handle.to_string(), record.object.to_string())));
    }
    let expected = [("ox:10/user/1", "a"), ("ox:10/user/2", "b"), ("ox:10/user/3", "c")];
    assert_eq!(all, expected.map(|(handle, object)| (handle.to_owned(), object.to_owned())));
}

#[tokio::test]
async fn a_correction_counts_only_if_nothing_happened_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let before = record("a", &["ox:10/user/7"], &[]);
    let seqs = append(&store, &["a"]).await;
    store.commit(&[applied(seqs[0], before.clone(), &[])]).await.unwrap();
    let after = Record { state: json!({ "id": 9 }), ..record("a", &["ox:10/user/9"], &[]) };
    let outdated = Record { state: json!({ "id": 8 }), ..before.clone() };
    let correction = |before: &Record| [Correction { before: before.clone(), after: after.clone() }];
    assert_eq!(store.correct(&correction(&outdated), "verify").await.unwrap(), 0);
    assert_eq!(store.correct(&correction(&before), "verify").await.unwrap(), 1);
    assert_eq!(store.record(&id("a")).await.unwrap().unwrap(), after);
    assert_eq!(store.resolve(&[handle("ox:10/user/7")]).await.unwrap(), []);
    assert_eq!(store.resolve(&[handle("ox:10/user/9")]).await.unwrap().len(), 1);
    assert_eq!(journal(&store).await, [("a".to_owned(), true)]);
    assert_eq!(store.unsettled(&[id("a"), id("b")]).await.unwrap(), [id("a")].into());
    // A task that waits will plan it anyway.
    assert_eq!(store.correct(&correction(&after), "verify").await.unwrap(), 0);
}

#[tokio::test]
async fn what_a_removed_object_held_is_recognised_but_not_readable() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut held = record("a", &["ox:10/user/7"], &[]);
    held.footprint.claims = vec![handle("name:10/user/secretname")];
    let seqs = append(&store, &["a", "a"]).await;
    store.commit(&[applied(seqs[0], held.clone(), &[])]).await.unwrap();
    assert_eq!(store.released(&[handle("ox:10/user/7")]).await.unwrap(), []);
    store.commit(&[outcome(seqs[1], "a", Verdict::Removed, &[])]).await.unwrap();
    let released = store.released(&[handle("ox:10/user/7"), handle("ox:10/user/8")]).await.unwrap();
    assert_eq!(released.len(), 1);
    assert_eq!((&released[0].object, &released[0].handle), (&id("a"), &handle("ox:10/user/7")));
    assert!(released[0].had(&handle("name:10/user/secretname")) && !released[0].had(&handle("name:10/user/other")));

    assert!(store.remove_again(&held, "verify").await.unwrap());
    assert!(!store.remove_again(&held, "verify").await.unwrap(), "once is enough");
    assert_eq!(journal(&store).await, [("a".to_owned(), false)]);
    assert_eq!(store.record(&id("a")).await.unwrap(), Some(held));
    store.prune_audit(i64::MAX).await.unwrap();
    assert_eq!(store.released(&[handle("ox:10/user/7")]).await.unwrap(), []);
}

// Deletions that are held back, losses, and what is kept.

fn loss(weight: u64) -> Loss {
    let of = Population::Objects { kind: ObjectType::User };
    Loss { of, scope: Some(handle("context:10")), weight, contains: None }
}

fn held(seq: Seq, name: &str, task: Task) -> Outcome {
    let row = HeldRow {
        object: id(name),
        kind: ObjectType::User,
        reason: "too many".into(),
        losses: vec![loss(3)],
        since: now_ms(),
        origin: format!("test {name}"),
        task: Some(task),
    };
    outcome(seq, name, Verdict::Held(Box::new(row)), &[])
}

fn deletion(name: &str) -> Task {
    Task::Event(Event { change: Change::Deleted, ..event(name) })
}

async fn held_objects(store: &SqliteStore) -> Vec<String> {
    store.held(&HeldFilter::All).await.unwrap().iter().map(|row| row.object.to_string()).collect()
}

#[tokio::test]
async fn what_is_held_back_is_released_by_the_name_of_its_list_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "b", "c"]).await;
    assert_eq!(store.held_list().await.unwrap(), None);
    store.commit(&[held(seqs[0], "a", deletion("a")), held(seqs[1], "b", deletion("b"))]).await.unwrap();
    let two = store.held_list().await.unwrap().unwrap();
    let mark = store.backlog().await.unwrap().held;
    assert_eq!(mark.count, 2);
    drop(store);
    let store = open(folder.path()).await;
    assert_eq!(store.held_list().await.unwrap(), Some(two.clone()));
    assert_eq!(journal(&store).await, [("c".to_owned(), false)]);

    store.commit(&[held(seqs[2], "c", deletion("c"))]).await.unwrap();
    let three = store.held_list().await.unwrap().unwrap();
    assert_ne!(two, three);
    assert_eq!(store.approve_held(&two).await.unwrap(), Release::Changed(Some(three.clone())));
    assert_eq!(held_objects(&store).await, ["a", "b", "c"]);
    // An event that is newer than the list is about to change it.
    let newer = append(&store, &["b"]).await;
    assert_eq!(store.approve_held(&three).await.unwrap(), Release::Changing(1));
    store.commit(&[outcome(newer[0], "b", Verdict::Nothing, &[])]).await.unwrap();
    assert_eq!(held_objects(&store).await, ["a", "c"], "its end clears what was held back");
    assert_ne!(store.backlog().await.unwrap().held, mark, "as many, but others");

    let list = store.held_list().await.unwrap().unwrap();
    assert_eq!(store.approve_held(&list).await.unwrap(), Release::Released(2));
    let entries = store.journal_after(Seq(0), TaskSort::Event, 10).await.unwrap();
    assert_eq!(entries.iter().map(|e| e.task.clone()).collect::<Vec<_>>(), [deletion("a"), deletion("c")]);
    assert_eq!(entries[0].approval, Some(Approval { id: list.clone(), weight: 3 }));
    assert_eq!(entries[0].origin, format!("approved deletion {list}"));
    assert_eq!(store.held_list().await.unwrap(), None);
    assert_eq!(store.approve_held(&list).await.unwrap(), Release::Changed(None));
}

#[tokio::test]
async fn only_a_newer_event_takes_the_place_of_what_is_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let replan = || Task::Replan { object: id("a"), kind: ObjectType::User };
    let seqs = append(&store, &["a"]).await;
    store.commit(&[held(seqs[0], "a", deletion("a"))]).await.unwrap();
    let list = store.held_list().await.unwrap();
    let queue = async |task| store.append(&[NewTask { task, origin: "test".into() }], None).await.unwrap();
    let seq = queue(replan()).await;
    store.commit(&[outcome(seq, "a", Verdict::Nothing, &[])]).await.unwrap();
    let seq = queue(replan()).await;
    store.commit(&[held(seq, "a", replan())]).await.unwrap();
    assert_eq!(store.held_list().await.unwrap(), list);
    let seq = queue(Task::Event(event("a"))).await;
    store.commit(&[parked(seq, "a", &[])]).await.unwrap();
    assert_eq!(store.held_list().await.unwrap(), None, "it is wanted again, even though it is parked");

    let seq = queue(deletion("a")).await;
    store.commit(&[held(seq, "a", deletion("a"))]).await.unwrap();
    assert_eq!(store.parked(&ParkedFilter::All).await.unwrap(), [], "what was parked is obsolete");
    assert_eq!(store.drop_held(&HeldFilter::Object(id("b")), "test").await.unwrap(), 0);
    assert_eq!(store.drop_held(&HeldFilter::Object(id("a")), "test").await.unwrap(), 1);
    assert_eq!(store.audit(Some(&id("a")), 1).await.unwrap()[0].outcome, "Dropped");
    assert_eq!(held_objects(&store).await, [""; 0]);
}

#[tokio::test]
async fn losses_are_noted_once_per_task_and_struck_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let now = now_ms();
    let lost = |seq, at| Lost { seq: Seq(seq), at, losses: vec![loss(2)] };
    for (seq, at) in [(1, now - 50), (2, now - 20), (2, now - 20), (3, now)] {
        store.note_losses(&lost(seq, at)).await.unwrap();
    }
    store.strike_losses(Seq(3)).await.unwrap();
    drop(store);
    let store = open(folder.path()).await;
    assert_eq!(store.losses_since(0).await.unwrap(), [lost(1, now - 50), lost(2, now - 20)]);
    assert_eq!(store.losses_since(now - 20).await.unwrap(), [lost(2, now - 20)]);
}

#[tokio::test]
async fn populations_and_referrers_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "b", "c"]).await;
    let nothing = json!("nothing");
    let absent = Record { state: nothing.clone(), ..record("c", &[], &[]) };
    let (a, b) = (record("a", &[], &["context:10"]), record("b", &[], &["context:10"]));
    store.commit(&[applied(seqs[0], a, &[]), applied(seqs[1], b, &[]), applied(seqs[2], absent, &[])]).await.unwrap();
    assert_eq!(store.population(ObjectType::User, &nothing).await.unwrap(), 2);
    assert_eq!(store.population(ObjectType::Group, &nothing).await.unwrap(), 0);
    assert_eq!(store.referrer_count(&handle("context:10")).await.unwrap(), 2);
    assert_eq!(store.referrer_count(&handle("context:1")).await.unwrap(), 0);
}

#[tokio::test]
async fn handles_are_counted_by_what_they_begin_with() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "b", "c"]).await;
    let (a, b) = (record("a", &["ox:1/user/3"], &[]), record("b", &["ox:1/user/4", "ox:1/group/4"], &[]));
    let c = record("c", &["ox:10/user/3"], &[]);
    store.commit(&[applied(seqs[0], a, &[]), applied(seqs[1], b, &[]), applied(seqs[2], c, &[])]).await.unwrap();
    for (prefix, count) in [("ox:1/user/", 2), ("ox:1/group/", 1), ("ox:10/user/", 1), ("ox:2/", 0)] {
        assert_eq!(store.handle_count(&handle(prefix)).await.unwrap(), count, "{prefix}");
    }
}

#[tokio::test]
async fn what_is_kept_is_purged_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let seqs = append(&store, &["a", "b", "a", "b"]).await;
    let kept =
        |seq, name, since| outcome(seq, name, Verdict::Kept { record: Box::new(record(name, &[], &[])), since }, &[]);
    store.commit(&[kept(seqs[0], "a", 100), kept(seqs[1], "b", 200)]).await.unwrap();
    store.commit(&[kept(seqs[2], "a", 300)]).await.unwrap();
    let purge = async |filter| store.purge_kept(&filter, "test").await.unwrap();
    let rows = store.kept().await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.object.as_str(), row.since)).collect::<Vec<_>>(), [("a", 100), ("b", 200)]);
    assert_eq!(store.backlog().await.unwrap().kept, 2);
    assert_eq!(purge(KeptFilter::Before(100)).await, 0);
    assert_eq!(purge(KeptFilter::Before(250)).await, 1, "b has a task in the journal");
    assert_eq!(purge(KeptFilter::Before(250)).await, 0, "and now both have");
    let entries = store.journal_after(Seq(0), TaskSort::Event, 10).await.unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last.task, Task::Purge { object: id("a"), kind: ObjectType::User });
    // What is back or gone is no longer kept; one whose deletion is held back is not queued again.
    store.commit(&[applied(seqs[3], record("b", &[], &[]), &[])]).await.unwrap();
    store.commit(&[held(last.seq, "a", last.task.clone())]).await.unwrap();
    assert_eq!(purge(KeptFilter::Object(id("a"))).await, 0);
    assert_eq!(store.held(&HeldFilter::All).await.unwrap()[0].task, Some(last.task.clone()));
    assert_eq!(store.drop_held(&HeldFilter::All, "test").await.unwrap(), 1);
    assert_eq!(purge(KeptFilter::Before(now_ms() - 60_000)).await, 0, "its time begins anew");
    assert_eq!(purge(KeptFilter::Object(id("a"))).await, 1);
    let seq = store.journal_after(Seq(0), TaskSort::Event, 10).await.unwrap()[0].seq;
    store.commit(&[outcome(seq, "a", Verdict::Removed, &[])]).await.unwrap();
    assert_eq!(store.kept().await.unwrap(), []);
}

/// The end of a task after which its object is settled.
fn settled(seq: Seq, name: &str, refs: &[&str]) -> Outcome {
    let event = event(name);
    let wanted = Fingerprint::of(event.kind, &event.dn, event.desired().unwrap(), "r1");
    Outcome { settled: Some(wanted), ..applied(seq, record(name, &[], refs), &[]) }
}

/// How many of these tasks want nothing new.
async fn taken(store: &SqliteStore, tasks: &[NewTask], revision: &str) -> u64 {
    store.take_in(tasks, ("spool", "9.json"), revision).await.unwrap().settled
}

#[tokio::test]
async fn an_event_that_wants_nothing_new_of_a_settled_object_is_done_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(taken(&store, &[task("a"), task("b")], "r1").await, 0, "they are unknown");
    let seqs: Vec<_> =
        store.journal_after(Seq(0), TaskSort::Event, 9).await.unwrap().iter().map(|entry| entry.seq).collect();
    store.commit(&[settled(seqs[0], "a", &[]), applied(seqs[1], record("b", &[], &[]), &[])]).await.unwrap();
    assert!(!store.work(&append(&store, &["b"]).await).await.unwrap()[0].settled);

    assert_eq!(taken(&store, &[task("a"), task("b"), task("a")], "r1").await, 2);
    assert_eq!(journal(&store).await, [("b".to_owned(), false), ("b".to_owned(), false)]);
    let audit = store.audit(Some(&id("a")), 9).await.unwrap();
    assert_eq!(audit.len(), 2);
    assert_eq!((audit[0].outcome.as_str(), audit[0].origin.as_str(), audit[0].calls.len()), ("Unchanged", "test a", 0));
    assert_eq!(store.cursor("spool").await.unwrap().as_deref(), Some("9.json"));

    assert_eq!(taken(&store, &[task("a")], "r2").await, 0, "with other settings it may want something else");
    let seq = store.journal_after(Seq(0), TaskSort::Event, 9).await.unwrap()[2].seq;
    assert!(store.work(&[seq]).await.unwrap()[0].settled);
    assert_eq!(taken(&store, &[task("a")], "r1").await, 0, "it waits for what comes before it");
}

#[tokio::test]
async fn within_one_delivery_order_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.commit(&[settled(append(&store, &["a"]).await[0], "a", &[])]).await.unwrap();
    let mut other = task("a");
    if let Task::Event(event) = &mut other.task {
        event.change = Change::Present(properties("new"));
    }
    assert_eq!(taken(&store, &[task("a"), other.clone(), task("a")], "r1").await, 1);
    let left: Vec<_> =
        store.journal_after(Seq(0), TaskSort::Event, 9).await.unwrap().into_iter().map(|entry| entry.task).collect();
    assert_eq!(left, [other.task, task("a").task]);
}

#[tokio::test]
async fn what_happens_to_an_object_unsettles_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let is_settled = async || {
        let before = journal(&store).await.len();
        let settled = taken(&store, &[task("a")], "r1").await == 1;
        assert_eq!(journal(&store).await.len() - before, usize::from(!settled));
        settled
    };
    let settle = async || {
        let seqs: Vec<_> =
            store.journal_after(Seq(0), TaskSort::Event, 9).await.unwrap().iter().map(|entry| entry.seq).collect();
        for seq in seqs {
            store.commit(&[settled(seq, "a", &["context:10"])]).await.unwrap();
        }
    };
    store.append(&[task("a")], None).await.unwrap();
    settle().await;
    assert!(is_settled().await);

    // It is refused.
    let seq = append(&store, &["a"]).await[0];
    store.commit(&[parked(seq, "a", &[])]).await.unwrap();
    assert!(!is_settled().await);
    settle().await;
    assert!(is_settled().await, "and healed");
    // What is refused and dropped is no more settled than before.
    let seq = append(&store, &["a"]).await[0];
    store.commit(&[parked(seq, "a", &[])]).await.unwrap();
    store.drop_parked(&ParkedFilter::All, "test").await.unwrap();
    assert!(!is_settled().await);
    settle().await;

    // It stops half-way.
    let seq = append(&store, &["a"]).await[0];
    let half = Record { state: json!({ "id": 8 }), ..record("a", &[], &["context:10"]) };
    let unfinished = outcome(seq, "a", Verdict::Unfinished, &[]);
    store.commit(&[Outcome { partial: Some(Box::new(half)), ..unfinished }]).await.unwrap();
    store.commit(&[outcome(seq, "a", Verdict::Nothing, &[])]).await.unwrap();
    assert!(!is_settled().await);
    settle().await;
    assert!(is_settled().await);

    // Something that it refers to changes, while it has a task already.
    let seqs = append(&store, &["b", "a"]).await;
    store.commit(&[applied(seqs[0], record("b", &["context:10"], &[]), &["context:10"])]).await.unwrap();
    assert!(!store.work(&seqs[1..]).await.unwrap()[0].settled);
    settle().await;
    assert!(is_settled().await);

    // It is deleted.
    let seq = append(&store, &["a"]).await[0];
    store.commit(&[outcome(seq, "a", Verdict::Removed, &[])]).await.unwrap();
    assert!(!is_settled().await);
}
