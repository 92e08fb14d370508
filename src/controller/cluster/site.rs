//! From the objects of a namespace to what one connector needs: which of them count, what they refer to, and the same
//! [`Manifests`] that stand-alone connectors are resolved from. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;

use super::condition::Reason;
use super::references::{Reference, Referred};
use crate::api::{
    CredentialsRef, Manifests, OxAccessProfile, OxAttributeMapping, OxConnector, OxContext, SecretData, Tls,
};

/// The label that says where an object has its origin.
pub(super) const ORIGIN: &str = "oxherd.dev/origin";
/// The value of [`ORIGIN`] of what is mirrored from the directory.
pub(super) const UDM: &str = "udm";

/// Whether an object only shows what the directory has: it takes no effect.
pub(super) fn is_mirror(object: &impl ResourceExt) -> bool {
    object.labels().get(ORIGIN).is_some_and(|origin| origin == UDM)
}

/// The Secret in which the credentials of the administrator of a context are kept that oxherd creates.
pub(super) fn admin_secret(connector: &str, context: i64) -> String {
    format!("{connector}-context-{context}-admin")
}

/// What there is for one connector.
pub(super) struct View {
    pub connector: Arc<OxConnector>,
    /// Its contexts, without mirrors.
    pub contexts: Vec<Arc<OxContext>>,
    /// Its mapping, if it names one that exists.
    pub mapping: Option<Arc<OxAttributeMapping>>,
    /// All profiles of the namespace, without mirrors.
    pub profiles: Vec<Arc<OxAccessProfile>>,
}

/// A context that cannot be provisioned as it stands, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub reason: Reason,
    pub message: String,
}

/// Identifies everything that a configuration was made of.
pub(super) type Inputs = BTreeMap<String, String>;

/// What one connector needs.
#[derive(Clone)]
pub(super) struct Site {
    /// The objects.
    pub manifests: Manifests,
    /// What they were made of: equal inputs give equal configurations.
    pub inputs: Inputs,
    /// Contexts that were left out.
    pub refused: BTreeMap<String, Refused>,
}

impl View {
    fn name(&self) -> String {
        self.connector.name_any()
    }

    /// The contexts that are to be in OX: the oldest one of each number, without those that are being deleted.
    fn contexts(&self) -> (Vec<&Arc<OxContext>>, BTreeMap<String, Refused>) {
        let mut contexts: Vec<_> = self.contexts.iter().collect();
        contexts.sort_by_key(|context| (context.metadata.creation_timestamp.clone(), context.name_any()));
        let mut owners: BTreeMap<i32, String> = BTreeMap::new();
        let mut refused = BTreeMap::new();
        contexts.retain(|context| {
            let owner = owners.entry(context.spec.id).or_insert_with(|| context.name_any());
            let own = *owner == context.name_any();
            if !own {
                let message = format!(
                    "spec.id: OxContext '{owner}' is older and owns context {}: delete one of them",
                    context.spec.id
                );
                refused.insert(context.name_any(), Refused { reason: Reason::OwnedElsewhere, message });
            }
            own && context.metadata.deletion_timestamp.is_none()
        });
        (contexts, refused)
    }

    /// Everything that the connector, its mapping and its contexts refer to.
    pub(super) fn references(&self) -> BTreeSet<Reference> {
        let spec = &self.connector.spec;
        let mut wanted = BTreeSet::new();
        let mut secret = |name: &str| wanted.insert(Reference::Secret(name.to_owned()));
        secret(&spec.ox.credentials_ref.name);
        let sources = spec.source.nubus.iter();
        let credentials =
            sources.clone().flat_map(|nubus| nubus.admin_credentials_ref.iter().chain([&nubus.credentials_ref]));
        for reference in credentials.chain(spec.udm.iter().map(|udm| &udm.credentials_ref)) {
            secret(&reference.name);
        }
        for reference in spec.ox.context_credentials_ref.iter().chain(&spec.state.connection_ref) {
            secret(&reference.name);
        }
        for context in &self.contexts {
            secret(&self.admin_secret_of(context));
        }
        let tls = [Some(&spec.ox.tls), spec.udm.as_ref().map(|udm| &udm.tls)];
        let bundles = tls.into_iter().flatten().chain(sources.map(|nubus| &nubus.tls)).filter_map(bundle);
        let json = self.mapping.iter().filter_map(|mapping| mapping.spec.connector_json_ref.as_ref());
        let maps = bundles.chain(json.map(|reference| reference.name.as_str()));
        wanted.extend(maps.map(|name| Reference::ConfigMap(name.to_owned())));
        wanted
    }

    /// The Secret with the credentials of the administrator of a context.
    pub(super) fn admin_secret_of(&self, context: &OxContext) -> String {
        match &context.spec.admin_secret_ref {
            Some(reference) => reference.name.clone(),
            None => admin_secret(&self.name(), context.spec.id.into()),
        }
    }

    /// Puts everything together.
    pub(super) fn assemble(&self, referred: &BTreeMap<Reference, Referred>) -> Site {
        let (contexts, mut refused) = self.contexts();
        let mut manifests = Manifests::default();
        let mut inputs = Inputs::new();
        for (reference, found) in referred {
            inputs.insert(reference.label(), found.version().to_owned());
            match (reference, found) {
                (Reference::Secret(name), Referred::Secret(data, _)) => {
                    manifests.secrets.insert(name.clone(), data.clone());
                }
                (Reference::ConfigMap(name), Referred::ConfigMap(data, _)) => {
                    manifests.config_maps.insert(name.clone(), data.clone());
                }
                _ => {}
            }
        }
        for context in contexts {
            match self.described(context, referred) {
                Ok(described) => {
                    inputs.insert(format!("OxContext '{}'", context.name_any()), version(&**context));
                    manifests.contexts.insert(context.name_any(), described);
                }
                Err(why) => drop(refused.insert(context.name_any(), why)),
            }
        }
        for profile in self.profiles.iter().filter(|profile| profile.metadata.deletion_timestamp.is_none()) {
            inputs.insert(format!("OxAccessProfile '{}'", profile.name_any()), version(&**profile));
            manifests.profiles.insert(profile.name_any(), (**profile).clone());
        }
        if let Some(mapping) = &self.mapping {
            inputs.insert(format!("OxAttributeMapping '{}'", mapping.name_any()), version(&**mapping));
            manifests.mappings.insert(mapping.name_any(), (**mapping).clone());
        }
        inputs.insert("OxConnector".to_owned(), version(&*self.connector));
        manifests.connectors.insert(self.name(), (*self.connector).clone());
        Site { manifests, inputs, refused }
    }

    /// A context as it goes into the configuration: with the Secret of its administrator, if there is one.
    fn described(&self, context: &OxContext, referred: &BTreeMap<Reference, Referred>) -> Result<OxContext, Refused> {
        let name = self.admin_secret_of(context);
        let found = referred.get(&Reference::Secret(name.clone()));
        let Some(given) = &context.spec.admin_secret_ref else {
            let mut described = context.clone();
            let made = admin_reference(name);
            if let Some(Referred::Secret(data, _)) = found
                && missing(data, &made).is_none()
            {
                described.spec.admin_secret_ref = Some(made);
            }
            return Ok(described);
        };
        let problem = match found {
            Some(Referred::Secret(data, _)) => match missing(data, given) {
                None => return Ok(context.clone()),
                Some(key) => format!("Secret '{name}' has no text in key '{key}'"),
            },
            Some(Referred::Forbidden) => forbidden(&Reference::Secret(name)),
            _ => format!("there is no Secret '{name}': create it, or leave the field out to have one made"),
        };
        Err(Refused { reason: Reason::ReferenceMissing, message: format!("spec.adminSecretRef: {problem}") })
    }
}

/// Says that something may not be read, and what to do.
pub(super) fn forbidden(reference: &Reference) -> String {
    format!("the ServiceAccount of oxherd may not get, list and watch {}: extend its Role", reference.label())
}

/// The reference to a Secret that oxherd makes.
pub(super) fn admin_reference(name: String) -> CredentialsRef {
    CredentialsRef { name, username_key: "username".to_owned(), password_key: "password".to_owned() }
}

/// The first key that is missing.
fn missing<'a>(data: &SecretData, reference: &'a CredentialsRef) -> Option<&'a str> {
    let keys = [reference.username_key.as_str(), &reference.password_key];
    keys.into_iter().find(|key| data.text(key).is_none())
}

fn bundle(tls: &Tls) -> Option<&str> {
    tls.ca_bundle_ref.as_ref().map(|reference| reference.name.as_str())
}

/// Changes with each change of a specification, and with nothing else.
fn version(object: &impl ResourceExt) -> String {
    format!("{} {}", object.uid().unwrap_or_default(), object.meta().generation.unwrap_or_default())
}
