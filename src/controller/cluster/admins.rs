//! Passwords of context administrators that oxherd makes: each is kept in a Secret before OX hears of it.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ObjectMeta, PostParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use secrecy::ExposeSecret;

use super::scribe::{WriteError, within};
use super::site::admin_secret;
use crate::controller::vault::{Kept, Outlet};
use crate::ox::model::ContextId;
use crate::ox::soap::Credentials;

/// The label of everything that oxherd makes.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "oxherd");
/// The label that names the connector.
const CONNECTOR: &str = "oxherd.dev/connector";
/// The label that names the context.
const CONTEXT: &str = "oxherd.dev/context";

/// The Secrets of one connector.
pub(super) struct AdminSecrets {
    secrets: Api<Secret>,
    connector: String,
}

impl AdminSecrets {
    pub(super) fn new(client: Client, namespace: &str, connector: String) -> Self {
        Self { secrets: Api::namespaced(client, namespace), connector }
    }

    fn name(&self, context: ContextId) -> String {
        admin_secret(&self.connector, context.0.into())
    }

    async fn create(&self, context: ContextId, credentials: &Credentials) -> Result<Kept, String> {
        let name = self.name(context);
        let labels = [(MANAGED_BY.0, MANAGED_BY.1), (CONNECTOR, &self.connector), (CONTEXT, &context.to_string())];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let data = [("username", credentials.login.as_str()), ("password", credentials.password.expose_secret())];
        let data = data.map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())));
        let secret = Secret {
            metadata: ObjectMeta { name: Some(name.clone()), labels: Some(labels.into()), ..ObjectMeta::default() },
            data: Some(data.into()),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        match within(self.secrets.create(&PostParams::default(), &secret)).await {
            Ok(_) => Ok(Kept::New),
            Err(WriteError::Refused(kube::Error::Api(status))) if status.code == 409 => {
                let found = within(self.secrets.get(&name)).await.map_err(|error| error.to_string())?;
                let found = read(&found).ok_or_else(|| {
                    format!("Secret '{name}' is in the way: it has no texts in the keys username and password")
                })?;
                Ok(if found == *credentials { Kept::New } else { Kept::Before(found) })
            }
            Err(error) => Err(format!("Secret '{name}' cannot be created: {error}")),
        }
    }

    async fn delete(&self, context: ContextId) -> Result<(), String> {
        let name = self.name(context);
        let failed = |error: WriteError| format!("Secret '{name}' cannot be deleted: {error}");
        let Some(found) = within(self.secrets.get_opt(&name)).await.map_err(failed)? else { return Ok(()) };
        if found.labels().get(MANAGED_BY.0).map(String::as_str) != Some(MANAGED_BY.1) {
            return Ok(()); // Somebody made it by hand.
        }
        let preconditions = Preconditions { uid: found.uid(), ..Preconditions::default() };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match within(self.secrets.delete(&name, &params)).await {
            Err(error) if !error.is_gone() => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

impl Outlet for AdminSecrets {
    fn keep<'a>(&'a self, context: ContextId, credentials: &'a Credentials) -> BoxFuture<'a, Result<Kept, String>> {
        Box::pin(self.create(context, credentials))
    }

    fn forget(&self, context: ContextId) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.delete(context))
    }
}

fn read(secret: &Secret) -> Option<Credentials> {
    let empty = BTreeMap::new();
    let data = secret.data.as_ref().unwrap_or(&empty);
    let text = |key: &str| data.get(key).and_then(|value| String::from_utf8(value.0.clone()).ok());
    Some(Credentials::new(text("username")?, text("password")?))
}
