//! Written forms of a mapping: the YAML form and the `AttributeMapping.json` of the existing connector.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{COMPUTED, Clear, Entry, MANDATORY, Mapping, Transform, default, is_secret};
use crate::ox::attribute::{Attribute, UnknownAttribute};

/// A mapping as administrators write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingSpec {
    /// What the entries change.
    #[serde(default)]
    pub base: Base,
    /// Entries that are added to the base or replace one of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntrySpec>,
}

/// What a mapping starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Base {
    /// The built-in mapping.
    #[default]
    Default,
    /// Nothing: only the entries count.
    None,
}

/// One attribute of a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntrySpec {
    /// The attribute of OX, such as `telephone_business1`.
    pub attribute: String,
    /// The UDM property of the user. Without one the attribute is left alone in OX, also if the base maps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Properties that are used in this order while `property` has no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    /// Which value of a multi-valued property is taken, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// What happens to the value. Without it the kind of attribute decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
    /// The value is sent when the user is created and never again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub create_only: bool,
    /// A user without a value is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What happens in OX when the directory no longer has a value.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clear: Clear,
    /// New values are kept in the audit trail, not only the name of the attribute.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub audit_values: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What is wrong with one entry of a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The attribute does not exist.
    #[error(transparent)]
    UnknownAttribute(#[from] UnknownAttribute),
    /// The attribute is made by oxherd.
    #[error("'{0}' is made by oxherd and cannot be mapped")]
    Computed(Attribute),
    /// Two entries for one attribute.
    #[error("'{0}' is mapped twice")]
    Twice(Attribute),
    /// OX cannot create users without the attribute.
    #[error("'{0}' must be mapped, because OX creates no user without it")]
    Mandatory(Attribute),
    /// The transformation gives something that the attribute does not take.
    #[error("transformation {transform:?} does not suit '{attribute}'")]
    Transform {
        /// The attribute.
        attribute: Attribute,
        /// The transformation.
        transform: Transform,
    },
    /// Surely a typing mistake.
    #[error("'{attribute}' is mapped to '{property}', which no user has; did you mean '{nearest}'?")]
    Misspelt {
        /// The attribute.
        attribute: Attribute,
        /// The name that was given.
        property: String,
        /// The name that was probably meant.
        nearest: &'static str,
    },
    /// Passwords and hashes never leave the directory.
    #[error("'{attribute}' is mapped to '{property}', which is secret and cannot be mapped")]
    Secret {
        /// The attribute.
        attribute: Attribute,
        /// The property.
        property: String,
    },
    /// The file is not what the existing connector writes.
    #[error("not an AttributeMapping.json: {0}")]
    Json(String),
}

/// Everything that is wrong with a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingErrors(pub Vec<MappingError>);

impl fmt::Display for MappingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for MappingErrors {}

impl Mapping {
    /// Checks a written mapping.
    pub fn from_spec(spec: &MappingSpec) -> Result<Self, MappingErrors> {
        let mut entries: BTreeMap<Attribute, Entry> = match spec.base {
            Base::Default => default::entries().collect(),
            Base::None => BTreeMap::new(),
        };
        let mut errors = Vec::new();
        let mut seen = BTreeSet::new();
        for written in &spec.entries {
            match written.attribute.parse::<Attribute>() {
                Err(error) => errors.push(error.into()),
                Ok(attribute) if !seen.insert(attribute) => errors.push(MappingError::Twice(attribute)),
                Ok(attribute) => match written.check(attribute) {
                    Err(error) => errors.push(error),
                    Ok(Some(entry)) => {
                        entries.insert(attribute, entry);
                    }
                    Ok(None) => {
                        entries.remove(&attribute);
                    }
                },
            }
        }
        let unmapped = MANDATORY.iter().filter(|attribute| !entries.contains_key(attribute) && errors.is_empty());
        errors.extend(unmapped.copied().map(MappingError::Mandatory).collect::<Vec<_>>());
        for attribute in MANDATORY {
            if let Some(entry) = entries.get_mut(attribute) {
                entry.required = true;
            }
        }
        if errors.is_empty() { Ok(Self::new(entries)) } else { Err(MappingErrors(errors)) }
    }

    /// The shortest written form: the differences from the built-in mapping.
    pub fn to_spec(&self) -> MappingSpec {
        let base: BTreeMap<Attribute, Entry> = default::entries().collect();
        let unset = base.keys().filter(|attribute| !self.entries.contains_key(attribute));
        let changed = self.entries.iter().filter(|(attribute, entry)| base.get(attribute) != Some(entry));
        let mut entries: Vec<EntrySpec> = changed
            .map(|(attribute, entry)| EntrySpec::of(*attribute, entry))
            .chain(unset.map(|attribute| EntrySpec { attribute: attribute.to_string(), ..EntrySpec::default() }))
            .collect();
        entries.sort_by(|a, b| a.attribute.cmp(&b.attribute));
        MappingSpec { base: Base::Default, entries }
    }

    /// The complete written form: every entry, built upon nothing.
    pub fn to_full_spec(&self) -> MappingSpec {
        let entries = self.entries.iter().map(|(attribute, entry)| EntrySpec::of(*attribute, entry)).collect();
        MappingSpec { base: Base::None, entries }
    }

    /// Reads the `AttributeMapping.json` of the existing connector.
    pub fn from_connector_json(text: &str) -> Result<Self, MappingErrors> {
        let file: BTreeMap<String, ConnectorEntry> =
            serde_json::from_str(text).map_err(|error| MappingErrors(vec![MappingError::Json(error.to_string())]))?;
        let entries = file
            .into_iter()
            .filter(|(attribute, _)| !CONNECTOR_COMPUTED.contains(&attribute.as_str()))
            .map(|(attribute, entry)| entry.to_spec(attribute))
            .collect();
        Self::from_spec(&MappingSpec { base: Base::None, entries })
    }

    /// What an administrator should look at: properties that no Univention directory has by itself. They may be extended
    /// attributes, so they are no errors.
    pub fn warnings(&self) -> Vec<String> {
        let foreign = |name: &&str| !known().any(|known| known == *name);
        let warn = |attribute: &Attribute, property: &str| {
            let nearest =
                known().max_by(|a, b| strsim::jaro_winkler(a, property).total_cmp(&strsim::jaro_winkler(b, property)));
            format!(
                "'{attribute}' is mapped to '{property}', which is taken for an extended attribute; did you mean '{}'?",
                nearest.unwrap_or_default()
            )
        };
        self.entries
            .iter()
            .flat_map(|(attribute, entry)| {
                entry.properties().filter(foreign).map(move |property| warn(attribute, property)).collect::<Vec<_>>()
            })
            .collect()
    }
}

impl EntrySpec {
    fn of(attribute: Attribute, entry: &Entry) -> Self {
        Self {
            attribute: attribute.to_string(),
            property: Some(entry.property.clone()),
            alternatives: entry.alternatives.clone(),
            index: (entry.index > 0).then_some(entry.index),
            transform: (entry.transform != Transform::natural(attribute)).then_some(entry.transform),
            create_only: entry.create_only,
            required: entry.required,
            clear: entry.clear,
            audit_values: entry.audit_values,
        }
    }

    /// The checked entry; none if the attribute is to be left alone.
    fn check(&self, attribute: Attribute) -> Result<Option<Entry>, MappingError> {
        if COMPUTED.contains(&attribute) {
            return Err(MappingError::Computed(attribute));
        }
        let Some(property) = self.property.as_deref().map(str::trim).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let transform = self.transform.unwrap_or_else(|| Transform::natural(attribute));
        if !transform.suits(attribute) {
            return Err(MappingError::Transform { attribute, transform });
        }
        for name in std::iter::once(property).chain(self.alternatives.iter().map(String::as_str)) {
            if is_secret(name) {
                return Err(MappingError::Secret { attribute, property: name.to_owned() });
            }
            if let Some(nearest) = misspelt(name) {
                return Err(MappingError::Misspelt { attribute, property: name.to_owned(), nearest });
            }
        }
        Ok(Some(Entry {
            property: property.to_owned(),
            alternatives: self.alternatives.clone(),
            index: self.index.unwrap_or(0),
            transform,
            create_only: self.create_only,
            required: self.required,
            clear: self.clear,
            audit_values: self.audit_values,
        }))
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    default::PROPERTIES.iter().copied().chain(default::KNOWN.iter().copied())
}

/// The known property that was surely meant: the same in another case, or an `ox…` name or a long one with one wrong
/// letter. Names that differ in a digit are different things (`phone2`).
fn misspelt(name: &str) -> Option<&'static str> {
    if known().any(|known| known == name) {
        return None;
    }
    let ends_in_digit = name.ends_with(|c: char| c.is_ascii_digit());
    let tolerance = match name {
        _ if name.starts_with("ox") => 2,
        _ if name.len() >= 6 && !ends_in_digit => 1,
        _ => 0,
    };
    known()
        .map(|known| (strsim::osa_distance(&known.to_lowercase(), &name.to_lowercase()), known))
        .filter(|(distance, known)| {
            *distance <= tolerance && (*distance == 0 || known.ends_with(|c: char| c.is_ascii_digit()) == ends_in_digit)
        })
        .min()
        .map(|(_, known)| known)
}

/// Keys of an `AttributeMapping.json` that the existing connector computes whatever the file says, or cannot send.
const CONNECTOR_COMPUTED: &[&str] = &[
    "context_admin",
    "default_sender_address",
    "gui_spam_filter_enabled",
    "id",
    "imap_login",
    "language",
    "mail_enabled",
    "name",
    "password",
    "primary_email",
    "timezone",
    "used_quota",
];

#[derive(Deserialize)]
struct ConnectorEntry {
    ldap_attribute: Option<String>,
    #[serde(default = "nillable")]
    nillable: bool,
    #[serde(default)]
    special_handling: Option<String>,
    #[serde(default)]
    alternative_attributes: Option<Vec<String>>,
    #[serde(default)]
    position: Option<usize>,
}

fn nillable() -> bool {
    true
}

impl ConnectorEntry {
    fn to_spec(&self, attribute: String) -> EntrySpec {
        let transform = match self.special_handling.as_deref().map(str::to_ascii_uppercase).as_deref() {
            Some("DATE") => Some(Transform::Date),
            Some("IMAGE") => Some(Transform::Image),
            Some("IMAP_URL") => Some(Transform::ImapServer),
            Some("SMTP_URL") => Some(Transform::SmtpServer),
            _ => None,
        };
        EntrySpec {
            attribute,
            property: self.ldap_attribute.clone(),
            alternatives: self.alternative_attributes.clone().unwrap_or_default(),
            index: self.position,
            transform,
            create_only: false,
            required: !self.nillable,
            clear: Clear::Empty,
            audit_values: false,
        }
    }
}
