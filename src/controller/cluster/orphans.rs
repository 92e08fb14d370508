//! What belongs to no single connector: mappings, access profiles, and contexts and operations whose connector does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;

use super::board::Shared;
use super::condition::{About, Finding, Reason};
use super::context;
use super::references::{Reference, References};
use super::scribe::{Wanted, WriteError, publish};
use super::settings::{check, owner_of_name, report_mapping, report_profile};
use super::shelf::Signal;
use super::site::is_mirror;
use crate::api::{ContextStatus, OperationStatus, OxConnector, OxContext, OxOperation};
use crate::controller::change::Pending;

/// Looks after them.
pub(super) struct Orphans {
    shared: Arc<Shared>,
    /// The `ConfigMap`s that mappings refer to, by namespace.
    references: BTreeMap<String, References>,
    changed: Signal,
}

impl Orphans {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, references: BTreeMap::new(), changed: Signal::new() }
    }

    /// Brings everything up to date. What cannot be written is tried again by the next pass.
    pub(super) async fn pass(&mut self) {
        let results = [self.mappings().await, self.profiles().await, self.contexts().await, self.operations().await];
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "a status cannot be written");
        }
    }

    /// The connectors of our class in a namespace.
    fn connectors(&self, namespace: &str) -> Vec<Arc<OxConnector>> {
        let class = &self.shared.options.class;
        let all = self.shared.cache.connectors.of(namespace).into_iter();
        all.filter(|connector| connector.spec.controller_class == *class).collect()
    }

    /// Of several controllers, the one writes that leads the first connector; if there is no connector, all of them would
    /// write the same.
    fn writes(&self, namespace: &str, users: &[String]) -> bool {
        users.first().is_none_or(|first| self.shared.board.get(namespace, first).is_some())
    }

    async fn mappings(&mut self) -> Result<(), WriteError> {
        let mappings = self.shared.cache.mappings.all();
        let mut wanted: BTreeMap<String, BTreeSet<Reference>> = BTreeMap::new();
        for mapping in &mappings {
            let references = wanted.entry(mapping.namespace().unwrap_or_default()).or_default();
            references.extend(mapping.spec.connector_json_ref.iter().map(|one| Reference::ConfigMap(one.name.clone())));
        }
        self.references.retain(|namespace, _| wanted.contains_key(namespace));
        for (namespace, wanted) in &wanted {
            let client = self.shared.scribe.client().clone();
            let new = || References::new(client, namespace.clone(), self.changed.clone());
            self.references.entry(namespace.clone()).or_insert_with(new).want(wanted);
        }
        for mapping in mappings {
            let (namespace, name) = (mapping.namespace().unwrap_or_default(), mapping.name_any());
            let Some(Ok(referred)) = self.references.get(&namespace).map(References::seen) else { continue };
            let uses = |one: &&Arc<OxConnector>| one.spec.mapping_ref.as_ref().is_some_and(|one| one.name == name);
            let connectors = self.connectors(&namespace);
            let used_by: Vec<_> = connectors.iter().filter(uses).map(|one| one.name_any()).collect();
            if !self.writes(&namespace, &used_by) {
                continue;
            }
            let told = used_by.first().and_then(|first| self.shared.board.get(&namespace, first));
            let affected = match told.and_then(|told| told.report).and_then(|report| report.change) {
                Some(Pending::WaitsForApproval { changed, refused, .. }) => i64::try_from(changed + refused).ok(),
                _ => None,
            };
            let checked = check(&mapping, &referred);
            report_mapping(&self.shared.scribe, &mapping, checked, used_by, affected).await?;
        }
        Ok(())
    }

    async fn profiles(&self) -> Result<(), WriteError> {
        let profiles: Vec<_> = self.shared.cache.profiles.all().into_iter().filter(|one| !is_mirror(&**one)).collect();
        for profile in &profiles {
            let namespace = profile.namespace().unwrap_or_default();
            let users: Vec<_> = self.connectors(&namespace).iter().map(|one| one.name_any()).collect();
            if !self.writes(&namespace, &users) {
                continue;
            }
            let told = users.iter().filter_map(|name| self.shared.board.get(&namespace, name));
            let counts = told.filter_map(|told| told.profile_users.get(&profile.name_any()).copied());
            let count = counts.reduce(|sum, count| sum + count);
            let owner = owner_of_name(profile, &profiles);
            report_profile(&self.shared.scribe, profile, owner.as_deref(), count).await?;
        }
        Ok(())
    }

    /// Whether nobody at all cares for the connector of this name.
    fn is_alone(&self, namespace: &str, connector: &str) -> bool {
        self.shared.cache.connectors.get(namespace, connector).is_none()
    }

    async fn contexts(&self) -> Result<(), WriteError> {
        for context in self.shared.cache.contexts.all() {
            let connector = &context.spec.connector_ref.name;
            if !self.is_alone(&context.namespace().unwrap_or_default(), connector) || is_mirror(&*context) {
                continue;
            }
            if context.metadata.deletion_timestamp.is_some() {
                // Nobody can delete it in OX any more, and nobody should wait for that.
                self.shared.scribe.finalizer(&*context, context::FINALIZER, Wanted::Absent).await?;
                continue;
            }
            self.lonely_context(&context, connector).await?;
        }
        Ok(())
    }

    async fn lonely_context(&self, context: &OxContext, connector: &str) -> Result<(), WriteError> {
        let message =
            format!("spec.connectorRef: there is no OxConnector '{connector}': create it, or correct the name");
        let findings =
            [About::Ready, About::Synced].map(|about| Finding::no(about, Reason::NoConnector, message.clone()));
        let former = context.status.as_ref();
        let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
        let make = |conditions| ContextStatus {
            observed_generation: context.metadata.generation,
            conditions,
            ..former.cloned().unwrap_or_default()
        };
        publish(&self.shared.scribe, context, former, before, &findings, make).await
    }

    async fn operations(&self) -> Result<(), WriteError> {
        for operation in self.shared.cache.operations.all() {
            let connector = &operation.spec.connector_ref.name;
            if self.is_alone(&operation.namespace().unwrap_or_default(), connector) {
                self.lonely_operation(&operation, connector).await?;
            }
        }
        Ok(())
    }

    async fn lonely_operation(&self, operation: &OxOperation, connector: &str) -> Result<(), WriteError> {
        let message = format!("spec.connectorRef: there is no OxConnector '{connector}': it waits for one");
        let findings = [Finding::no(About::Ready, Reason::NoConnector, message)];
        let former = operation.status.as_ref();
        let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
        let make = |conditions| OperationStatus {
            observed_generation: operation.metadata.generation,
            conditions,
            ..former.cloned().unwrap_or_default()
        };
        publish(&self.shared.scribe, operation, former, before, &findings, make).await
    }
}
