//! Parked objects: list, try again, forget.

use std::collections::BTreeMap;

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool};

use crate::state::{AuditRow, ParkedFilter, ParkedRow, Seq, StateError, now_ms};

use super::codec::{json, kind, object_id, parse};
use super::task_of;

/// The condition of a filter on the table `parked`, with one parameter.
const fn condition(filter: &ParkedFilter) -> &'static str {
    match filter {
        ParkedFilter::All => "?1 IS NOT NULL",
        ParkedFilter::Object(_) => "object = ?1",
        ParkedFilter::Category(_) => "category = ?1",
        ParkedFilter::LastAttemptBefore(_) => "last_at < ?1",
    }
}

fn bind<'q>(query: Query<'q, Sqlite, SqliteArguments>, filter: &'q ParkedFilter) -> Query<'q, Sqlite, SqliteArguments> {
    match filter {
        ParkedFilter::All => query.bind(""),
        ParkedFilter::Object(object) => query.bind(object.as_str()),
        ParkedFilter::Category(category) => query.bind(category.as_str()),
        ParkedFilter::LastAttemptBefore(time) => query.bind(*time),
    }
}

fn statement(text: String) -> sqlx::AssertSqlSafe<String> {
    // Built from constants only; values are bound.
    sqlx::AssertSqlSafe(text)
}

pub(super) async fn list(pool: &SqlitePool, filter: &ParkedFilter) -> Result<Vec<ParkedRow>, StateError> {
    let text =
        format!("SELECT object, kind, event, row FROM parked WHERE {} ORDER BY last_at, object", condition(filter));
    let rows = bind(sqlx::query(statement(text)), filter).fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let mut parked: ParkedRow = parse("parked object", row.get(3))?;
            parked.task = Some(task_of(object_id(row.get(0))?, kind(row.get(1))?, row.get(2))?);
            Ok(parked)
        })
        .collect()
}

pub(super) async fn retry(
    connection: &mut SqliteConnection,
    filter: &ParkedFilter,
    origin: &str,
) -> Result<u64, StateError> {
    // An object with a newer task in the journal is tried by that one: a retry never overwrites newer state.
    let text = format!(
        "INSERT INTO journal (object, kind, event, origin, received_at)
         SELECT object, kind, event, ?2, ?3 FROM parked
         WHERE {} AND object NOT IN (SELECT object FROM journal) ORDER BY last_at",
        condition(filter)
    );
    let done = bind(sqlx::query(statement(text)), filter).bind(origin).bind(now_ms()).execute(connection).await?;
    Ok(done.rows_affected())
}

pub(super) async fn drop(
    connection: &mut SqliteConnection,
    filter: &ParkedFilter,
    origin: &str,
) -> Result<u64, StateError> {
    let text = format!("SELECT object, kind, row FROM parked WHERE {}", condition(filter));
    let rows = bind(sqlx::query(statement(text)), filter).fetch_all(&mut *connection).await?;
    for row in &rows {
        let object = object_id(row.get(0))?;
        let parked: ParkedRow = parse("parked object", row.get(2))?;
        let audit = AuditRow {
            at: now_ms(),
            seq: Seq(0),
            object: object.clone(),
            kind: kind(row.get(1))?,
            event: String::new(),
            origin: origin.to_owned(),
            outcome: "Dropped".to_owned(),
            calls: Vec::new(),
            attributes: Vec::new(),
            values: BTreeMap::new(),
            notes: vec![parked.cause],
            duration_ms: 0,
            revision: String::new(),
        };
        sqlx::query("INSERT INTO audit (at, object, row) VALUES (?1, ?2, ?3)")
            .bind(audit.at)
            .bind(object.as_str())
            .bind(json(&audit)?)
            .execute(&mut *connection)
            .await?;
        for table in ["DELETE FROM parked WHERE object = ?1", "DELETE FROM parked_refs WHERE object = ?1"] {
            sqlx::query(table).bind(object.as_str()).execute(&mut *connection).await?;
        }
    }
    Ok(rows.len() as u64)
}
