//! What can go wrong with stored state.

use std::path::PathBuf;

/// A failure of the state store.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file was written by a newer oxherd.
    #[error(
        "{path} was written by a newer oxherd (schema {found}, this program knows {known}): run that version, or restore the backup that it made beside the file"
    )]
    NewerSchema {
        /// The state file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file or its folder cannot be used.
    #[error("cannot open the state file {path}: {reason}")]
    Open {
        /// The state file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A stored value does not read back.
    #[error(
        "the state holds a {what} that does not read back ({reason}): restore a backup, or remove the state and load everything again"
    )]
    Corrupt {
        /// Which kind of value.
        what: &'static str,
        /// Why, without the value.
        reason: String,
    },
    /// The database refused.
    #[error("the state store failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Which kind of failure of the state store, for metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr)]
pub enum StateErrorCategory {
    /// A newer program wrote the file.
    NewerSchema,
    /// The file cannot be used.
    Unusable,
    /// A value does not read back.
    Corrupt,
    /// The disk is full, or the database is read-only or locked: worth another try.
    Temporary,
}

impl StateError {
    /// Which kind of failure.
    pub fn category(&self) -> StateErrorCategory {
        match self {
            Self::NewerSchema { .. } => StateErrorCategory::NewerSchema,
            Self::Open { .. } => StateErrorCategory::Unusable,
            Self::Corrupt { .. } => StateErrorCategory::Corrupt,
            Self::Database(_) => StateErrorCategory::Temporary,
        }
    }

    /// A stored value that does not read back.
    pub(crate) fn corrupt(what: &'static str, reason: &impl std::fmt::Display) -> Self {
        Self::Corrupt { what, reason: reason.to_string() }
    }
}
