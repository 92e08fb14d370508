//! Where in the cluster a controller looks.

use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};

/// The namespaces that a controller cares for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This one.
    Namespace(String),
    /// All of them.
    Cluster,
}

impl Scope {
    /// The objects of a kind in these namespaces.
    pub(super) fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
            Self::Cluster => Api::all(client.clone()),
        }
    }
}
