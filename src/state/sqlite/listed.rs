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
        "SELECT 1 FROM json_each(?3) o, journal j WHERE j.object = ?1 AND j.received_at >= ?2 AND j.event IS NOT NULL
            AND substr(j.origin, 1, length(o.value)) = o.value
         UNION ALL
         SELECT 1 FROM json_each(?3) o, audit a WHERE a.object = ?1 AND a.at >= ?2
            AND substr(a.row ->> 'origin', 1, length(o.value)) = o.value
         LIMIT 1",
    )
    .bind(object.as_str())
    .bind(since)
    .bind(json(&origins)?)
    .fetch_optional(pool)
    .await?;
    Ok(row.is_some())
}
