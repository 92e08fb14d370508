//! What the state store does for each task costs the same with a thousand objects and with a million: none of its statements
//! walks through a table. The test listens to all statements of a usual day and asks SQLite how it would run them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{
    AuditRow, Fingerprint, Footprint, Handle, NewTask, Outcome, ParkedFilter, ParkedRow, Record, Seq, Store, Task,
    TaskSort, Verdict, now_ms,
};
use oxherd::udm::{Change, Event, ObjectId, ObjectType};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// Steps that walk through something, in statements that hold this text: they may.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The list that came with the statement.
    ("SCAN j", "json_each(?1) j"),
    ("SCAN w", "json_each(?1) w"),
    ("SCAN json_each", "json_each(?1)"),
    ("SCAN CONSTANT ROW", ""),
    // The few names of one object.
    ("SCAN (subquery-3)", "INSERT INTO released"),
    ("SCAN json_each", "INSERT INTO released"),
    // From a position on and up to a limit.
    ("SCAN journal USING INDEX journal_events", "seq > ?1 ORDER BY seq LIMIT ?2"),
    ("SCAN journal USING INDEX journal_replans", "seq > ?1 ORDER BY seq LIMIT ?2"),
    // What is left to do is counted seldom, and the time for it is bounded; of the oldest task only one row is read.
    ("SCAN journal", "SELECT (SELECT count(*) FROM journal), (SELECT received_at FROM journal ORDER BY seq LIMIT 1)"),
    ("SCAN parked", "(SELECT count(*) FROM parked)"),
    ("SCAN held USING COVERING INDEX", "(SELECT count(*) FROM held)"),
    ("SCAN kept", "(SELECT count(*) FROM kept)"),
];

#[derive(Clone, Default)]
struct Statements(Arc<Mutex<BTreeSet<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            event.record(&mut self.clone());
        }
    }
}

impl Visit for Statements {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_str(&mut self, field: &Field, text: &str) {
        let is_whole = field.name() == "db.statement" || !text.ends_with('…');
        if is_whole && !text.trim().is_empty() {
            self.0.lock().unwrap().insert(text.trim().to_owned());
        }
    }
}

fn id(name: &str) -> ObjectId {
    ObjectId::new(name).unwrap()
}

fn event(name: &str) -> Event {
    let properties = serde_json::from_value(json!({ "username": name })).unwrap();
    let dn = format!("uid={name},dc=example").parse().unwrap();
    Event { object: id(name), kind: ObjectType::User, dn, change: Change::Present(properties) }
}

fn task(name: &str) -> NewTask {
    NewTask { task: Task::Event(event(name)), origin: "test".into() }
}

fn ended(seq: Seq, name: &str, verdict: Verdict) -> Outcome {
    let event = event(name);
    let audit = AuditRow {
        at: now_ms(),
        seq,
        object: id(name),
        kind: ObjectType::User,
        event: "Change".into(),
        values: std::collections::BTreeMap::new(),
        origin: "test".into(),
        outcome: "Applied".into(),
        calls: vec![],
        attributes: vec![],
        notes: vec![],
        duration_ms: 1,
        revision: "r".into(),
    };
    Outcome {
        seq,
        object: id(name),
        verdict,
        partial: None,
        ripple: vec![Handle::new("dn", name), Handle::new("context", 10)],
        settled: Some(Fingerprint::of(event.kind, &event.dn, event.desired().unwrap(), "r")),
        audit: Some(audit),
    }
}

fn record(name: &str, context: u32) -> Record {
    let event = event(name);
    Record {
        object: id(name),
        kind: ObjectType::User,
        desired: event.desired().unwrap().clone(),
        dn: event.dn,
        state: json!({ "context": context }),
        face: json!({}),
        footprint: Footprint {
            handles: vec![Handle::new("dn", name), Handle::new("primary", format_args!("{context}/{name}"))],
            claims: vec![],
            refs: vec![Handle::new("context", context)],
            lane: None,
        },
        revision: "r".into(),
    }
}

/// Whatever the engine asks of a store while events come and go.
async fn usual_day(store: &SqliteStore) {
    for context in [10, 20] {
        store.take_in(&["a", "b", "c"].map(task), ("spool", "1"), "r").await.unwrap();
        store.append(&[task("a")], Some(("spool", "2"))).await.unwrap();
        let mut entries = store.journal_after(Seq(0), TaskSort::Event, 9).await.unwrap();
        entries.extend(store.journal_after(Seq(0), TaskSort::Replan, 9).await.unwrap());
        let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
        assert!(!seqs.is_empty());
        store.work(&seqs).await.unwrap();
        let (a, b, c) = (id("a"), id("b"), id("c"));
        store.oldest_task(&a).await.unwrap();
        store.footprints(&[a.clone(), b.clone()]).await.unwrap();
        store.resolve(&[Handle::new("dn", "a"), Handle::new("context", 10)]).await.unwrap();
        store.referrers(&Handle::new("context", 10)).await.unwrap();
        store.properties(&[a.clone(), c.clone()]).await.unwrap();
        store.record(&a).await.unwrap();
        store.commit(&[ended(seqs[0], "a", Verdict::Applied(Box::new(record("a", context))))]).await.unwrap();
        store.commit(&[ended(Seq(0), "b", Verdict::Nothing)]).await.unwrap();
        let now = now_ms();
        let parked = ParkedRow {
            object: c.clone(),
            kind: ObjectType::User,
            category: "Waiting".into(),
            cause: "test".into(),
            waits_for: vec![Handle::new("context", 10)],
            depends_on: vec![],
            attempts: 1,
            first_at: now,
            last_at: now,
            task: Some(task("c").task),
        };
        store.commit(&[ended(Seq(0), "c", Verdict::Parked(Box::new(parked)))]).await.unwrap();
        store.commit(&[ended(Seq(0), "b", Verdict::Removed)]).await.unwrap();
        store.ripple(&[Handle::new("context", 10)]).await.unwrap();
        store.retry_parked(&ParkedFilter::LastAttemptBefore(now), "timer").await.unwrap();
        store.retry_parked(&ParkedFilter::Object(c.clone()), "test").await.unwrap();
        store.with_prefix("cr:").await.unwrap();
        store.replan_outdated("other").await.unwrap();
        store.audit(Some(&a), 9).await.unwrap();
        store.prune_audit(now - 1_000_000).await.unwrap();
        store.cursor("spool").await.unwrap();
        store.backlog().await.unwrap();
    }
}

#[tokio::test]
async fn no_statement_of_a_usual_day_walks_through_a_table() {
    let statements = Statements::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(statements.clone())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = SqliteStore::open(&path).await.unwrap();
    statements.0.lock().unwrap().clear();
    usual_day(&store).await;
    let heard: Vec<_> = statements.0.lock().unwrap().iter().cloned().collect();
    let heard: Vec<_> = heard
        .iter()
        .filter(|text| ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| text.starts_with(verb)))
        .collect();
    assert!(heard.len() > 30, "only {} statements were heard", heard.len());

    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let mut walks = Vec::new();
    for text in heard {
        let plan =
            sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"))).fetch_all(&mut connection).await.unwrap();
        for row in plan {
            let step: String = row.get("detail");
            let is_fine = EXCEPTIONS
                .iter()
                .any(|(known, part)| (step == *known || step.starts_with(&format!("{known} "))) && text.contains(part));
            // Rows that came with the statement.
            let is_fine = is_fine || step.ends_with("-ROW VALUES CLAUSE");
            if step.starts_with("SCAN") && !is_fine {
                walks.push(format!("{step}: {text}"));
            }
        }
    }
    assert!(walks.is_empty(), "{}", walks.join("\n\n"));
}
