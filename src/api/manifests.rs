//! Standalone mode: the custom resources, and the Secrets and `ConfigMaps` that they refer to, from a folder of YAML files.

mod read;
mod references;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::{CredentialsRef, OxAccessProfile, OxAttributeMapping, OxConnector, OxContext, SecretKeyRef};

/// All objects of a folder, by name.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// Connectors.
    pub connectors: BTreeMap<String, OxConnector>,
    /// Contexts.
    pub contexts: BTreeMap<String, OxContext>,
    /// Attribute mappings.
    pub mappings: BTreeMap<String, OxAttributeMapping>,
    /// Access profiles.
    pub profiles: BTreeMap<String, OxAccessProfile>,
    /// Secrets. Printing them shows no value.
    pub secrets: BTreeMap<String, SecretData>,
    /// `ConfigMaps`.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
}

impl Manifests {
    /// Reads all `*.yaml` and `*.yml` files of a folder. Everything that is wrong with any of them is reported at once.
    ///
    /// Relative paths in manifests (the spool folder) are taken as relative to the folder.
    pub fn read(folder: &Path) -> Result<Self, ManifestErrors> {
        read::folder(folder)
    }

    /// User name and password.
    pub fn credentials(&self, reference: &CredentialsRef) -> Result<(String, SecretString), MissingKey> {
        let part = |key: &String| self.secret(&SecretKeyRef { name: reference.name.clone(), key: key.clone() });
        let user = part(&reference.username_key)?;
        Ok((user.expose_secret().to_owned(), part(&reference.password_key)?))
    }

    /// One value of a Secret.
    pub fn secret(&self, reference: &SecretKeyRef) -> Result<SecretString, MissingKey> {
        self.secrets.get(&reference.name).and_then(|secret| secret.text(&reference.key)).ok_or_else(|| MissingKey {
            kind: "Secret",
            name: reference.name.clone(),
            key: reference.key.clone(),
        })
    }
}

/// A reference leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} '{name}' has no text in key '{key}'")]
pub struct MissingKey {
    /// What is referred to.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// The values of a Secret.
#[derive(Clone, Default)]
pub struct SecretData(BTreeMap<String, SecretSlice<u8>>);

impl SecretData {
    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&SecretSlice<u8>> {
        self.0.get(key)
    }

    /// The value of a key, if it is a text.
    pub fn text(&self, key: &str) -> Option<SecretString> {
        let bytes = self.0.get(key)?.expose_secret().to_vec();
        String::from_utf8(bytes).ok().map(SecretString::from)
    }

    fn set(&mut self, key: String, value: Vec<u8>) {
        self.0.insert(key, SecretSlice::from(value));
    }
}

impl FromIterator<(String, Vec<u8>)> for SecretData {
    fn from_iter<T: IntoIterator<Item = (String, Vec<u8>)>>(values: T) -> Self {
        Self(values.into_iter().map(|(key, value)| (key, SecretSlice::from(value))).collect())
    }
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

/// What is wrong in a manifest, and where. Holds no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Which file.
    pub file: PathBuf,
    /// Which document in it, counted from 1; none if the file as a whole is meant.
    pub document: Option<usize>,
    /// Which object, for instance `OxContext 'sales'`.
    pub object: Option<String>,
    /// Which field, for instance `spec.quota`.
    pub field: Option<String>,
    /// What is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(document) = self.document {
            write!(f, ", document {document}")?;
        }
        if let Some(object) = &self.object {
            write!(f, ", {object}")?;
        }
        match &self.field {
            Some(field) => write!(f, ": {field} {}", self.problem),
            None => write!(f, ": {}", self.problem),
        }
    }
}

/// Everything that is wrong in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestErrors(pub Vec<ManifestError>);

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestErrors {}

#[cfg(test)]
mod tests;
