//! One context with everything in it.

use std::collections::{BTreeMap, BTreeSet};

use super::group::{DEFAULT_GROUP, Group, Groups};
use super::resource::Resources;
use super::user::{ADMIN, User, Users};
use crate::simulator::ox::attributes::Attributes;
use crate::simulator::ox::record::Record;

/// The simulated installation has one file store.
pub const FILESTORE: i64 = 4;

/// A context.
#[derive(Debug)]
pub struct Context {
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Whether its users may log in.
    pub enabled: bool,
    /// File store.
    pub filestore: i64,
    /// Directory on the file store.
    pub filestore_name: String,
    /// Login mappings, with those for id and name.
    pub mappings: BTreeSet<String>,
    /// Quota in MB; −1 is unlimited.
    pub max_quota: i64,
    /// `userAttributes`.
    pub attributes: Attributes,
    /// Capabilities added (true) or removed (false).
    pub capabilities: BTreeMap<String, bool>,
    /// Quotas by module.
    pub quotas: BTreeMap<String, i64>,
    /// Users and guests.
    pub users: Users,
    /// Groups.
    pub groups: Groups,
    /// Resources.
    pub resources: Resources,
    /// Secondary mail accounts by user and account id.
    pub accounts: BTreeMap<(i64, i64), Record>,
    /// Accounts that came with a copied user: ordinary external ones, which `list` hides.
    pub external: BTreeSet<(i64, i64)>,
    /// Deputy permissions by deputy id.
    pub deputies: BTreeMap<String, Deputy>,
    /// Users that may not grant deputies themselves.
    pub deputy_block: BTreeSet<i64>,
    /// Shared accounts by id.
    pub shared: BTreeMap<i64, SharedAccount>,
    /// The last id given to a user, group or resource.
    pub last_id: i64,
    /// The last id given to a mail account.
    pub last_account: i64,
    /// The last number given to a deputy permission.
    pub last_deputy: i64,
}

/// A deputy permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deputy {
    /// The user who grants it.
    pub grantor: i64,
    /// The permission as sent.
    pub permission: Record,
}

/// A shared account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedAccount {
    /// Its data without the password.
    pub record: Record,
    /// Permissions by context, whether it is a group, and entity.
    pub permissions: BTreeMap<(i64, bool, i64), SharedPermission>,
}

/// What somebody may do with a shared account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedPermission {
    /// Level for the mail folders.
    pub mail: Option<String>,
    /// Level for the calendar.
    pub calendar: Option<String>,
    /// Capabilities.
    pub capabilities: BTreeSet<String>,
}

impl Context {
    /// An empty context.
    pub fn new(id: i64, name: String, default_group: &str) -> Self {
        let mut groups = Groups::default();
        let group =
            Group { name: "users".to_owned(), display_name: default_group.to_owned(), members: BTreeSet::new() };
        groups.insert(DEFAULT_GROUP, group);
        Self {
            id,
            mappings: BTreeSet::from([id.to_string(), name.clone()]),
            name,
            enabled: true,
            filestore: FILESTORE,
            filestore_name: format!("{id}_ctx_store"),
            max_quota: -1,
            attributes: Attributes::new(),
            capabilities: BTreeMap::new(),
            quotas: BTreeMap::new(),
            users: Users::default(),
            groups,
            resources: Resources::default(),
            accounts: BTreeMap::new(),
            external: BTreeSet::new(),
            deputies: BTreeMap::new(),
            deputy_block: BTreeSet::new(),
            shared: BTreeMap::new(),
            last_id: DEFAULT_GROUP,
            last_account: 0,
            last_deputy: 0,
        }
    }

    /// The context admin.
    pub fn admin(&self) -> Option<&User> {
        self.users.get(ADMIN)
    }

    /// The next id of the sequence that users, groups and resources share.
    pub fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// The next id of a mail account.
    pub fn next_account(&mut self) -> i64 {
        self.last_account += 1;
        self.last_account
    }

    /// Puts a user into a group.
    pub fn join(&mut self, user: i64, group: i64) {
        if let (Some(group_entry), Some(user_entry)) = (self.groups.get_mut(group), self.users.get_mut(user)) {
            group_entry.members.insert(user);
            user_entry.groups.insert(group);
        }
    }

    /// Takes a user out of a group.
    pub fn leave(&mut self, user: i64, group: i64) {
        if let Some(group) = self.groups.get_mut(group) {
            group.members.remove(&user);
        }
        if let Some(user) = self.users.get_mut(user) {
            user.groups.remove(&group);
        }
    }

    /// Removes a user with everything that hangs on him.
    pub fn remove_user(&mut self, id: i64) {
        let Some(user) = self.users.remove(id) else { return };
        for group in user.groups {
            if let Some(group) = self.groups.get_mut(group) {
                group.members.remove(&id);
            }
        }
        let accounts: Vec<(i64, i64)> = self.accounts.range((id, 0)..=(id, i64::MAX)).map(|(key, _)| *key).collect();
        for key in accounts {
            self.accounts.remove(&key);
            self.external.remove(&key);
        }
        self.deputies.retain(|_, deputy| deputy.grantor != id && deputy.permission.number("userId") != Some(id));
        self.deputy_block.remove(&id);
        for shared in self.shared.values_mut() {
            shared.permissions.remove(&(self.id, false, id));
        }
    }

    /// Whether display names have to be unique: the server's setting, unless the context has its own.
    pub fn unique_display_names(&self, server: bool) -> bool {
        self.attributes
            .get("config")
            .and_then(|config| config.get("com.openexchange.user.enforceUniqueDisplayName"))
            .map_or(server, |value| value == "true")
    }
}
