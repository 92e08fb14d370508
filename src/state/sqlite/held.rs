//! What the deletion guard holds back: list, release, forget.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::state::held::fingerprint;
use crate::state::{Approval, AuditRow, HeldFilter, HeldRow, ListId, Release, Seq, StateError, now_ms};

use super::codec::{json, kind, object_id, parse, task_json};
use super::task_of;

/// The object of a filter; none: all.
fn object(filter: &HeldFilter) -> Option<&str> {
    match filter {
        HeldFilter::All => None,
        HeldFilter::Object(object) => Some(object.as_str()),
    }
}

pub(super) async fn list(pool: &SqlitePool, filter: &HeldFilter) -> Result<Vec<HeldRow>, StateError> {
    let rows = sqlx::query("SELECT object, kind, event, row FROM held WHERE ?1 IS NULL OR object = ?1 ORDER BY id")
        .bind(object(filter))
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| {
            let mut held: HeldRow = parse("task that is held back", row.get(3))?;
            held.task = Some(task_of(object_id(row.get(0))?, kind(row.get(1))?, row.get(2))?);
            Ok(held)
        })
        .collect()
}

pub(super) async fn list_id(pool: &SqlitePool) -> Result<Option<ListId>, StateError> {
    let rows = sqlx::query("SELECT object, fingerprint FROM held").fetch_all(pool).await?;
    Ok(id_of(&rows))
}

/// The name of the list of these rows.
fn id_of(rows: &[SqliteRow]) -> Option<ListId> {
    ListId::of(rows.iter().map(|row| (row.get("object"), row.get("fingerprint"))))
}

/// Writes the ends of tasks that are held back. The newest event of an object takes the place of an older one; what only
/// follows from something else does not.
pub(super) async fn write(connection: &mut SqliteConnection, rows: &[&HeldRow]) -> Result<(), StateError> {
    for row in rows {
        let event = row.task.as_ref().map(task_json).transpose()?.flatten();
        let asked = event.clone().map_or_else(|| json(&row.losses), Ok)?;
        sqlx::query("DELETE FROM held WHERE object = ?1 AND (event IS NULL OR ?2 IS NOT NULL)")
            .bind(row.object.as_str())
            .bind(&event)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "INSERT OR IGNORE INTO held (object, kind, event, fingerprint, row, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(row.object.as_str())
        .bind(row.kind.as_str())
        .bind(event)
        .bind(fingerprint(&asked))
        .bind(json(row)?)
        .bind(row.since)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) async fn approve(connection: &mut SqliteConnection, list: &ListId) -> Result<Release, StateError> {
    let rows = sqlx::query("SELECT object, fingerprint, row FROM held").fetch_all(&mut *connection).await?;
    let current = id_of(&rows);
    if current.as_ref() != Some(list) {
        return Ok(Release::Changed(current));
    }
    // What is newer than the list must not be overtaken by it.
    let newer =
        sqlx::query("SELECT count(*) FROM journal WHERE event IS NOT NULL AND object IN (SELECT object FROM held)")
            .fetch_one(&mut *connection)
            .await?;
    let newer = newer.get(0);
    if newer > 0 {
        return Ok(Release::Changing(newer));
    }
    let mut approvals = Vec::with_capacity(rows.len());
    for row in &rows {
        let held: HeldRow = parse("task that is held back", row.get("row"))?;
        approvals.push((held.object.clone(), json(&Approval { id: list.clone(), weight: held.weight() })?));
    }
    sqlx::query(
        "INSERT INTO journal (object, kind, event, origin, received_at, approval)
         SELECT h.object, h.kind, h.event, ?2, ?3, a.value ->> 1
         FROM held h JOIN json_each(?1) a ON a.value ->> 0 = h.object ORDER BY h.id",
    )
    .bind(json(&approvals)?)
    .bind(format!("approved deletion {list}"))
    .bind(now_ms())
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM held").execute(&mut *connection).await?;
    Ok(Release::Released(rows.len() as u64))
}

pub(super) async fn drop(
    connection: &mut SqliteConnection,
    filter: &HeldFilter,
    origin: &str,
) -> Result<u64, StateError> {
    let rows = sqlx::query("DELETE FROM held WHERE ?1 IS NULL OR object = ?1 RETURNING object, row")
        .bind(object(filter))
        .fetch_all(&mut *connection)
        .await?;
    for row in &rows {
        let held: HeldRow = parse("task that is held back", row.get(1))?;
        let audit = AuditRow {
            at: now_ms(),
            seq: Seq(0),
            object: held.object,
            kind: held.kind,
            event: String::new(),
            origin: origin.to_owned(),
            outcome: "Dropped".to_owned(),
            calls: Vec::new(),
            attributes: Vec::new(),
            values: BTreeMap::new(),
            notes: vec![held.reason],
            duration_ms: 0,
            revision: String::new(),
        };
        sqlx::query("INSERT INTO audit (at, object, row) VALUES (?1, ?2, ?3)")
            .bind(audit.at)
            .bind(audit.object.as_str())
            .bind(json(&audit)?)
            .execute(&mut *connection)
            .await?;
        // What was kept and not deleted when its time was over is kept once more for that time.
        sqlx::query("UPDATE kept SET since = ?2 WHERE object = ?1")
            .bind(audit.object.as_str())
            .bind(audit.at)
            .execute(&mut *connection)
            .await?;
    }
    Ok(rows.len() as u64)
}
