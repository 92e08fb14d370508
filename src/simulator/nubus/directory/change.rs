//! Writes, and what they do to other objects.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::kind::{Kind, Shape};
use super::object::Object;
use super::picture::Snapshot;
use super::{Directory, DirectoryError, defaults, dn};

/// What became of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// Before; nothing if it was created.
    pub old: Option<Arc<Snapshot>>,
    /// After; nothing if it was deleted.
    pub new: Option<Arc<Snapshot>>,
}

impl Change {
    /// The object, as it is now or was last.
    pub fn object(&self) -> Option<&Arc<Object>> {
        self.new.as_ref().or(self.old.as_ref()).map(|snapshot| &snapshot.object)
    }
}

impl Directory {
    /// Creates an object with exactly these properties and those that the type has by default.
    pub fn create(
        &mut self,
        kind: Kind,
        dn: &str,
        properties: &Map<String, Value>,
    ) -> Result<Arc<Object>, DirectoryError> {
        let mut object = Object::new(kind, dn.to_owned(), self.new_uuid());
        object.set(kind.module().naming, Value::String(dn::name(dn)));
        for (name, value) in properties {
            self.put(&mut object, name, value);
        }
        self.check_free(&object)?;
        if self.find(dn).is_some() {
            return Err(DirectoryError::DnTaken(dn.to_owned()));
        }
        defaults::complete(self, &mut object);
        if object.identifier.is_none() && self.generate_identifiers {
            object.identifier = Some(self.new_identifier());
        }
        let object = self.store(object);
        if kind == Kind::User {
            let mut groups = vec![defaults::primary_group(&self.base, &object)];
            groups.extend(listed(properties.get("groups")).map(str::to_owned));
            for group in groups {
                self.join(&object, &group);
            }
        }
        self.touch_manager(&object);
        Ok(object)
    }

    /// Puts an object in exactly as given, without checks, defaults and effects on others.
    pub fn restore(
        &mut self,
        kind: Kind,
        dn: &str,
        uuid: Option<&str>,
        properties: &Map<String, Value>,
    ) -> Arc<Object> {
        self.ensure_containers(dn::parent(dn));
        let uuid = uuid.map_or_else(|| self.new_uuid(), str::to_lowercase);
        let mut object = Object::new(kind, dn.to_owned(), uuid);
        object.set(kind.module().naming, Value::String(dn::name(dn)));
        for (name, value) in properties {
            self.put(&mut object, name, value);
        }
        if let Some(number) = object.get("uidNumber").and_then(Value::as_u64) {
            self.next_uid = self.next_uid.max(number + 1);
        }
        if let Some(number) = object.get("gidNumber").and_then(Value::as_u64).filter(|_| kind == Kind::Group) {
            self.next_gid = self.next_gid.max(number + 1);
        }
        self.store(object)
    }

    /// Changes the named properties. The naming property renames; `groups` of a user changes the groups.
    pub fn modify(&mut self, dn: &str, properties: &Map<String, Value>) -> Result<Arc<Object>, DirectoryError> {
        let before = self.expect(dn)?;
        let mut object = (*before).clone();
        let naming = object.kind.module().naming;
        for (name, value) in properties.iter().filter(|(name, _)| name.as_str() != naming) {
            self.put(&mut object, name, value);
        }
        self.check_free(&object)?;
        defaults::follow_names(&before, &mut object);
        let object = self.store(object);
        if let Some(groups) = properties.get("groups").filter(|_| object.kind == Kind::User) {
            self.set_groups(&object, groups)?;
        }
        match properties.get(naming).and_then(Value::as_str) {
            Some(name) if name != object.name() => {
                let dn = self.rename(&object.dn.clone(), name)?;
                // One write, one message: the rename carries the other changes.
                self.join_last_changes(&before);
                self.expect(&dn)
            }
            _ => Ok(object),
        }
    }

    /// Gives an object another name; gives its new distinguished name.
    pub fn rename(&mut self, dn: &str, name: &str) -> Result<String, DirectoryError> {
        let object = self.expect(dn)?;
        let target = dn::below(object.kind.module().rdn, name, dn::parent(&object.dn));
        let taken = matches!(object.kind, Kind::User | Kind::Group)
            && self.by_name(name).is_some_and(|other| other.number != object.number);
        if taken {
            return Err(DirectoryError::NameTaken { kind: object.kind.name(), name: name.to_owned() });
        }
        self.readdress(&object, &target, Some(name))?;
        Ok(target)
    }

    /// Puts an object below another one; gives its new distinguished name.
    pub fn relocate(&mut self, dn: &str, position: &str) -> Result<String, DirectoryError> {
        let object = self.expect(dn)?;
        if object.kind == Kind::AccessProfile {
            let text = "This operation is not allowed on this object: Objects of the \"oxmail/accessprofile\" object type can not \
                        be moved.";
            return Err(DirectoryError::Refused(text.to_owned()));
        }
        let holds = self.find(position).is_some_and(|parent| parent.kind.is_container());
        let inside = dn::is_below(&dn::key(position), &dn::key(&object.dn)) || dn::key(position) == dn::key(&object.dn);
        if !holds || inside {
            let text = "This operation is not allowed on this object: Destination object can't have sub objects.";
            return Err(DirectoryError::Refused(text.to_owned()));
        }
        let own = &object.dn[..object.dn.len() - dn::parent(&object.dn).len()];
        let target = format!("{}{position}", own.trim_end());
        self.readdress(&object, &target, None)?;
        Ok(target)
    }

    /// Deletes an object and all below it.
    pub fn delete(&mut self, dn: &str) -> Result<(), DirectoryError> {
        let object = self.expect(dn)?;
        for below in self.below(&object.dn).into_iter().rev() {
            self.delete_one(&below);
        }
        self.delete_one(&object);
        Ok(())
    }

    /// Makes the missing containers of a distinguished name, itself included.
    pub fn ensure_containers(&mut self, dn: &str) {
        if dn.is_empty() || self.find(dn).is_some() {
            return;
        }
        let parent = dn::parent(dn).to_owned();
        self.ensure_containers(&parent);
        let kind = match dn.split('=').next().unwrap_or_default() {
            "ou" => Kind::Unit,
            "dc" => Kind::Root,
            _ => Kind::Container,
        };
        let mut object = Object::new(kind, dn.to_owned(), self.new_uuid());
        object.set("name", Value::String(dn::name(dn)));
        object.identifier = Some(self.new_identifier());
        self.store(object);
    }

    /// Makes a user the member of exactly these groups and of its primary one. As on the real server, groups are left before
    /// an unknown one is noticed.
    pub fn set_groups(&mut self, user: &Arc<Object>, groups: &Value) -> Result<(), DirectoryError> {
        let wanted: Vec<String> = listed(Some(groups)).map(str::to_owned).collect();
        let keys: Vec<String> = wanted.iter().map(|group| dn::key(group)).collect();
        let primary = dn::key(&defaults::primary_group(&self.base, user));
        for group in self.groups_of(user) {
            let key = dn::key(&group);
            if key != primary && !keys.contains(&key) {
                self.leave(&user.dn, &group);
            }
        }
        for group in &wanted {
            if self.find(group).is_none() {
                return Err(DirectoryError::NoSuchObject(group.clone()));
            }
            self.join(user, group);
        }
        Ok(())
    }

    /// Writes an object without any change, as LDAP bookkeeping does.
    pub fn touch(&mut self, dn: &str) -> Result<(), DirectoryError> {
        let object = (*self.expect(dn)?).clone();
        self.store(object);
        Ok(())
    }

    fn put(&mut self, object: &mut Object, name: &str, value: &Value) {
        let shape = object.kind.property(name).map(|property| property.shape);
        match shape {
            Some(Shape::Secret | Shape::Computed | Shape::Flags) => {}
            Some(Shape::Identifier) => {
                if let Some(identifier) = value.as_str().filter(|identifier| !identifier.is_empty()) {
                    object.identifier = Some(identifier.to_owned());
                }
            }
            Some(_) => object.set(name, value.clone()),
            None => {
                self.note_extension(object.kind, name, value);
                object.set(name, value.clone());
            }
        }
    }

    /// Whether name, identifier and address of an object belong to nobody else.
    fn check_free(&self, object: &Object) -> Result<(), DirectoryError> {
        let other = |found: Option<Arc<Object>>| found.is_some_and(|found| found.number != object.number);
        if matches!(object.kind, Kind::User | Kind::Group) && other(self.by_name(&object.name())) {
            return Err(DirectoryError::NameTaken { kind: object.kind.name(), name: object.name() });
        }
        if let Some(identifier) = &object.identifier
            && other(self.by_identifier(identifier))
        {
            return Err(DirectoryError::IdentifierTaken(identifier.clone()));
        }
        match object.address() {
            Some(address) if other(self.by_address(address)) => Err(DirectoryError::AddressTaken(address.to_owned())),
            _ => Ok(()),
        }
    }

    /// Gives an object (and all below it) another distinguished name; references follow.
    fn readdress(&mut self, object: &Arc<Object>, target: &str, name: Option<&str>) -> Result<(), DirectoryError> {
        if self.find(target).is_some_and(|other| other.number != object.number) {
            return Err(DirectoryError::DnTaken(target.to_owned()));
        }
        let below = self.below(&object.dn);
        let mut moved = (**object).clone();
        target.clone_into(&mut moved.dn);
        if let Some(name) = name {
            moved.set(moved.kind.module().naming, Value::String(name.to_owned()));
            if moved.kind == Kind::User {
                moved.set("homeSharePath", Value::String(name.to_owned()));
            }
        }
        self.store(moved);
        self.replace_references(&object.dn, Some(target));
        for inner in below {
            // The prefix of a name below is its own part: all but the former tail.
            let own = inner.dn.len().checked_sub(object.dn.len()).and_then(|length| inner.dn.get(..length));
            let Some(own) = own else { continue };
            let inner_target = format!("{own}{target}");
            let mut moved = (*inner).clone();
            moved.dn.clone_from(&inner_target);
            self.store(moved);
            self.replace_references(&inner.dn, Some(&inner_target));
        }
        Ok(())
    }

    fn delete_one(&mut self, object: &Arc<Object>) {
        self.touch_manager(object);
        self.remove(object);
        self.replace_references(&object.dn, None);
    }

    /// Lets all references to a distinguished name follow it, or drops them.
    fn replace_references(&mut self, from: &str, to: Option<&str>) {
        let key = dn::key(from);
        let referrers: Vec<Arc<Object>> = self.referrers_of(from).cloned().collect();
        for referrer in referrers {
            let mut changed = (*referrer).clone();
            for list in changed.reference_lists() {
                let Some(Value::Array(items)) = changed.get(list) else { continue };
                let fits = |item: &Value| item.as_str().is_some_and(|item| dn::key(item) == key);
                let items = items.iter().filter_map(|item| match to {
                    _ if !fits(item) => Some(item.clone()),
                    to => to.map(|to| Value::String(to.to_owned())),
                });
                let items = Value::Array(items.collect());
                changed.set(list, items);
            }
            self.store(changed);
        }
    }

    fn join(&mut self, user: &Arc<Object>, group: &str) {
        let Some(group) = self.find(group).filter(|group| group.kind == Kind::Group) else { return };
        let key = dn::key(&user.dn);
        if group.texts("users").any(|member| dn::key(member) == key) {
            return;
        }
        let mut members: Vec<Value> = group.get("users").and_then(Value::as_array).cloned().unwrap_or_default();
        members.push(Value::String(user.dn.clone()));
        let mut group = (*group).clone();
        group.set("users", Value::Array(members));
        self.store(group);
    }

    fn leave(&mut self, user: &str, group: &str) {
        let Some(group) = self.find(group) else { return };
        let key = dn::key(user);
        let members = group.texts("users").filter(|member| dn::key(member) != key);
        let members = Value::Array(members.map(|member| Value::String(member.to_owned())).collect());
        let mut group = (*group).clone();
        group.set("users", members);
        self.store(group);
    }

    /// The user who manages a resource is written, too, when the resource is created or deleted.
    fn touch_manager(&mut self, resource: &Object) {
        if resource.kind != Kind::Resource {
            return;
        }
        let number = resource.text("resourceadmin").and_then(|number| number.parse::<u64>().ok());
        let Some(number) = number else { return };
        let manager = self.all(Kind::User).find(|user| user.get("uidNumber").and_then(Value::as_u64) == Some(number));
        if let Some(manager) = manager.cloned() {
            self.store((*manager).clone());
        }
    }

    /// Joins the last two changes of an object that was changed and renamed at once.
    fn join_last_changes(&mut self, before: &Arc<Object>) {
        let of_object = |change: &Change| change.object().is_some_and(|object| object.number == before.number);
        let places: Vec<usize> = (0..self.changes.len()).filter(|place| of_object(&self.changes[*place])).collect();
        if let [.., first, second] = places[..] {
            let first = self.changes.remove(first);
            self.changes[second - 1].old = first.old;
        }
    }

    fn new_uuid(&mut self) -> String {
        self.csn += 1;
        let (high, low) = (self.chance.number(), self.csn);
        format!("{:08x}-{:04x}-1041-{:04x}-{low:012x}", high >> 32, (high >> 16) & 0xffff, 0x8000 | high & 0x3fff)
    }
}

fn listed(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
