//! What OX holds of one object, by our own record of the calls that succeeded.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::attribute::{Attribute, Form};
use super::model::{
    Call, ContextAccess, ContextId, Deputy, Effect, FieldValue, Group, GroupId, Megabytes, ObservedUser, Picture,
    ResourceFields, ResourceId, SharedAccountFields, SharedAccountId, SharedPermission, UserFields, UserId, UserRef,
};
pub use super::names::Names;
use super::rights::Rights;
use crate::engine::Kept;

/// What OX holds of one object. Changed by [`OxState::advance`] only, once for each call that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OxState {
    /// Nothing.
    #[default]
    Nothing,
    /// A context.
    Context(ContextState),
    /// A user.
    User(Box<UserState>),
    /// A group in each context in which it has members.
    Groups(GroupState),
    /// Secondary accounts in each context in which the functional account has users.
    Accounts(AccountState),
    /// A shared account.
    Shared(SharedState),
    /// A resource.
    Resource(ResourceState),
}

/// A context in OX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContextState {
    /// Its number.
    pub id: ContextId,
    /// Its name.
    pub name: String,
    /// Storage limit; `-1` is unlimited.
    pub quota: Megabytes,
    /// Login mappings.
    pub mappings: BTreeSet<String>,
    /// Whether its users can log in.
    #[serde(default)]
    pub access: ContextAccess,
    /// Set if the directory no longer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// A user in OX.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserState {
    /// Its context.
    pub context: ContextId,
    /// Its number.
    pub id: UserId,
    /// Its login name.
    pub name: String,
    /// The fields that were sent, as far as they have a value; pictures without data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: UserFields,
    /// Its rights; unknown if none were ever sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<Rights>,
    /// The name in the From header; unknown if none was ever sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<String>,
    /// Its deputies; unknown as long as it is not oxherd that manages them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deputies: Option<Deputies>,
    /// Values that OX did not take (none: it could not be cleared). The same is not tried again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<Attribute, Option<FieldValue>>,
    /// The user in the context that it moved away from, until it is deleted there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<FormerUser>,
    /// What is still to be done after a copy between contexts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_copy: Option<AfterCopy>,
    /// Set if the directory no longer has it, or no longer wants it in OX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// A user in the context that it moved away from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormerUser {
    /// The context.
    pub context: ContextId,
    /// The number there.
    pub id: UserId,
}

/// The next step after a copy between contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AfterCopy {
    /// Remove the accounts that came along and send all fields without the picture: the first change of a copied user that
    /// carries a picture gives it to somebody else.
    Change,
    /// Add it to the default group, in which a copied user is not.
    Group,
}

/// The deputies of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deputies {
    /// Who is deputy.
    pub grants: BTreeMap<UserId, Deputy>,
    /// Whether the user is kept from granting deputies himself.
    pub blocked: bool,
}

/// A group in OX.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupState {
    /// The group in each context in which it has members.
    pub groups: BTreeMap<ContextId, Group>,
    /// Under which names its members were last found.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub names: Names,
}

/// A functional account in OX.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountState {
    /// Its secondary accounts in each context in which it has users.
    pub accounts: BTreeMap<ContextId, Accounts>,
    /// Under which names its users were last found.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub names: Names,
}

/// The secondary accounts of a functional account in one context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accounts {
    /// Mail address.
    pub address: String,
    /// The account of each user.
    pub users: BTreeMap<UserId, Account>,
}

/// The secondary account of one user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Account name.
    pub name: String,
    /// Sender name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<String>,
    /// Login.
    pub login: String,
}

/// A shared account in OX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedState {
    /// Its context.
    pub context: ContextId,
    /// Its number.
    pub id: SharedAccountId,
    /// Its fields; unknown after a conversion or adoption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<SharedAccountFields>,
    /// Its permissions; unknown after a conversion or adoption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<SharedPermission>>,
}

/// A resource in OX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceState {
    /// Its context.
    pub context: ContextId,
    /// Its number.
    pub id: ResourceId,
    /// Its fields.
    pub fields: ResourceFields,
    /// The resource in the context that it moved away from, until it is deleted there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<(ContextId, ResourceId)>,
}

impl UserState {
    /// A user without anything known but where it is.
    pub fn new(context: ContextId, id: UserId, name: &str) -> Self {
        Self {
            context,
            id,
            name: name.to_owned(),
            fields: UserFields::new(),
            rights: None,
            personal: None,
            deputies: None,
            refused: BTreeMap::new(),
            former: None,
            after_copy: None,
            kept: None,
        }
    }

    /// A user that OX already had.
    pub fn adopt(context: ContextId, observed: &ObservedUser) -> Self {
        let mut state = Self::new(context, observed.id, &observed.name);
        state.record(&observed.fields);
        state
    }

    /// The value of a text field.
    pub fn text(&self, attribute: Attribute) -> Option<&str> {
        match self.fields.get(&attribute) {
            Some(FieldValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Takes over the user as it is after a copy to another context, with the number that it got there.
    #[must_use]
    pub fn copied(&self, to: ContextId, id: UserId) -> Self {
        let mut copy = self.clone();
        copy.former = Some(FormerUser { context: self.context, id: self.id });
        copy.after_copy = Some(AfterCopy::Change);
        (copy.context, copy.id) = (to, id);
        copy.deputies = None;
        copy.fields.remove(&Attribute::IMAGE1);
        // The copy has a quota of 0 instead of none.
        copy.fields.insert(Attribute::MAX_QUOTA, FieldValue::Number(0));
        copy
    }

    fn record(&mut self, fields: &UserFields) {
        for (attribute, value) in fields {
            self.refused.remove(attribute);
            match value {
                FieldValue::Text(name) if *attribute == Attribute::NAME => name.clone_into(&mut self.name),
                FieldValue::GeneratedSecret => {}
                value if cleared(*attribute).as_ref() == Some(value) => {
                    self.fields.remove(attribute);
                }
                value => {
                    self.fields.insert(*attribute, without_data(value));
                }
            }
        }
    }

    fn deputies_mut(&mut self) -> &mut Deputies {
        self.deputies.get_or_insert_default()
    }
}

/// The value that empties an attribute; none if OX cannot do that.
pub fn cleared(attribute: Attribute) -> Option<FieldValue> {
    match attribute.form() {
        Form::Text { .. } => Some(FieldValue::Text(String::new())),
        Form::Texts { .. } => Some(FieldValue::Texts(Vec::new())),
        Form::Number if attribute == Attribute::MAX_QUOTA => Some(FieldValue::Number(-1)),
        _ => None,
    }
}

fn without_data(value: &FieldValue) -> FieldValue {
    match value {
        FieldValue::Picture(picture) => FieldValue::Picture(Picture { base64: None, ..picture.clone() }),
        other => other.clone(),
    }
}

/// The users that a call names by their numbers.
fn ids(users: &[UserRef]) -> impl Iterator<Item = UserId> {
    users.iter().filter_map(|user| match user {
        UserRef::Id(id) => Some(*id),
        UserRef::Planned => None,
    })
}

impl OxState {
    /// The number of the user, if it is one.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user.id),
            _ => None,
        }
    }

    /// The number of the shared account, if it is one.
    pub fn shared_id(&self) -> Option<SharedAccountId> {
        match self {
            Self::Shared(account) => Some(account.id),
            _ => None,
        }
    }

    /// The mark of an object that is kept for a time.
    pub fn kept(&mut self) -> Option<&mut Kept> {
        match self {
            Self::User(user) => user.kept.as_mut(),
            Self::Context(context) => context.kept.as_mut(),
            _ => None,
        }
    }

    /// Takes a successful call over.
    pub fn advance(&mut self, call: &Call, effect: &Effect) {
        match call {
            Call::UserCreate { context, fields, rights, .. } => self.user_created(*context, fields, *rights, effect),
            Call::UserCopy { to, .. } => {
                if let (Self::User(user), Effect::Created(id)) = (&mut *self, effect) {
                    **user = user.copied(*to, UserId(*id));
                }
            }
            Call::UserDelete { context, user } => self.user_deleted(*context, *user),
            Call::ContextCreate { .. }
            | Call::ContextChange { .. }
            | Call::ContextAccess { .. }
            | Call::ContextDelete { .. } => {
                self.advance_context(call);
            }
            Call::AccountCreate { .. } | Call::AccountUpdate { .. } => self.advance_accounts(call),
            Call::AccountDelete { context, users, .. } => {
                // A user that was copied also deletes accounts; these are no state of the user.
                if let Self::Accounts(state) = self {
                    if let Some(held) = state.accounts.get_mut(context) {
                        held.users.retain(|user, _| !users.contains(&UserRef::Id(*user)));
                    }
                    state.accounts.retain(|_, held| !held.users.is_empty());
                    self.settle();
                }
            }
            Call::SharedCreate { .. }
            | Call::SharedChange { .. }
            | Call::SharedDelete { .. }
            | Call::SharedConvert { .. }
            | Call::SharedPermissions { .. } => self.advance_shared(call, effect),
            Call::ResourceCreate { .. } | Call::ResourceChange { .. } | Call::ResourceDelete { .. } => {
                self.advance_resource(call, effect);
            }
            other => match self {
                Self::User(user) => user.advance(other, effect),
                _ => self.advance_groups(other, effect),
            },
        }
    }

    fn user_created(&mut self, context: ContextId, fields: &UserFields, rights: Option<Rights>, effect: &Effect) {
        let Effect::Created(id) = effect else { return };
        let mut user = UserState::new(context, UserId(*id), "");
        user.record(fields);
        user.rights = rights;
        if let Self::User(former) = self {
            user.former = Some(FormerUser { context: former.context, id: former.id });
        }
        *self = Self::User(Box::new(user));
    }

    fn user_deleted(&mut self, context: ContextId, id: UserId) {
        let Self::User(user) = self else { return };
        if user.former == Some(FormerUser { context, id }) {
            user.former = None;
        } else if (user.context, user.id) == (context, id) {
            match user.former.take() {
                // What is left is the user in the context that it came from.
                Some(former) => (user.context, user.id) = (former.context, former.id),
                None => *self = Self::Nothing,
            }
        }
    }

    fn advance_context(&mut self, call: &Call) {
        match (call, &mut *self) {
            (Call::ContextCreate { context, name, quota, mappings, .. }, _) => {
                *self = Self::Context(ContextState {
                    id: *context,
                    name: name.clone(),
                    quota: *quota,
                    mappings: mappings.iter().cloned().collect(),
                    access: ContextAccess::Enabled,
                    kept: None,
                });
            }
            (Call::ContextChange { name, quota, mappings, .. }, Self::Context(held)) => {
                if let Some(name) = name {
                    name.clone_into(&mut held.name);
                }
                if let Some(quota) = quota {
                    held.quota = *quota;
                }
                if let Some(mappings) = mappings {
                    held.mappings = mappings.iter().cloned().collect();
                }
            }
            (Call::ContextAccess { access, .. }, Self::Context(held)) => held.access = *access,
            (Call::ContextDelete { .. }, _) => *self = Self::Nothing,
            _ => {}
        }
    }

    fn advance_groups(&mut self, call: &Call, effect: &Effect) {
        match call {
            Call::GroupCreate { context, name, display_name, members } => {
                let Effect::Created(id) = effect else { return };
                let group = Group {
                    id: GroupId(*id),
                    name: name.clone(),
                    display_name: display_name.clone(),
                    members: members.clone(),
                };
                if !matches!(self, Self::Groups(_)) {
                    *self = Self::Groups(GroupState::default());
                }
                if let Self::Groups(state) = self {
                    state.groups.insert(*context, group);
                }
            }
            Call::GroupChange { context, name, display_name, members, .. } => {
                let Some(group) = self.group_mut(*context) else { return };
                name.clone_into(&mut group.name);
                display_name.clone_into(&mut group.display_name);
                members.clone_into(&mut group.members);
            }
            Call::GroupAdd { context, members, .. } => {
                let Some(group) = self.group_mut(*context) else { return };
                group.members.extend(ids(members));
            }
            Call::GroupRemove { context, members, .. } => {
                let Some(group) = self.group_mut(*context) else { return };
                for id in ids(members) {
                    group.members.remove(&id);
                }
            }
            Call::GroupDelete { context, .. } => {
                if let Self::Groups(state) = self {
                    state.groups.remove(context);
                    self.settle();
                }
            }
            _ => {}
        }
    }

    fn group_mut(&mut self, context: ContextId) -> Option<&mut Group> {
        match self {
            Self::Groups(state) => state.groups.get_mut(&context),
            _ => None,
        }
    }

    fn advance_accounts(&mut self, call: &Call) {
        let (Call::AccountCreate { context, address, name, personal, login, users }
        | Call::AccountUpdate { context, address, name, personal, login, users }) = call
        else {
            return;
        };
        if !matches!(self, Self::Accounts(_)) {
            *self = Self::Accounts(AccountState::default());
        }
        let Self::Accounts(state) = self else { return };
        let held = state.accounts.entry(*context).or_default();
        address.clone_into(&mut held.address);
        let account = Account { name: name.clone(), personal: personal.clone(), login: login.clone() };
        held.users.extend(users.iter().map(|user| (*user, account.clone())));
    }

    fn advance_shared(&mut self, call: &Call, effect: &Effect) {
        match (call, &mut *self) {
            (Call::SharedCreate { context, fields }, _) => {
                let Effect::Created(id) = effect else { return };
                *self = Self::Shared(SharedState {
                    context: *context,
                    id: SharedAccountId(*id),
                    fields: Some(fields.clone()),
                    permissions: Some(Vec::new()),
                });
            }
            (Call::SharedConvert { context, user }, _) => {
                let id = SharedAccountId(user.0);
                *self = Self::Shared(SharedState { context: *context, id, fields: None, permissions: None });
            }
            (Call::SharedChange { fields, .. }, Self::Shared(held)) => held.fields = Some(fields.clone()),
            (Call::SharedPermissions { permissions, .. }, Self::Shared(held)) => {
                held.permissions = Some(permissions.clone());
            }
            (Call::SharedDelete { .. }, _) => *self = Self::Nothing,
            _ => {}
        }
    }

    fn advance_resource(&mut self, call: &Call, effect: &Effect) {
        match (call, &mut *self) {
            (Call::ResourceCreate { context, fields }, held) => {
                let Effect::Created(id) = effect else { return };
                let former = match held {
                    Self::Resource(former) => Some((former.context, former.id)),
                    _ => None,
                };
                let (context, id, fields) = (*context, ResourceId(*id), fields.clone());
                *self = Self::Resource(ResourceState { context, id, fields, former });
            }
            (Call::ResourceChange { fields, .. }, Self::Resource(held)) => held.fields = fields.clone(),
            (Call::ResourceDelete { context, resource }, Self::Resource(held)) => {
                if held.former == Some((*context, *resource)) {
                    held.former = None;
                } else {
                    *self = Self::Nothing;
                }
            }
            _ => {}
        }
    }

    /// An object of which nothing is left is nothing.
    pub(super) fn settle(&mut self) {
        let empty = match self {
            Self::Groups(state) => state.groups.is_empty() && state.names.is_empty(),
            Self::Accounts(state) => state.accounts.is_empty() && state.names.is_empty(),
            _ => false,
        };
        if empty {
            *self = Self::Nothing;
        }
    }
}

impl UserState {
    fn advance(&mut self, call: &Call, effect: &Effect) {
        match call {
            Call::UserChange { fields, .. } => {
                self.record(fields);
                if self.after_copy == Some(AfterCopy::Change) {
                    self.after_copy = Some(AfterCopy::Group);
                }
            }
            Call::GroupAdd { .. } => self.after_copy = None,
            Call::UserRights { rights, .. } => self.rights = Some(*rights),
            Call::UserPersonal { personal, .. } => self.personal = Some(personal.clone()),
            Call::DeputyGrant { deputy, permission, .. } => {
                if let Effect::Granted(grant) = effect {
                    let granted = Deputy { grant: grant.clone(), permission: *permission };
                    self.deputies_mut().grants.insert(*deputy, granted);
                }
            }
            Call::DeputyUpdate { deputy, grant, permission, .. } => {
                let updated = Deputy { grant: grant.clone(), permission: *permission };
                self.deputies_mut().grants.insert(*deputy, updated);
            }
            Call::DeputyRevoke { deputy, .. } => {
                self.deputies_mut().grants.remove(deputy);
            }
            Call::DeputyRevokeAll { .. } => self.deputies_mut().grants.clear(),
            Call::DeputyBlock { .. } => self.deputies_mut().blocked = true,
            // From now on the user may grant deputies himself, so what we knew is no longer all.
            Call::DeputyUnblock { .. } => self.deputies = None,
            _ => {}
        }
    }
}
