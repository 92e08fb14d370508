//! Random histories of a directory end in OX as a sequential reference model says, however they are delivered.
//!
//! A case is a sequence of actions on a directory of all eight object types. [`site`] carries them out one by one, as UDM
//! would, and keeps every event; [`oracle`] says from these events alone what OX must hold in the end. The real connector
//! (spool, journal, engine, planner, SOAP client, SQLite) gets them in random pieces, with restarts in between, from a
//! simulated OX over real HTTP.
//!
//! `OXHERD_MODEL_CASES` sets the number of cases (1,000 without it). A failing case is shrunk and printed; put it into
//! `model/found.rs` with a name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "model/action.rs"]
mod action;
#[path = "model/check.rs"]
mod check;
#[path = "support/directory.rs"]
mod directory;
#[path = "model/found.rs"]
mod found;
#[path = "support/observed.rs"]
mod observed;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "model/site.rs"]
mod site;
#[path = "support/world.rs"]
mod world;

use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Cases side by side: most of a case is waiting.
const WORKERS: u32 = 4;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn random_histories_end_as_the_reference_model_says() {
    let cases = std::env::var("OXHERD_MODEL_CASES").map_or(1_000, |cases| cases.parse().unwrap());
    let worker = || {
        let config = Config {
            cases: u32::div_ceil(cases, WORKERS),
            failure_persistence: None,
            max_shrink_iters: 600,
            max_shrink_time: 60_000,
            ..Config::default()
        };
        let runtime = runtime();
        TestRunner::new(config)
            .run(&action::case(), |case| runtime.block_on(check::run(&case)).map_err(TestCaseError::fail))
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        let results = workers.into_iter().map(|worker| worker.join().unwrap());
        results.filter_map(|result| result.err().map(|failure| failure.to_string())).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
