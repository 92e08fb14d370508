//! Administrators of contexts.

use secrecy::{ExposeSecret, SecretString};
use sqlx::Row;

use crate::state::StateError;

use super::{Durability, SqliteStore, finish};

/// The administrator of a context.
#[derive(Clone, Debug)]
pub struct StoredCredentials {
    /// Number of the context.
    pub context: u32,
    /// Login name.
    pub login: String,
    /// Password.
    pub password: SecretString,
}

impl SqliteStore {
    /// All stored administrators.
    pub async fn credentials(&self) -> Result<Vec<StoredCredentials>, StateError> {
        let rows = sqlx::query("SELECT context, login, password FROM credentials").fetch_all(&self.readers).await?;
        Ok(rows
            .into_iter()
            .map(|row| StoredCredentials {
                context: row.get(0),
                login: row.get(1),
                password: SecretString::from(row.get::<String, _>(2)),
            })
            .collect())
    }

    /// Stores an administrator. Returns when it survives a power failure.
    pub async fn store_credentials(&self, credentials: &StoredCredentials) -> Result<(), StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = sqlx::query(
            "INSERT INTO credentials (context, login, password) VALUES (?1, ?2, ?3)
             ON CONFLICT (context) DO UPDATE SET login = excluded.login, password = excluded.password",
        )
        .bind(credentials.context)
        .bind(&credentials.login)
        .bind(credentials.password.expose_secret())
        .execute(&mut *connection)
        .await
        .map(|_| ())
        .map_err(StateError::from);
        finish(connection, work).await
    }

    /// Forgets the administrator of a context.
    pub async fn remove_credentials(&self, context: u32) -> Result<(), StateError> {
        let mut connection = self.write(Durability::Power).await?;
        let work = sqlx::query("DELETE FROM credentials WHERE context = ?1")
            .bind(context)
            .execute(&mut *connection)
            .await
            .map(|_| ())
            .map_err(StateError::from);
        finish(connection, work).await
    }
}
