//! An ideal OX: does what calls say, and refuses what the real one refuses.

use std::collections::{BTreeMap, BTreeSet};

use oxherd::ox::attribute::Attribute;
use oxherd::ox::model::{
    Call, ContextId, Deputy, Effect, Fact, FieldValue, Group, GroupId, Guests, ObservedAccount, ObservedContext,
    ObservedResource, ObservedUser, Query, ResourceFields, ResourceId, SharedAccountFields, SharedAccountId,
    SharedPermission, UserFields, UserId, UserRef,
};
use oxherd::ox::rights::Rights;
use oxherd::ox::state::Account;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ox {
    pub contexts: BTreeMap<ContextId, Context>,
    pub without_copy: bool,
    pub fixed_quota: bool,
    /// Number of the last user that was created or copied: what `UserRef::Planned` stands for.
    planned: Option<UserId>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    pub name: String,
    pub quota: i64,
    pub mappings: BTreeSet<String>,
    pub users: BTreeMap<UserId, User>,
    pub groups: BTreeMap<GroupId, Group>,
    pub resources: BTreeMap<ResourceId, ResourceFields>,
    pub shared: BTreeMap<SharedAccountId, (Option<SharedAccountFields>, Vec<SharedPermission>)>,
    pub accounts: BTreeMap<(UserId, String), Account>,
    /// Accounts that a copy brought along: nobody can list them.
    pub hidden: BTreeSet<(UserId, String)>,
    pub deputies: BTreeMap<UserId, BTreeMap<UserId, Deputy>>,
    pub blocked: BTreeSet<UserId>,
    pub guests: BTreeSet<String>,
    last: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct User {
    pub name: String,
    pub fields: UserFields,
    pub rights: Rights,
    pub personal: Option<String>,
}

impl User {
    pub fn text(&self, attribute: Attribute) -> &str {
        match self.fields.get(&attribute) {
            Some(FieldValue::Text(text)) => text,
            None => "",
            other => panic!("{attribute} is {other:?}"),
        }
    }
}

impl Context {
    pub fn next(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    pub fn user(&self, name: &str) -> Option<(UserId, &User)> {
        self.users.iter().find(|(_, user)| user.name == name).map(|(id, user)| (*id, user))
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.values().find(|group| group.name.eq_ignore_ascii_case(name))
    }

    fn join_default(&mut self, id: UserId) {
        self.groups.get_mut(&GroupId::DEFAULT).unwrap().members.insert(id);
    }
}

fn without_data(fields: &UserFields) -> UserFields {
    let mut fields = fields.clone();
    fields.remove(&Attribute::NAME);
    fields.remove(&Attribute::PASSWORD);
    if let Some(FieldValue::Picture(picture)) = fields.get_mut(&Attribute::IMAGE1) {
        assert!(picture.base64.is_some(), "a picture is sent with its data");
        picture.base64 = None;
    }
    fields
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

impl Ox {
    pub fn context(&mut self, id: u32) -> &mut Context {
        self.contexts.get_mut(&ContextId(id)).unwrap_or_else(|| panic!("no OX context {id}"))
    }

    pub fn add_context(&mut self, id: ContextId, name: &str, quota: i64, mappings: BTreeSet<String>) {
        let mut context = Context { name: name.to_owned(), quota, mappings, last: 2, ..Context::default() };
        let users = Group { id: GroupId(1), name: "users".into(), display_name: "Standard".into(), members: [].into() };
        context.groups.insert(GroupId(1), users);
        self.contexts.insert(id, context);
    }

    fn id(&self, user: UserRef) -> UserId {
        match user {
            UserRef::Id(id) => id,
            UserRef::Planned => self.planned.expect("a call of the plan made the user"),
        }
    }

    pub fn answer(&self, query: &Query) -> Fact {
        let observe =
            |id: UserId, user: &User| ObservedUser { id, name: user.name.clone(), fields: user.fields.clone() };
        let held = |context: &ContextId| self.contexts.get(context);
        match query.clone() {
            Query::Context { context } => Fact::Context {
                context,
                found: held(&context).map(|held| ObservedContext {
                    name: held.name.clone(),
                    quota: held.quota,
                    mappings: held.mappings.iter().filter(|m| **m != context.to_string()).cloned().collect(),
                }),
            },
            Query::UserNamed { context, name } => {
                let found = held(&context).and_then(|held| held.user(&name)).map(|(id, user)| observe(id, user));
                Fact::UserNamed { context, name, found }
            }
            Query::UserById { context, user } => {
                let found = held(&context).and_then(|held| held.users.get(&user)).map(|found| observe(user, found));
                Fact::UserById { context, user, found }
            }
            Query::GroupNamed { context, name } => {
                let found = held(&context).and_then(|held| held.group(&name)).cloned();
                Fact::GroupNamed { context, name, found }
            }
            Query::ResourceNamed { context, name } => {
                let found = held(&context).and_then(|held| {
                    let found = held.resources.iter().find(|(_, fields)| lower(&fields.name) == lower(&name));
                    found.map(|(id, fields)| ObservedResource { id: *id, fields: fields.clone() })
                });
                Fact::ResourceNamed { context, name, found }
            }
            Query::SharedNamed { context, name } => {
                let found = held(&context).and_then(|held| {
                    let named = |fields: &Option<SharedAccountFields>| fields.as_ref().is_some_and(|f| f.name == name);
                    held.shared.iter().find(|(_, (fields, _))| named(fields)).map(|(id, _)| *id)
                });
                Fact::SharedNamed { context, name, found }
            }
            Query::Accounts { context, address } => {
                let found = self.contexts[&context].accounts.iter().filter(|((_, a), _)| *a == address);
                let found = found.map(|((user, _), account)| ObservedAccount {
                    user: *user,
                    name: account.name.clone(),
                    personal: account.personal.clone(),
                    login: account.login.clone(),
                });
                let found = found.collect();
                Fact::Accounts { context, address, found }
            }
            Query::Deputies { context, grantor } => {
                let found = self.contexts[&context].deputies.get(&grantor).cloned().unwrap_or_default();
                Fact::Deputies { context, grantor, found }
            }
        }
    }

    /// Makes a call; what it teaches when it is refused.
    pub fn execute(&mut self, call: &Call) -> Result<Effect, Fact> {
        match call.clone() {
            Call::ContextCreate { context, name, quota, mappings, .. } => {
                if self.contexts.contains_key(&context) {
                    return Err(self.answer(&Query::Context { context }));
                }
                self.add_context(context, &name, quota, mappings.into_iter().collect());
            }
            Call::ContextChange { context, name, quota, mappings } => {
                let Some(held) = self.contexts.get_mut(&context) else { return Err(Fact::ContextGone { context }) };
                held.name = name.unwrap_or(held.name.clone());
                held.quota = quota.unwrap_or(held.quota);
                held.mappings = mappings.map_or(held.mappings.clone(), |mappings| mappings.into_iter().collect());
            }
            Call::ContextDelete { context } => {
                self.contexts.remove(&context).ok_or(Fact::ContextGone { context })?;
            }
            Call::UserCreate { context, fields, rights, guests } => {
                return self.create(context, &fields, rights, guests);
            }
            Call::UserCopy { user, name, from, to } => return self.copy(user, &name, from, to),
            Call::UserChange { context, user, fields } => self.change(context, user, &fields)?,
            Call::UserRights { context, user, rights } => self.user_mut(context, user)?.rights = rights,
            Call::UserPersonal { context, user, personal } => {
                assert!(personal.chars().count() <= 64);
                self.user_mut(context, user)?.personal = Some(personal);
            }
            Call::UserDelete { context, user } => {
                let held = self.contexts.get_mut(&context).ok_or(Fact::ContextGone { context })?;
                held.users.remove(&user).ok_or(Fact::UserGone { context, user })?;
                held.groups.values_mut().for_each(|group| {
                    group.members.remove(&user);
                });
                held.accounts.retain(|(owner, _), _| *owner != user);
                held.deputies.remove(&user);
                held.deputies.values_mut().for_each(|grants| {
                    grants.remove(&user);
                });
            }
            Call::AccountCreate { .. } | Call::AccountUpdate { .. } | Call::AccountDelete { .. } => {
                self.account(call)?;
            }
            Call::ResourceCreate { context, fields } => {
                let found = self.answer(&Query::ResourceNamed { context, name: fields.name.clone() });
                if matches!(found, Fact::ResourceNamed { found: Some(_), .. }) {
                    return Err(found);
                }
                let held = self.context(context.0);
                let id = held.next();
                held.resources.insert(ResourceId(id), fields);
                return Ok(Effect::Created(id));
            }
            Call::ResourceChange { context, resource, fields } => {
                let held = self.context(context.0).resources.get_mut(&resource);
                *held.ok_or(Fact::ResourceGone { context, resource })? = fields;
            }
            Call::ResourceDelete { context, resource } => {
                let gone = self.context(context.0).resources.remove(&resource);
                gone.ok_or(Fact::ResourceGone { context, resource })?;
            }
            call @ (Call::GroupCreate { .. }
            | Call::GroupChange { .. }
            | Call::GroupAdd { .. }
            | Call::GroupRemove { .. }
            | Call::GroupDelete { .. }) => return self.group(call),
            call @ (Call::SharedCreate { .. }
            | Call::SharedChange { .. }
            | Call::SharedDelete { .. }
            | Call::SharedConvert { .. }
            | Call::SharedPermissions { .. }) => return self.shared(call),
            call => return self.deputy(call),
        }
        Ok(Effect::Done)
    }

    fn user_mut(&mut self, context: ContextId, user: UserRef) -> Result<&mut User, Fact> {
        let user = self.id(user);
        let held = self.contexts.get_mut(&context).ok_or(Fact::ContextGone { context })?;
        held.users.get_mut(&user).ok_or(Fact::UserGone { context, user })
    }

    fn create(
        &mut self,
        context: ContextId,
        fields: &UserFields,
        rights: Option<Rights>,
        guests: Guests,
    ) -> Result<Effect, Fact> {
        for mandatory in ["name", "display_name", "password", "given_name", "sur_name", "primary_email", "email1"] {
            assert!(fields.contains_key(&mandatory.parse().unwrap()), "{mandatory} is missing");
        }
        let Some(FieldValue::Text(name)) = fields.get(&Attribute::NAME) else { panic!("no name") };
        let found = self.answer(&Query::UserNamed { context, name: name.clone() });
        if matches!(found, Fact::UserNamed { found: Some(_), .. }) {
            return Err(found);
        }
        let held = self.contexts.get_mut(&context).ok_or(Fact::ContextGone { context })?;
        let user = User {
            name: name.clone(),
            fields: without_data(fields),
            rights: rights.unwrap_or_default(),
            personal: None,
        };
        let primary = lower(user.text(Attribute::PRIMARY_EMAIL));
        let taken = held.users.values().any(|other| lower(other.text(Attribute::PRIMARY_EMAIL)) == primary);
        if taken || (held.guests.contains(&primary) && guests == Guests::Refuse) {
            return Err(Fact::MailTaken { context });
        }
        held.guests.remove(&primary);
        let id = held.next();
        held.users.insert(UserId(id), user);
        held.join_default(UserId(id));
        self.planned = Some(UserId(id));
        Ok(Effect::Created(id))
    }

    fn copy(&mut self, user: UserId, name: &str, from: ContextId, to: ContextId) -> Result<Effect, Fact> {
        if self.without_copy {
            return Err(Fact::CopyUnavailable);
        }
        let source = &self.contexts[&from];
        let mut copy = source.users.get(&user).cloned().ok_or(Fact::UserGone { context: from, user })?;
        assert_eq!(copy.name, name, "a copy keeps its name");
        copy.fields.remove(&Attribute::IMAGE1);
        copy.fields.insert(Attribute::MAX_QUOTA, FieldValue::Number(0));
        let accounts: Vec<String> =
            source.accounts.keys().filter(|(owner, _)| *owner == user).map(|(_, address)| address.clone()).collect();
        assert!(self.contexts[&to].user(name).is_none(), "the name is free");
        let held = self.context(to.0);
        let id = UserId(held.next());
        held.users.insert(id, copy);
        held.hidden.extend(accounts.into_iter().map(|address| (id, address)));
        self.planned = Some(id);
        Ok(Effect::Created(id.0))
    }

    fn change(&mut self, context: ContextId, user: UserRef, fields: &UserFields) -> Result<(), Fact> {
        let id = self.id(user);
        let fixed = self.fixed_quota;
        let user = self.user_mut(context, user)?;
        let quota = fields.get(&Attribute::MAX_QUOTA);
        if fixed && quota.is_some_and(|quota| *quota != FieldValue::Number(-1)) {
            return Err(Fact::QuotaFixed { context });
        }
        let mut changed = user.fields.clone();
        for (attribute, value) in without_data(fields) {
            assert!(
                value != FieldValue::Text(String::new()) || attribute.form() != fixed_text(attribute),
                "{attribute}"
            );
            changed.insert(attribute, value);
        }
        if fields.contains_key(&Attribute::PRIMARY_EMAIL) || fields.contains_key(&Attribute::ALIASES) {
            let text = |attribute| match changed.get(&attribute) {
                Some(FieldValue::Text(text)) => Some(lower(text)),
                _ => None,
            };
            let aliases: Vec<String> = match changed.get(&Attribute::ALIASES) {
                Some(FieldValue::Texts(aliases)) => aliases.iter().map(|alias| lower(alias)).collect(),
                _ => Vec::new(),
            };
            let (primary, sender) = (text(Attribute::PRIMARY_EMAIL), text(Attribute::DEFAULT_SENDER_ADDRESS));
            let sender = sender.or_else(|| primary.clone());
            if [primary, sender].into_iter().flatten().any(|address| !aliases.contains(&address)) {
                return Err(Fact::SenderUnknown { context, user: id });
            }
        }
        user.fields = changed;
        if let Some(FieldValue::Text(name)) = fields.get(&Attribute::NAME) {
            user.name.clone_from(name);
        }
        Ok(())
    }

    fn group(&mut self, call: Call) -> Result<Effect, Fact> {
        let check = |held: &Context, members: &BTreeSet<UserId>| {
            assert!(members.iter().all(|member| held.users.contains_key(member)), "No such user");
        };
        match call {
            Call::GroupCreate { context, name, display_name, members } => {
                let held = self.context(context.0);
                check(held, &members);
                if let Some(found) = held.group(&name).cloned() {
                    return Err(Fact::GroupNamed { context, name, found: Some(found) });
                }
                let id = GroupId(held.next());
                held.groups.insert(id, Group { id, name, display_name, members });
                return Ok(Effect::Created(id.0));
            }
            Call::GroupChange { context, group, name, display_name, members } => {
                let held = self.context(context.0);
                if !members.iter().all(|member| held.users.contains_key(member)) {
                    return Err(Fact::MembersDiffer { context, group });
                }
                let found = held.groups.get_mut(&group).ok_or(Fact::GroupGone { context, group })?;
                *found = Group { id: group, name, display_name, members };
            }
            Call::GroupAdd { context, group, members } => {
                let members: BTreeSet<UserId> = members.into_iter().map(|member| self.id(member)).collect();
                let held = self.context(context.0);
                let exist = members.iter().all(|member| held.users.contains_key(member));
                let found = held.groups.get_mut(&group).ok_or(Fact::GroupGone { context, group })?;
                if !exist || !found.members.is_disjoint(&members) {
                    return Err(Fact::MembersDiffer { context, group });
                }
                found.members.extend(members);
            }
            Call::GroupRemove { context, group, members } => {
                let members: BTreeSet<UserId> = members.into_iter().map(|member| self.id(member)).collect();
                let held = self.context(context.0);
                check(held, &members);
                let found = held.groups.get_mut(&group).ok_or(Fact::GroupGone { context, group })?;
                found.members.retain(|member| !members.contains(member));
            }
            Call::GroupDelete { context, group } => {
                assert_ne!(group, GroupId::DEFAULT);
                self.context(context.0).groups.remove(&group).ok_or(Fact::GroupGone { context, group })?;
            }
            other => panic!("{other:?}"),
        }
        Ok(Effect::Done)
    }

    fn account(&mut self, call: &Call) -> Result<(), Fact> {
        match call.clone() {
            Call::AccountCreate { context, address, name, personal, login, users } => {
                let answer = self.answer(&Query::Accounts { context, address: address.clone() });
                let held = self.context(context.0);
                for user in &users {
                    assert!(held.users.contains_key(user), "No such user");
                    let key = (*user, address.clone());
                    if held.accounts.contains_key(&key) || held.hidden.contains(&key) {
                        return Err(answer);
                    }
                }
                let account = Account { name, personal, login };
                held.accounts.extend(users.into_iter().map(|user| ((user, address.clone()), account.clone())));
            }
            Call::AccountUpdate { context, address, name, personal, login, users } => {
                let account = Account { name, personal, login };
                for user in users {
                    let held = self.context(context.0).accounts.get_mut(&(user, address.clone()));
                    *held.expect("an account to update") = account.clone();
                }
            }
            Call::AccountDelete { context, address, users } => {
                for user in users {
                    let id = self.id(user);
                    let held = self.context(context.0);
                    let owner = held.users.get(&id).expect("No such user");
                    assert_ne!(lower(owner.text(Attribute::PRIMARY_EMAIL)), lower(&address), "deletes his own account");
                    held.accounts.remove(&(id, address.clone()));
                    held.hidden.remove(&(id, address.clone()));
                }
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    fn shared(&mut self, call: Call) -> Result<Effect, Fact> {
        match call {
            Call::SharedCreate { context, fields } => {
                let found = self.answer(&Query::SharedNamed { context, name: fields.name.clone() });
                if matches!(found, Fact::SharedNamed { found: Some(_), .. }) {
                    return Err(found);
                }
                let held = self.context(context.0);
                let id = held.next();
                held.shared.insert(SharedAccountId(id), (Some(fields), Vec::new()));
                self.planned = Some(UserId(id));
                return Ok(Effect::Created(id));
            }
            Call::SharedChange { context, account, fields } => {
                let held = self.context(context.0).shared.get_mut(&account);
                held.ok_or(Fact::SharedGone { context, account })?.0 = Some(fields);
            }
            Call::SharedDelete { context, account, .. } => {
                self.context(context.0).shared.remove(&account).ok_or(Fact::SharedGone { context, account })?;
            }
            Call::SharedConvert { context, user } => {
                let held = self.context(context.0);
                held.users.remove(&user).ok_or(Fact::UserGone { context, user })?;
                held.shared.insert(SharedAccountId(user.0), (None, Vec::new()));
            }
            Call::SharedPermissions { context, account, permissions } => {
                let account = account.or(self.planned.map(|id| SharedAccountId(id.0))).unwrap();
                let held = self.context(context.0).shared.get_mut(&account);
                held.ok_or(Fact::SharedGone { context, account })?.1 = permissions;
            }
            other => panic!("{other:?}"),
        }
        Ok(Effect::Done)
    }

    /// A refused deputy call makes the engine ask for the deputies.
    fn deputy(&mut self, call: Call) -> Result<Effect, Fact> {
        match call {
            Call::DeputyGrant { context, grantor, deputy, permission } => {
                let grantor = self.id(grantor);
                let answer = self.answer(&Query::Deputies { context, grantor });
                let held = self.context(context.0);
                let grant = format!("grant-{}", held.next());
                let granted = Deputy { grant: grant.clone(), permission };
                let grants = held.deputies.entry(grantor).or_default();
                if grants.contains_key(&deputy) {
                    return Err(answer);
                }
                grants.insert(deputy, granted);
                return Ok(Effect::Granted(grant));
            }
            Call::DeputyUpdate { context, grantor, grant, deputy, permission } => {
                let grantor = self.id(grantor);
                let answer = self.answer(&Query::Deputies { context, grantor });
                let held =
                    self.context(context.0).deputies.entry(grantor).or_default().get_mut(&deputy).ok_or(answer)?;
                assert_eq!(held.grant, grant);
                held.permission = permission;
            }
            Call::DeputyRevoke { context, grantor, grant, deputy } => {
                let grantor = self.id(grantor);
                let answer = self.answer(&Query::Deputies { context, grantor });
                let gone =
                    self.context(context.0).deputies.entry(grantor).or_default().remove(&deputy).ok_or(answer)?;
                assert_eq!(gone.grant, grant);
            }
            Call::DeputyRevokeAll { context, grantor } => {
                let grantor = self.id(grantor);
                self.context(context.0).deputies.remove(&grantor);
            }
            Call::DeputyBlock { context, grantor } => {
                let grantor = self.id(grantor);
                self.context(context.0).blocked.insert(grantor);
            }
            Call::DeputyUnblock { context, grantor } => {
                let grantor = self.id(grantor);
                self.context(context.0).blocked.remove(&grantor);
            }
            other => panic!("{other:?}"),
        }
        Ok(Effect::Done)
    }
}

/// The form that must never be sent empty.
fn fixed_text(attribute: Attribute) -> oxherd::ox::attribute::Form {
    match attribute.form() {
        form @ oxherd::ox::attribute::Form::FixedText { .. } => form,
        _ => oxherd::ox::attribute::Form::Picture,
    }
}
