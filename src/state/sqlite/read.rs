//! Questions to the state. Lists of keys go in as one JSON array, so that a question of any size is one statement.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqliteExecutor, SqlitePool};

use crate::state::{
    Backlog, Counts, Footprint, Found, Handle, HeldMark, JournalEntry, Record, Seq, StateError, TaskSort, Work,
};
use crate::udm::{ObjectId, ObjectType, Properties};

use super::codec::{json, kind, object_id, parse};
use super::task_of;

fn entry(row: &SqliteRow) -> Result<JournalEntry, StateError> {
    Ok(JournalEntry {
        seq: Seq(row.get("seq")),
        task: task_of(object_id(row.get("object"))?, kind(row.get("kind"))?, row.get("event"))?,
        origin: row.get("origin"),
        received_at: row.get("received_at"),
        approval: row.get::<Option<&str>, _>("approval").map(|text| parse("approval", text)).transpose()?,
    })
}

pub(super) async fn cursor(connection: &mut SqliteConnection, source: &str) -> Result<Option<String>, StateError> {
    let row =
        sqlx::query("SELECT position FROM cursors WHERE source = ?1").bind(source).fetch_optional(connection).await?;
    Ok(row.map(|row| row.get(0)))
}

pub(super) async fn journal_after(
    pool: &SqlitePool,
    after: Seq,
    sort: TaskSort,
    limit: u32,
) -> Result<Vec<JournalEntry>, StateError> {
    // One sort may stand behind a hundred thousand of the other.
    let statement = match sort {
        TaskSort::Event => {
            "SELECT seq, object, kind, event, origin, received_at, approval FROM journal INDEXED BY journal_events
             WHERE event IS NOT NULL AND seq > ?1 ORDER BY seq LIMIT ?2"
        }
        TaskSort::Replan => {
            "SELECT seq, object, kind, event, origin, received_at, approval FROM journal INDEXED BY journal_replans
             WHERE event IS NULL AND seq > ?1 ORDER BY seq LIMIT ?2"
        }
    };
    let rows = sqlx::query(statement).bind(after.0).bind(limit).fetch_all(pool).await?;
    rows.iter().map(entry).collect()
}

pub(super) async fn oldest_task(pool: &SqlitePool, object: &ObjectId) -> Result<Option<Seq>, StateError> {
    let row =
        sqlx::query("SELECT min(seq) FROM journal WHERE object = ?1").bind(object.as_str()).fetch_one(pool).await?;
    Ok(row.get::<Option<i64>, _>(0).map(Seq))
}

pub(super) async fn work(pool: &SqlitePool, seqs: &[Seq]) -> Result<Vec<Work>, StateError> {
    let rows = sqlx::query(
        "SELECT j.seq, j.object, j.kind, j.event, j.origin, j.received_at, j.approval,
                o.kind AS known_kind, o.dn, o.desired, o.state, o.face, o.footprint, o.revision,
                EXISTS (SELECT 1 FROM settled s WHERE s.object = j.object) AS settled
         FROM json_each(?1) w CROSS JOIN journal j ON j.seq = w.value LEFT JOIN objects o ON o.object = j.object",
    )
    .bind(json(&seqs)?)
    .fetch_all(pool)
    .await?;
    let work = |row: &SqliteRow| {
        let entry = entry(row)?;
        let known: Option<&str> = row.get("known_kind");
        let record = known.map(|known| recorded(entry.task.object(), known, row)).transpose()?;
        Ok(Work { entry, record, settled: row.get("settled") })
    };
    rows.iter().map(work).collect()
}

pub(super) async fn record(executor: impl SqliteExecutor<'_>, object: &ObjectId) -> Result<Option<Record>, StateError> {
    let row = sqlx::query("SELECT kind, dn, desired, state, face, footprint, revision FROM objects WHERE object = ?1")
        .bind(object.as_str())
        .fetch_optional(executor)
        .await?;
    row.map(|row| recorded(object, row.get("kind"), &row)).transpose()
}

fn recorded(object: &ObjectId, known: &str, row: &SqliteRow) -> Result<Record, StateError> {
    let dn: &str = row.get("dn");
    Ok(Record {
        object: object.clone(),
        kind: kind(known)?,
        dn: dn.parse().map_err(|error| StateError::corrupt("distinguished name", &error))?,
        desired: parse("snapshot", row.get("desired"))?,
        state: parse("target state", row.get("state"))?,
        face: parse("face", row.get("face"))?,
        footprint: parse("footprint", row.get("footprint"))?,
        revision: row.get("revision"),
    })
}

/// Asks for one column of the objects in a list.
async fn column<V>(
    pool: &SqlitePool,
    statement: &'static str,
    objects: &[ObjectId],
    read: impl Fn(&str) -> Result<V, StateError>,
) -> Result<HashMap<ObjectId, V>, StateError> {
    if objects.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(statement).bind(json(&objects)?).fetch_all(pool).await?;
    rows.iter().map(|row| Ok((object_id(row.get(0))?, read(row.get(1))?))).collect()
}

pub(super) async fn footprints(
    pool: &SqlitePool,
    objects: &[ObjectId],
) -> Result<HashMap<ObjectId, Footprint>, StateError> {
    let statement = "SELECT object, footprint FROM objects WHERE object IN (SELECT value FROM json_each(?1))";
    column(pool, statement, objects, |text| parse("footprint", text)).await
}

pub(super) async fn properties(
    pool: &SqlitePool,
    objects: &[ObjectId],
) -> Result<HashMap<ObjectId, Properties>, StateError> {
    let statement = "SELECT object, desired FROM objects WHERE object IN (SELECT value FROM json_each(?1))";
    column(pool, statement, objects, |text| parse("snapshot", text)).await
}

fn found(row: &SqliteRow) -> Result<Found, StateError> {
    Ok(Found {
        handle: Handle::from_text(row.get(0)),
        object: object_id(row.get(1))?,
        kind: kind(row.get(2))?,
        face: parse("face", row.get(3))?,
    })
}

pub(super) async fn resolve(pool: &SqlitePool, handles: &[Handle]) -> Result<Vec<Found>, StateError> {
    if handles.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT h.handle, o.object, o.kind, o.face FROM json_each(?1) j
         JOIN handles h ON h.handle = j.value JOIN objects o ON o.object = h.object",
    )
    .bind(json(&handles)?)
    .fetch_all(pool)
    .await?;
    rows.iter().map(found).collect()
}

pub(super) async fn referrers(pool: &SqlitePool, handle: &Handle) -> Result<Vec<Found>, StateError> {
    let rows = sqlx::query(
        "SELECT r.handle, o.object, o.kind, o.face FROM refs r JOIN objects o ON o.object = r.object
         WHERE r.handle = ?1 ORDER BY o.object",
    )
    .bind(handle.as_str())
    .fetch_all(pool)
    .await?;
    rows.iter().map(found).collect()
}

pub(super) async fn backlog(pool: &SqlitePool) -> Result<Backlog, StateError> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM journal), (SELECT received_at FROM journal ORDER BY seq LIMIT 1),
                (SELECT count(*) FROM parked), (SELECT count(*) FROM held), (SELECT coalesce(max(id), 0) FROM held),
                (SELECT count(*) FROM kept)",
    )
    .fetch_one(pool)
    .await?;
    let held = HeldMark { count: row.get(3), newest: row.get(4) };
    Ok(Backlog { tasks: row.get(0), oldest: row.get(1), parked: row.get(2), held, kept: row.get(5) })
}

pub(super) async fn counts(pool: &SqlitePool) -> Result<Counts, StateError> {
    let objects = sqlx::query("SELECT kind, count(*) FROM objects GROUP BY kind").fetch_all(pool).await?;
    Ok(Counts { objects: objects.iter().map(|row| (row.get(0), row.get(1))).collect() })
}

pub(super) async fn handle_count(pool: &SqlitePool, prefix: &Handle) -> Result<u64, StateError> {
    let row = sqlx::query("SELECT count(*) FROM handles WHERE handle >= ?1 AND handle < ?1 || char(1114111)")
        .bind(prefix.as_str())
        .fetch_one(pool)
        .await?;
    Ok(row.get(0))
}

pub(super) async fn with_prefix(
    pool: &SqlitePool,
    prefix: &str,
) -> Result<Vec<(ObjectId, ObjectType, String)>, StateError> {
    let rows = sqlx::query(
        "SELECT object, kind, dn FROM objects WHERE object >= ?1 AND object < ?1 || char(1114111) ORDER BY object",
    )
    .bind(prefix)
    .fetch_all(pool)
    .await?;
    rows.iter().map(named).collect()
}

/// An object with its type and distinguished name.
fn named(row: &SqliteRow) -> Result<(ObjectId, ObjectType, String), StateError> {
    Ok((object_id(row.get(0))?, kind(row.get(1))?, row.get(2)))
}

pub(super) async fn search(
    pool: &SqlitePool,
    text: &str,
    limit: u32,
) -> Result<Vec<(ObjectId, ObjectType, String)>, StateError> {
    // The exact names first (indexed), then names that merely contain the text.
    let lower = text.trim().to_lowercase();
    let exact = sqlx::query(
        "SELECT object, kind, dn FROM objects WHERE object = ?1
         UNION SELECT o.object, o.kind, o.dn FROM handles h JOIN objects o ON o.object = h.object
               WHERE h.handle IN ('dn:' || ?2, 'id:' || ?1, ?1) LIMIT ?3",
    )
    .bind(text.trim())
    .bind(&lower)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    let rows = if exact.is_empty() {
        sqlx::query(
            "SELECT object, kind, dn FROM objects
             WHERE instr(lower(dn), ?1) > 0 OR instr(lower(desired ->> 'mailPrimaryAddress'), ?1) > 0
                OR instr(lower(desired ->> 'username'), ?1) > 0 OR instr(lower(desired ->> 'name'), ?1) > 0
             ORDER BY instr(lower(dn), '=' || ?1 || ',') = 0, length(dn), dn LIMIT ?2",
        )
        .bind(&lower)
        .bind(limit)
        .fetch_all(pool)
        .await?
    } else {
        exact
    };
    rows.iter().map(named).collect()
}

pub(super) async fn holders(
    pool: &SqlitePool,
    prefix: &Handle,
    after: Option<&Handle>,
    limit: u32,
) -> Result<Vec<(Handle, Record)>, StateError> {
    let rows = sqlx::query(
        "SELECT h.handle, o.object, o.kind, o.dn, o.desired, o.state, o.face, o.footprint, o.revision
         FROM handles h JOIN objects o ON o.object = h.object
         WHERE h.handle >= ?1 AND h.handle < ?1 || char(1114111) AND h.handle > ?2 ORDER BY h.handle LIMIT ?3",
    )
    .bind(prefix.as_str())
    .bind(after.map_or("", Handle::as_str))
    .bind(limit)
    .fetch_all(pool)
    .await?;
    let one = |row: &SqliteRow| {
        let object = object_id(row.get("object"))?;
        Ok((Handle::from_text(row.get("handle")), recorded(&object, row.get("kind"), row)?))
    };
    rows.iter().map(one).collect()
}

pub(super) async fn unsettled(pool: &SqlitePool, objects: &[ObjectId]) -> Result<HashSet<ObjectId>, StateError> {
    let rows = sqlx::query(
        "SELECT object FROM journal WHERE object IN (SELECT value FROM json_each(?1))
         UNION SELECT object FROM parked WHERE object IN (SELECT value FROM json_each(?1))",
    )
    .bind(json(&objects)?)
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| object_id(row.get(0))).collect()
}
