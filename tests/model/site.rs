//! The directory: carries actions out one by one, refuses what UDM would refuse, and keeps the events.
//!
//! Names and mail addresses are unique at each moment. Who refers to a renamed or deleted object is corrected by an event of
//! its own right after it, as the directory's referential integrity does.

use serde_json::{Value, json};

use crate::action::{ACCOUNTS, Action, CONTEXTS, GROUPS, NAMES, PERMISSIONS, PROFILES, RESOURCES, SHARED, USERS};
use crate::directory::{self, Object};

struct Context {
    id: String,
    number: i64,
    name: usize,
    quota: u8,
}

struct Profile {
    id: String,
    rights: u8,
}

struct User {
    id: String,
    name: usize,
    mail: usize,
    alias: Option<usize>,
    context: usize,
    profile: usize,
    enabled: bool,
    value: u8,
    /// Identifiers of users.
    deputies: Vec<String>,
    /// The last event.
    event: Value,
}

struct Group {
    id: String,
    name: usize,
    enabled: bool,
    members: Vec<String>,
}

struct Account {
    id: String,
    mail: usize,
    members: Vec<String>,
}

struct Permission {
    id: String,
    role: u8,
}

struct Shared {
    id: String,
    name: usize,
    mail: usize,
    context: usize,
    members: Vec<String>,
    groups: Vec<String>,
    /// Identifier of the permission of them all.
    permission: String,
}

struct Resource {
    id: String,
    name: usize,
    mail: usize,
    context: usize,
}

/// A name and an address that no slot has: what is swapped goes there in between.
const ASIDE: usize = 99;

/// The directory and its history.
#[derive(Default)]
pub struct Site {
    /// Everything that happened.
    pub events: Vec<Value>,
    contexts: [Option<Context>; CONTEXTS],
    profiles: [Option<Profile>; PROFILES],
    users: [Option<User>; USERS],
    groups: [Option<Group>; GROUPS],
    accounts: [Option<Account>; ACCOUNTS],
    permissions: [Option<Permission>; PERMISSIONS],
    shared: [Option<Shared>; SHARED],
    resources: [Option<Resource>; RESOURCES],
    made: i64,
}

fn mail(slot: usize) -> String {
    directory::address(&format!("mail{slot}"))
}

fn user_name(slot: usize) -> String {
    format!("user{slot}")
}

impl Site {
    /// A directory with one context and one profile.
    pub fn new() -> Self {
        let mut site = Self::default();
        site.act(&Action::Context { context: 0, quota: 0 });
        site.act(&Action::Profile { profile: 0, rights: 7 });
        site
    }

    fn next_id(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}", self.made)
    }

    /// What shows in OX which event a value came from: `#object#number of the event#`.
    fn mark(&self, id: &str) -> String {
        format!("#{id}#{}#", self.events.len())
    }

    fn send(&mut self, object: &Object) -> Value {
        let event = object.present();
        self.events.push(event.clone());
        event
    }

    fn forget(&mut self, kind: &'static str, id: String, dn: String) {
        let object = Object { kind, id, dn, properties: serde_json::Map::new() };
        self.events.push(object.deleted());
    }

    fn mail_is_free(&self, wanted: usize) -> bool {
        let users = self.users.iter().flatten().flat_map(|user| [Some(user.mail), user.alias]).flatten();
        let others = self.accounts.iter().flatten().map(|account| account.mail);
        let shared = self.shared.iter().flatten().map(|shared| shared.mail);
        let resources = self.resources.iter().flatten().map(|resource| resource.mail);
        users.chain(others).chain(shared).chain(resources).all(|mail| mail != wanted)
    }

    fn user_name_is_free(&self, wanted: usize) -> bool {
        self.users.iter().flatten().all(|user| user.name != wanted)
    }

    /// The context of that slot, or any that there is.
    fn living(&self, context: usize) -> Option<usize> {
        (context..CONTEXTS).chain(0..context).find(|slot| self.contexts[*slot].is_some())
    }

    fn profile_there(&self, profile: usize) -> Option<usize> {
        (profile..PROFILES).chain(0..profile).find(|slot| self.profiles[*slot].is_some())
    }

    fn members(&self, bits: u8) -> Vec<String> {
        let chosen = self.users.iter().enumerate().filter(|(slot, _)| bits & (1 << slot) != 0);
        chosen.filter_map(|(_, user)| Some(user.as_ref()?.id.clone())).collect()
    }

    fn names_of(&self, members: &[String]) -> Vec<String> {
        let named = |id: &String| self.users.iter().flatten().find(|user| user.id == *id);
        members.iter().filter_map(named).map(|user| directory::dn(&user_name(user.name))).collect()
    }

    /// Carries an action out, if the directory allows it now.
    pub fn act(&mut self, action: &Action) {
        match *action {
            Action::Context { context, quota } => self.put_context(context, quota),
            Action::RenameContext { context, name } => {
                if self.contexts.iter().flatten().any(|other| other.name == name) {
                    return;
                }
                if let Some(held) = &mut self.contexts[context] {
                    held.name = name;
                    self.send_context(context);
                }
            }
            Action::DeleteContext { context } => {
                let users = self.users.iter().flatten().any(|user| user.context == context);
                let shared = self.shared.iter().flatten().any(|shared| shared.context == context);
                let resources = self.resources.iter().flatten().any(|resource| resource.context == context);
                if !(users || shared || resources)
                    && let Some(Context { id, name, .. }) = self.contexts[context].take()
                {
                    self.forget("oxmail/oxcontext", id, format!("cn=tenant{name},cn=open-xchange,dc=test"));
                }
            }
            Action::Profile { profile, rights } => self.put_profile(profile, rights),
            Action::DeleteProfile { profile } => {
                if self.users.iter().flatten().all(|user| user.profile != profile)
                    && let Some(Profile { id, .. }) = self.profiles[profile].take()
                {
                    self.forget("oxmail/accessprofile", id, format!("cn=profile{profile},cn=accessprofiles,dc=test"));
                }
            }
            Action::Group { group, name, members } => self.put_group(group, name, members),
            Action::RenameGroup { group, name } => self.rename_group(group, name),
            Action::ToggleGroup { group } => {
                if let Some(held) = &mut self.groups[group] {
                    held.enabled = !held.enabled;
                    self.send_group(group);
                }
            }
            Action::DeleteGroup { group } => self.delete_group(group),
            Action::Account { account, mail, members } => self.put_account(account, mail, members),
            Action::ReaddressAccount { account, mail } => {
                if self.mail_is_free(mail)
                    && let Some(held) = &mut self.accounts[account]
                {
                    held.mail = mail;
                    self.send_account(account);
                }
            }
            Action::DeleteAccount { account } => {
                if let Some(Account { id, .. }) = self.accounts[account].take() {
                    let dn = format!("cn=account{account},cn=functional_accounts,dc=test");
                    self.forget("oxmail/functional_account", id, dn);
                }
            }
            Action::Permission { permission, role } => {
                let id = self.permissions[permission].take().map(|held| held.id);
                let id = id.unwrap_or_else(|| self.next_id("permission"));
                self.permissions[permission] = Some(Permission { id, role });
                self.send_permission(permission);
            }
            Action::DeletePermission { permission } => {
                let Some(Permission { id, .. }) = &self.permissions[permission] else { return };
                if self.shared.iter().flatten().all(|shared| shared.permission != *id) {
                    let id = id.clone();
                    self.permissions[permission] = None;
                    let dn = format!("cn=permission{permission},cn=shared_account_permissions,dc=test");
                    self.forget("oxmail/shared_account_permission", id, dn);
                }
            }
            Action::Shared { shared, name, mail, context } => self.put_shared(shared, name, mail, context),
            Action::Grant { shared, members, groups, permission } => self.grant(shared, members, groups, permission),
            Action::DeleteShared { shared } => {
                if let Some(Shared { id, name, .. }) = self.shared[shared].take() {
                    self.forget("oxmail/shared_account", id, format!("cn=shared{name},cn=shared_accounts,dc=test"));
                }
            }
            Action::Resource { resource, name, mail, context } => self.put_resource(resource, name, mail, context),
            Action::RenameResource { resource, name } => {
                if self.resources.iter().flatten().all(|other| other.name != name)
                    && let Some(held) = &mut self.resources[resource]
                {
                    held.name = name;
                    self.send_resource(resource);
                }
            }
            Action::MoveResource { resource, context } => {
                let Some(context) = self.living(context) else { return };
                if let Some(held) = &mut self.resources[resource] {
                    held.context = context;
                    self.send_resource(resource);
                }
            }
            Action::DeleteResource { resource } => {
                if let Some(Resource { id, name, .. }) = self.resources[resource].take() {
                    self.forget("oxresources/oxresources", id, format!("cn=room{name},cn=oxresources,dc=test"));
                }
            }
            _ => self.act_on_users(action),
        }
    }

    fn act_on_users(&mut self, action: &Action) {
        match *action {
            Action::User { user, name, mail, context, profile } => self.put_user(user, name, mail, context, profile),
            Action::RenameUser { user, name } => {
                if self.user_name_is_free(name) {
                    self.rename_user(user, name);
                }
            }
            Action::MoveUser { user, context } => self.move_user(user, context),
            Action::RenameAndMoveUser { user, name, context } => {
                let context = self.living(context);
                if self.user_name_is_free(name)
                    && let Some(context) = context
                    && let Some(held) = &mut self.users[user]
                {
                    held.context = context;
                    self.rename_user(user, name);
                }
            }
            Action::Readdress { user, mail } => {
                if self.mail_is_free(mail) {
                    self.change_user(user, |held| held.mail = mail);
                }
            }
            Action::Alias { user, mail } => {
                if mail.is_none_or(|mail| self.mail_is_free(mail)) {
                    self.change_user(user, |held| held.alias = mail);
                }
            }
            Action::SwapAddresses { one, other } => {
                let Some((first, second)) = self.users[one].as_ref().zip(self.users[other].as_ref()) else { return };
                let (first, second) = (first.mail, second.mail);
                if one != other {
                    self.change_user(one, |held| held.mail = ASIDE);
                    self.change_user(other, |held| held.mail = first);
                    self.change_user(one, |held| held.mail = second);
                }
            }
            Action::SwapNames { one, other } => {
                let Some((first, second)) = self.users[one].as_ref().zip(self.users[other].as_ref()) else { return };
                let (first, second) = (first.name, second.name);
                if one != other {
                    self.rename_user(one, ASIDE);
                    self.rename_user(other, first);
                    self.rename_user(one, second);
                }
            }
            Action::EditUser { user, value } => self.change_user(user, |held| held.value = value),
            Action::GiveProfile { user, profile } => {
                if let Some(profile) = self.profile_there(profile) {
                    self.change_user(user, |held| held.profile = profile);
                }
            }
            Action::ToggleUser { user } => self.change_user(user, |held| held.enabled = !held.enabled),
            Action::Deputies { user, members } => {
                let deputies = self.members(members & !(1 << user));
                self.change_user(user, |held| held.deputies = deputies);
            }
            Action::Resend { user } => {
                if let Some(held) = &self.users[user] {
                    let event = held.event.clone();
                    self.events.push(event);
                }
            }
            Action::DeleteUser { user } => self.delete_user(user),
            Action::RecreateUser { user } => {
                let Some(held) = &self.users[user] else { return };
                let (name, mail, context, profile) = (held.name, held.mail, held.context, held.profile);
                self.delete_user(user);
                self.put_user(user, name, mail, context, profile);
            }
            _ => unreachable!("not about users: {action:?}"),
        }
    }

    fn put_context(&mut self, context: usize, quota: u8) {
        if let Some(held) = &mut self.contexts[context] {
            held.quota = quota;
        } else {
            let Some(name) = (0..NAMES).find(|name| self.contexts.iter().flatten().all(|other| other.name != *name))
            else {
                return;
            };
            let id = self.next_id("context");
            // A number never comes again: the settling time of OX would make the case long.
            let number = self.made + 10;
            self.contexts[context] = Some(Context { id, number, name, quota });
        }
        self.send_context(context);
    }

    fn send_context(&mut self, context: usize) {
        let Some(Context { id, number, name, quota }) = &self.contexts[context] else { return };
        let mut object = directory::context(*number).of(id).renamed(&format!("tenant{name}"));
        if *quota > 0 {
            object = object.with("oxQuota", i64::from(*quota) * 100);
        }
        self.send(&object);
    }

    fn put_profile(&mut self, profile: usize, rights: u8) {
        let id = self.profiles[profile].take().map(|held| held.id);
        let id = id.unwrap_or_else(|| self.next_id("profile"));
        self.profiles[profile] = Some(Profile { id, rights });
        let Some(Profile { id, rights }) = &self.profiles[profile] else { return };
        let names = ["webmail", "calendar", "tasks"];
        let chosen = names.iter().enumerate().filter(|(bit, _)| rights & (1 << bit) != 0).map(|(_, name)| *name);
        let object = directory::profile(&format!("profile{profile}"), &chosen.collect::<Vec<_>>()).of(id);
        self.send(&object);
    }

    fn put_user(&mut self, user: usize, name: usize, mail: usize, context: usize, profile: usize) {
        let (Some(context), Some(profile)) = (self.living(context), self.profile_there(profile)) else { return };
        let (name_free, mail_free) = (self.user_name_is_free(name), self.mail_is_free(mail));
        if let Some(held) = &mut self.users[user] {
            // Everything at once.
            held.mail = if mail_free { mail } else { held.mail };
            (held.context, held.profile) = (context, profile);
            let name = if name_free { name } else { held.name };
            self.rename_user(user, name);
        } else if name_free && mail_free {
            let id = self.next_id("user");
            self.users[user] = Some(User {
                id,
                name,
                mail,
                alias: None,
                context,
                profile,
                enabled: true,
                value: 0,
                deputies: Vec::new(),
                event: Value::Null,
            });
            self.send_user(user);
        }
    }

    fn change_user(&mut self, user: usize, change: impl FnOnce(&mut User)) {
        if let Some(held) = &mut self.users[user] {
            change(held);
            self.send_user(user);
        }
    }

    fn move_user(&mut self, user: usize, context: usize) {
        if let Some(context) = self.living(context) {
            self.change_user(user, |held| held.context = context);
        }
    }

    fn rename_user(&mut self, user: usize, name: usize) {
        let Some(held) = &mut self.users[user] else { return };
        let renamed = std::mem::replace(&mut held.name, name) != name;
        let id = held.id.clone();
        self.send_user(user);
        if renamed {
            self.send_referrers(&id);
        }
    }

    fn send_user(&mut self, slot: usize) {
        let Some(user) = &self.users[slot] else { return };
        let Some(context) = &self.contexts[user.context] else { return };
        let rows: Value =
            self.names_of(&user.deputies).into_iter().map(|name| json!([name, "02440", "00000", "1"])).collect();
        let aliases: Vec<_> = user.alias.iter().map(|alias| mail(*alias)).collect();
        let mut object = directory::user(&user_name(user.name))
            .of(&user.id)
            .mail(&mail(user.mail))
            .context(context.number)
            .profile(&format!("profile{}", user.profile))
            .with("oxNote", self.mark(&user.id))
            .with("title", format!("T{}", user.value))
            .with("mailAlternativeAddress", aliases)
            .with("oxDeputyPermissionGivenTo", rows);
        if !user.enabled {
            object = object.disabled();
        }
        let event = self.send(&object);
        if let Some(user) = &mut self.users[slot] {
            user.event = event;
        }
    }

    /// Events of everybody who names a user.
    fn send_referrers(&mut self, id: &str) {
        let names = |list: &[String]| list.iter().any(|member| member == id);
        for slot in 0..GROUPS {
            if self.groups[slot].as_ref().is_some_and(|group| names(&group.members)) {
                self.send_group(slot);
            }
        }
        for slot in 0..ACCOUNTS {
            if self.accounts[slot].as_ref().is_some_and(|account| names(&account.members)) {
                self.send_account(slot);
            }
        }
        for slot in 0..USERS {
            if self.users[slot].as_ref().is_some_and(|user| names(&user.deputies)) {
                self.send_user(slot);
            }
        }
    }

    fn delete_user(&mut self, user: usize) {
        let Some(User { id, name, .. }) = self.users[user].take() else { return };
        self.forget("users/user", id.clone(), directory::dn(&user_name(name)));
        let without = |list: &mut Vec<String>| {
            let before = list.len();
            list.retain(|member| *member != id);
            list.len() != before
        };
        for slot in 0..GROUPS {
            if self.groups[slot].as_mut().is_some_and(|group| without(&mut group.members)) {
                self.send_group(slot);
            }
        }
        for slot in 0..ACCOUNTS {
            if self.accounts[slot].as_mut().is_some_and(|account| without(&mut account.members)) {
                self.send_account(slot);
            }
        }
        for slot in 0..SHARED {
            if self.shared[slot].as_mut().is_some_and(|shared| without(&mut shared.members)) {
                self.send_shared(slot);
            }
        }
        for slot in 0..USERS {
            if self.users[slot].as_mut().is_some_and(|user| without(&mut user.deputies)) {
                self.send_user(slot);
            }
        }
    }

    fn put_group(&mut self, group: usize, name: usize, members: u8) {
        let members = self.members(members);
        if let Some(held) = &mut self.groups[group] {
            held.members = members;
        } else if self.groups.iter().flatten().all(|other| other.name != name) {
            let id = self.next_id("group");
            self.groups[group] = Some(Group { id, name, enabled: true, members });
        }
        self.send_group(group);
    }

    fn rename_group(&mut self, group: usize, name: usize) {
        if self.groups.iter().flatten().all(|other| other.name != name)
            && let Some(held) = &mut self.groups[group]
        {
            held.name = name;
            self.send_group(group);
        }
    }

    fn send_group(&mut self, slot: usize) {
        let Some(group) = &self.groups[slot] else { return };
        let members = self.names_of(&group.members);
        let mut object = directory::group(&format!("group{}", group.name), &[]).of(&group.id).with("users", members);
        if !group.enabled {
            object = object.disabled();
        }
        self.send(&object);
    }

    fn delete_group(&mut self, group: usize) {
        let Some(Group { id, name, .. }) = self.groups[group].take() else { return };
        self.forget("groups/group", id.clone(), format!("cn=group{name},cn=groups,dc=test"));
        for slot in 0..SHARED {
            let Some(shared) = &mut self.shared[slot] else { continue };
            let before = shared.groups.len();
            shared.groups.retain(|other| *other != id);
            if shared.groups.len() != before {
                self.send_shared(slot);
            }
        }
    }

    fn put_account(&mut self, account: usize, mail: usize, members: u8) {
        let members = self.members(members);
        if let Some(held) = &mut self.accounts[account] {
            held.members = members;
        } else if self.mail_is_free(mail) {
            let id = self.next_id("account");
            self.accounts[account] = Some(Account { id, mail, members });
        }
        self.send_account(account);
    }

    fn send_account(&mut self, slot: usize) {
        let Some(account) = &self.accounts[slot] else { return };
        let members = self.names_of(&account.members);
        let object = directory::functional_account(&format!("account{slot}"), &[])
            .of(&account.id)
            .mail(&mail(account.mail))
            .with("personal", self.mark(&account.id))
            .with("users", members);
        self.send(&object);
    }

    fn send_permission(&mut self, slot: usize) {
        let Some(Permission { id, role }) = &self.permissions[slot] else { return };
        let roles = ["none", "viewer", "author"];
        let part = |role: u8| roles[usize::from(role % 3)];
        let capabilities: &[&str] = if role % 2 == 0 { &["sendAs"] } else { &[] };
        let name = format!("permission{slot}");
        let object = directory::permission(&name, part(*role), part(role / 3), capabilities).of(id);
        self.send(&object);
    }

    fn put_shared(&mut self, shared: usize, name: usize, mail: usize, context: usize) {
        let Some(context) = self.living(context) else { return };
        let name_free = self.shared.iter().flatten().all(|other| other.name != name);
        let mail_free = self.mail_is_free(mail);
        if let Some(held) = &mut self.shared[shared] {
            // The context of a shared account cannot change.
            held.name = if name_free { name } else { held.name };
            held.mail = if mail_free { mail } else { held.mail };
        } else if name_free && mail_free {
            let id = self.next_id("shared");
            let (members, groups, permission) = (Vec::new(), Vec::new(), String::new());
            self.shared[shared] = Some(Shared { id, name, mail, context, members, groups, permission });
        }
        self.send_shared(shared);
    }

    fn grant(&mut self, shared: usize, members: u8, groups: u8, permission: usize) {
        let members = self.members(members);
        let chosen = self.groups.iter().enumerate().filter(|(slot, _)| groups & (1 << slot) != 0);
        let groups = chosen.filter_map(|(_, group)| Some(group.as_ref()?.id.clone())).collect();
        if let (Some(held), Some(permission)) = (&mut self.shared[shared], &self.permissions[permission]) {
            (held.members, held.groups, held.permission) = (members, groups, permission.id.clone());
            self.send_shared(shared);
        }
    }

    fn send_shared(&mut self, slot: usize) {
        let Some(shared) = &self.shared[slot] else { return };
        let Some(context) = &self.contexts[shared.context] else { return };
        let pairs =
            |members: &[String]| -> Value { members.iter().map(|member| json!([member, shared.permission])).collect() };
        let object = directory::shared_account(&format!("shared{}", shared.name))
            .of(&shared.id)
            .mail(&mail(shared.mail))
            .context(context.number)
            .with("displayName", self.mark(&shared.id))
            .with("users", pairs(&shared.members))
            .with("groups", pairs(&shared.groups));
        self.send(&object);
    }

    fn put_resource(&mut self, resource: usize, name: usize, mail: usize, context: usize) {
        let Some(context) = self.living(context) else { return };
        let name_free = self.resources.iter().flatten().all(|other| other.name != name);
        let mail_free = self.mail_is_free(mail);
        if let Some(held) = &mut self.resources[resource] {
            held.name = if name_free { name } else { held.name };
            held.mail = if mail_free { mail } else { held.mail };
            held.context = context;
        } else if name_free && mail_free {
            let id = self.next_id("resource");
            self.resources[resource] = Some(Resource { id, name, mail, context });
        }
        self.send_resource(resource);
    }

    fn send_resource(&mut self, slot: usize) {
        let Some(resource) = &self.resources[slot] else { return };
        let Some(context) = &self.contexts[resource.context] else { return };
        let object = directory::resource(&format!("room{}", resource.name))
            .of(&resource.id)
            .with("resourceMailAddress", mail(resource.mail))
            .with("description", self.mark(&resource.id))
            .context(context.number);
        self.send(&object);
    }
}
