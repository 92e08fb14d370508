//! Whatever breaks, for whatever type of object: nothing is lost, nothing is done twice, nothing is parked with which nothing
//! is wrong. The table of `docs/reliability.md` is what this test found; `UPDATE_DOCS=1` writes it anew.
//!
//! Needs the cargo feature `failure-points`: `cargo test --all-features --test faults`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "support/by_hand.rs"]
mod by_hand;
#[path = "faults/cell.rs"]
mod cell;
#[path = "support/directory.rs"]
mod directory;
#[path = "faults/fault.rs"]
mod fault;
#[path = "faults/kind.rs"]
mod kind;
#[path = "support/observed.rs"]
mod observed;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "simulator_support/mod.rs"]
mod simulator_support;
#[path = "support/site.rs"]
mod site;
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cell::{End, Measured};
use fault::{Fault, Mercy, Row, rows};
use kind::Kind;
use tokio::sync::Semaphore;

/// Cells beside each other: most of a cell is waiting.
const CELLS: usize = 16;
/// How long after the end of a fault everything must be done: a probe or a trial that has just failed is repeated after 30 s
/// at the latest, and this machine may be slow.
const RECOVERY: Duration = Duration::from_secs(75);

const BEGIN: &str = "<!-- The table between these lines is checked by tests/faults.rs. -->\n";
const END: &str = "<!-- End of the table. -->\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_done_twice_whatever_breaks() {
    let free = Arc::new(Semaphore::new(CELLS));
    let rows: Arc<Vec<Row>> = Arc::new(rows());
    // The longest first.
    let order = (0..rows.len()).rev().flat_map(|row| Kind::ALL.map(|kind| (row, kind)));
    let cells: Vec<_> = order
        .map(|(row, kind)| {
            let (free, rows) = (Arc::clone(&free), Arc::clone(&rows));
            tokio::spawn(async move {
                let _turn = free.acquire().await.unwrap();
                let Row { name, fault, mercy, .. } = &rows[row];
                let found = tokio::spawn({
                    let (fault, mercy) = (fault.clone(), *mercy);
                    async move { cell::run(kind, &fault, mercy).await }
                });
                let found = found.await.unwrap_or_else(|panic| Err(panic.to_string()));
                let found = found.and_then(in_time);
                ((row, kind), found.map_err(|wrong| format!("{name} × {}: {wrong}", kind.name())))
            })
        })
        .collect();
    let mut ends = BTreeMap::new();
    let mut wrong = Vec::new();
    for cell in cells {
        match cell.await.unwrap() {
            (place, Ok(Measured { end, .. })) => drop(ends.insert(place, end)),
            (_, Err(text)) => wrong.push(text),
        }
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    compare_with_document(&table(&rows, &ends));
}

fn in_time(measured: Measured) -> Result<Measured, String> {
    if measured.recovery < RECOVERY { Ok(measured) } else { Err(format!("took {:?} to recover", measured.recovery)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fault_everything_is_done_at_once() {
    for kind in Kind::ALL {
        let measured = cell::run(kind, &Fault::None, Mercy::Waits).await.unwrap();
        assert_eq!(measured.end, End::Done, "{kind:?}");
    }
}

fn table(rows: &[Row], ends: &BTreeMap<(usize, Kind), End>) -> String {
    let mut table = String::from("| Fault | What oxherd does |");
    for kind in Kind::ALL {
        let _ = write!(table, " {} |", kind.name());
    }
    table.push_str("\n|---|---|---|---|---|---|---|\n");
    for (number, row) in rows.iter().enumerate() {
        let _ = write!(table, "| {} | {} |", row.name, row.answer);
        for kind in Kind::ALL {
            let word = match ends[&(number, kind)] {
                End::Done => "done",
                End::Waited => "waits, done",
                End::Parked => "parked, done",
            };
            let _ = write!(table, " {word} |");
        }
        table.push('\n');
    }
    table
}

fn compare_with_document(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("the line before the table");
    let (found, tail) = rest.split_once(END).expect("the line after the table");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}\n{table}\n{END}{tail}")).unwrap();
    } else {
        assert_eq!(found.trim(), table.trim(), "docs/reliability.md is outdated: run this test with UPDATE_DOCS=1");
    }
}
