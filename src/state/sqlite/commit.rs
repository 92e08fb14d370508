//! Writing the ends of tasks and what follows from them.
//!
//! A batch of any size is a fixed number of statements: rows go in as one JSON array each.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;
use sqlx::{Row, SqliteConnection};

use crate::state::{AuditRow, Footprint, Handle, HeldRow, Outcome, ParkedRow, Record, StateError, Verdict, now_ms};

use super::codec::{json, parse, task_json};
use super::intake::write_settled;
use super::{held, intentions, released, rows};

pub(super) async fn commit(connection: &mut SqliteConnection, outcomes: &[Outcome]) -> Result<(), StateError> {
    let batch = Batch::of(outcomes)?;
    // Before the records are written: a removed object has no names any more.
    let former = former_names(connection, &batch.ripple).await?;
    // What was held back is obsolete with the next event of its object.
    run(
        connection,
        "DELETE FROM held WHERE object IN
         (SELECT object FROM journal WHERE event IS NOT NULL AND seq IN (SELECT value FROM json_each(?1)))",
        &batch.done,
    )
    .await?;
    run(connection, "DELETE FROM journal WHERE seq IN (SELECT value FROM json_each(?1))", &batch.done).await?;
    write_records(connection, &batch.records, &batch.removed).await?;
    run(connection, intentions::FULFILLED, &batch.fulfilled).await?;
    write_parked(connection, &batch).await?;
    held::write(connection, &batch.held).await?;
    write_kept(connection, &batch).await?;
    write_settled(connection, outcomes).await?;
    let ripple: Vec<_> = batch.ripple.iter().copied().chain(former.iter().map(String::as_str)).collect();
    queue_dependants(connection, &ripple).await?;
    write_audit(connection, batch.audit.into_iter()).await
}

/// Writes lines of the audit trail.
pub(super) async fn write_audit(
    connection: &mut SqliteConnection,
    lines: impl Iterator<Item = &AuditRow>,
) -> Result<(), StateError> {
    let lines: Vec<_> =
        lines.map(|line| Ok((line.at, line.object.as_str(), json(line)?))).collect::<Result<_, StateError>>()?;
    let statement = ("INSERT INTO audit (at, object, row)", 3, "");
    rows::insert(connection, statement, &lines, |query, (at, object, row)| query.bind(at).bind(*object).bind(row)).await
}

/// Runs a bulk statement, unless there is nothing to do.
pub(super) async fn run<V: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[V],
) -> Result<(), StateError> {
    if !rows.is_empty() {
        sqlx::query(statement).bind(json(&rows)?).execute(connection).await?;
    }
    Ok(())
}

/// A batch of outcomes, sorted by what has to be written.
struct Batch<'a> {
    done: Vec<i64>,
    /// The last record of each object in the batch.
    records: Vec<&'a Record>,
    removed: Vec<&'a str>,
    /// Objects whose parked task is obsolete.
    healed: Vec<&'a str>,
    parked: Vec<&'a ParkedRow>,
    /// Objects of which it is known whether they were created.
    fulfilled: Vec<&'a str>,
    held: Vec<&'a HeldRow>,
    /// Objects that are kept for a time, and since when.
    kept: Vec<(&'a str, i64)>,
    not_kept: Vec<&'a str>,
    ripple: Vec<&'a str>,
    audit: Vec<&'a AuditRow>,
}

impl<'a> Batch<'a> {
    fn of(outcomes: &'a [Outcome]) -> Result<Self, StateError> {
        let mut batch = Batch {
            done: Vec::with_capacity(outcomes.len()),
            records: Vec::new(),
            removed: Vec::new(),
            healed: Vec::new(),
            parked: Vec::new(),
            fulfilled: Vec::new(),
            held: Vec::new(),
            kept: Vec::new(),
            not_kept: Vec::new(),
            ripple: Vec::new(),
            audit: Vec::new(),
        };
        let mut seen = HashSet::new();
        for outcome in outcomes {
            if !matches!(outcome.verdict, Verdict::Absorbed) && !seen.insert(&outcome.object) {
                return Err(StateError::corrupt("batch", &"an object ends twice in it"));
            }
            if !matches!(outcome.verdict, Verdict::Unfinished) {
                batch.done.push(outcome.seq.0);
            }
            if !matches!(outcome.verdict, Verdict::Unfinished | Verdict::Absorbed) && !intentions::is_open(outcome) {
                batch.fulfilled.push(outcome.object.as_str());
            }
            batch.records.extend(outcome.partial.as_deref());
            batch.ripple.extend(outcome.ripple.iter().map(Handle::as_str));
            batch.audit.extend(&outcome.audit);
            match &outcome.verdict {
                Verdict::Applied(record) => {
                    batch.records.push(record);
                    batch.not_kept.push(outcome.object.as_str());
                    batch.healed.push(outcome.object.as_str());
                }
                Verdict::Kept { record, since } => {
                    batch.records.push(record);
                    batch.kept.push((outcome.object.as_str(), *since));
                    batch.healed.push(outcome.object.as_str());
                }
                Verdict::Removed => {
                    batch.removed.push(outcome.object.as_str());
                    batch.not_kept.push(outcome.object.as_str());
                    batch.healed.push(outcome.object.as_str());
                }
                Verdict::Nothing => batch.healed.push(outcome.object.as_str()),
                Verdict::Absorbed | Verdict::Unfinished => {}
                Verdict::Parked(row) => batch.parked.push(row),
                Verdict::Held(row) => {
                    batch.held.push(row);
                    batch.healed.push(outcome.object.as_str());
                }
            }
        }
        Ok(batch)
    }
}

struct ObjectRow<'a> {
    record: &'a Record,
    desired: String,
    state: String,
    face: String,
    footprint: String,
}

impl<'a> ObjectRow<'a> {
    fn of(record: &'a Record) -> Result<Self, StateError> {
        Ok(Self {
            record,
            desired: json(&record.desired)?,
            state: json(&record.state)?,
            face: json(&record.face)?,
            footprint: json(&record.footprint)?,
        })
    }
}

#[derive(Serialize)]
struct Name<'a> {
    handle: &'a str,
    object: &'a str,
}

/// Writes records, removes others, and keeps the tables of names in step.
pub(super) async fn write_records(
    connection: &mut SqliteConnection,
    records: &[&Record],
    removed: &[&str],
) -> Result<(), StateError> {
    let former = former_footprints(connection, records).await?;
    let rows: Vec<_> = records.iter().map(|record| ObjectRow::of(record)).collect::<Result<_, _>>()?;
    let statement = (
        "INSERT INTO objects (object, kind, dn, desired, state, face, footprint, revision, updated_at)",
        9,
        "ON CONFLICT (object) DO UPDATE SET kind = excluded.kind, dn = excluded.dn, desired = excluded.desired,
             state = excluded.state, face = excluded.face, footprint = excluded.footprint,
             revision = excluded.revision, updated_at = excluded.updated_at",
    );
    let now = now_ms();
    rows::insert(connection, statement, &rows, |query, row| {
        let record = row.record;
        query
            .bind(record.object.as_str())
            .bind(record.kind.as_str())
            .bind(record.dn.as_str())
            .bind(&row.desired)
            .bind(&row.state)
            .bind(&row.face)
            .bind(&row.footprint)
            .bind(&record.revision)
            .bind(now)
    })
    .await?;

    // Mostly a footprint stays as it was. It need not be read then.
    let mut others: HashMap<&str, Footprint> = HashMap::new();
    let (mut names, mut same) = (NameChanges::default(), HashSet::new());
    for row in &rows {
        let object = row.record.object.as_str();
        match former.get(object) {
            Some(text) if *text == row.footprint => {
                same.insert(object);
            }
            Some(text) => {
                others.insert(object, parse("footprint", text)?);
            }
            None => {}
        }
    }
    for record in records {
        let object = record.object.as_str();
        names.claim(record);
        if !same.contains(object) {
            names.differences(record, others.get(object));
        }
    }
    released::remember_renamed(connection, records, &others).await?;
    released::remember_removed(connection, removed).await?;
    for statement in [
        "DELETE FROM objects WHERE object IN (SELECT value FROM json_each(?1))",
        "DELETE FROM handles WHERE object IN (SELECT value FROM json_each(?1))",
        "DELETE FROM refs WHERE object IN (SELECT value FROM json_each(?1))",
    ] {
        run(connection, statement, removed).await?;
    }
    run(
        connection,
        "DELETE FROM handles WHERE (handle, object) IN (SELECT value ->> 'handle', value ->> 'object' FROM json_each(?1))",
        &names.handles_gone,
    )
    .await?;
    let statement = (
        "INSERT INTO handles (handle, object)",
        2,
        "ON CONFLICT (handle) DO UPDATE SET object = excluded.object WHERE handles.object <> excluded.object",
    );
    rows::insert(connection, statement, &names.handles_new, |query, name| query.bind(name.handle).bind(name.object))
        .await?;
    run(
        connection,
        "DELETE FROM refs WHERE (handle, object) IN (SELECT value ->> 'handle', value ->> 'object' FROM json_each(?1))",
        &names.refs_gone,
    )
    .await?;
    let statement = ("INSERT OR IGNORE INTO refs (handle, object)", 2, "");
    rows::insert(connection, statement, &names.refs_new, |query, name| query.bind(name.handle).bind(name.object)).await
}

async fn former_footprints(
    connection: &mut SqliteConnection,
    records: &[&Record],
) -> Result<HashMap<String, String>, StateError> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<_> = records.iter().map(|record| record.object.as_str()).collect();
    let rows = sqlx::query("SELECT object, footprint FROM objects WHERE object IN (SELECT value FROM json_each(?1))")
        .bind(json(&ids)?)
        .fetch_all(connection)
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Differences of the name tables. Only these are written: a group of thousands that gets one member more costs one row.
#[derive(Default)]
struct NameChanges<'a> {
    handles_new: Vec<Name<'a>>,
    handles_gone: Vec<Name<'a>>,
    refs_new: Vec<Name<'a>>,
    refs_gone: Vec<Name<'a>>,
}

impl<'a> NameChanges<'a> {
    /// Handles are few and may have been taken by another object meanwhile: all of them are claimed each time.
    fn claim(&mut self, record: &'a Record) {
        let object = record.object.as_str();
        self.handles_new.extend(record.footprint.handles.iter().map(|handle| Name { handle: handle.as_str(), object }));
    }

    fn differences(&mut self, record: &'a Record, former: Option<&'a Footprint>) {
        let object = record.object.as_str();
        let name = |handle: &'a Handle| Name { handle: handle.as_str(), object };
        let now = &record.footprint;
        let (old_handles, old_refs) = former.map_or((&[][..], &[][..]), |f| (&f.handles[..], &f.refs[..]));
        let current: HashSet<_> = now.handles.iter().collect();
        let gone = old_handles.iter().filter(|handle| !current.contains(handle) && !lingers(handle.as_str()));
        self.handles_gone.extend(gone.map(name));
        // Both are sorted, so that few differences are close together in a long list.
        let head = old_refs.iter().zip(&now.refs).take_while(|(old, new)| old == new).count();
        let (old_refs, new_refs) = (&old_refs[head..], &now.refs[head..]);
        let tail = old_refs.iter().rev().zip(new_refs.iter().rev()).take_while(|(old, new)| old == new).count();
        let before: HashSet<_> = old_refs[..old_refs.len() - tail].iter().collect();
        let after: HashSet<_> = new_refs[..new_refs.len() - tail].iter().collect();
        self.refs_new.extend(after.difference(&before).map(|handle| name(handle)));
        self.refs_gone.extend(before.difference(&after).map(|handle| name(handle)));
    }
}

/// A former distinguished name goes on leading to the object until another one takes it.
fn lingers(handle: &str) -> bool {
    handle.starts_with("dn:")
}

async fn write_parked(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), StateError> {
    for statement in [
        "DELETE FROM parked WHERE object IN (SELECT value FROM json_each(?1))",
        "DELETE FROM parked_refs WHERE object IN (SELECT value FROM json_each(?1))",
    ] {
        run(connection, statement, &batch.healed).await?;
    }
    for row in &batch.parked {
        let event = row.task.as_ref().map(task_json).transpose()?.flatten();
        // Attempts and the first failure go on from an earlier row of the same object.
        sqlx::query(
            "INSERT INTO parked (object, kind, category, event, row, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (object) DO UPDATE SET kind = excluded.kind, category = excluded.category, event = excluded.event,
                 row = json_set(excluded.row, '$.firstAt', parked.row ->> 'firstAt',
                                '$.attempts', (parked.row ->> 'attempts') + (excluded.row ->> 'attempts')),
                 last_at = excluded.last_at",
        )
        .bind(row.object.as_str())
        .bind(row.kind.as_str())
        .bind(&row.category)
        .bind(event)
        .bind(json(row)?)
        .bind(row.last_at)
        .execute(&mut *connection)
        .await?;
        sqlx::query("DELETE FROM parked_refs WHERE object = ?1")
            .bind(row.object.as_str())
            .execute(&mut *connection)
            .await?;
        let names: BTreeSet<_> = row.waits_for.iter().chain(&row.depends_on).collect();
        sqlx::query("INSERT INTO parked_refs (handle, object) SELECT value, ?2 FROM json_each(?1)")
            .bind(json(&names)?)
            .bind(row.object.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Notes since when objects are kept, the first time; what is applied or removed is kept no longer.
async fn write_kept(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), StateError> {
    run(connection, "DELETE FROM kept WHERE object IN (SELECT value FROM json_each(?1))", &batch.not_kept).await?;
    run(
        connection,
        "INSERT OR IGNORE INTO kept (object, since) SELECT value ->> 0, value ->> 1 FROM json_each(?1)",
        &batch.kept,
    )
    .await
}

/// The former distinguished names of the objects behind these handles: who still knows an object by such a name depends on it
/// as well.
async fn former_names(connection: &mut SqliteConnection, handles: &[&str]) -> Result<Vec<String>, StateError> {
    let names: Vec<_> = handles.iter().filter(|handle| lingers(handle)).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT former.handle FROM handles now JOIN handles former ON former.object = now.object
         WHERE now.handle IN (SELECT value FROM json_each(?1)) AND former.handle <> now.handle",
    )
    .bind(json(&names)?)
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().map(|row| row.get(0)).filter(|handle: &String| lingers(handle)).collect())
}

/// Queues what depends on handles that changed: parked objects with the task that failed, others from their record.
///
/// An object that has a task in the journal anyway is planned by that one: it reads what was just written, because the task
/// could not start while this one ran.
pub(super) async fn queue_dependants(connection: &mut SqliteConnection, ripple: &[&str]) -> Result<(), StateError> {
    if ripple.is_empty() {
        return Ok(());
    }
    let handles = json(&ripple)?;
    // Those that have a task in the journal already are not queued: whatever it wants, it must look at everything.
    sqlx::query(
        "DELETE FROM settled WHERE object IN
         (SELECT object FROM refs WHERE handle IN (SELECT value FROM json_each(?1)))",
    )
    .bind(&handles)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO journal (object, kind, event, origin, received_at)
         SELECT p.object, p.kind, p.event, 'dependency changed', ?2 FROM parked p
         WHERE p.object IN (SELECT object FROM parked_refs WHERE handle IN (SELECT value FROM json_each(?1)))
           AND NOT EXISTS (SELECT 1 FROM journal q WHERE q.object = p.object)",
    )
    .bind(&handles)
    .bind(now_ms())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO journal (object, kind, event, origin, received_at)
         SELECT o.object, o.kind, NULL, 'dependency changed', ?2 FROM objects o
         WHERE o.object IN (SELECT object FROM refs WHERE handle IN (SELECT value FROM json_each(?1)))
           AND NOT EXISTS (SELECT 1 FROM journal q WHERE q.object = o.object)
           AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.object = o.object)",
    )
    .bind(&handles)
    .bind(now_ms())
    .execute(&mut *connection)
    .await?;
    Ok(())
}
