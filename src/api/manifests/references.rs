//! Whether what the objects of a folder refer to is there.

use std::collections::BTreeMap;

use super::read::Gathered;
use crate::api::validate::suggestion;
use crate::api::{ConfigMapKeyRef, CredentialsRef, SecretKeyRef, Tls};

/// A problem with a field of an object.
type Finding = (&'static str, String, String, String);

/// Notes references that lead nowhere, and contexts with the same number.
pub(super) fn check(gathered: &mut Gathered) {
    let mut findings = Vec::new();
    connectors(gathered, &mut findings);
    contexts(gathered, &mut findings);
    for (name, mapping) in &gathered.manifests.mappings {
        let mut seeker = Seeker { gathered, kind: "OxAttributeMapping", name, findings: &mut findings };
        seeker.config_map("spec.connectorJsonRef", mapping.spec.connector_json_ref.as_ref());
    }
    for (kind, name, field, problem) in findings {
        gathered.problem_of(kind, &name, &field, problem);
    }
}

fn connectors(gathered: &Gathered, findings: &mut Vec<Finding>) {
    for (name, connector) in &gathered.manifests.connectors {
        let spec = &connector.spec;
        let mut seeker = Seeker { gathered, kind: "OxConnector", name, findings };
        seeker.credentials("spec.ox.credentialsRef", Some(&spec.ox.credentials_ref));
        seeker.secret("spec.ox.contextCredentialsRef", spec.ox.context_credentials_ref.as_ref());
        seeker.tls("spec.ox.tls", &spec.ox.tls);
        if let Some(nubus) = &spec.source.nubus {
            seeker.credentials("spec.source.nubus.credentialsRef", Some(&nubus.credentials_ref));
            seeker.credentials("spec.source.nubus.adminCredentialsRef", nubus.admin_credentials_ref.as_ref());
            seeker.tls("spec.source.nubus.tls", &nubus.tls);
        }
        if let Some(udm) = &spec.udm {
            seeker.credentials("spec.udm.credentialsRef", Some(&udm.credentials_ref));
            seeker.tls("spec.udm.tls", &udm.tls);
        }
        seeker.secret("spec.state.connectionRef", spec.state.connection_ref.as_ref());
        if let Some(mapping) = &spec.mapping_ref {
            let known = gathered.manifests.mappings.keys();
            seeker.object("spec.mappingRef.name", "OxAttributeMapping", &mapping.name, known);
        }
    }
}

fn contexts(gathered: &Gathered, findings: &mut Vec<Finding>) {
    let mut numbers = BTreeMap::new();
    for (name, context) in &gathered.manifests.contexts {
        let spec = &context.spec;
        let mut seeker = Seeker { gathered, kind: "OxContext", name, findings };
        let known = gathered.manifests.connectors.keys();
        seeker.object("spec.connectorRef.name", "OxConnector", &spec.connector_ref.name, known);
        seeker.credentials("spec.adminSecretRef", spec.admin_secret_ref.as_ref());
        if let Some(other) = numbers.insert((&spec.connector_ref.name, spec.id), name) {
            seeker.note("spec.id", format!("is that of OxContext '{other}' as well: each context needs its own"));
        }
    }
}

/// Looks for what one object refers to.
struct Seeker<'a> {
    gathered: &'a Gathered,
    kind: &'static str,
    name: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Seeker<'_> {
    fn note(&mut self, field: &str, problem: String) {
        self.findings.push((self.kind, self.name.to_owned(), field.to_owned(), problem));
    }

    /// Whether there is an object of this name.
    fn object<'b>(
        &mut self,
        field: &str,
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'b String> + Clone,
    ) -> bool {
        let found = known.clone().any(|known| known == name);
        if !found {
            let hint = if known.clone().next().is_none() {
                format!("add a manifest of kind {kind}")
            } else {
                suggestion(name, known.map(String::as_str))
            };
            self.note(field, format!("refers to {kind} '{name}', which is in no file; {hint}"));
        }
        found
    }

    fn key<'b>(&mut self, field: &str, key: &str, known: impl Iterator<Item = &'b str> + Clone) {
        if !known.clone().any(|known| known == key) {
            self.note(field, format!("names key '{key}', which is not there; {}", suggestion(key, known)));
        }
    }

    fn secret_keys(&mut self, field: &str, name: &str, keys: &[(&str, &str)]) {
        let secrets = &self.gathered.manifests.secrets;
        if self.object(&format!("{field}.name"), "Secret", name, secrets.keys())
            && let Some(secret) = secrets.get(name)
        {
            for (key_field, key) in keys {
                self.key(&format!("{field}.{key_field}"), key, secret.keys());
            }
        }
    }

    fn credentials(&mut self, field: &str, reference: Option<&CredentialsRef>) {
        if let Some(reference) = reference {
            let keys = [("usernameKey", reference.username_key.as_str()), ("passwordKey", &reference.password_key)];
            self.secret_keys(field, &reference.name, &keys);
        }
    }

    fn secret(&mut self, field: &str, reference: Option<&SecretKeyRef>) {
        if let Some(reference) = reference {
            self.secret_keys(field, &reference.name, &[("key", &reference.key)]);
        }
    }

    fn config_map(&mut self, field: &str, reference: Option<&ConfigMapKeyRef>) {
        let Some(reference) = reference else { return };
        let maps = &self.gathered.manifests.config_maps;
        if self.object(&format!("{field}.name"), "ConfigMap", &reference.name, maps.keys())
            && let Some(map) = maps.get(&reference.name)
        {
            self.key(&format!("{field}.key"), &reference.key, map.keys().map(String::as_str));
        }
    }

    fn tls(&mut self, field: &str, tls: &Tls) {
        self.config_map(&format!("{field}.caBundleRef"), tls.ca_bundle_ref.as_ref());
    }
}
