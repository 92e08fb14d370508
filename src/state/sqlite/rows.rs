//! Writing many rows with few statements.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use crate::state::StateError;

/// A statement whose parameters are being bound.
pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Rows in one statement.
const MOST: usize = 64;

/// Inserts rows: `head VALUES (?, …), … tail`, with the parameters that `bind` binds for each row.
///
/// Numbers of rows are powers of two, so that few statements have to be prepared.
pub(super) async fn insert<'r, R>(
    connection: &mut SqliteConnection,
    (head, columns, tail): (&'static str, usize, &'static str),
    mut rows: &'r [R],
    bind: impl Fn(Statement<'r>, &'r R) -> Statement<'r>,
) -> Result<(), StateError> {
    while !rows.is_empty() {
        let count = MOST.min(1 << rows.len().ilog2());
        let (now, later) = rows.split_at(count);
        let row = format!("({}?)", "?, ".repeat(columns.saturating_sub(1)));
        let values = vec![row.as_str(); count].join(", ");
        // Built from constants only; values are bound.
        let statement = sqlx::AssertSqlSafe(format!("{head} VALUES {values} {tail}"));
        now.iter().fold(sqlx::query(statement), &bind).execute(&mut *connection).await?;
        rows = later;
    }
    Ok(())
}
