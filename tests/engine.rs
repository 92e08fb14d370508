//! The engine keeps its promises for any target: order, recovery, parking and healing, the circuit.
//!
//! The target here is a shelf: every object wants a name of its own, and may need other objects to be there first.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "engine/halting.rs"]
mod halting;
#[path = "engine/parts.rs"]
mod parts;
#[path = "engine/shelf.rs"]
mod shelf;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use oxherd::engine::{
    Backoff, Engine, EngineHandle, EngineOptions, EngineStatus, GuardLimits, Limits, Phase, Protection, Switch,
};
use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{NewTask, ParkedFilter, Store, Task};
use oxherd::udm::{Change, Event, ObjectId, ObjectType, Properties};
use proptest::prelude::*;
use serde_json::json;
use shelf::{Shelf, World};
use tokio_util::sync::CancellationToken;

struct Bench {
    folder: tempfile::TempDir,
    world: Arc<World>,
    store: Arc<SqliteStore>,
    engine: EngineHandle,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
    options: EngineOptions,
    limits: GuardLimits,
}

fn options() -> EngineOptions {
    EngineOptions {
        limits: Limits::side_by_side(16),
        retry: Backoff { first: Duration::from_millis(5), most: Duration::from_millis(20) },
        ..EngineOptions::default()
    }
}

impl Bench {
    async fn new() -> Self {
        Self::with(options()).await
    }

    async fn with(options: EngineOptions) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Arc::default(), options, GuardLimits::NONE).await
    }

    async fn open(folder: tempfile::TempDir, world: Arc<World>, options: EngineOptions, limits: GuardLimits) -> Self {
        let store = Arc::new(SqliteStore::open(&folder.path().join("state.db")).await.unwrap());
        let target = Arc::new(Shelf::new(Arc::clone(&world)));
        let (engine, handle) = Engine::new(target, Arc::clone(&store), options.clone());
        handle.protect(Protection { limits, ..Protection::default() });
        let stop = CancellationToken::new();
        let running = tokio::spawn(engine.run(stop.clone()));
        Self { folder, world, store, engine: handle, stop, running, options, limits }
    }

    async fn restart(self) -> Self {
        let Self { folder, world, stop, running, options, limits, .. } = self;
        stop.cancel();
        running.await.unwrap();
        Self::open(folder, world, options, limits).await
    }

    async fn send(&self, events: &[Event]) {
        let tasks: Vec<_> =
            events.iter().map(|event| NewTask { task: Task::Event(event.clone()), origin: "test".into() }).collect();
        self.store.append(&tasks, None).await.unwrap();
        self.engine.wake();
    }

    async fn idle(&self) -> EngineStatus {
        tokio::time::timeout(Duration::from_secs(30), self.engine.idle())
            .await
            .expect("the engine does not come to rest")
    }

    async fn phase(&self, phase: Phase) {
        self.until(|status| status.phase == phase).await;
    }

    async fn until(&self, reached: impl Fn(&EngineStatus) -> bool) {
        let mut watch = self.engine.watch();
        let reached = watch.wait_for(reached);
        tokio::time::timeout(Duration::from_secs(10), reached).await.expect("status is not reached").unwrap();
    }

    async fn parked(&self) -> Vec<(String, String)> {
        let rows = self.store.parked(&ParkedFilter::All).await.unwrap();
        rows.into_iter().map(|row| (row.object.to_string(), row.category)).collect()
    }
}

fn id(name: &str) -> ObjectId {
    ObjectId::new(name).unwrap()
}

fn event(object: &str, change: Change) -> Event {
    Event { object: id(object), kind: ObjectType::User, dn: format!("cn={object}").parse().unwrap(), change }
}

fn put(object: &str, name: &str, needs: &[&str]) -> Event {
    let properties: Properties = serde_json::from_value(json!({ "name": name, "needs": needs })).unwrap();
    event(object, Change::Present(properties))
}

fn gone(object: &str) -> Event {
    event(object, Change::Deleted)
}

#[tokio::test]
async fn a_rename_chain_in_one_batch_ends_right() {
    let bench = Bench::new().await;
    bench.send(&[put("x", "a", &[]), put("y", "b", &[]), put("z", "c", &[])]).await;
    bench.idle().await;
    // Everybody takes the name that the one before gave up.
    bench.send(&[put("x", "t", &[]), put("z", "a", &[]), put("y", "c", &[]), put("x", "b", &[])]).await;
    bench.idle().await;
    assert_eq!(bench.world.names(), [("x", "b"), ("y", "c"), ("z", "a")].map(|(o, n)| (o.into(), n.into())));
    assert_eq!(bench.parked().await, []);
}

#[tokio::test]
async fn delete_and_recreate_under_one_name() {
    let bench = Bench::new().await;
    bench.send(&[put("x", "a", &[]), gone("x"), put("y", "a", &[]), gone("y"), put("x", "a", &[])]).await;
    bench.idle().await;
    assert_eq!(bench.world.names(), [("x".into(), "a".into())]);
}

#[tokio::test]
async fn what_needs_something_is_parked_until_it_comes() {
    let bench = Bench::new().await;
    bench.send(&[put("x", "a", &["y"]), put("z", "c", &[])]).await;
    let status = bench.idle().await;
    assert_eq!(status.parked, 1);
    assert_eq!(bench.parked().await, [("x".to_owned(), "Waiting".to_owned())]);
    assert_eq!(bench.world.names(), [("z".into(), "c".into())]);
    bench.send(&[put("y", "b", &[])]).await;
    let status = bench.idle().await;
    assert_eq!(status.parked, 0);
    assert_eq!(bench.world.names().len(), 3);
}

#[tokio::test]
async fn a_refused_object_is_parked_alone_and_its_correction_heals_it() {
    let bench = Bench::new().await;
    bench.send(&[put("x", "forbidden", &[]), put("y", "b", &[])]).await;
    bench.idle().await;
    assert_eq!(bench.parked().await, [("x".to_owned(), "RefusedByTarget".to_owned())]);
    bench.send(&[put("x", "allowed", &[])]).await;
    bench.idle().await;
    assert_eq!(bench.parked().await, []);
    assert_eq!(bench.world.names().len(), 2);
}

#[tokio::test]
async fn deleting_a_parked_object_clears_it() {
    let bench = Bench::new().await;
    bench.send(&[put("x", "forbidden", &[])]).await;
    bench.idle().await;
    bench.send(&[gone("x")]).await;
    bench.idle().await;
    assert_eq!(bench.parked().await, []);
}

#[tokio::test]
async fn an_outage_parks_nobody_and_ends_by_itself() {
    let bench = Bench::new().await;
    bench.world.down.store(true, Ordering::SeqCst);
    let events: Vec<_> = (0..20).map(|n| put(&format!("o{n}"), &format!("n{n}"), &[])).collect();
    bench.send(&events).await;
    bench.phase(Phase::CircuitOpen).await;
    let calls = bench.world.calls();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(bench.world.calls(), calls, "no call but the probe is made while the circuit is open");
    bench.world.down.store(false, Ordering::SeqCst);
    let status = bench.idle().await;
    assert_eq!(status.parked, 0);
    assert_eq!(bench.world.names().len(), 20);
}

#[tokio::test]
async fn a_busy_target_is_tried_again_without_parking() {
    let bench = Bench::new().await;
    bench.world.busy.store(6, Ordering::SeqCst);
    bench.send(&[put("x", "a", &[]), put("y", "b", &[])]).await;
    let status = bench.idle().await;
    assert_eq!((status.parked, bench.world.names().len()), (0, 2));
    assert!(status.totals.retries >= 6);
}

#[tokio::test]
async fn dependants_are_planned_again_when_what_they_need_changes() {
    let bench = Bench::new().await;
    bench.send(&[put("y", "b", &[]), put("x", "a", &["y"])]).await;
    bench.idle().await;
    assert_eq!(bench.world.note("x"), Some("b".to_owned()));
    bench.send(&[put("y", "bb", &[])]).await;
    bench.idle().await;
    assert_eq!(bench.world.note("x"), Some("bb".to_owned()), "x notes the names of what it needs");
}

#[tokio::test]
async fn a_name_that_is_needed_twice_is_found_twice() {
    let bench = Bench::new().await;
    bench.send(&[put("y", "b", &[]), put("x", "a", &["y", "y"])]).await;
    bench.idle().await;
    assert_eq!(bench.world.note("x"), Some("b,b".to_owned()));
}

#[tokio::test]
async fn changes_of_one_object_that_wait_become_one() {
    let bench = Bench::new().await;
    bench.engine.switch(Switch::Paused);
    bench.phase(Phase::Paused).await;
    let events: Vec<_> = (0..50).map(|n| put("x", &format!("name-{n}"), &[])).collect();
    bench.send(&events).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.world.calls(), 0, "a paused engine calls nothing");
    bench.engine.switch(Switch::On);
    bench.idle().await;
    assert_eq!(bench.world.calls(), 1);
    assert_eq!(bench.world.names(), [("x".into(), "name-49".into())]);
}

#[tokio::test]
async fn a_name_is_free_only_when_its_holder_has_really_left_it() {
    let bench = Bench::new().await;
    bench.world.latency_ms.store(50, Ordering::SeqCst);
    bench.send(&[put("x", "a", &[])]).await;
    bench.phase(Phase::Working).await;
    // While `x` becomes `a`, it is told twice to become `b`, for which it has to queue: the first of these never runs.
    let queue: Vec<_> = (0..6).map(|n| put(&format!("o{n}"), &format!("b{n}"), &[])).collect();
    bench.send(&queue).await;
    bench.send(&[put("x", "b", &[]), put("x", "b", &[]), put("y", "a", &[])]).await;
    bench.idle().await;
    assert_eq!(bench.parked().await, []);
    assert_eq!(bench.world.names()[6..], [("x".into(), "b".into()), ("y".into(), "a".into())]);
}

#[tokio::test]
async fn an_identical_redelivery_makes_no_call() {
    let bench = Bench::new().await;
    bench.send(&[put("x", "a", &[])]).await;
    bench.idle().await;
    let calls = bench.world.calls();
    bench.send(&[put("x", "a", &[]), put("x", "a", &[])]).await;
    bench.idle().await;
    assert_eq!(bench.world.calls(), calls);
}

#[tokio::test]
async fn what_was_reached_before_a_failure_is_recorded() {
    let bench = Bench::new().await;
    bench.send(&[put("y", "b", &[])]).await;
    bench.idle().await;
    // The second of two calls meets a busy target: the first one is not repeated.
    bench.world.busy_notes.store(3, Ordering::SeqCst);
    bench.send(&[put("x", "a", &["y"])]).await;
    bench.idle().await;
    assert_eq!(bench.world.puts("x"), 1);
    assert_eq!(bench.world.note("x"), Some("b".to_owned()));
}

#[tokio::test]
async fn one_call_at_a_time_in_a_lane_and_lanes_side_by_side() {
    let bench = Bench::new().await;
    bench.world.latency_ms.store(2, Ordering::SeqCst);
    let events: Vec<_> = (0..60).map(|n| put(&format!("o{n}"), &format!("{}{n}", n % 3), &[])).collect();
    bench.send(&events).await;
    bench.idle().await;
    assert_eq!(bench.world.most_in_lane(), 1);
    assert!(bench.world.most_at_once() >= 2);
}

#[tokio::test]
async fn a_stop_under_load_loses_nothing() {
    let mut bench = Bench::new().await;
    bench.world.latency_ms.store(1, Ordering::SeqCst);
    let events: Vec<_> = (0..200).map(|n| put(&format!("o{n}"), &format!("n{n}"), &[])).collect();
    bench.send(&events).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        bench = bench.restart().await;
    }
    bench.idle().await;
    assert_eq!(bench.world.names().len(), 200);
    assert_eq!(bench.world.most_puts(), 1, "nothing that was recorded is repeated after an orderly stop");
}

#[tokio::test]
async fn tasks_beside_each_other_do_not_slip_past_the_guard_together() {
    let mut bench = Bench::new().await;
    let objects: Vec<_> = (0..40).map(|n| (format!("o{n}"), format!("{n:02}"))).collect();
    bench.send(&objects.iter().map(|(object, name)| put(object, name, &[])).collect::<Vec<_>>()).await;
    bench.idle().await;
    bench.limits.max_count = 7;
    bench = bench.restart().await;
    bench.world.latency_ms.store(5, Ordering::SeqCst);
    // One by one, so that they are no batch at first; some tries fail and are repeated.
    for (nth, (object, _)) in objects.iter().enumerate() {
        bench.world.busy.store(1, Ordering::SeqCst);
        bench.send(&[gone(object)]).await;
        match nth {
            0..3 => drop(bench.idle().await),
            9 => bench = bench.restart().await,
            _ => {}
        }
    }
    let status = bench.idle().await;
    assert_eq!(status.held + bench.world.gone(40), 40);
    assert!((3..=7).contains(&bench.world.gone(40)), "{}", bench.world.gone(40));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Any sequence of puts, renames and deletions in which names pass from object to object ends as if it was done one by one.
    #[test]
    fn any_sequence_ends_as_if_done_one_by_one(steps in prop::collection::vec((0usize..6, 0usize..5, any::<bool>(), 0u8..4), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new().await;
            let mut model: Vec<Option<usize>> = vec![None; 6];
            let mut batch = Vec::new();
            for (object, name, delete, pause) in steps {
                let label = format!("o{object}");
                if delete {
                    model[object] = None;
                    batch.push(gone(&label));
                } else if model.iter().enumerate().all(|(other, held)| other == object || *held != Some(name)) {
                    model[object] = Some(name);
                    batch.push(put(&label, &format!("n{name}"), &[]));
                }
                if pause == 0 {
                    bench.send(&std::mem::take(&mut batch)).await;
                    if object == 0 {
                        bench = bench.restart().await;
                    }
                }
            }
            bench.send(&batch).await;
            bench.idle().await;
            let expected: Vec<_> = model
                .iter()
                .enumerate()
                .filter_map(|(object, name)| name.map(|name| (format!("o{object}"), format!("n{name}"))))
                .collect();
            assert_eq!(bench.world.names(), expected);
            assert_eq!(bench.parked().await, []);
        });
    }
}
