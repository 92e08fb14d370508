//! What the directory itself says of objects, compared with what is known of them.

use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::state::{Compared, Fingerprint, IdSpan, Mark, NewTask, StateError, Task};
use crate::udm::{Change, Dn, Event, ObjectId, ObjectType, Properties};

use super::codec::{PURGE, json, kind, object_id, parse};
use super::intake;

pub(super) async fn mark(pool: &SqlitePool) -> Result<Mark, StateError> {
    let row = sqlx::query(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0),
                coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)",
    )
    .fetch_one(pool)
    .await?;
    Ok(Mark { journal: row.get(0), audit: row.get(1) })
}

/// Finds those events that want something else than what is known.
pub(super) async fn compare<'a>(
    connection: &mut SqliteConnection,
    listed: &'a [NewTask],
    since: Mark,
    revision: &str,
) -> Result<(Compared, Vec<&'a NewTask>), StateError> {
    let settled = intake::settled(connection, listed).await?;
    let open = |new: &&NewTask| {
        let known = settled.get(new.task.object().as_str());
        let wanted = intake::wanted(&new.task, revision);
        known.is_none() || known.map(String::as_str) != wanted.as_ref().map(Fingerprint::as_str)
    };
    let open: Vec<_> = listed.iter().filter(open).collect();
    let known = newest(connection, &open, since).await?;
    let mut compared = Compared { same: (listed.len() - open.len()) as u64, ..Compared::default() };
    let mut news = Vec::new();
    for new in open {
        let Task::Event(event) = &new.task else { continue };
        match known.get(event.object.as_str()) {
            Some(known) if known.newest.is_as_in(event) => compared.same += 1,
            Some(known) if known.came_later => compared.overtaken += 1,
            _ => news.push(new),
        }
    }
    compared.journalled = news.len() as u64;
    Ok((compared, news))
}

/// What is known of an object.
struct Known {
    newest: Newest,
    /// Whether something came after the list was asked for.
    came_later: bool,
}

/// The newest that is known of an object.
enum Newest {
    /// This event, which may still be in the journal, be parked or be held back.
    Event(Event),
    /// The object is as it was last applied.
    Applied(ObjectType, Dn, Properties),
    /// The object is unknown, or its removal is under way or over.
    Gone,
}

impl Newest {
    /// Whether this event would say nothing new.
    fn is_as_in(&self, event: &Event) -> bool {
        match (self, event.desired()) {
            (Self::Event(known), None) => known.change == Change::Deleted,
            (Self::Event(known), Some(_)) => known == event,
            (Self::Applied(kind, dn, known), Some(desired)) => (*kind, dn, known) == (event.kind, &event.dn, desired),
            (Self::Gone, None) => true,
            (Self::Applied(..), None) | (Self::Gone, Some(_)) => false,
        }
    }
}

async fn newest(
    connection: &mut SqliteConnection,
    open: &[&NewTask],
    since: Mark,
) -> Result<HashMap<String, Known>, StateError> {
    let objects: Vec<_> = open.iter().map(|new| new.task.object()).collect();
    // Of an object that is kept for a time, the record does not tell whether it is in the directory.
    let rows = sqlx::query(
        "SELECT j.value AS object, q.seq, coalesce(q.event, p.event, h.event) AS event, o.kind, o.dn, o.desired,
                EXISTS (SELECT 1 FROM kept k WHERE k.object = j.value) AND coalesce(
                    (SELECT a.row ->> 'event' FROM audit a WHERE a.object = j.value AND a.row ->> 'event' <> 'Replan'
                     ORDER BY a.id DESC LIMIT 1), '') <> 'Change' AS removed,
                EXISTS (SELECT 1 FROM audit a WHERE a.object = j.value AND a.id > ?2
                        AND (a.row ->> 'seq' = 0 OR a.row ->> 'seq' > ?3)
                        AND a.row ->> 'event' IN ('Change', 'Deletion')) AS ended_later
         FROM json_each(?1) j
         LEFT JOIN journal q ON q.seq = (SELECT max(seq) FROM journal WHERE object = j.value AND event IS NOT NULL)
         LEFT JOIN parked p ON p.object = j.value
         LEFT JOIN held h ON h.object = j.value
         LEFT JOIN objects o ON o.object = j.value",
    )
    .bind(json(&objects)?)
    .bind(since.audit)
    .bind(since.journal)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| known(row, since)).collect()
}

fn known(row: &SqliteRow, since: Mark) -> Result<(String, Known), StateError> {
    let newest = match (row.get::<Option<&str>, _>("event"), row.get::<Option<&str>, _>("kind")) {
        (Some(PURGE), _) | (None, None) => Newest::Gone,
        (Some(event), _) => Newest::Event(parse("event", event)?),
        (None, Some(_)) if row.get::<bool, _>("removed") => Newest::Gone,
        (None, Some(known)) => {
            let dn =
                row.get::<&str, _>("dn").parse().map_err(|error| StateError::corrupt("distinguished name", &error))?;
            Newest::Applied(kind(known)?, dn, parse("snapshot", row.get("desired"))?)
        }
    };
    let queued = row.get::<Option<i64>, _>("seq");
    let came_later = row.get("ended_later") || queued.is_some_and(|seq| seq > since.journal);
    Ok((row.get("object"), Known { newest, came_later }))
}

/// Objects of a type that the directory should have, with their distinguished names: not those of custom resources, nor
/// those whose removal is under way or over.
pub(super) async fn expected(
    pool: &SqlitePool,
    of: ObjectType,
    span: &IdSpan,
) -> Result<Vec<(ObjectId, Dn)>, StateError> {
    let rows = sqlx::query(
        "WITH newest (object, event) AS (
             SELECT o.object, coalesce(
                 (SELECT q.event FROM journal q WHERE q.object = o.object AND q.event IS NOT NULL ORDER BY q.seq DESC LIMIT 1),
                 (SELECT p.event FROM parked p WHERE p.object = o.object),
                 (SELECT h.event FROM held h WHERE h.object = o.object))
             FROM (SELECT object FROM objects WHERE kind = ?1 AND object >= ?2 AND (?3 IS NULL OR object < ?3)
                   UNION SELECT object FROM journal WHERE kind = ?1 AND object >= ?2 AND (?3 IS NULL OR object < ?3)
                   UNION SELECT object FROM parked WHERE kind = ?1 AND object >= ?2 AND (?3 IS NULL OR object < ?3)) o
             WHERE o.object NOT LIKE 'cr:%')
         SELECT n.object, coalesce(n.event ->> 'dn', o.dn) FROM newest n LEFT JOIN objects o ON o.object = n.object
         WHERE coalesce(n.event ->> 'dn', o.dn) IS NOT NULL
           AND (n.event IS NULL AND NOT EXISTS (SELECT 1 FROM kept k WHERE k.object = n.object)
                OR json_type(n.event, '$.change') = 'object')
         ORDER BY n.object",
    )
    .bind(of.as_str())
    .bind(&span.from)
    .bind(&span.below)
    .fetch_all(pool)
    .await?;
    let one = |row: &SqliteRow| {
        let dn = row.get::<&str, _>(1).parse().map_err(|error| StateError::corrupt("distinguished name", &error))?;
        Ok((object_id(row.get(0))?, dn))
    };
    rows.iter().map(one).collect()
}

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
