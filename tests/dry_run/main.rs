//! A dry run tells what a live run does, changes nothing, and switching to live makes up for everything; the impact of changed
//! settings is what they then do, and too large a change waits for an approval.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod change;
#[path = "../support/directory.rs"]
mod directory;
mod impact;
mod mode;
#[path = "../support/observed.rs"]
mod observed;
#[path = "../support/oracle.rs"]
mod oracle;
#[path = "../support/world.rs"]
mod world;

use std::collections::BTreeMap;

use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{AuditFilter, Store};

/// What was done, or would be done, for each object: the names of all calls, sorted, and the last outcome.
async fn done(store: &SqliteStore) -> BTreeMap<String, (Vec<String>, String)> {
    let mut done: BTreeMap<String, (Vec<String>, String)> = BTreeMap::new();
    for (_, row) in store.audit_after(&AuditFilter::default(), 0, u32::MAX).await.unwrap() {
        let entry = done.entry(row.object.to_string()).or_default();
        entry.0.extend(row.calls);
        entry.0.sort();
        if row.outcome != "Unchanged" {
            entry.1 = row.outcome;
        }
    }
    done
}
