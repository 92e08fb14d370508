//! What was lost, and of how much; and what is kept for a time.

use serde_json::Value;
use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::state::{Handle, KeptFilter, KeptRow, Lost, Seq, StateError, now_ms};
use crate::udm::ObjectType;

use super::codec::{json, kind, object_id, parse};

/// Losses are forgotten after this time: no sensible window is longer.
const FORGOTTEN_AFTER_MS: i64 = 400 * 24 * 3_600_000;

pub(super) async fn note(connection: &mut SqliteConnection, taken: &Lost) -> Result<(), StateError> {
    sqlx::query("INSERT OR REPLACE INTO losses (seq, at, losses) VALUES (?1, ?2, ?3)")
        .bind(taken.seq.0)
        .bind(taken.at)
        .bind(json(&taken.losses)?)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM losses WHERE at < ?1").bind(taken.at - FORGOTTEN_AFTER_MS).execute(connection).await?;
    Ok(())
}

pub(super) async fn strike(connection: &mut SqliteConnection, task: Seq) -> Result<(), StateError> {
    sqlx::query("DELETE FROM losses WHERE seq = ?1").bind(task.0).execute(connection).await?;
    Ok(())
}

pub(super) async fn since(pool: &SqlitePool, time: i64) -> Result<Vec<Lost>, StateError> {
    let rows = sqlx::query("SELECT seq, at, losses FROM losses WHERE at >= ?1 ORDER BY at, seq")
        .bind(time)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| Ok(Lost { seq: Seq(row.get(0)), at: row.get(1), losses: parse("loss", row.get(2))? }))
        .collect()
}

pub(super) async fn population(pool: &SqlitePool, kind: ObjectType, nothing: &Value) -> Result<u64, StateError> {
    let row = sqlx::query("SELECT count(*) FROM objects WHERE kind = ?1 AND state <> ?2")
        .bind(kind.as_str())
        .bind(json(nothing)?)
        .fetch_one(pool)
        .await?;
    Ok(row.get(0))
}

pub(super) async fn referrer_count(pool: &SqlitePool, handle: &Handle) -> Result<u64, StateError> {
    let row = sqlx::query("SELECT count(*) FROM refs WHERE handle = ?1").bind(handle.as_str()).fetch_one(pool).await?;
    Ok(row.get(0))
}

pub(super) async fn kept(pool: &SqlitePool) -> Result<Vec<KeptRow>, StateError> {
    let rows =
        sqlx::query("SELECT k.object, o.kind, k.since FROM kept k JOIN objects o USING (object) ORDER BY k.since")
            .fetch_all(pool)
            .await?;
    rows.iter()
        .map(|row| Ok(KeptRow { object: object_id(row.get(0))?, kind: kind(row.get(1))?, since: row.get(2) }))
        .collect()
}

pub(super) async fn purge_kept(
    connection: &mut SqliteConnection,
    filter: &KeptFilter,
    origin: &str,
) -> Result<u64, StateError> {
    let (before, object) = match filter {
        KeptFilter::Before(time) => (*time, None),
        KeptFilter::Object(object) => (i64::MAX, Some(object.as_str())),
    };
    let done = sqlx::query(
        "INSERT INTO journal (object, kind, event, origin, received_at)
         SELECT k.object, o.kind, ?1, ?2, ?3 FROM kept k JOIN objects o USING (object)
         WHERE k.since < ?4 AND (?5 IS NULL OR k.object = ?5)
           AND NOT EXISTS (SELECT 1 FROM journal q WHERE q.object = k.object)
           AND NOT EXISTS (SELECT 1 FROM held h WHERE h.object = k.object)
           AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.object = k.object)
         ORDER BY k.since",
    )
    .bind(super::codec::PURGE)
    .bind(origin)
    .bind(now_ms())
    .bind(before)
    .bind(object)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
