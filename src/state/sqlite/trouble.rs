//! What a full or read-only disk does to the writer, on order of a test.
//!
//! SQLite is told to behave so by itself: it then fails in the same places with the same errors as when the system refuses.

use std::sync::atomic::{AtomicU8, Ordering};

use sqlx::SqliteConnection;

use super::SqliteStore;
use crate::state::StateError;

/// Trouble with the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// None.
    #[default]
    None,
    /// The file cannot grow (`SQLITE_FULL`).
    Full,
    /// The file cannot be written (`SQLITE_READONLY`).
    ReadOnly,
}

/// The trouble that was ordered.
#[derive(Debug, Default)]
pub(super) struct Ordered(AtomicU8);

impl Ordered {
    /// Brings it over a transaction that has just begun.
    pub(super) async fn inflict(&self, transaction: &mut SqliteConnection) -> Result<(), StateError> {
        let (pages, query_only) = match self.0.load(Ordering::SeqCst) {
            0 => ("PRAGMA max_page_count = 1073741823", "PRAGMA query_only = OFF"),
            // Never less than the file has.
            1 => ("PRAGMA max_page_count = 1", "PRAGMA query_only = OFF"),
            _ => ("PRAGMA max_page_count = 1073741823", "PRAGMA query_only = ON"),
        };
        for pragma in [pages, query_only] {
            sqlx::query(pragma).execute(&mut *transaction).await?;
        }
        Ok(())
    }
}

impl SqliteStore {
    /// From now on the disk has this trouble.
    pub fn trouble(&self, trouble: Trouble) {
        self.trouble.0.store(trouble as u8, Ordering::SeqCst);
    }
}
