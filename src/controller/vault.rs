//! Credentials of context administrators: those that oxherd made, and those that an administrator gave.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;

use crate::ox::execute::{Vault, VaultError};
use crate::ox::model::ContextId;
use crate::ox::soap::Credentials;
use crate::state::StateError;
use crate::state::sqlite::{SqliteStore, StoredCredentials};

/// A second place for credentials that oxherd makes, where administrators find them.
pub trait Outlet: Send + Sync + 'static {
    /// Keeps credentials before OX hears of them. Says why it cannot, without secrets.
    fn keep<'a>(&'a self, context: ContextId, credentials: &'a Credentials) -> BoxFuture<'a, Result<Kept, String>>;

    /// Forgets credentials. Fine if there are none.
    fn forget(&self, context: ContextId) -> BoxFuture<'_, Result<(), String>>;
}

/// What became of credentials that were to be kept.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// They are kept.
    New,
    /// Others are there from an earlier life whose state was lost: those count.
    Before(Credentials),
}

/// Keeps credentials in the state store, and in a second place if there is one. Those that an administrator gives in a Secret
/// come first.
pub struct StateVault {
    store: Arc<SqliteStore>,
    outlet: Option<Arc<dyn Outlet>>,
    made: RwLock<HashMap<ContextId, Credentials>>,
    given: RwLock<HashMap<ContextId, Credentials>>,
}

impl StateVault {
    /// Opens the vault in a state store.
    pub async fn open(store: Arc<SqliteStore>, outlet: Option<Arc<dyn Outlet>>) -> Result<Self, StateError> {
        let stored = store.credentials().await?;
        let made = stored.into_iter().map(|one| (ContextId(one.context), Credentials::new(one.login, one.password)));
        Ok(Self { made: RwLock::new(made.collect()), given: RwLock::default(), store, outlet })
    }

    /// Replaces the given credentials. Returns the contexts whose credentials are others now.
    pub fn give(&self, given: HashMap<ContextId, Credentials>) -> Vec<ContextId> {
        let known: BTreeSet<_> = {
            let current = self.given.read().unwrap_or_else(PoisonError::into_inner);
            current.keys().chain(given.keys()).copied().collect()
        };
        let now = || known.iter().map(|context| self.context_admin(*context)).collect::<Vec<_>>();
        let before = now();
        *self.given.write().unwrap_or_else(PoisonError::into_inner) = given;
        let changed = known.iter().zip(before.iter().zip(now())).filter(|(_, (before, now))| *before != now);
        changed.map(|(context, _)| *context).collect()
    }

    async fn store(&self, context: ContextId, credentials: &Credentials) -> Result<(), VaultError> {
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
}

impl Vault for StateVault {
    fn context_admin(&self, context: ContextId) -> Option<Credentials> {
        let given = self.given.read().unwrap_or_else(PoisonError::into_inner);
        given.get(&context).or(self.made.read().unwrap_or_else(PoisonError::into_inner).get(&context)).cloned()
    }

    async fn store_context_admin(&self, context: ContextId, credentials: &Credentials) -> Result<(), VaultError> {
        let failed = |reason| VaultError { context, action: "stored", reason };
        if let Some(outlet) = &self.outlet
            && let Kept::Before(former) = outlet.keep(context, credentials).await.map_err(failed)?
        {
            self.store(context, &former).await?;
            // The context is created with them as soon as it is tried again.
            return Err(failed("others were kept in an earlier life: they are taken over".to_owned()));
        }
        self.store(context, credentials).await
    }

    async fn remove_context_admin(&self, context: ContextId) -> Result<(), VaultError> {
        let failed = |reason| VaultError { context, action: "removed", reason };
        if let Some(outlet) = &self.outlet {
            outlet.forget(context).await.map_err(failed)?;
        }
        self.store.remove_credentials(context.0).await.map_err(|error| failed(error.to_string()))?;
        self.made.write().unwrap_or_else(PoisonError::into_inner).remove(&context);
        Ok(())
    }
}
