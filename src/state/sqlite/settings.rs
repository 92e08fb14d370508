//! Settings in force, and those that wait for an approval.

use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::state::{InForce, StateError, WaitingChange, now_ms};

use super::codec::{json, parse};

const IN_FORCE: &str = "in force";
const WAITING: &str = "waiting";

pub(super) async fn in_force(pool: &SqlitePool) -> Result<Option<InForce>, StateError> {
    let row =
        sqlx::query("SELECT revision, value FROM settings WHERE role = ?1").bind(IN_FORCE).fetch_optional(pool).await?;
    row.map(|row| Ok(InForce { revision: row.get(0), settings: parse("settings", row.get(1))? })).transpose()
}

pub(super) async fn put_in_force(connection: &mut SqliteConnection, settings: &InForce) -> Result<(), StateError> {
    sqlx::query("DELETE FROM settings WHERE role = ?1").bind(WAITING).execute(&mut *connection).await?;
    sqlx::query(
        "INSERT INTO settings (role, revision, value, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (role) DO UPDATE SET revision = excluded.revision, value = excluded.value, at = excluded.at",
    )
    .bind(IN_FORCE)
    .bind(&settings.revision)
    .bind(json(&settings.settings)?)
    .bind(now_ms())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn waiting(pool: &SqlitePool) -> Result<Option<WaitingChange>, StateError> {
    let row = sqlx::query("SELECT revision, value, at, approved_at FROM settings WHERE role = ?1")
        .bind(WAITING)
        .fetch_optional(pool)
        .await?;
    row.map(|row| {
        let (revision, impact) = (row.get(0), parse("impact", row.get(1))?);
        Ok(WaitingChange { revision, impact, since: row.get(2), approved_at: row.get(3) })
    })
    .transpose()
}

pub(super) async fn set_waiting(
    connection: &mut SqliteConnection,
    change: Option<&WaitingChange>,
) -> Result<(), StateError> {
    let Some(change) = change else {
        sqlx::query("DELETE FROM settings WHERE role = ?1").bind(WAITING).execute(connection).await?;
        return Ok(());
    };
    // An approval is bound to the revision: another change needs its own.
    sqlx::query(
        "INSERT INTO settings (role, revision, value, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (role) DO UPDATE SET
             approved_at = CASE WHEN revision = excluded.revision THEN approved_at END,
             at = CASE WHEN revision = excluded.revision THEN at ELSE excluded.at END,
             revision = excluded.revision, value = excluded.value",
    )
    .bind(WAITING)
    .bind(&change.revision)
    .bind(json(&change.impact)?)
    .bind(change.since)
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns whether this change was waiting.
pub(super) async fn approve(connection: &mut SqliteConnection, revision: &str) -> Result<bool, StateError> {
    let done = sqlx::query("UPDATE settings SET approved_at = ?3 WHERE role = ?1 AND revision = ?2")
        .bind(WAITING)
        .bind(revision)
        .bind(now_ms())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}
