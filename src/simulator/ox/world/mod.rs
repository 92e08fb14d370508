//! The state of the simulated server.

mod context;
mod group;
mod resource;
mod user;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub use context::{Context, Deputy, FILESTORE, SharedAccount, SharedPermission};
pub use group::{DEFAULT_GROUP, Group};
pub use user::{ADMIN, Guest, User};

use super::fault::{Exception, Fault};
use super::lock::UserLock;
use super::rights::Profiles;

/// All contexts.
#[derive(Debug, Default)]
pub struct World {
    directory: RwLock<Directory>,
    /// The named profiles of this server process.
    pub profiles: Profiles,
}

/// Contexts and what is unique among them.
#[derive(Debug, Default)]
pub struct Directory {
    contexts: BTreeMap<i64, Arc<Tenant>>,
    /// Lower case names.
    names: HashMap<String, i64>,
    /// Lower case login mappings.
    mappings: HashMap<String, i64>,
}

/// A context with its locks: one for the memory of this program, one that the simulated server has, too.
#[derive(Debug)]
pub struct Tenant {
    /// The write lock of the real server.
    pub user_lock: UserLock,
    state: Mutex<Context>,
}

impl Tenant {
    /// The state of the context.
    pub fn state(&self) -> MutexGuard<'_, Context> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// The context with an id.
    pub fn context(&self, id: i64) -> Option<Arc<Tenant>> {
        self.read(|directory| directory.contexts.get(&id).cloned())
    }

    /// All contexts by id.
    pub fn contexts(&self) -> Vec<Arc<Tenant>> {
        self.read(|directory| directory.contexts.values().cloned().collect())
    }

    /// The id of the context with a name; case does not count.
    pub fn id_of(&self, name: &str) -> Option<i64> {
        self.read(|directory| directory.names.get(&name.to_lowercase()).copied())
    }

    /// Checks that a new context has id and name for itself.
    pub fn check_free(&self, id: i64, name: Option<&str>) -> Result<(), Fault> {
        let exists = |what: &str| Err(Fault::new(Exception::ContextExists, format!("Context {what} already exists!")));
        if id > 0 && self.context(id).is_some() {
            return exists(&id.to_string());
        }
        match name {
            Some(name) if self.id_of(name).is_some() => exists(name),
            _ => Ok(()),
        }
    }

    /// The first of the mappings that another context has.
    pub fn foreign_mapping<'m>(&self, id: i64, mappings: impl IntoIterator<Item = &'m str>) -> Option<&'m str> {
        self.read(|directory| {
            mappings
                .into_iter()
                .find(|mapping| directory.mappings.get(&mapping.to_lowercase()).is_some_and(|owner| *owner != id))
        })
    }

    /// Adds a context; false if its id was taken meanwhile.
    pub fn insert(&self, context: Context) -> bool {
        self.write(|directory| {
            if directory.contexts.contains_key(&context.id) {
                return false;
            }
            directory.names.insert(context.name.to_lowercase(), context.id);
            for mapping in &context.mappings {
                directory.mappings.insert(mapping.to_lowercase(), context.id);
            }
            let tenant = Tenant { user_lock: UserLock::default(), state: Mutex::new(context) };
            let id = tenant.state().id;
            directory.contexts.insert(id, Arc::new(tenant));
            true
        })
    }

    /// Removes a context; false if it is not there.
    pub fn remove(&self, id: i64) -> bool {
        self.write(|directory| {
            directory.names.retain(|_, owner| *owner != id);
            directory.mappings.retain(|_, owner| *owner != id);
            directory.contexts.remove(&id).is_some()
        })
    }

    /// Changes a context beside what is unique among the contexts: gives it a name, a set of mappings or both.
    pub fn rename(&self, context: &Context) {
        self.write(|directory| {
            let id = context.id;
            directory.names.retain(|_, owner| *owner != id);
            directory.names.insert(context.name.to_lowercase(), id);
            directory.mappings.retain(|_, owner| *owner != id);
            for mapping in &context.mappings {
                directory.mappings.insert(mapping.to_lowercase(), id);
            }
        });
    }

    fn read<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        change(&mut self.directory.write().unwrap_or_else(PoisonError::into_inner))
    }
}
