//! Functional accounts: a secondary account for each of their users.
//!
//! Accounts are made, changed and removed user by user, never deleted and made anew: that would lose what clients keep of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{ContextId, OxPlan, OxState, Planned, Scope, conflict, handles, names, required};
use crate::ox::mapping::check_address;
use crate::ox::model::{Call, Fact, UserId, UserRef};
use crate::ox::state::{Account, AccountState};
use crate::ox::template::AccountLogin;
use crate::udm::{ObjectType, Properties};

type Held = BTreeMap<ContextId, AccountState>;
type Accounts = BTreeMap<UserId, Account>;

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    let (address, wanted) = match scope.input.desired {
        Some(desired) => wanted(scope, desired)?,
        None => (String::new(), BTreeMap::new()),
    };
    let held = held(scope, &wanted, &address)?;
    let owners = owners_of_held(scope, &held)?;

    let mut plan = OxPlan::default();
    let contexts: BTreeSet<ContextId> = held.keys().chain(wanted.keys()).copied().collect();
    for context in contexts {
        let none = AccountState::default();
        let held = held.get(&context).unwrap_or(&none);
        let wanted = wanted.get(&context).cloned().unwrap_or_default();
        // The address is the key in OX: with another one all accounts are others.
        let moves = !held.users.is_empty() && held.address != address;
        let leaving = held.users.keys().filter(|user| moves || !wanted.contains_key(user)).copied();
        let leaving: BTreeSet<UserId> = leaving.filter(|user| !owners.contains(&(context, *user))).collect();
        if held.users.keys().any(|user| owners.contains(&(context, *user))) {
            plan.warn("the address of this account is now the primary address of one of its users: OX would delete that user's own mail account with it, so it is left there");
        }
        if !leaving.is_empty() {
            let users = leaving.into_iter().map(UserRef::Id).collect();
            plan.calls.push(Call::AccountDelete { context, address: held.address.clone(), users });
            plan.changes(["users"]);
        }
        let known = if moves { &none.users } else { &held.users };
        bring(scope, context, &address, known, wanted, &mut plan)?;
    }
    plan.base = OxState::Accounts(held);
    plan.base.settle();
    Ok(plan)
}

/// Makes and changes the accounts of one context, one call for all users with the same login.
fn bring(
    scope: Scope<'_>,
    context: ContextId,
    address: &str,
    held: &Accounts,
    wanted: Accounts,
    plan: &mut OxPlan,
) -> Planned<()> {
    let mut create: BTreeMap<Account, BTreeSet<UserId>> = BTreeMap::new();
    let mut update: BTreeMap<Account, BTreeSet<UserId>> = BTreeMap::new();
    for (user, account) in wanted {
        match held.get(&user) {
            None => create.entry(account).or_default().insert(user),
            Some(held) if *held != account => update.entry(account).or_default().insert(user),
            Some(_) => continue,
        };
    }
    if !create.is_empty() {
        plan.changes(["users"]);
        let refusals = scope.facts().filter(|fact| is_answer(fact, context, address)).count();
        if refusals > 1 {
            return Err(conflict(
                format!("users in OX context {context} have another mail account with the same login: remove it there"),
                Vec::new(),
            )
            .into());
        }
        if refusals == 1 {
            // They have the address as an ordinary account that nobody can list, as a user copy leaves them.
            let users = create.values().flatten().copied().map(UserRef::Id).collect();
            plan.calls.push(Call::AccountDelete { context, address: address.to_owned(), users });
        }
    }
    for (account, users) in update {
        let Account { name, personal, login } = account;
        plan.calls.push(Call::AccountUpdate { context, address: address.to_owned(), name, personal, login, users });
        plan.changes(["account"]);
    }
    for (account, users) in create {
        let Account { name, personal, login } = account;
        plan.calls.push(Call::AccountCreate { context, address: address.to_owned(), name, personal, login, users });
    }
    Ok(())
}

fn is_answer(fact: &Fact, context: ContextId, address: &str) -> bool {
    matches!(fact, Fact::Accounts { context: c, address: a, .. } if *c == context && a.eq_ignore_ascii_case(address))
}

/// The address and the accounts that the directory wants. Users that are not in OX (yet) come later.
fn wanted(scope: Scope<'_>, desired: &Properties) -> Planned<(String, BTreeMap<ContextId, Accounts>)> {
    let name = required(desired, "name")?;
    let address = required(desired, "mailPrimaryAddress")?;
    check_address("mailPrimaryAddress", &address)?;
    let personal = desired.text("personal")?;
    let template = &scope.settings.functional_account_login;
    let needs_properties = template.properties().next().is_some();
    let none = Properties::default();

    let mut users = Vec::new();
    let mut lookups = scope.lookups();
    for dn in names("users", &desired.texts("users")?)? {
        let Some((object, user)) = lookups.user(&dn) else { continue };
        let properties = if needs_properties { lookups.properties(object) } else { Some(&none) };
        if let Some(properties) = properties {
            users.push((dn, object, user, properties));
        }
    }
    let contexts: BTreeSet<ContextId> = users.iter().map(|(_, _, user, _)| user.context).collect();
    let owners: Vec<_> = contexts.iter().map(|context| handles::primary(*context, &address)).collect();
    let owner = owners
        .into_iter()
        .find(|handle| lookups.face(handle.clone()).is_some_and(|found| found.kind == ObjectType::User));
    lookups.finish()?;
    if let Some(handle) = owner {
        return Err(conflict(
            "the address in property 'mailPrimaryAddress' of this functional account is the primary address of a user: \
             give one of the two another address",
            vec![handle],
        )
        .into());
    }

    let mut wanted: BTreeMap<ContextId, Accounts> = BTreeMap::new();
    for (dn, object, user, properties) in users {
        let login = template.fill(AccountLogin {
            account: scope.input.object,
            address: &address,
            user: object,
            dn: dn.canonical(),
            properties,
        })?;
        let account = Account { name: name.clone(), personal: personal.clone(), login };
        wanted.entry(user.context).or_default().insert(user.id, account);
    }
    Ok((address, wanted))
}

/// What OX holds, corrected by what was learned. Accounts of users that are gone went with them.
fn held(scope: Scope<'_>, wanted: &BTreeMap<ContextId, Accounts>, address: &str) -> Planned<Held> {
    let mut held = match scope.input.state {
        OxState::Accounts(held) => held.clone(),
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
            Fact::Accounts { context, found, .. } if is_answer(fact, *context, address) => {
                let Some(wanted) = wanted.get(context) else { continue };
                let held = held.entry(*context).or_default();
                if held.users.is_empty() {
                    address.clone_into(&mut held.address);
                }
                if held.address == address {
                    let ours = found.iter().filter(|account| wanted.contains_key(&account.user));
                    let ours = ours.map(|account| {
                        let (name, login) = (account.name.clone(), account.login.clone());
                        (account.user, Account { name, personal: account.personal.clone(), login })
                    });
                    for (user, account) in ours.collect::<Vec<_>>() {
                        held.users.entry(user).or_insert(account);
                    }
                }
            }
            _ => {}
        }
    }
    let mut lookups = scope.lookups();
    for (context, held) in &mut held {
        let wanted = wanted.get(context);
        held.users.retain(|user, _| {
            wanted.is_some_and(|wanted| wanted.contains_key(user)) || lookups.exists(*context, *user)
        });
    }
    lookups.finish()?;
    held.retain(|_, held| !held.users.is_empty());
    Ok(held)
}

/// The users whose primary address is that of the accounts that OX holds: to delete the account would delete their own.
fn owners_of_held(scope: Scope<'_>, held: &Held) -> Planned<BTreeSet<(ContextId, UserId)>> {
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
