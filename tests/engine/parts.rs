//! A part of the target that does not work keeps back what needs it, and nothing else.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use oxherd::engine::{EngineOptions, Limits, Pace};

use super::{Bench, options, put};

#[tokio::test]
async fn a_blocked_part_parks_nobody_and_keeps_nobody_else_back() {
    let bench = Bench::new().await;
    bench.world.blocked.lock().unwrap().insert("a".into(), Pace::Soon);
    let blocked: Vec<_> = (0..50).map(|n| put(&format!("a{n}"), &format!("a{n}"), &[])).collect();
    let others: Vec<_> = (0..50).map(|n| put(&format!("b{n}"), &format!("b{n}"), &[])).collect();
    bench.send(&blocked).await;
    bench.send(&others).await;
    bench.until(|status| status.totals.done == 50 && status.resting == 50).await;
    assert_eq!(bench.world.names().len(), 50);
    assert_eq!(bench.parked().await, []);
    let status = bench.engine.status();
    assert_eq!((status.gates.len(), status.gates[0].name.as_str()), (1, "board:a"));
    assert!(bench.world.refused.load(Ordering::SeqCst) <= 4, "those that are under way together, and one trial");
    bench.world.blocked.lock().unwrap().clear();
    let status = bench.idle().await;
    assert_eq!((bench.world.names().len(), status.gates.len()), (100, 0));
}

#[tokio::test]
async fn refused_credentials_are_not_hammered_and_a_new_secret_is_tried_at_once() {
    let bench = Bench::new().await;
    bench.world.blocked.lock().unwrap().insert("a".into(), Pace::Seldom);
    let events: Vec<_> = (0..30).map(|n| put(&format!("a{n}"), &format!("a{n}"), &[])).collect();
    bench.send(&events).await;
    bench.until(|status| status.resting == 30).await;
    let refused = bench.world.refused.load(Ordering::SeqCst);
    assert!(refused <= 2, "{refused} calls with a wrong password");
    // Nothing but a new secret makes the engine try again within the next 15 s.
    bench.send(&[put("b", "b", &[])]).await;
    bench.until(|status| status.totals.done == 1).await;
    assert_eq!(bench.world.refused.load(Ordering::SeqCst), refused);
    bench.world.blocked.lock().unwrap().clear();
    let started = Instant::now();
    bench.engine.reopen();
    bench.idle().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!((bench.world.names().len(), bench.parked().await.len()), (31, 0));
}

#[tokio::test]
async fn a_restart_with_a_blocked_part_loses_nothing() {
    let bench = Bench::new().await;
    bench.world.blocked.lock().unwrap().insert("a".into(), Pace::Soon);
    bench.send(&[put("x", "a1", &[]), put("y", "b1", &[])]).await;
    bench.until(|status| status.resting == 1).await;
    let bench = bench.restart().await;
    bench.until(|status| status.resting == 1).await;
    bench.world.blocked.lock().unwrap().clear();
    bench.idle().await;
    assert_eq!(bench.world.names().len(), 2);
}

#[tokio::test]
async fn one_part_with_more_tasks_than_the_window_does_not_starve_others() {
    let limits = Limits { lane_share: 8, ..Limits::side_by_side(16) };
    let bench = Bench::with(EngineOptions { limits, window: 64, ..options() }).await;
    bench.world.blocked.lock().unwrap().insert("a".into(), Pace::Seldom);
    let blocked: Vec<_> = (0..200).map(|n| put(&format!("a{n}"), &format!("a{n}"), &[])).collect();
    bench.send(&blocked).await;
    bench.send(&[put("x", "x", &[])]).await;
    bench.until(|status| status.totals.done == 1).await;
    assert_eq!(bench.world.names(), [("x".into(), "x".into())]);
}

#[tokio::test]
async fn no_more_calls_a_second_than_allowed() {
    let bench = Bench::with(EngineOptions { calls_per_second: Some(50), ..options() }).await;
    let started = Instant::now();
    let events: Vec<_> = (0..26).map(|n| put(&format!("o{n}"), &format!("{n}"), &[])).collect();
    bench.send(&events).await;
    bench.idle().await;
    assert!(started.elapsed() >= Duration::from_millis(500), "26 calls at 50 a second took {:?}", started.elapsed());
}
