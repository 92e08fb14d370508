//! Entries of the directory.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::dn;
use super::filter::ldap_values;
use super::kind::{Kind, Shape};
use crate::simulator::nubus::clock;

/// A quoted tag of 40 digits that is another one for other parts.
pub fn entity_tag<'p>(parts: impl IntoIterator<Item = &'p str>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        digest.update([0]);
    }
    digest.finalize().iter().take(20).fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\""
}

/// An entry. Only what is set is stored; what is shown beside it is in `picture`.
#[derive(Clone, Debug)]
pub struct Object {
    /// Place in the order of creation; never given twice.
    pub number: u64,
    /// Its type.
    pub kind: Kind,
    /// Its distinguished name.
    pub dn: String,
    /// The `entryUUID` of LDAP.
    pub uuid: String,
    /// The stored `univentionObjectIdentifier`.
    pub identifier: Option<String>,
    /// Number of the last write to this entry.
    pub csn: u64,
    /// When it was created.
    pub created: Timestamp,
    /// When it was written last.
    pub modified: Timestamp,
    values: Vec<(Cow<'static, str>, Value)>,
}

impl Object {
    /// An entry without properties.
    pub fn new(kind: Kind, dn: String, uuid: String) -> Self {
        let now = Timestamp::now();
        Self { number: 0, kind, dn, uuid, identifier: None, csn: 0, created: now, modified: now, values: Vec::new() }
    }

    /// A stored property.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(stored, _)| stored == name).map(|(_, value)| value)
    }

    /// A stored property that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The texts of a stored list.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Stores a property; `null`, `""` and `[]` clear it.
    pub fn set(&mut self, name: &str, value: Value) {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        let place = self.values.iter().position(|(stored, _)| stored == name);
        match (place, empty) {
            (Some(place), true) => {
                self.values.remove(place);
            }
            (Some(place), false) => self.values[place].1 = value,
            (None, true) => {}
            (None, false) => {
                let known = self.kind.property(name).map(|property| Cow::Borrowed(property.name));
                self.values.push((known.unwrap_or_else(|| Cow::Owned(name.to_owned())), value));
                self.values.shrink_to_fit();
            }
        }
    }

    /// The names of all stored properties.
    pub fn names(&self) -> Vec<String> {
        self.values.iter().map(|(name, _)| name.clone().into_owned()).collect()
    }

    /// The name by which people know it.
    pub fn name(&self) -> String {
        self.text(self.kind.module().naming).map_or_else(|| dn::name(&self.dn), str::to_owned)
    }

    /// The distinguished names that it refers to and that follow when their objects move.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.reference_lists().iter().flat_map(|list| self.texts(list))
    }

    /// The properties that hold them.
    pub const fn reference_lists(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Group => &["users", "nestedGroup"],
            Kind::FunctionalAccount => &["users", "groups"],
            _ => &[],
        }
    }

    /// The mail addresses that nobody else may have.
    pub fn address(&self) -> Option<&str> {
        let property = match self.kind {
            Kind::User | Kind::FunctionalAccount | Kind::SharedAccount => "mailPrimaryAddress",
            Kind::Group => "mailAddress",
            Kind::Resource => "resourceMailAddress",
            _ => return None,
        };
        self.text(property)
    }

    /// The entity tag, quoted: 40 digits that change with each write to the entry.
    pub fn tag(&self) -> String {
        entity_tag([self.dn.as_str(), self.kind.name(), &self.csn.to_string(), &self.uuid])
    }

    /// The values of an attribute, by its name in LDAP or UDM; `None` if it does not exist at all.
    pub fn ldap(&self, attribute: &str) -> Option<Vec<String>> {
        let same = |name: &str| name.eq_ignore_ascii_case(attribute);
        let one = |text: &str| Some(vec![text.to_owned()]);
        match () {
            () if same("objectClass") => one("univentionObject"),
            () if same("entryUUID") => one(&self.uuid),
            () if same("entryDN") => one(&self.dn),
            () if same("univentionObjectType") => one(self.kind.name()),
            () if same("univentionObjectIdentifier") => Some(self.identifier.iter().cloned().collect()),
            () if same("modifyTimestamp") => one(&clock::ldap(self.modified)),
            () if same("createTimestamp") => one(&clock::ldap(self.created)),
            () if same("cn") && self.kind == Kind::User => {
                let parts: Vec<&str> = ["firstname", "lastname"].iter().filter_map(|name| self.text(name)).collect();
                one(&parts.join(" "))
            }
            () => {
                let known =
                    self.kind.module().properties.iter().find(|property| same(property.name) || same(property.ldap));
                match known {
                    Some(property) if property.shape == Shape::Computed => None,
                    Some(property) => Some(self.get(property.name).map(ldap_values).unwrap_or_default()),
                    None => {
                        let stored = self.values.iter().find(|(name, _)| same(name));
                        stored.map(|(_, value)| ldap_values(value))
                    }
                }
            }
        }
    }
}
