//! Random histories of a directory end in OX as a sequential reference model says, however they are delivered.
//!
//! A case is a sequence of actions on a directory of all eight object types. [`site`] carries them out one by one, as UDM
//! would, and keeps every event; [`oracle`] says from these events alone what OX must hold in the end. The real connector
//! (spool, journal, engine, planner, SOAP client, SQLite) gets them in random pieces, with restarts in between, from a
//! simulated OX over real HTTP.
//!
//! `OXHERD_MODEL_CASES` sets the number of cases (2,000 without it), `OXHERD_MODEL_SEED` which ones (always the same without it, so
//! that the gate says the same twice). A failing case is shrunk and printed; put it into `model/found.rs` with a name.

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

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// Cases side by side: most of a case is waiting.
const WORKERS: u32 = 8;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn random_histories_end_as_the_reference_model_says() {
    let cases = std::env::var("OXHERD_MODEL_CASES").map_or(2_000, |cases| cases.parse().unwrap());
    let seed = std::env::var("OXHERD_MODEL_SEED").map_or(1, |seed| seed.parse::<u64>().unwrap());
    let worker = |number: u32| {
        let config = Config {
            cases: u32::div_ceil(cases, WORKERS),
            failure_persistence: None,
            max_shrink_iters: 600,
            max_shrink_time: 60_000,
            rng_seed: RngSeed::Fixed(seed.wrapping_mul(1_000) + u64::from(number)),
            ..Config::default()
        };
        // A runtime for each case: whatever a case leaves behind ends with it.
        TestRunner::new(config)
            .run(&action::case(), |case| runtime().block_on(check::run(&case)).map_err(TestCaseError::fail))
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|number| scope.spawn(move || worker(number))).collect();
        let results = workers.into_iter().map(|worker| worker.join().unwrap());
        results.filter_map(|result| result.err().map(|failure| failure.to_string())).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
