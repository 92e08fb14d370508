//! A few members more or less in a group of which nothing else changed: the usual change of a big group.
//!
//! Only the members that came and went are read and looked up. Of the others the state still holds, see [`Known::former`].
//! Whatever is not so simple is left to the full plan, which has the last word on what is right.
//!
//! [`Known::former`]: crate::engine::Known::former

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::super::dn;
use super::{Call, ContextId, Group, GroupState, MANY, OxPlan, Planned, Scope, UserId, UserRef, group_names, state};
use crate::udm::{Dn, Properties};

/// The plan if it is that simple.
pub(super) fn plan(scope: Scope<'_>, desired: &Properties, held: &GroupState) -> Planned<Option<OxPlan>> {
    let Some(former) = scope.input.known.former() else { return Ok(None) };
    if !scope.input.facts.is_empty() || held.groups.is_empty() || !same_but_members(former, desired) {
        return Ok(None);
    }
    let (name, display_name) = group_names(scope, desired)?;
    if held.groups.values().any(|group| group.name != name || group.display_name != display_name) {
        return Ok(None);
    }
    let Some(Difference { came, gone }) = Difference::of(former, desired) else { return Ok(None) };
    let (came, gone) = (names(&came)?, names(&gone)?);

    let mut lookups = scope.lookups();
    let found = lookups.members(&came, &held.names);
    let left: BTreeSet<_> = gone.iter().filter_map(|name| held.names.get(name)).collect();
    // OX drops deleted users from groups by itself.
    let present: BTreeSet<_> = left.iter().filter(|(context, user)| lookups.exists(*context, *user)).copied().collect();
    lookups.finish()?;

    let mut held = held.clone();
    for name in &gone {
        held.names.remove(name);
    }
    let mut joined = BTreeSet::new();
    for member in found {
        let user = (member.context, member.user);
        held.names.insert(&came[member.position], user);
        joined.insert(user);
    }
    let mut changes: BTreeMap<ContextId, (Vec<UserId>, Vec<UserId>)> = BTreeMap::new();
    for (context, user) in joined {
        match held.groups.get(&context) {
            Some(group) if group.members.contains(&user) => {}
            Some(_) => changes.entry(context).or_default().0.push(user),
            None => return Ok(None), // a group is to be made there
        }
    }
    // A user may be a member under another name as well.
    for (context, user) in left.iter().filter(|user| !held.names.leads_to(**user)).collect::<Vec<_>>() {
        let Some(group) = held.groups.get_mut(context) else { continue };
        if present.contains(&(*context, *user)) {
            if group.members.contains(user) {
                changes.entry(*context).or_default().1.push(*user);
            }
        } else {
            group.members.remove(user);
        }
    }

    let mut plan = OxPlan::default();
    for (context, (added, removed)) in changes {
        let Some(Group { id: group, members, .. }) = held.groups.get(&context) else { continue };
        let (group, count) = (*group, added.len() + removed.len());
        if members.len() + added.len() == removed.len()
            || count > MANY
            || count * 2 > members.len() + added.len() - removed.len()
        {
            return Ok(None); // the group is deleted or sent as a whole
        }
        plan.changes(["members"]);
        let refs = |users: Vec<UserId>| users.into_iter().map(UserRef::Id).collect::<Vec<_>>();
        if !added.is_empty() {
            plan.calls.push(Call::GroupAdd { context, group, members: refs(added) });
        }
        if !removed.is_empty() {
            plan.calls.push(Call::GroupRemove { context, group, members: refs(removed) });
        }
    }
    plan.base = state(held);
    Ok(Some(plan))
}

const USERS: &str = "users";

fn same_but_members(former: &Properties, desired: &Properties) -> bool {
    let former = former.iter().filter(|(name, _)| *name != USERS);
    former.eq(desired.iter().filter(|(name, _)| *name != USERS))
}

fn names(texts: &[&str]) -> Planned<Vec<Dn>> {
    Ok(texts.iter().map(|text| dn(USERS, text)).collect::<Result<_, _>>()?)
}

/// The texts that one list of members has and the other one has not.
struct Difference<'a> {
    came: Vec<&'a str>,
    gone: Vec<&'a str>,
}

impl<'a> Difference<'a> {
    /// None if the lists differ in too much, or are no lists of texts.
    fn of(former: &'a Properties, desired: &'a Properties) -> Option<Self> {
        let (Value::Array(former), Value::Array(all)) = (former.raw(USERS)?, desired.raw(USERS)?) else { return None };
        let desired = all;
        // A directory keeps its order, so that mostly the lists differ in one place only.
        let head = former.iter().zip(desired).take_while(|(old, new)| old == new).count();
        let (former, desired) = (former.get(head..)?, desired.get(head..)?);
        let tail = former.iter().rev().zip(desired.iter().rev()).take_while(|(old, new)| old == new).count();
        let (former, desired) = (former.get(..former.len() - tail)?, desired.get(..desired.len() - tail)?);
        let texts = |list: &'a [Value]| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
        let (former, desired) = (texts(former)?, texts(desired)?);
        let without = |all: &[&'a str], some: &[&'a str]| {
            let some: HashSet<_> = some.iter().copied().collect();
            all.iter().copied().filter(|text| !some.contains(text)).collect::<Vec<_>>()
        };
        let (came, gone) = (without(&desired, &former), without(&former, &desired));
        let many = came.len() + gone.len() > MANY;
        // Whatever a directory makes of empty and double names, it is none of the usual changes.
        let twice =
            |name: &&str| all.iter().any(|other| other.as_str().is_some_and(|other| other.eq_ignore_ascii_case(name)));
        let odd = came.iter().any(|name| name.is_empty()) || gone.iter().any(|name| name.is_empty() || twice(name));
        (!many && !odd).then_some(Self { came, gone })
    }
}
