//! Durable state: journal, snapshots, parked objects, audit trail, credentials.
//!
//! The engine sees state only through the trait [`Store`]; one folder per backend implements it.

mod error;
mod fingerprint;
mod held;
mod listed;
pub mod sqlite;
mod store;
mod types;

pub use error::{StateError, StateErrorCategory};
pub use fingerprint::Fingerprint;
pub use held::{Approval, HeldMark, HeldRow, KeptRow, ListId, Loss, Lost, Population, Release, weight};
pub use listed::{Compared, IdSpan, Mark};
pub use store::{AuditFilter, Backlog, Counts, HeldFilter, KeptFilter, ParkedFilter, Store, Taken, TaskSort};
pub use types::{
    AuditRow, Correction, Face, Footprint, Found, Handle, InForce, JournalEntry, NewTask, Outcome, ParkedRow, Record,
    Released, Seq, Task, Verdict, WaitingChange, Work,
};

/// Milliseconds since 1970, the clock of everything that is stored.
pub fn now_ms() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}
