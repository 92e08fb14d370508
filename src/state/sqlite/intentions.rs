//! Names under which objects are about to be created.

use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::state::{Handle, Outcome, StateError, Verdict};
use crate::udm::ObjectId;

/// Forgets the intentions of objects whose task has ended.
pub(super) const FULFILLED: &str = "DELETE FROM intentions WHERE object IN (SELECT value FROM json_each(?1))";

/// Whether nobody knows if the object was created: the target gave an answer that could not be understood.
pub(super) fn is_open(outcome: &Outcome) -> bool {
    matches!(&outcome.verdict, Verdict::Parked(row) if row.category == "Protocol")
}

pub(super) async fn add(connection: &mut SqliteConnection, object: &ObjectId, name: &Handle) -> Result<(), StateError> {
    sqlx::query("INSERT OR IGNORE INTO intentions (object, handle) VALUES (?1, ?2)")
        .bind(object.as_str())
        .bind(name.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn of(pool: &SqlitePool, object: &ObjectId) -> Result<Vec<Handle>, StateError> {
    let rows = sqlx::query("SELECT handle FROM intentions WHERE object = ?1 ORDER BY handle")
        .bind(object.as_str())
        .fetch_all(pool)
        .await?;
    Ok(rows.iter().map(|row| Handle::from_text(row.get(0))).collect())
}
