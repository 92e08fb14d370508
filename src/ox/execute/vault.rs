//! Where the credentials of context administrators are kept.

use crate::ox::model::ContextId;
use crate::ox::soap::Credentials;

/// The credentials of a context administrator could not be stored or removed.
#[derive(Debug, thiserror::Error)]
#[error("the credentials of context {context} could not be {action}: {reason}")]
pub struct VaultError {
    /// Which context.
    pub context: ContextId,
    /// `stored` or `removed`.
    pub action: &'static str,
    /// Why, without secrets.
    pub reason: String,
}

/// Keeps the credentials of context administrators.
pub trait Vault: Send + Sync {
    /// The credentials of the administrator of a context, if they are known.
    fn context_admin(&self, context: ContextId) -> Option<Credentials>;

    /// Keeps credentials. They are durable when it returns.
    fn store_context_admin(
        &self,
        context: ContextId,
        credentials: &Credentials,
    ) -> impl Future<Output = Result<(), VaultError>> + Send;

    /// Forgets credentials. Fine if there are none.
    fn remove_context_admin(&self, context: ContextId) -> impl Future<Output = Result<(), VaultError>> + Send;
}

impl<V: Vault> Vault for std::sync::Arc<V> {
    fn context_admin(&self, context: ContextId) -> Option<Credentials> {
        self.as_ref().context_admin(context)
    }

    fn store_context_admin(
        &self,
        context: ContextId,
        credentials: &Credentials,
    ) -> impl Future<Output = Result<(), VaultError>> + Send {
        self.as_ref().store_context_admin(context, credentials)
    }

    fn remove_context_admin(&self, context: ContextId) -> impl Future<Output = Result<(), VaultError>> + Send {
        self.as_ref().remove_context_admin(context)
    }
}
