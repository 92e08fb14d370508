//! What objects held in the target and what their names were, as fingerprints.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::state::{Footprint, Handle, Record, Released, StateError, now_ms};

use super::codec::{json, kind, object_id, parse};

#[derive(Serialize)]
struct Former<'a> {
    handle: String,
    object: &'a str,
    kind: &'a str,
    names: &'a str,
}

/// Notes what objects hold, before they are removed.
pub(super) async fn remember_removed(connection: &mut SqliteConnection, removed: &[&str]) -> Result<(), StateError> {
    if removed.is_empty() {
        return Ok(());
    }
    let objects =
        sqlx::query("SELECT object, kind, footprint FROM objects WHERE object IN (SELECT value FROM json_each(?1))")
            .bind(json(&removed)?)
            .fetch_all(&mut *connection)
            .await?;
    for row in &objects {
        remember(connection, row.get(0), row.get(1), &parse("footprint", row.get(2))?).await?;
    }
    Ok(())
}

/// Notes the names that objects had before they got others.
pub(super) async fn remember_renamed(
    connection: &mut SqliteConnection,
    records: &[&Record],
    former: &HashMap<&str, Footprint>,
) -> Result<(), StateError> {
    for record in records {
        let Some(before) = former.get(record.object.as_str()) else { continue };
        let now = &record.footprint;
        let gone = |handle: &&Handle| !now.claims.contains(handle) && !now.handles.contains(handle);
        if before.claims.iter().chain(&before.handles).any(|handle| gone(&handle)) {
            remember(connection, record.object.as_str(), record.kind.as_str(), before).await?;
        }
    }
    Ok(())
}

async fn remember(
    connection: &mut SqliteConnection,
    object: &str,
    kind: &str,
    footprint: &Footprint,
) -> Result<(), StateError> {
    let names: Vec<_> = footprint.handles.iter().chain(&footprint.claims).map(Handle::fingerprint).collect();
    let names = json(&names)?;
    let rows: Vec<_> = footprint
        .handles
        .iter()
        .map(|handle| Former { handle: handle.fingerprint(), object, kind, names: &names })
        .collect();
    sqlx::query(
        "INSERT INTO released (handle, object, kind, names, at)
         SELECT value ->> 'handle', value ->> 'object', value ->> 'kind', value ->> 'names', ?2
         FROM json_each(?1) WHERE true
         ON CONFLICT (handle) DO UPDATE SET object = excluded.object, kind = excluded.kind, at = excluded.at,
             names = CASE WHEN released.object <> excluded.object THEN excluded.names ELSE
                 (SELECT json_group_array(value) FROM (SELECT value FROM json_each(released.names)
                                                       UNION SELECT value FROM json_each(excluded.names))) END",
    )
    .bind(json(&rows)?)
    .bind(now_ms())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn find(pool: &SqlitePool, handles: &[Handle]) -> Result<Vec<Released>, StateError> {
    let asked: HashMap<String, &Handle> = handles.iter().map(|handle| (handle.fingerprint(), handle)).collect();
    let fingerprints: Vec<_> = asked.keys().collect();
    let rows = sqlx::query(
        "SELECT handle, object, kind, names FROM released WHERE handle IN (SELECT value FROM json_each(?1))",
    )
    .bind(json(&fingerprints)?)
    .fetch_all(pool)
    .await?;
    let one = |row: &SqliteRow| {
        let handle: &str = row.get("handle");
        let handle =
            asked.get(handle).ok_or_else(|| StateError::corrupt("released handle", &"it was not asked for"))?;
        Ok(Released {
            handle: (*handle).clone(),
            object: object_id(row.get("object"))?,
            kind: kind(row.get("kind"))?,
            names: parse("released names", row.get("names"))?,
        })
    };
    rows.iter().map(one).collect()
}
