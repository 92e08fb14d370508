//! Users of a context, with an index for everything that is looked up or has to be unique.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::simulator::ox::record::Record;
use crate::simulator::ox::rights::Rights;

/// The context admin always has this id.
pub const ADMIN: i64 = 2;

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// What `getData` answers.
    pub record: Record,
    /// The password in clear: this is a simulator.
    pub password: String,
    /// Module access.
    pub rights: Rights,
    /// Groups he is a member of.
    pub groups: BTreeSet<i64>,
    /// Whether he still has his primary mail account (`ox-soap.md` 5.6: it can get lost).
    pub mail_account: bool,
    /// Whether he has a Drive folder, which is named like him.
    pub folder: bool,
    /// `changeMailAddressPersonal`.
    pub personal: Option<String>,
    /// Capabilities added (true) or removed (false).
    pub capabilities: BTreeMap<String, bool>,
    /// Set for a copied user: the contact his next picture goes to.
    pub picture_goes_to: Option<i64>,
}

impl User {
    /// The id.
    pub fn id(&self) -> i64 {
        self.record.number("id").unwrap_or_default()
    }

    /// The login name.
    pub fn name(&self) -> &str {
        self.record.text("name").unwrap_or_default()
    }

    /// The display name.
    pub fn display_name(&self) -> &str {
        self.record.text("display_name").unwrap_or_default()
    }

    /// The primary mail address.
    pub fn primary_mail(&self) -> &str {
        self.record.text("primaryEmail").unwrap_or_default()
    }

    /// Whether he has a file store of his own.
    pub fn own_filestore(&self) -> bool {
        self.record.number("filestoreId").is_some_and(|id| id != 0)
    }
}

/// A guest, known by mail address only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Mail address.
    pub mail: String,
}

/// All users and guests of a context.
#[derive(Debug, Default)]
pub struct Users {
    by_id: BTreeMap<i64, User>,
    guests: BTreeMap<i64, Guest>,
    guest_mails: HashMap<String, i64>,
    names: HashMap<String, i64>,
    mails: HashMap<String, Vec<i64>>,
    display_names: HashMap<String, Vec<i64>>,
    folders: HashMap<String, Vec<i64>>,
}

/// Folder names compare without case and trailing blanks.
fn folder_name(display_name: &str) -> String {
    display_name.trim_end().to_lowercase()
}

impl Users {
    /// The user with an id.
    pub fn get(&self, id: i64) -> Option<&User> {
        self.by_id.get(&id)
    }

    /// A change of a user that does not touch name, mail, display name and folder.
    pub fn get_mut(&mut self, id: i64) -> Option<&mut User> {
        self.by_id.get_mut(&id)
    }

    /// The id of the user with a login name; case counts.
    pub fn id_of(&self, name: &str) -> Option<i64> {
        self.names.get(name).copied()
    }

    /// All users by id.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &User)> {
        self.by_id.iter().map(|(id, user)| (*id, user))
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = i64> {
        self.by_id.keys().copied()
    }

    /// All users for a change as by [`Self::get_mut`].
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut User> {
        self.by_id.values_mut()
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// A user other than `except` with this primary mail address; case does not count.
    pub fn with_mail(&self, mail: &str, except: Option<i64>) -> Option<i64> {
        other(self.mails.get(&mail.to_lowercase()), except)
    }

    /// All users with this primary mail address.
    pub fn all_with_mail(&self, mail: &str) -> Vec<i64> {
        self.mails.get(&mail.to_lowercase()).cloned().unwrap_or_default()
    }

    /// A user other than `except` with exactly this display name.
    pub fn with_display_name(&self, name: &str, except: Option<i64>) -> Option<i64> {
        other(self.display_names.get(name), except)
    }

    /// A user whose Drive folder has this name.
    pub fn with_folder(&self, display_name: &str) -> Option<i64> {
        other(self.folders.get(&folder_name(display_name)), None)
    }

    /// All guests by id.
    pub const fn guests(&self) -> &BTreeMap<i64, Guest> {
        &self.guests
    }

    /// The guest with this mail address.
    pub fn guest_with_mail(&self, mail: &str) -> Option<i64> {
        self.guest_mails.get(&mail.to_lowercase()).copied()
    }

    /// Adds a guest.
    pub fn insert_guest(&mut self, id: i64, guest: Guest) {
        self.guest_mails.insert(guest.mail.to_lowercase(), id);
        self.guests.insert(id, guest);
    }

    /// Removes a guest.
    pub fn remove_guest(&mut self, id: i64) -> Option<Guest> {
        let guest = self.guests.remove(&id)?;
        self.guest_mails.remove(&guest.mail.to_lowercase());
        Some(guest)
    }

    /// Adds a user.
    pub fn insert(&mut self, user: User) {
        let id = user.id();
        self.names.insert(user.name().to_owned(), id);
        add(&mut self.mails, user.primary_mail().to_lowercase(), id);
        add(&mut self.display_names, user.display_name().to_owned(), id);
        if user.folder {
            add(&mut self.folders, folder_name(user.display_name()), id);
        }
        self.by_id.insert(id, user);
    }

    /// Removes a user.
    pub fn remove(&mut self, id: i64) -> Option<User> {
        let user = self.by_id.remove(&id)?;
        self.names.remove(user.name());
        drop_from(&mut self.mails, &user.primary_mail().to_lowercase(), id);
        drop_from(&mut self.display_names, user.display_name(), id);
        if user.folder {
            drop_from(&mut self.folders, &folder_name(user.display_name()), id);
        }
        Some(user)
    }

    /// Any change of a user.
    pub fn change(&mut self, id: i64, change: impl FnOnce(&mut User)) {
        if let Some(mut user) = self.remove(id) {
            change(&mut user);
            self.insert(user);
        }
    }
}

fn other(ids: Option<&Vec<i64>>, except: Option<i64>) -> Option<i64> {
    ids?.iter().copied().find(|id| Some(*id) != except)
}

fn add(index: &mut HashMap<String, Vec<i64>>, key: String, id: i64) {
    if !key.is_empty() {
        index.entry(key).or_default().push(id);
    }
}

fn drop_from(index: &mut HashMap<String, Vec<i64>>, key: &str, id: i64) {
    if let Some(ids) = index.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
