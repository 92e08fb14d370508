//! Before anything can be watched: the API server must answer, know our kinds, and let us read them.

use std::time::Duration;

use kube::Client;
use kube::api::ListParams;

use super::scope::Scope;
use super::scribe::{WriteError, within};
use super::shelf::Kind;
use super::status_page::StatusPage;
use crate::api::{GROUP, OxAccessProfile, OxAttributeMapping, OxConnector, OxContext, OxOperation};

/// How often to look.
const LOOK: Duration = Duration::from_secs(2);

/// Waits until all our kinds can be listed. What is missing is shown by the readiness, and logged when it changes.
pub(super) async fn wait_for_kinds(client: &Client, scope: &Scope, page: &StatusPage) {
    let mut told = Vec::new();
    loop {
        let answers = [
            look::<OxConnector>(client, scope).await,
            look::<OxContext>(client, scope).await,
            look::<OxAttributeMapping>(client, scope).await,
            look::<OxAccessProfile>(client, scope).await,
            look::<OxOperation>(client, scope).await,
        ];
        let missing: Vec<_> = answers.into_iter().flatten().collect();
        if missing.is_empty() {
            return;
        }
        if missing != told {
            tracing::warn!(?missing, "waiting");
        }
        page.waits_for(missing.clone());
        told = missing;
        tokio::time::sleep(LOOK).await;
    }
}

/// What keeps a kind from being read, if anything.
async fn look<K: Kind>(client: &Client, scope: &Scope) -> Option<String> {
    let plural = K::plural(&());
    match within(scope.api::<K>(client).list(&ListParams::default().limit(1))).await {
        // An object that cannot be read must not keep the others waiting.
        Ok(_) | Err(WriteError::Refused(kube::Error::SerdeError(_))) => None,
        Err(WriteError::Refused(kube::Error::Api(status))) if status.code == 404 => Some(format!(
            "the definition {plural}.{GROUP} is not installed: oxherd crds | kubectl apply --server-side -f -"
        )),
        Err(WriteError::Refused(kube::Error::Api(status))) if status.code == 403 => {
            Some(format!("the ServiceAccount may not list {plural}.{GROUP}: extend its Role"))
        }
        Err(error) => Some(format!("{plural}.{GROUP} cannot be listed: {error}")),
    }
}
