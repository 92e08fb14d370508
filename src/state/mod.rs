//! Durable state: journal, snapshots, parked objects, audit trail, credentials.
//!
//! The engine sees state only through the trait [`Store`]; one file per backend implements it.

mod types;

pub use types::{
    AuditRow, Face, Footprint, Found, Handle, JournalEntry, NewTask, Outcome, ParkedRow, Record, Seq, Task, Verdict,
};
