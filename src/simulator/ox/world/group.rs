//! Groups of a context.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The group of all users.
pub const DEFAULT_GROUP: i64 = 1;

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Identifier, unique without case.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Ids of the members.
    pub members: BTreeSet<i64>,
}

/// All groups of a context.
#[derive(Debug, Default)]
pub struct Groups {
    groups: BTreeMap<i64, Group>,
    names: HashMap<String, i64>,
}

impl Groups {
    /// The group with an id.
    pub fn get(&self, id: i64) -> Option<&Group> {
        self.groups.get(&id)
    }

    /// A change of members or display name.
    pub fn get_mut(&mut self, id: i64) -> Option<&mut Group> {
        self.groups.get_mut(&id)
    }

    /// The id of the group with a name; case does not count.
    pub fn id_of(&self, name: &str) -> Option<i64> {
        self.names.get(&name.to_lowercase()).copied()
    }

    /// All groups by id.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Group)> {
        self.groups.iter().map(|(id, group)| (*id, group))
    }

    /// Adds a group.
    pub fn insert(&mut self, id: i64, group: Group) {
        self.names.insert(group.name.to_lowercase(), id);
        self.groups.insert(id, group);
    }

    /// Removes a group.
    pub fn remove(&mut self, id: i64) -> Option<Group> {
        let group = self.groups.remove(&id)?;
        self.names.remove(&group.name.to_lowercase());
        Some(group)
    }

    /// Gives a group another name.
    pub fn rename(&mut self, id: i64, name: &str) {
        if let Some(mut group) = self.remove(id) {
            name.clone_into(&mut group.name);
            self.insert(id, group);
        }
    }
}
