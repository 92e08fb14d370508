//! Groups: one OX group in each context in which the group has members.

mod few;

use std::collections::{BTreeMap, BTreeSet};

use super::{ContextId, OxPlan, OxState, Planned, Rejection, Scope, conflict, handles, names, without};
use crate::ox::mapping::check_length;
use crate::ox::model::{Call, Fact, Group, GroupId, Query, UserId, UserRef};
use crate::ox::state::{GroupState, Names};
use crate::udm::Properties;

/// The group that OX makes in each context. It is never touched, in whatever case a directory spells it.
const BUILT_IN: &str = "users";

/// From this many member changes on the full list is sent instead of the difference.
const MANY: usize = 100;

type Members = BTreeMap<ContextId, BTreeSet<UserId>>;

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    if let (Some(desired), OxState::Groups(held)) = (scope.input.desired, scope.input.state)
        && let Some(plan) = few::plan(scope, desired, held)?
    {
        return Ok(plan);
    }
    let mut held = held(scope);
    let desired = match scope.input.desired {
        Some(desired) if desired.flag("isOxGroup")? => desired,
        Some(_) if held.groups.is_empty() => {
            return Ok(OxPlan::skipped(OxState::Nothing, "not an OX group (isOxGroup is off)"));
        }
        _ => return Ok(remove(held.groups)),
    };
    let (name, display_name) = group_names(scope, desired)?;
    if name.eq_ignore_ascii_case(BUILT_IN) {
        let reason = "a group called 'users' is never touched, because OX manages one of that name itself";
        return Ok(OxPlan::skipped(scope.input.state.clone(), reason));
    }
    let wanted = members(scope, desired, &mut held)?;

    let mut plan = OxPlan::default();
    let contexts: BTreeSet<ContextId> = wanted.keys().chain(held.groups.keys()).copied().collect();
    for context in contexts {
        let members = wanted.get(&context).cloned().unwrap_or_default();
        if !held.groups.contains_key(&context)
            && let Some(found) = taken(scope, context, &name)?
        {
            held.groups.insert(context, found);
        }
        match held.groups.get(&context) {
            Some(group) if members.is_empty() => {
                plan.calls.push(Call::GroupDelete { context, group: group.id });
                plan.changes(["members"]);
            }
            Some(group) => change(scope, context, group, (&name, &display_name), members, &mut plan)?,
            None => {
                let question = Query::GroupNamed { context, name: name.clone() };
                scope.prepare(handles::group_name(Some(context), &name), question)?;
                let (name, display_name) = (name.clone(), display_name.clone());
                plan.calls.push(Call::GroupCreate { context, name, display_name, members });
                plan.changes(["name", "displayname", "members"]);
            }
        }
    }
    plan.base = state(held);
    Ok(plan)
}

/// What OX holds, corrected by what was learned.
fn held(scope: Scope<'_>) -> GroupState {
    let mut held = match scope.input.state {
        OxState::Groups(held) => held.clone(),
        _ => GroupState::default(),
    };
    for fact in scope.facts() {
        match fact {
            Fact::GroupGone { context, group } if held.groups.get(context).is_some_and(|held| held.id == *group) => {
                held.groups.remove(context);
            }
            Fact::ContextGone { context } => {
                held.groups.remove(context);
            }
            _ => {}
        }
    }
    held
}

fn state(held: GroupState) -> OxState {
    let mut state = OxState::Groups(held);
    state.settle();
    state
}

/// The name in OX and the display name.
fn group_names(scope: Scope<'_>, desired: &Properties) -> Planned<(String, String)> {
    let identifier = &scope.settings.identifiers.group;
    let name = identifier.name(scope.input.object, desired)?.ok_or_else(|| {
        Rejection::invalid(format!(
            "property '{identifier}' is empty, but it names the group in OX: set it in the directory"
        ))
    })?;
    let display_name = desired.text("name")?.unwrap_or_else(|| name.clone());
    check_length("name", identifier.property(), &name, 128)?;
    check_length("displayname", "name", &display_name, 128)?;
    Ok((name, display_name))
}

/// The members by context. Members that are not in OX (yet) come later: the group is planned again when they arrive.
/// Recorded members whose user is gone are dropped, because OX drops them by itself.
fn members(scope: Scope<'_>, desired: &Properties, held: &mut GroupState) -> Planned<Members> {
    let list = names("users", &desired.texts("users")?)?;
    let mut lookups = scope.lookups();
    let mut wanted = Members::new();
    let mut now = Vec::with_capacity(list.len());
    let is_gone = |(context, user)| scope.facts().any(|fact| *fact == Fact::UserGone { context, user });
    for member in lookups.members(&list, &held.names) {
        if is_gone((member.context, member.user)) {
            continue; // it will be made anew, and then the group is planned again
        }
        now.push((&list[member.position], (member.context, member.user)));
        wanted.entry(member.context).or_default().insert(member.user);
    }
    held.names = now.into_iter().collect();
    for (context, group) in &mut held.groups {
        let none = BTreeSet::new();
        let wanted = wanted.get(context).unwrap_or(&none);
        group.members.retain(|user| wanted.contains(user) || lookups.exists(*context, *user));
    }
    lookups.finish()?;
    Ok(wanted)
}

/// The group of this name in a context, if OX said that there is one. It is taken over unless it belongs to another object.
fn taken(scope: Scope<'_>, context: ContextId, name: &str) -> Planned<Option<Group>> {
    let found = scope.facts().rev().find_map(|fact| match fact {
        Fact::GroupNamed { context: c, name: n, found } if *c == context && n.to_lowercase() == name.to_lowercase() => {
            Some(found.as_ref())
        }
        _ => None,
    });
    let Some(found) = found.flatten() else { return Ok(None) };
    if scope.facts().any(|fact| *fact == Fact::GroupGone { context, group: found.id }) {
        return Ok(None);
    }
    let handle = handles::group(context, found.id);
    if found.id == GroupId::DEFAULT || scope.belongs_to_another(handle.clone())? {
        return Err(conflict(
            format!(
                "the name of this group is already used in OX context {context} by another group: change property '{}'",
                scope.settings.identifiers.group
            ),
            vec![handle],
        )
        .into());
    }
    let recorded = match scope.input.state {
        OxState::Groups(held) => held.groups.get(&context).is_some_and(|held| held.id == found.id),
        _ => false,
    };
    let property = scope.settings.identifiers.group.property();
    scope.may_adopt(&handles::group_name(Some(context), name), recorded.into(), property)?;
    Ok(Some(found.clone()))
}

fn change(
    scope: Scope<'_>,
    context: ContextId,
    held: &Group,
    (name, display_name): (&str, &str),
    members: BTreeSet<UserId>,
    plan: &mut OxPlan,
) -> Planned<()> {
    let group = held.id;
    let added = without(&members, &held.members);
    let removed = without(&held.members, &members);
    let changes = added.len() + removed.len();
    let renamed = held.name != name || held.display_name != display_name;
    let refusals = scope.facts().filter(|fact| **fact == Fact::MembersDiffer { context, group }).count();
    if refusals > 1 {
        return Err(conflict(
            format!("OX context {context} lacks a user that is a member of this group: provision its members again"),
            members.iter().map(|user| handles::user(context, *user)).collect(),
        )
        .into());
    }
    let differs = refusals > 0;
    if renamed {
        plan.changes(["name"]);
    }
    if changes > 0 || differs {
        plan.changes(["members"]);
    }
    if renamed || differs || changes > MANY || changes * 2 > members.len() {
        let (name, display_name) = (name.to_owned(), display_name.to_owned());
        plan.calls.push(Call::GroupChange { context, group, name, display_name, members });
        return Ok(());
    }
    let refs = |ids: BTreeSet<UserId>| ids.into_iter().map(UserRef::Id).collect::<Vec<_>>();
    if !added.is_empty() {
        plan.calls.push(Call::GroupAdd { context, group, members: refs(added) });
    }
    if !removed.is_empty() {
        plan.calls.push(Call::GroupRemove { context, group, members: refs(removed) });
    }
    Ok(())
}

fn remove(groups: BTreeMap<ContextId, Group>) -> OxPlan {
    let calls =
        groups.iter().map(|(context, group)| Call::GroupDelete { context: *context, group: group.id }).collect();
    OxPlan { base: state(GroupState { groups, names: Names::default() }), calls, ..OxPlan::default() }
}
