//! Resources of a context.

use std::collections::{BTreeMap, HashMap};

use crate::simulator::ox::record::Record;

/// All resources of a context.
#[derive(Debug, Default)]
pub struct Resources {
    by_id: BTreeMap<i64, Record>,
    names: HashMap<String, i64>,
    mails: HashMap<String, i64>,
}

impl Resources {
    /// The resource with an id.
    pub fn get(&self, id: i64) -> Option<&Record> {
        self.by_id.get(&id)
    }

    /// The id of the resource with a name; case does not count.
    pub fn id_of(&self, name: &str) -> Option<i64> {
        self.names.get(&name.to_lowercase()).copied()
    }

    /// The id of the resource with a mail address; case does not count.
    pub fn with_mail(&self, mail: &str) -> Option<i64> {
        self.mails.get(&mail.to_lowercase()).copied()
    }

    /// All resources by id.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.by_id.values()
    }

    /// Adds or replaces a resource.
    pub fn insert(&mut self, id: i64, resource: Record) {
        self.remove(id);
        if let Some(name) = resource.filled("name") {
            self.names.insert(name.to_lowercase(), id);
        }
        if let Some(mail) = resource.filled("email") {
            self.mails.insert(mail.to_lowercase(), id);
        }
        self.by_id.insert(id, resource);
    }

    /// Removes a resource.
    pub fn remove(&mut self, id: i64) -> Option<Record> {
        let resource = self.by_id.remove(&id)?;
        if let Some(name) = resource.filled("name") {
            self.names.remove(&name.to_lowercase());
        }
        if let Some(mail) = resource.filled("email") {
            self.mails.remove(&mail.to_lowercase());
        }
        Some(resource)
    }
}
