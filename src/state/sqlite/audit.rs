//! The audit trail, page by page.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use crate::state::{AuditFilter, AuditRow, StateError};
use crate::udm::ObjectId;

use super::codec::parse;

fn row(row: &SqliteRow) -> Result<(i64, AuditRow), StateError> {
    Ok((row.get(0), parse("audit row", row.get(1))?))
}

pub(super) async fn newest(
    pool: &SqlitePool,
    object: Option<&ObjectId>,
    limit: u32,
) -> Result<Vec<AuditRow>, StateError> {
    let query = match object {
        Some(object) => sqlx::query("SELECT id, row FROM audit WHERE object = ?2 ORDER BY id DESC LIMIT ?1")
            .bind(limit)
            .bind(object.as_str()),
        None => sqlx::query("SELECT id, row FROM audit ORDER BY id DESC LIMIT ?1").bind(limit),
    };
    query.fetch_all(pool).await?.iter().map(|found| Ok(row(found)?.1)).collect()
}

pub(super) async fn after(
    pool: &SqlitePool,
    filter: &AuditFilter,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, AuditRow)>, StateError> {
    // Rows are written in the order of their times, so the first of them is where to begin.
    let start = sqlx::query("SELECT id FROM audit WHERE at >= ?1 ORDER BY at, id LIMIT 1")
        .bind(filter.since)
        .fetch_optional(pool)
        .await?;
    let Some(start) = start else { return Ok(Vec::new()) };
    let after = after.max(start.get::<i64, _>(0) - 1);
    let query = match &filter.object {
        Some(object) => {
            { sqlx::query("SELECT id, row FROM audit WHERE object = ?4 AND id > ?1 AND at >= ?2 ORDER BY id LIMIT ?3") }
                .bind(after)
                .bind(filter.since)
                .bind(limit)
                .bind(object.as_str())
        }
        None => sqlx::query("SELECT id, row FROM audit WHERE id > ?1 AND at >= ?2 ORDER BY id LIMIT ?3")
            .bind(after)
            .bind(filter.since)
            .bind(limit),
    };
    query.fetch_all(pool).await?.iter().map(row).collect()
}

pub(super) async fn by_object(
    pool: &SqlitePool,
    after: Option<&(ObjectId, i64)>,
    limit: u32,
) -> Result<Vec<(i64, AuditRow)>, StateError> {
    let (object, id) = after.map_or(("", 0), |(object, id)| (object.as_str(), *id));
    sqlx::query("SELECT id, row FROM audit WHERE (object, id) > (?1, ?2) ORDER BY object, id LIMIT ?3")
        .bind(object)
        .bind(id)
        .bind(limit)
        .fetch_all(pool)
        .await?
        .iter()
        .map(row)
        .collect()
}
