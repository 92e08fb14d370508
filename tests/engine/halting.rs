//! `errorPolicy: Stop`: one faulty object halts everything until it is corrected, deleted or dropped.

use oxherd::engine::{EngineOptions, OnError, Phase};
use oxherd::state::{ParkedFilter, Store};

use super::{Bench, gone, id, options, put};

async fn halted() -> Bench {
    let bench = Bench::with(EngineOptions { on_error: OnError::Halt, ..options() }).await;
    bench.send(&[put("x", "forbidden", &[])]).await;
    bench.phase(Phase::Halted).await;
    let others: Vec<_> = (0..20).map(|n| put(&format!("o{n}"), &format!("n{n}"), &[])).collect();
    bench.send(&others).await;
    bench.until(|status| status.backlog == 20).await;
    assert_eq!(bench.world.names(), [], "everything waits");
    let halt = bench.engine.status().halted.unwrap();
    assert_eq!((halt.object, halt.category.as_str()), (id("x"), "RefusedByTarget"));
    bench
}

#[tokio::test]
async fn a_correction_goes_before_all_that_waits_and_lets_it_go_on() {
    let bench = halted().await;
    bench.send(&[put("x", "still forbidden", &[]), put("x", "allowed", &[])]).await;
    bench.idle().await;
    assert_eq!((bench.world.names().len(), bench.parked().await.len()), (21, 0));
}

#[tokio::test]
async fn a_correction_that_is_refused_as_well_keeps_it_halted() {
    let bench = halted().await;
    let calls = bench.world.calls();
    bench.send(&[put("x", "forbidden", &[])]).await;
    bench.until(|status| status.totals.parked == 2).await;
    assert_eq!((bench.engine.status().phase, bench.world.calls()), (Phase::Halted, calls + 1));
    assert_eq!(bench.world.names(), []);
}

#[tokio::test]
async fn its_deletion_lets_all_go_on() {
    let bench = halted().await;
    bench.send(&[gone("x")]).await;
    bench.idle().await;
    assert_eq!((bench.world.names().len(), bench.parked().await.len()), (20, 0));
}

#[tokio::test]
async fn dropping_it_lets_all_go_on() {
    let bench = halted().await;
    bench.store.drop_parked(&ParkedFilter::Object(id("x")), "test").await.unwrap();
    bench.idle().await;
    assert_eq!(bench.world.names().len(), 20);
}

#[tokio::test]
async fn a_restart_does_not_let_it_go_on() {
    let bench = halted().await.restart().await;
    bench.phase(Phase::Halted).await;
    assert_eq!(bench.world.names(), []);
    bench.send(&[put("x", "allowed", &[])]).await;
    bench.idle().await;
    assert_eq!(bench.world.names().len(), 21);
}

#[tokio::test]
async fn an_object_that_only_waits_for_another_one_halts_nothing() {
    let bench = Bench::with(EngineOptions { on_error: OnError::Halt, ..options() }).await;
    bench.send(&[put("x", "a", &["y"]), put("y", "b", &[])]).await;
    bench.idle().await;
    assert_eq!((bench.world.names().len(), bench.parked().await.len()), (2, 0));
}
