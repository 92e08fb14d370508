//! Corrections of what is recorded of the target.

use sqlx::SqliteConnection;

use crate::state::{Correction, Record, StateError, now_ms};
use crate::udm::{Change, Event};

use super::codec::json;
use super::commit::write_records;
use super::read;

pub(super) async fn correct(
    connection: &mut SqliteConnection,
    corrections: &[Correction],
    origin: &str,
) -> Result<u64, StateError> {
    let mut corrected = 0;
    for Correction { before, after } in corrections {
        let unchanged = read::record(&mut *connection, &before.object).await?.is_some_and(|now| now == *before);
        if unchanged && queue(connection, after, None, origin).await? {
            write_records(connection, &[after], &[]).await?;
            // The next event has to be planned, whatever it wants.
            sqlx::query("DELETE FROM settled WHERE object = ?1")
                .bind(after.object.as_str())
                .execute(&mut *connection)
                .await?;
            corrected += 1;
        }
    }
    Ok(corrected)
}

pub(super) async fn remove_again(
    connection: &mut SqliteConnection,
    record: &Record,
    origin: &str,
) -> Result<bool, StateError> {
    let event =
        Event { object: record.object.clone(), kind: record.kind, dn: record.dn.clone(), change: Change::Deleted };
    let known = read::record(&mut *connection, &record.object).await?.is_some();
    if known || !queue(connection, record, Some(json(&event)?), origin).await? {
        return Ok(false);
    }
    write_records(connection, &[record], &[]).await?;
    Ok(true)
}

/// Queues an object, unless it has a task in the journal anyway. Returns whether it did.
async fn queue(
    connection: &mut SqliteConnection,
    record: &Record,
    event: Option<String>,
    origin: &str,
) -> Result<bool, StateError> {
    let done = sqlx::query(
        "INSERT INTO journal (object, kind, event, origin, received_at)
         SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM journal WHERE object = ?1)",
    )
    .bind(record.object.as_str())
    .bind(record.kind.as_str())
    .bind(event)
    .bind(origin)
    .bind(now_ms())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}
