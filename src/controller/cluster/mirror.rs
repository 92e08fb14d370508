//! Contexts and access profiles of the directory, shown as read-only objects. Whatever somebody writes into them is undone, and
//! takes no effect meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde::Serialize;
use serde_json::json;

use super::cache::Cache;
use super::condition::{About, Finding, Reason};
use super::scribe::{Scribe, WriteError, publish, within};
use super::shelf::Kind;
use super::site::{ORIGIN, UDM, is_mirror};
use crate::api::{
    AccessProfileStatus, AccessRights, ContextDeletionPolicy, ContextStatus, ManagementPolicy, ObjectRef,
    OxAccessProfile, OxAccessProfileSpec, OxContext, OxContextSpec,
};
use crate::ox::handles;
use crate::ox::model::ContextId;
use crate::state::{Handle, Record, StateError, Store};
use crate::udm::Properties;

/// The label that names the connector whose directory is shown.
const CONNECTOR: &str = "oxherd.dev/connector";
/// Who writes mirrors.
const MANAGER: &str = "oxherd-mirror";

/// At most so many contexts and profiles are shown: more than that nobody reads in a list.
const MOST: usize = 2_000;

/// What a mirrored context shows besides its specification.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shown {
    users: i64,
    groups: i64,
}

/// The mirrors of one connector, as they should be.
#[derive(Default)]
pub(super) struct Mirror {
    contexts: BTreeMap<String, (OxContextSpec, Shown)>,
    profiles: BTreeMap<String, (OxAccessProfileSpec, i64)>,
    looked: bool,
}

impl Mirror {
    /// Reads what the directory describes.
    pub(super) async fn look<S: Store>(&mut self, store: &S) -> Result<(), StateError> {
        let mut contexts = BTreeMap::new();
        for record in of_directory(store, &handles::contexts()).await? {
            let Some(spec) = context_spec(&record.desired) else { continue };
            let id = ContextId(u32::try_from(spec.id).unwrap_or(0));
            let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let shown = Shown {
                users: count(store.handle_count(&handles::all(id, "user")).await?),
                groups: count(store.handle_count(&handles::all(id, "group")).await?),
            };
            contexts.insert(format!("udm-context-{id}"), (spec, shown));
        }
        let mut profiles = BTreeMap::new();
        for record in of_directory(store, &handles::profile("")).await? {
            let Some(spec) = profile_spec(&record.desired) else { continue };
            let name = spec.name.clone().unwrap_or_default();
            let users = store.referrer_count(&handles::profile(&name)).await?;
            profiles.insert(object_name(&name), (spec, i64::try_from(users).unwrap_or(i64::MAX)));
        }
        (self.contexts, self.profiles, self.looked) = (contexts, profiles, true);
        Ok(())
    }

    /// Brings the objects in step with what was read.
    pub(super) async fn show(
        &self,
        scribe: &Scribe,
        cache: &Cache,
        namespace: &str,
        connector: &str,
    ) -> Result<(), WriteError> {
        if !self.looked {
            return Ok(());
        }
        let place = Place { client: scribe.client(), namespace, connector };
        for (name, (spec, shown)) in &self.contexts {
            let mut spec = spec.clone();
            connector.clone_into(&mut spec.connector_ref.name);
            let there = cache.contexts.get(namespace, name);
            if there.as_ref().is_none_or(|there| there.spec != spec || !place.owns(&**there)) {
                place.write::<OxContext>(name, &spec).await?;
            }
            let Some(there) = there else { continue };
            let former = there.status.as_ref();
            let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
            let make = |conditions: Vec<Condition>| ContextStatus {
                observed_generation: there.metadata.generation,
                conditions,
                quota: Some(spec.quota),
                users: Some(shown.users),
                groups: Some(shown.groups),
                admin_secret: None,
                last_sync: None,
                last_handled_reconcile_at: None,
            };
            publish(scribe, &*there, former, before, &mirrored(), make).await?;
        }
        for (name, (spec, users)) in &self.profiles {
            let there = cache.profiles.get(namespace, name);
            if there.as_ref().is_none_or(|there| there.spec != *spec || !place.owns(&**there)) {
                place.write::<OxAccessProfile>(name, spec).await?;
            }
            let Some(there) = there else { continue };
            let former = there.status.as_ref();
            let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
            let make = |conditions: Vec<Condition>| AccessProfileStatus {
                observed_generation: there.metadata.generation,
                conditions,
                users: Some(*users),
            };
            publish(scribe, &*there, former, before, &mirrored(), make).await?;
        }
        let wanted: BTreeSet<_> = self.contexts.keys().collect();
        for old in cache.contexts.of(namespace).iter().filter(|one| !wanted.contains(&one.name_any())) {
            place.remove(&**old).await?;
        }
        let wanted: BTreeSet<_> = self.profiles.keys().collect();
        for old in cache.profiles.of(namespace).iter().filter(|one| !wanted.contains(&one.name_any())) {
            place.remove(&**old).await?;
        }
        Ok(())
    }
}

fn mirrored() -> [Finding; 1] {
    let message = "mirrored from the directory: change it there, changes here take no effect";
    [Finding::yes(About::Ready, Reason::Mirrored, message)]
}

/// Where the mirrors of a connector are.
struct Place<'a> {
    client: &'a Client,
    namespace: &'a str,
    connector: &'a str,
}

impl Place<'_> {
    /// Whether an object is a mirror of this connector.
    fn owns(&self, object: &impl ResourceExt) -> bool {
        is_mirror(object) && object.labels().get(CONNECTOR).is_some_and(|connector| connector == self.connector)
    }

    async fn write<K: Kind>(&self, name: &str, spec: &impl Serialize) -> Result<(), WriteError> {
        let labels = json!({ ORIGIN: UDM, CONNECTOR: self.connector });
        let object = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "name": name, "labels": labels },
            "spec": spec,
        });
        let api = Api::<K>::namespaced(self.client.clone(), self.namespace);
        within(api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object))).await?;
        Ok(())
    }

    /// Removes a mirror that shows nothing any more.
    async fn remove<K: Kind>(&self, object: &K) -> Result<(), WriteError> {
        if !self.owns(object) || object.meta().deletion_timestamp.is_some() {
            return Ok(());
        }
        let api = Api::<K>::namespaced(self.client.clone(), self.namespace);
        match within(api.delete(&object.name_any(), &DeleteParams::default())).await {
            Err(error) if !error.is_gone() => Err(error),
            _ => Ok(()),
        }
    }
}

/// The records behind handles that begin with this text and that come from the directory.
async fn of_directory<S: Store>(store: &S, prefix: &Handle) -> Result<Vec<Record>, StateError> {
    const PAGE: u32 = 500;
    let mut records = Vec::new();
    let mut after: Option<Handle> = None;
    loop {
        let page = store.holders(prefix, after.as_ref(), PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        let own = page.into_iter().map(|(_, record)| record);
        records.extend(own.filter(|record| !record.object.to_string().starts_with("cr:")));
        if records.len() > MOST {
            records.truncate(MOST);
            break;
        }
    }
    Ok(records)
}

fn context_spec(desired: &Properties) -> Option<OxContextSpec> {
    let id = desired.number("contextid").ok().flatten()?;
    Some(OxContextSpec {
        connector_ref: ObjectRef { name: String::new() },
        id: i32::try_from(id).ok()?,
        name: desired.text("name").ok().flatten(),
        quota: desired.number("oxQuota").ok().flatten().unwrap_or(-1),
        login_mappings: desired.texts("loginMappings").unwrap_or_default(),
        admin_secret_ref: None,
        management_policy: ManagementPolicy::Observe,
        deletion_policy: ContextDeletionPolicy::Retain,
    })
}

fn profile_spec(desired: &Properties) -> Option<OxAccessProfileSpec> {
    let name = desired.text("name").ok().flatten()?;
    Some(OxAccessProfileSpec {
        display_name: desired.text("displayName").ok().flatten().unwrap_or_else(|| name.clone()),
        rights: AccessRights::granted(|right| desired.flag(right).unwrap_or(false)),
        name: Some(name),
    })
}

/// A name that Kubernetes allows, from one that the directory allows. Names that differ stay different.
fn object_name(name: &str) -> String {
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' { c } else { '-' })
        .take(100)
        .collect();
    if plain == name {
        return format!("udm-profile-{name}").trim_end_matches('-').to_owned();
    }
    let mut mark = crate::ox::settings::Settings::fingerprint(&name);
    mark.truncate(8);
    format!("udm-profile-{}-{mark}", plain.trim_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_profiles_become_names_of_objects() {
        assert_eq!(object_name("premium"), "udm-profile-premium");
        let others = ["Premium", "premium user", "premium_user", "Größe L", "-", "größe-l"].map(object_name);
        let distinct: BTreeSet<_> = others.iter().collect();
        assert_eq!(distinct.len(), others.len(), "{others:?}");
        for name in &others {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(plain) && !name.ends_with('-'), "{name}");
        }
    }
}
