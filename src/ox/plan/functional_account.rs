//! Functional accounts: a secondary account for each of their users.
//!
//! Accounts are made, changed and removed user by user, never deleted and made anew: that would lose what clients keep of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{ContextId, Dn, OxPlan, OxState, Planned, Scope, conflict, handles, names, required};
use crate::ox::mapping::check_address;
use crate::ox::model::{Call, Fact, ObservedAccount, UserId, UserRef};
use crate::ox::state::{Account, AccountState, Accounts, Names};
use crate::ox::template::AccountLogin;
use crate::udm::{ObjectType, Properties};

/// The accounts of the users of one context.
type Users = BTreeMap<UserId, Account>;

/// What the directory wants.
#[derive(Default)]
struct Wanted {
    address: String,
    users: BTreeMap<ContextId, Users>,
    names: Names,
}

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    let wanted = match scope.input.desired {
        Some(desired) => wanted(scope, desired)?,
        None => Wanted::default(),
    };
    let held = held(scope, &wanted)?;
    let owners = owners_of(scope, &held)?;

    let mut plan = OxPlan::default();
    let contexts: BTreeSet<ContextId> = held.keys().chain(wanted.users.keys()).copied().collect();
    for context in contexts {
        let nothing = Accounts::default();
        let held = held.get(&context).unwrap_or(&nothing);
        let users = wanted.users.get(&context).cloned().unwrap_or_default();
        // The address is the key in OX: with another one all accounts are others.
        let moves = !held.users.is_empty() && held.address != wanted.address;
        let (safe, risky): (BTreeSet<UserId>, BTreeSet<UserId>) = held
            .users
            .keys()
            .filter(|user| moves || !users.contains_key(user))
            .partition(|user| !owners.contains(&(context, **user)));
        if !risky.is_empty() {
            plan.warn(
                "the address of this account is now the primary address of one of its users: OX would delete that user's \
                 own mail account with it, so it is left there",
            );
        }
        if !safe.is_empty() {
            let users = safe.into_iter().map(UserRef::Id).collect();
            plan.calls.push(Call::AccountDelete { context, address: held.address.clone(), users });
            plan.changes(["users"]);
        }
        let held = if moves { &nothing.users } else { &held.users };
        bring(scope, context, &wanted, held, users, &mut plan)?;
    }
    plan.base = OxState::Accounts(AccountState { accounts: held, names: wanted.names });
    plan.base.settle();
    Ok(plan)
}

/// Makes and changes the accounts of one context, one call for all users with the same login.
fn bring(
    scope: Scope<'_>,
    context: ContextId,
    wanted: &Wanted,
    held: &Users,
    users: Users,
    plan: &mut OxPlan,
) -> Planned<()> {
    let mut create: BTreeMap<Account, BTreeSet<UserId>> = BTreeMap::new();
    let mut update: BTreeMap<Account, BTreeSet<UserId>> = BTreeMap::new();
    for (user, account) in users {
        match held.get(&user) {
            None => create.entry(account).or_default().insert(user),
            Some(held) if *held != account => update.entry(account).or_default().insert(user),
            Some(_) => continue,
        };
    }
    let address = || wanted.address.clone();
    for (Account { name, personal, login }, users) in update {
        plan.calls.push(Call::AccountUpdate { context, address: address(), name, personal, login, users });
        plan.changes(["account"]);
    }
    if create.is_empty() {
        return Ok(());
    }
    plan.changes(["users"]);
    if are_hidden(scope, context, wanted)? {
        let users = create.values().flatten().copied().map(UserRef::Id).collect();
        plan.calls.push(Call::AccountDelete { context, address: address(), users });
    }
    for (Account { name, personal, login }, users) in create {
        plan.calls.push(Call::AccountCreate { context, address: address(), name, personal, login, users });
    }
    Ok(())
}

/// Whether users have the address as an ordinary account that nobody can list, as a user copy leaves them: OX refused to
/// make the account and did not show one that explains it.
fn are_hidden(scope: Scope<'_>, context: ContextId, wanted: &Wanted) -> Planned<bool> {
    let answers: Vec<_> = scope.facts().filter_map(|fact| answer(fact, context, &wanted.address)).collect();
    let ours = wanted.users.get(&context);
    let explained = answers
        .first()
        .is_some_and(|found| found.iter().any(|account| ours.is_some_and(|ours| ours.contains_key(&account.user))));
    let unexplained = answers.len() - usize::from(explained);
    if unexplained > 1 {
        return Err(conflict(
            format!("users in OX context {context} have another mail account with the same login: remove it there"),
            Vec::new(),
        )
        .into());
    }
    Ok(unexplained == 1)
}

fn answer<'a>(fact: &'a Fact, context: ContextId, address: &str) -> Option<&'a [ObservedAccount]> {
    match fact {
        Fact::Accounts { context: c, address: a, found } if *c == context && a.eq_ignore_ascii_case(address) => {
            Some(found)
        }
        _ => None,
    }
}

/// What the directory wants. Users that are not in OX (yet) come later: the account is planned again when they arrive.
fn wanted(scope: Scope<'_>, desired: &Properties) -> Planned<Wanted> {
    let name = required(desired, "name")?;
    let address = required(desired, "mailPrimaryAddress")?;
    check_address("mailPrimaryAddress", &address)?;
    let personal = desired.text("personal")?;
    let (before, recorded) = match scope.input.state {
        OxState::Accounts(state) => (&state.names, Some(&state.accounts)),
        _ => (&Names::default(), None),
    };

    let list = names("users", &desired.texts("users")?)?;
    let template = &scope.settings.functional_account_login;
    let needs_properties = template.properties().next().is_some();
    let none = Properties::default();
    let mut lookups = scope.lookups();
    let mut members = Vec::new();
    let is_gone = |(context, user)| scope.facts().any(|fact| *fact == Fact::UserGone { context, user });
    for member in lookups.members(&list, before) {
        if is_gone((member.context, member.user)) {
            continue; // it will be made anew, and then the account is planned again
        }
        let properties = match member.source {
            Some(object) if needs_properties => lookups.properties(object),
            _ => Some(&none),
        };
        members.extend(properties.map(|properties| (member, properties)));
    }
    let contexts: BTreeSet<ContextId> = members.iter().map(|(member, _)| member.context).collect();
    let mut owner = None;
    for handle in contexts.into_iter().map(|context| handles::primary(context, &address)) {
        let found = lookups.face(handle.clone()).filter(|found| found.kind == ObjectType::User);
        owner = owner.or(found.map(|_| handle));
    }
    lookups.finish()?;
    if let Some(handle) = owner {
        return Err(conflict(
            "the address in property 'mailPrimaryAddress' of this functional account is the primary address of a user: \
             give one of the two another address",
            vec![handle],
        )
        .into());
    }

    let mut wanted = Wanted { address, ..Wanted::default() };
    for (member, properties) in members {
        let dn: &Dn = &list[member.position];
        let account = match member.source {
            Some(user) => {
                let login = AccountLogin {
                    account: scope.input.object,
                    address: &wanted.address,
                    user,
                    dn: dn.canonical(),
                    properties,
                };
                let login = template.fill(login)?;
                Some(Account { name: name.clone(), personal: personal.clone(), login })
            }
            // Its name changed a moment ago: it keeps what it has until the account names it anew.
            None => recorded.and_then(|held| held.get(&member.context)?.users.get(&member.user).cloned()),
        };
        if let Some(account) = account {
            wanted.names.insert(dn, (member.context, member.user));
            wanted.users.entry(member.context).or_default().insert(member.user, account);
        }
    }
    Ok(wanted)
}

/// What OX holds, corrected by what was learned. Accounts of users that are gone went with them.
fn held(scope: Scope<'_>, wanted: &Wanted) -> Planned<BTreeMap<ContextId, Accounts>> {
    let mut held = match scope.input.state {
        OxState::Accounts(state) => state.accounts.clone(),
        _ => BTreeMap::new(),
    };
    for fact in scope.facts() {
        match fact {
            Fact::ContextGone { context } => {
                held.remove(context);
            }
            Fact::UserGone { context, user } => {
                if let Some(held) = held.get_mut(context) {
                    held.users.remove(user);
                }
            }
            Fact::Accounts { context, .. } => {
                let (Some(found), Some(ours)) = (answer(fact, *context, &wanted.address), wanted.users.get(context))
                else {
                    continue;
                };
                let held = held.entry(*context).or_default();
                if held.users.is_empty() {
                    held.address.clone_from(&wanted.address);
                }
                if held.address == wanted.address {
                    for account in found.iter().filter(|account| ours.contains_key(&account.user)) {
                        let (name, personal, login) = (&account.name, &account.personal, &account.login);
                        let (name, personal, login) = (name.clone(), personal.clone(), login.clone());
                        held.users.entry(account.user).or_insert(Account { name, personal, login });
                    }
                }
            }
            _ => {}
        }
    }
    let mut lookups = scope.lookups();
    for (context, held) in &mut held {
        let wanted = wanted.users.get(context);
        held.users.retain(|user, _| {
            wanted.is_some_and(|wanted| wanted.contains_key(user)) || lookups.exists(*context, *user)
        });
    }
    lookups.finish()?;
    held.retain(|_, held| !held.users.is_empty());
    Ok(held)
}

/// The users whose primary address is that of the accounts that OX holds: to delete the account would delete their own.
fn owners_of(scope: Scope<'_>, held: &BTreeMap<ContextId, Accounts>) -> Planned<BTreeSet<(ContextId, UserId)>> {
    let mut lookups = scope.lookups();
    let owners = held
        .iter()
        .filter_map(|(context, held)| {
            let found = lookups.face(handles::primary(*context, &held.address))?;
            let user = super::UserFace::read(&found.face)?;
            Some((user.context, user.id))
        })
        .collect();
    lookups.finish()?;
    Ok(owners)
}
