//! The sample organisation: whatever way its files come in, OX ends up with what the oracle computes from them alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "support/directory.rs"]
mod directory;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "acme/seen.rs"]
mod seen;
#[path = "support/world.rs"]
mod world;

use std::path::{Path, PathBuf};

use serde_json::Value;
use world::World;

fn files(part: &str) -> Vec<PathBuf> {
    oracle::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme").join(part))
}

fn all() -> Vec<PathBuf> {
    [files("directory"), files("changes")].concat()
}

async fn company() -> World {
    World::empty(|setup| setup.spec = serde_json::json!({"defaults": {"domain": "acme.example"}})).await
}

fn bring(world: &mut World, files: &[PathBuf]) {
    for file in files {
        world.file(std::fs::read(file).unwrap());
    }
}

/// OX holds what the oracle says of these files, and what is wrong on purpose waits.
async fn assert_right(world: &World, files: &[PathBuf]) {
    let (expected, seen) = (oracle::expected(files), seen::seen(&world.ox.dump()));
    let mut differences = Vec::new();
    compare("", &expected, &seen, &mut differences);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    let changed = files.len() > self::files("directory").len();
    let parked = world.parked().await;
    assert_eq!((parked.len(), world.rejected().len()), if changed { (1, 1) } else { (0, 0) }, "{parked:#?}");
}

fn compare(path: &str, expected: &Value, seen: &Value, differences: &mut Vec<String>) {
    let none = Value::Null;
    if let (Value::Object(a), Value::Object(b)) = (expected, seen) {
        let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
        for key in keys {
            let side = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
            compare(&format!("{path}/{key}"), &side(a), &side(b), differences);
        }
    } else if expected != seen && !(expected == &none && seen == &none) {
        differences.push(format!("{path}: expected {expected}, seen {seen}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_load_and_the_day_of_changes_end_as_the_oracle_says() {
    let mut world = company().await;
    bring(&mut world, &files("directory"));
    world.settle().await;
    assert_right(&world, &files("directory")).await;
    bring(&mut world, &files("changes"));
    world.settle().await;
    assert_right(&world, &all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_at_once_ends_the_same() {
    let mut world = company().await;
    bring(&mut world, &all());
    world.settle().await;
    assert_right(&world, &all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_several_runs_with_restarts_between_them_it_ends_the_same() {
    let mut world = company().await;
    for part in all().chunks(60) {
        bring(&mut world, part);
        world.settle().await;
        world.restart().await;
    }
    world.settle().await;
    assert_right(&world, &all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redelivery_of_the_last_state_makes_no_call() {
    let mut world = company().await;
    bring(&mut world, &all());
    world.settle().await;
    world.ox.reset_counters();
    // Of each object the last file, in the order of the files.
    let mut last = std::collections::BTreeMap::new();
    for (place, file) in all().iter().enumerate() {
        if let Ok(value) = serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()) {
            last.insert(value["id"].to_string(), place);
        }
    }
    let mut places: Vec<_> = last.into_values().collect();
    places.sort_unstable();
    let files: Vec<_> = places.into_iter().map(|place| all()[place].clone()).collect();
    bring(&mut world, &files);
    world.settle().await;
    world.expect_calls(&[]);
    assert_right(&world, &all()).await;
}
