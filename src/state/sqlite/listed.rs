//! What a list of the directory says, compared with what is known.

use sqlx::SqlitePool;

use crate::state::StateError;
use crate::udm::ObjectId;

use super::codec::json;

pub(super) async fn came_from(
    pool: &SqlitePool,
    object: &ObjectId,
    origins: &[&str],
    since: i64,
) -> Result<bool, StateError> {
    let row = sqlx::query(
        "SELECT 1 FROM journal WHERE object = ?1 AND received_at >= ?2 AND event IS NOT NULL
            AND origin IN (SELECT value FROM json_each(?3))
         UNION ALL
         SELECT 1 FROM audit WHERE object = ?1 AND at >= ?2 AND row ->> 'origin' IN (SELECT value FROM json_each(?3))
         LIMIT 1",
    )
    .bind(object.as_str())
    .bind(since)
    .bind(json(&origins)?)
    .fetch_optional(pool)
    .await?;
    Ok(row.is_some())
}
