//! Opening, creating and upgrading the state file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{Row, SqlitePool};

use crate::failure_points::{FailurePoint, pass};
use crate::state::StateError;

use super::SqliteStore;

static MIGRATIONS: Migrator = sqlx::migrate!("src/state/sqlite/migrations");

/// Readers beside the one writer. Planning asks short questions, so a few are enough; and what a reader caches is worthless
/// after the next commit, so that more of them only read the same pages more often.
const READERS: u32 = 2;

/// Pages that changed before they are taken over into the file, which is synced then. The same pages change again and again, so
/// that waiting longer than the usual thousand spares most of that work; the log beside the file takes 16 MB.
const CHECKPOINT_PAGES: &str = "4000";

pub(super) async fn open(path: &Path) -> Result<SqliteStore, StateError> {
    let unusable = |reason: String| StateError::Open { path: path.to_owned(), reason };
    create_private(path).map_err(|error| unusable(error.to_string()))?;
    pass(FailurePoint::StateFileThere);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(20))
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-6000")
        .statement_cache_capacity(200);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone().pragma("wal_autocheckpoint", CHECKPOINT_PAGES))
        .await
        .map_err(|error| unusable(error.to_string()))?;
    migrate(&writer, path).await?;
    pass(FailurePoint::StateMigrated);
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.pragma("query_only", "ON").pragma("cache_size", "-2000"))
        .await?;
    Ok(SqliteStore {
        writer,
        readers,
        faces: Arc::default(),
        #[cfg(feature = "failure-points")]
        trouble: Arc::default(),
    })
}

/// Makes sure that the file exists and that nobody else may read it: it holds credentials.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(0o600);
        let file = options.open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    #[cfg(not(unix))]
    options.open(path)?;
    Ok(())
}

async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), StateError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let found = schema_version(writer).await?;
    if found > known {
        return Err(StateError::NewerSchema { path: path.to_owned(), found, known });
    }
    if found == known {
        return Ok(());
    }
    if found > 0 {
        backup(writer, path, found).await?;
    }
    MIGRATIONS
        .run(writer)
        .await
        .map_err(|error| StateError::Open { path: path.to_owned(), reason: format!("the upgrade failed: {error}") })
}

/// The newest migration that was applied; 0 for an empty file.
async fn schema_version(writer: &SqlitePool) -> Result<i64, StateError> {
    let exists =
        sqlx::query("SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'").fetch_optional(writer).await?;
    if exists.is_none() {
        return Ok(0);
    }
    let row = sqlx::query("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").fetch_one(writer).await?;
    Ok(row.get(0))
}

/// Where the copy of a file with schema `version` goes before an upgrade.
fn backup_path(path: &Path, version: i64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-upgrade-from-{version}"));
    PathBuf::from(name)
}

async fn backup(writer: &SqlitePool, path: &Path, version: i64) -> Result<(), StateError> {
    let target = backup_path(path, version);
    if target.exists() {
        return Ok(());
    }
    create_private(&target).map_err(|error| StateError::Open { path: target.clone(), reason: error.to_string() })?;
    sqlx::query("VACUUM INTO ?1").bind(target.to_string_lossy().into_owned()).execute(writer).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_file_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.db");
        open(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let store = open(&path).await.unwrap();
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'future', 1, x'00', 0)",
        )
        .execute(&store.writer)
        .await
        .unwrap();
        drop(store);
        let error = open(&path).await.unwrap_err().to_string();
        assert!(error.contains("newer oxherd") && error.contains("backup"), "{error}");
    }

    #[tokio::test]
    async fn an_older_file_is_copied_before_an_upgrade() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let store = open(&path).await.unwrap();
        backup(&store.writer, &path, 1).await.unwrap();
        let copy = backup_path(&path, 1);
        let reopened = open(&copy).await.unwrap();
        assert_eq!(schema_version(&reopened.writer).await.unwrap(), schema_version(&store.writer).await.unwrap());
    }

    #[tokio::test]
    async fn a_folder_in_place_of_the_file_is_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path()).await.unwrap_err().to_string();
        assert!(error.contains("cannot open the state file"), "{error}");
    }
}
