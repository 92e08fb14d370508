//! Transactions of the one writer.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};

use crate::failure_points::{FailurePoint, pass};
use crate::state::StateError;

/// How much a write must survive.
#[derive(Clone, Copy)]
pub(super) enum Durability {
    /// A power failure.
    Power,
    /// A crash of the process.
    Process,
}

/// A transaction under way.
///
/// A task that is cancelled in the middle of it gives the connection up as well: SQLite then takes the transaction back, and
/// the next writer does not find itself inside of it.
pub(super) struct Transaction {
    connection: PoolConnection<Sqlite>,
    ended: bool,
}

impl Transaction {
    /// Begins when no other one is under way.
    pub(super) async fn begin(writer: &SqlitePool, durability: Durability) -> Result<Self, StateError> {
        let mut transaction = Self { connection: writer.acquire().await?, ended: false };
        let begin = match durability {
            Durability::Power => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE",
            Durability::Process => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE",
        };
        sqlx::query(begin).execute(&mut *transaction).await?;
        pass(FailurePoint::TransactionBegun);
        Ok(transaction)
    }
}

impl Deref for Transaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

/// Ends a transaction as the result of its work says.
pub(super) async fn finish<V>(mut transaction: Transaction, result: Result<V, StateError>) -> Result<V, StateError> {
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    pass(FailurePoint::BeforeCommit);
    let ended = sqlx::query(end).execute(&mut *transaction).await;
    pass(FailurePoint::AfterCommit);
    transaction.ended = ended.is_ok();
    let value = result?;
    ended?;
    Ok(value)
}
