//! The directory: objects, the ways to find them, and what a change of one does to others.

mod change;
mod defaults;
pub mod dn;
mod filter;
mod kind;
mod object;
mod picture;
mod schema;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

pub use change::Change;
pub use defaults::converted;
pub use filter::Filter;
pub use kind::{Kind, Module, Property, Shape};
pub use object::{Object, entity_tag};
pub use picture::{Json, Shape as PictureShape, Snapshot};

use crate::simulator::random::Chance;

/// Why the directory refuses something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// No such object type here.
    #[error("object type {0} is not simulated")]
    UnknownType(String),
    /// Not an object with this distinguished name (or identifier).
    #[error("no such object: {0}")]
    NoSuchObject(String),
    /// The place for an object does not exist.
    #[error("no such object")]
    NoPosition,
    /// There is one already.
    #[error("object exists: {0}")]
    DnTaken(String),
    /// Users and groups share one name space.
    #[error("the name {name} is in use")]
    NameTaken {
        /// Type of the object that wants it.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The identifier belongs to another object.
    #[error("the identifier {0} is in use")]
    IdentifierTaken(String),
    /// The address belongs to another object.
    #[error("the mail address {0} is in use")]
    AddressTaken(String),
    /// Refused with a text.
    #[error("{0}")]
    Refused(String),
    /// Not a listener file.
    #[error("not a listener file: {0}")]
    NoListenerFile(&'static str),
}

/// Where a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The position and everything below it.
    Sub,
    /// What lies directly below.
    One,
    /// The position itself.
    Base,
    /// The position and what lies directly below.
    BaseAndOne,
}

/// All objects.
#[derive(Debug)]
pub struct Directory {
    /// Distinguished name of the root.
    pub base: String,
    /// Whether identifiers are generated.
    pub generate_identifiers: bool,
    objects: BTreeMap<u64, Arc<Object>>,
    next_number: u64,
    csn: u64,
    by_dn: HashMap<String, u64>,
    by_uuid: HashMap<String, u64>,
    by_identifier: HashMap<String, u64>,
    by_name: HashMap<String, u64>,
    by_address: HashMap<String, u64>,
    by_kind: BTreeMap<Kind, BTreeSet<u64>>,
    referrers: HashMap<String, BTreeSet<u64>>,
    /// Properties beyond the tables, as of installed extensions: whether they are lists.
    extensions: BTreeMap<Kind, BTreeMap<String, bool>>,
    next_uid: u64,
    next_gid: u64,
    changes: Vec<Change>,
    chance: Arc<Chance>,
}

impl Directory {
    /// A directory with the default containers.
    pub fn new(base: &str, generate_identifiers: bool, chance: Arc<Chance>) -> Self {
        let mut directory = Self {
            base: base.to_owned(),
            generate_identifiers,
            objects: BTreeMap::new(),
            next_number: 1,
            csn: 0,
            by_dn: HashMap::new(),
            by_uuid: HashMap::new(),
            by_identifier: HashMap::new(),
            by_name: HashMap::new(),
            by_address: HashMap::new(),
            by_kind: BTreeMap::new(),
            referrers: HashMap::new(),
            extensions: BTreeMap::new(),
            next_uid: 2000,
            next_gid: 5000,
            changes: Vec::new(),
            chance,
        };
        directory.ensure_containers(base);
        for kind in Kind::ALL {
            let container = kind.module().container;
            if !container.is_empty() {
                directory.ensure_containers(&format!("{container},{base}"));
            }
        }
        directory.changes.clear();
        directory
    }

    /// The object with a distinguished name.
    pub fn find(&self, dn: &str) -> Option<Arc<Object>> {
        self.at(self.by_dn.get(&dn::key(dn)))
    }

    /// The object with an `entryUUID`.
    pub fn by_uuid(&self, uuid: &str) -> Option<Arc<Object>> {
        self.at(self.by_uuid.get(&uuid.to_lowercase()))
    }

    /// The object with a stored `univentionObjectIdentifier`.
    pub fn by_identifier(&self, identifier: &str) -> Option<Arc<Object>> {
        self.at(self.by_identifier.get(&identifier.to_lowercase()))
    }

    /// The object that has a mail address for itself.
    pub fn by_address(&self, address: &str) -> Option<Arc<Object>> {
        self.at(self.by_address.get(&address.to_lowercase()))
    }

    /// The user or group with a name.
    pub fn by_name(&self, name: &str) -> Option<Arc<Object>> {
        self.at(self.by_name.get(&name.to_lowercase()))
    }

    /// All objects of a type, in the order of their creation.
    pub fn of_kind(&self, kind: &str) -> Vec<Arc<Object>> {
        Kind::named(kind).map(|kind| self.all(kind).cloned().collect()).unwrap_or_default()
    }

    /// All objects of a type, in the order of their creation.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Arc<Object>> {
        self.by_kind.get(&kind).into_iter().flatten().filter_map(|number| self.objects.get(number))
    }

    /// The objects of a type that a filter matches, in the order of their creation.
    pub fn search(&self, kind: Kind, position: &str, scope: Scope, filter: &Filter) -> Vec<Arc<Object>> {
        let position = dn::key(position);
        let everywhere = scope == Scope::Sub && position == dn::key(&self.base);
        let inside = |object: &Object| {
            let key = || dn::key(&object.dn);
            let directly = || dn::key(dn::parent(&object.dn)) == position;
            match scope {
                Scope::Sub => everywhere || key() == position || dn::is_below(&key(), &position),
                Scope::One => directly(),
                Scope::Base => key() == position,
                Scope::BaseAndOne => directly() || key() == position,
            }
        };
        let matches = |object: &Object| {
            let values = |attribute: &str| {
                if attribute.eq_ignore_ascii_case("memberOf") || attribute.eq_ignore_ascii_case("groups") {
                    return Some(self.groups_of(object));
                }
                object.ldap(attribute)
            };
            filter.matches(&values) == Some(true) && inside(object)
        };
        match self.candidates(kind, filter) {
            Some(numbers) => {
                let found = numbers.iter().filter_map(|number| self.objects.get(number));
                found.filter(|object| object.kind == kind && matches(object)).cloned().collect()
            }
            None => self.all(kind).filter(|object| matches(object)).cloned().collect(),
        }
    }

    /// What the indexes say about a filter.
    fn candidates(&self, kind: Kind, filter: &Filter) -> Option<BTreeSet<u64>> {
        let from = |index: &HashMap<String, u64>, values: Vec<&str>| {
            values.iter().filter_map(|value| index.get(*value).copied()).collect()
        };
        if let Some(values) = filter.must_equal(&["univentionObjectIdentifier"]) {
            return Some(from(&self.by_identifier, values));
        }
        if let Some(values) = filter.must_equal(&["entryUUID"]) {
            return Some(from(&self.by_uuid, values));
        }
        if let Some(values) = filter.must_equal(&["entryDN"]) {
            return Some(values.iter().filter_map(|value| self.by_dn.get(&dn::key(value)).copied()).collect());
        }
        let names = match kind {
            Kind::User => filter.must_equal(&["uid", "username"]),
            Kind::Group => filter.must_equal(&["cn", "name"]),
            _ => None,
        };
        names.map(|values| from(&self.by_name, values))
    }

    /// The distinguished names of the groups that an object is a direct member of.
    pub fn groups_of(&self, object: &Object) -> Vec<String> {
        let groups = self.referrers_of(&object.dn).filter(|group| group.kind == Kind::Group);
        groups.map(|group| group.dn.clone()).collect()
    }

    /// The objects that refer to a distinguished name, in the order of their creation.
    fn referrers_of(&self, dn: &str) -> impl Iterator<Item = &Arc<Object>> {
        let numbers = self.referrers.get(&dn::key(dn)).into_iter().flatten();
        numbers.filter_map(|number| self.objects.get(number))
    }

    /// The member of a group that is neither user nor group, which makes each reading of the group fail.
    pub fn foreign_member(&self, group: &Object) -> Option<Arc<Object>> {
        if group.kind != Kind::Group {
            return None;
        }
        let members = group.references().filter_map(|dn| self.find(dn));
        members.into_iter().find(|member| !matches!(member.kind, Kind::User | Kind::Group))
    }

    /// The objects below a distinguished name, nearest first.
    pub fn below(&self, dn: &str) -> Vec<Arc<Object>> {
        if self.find(dn).is_none_or(|object| !object.kind.is_container()) {
            return Vec::new();
        }
        let ancestor = dn::key(dn);
        let mut below: Vec<(usize, u64)> = self
            .by_dn
            .iter()
            .filter(|(key, _)| dn::is_below(key, &ancestor))
            .map(|(key, number)| (key.matches('\u{1}').count(), *number))
            .collect();
        below.sort_unstable();
        below.iter().filter_map(|(_, number)| self.objects.get(number).cloned()).collect()
    }

    /// Whether objects of a type can have a property here.
    pub fn knows_property(&self, kind: Kind, name: &str) -> bool {
        kind.property(name).is_some() || self.extensions.get(&kind).is_some_and(|names| names.contains_key(name))
    }

    /// Takes the stored identifier from an object, without any message.
    pub fn forget_identifier(&mut self, dn: &str) -> Result<(), DirectoryError> {
        let object = self.expect(dn)?;
        let mut object = (*object).clone();
        object.identifier = None;
        self.store(object);
        self.changes.pop();
        Ok(())
    }

    /// What has changed since the last call. What others hold of an object (its groups) is shown as it is now: the real service
    /// converts a change when it comes to it, not when it happens.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = std::mem::take(&mut self.changes);
        for change in &mut changes {
            if let Some(new) = &mut change.new {
                *new = self.snapshot(&new.object);
            }
        }
        changes
    }

    /// An object with what is shown of it that others hold.
    pub fn snapshot(&self, object: &Arc<Object>) -> Arc<Snapshot> {
        let groups = match object.kind {
            Kind::User | Kind::Group => self.groups_of(object),
            _ => Vec::new(),
        };
        Arc::new(Snapshot { object: Arc::clone(object), groups })
    }

    /// A random identifier (UUID version 4).
    pub fn new_identifier(&self) -> String {
        let (high, low) = (self.chance.number(), self.chance.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }

    fn at(&self, number: Option<&u64>) -> Option<Arc<Object>> {
        number.and_then(|number| self.objects.get(number)).cloned()
    }

    fn expect(&self, dn: &str) -> Result<Arc<Object>, DirectoryError> {
        self.find(dn).ok_or_else(|| DirectoryError::NoSuchObject(dn.to_owned()))
    }

    /// Notes a property that is in no table, so that all objects of the type show it.
    fn note_extension(&mut self, kind: Kind, name: &str, value: &Value) {
        if kind.property(name).is_none() && !value.is_null() {
            self.extensions.entry(kind).or_default().insert(name.to_owned(), value.is_array());
        }
    }

    /// Writes an object, new or known by its number, and notes the change.
    fn store(&mut self, mut object: Object) -> Arc<Object> {
        self.csn += 1;
        object.csn = self.csn;
        object.modified = jiff::Timestamp::now();
        if object.number == 0 {
            object.number = self.next_number;
            self.next_number += 1;
        }
        let before = self.objects.get(&object.number).cloned();
        let old = before.as_ref().map(|before| self.snapshot(before));
        if let Some(before) = &before {
            self.unindex(before);
        }
        let object = Arc::new(object);
        self.index(&object);
        self.objects.insert(object.number, Arc::clone(&object));
        let new = self.snapshot(&object);
        self.changes.push(Change { old, new: Some(new) });
        object
    }

    /// Removes an object and notes the change.
    fn remove(&mut self, object: &Arc<Object>) {
        let old = self.snapshot(object);
        self.csn += 1;
        self.unindex(object);
        self.objects.remove(&object.number);
        self.changes.push(Change { old: Some(old), new: None });
    }

    fn index(&mut self, object: &Object) {
        let number = object.number;
        self.by_dn.insert(dn::key(&object.dn), number);
        self.by_uuid.insert(object.uuid.clone(), number);
        if let Some(identifier) = &object.identifier {
            self.by_identifier.insert(identifier.to_lowercase(), number);
        }
        if matches!(object.kind, Kind::User | Kind::Group) {
            self.by_name.insert(object.name().to_lowercase(), number);
        }
        if let Some(address) = object.address() {
            self.by_address.insert(address.to_lowercase(), number);
        }
        self.by_kind.entry(object.kind).or_default().insert(number);
        for reference in object.references() {
            self.referrers.entry(dn::key(reference)).or_default().insert(number);
        }
    }

    fn unindex(&mut self, object: &Object) {
        let number = object.number;
        let forget = |index: &mut HashMap<String, u64>, key: &str| {
            // Another object may have taken the key meanwhile.
            if index.get(key) == Some(&number) {
                index.remove(key);
            }
        };
        forget(&mut self.by_dn, &dn::key(&object.dn));
        forget(&mut self.by_uuid, &object.uuid);
        if let Some(identifier) = &object.identifier {
            forget(&mut self.by_identifier, &identifier.to_lowercase());
        }
        if matches!(object.kind, Kind::User | Kind::Group) {
            forget(&mut self.by_name, &object.name().to_lowercase());
        }
        if let Some(address) = object.address() {
            forget(&mut self.by_address, &address.to_lowercase());
        }
        if let Some(numbers) = self.by_kind.get_mut(&object.kind) {
            numbers.remove(&number);
        }
        for reference in object.references() {
            let key = dn::key(reference);
            if let Some(numbers) = self.referrers.get_mut(&key) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.referrers.remove(&key);
                }
            }
        }
    }
}
