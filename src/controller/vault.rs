//! Credentials of context administrators: those that oxherd made, and those that an administrator gave.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::ox::execute::{Vault, VaultError};
use crate::ox::model::ContextId;
use crate::ox::soap::Credentials;
use crate::state::StateError;
use crate::state::sqlite::{SqliteStore, StoredCredentials};

/// Keeps credentials in the state store. Those that an administrator gives in a Secret come first.
pub struct StateVault {
    store: Arc<SqliteStore>,
    made: RwLock<HashMap<ContextId, Credentials>>,
    given: RwLock<HashMap<ContextId, Credentials>>,
}

impl StateVault {
    /// Opens the vault in a state store.
    pub async fn open(store: Arc<SqliteStore>) -> Result<Self, StateError> {
        let stored = store.credentials().await?;
        let made = stored.into_iter().map(|one| (ContextId(one.context), Credentials::new(one.login, one.password)));
        Ok(Self { made: RwLock::new(made.collect()), given: RwLock::default(), store })
    }

    /// Replaces the given credentials. Returns the contexts whose credentials are others now.
    pub fn give(&self, given: HashMap<ContextId, Credentials>) -> Vec<ContextId> {
        let mut current = self.given.write().unwrap_or_else(PoisonError::into_inner);
        let known = current.keys().chain(given.keys()).copied().collect::<std::collections::BTreeSet<_>>();
        let changed = known.into_iter().filter(|context| current.get(context) != given.get(context)).collect();
        *current = given;
        changed
    }
}

impl Vault for StateVault {
    fn context_admin(&self, context: ContextId) -> Option<Credentials> {
        let given = self.given.read().unwrap_or_else(PoisonError::into_inner);
        given.get(&context).or(self.made.read().unwrap_or_else(PoisonError::into_inner).get(&context)).cloned()
    }

    async fn store_context_admin(&self, context: ContextId, credentials: &Credentials) -> Result<(), VaultError> {
        let stored = StoredCredentials {
            context: context.0,
            login: credentials.login.clone(),
            password: credentials.password.clone(),
        };
        let failed = |error: StateError| VaultError { context, action: "stored", reason: error.to_string() };
        self.store.store_credentials(&stored).await.map_err(failed)?;
        self.made.write().unwrap_or_else(PoisonError::into_inner).insert(context, credentials.clone());
        Ok(())
    }

    async fn remove_context_admin(&self, context: ContextId) -> Result<(), VaultError> {
        let failed = |error: StateError| VaultError { context, action: "removed", reason: error.to_string() };
        self.store.remove_credentials(context.0).await.map_err(failed)?;
        self.made.write().unwrap_or_else(PoisonError::into_inner).remove(&context);
        Ok(())
    }
}
