//! What a record should say, given what OX really holds. Pure.

use std::collections::BTreeMap;

use super::{Item, Key, Section};
use crate::ox::attribute::Attribute;
use crate::ox::handles;
use crate::ox::model::{
    ContextId, FieldValue, Group, GroupId, ObservedAccount, ObservedContext, ObservedUser, Picture, ResourceId,
    SharedAccountFields, SharedPermission, UserFields, UserId,
};
use crate::ox::rights::{Flag, Rights};
use crate::ox::soap::shared_account::SharedAccount;
use crate::ox::state::{
    Account, AccountState, Accounts, ContextState, Deputies, FormerUser, GroupState, OxState, ResourceState,
    SharedState, UserState,
};
use crate::state::Handle;

/// Whether a thing is still the one that was recorded under its number. One name that is still right is enough; without
/// any it is another thing that got the number.
pub(super) fn is_same(section: Section, key: &Key, state: &OxState, item: &Item) -> bool {
    match (section, state, item) {
        (Section::Users(context), OxState::User(held), Item::User(found, ..)) => {
            let is_former = Some(UserId(key.number().unwrap_or_default()));
            let is_former = held.former.map(|former| former.id) == is_former && held.context != context;
            let mail = |fields: &UserFields| match fields.get(&Attribute::PRIMARY_EMAIL) {
                Some(FieldValue::Text(mail)) => Some(mail.to_lowercase()),
                _ => None,
            };
            let same_mail = mail(&held.fields).is_some_and(|held| Some(held) == mail(&found.fields));
            is_former || held.name == found.name || same_mail
        }
        (Section::Groups(context), OxState::Groups(held), Item::Group(found)) => {
            held.groups.get(&context).is_some_and(|held| {
                let named = same(&held.name, &found.name) || same(&held.display_name, &found.display_name);
                named || held.members.intersection(&found.members).next().is_some()
            })
        }
        (Section::Resources(_), OxState::Resource(held), Item::Resource(found)) => {
            same(&held.fields.name, &found.fields.name) || same(&held.fields.mail, &found.fields.mail)
        }
        (Section::Shared(_), OxState::Shared(held), Item::Shared(found, _)) => held
            .fields
            .as_ref()
            .is_none_or(|held| same(&held.name, &found.fields.name) || same(&held.mail, &found.fields.mail)),
        // The number of a context comes from the directory, and accounts have their address.
        _ => true,
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// The claims and handles that the object of this thing would have.
pub(super) fn names(section: Section, item: &Item) -> Vec<Handle> {
    match (section, item) {
        (Section::Users(context), Item::User(found, ..)) => {
            let mail = match found.fields.get(&Attribute::PRIMARY_EMAIL) {
                Some(FieldValue::Text(mail)) => Some(handles::primary(context, mail)),
                _ => None,
            };
            std::iter::once(handles::user_name(context, &found.name)).chain(mail).collect()
        }
        (Section::Groups(context), Item::Group(found)) => vec![handles::group_name(Some(context), &found.name)],
        (Section::Resources(context), Item::Resource(found)) => {
            vec![handles::resource_name(context, &found.fields.name), handles::mail(Some(context), &found.fields.mail)]
        }
        (Section::Accounts(context), Item::Accounts(address, _)) => vec![handles::account(context, address)],
        (Section::Shared(context), Item::Shared(found, _)) => {
            vec![handles::shared_name(context, &found.fields.name), handles::mail(Some(context), &found.fields.mail)]
        }
        _ => Vec::new(),
    }
}

/// The recorded state with what OX really holds under a key.
pub(super) fn corrected(section: Section, state: &OxState, key: &Key, item: Option<&Item>) -> OxState {
    let number = key.number().unwrap_or_default();
    let mut state = state.clone();
    match (section, &mut state, item) {
        (Section::Contexts, OxState::Context(held), Some(Item::Context(found))) => correct_context(held, found),
        (Section::Contexts, OxState::Context(_), None) => state = OxState::Nothing,
        (Section::Users(context), OxState::User(held), item) => {
            if !correct_user(held, context, UserId(number), item) {
                state = OxState::Nothing;
            }
        }
        (Section::Groups(context), OxState::Groups(held), item) => {
            correct_group(held, context, GroupId(number), item);
            state.settle();
        }
        (Section::Resources(context), OxState::Resource(held), item) => {
            let here = (context, ResourceId(number));
            match item {
                Some(Item::Resource(found)) if (held.context, held.id) == here => held.fields = found.fields.clone(),
                None if held.former == Some(here) => held.former = None,
                None if (held.context, held.id) == here => match held.former.take() {
                    Some(former) => (held.context, held.id) = former,
                    None => state = OxState::Nothing,
                },
                _ => {}
            }
        }
        (Section::Accounts(context), OxState::Accounts(held), item) => {
            let found = match item {
                Some(Item::Accounts(_, found)) => found.as_slice(),
                _ => &[],
            };
            correct_accounts(held, context, key, found);
            state.settle();
        }
        (Section::Shared(_), OxState::Shared(held), Some(Item::Shared(found, permissions))) => {
            correct_shared(held, found, permissions);
        }
        (Section::Shared(_), OxState::Shared(_), None) => state = OxState::Nothing,
        _ => {}
    }
    state
}

/// The state without what it held under a key, with a thing under another key in its place.
pub(super) fn taken_over(section: Section, state: &OxState, key: &Key, item: &Item) -> OxState {
    let mut state = corrected(section, state, key, None);
    match (section, item) {
        (Section::Users(context), Item::User(found, rights, deputies)) => {
            let mut user = UserState::adopt(context, found);
            user.rights = Some(without_nobodys(*rights));
            user.deputies = deputies.clone().map(|grants| Deputies { grants, blocked: false });
            if let OxState::User(former) = &state {
                user.former = Some(FormerUser { context: former.context, id: former.id });
            }
            OxState::User(Box::new(user))
        }
        (Section::Groups(context), Item::Group(found)) => {
            if !matches!(state, OxState::Groups(_)) {
                state = OxState::Groups(GroupState::default());
            }
            if let OxState::Groups(held) = &mut state {
                held.groups.insert(context, found.clone());
            }
            state
        }
        (Section::Resources(context), Item::Resource(found)) => {
            let former = match &state {
                OxState::Resource(former) => Some((former.context, former.id)),
                _ => None,
            };
            OxState::Resource(ResourceState { context, id: found.id, fields: found.fields.clone(), former })
        }
        (Section::Accounts(context), Item::Accounts(address, found)) => {
            if !matches!(state, OxState::Accounts(_)) {
                state = OxState::Accounts(AccountState::default());
            }
            if let OxState::Accounts(held) = &mut state {
                held.accounts.insert(context, Accounts { address: address.to_string(), users: users(found) });
            }
            state
        }
        (Section::Shared(context), Item::Shared(found, permissions)) => OxState::Shared(SharedState {
            context,
            id: found.id,
            fields: Some(found.fields.clone()),
            permissions: Some(permissions.clone()),
        }),
        _ => state,
    }
}

fn correct_context(held: &mut ContextState, found: &ObservedContext) {
    held.name.clone_from(&found.name);
    held.quota = found.quota;
    // OX adds number and name by itself.
    let own = |mapping: &&String| **mapping == held.id.to_string() || **mapping == found.name;
    let own: Vec<_> = held.mappings.iter().filter(own).cloned().collect();
    held.mappings = found.mappings.iter().cloned().chain(own).collect();
}

/// Says whether anything is left.
fn correct_user(held: &mut UserState, context: ContextId, id: UserId, item: Option<&Item>) -> bool {
    let here = (held.context, held.id) == (context, id);
    match item {
        Some(Item::User(found, rights, deputies)) if here => {
            held.rights = held.rights.map(|_| without_nobodys(*rights));
            if let (Some(held), Some(grants)) = (&mut held.deputies, deputies) {
                held.grants.clone_from(grants);
            }
            let fields = observed_fields(held, found);
            held.fields = fields;
            held.name.clone_from(&found.name);
            true
        }
        None if here => match held.former.take() {
            Some(former) => {
                (held.context, held.id) = (former.context, former.id);
                held.after_copy = None;
                true
            }
            None => false,
        },
        None if held.former.is_some_and(|former| (former.context, former.id) == (context, id)) => {
            held.former = None;
            true
        }
        _ => true,
    }
}

/// The fields as they would be recorded: a picture that was converted before it was sent counts as that of the directory.
fn observed_fields(held: &UserState, found: &ObservedUser) -> UserFields {
    let mut fields = UserState::adopt(held.context, found).fields;
    if let (Some(FieldValue::Picture(was)), Some(FieldValue::Picture(is))) =
        (held.fields.get(&Attribute::IMAGE1), fields.get_mut(&Attribute::IMAGE1))
        && was.sent.as_ref().unwrap_or(&was.fingerprint) == &is.fingerprint
    {
        *is = Picture { base64: None, ..was.clone() };
    }
    fields
}

/// Rights that no access profile grants; the server sets some of them by itself.
fn without_nobodys(rights: Rights) -> Rights {
    rights.iter().filter(|flag: &Flag| flag.udm_name().is_some()).collect()
}

fn correct_group(held: &mut GroupState, context: ContextId, id: GroupId, item: Option<&Item>) {
    let recorded = held.groups.get_mut(&context).filter(|group: &&mut Group| group.id == id);
    match (recorded, item) {
        (Some(recorded), Some(Item::Group(found))) => recorded.clone_from(found),
        (Some(_), None) => {
            held.groups.remove(&context);
        }
        _ => {}
    }
}

fn correct_accounts(held: &mut AccountState, context: ContextId, key: &Key, found: &[ObservedAccount]) {
    let Some(recorded) = held.accounts.get_mut(&context) else { return };
    if !matches!(key, Key::Address(address) if **address == *recorded.address.to_lowercase()) {
        return;
    }
    recorded.users = users(found);
    held.accounts.retain(|_, held| !held.users.is_empty());
}

fn users(found: &[ObservedAccount]) -> BTreeMap<UserId, Account> {
    let account = |found: &ObservedAccount| Account {
        name: found.name.clone(),
        personal: found.personal.clone().filter(|personal| !personal.is_empty()),
        login: found.login.clone(),
    };
    found.iter().map(|found| (found.user, account(found))).collect()
}

fn correct_shared(held: &mut SharedState, found: &SharedAccount, permissions: &[SharedPermission]) {
    if held.id != found.id {
        return;
    }
    if let Some(fields) = &mut held.fields {
        correct_shared_fields(fields, &found.fields);
    }
    // The permission of nobody to do nothing is not listed.
    let nobodys = |all: &[SharedPermission]| all.iter().all(|one| one.users.is_empty() && one.groups.is_empty());
    match &mut held.permissions {
        Some(held) if !(permissions.is_empty() && nobodys(held)) => permissions.clone_into(held),
        _ => {}
    }
}

/// What the server does not tell counts as right: nobody has seen which fields its answers have.
fn correct_shared_fields(held: &mut SharedAccountFields, found: &SharedAccountFields) {
    for (held, found) in [
        (&mut held.name, &found.name),
        (&mut held.display_name, &found.display_name),
        (&mut held.mail, &found.mail),
        (&mut held.language, &found.language),
        (&mut held.timezone, &found.timezone),
    ] {
        if !found.is_empty() {
            held.clone_from(found);
        }
    }
    for (held, found) in [(&mut held.imap, &found.imap), (&mut held.smtp, &found.smtp)] {
        if !found.host.is_empty() && found.port > 0 {
            held.clone_from(found);
        }
    }
}
