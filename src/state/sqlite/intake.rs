//! Taking tasks in, and which objects are settled.
//!
//! Most changes in a directory do not concern the target. An event that wants of a settled object what its last task wanted
//! would be planned to the same end: nothing to do. It gets its line in the audit trail and nothing else, in the transaction
//! that makes the other events durable, so that nobody can change the object in between.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::{Row, SqliteConnection};

use crate::state::{AuditRow, Fingerprint, NewTask, Outcome, Seq, StateError, Taken, Task, Verdict, now_ms};
use crate::udm::ObjectId;

use super::codec::{journal_row, json};
use super::commit::{run, write_audit};
use super::rows;

/// Adds tasks to the journal and moves the cursor of their source.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    tasks: impl Iterator<Item = &NewTask>,
    cursor: Option<(&str, &str)>,
) -> Result<Seq, StateError> {
    let rows: Vec<_> = tasks.map(journal_row).collect::<Result<_, _>>()?;
    let (statement, now) = (("INSERT INTO journal (object, kind, event, origin, received_at)", 5, ""), now_ms());
    rows::insert(connection, statement, &rows, |query, row| {
        query.bind(row.object).bind(row.kind).bind(&row.event).bind(row.origin).bind(now)
    })
    .await?;
    if let Some((source, position)) = cursor {
        sqlx::query(
            "INSERT INTO cursors (source, position) VALUES (?1, ?2)
             ON CONFLICT (source) DO UPDATE SET position = excluded.position",
        )
        .bind(source)
        .bind(position)
        .execute(&mut *connection)
        .await?;
    }
    let last = sqlx::query("SELECT coalesce(max(seq), 0) FROM journal").fetch_one(&mut *connection).await?;
    Ok(Seq(last.get(0)))
}

/// As [`append`], without the events that want nothing new.
pub(super) async fn take_in(
    connection: &mut SqliteConnection,
    tasks: &[NewTask],
    cursor: (&str, &str),
    revision: &str,
) -> Result<Taken, StateError> {
    let wanted: Vec<_> = tasks.iter().map(|new| wanted(&new.task, revision)).collect();
    let settled = settled(connection, tasks).await?;
    let mut open: HashSet<&ObjectId> = HashSet::new();
    let (mut news, mut audit) = (Vec::new(), Vec::new());
    for (new, wanted) in tasks.iter().zip(wanted) {
        let object = new.task.object();
        let held = settled.get(object.as_str()).filter(|_| !open.contains(object));
        if held.is_some() && held.map(String::as_str) == wanted.as_ref().map(Fingerprint::as_str) {
            audit.push(unchanged(new, revision));
        } else {
            // Whatever follows in the journal, a later event of the object is compared with that.
            open.insert(object);
            news.push(new);
        }
    }
    write_audit(connection, audit.iter()).await?;
    let last = append(connection, news.into_iter(), Some(cursor)).await?;
    Ok(Taken { last, settled: audit.len() as u64 })
}

/// What an event wants; none if it wants its object gone.
pub(super) fn wanted(task: &Task, revision: &str) -> Option<Fingerprint> {
    let Task::Event(event) = task else { return None };
    Some(Fingerprint::of(event.kind, &event.dn, event.desired()?, revision))
}

/// The fingerprints of those objects that are settled and have nothing before them in the journal. A parked object is not
/// settled, whatever it was before: an event can heal it. Nor is one whose deletion is held back, or that is kept for a time:
/// an event that wants it as it was brings it back.
pub(super) async fn settled(
    connection: &mut SqliteConnection,
    tasks: &[NewTask],
) -> Result<HashMap<String, String>, StateError> {
    let objects: Vec<_> = tasks.iter().map(|new| new.task.object()).collect();
    let rows = sqlx::query(
        "SELECT s.object, s.fingerprint FROM json_each(?1) j CROSS JOIN settled s ON s.object = j.value
         WHERE NOT EXISTS (SELECT 1 FROM journal q WHERE q.object = s.object)
           AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.object = s.object)
           AND NOT EXISTS (SELECT 1 FROM held h WHERE h.object = s.object)
           AND NOT EXISTS (SELECT 1 FROM kept k WHERE k.object = s.object)",
    )
    .bind(json(&objects)?)
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// What the audit trail says of an event that wants nothing new.
fn unchanged(new: &NewTask, revision: &str) -> AuditRow {
    AuditRow {
        at: now_ms(),
        // It never had a place in the journal.
        seq: Seq(0),
        object: new.task.object().clone(),
        kind: new.task.kind(),
        event: new.task.event().to_owned(),
        origin: new.origin.clone(),
        outcome: "Unchanged".to_owned(),
        calls: Vec::new(),
        attributes: Vec::new(),
        values: BTreeMap::new(),
        notes: Vec::new(),
        duration_ms: 0,
        revision: revision.to_owned(),
    }
}

/// Notes which objects are settled after these outcomes.
pub(super) async fn write_settled(connection: &mut SqliteConnection, outcomes: &[Outcome]) -> Result<(), StateError> {
    let (mut settled, mut open) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        let object = outcome.object.as_str();
        match &outcome.settled {
            Some(fingerprint) => settled.push((object, fingerprint.as_str())),
            // One that was absorbed says nothing about its object, and one that was removed has gone from all tables.
            None if matches!(outcome.verdict, Verdict::Absorbed | Verdict::Removed) => {}
            None => open.push(object),
        }
    }
    run(connection, "DELETE FROM settled WHERE object IN (SELECT value FROM json_each(?1))", &open).await?;
    let statement = (
        "INSERT INTO settled (object, fingerprint)",
        2,
        "ON CONFLICT (object) DO UPDATE SET fingerprint = excluded.fingerprint
         WHERE settled.fingerprint <> excluded.fingerprint",
    );
    rows::insert(connection, statement, &settled, |query, (object, fingerprint)| query.bind(*object).bind(*fingerprint))
        .await
}
