//! A copy of the state to try things out on.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection};

use crate::state::StateError;

use super::SqliteStore;
use super::open::create_private;

impl SqliteStore {
    /// Copies what is known of the objects into another file, in place of what is there, and opens it. The copy has no
    /// journal, no history, no cursors and no credentials. The state itself can be used meanwhile.
    pub async fn shadow(&self, path: &Path) -> Result<Self, StateError> {
        Self::remove(path)?;
        create_private(path).map_err(|error| unusable(path, &error))?;
        let mut connection = self.writer.connect_options().as_ref().clone().connect().await?;
        let copied =
            sqlx::query("VACUUM INTO ?1").bind(path.to_string_lossy().into_owned()).execute(&mut connection).await;
        connection.close().await?;
        copied?;
        let shadow = Self::open(path).await?;
        let mut connection = shadow.writer.acquire().await?;
        for statement in [
            "PRAGMA secure_delete = ON",
            "DELETE FROM credentials",
            "PRAGMA secure_delete = OFF",
            "DELETE FROM journal",
            "DELETE FROM audit",
            "DELETE FROM cursors",
            // Only now are the passwords overwritten in the file.
            "PRAGMA wal_checkpoint(TRUNCATE)",
        ] {
            sqlx::query(statement).execute(&mut *connection).await?;
        }
        drop(connection);
        Ok(shadow)
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.writer.connect_options().get_filename().to_owned()
    }

    /// Removes a file with everything that belongs to it. None is no error.
    pub fn remove(path: &Path) -> Result<(), StateError> {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Closes the file and removes it.
    pub async fn discard(&self) -> Result<(), StateError> {
        self.readers.close().await;
        self.writer.close().await;
        Self::remove(&self.path())
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> StateError {
    StateError::Open { path: path.to_owned(), reason: error.to_string() }
}
