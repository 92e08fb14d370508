//! Users.

mod change;
mod create;
mod deputy;
mod mail;
mod relocate;
mod wish;

use self::wish::Wish;
use super::{ContextId, OxPlan, OxState, Planned, Rejection, Scope, ask, conflict, context_number, dn, handles};
use crate::ox::model::{Call, Fact, ObservedUser, Query, UserId, UserRef};
use crate::ox::state::UserState;

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    let held = held(scope);
    let Some(desired) = scope.input.desired else { return Ok(remove(scope, held)) };
    if !desired.flag("isOxUser")? {
        return Ok(match held {
            Some(_) => remove(scope, held),
            None => OxPlan::skipped(OxState::Nothing, "not an OX user (isOxUser is off)"),
        });
    }
    let Some(context) = context_number(desired, "oxContext")?.or(held.as_ref().map(|held| held.context)) else {
        return Ok(OxPlan::skipped(OxState::Nothing, "no OX context (oxContext is empty)"));
    };
    let face = scope.context(context)?;
    let name = wish::name(scope, desired)?;
    if name == face.admin {
        let reason = format!("the administrator of OX context {context} is never touched");
        return Ok(OxPlan::skipped(scope.input.state.clone(), reason));
    }
    let wish = Wish::new(scope, desired, context, name)?;
    match held {
        None => match taken(scope, context, &wish.name)? {
            Some(found) => change::plan(scope, &wish, UserState::adopt(context, found)),
            None => {
                prepare(scope, context, &wish.name)?;
                create::plan(scope, &wish, None)
            }
        },
        Some(held) if held.context == context => change::plan(scope, &wish, held),
        Some(held) => relocate::plan(scope, &wish, held),
    }
}

/// What OX holds, corrected by what was learned.
fn held(scope: Scope<'_>) -> Option<UserState> {
    let mut held = match scope.input.state {
        OxState::User(held) => Some((**held).clone()),
        _ => None,
    };
    for fact in scope.facts() {
        let Some(state) = &mut held else { break };
        if state.former.is_some_and(|former| is_gone(fact, former.context, former.id)) {
            state.former = None;
        }
        if is_gone(fact, state.context, state.id) {
            match state.former.take() {
                // The copy is gone, the user that it was made from is not.
                Some(former) => {
                    (state.context, state.id) = (former.context, former.id);
                    state.after_copy = None;
                }
                None => held = None,
            }
        }
    }
    held
}

fn is_gone(fact: &Fact, context: ContextId, user: UserId) -> bool {
    match fact {
        Fact::UserGone { context: c, user: u } | Fact::UserById { context: c, user: u, found: None } => {
            (*c, *u) == (context, user)
        }
        Fact::ContextGone { context: c } => *c == context,
        _ => false,
    }
}

/// Whether OX was asked for a name.
fn asked(scope: Scope<'_>, context: ContextId, name: &str) -> bool {
    scope.facts().any(|fact| matches!(fact, Fact::UserNamed { context: c, name: n, .. } if *c == context && n == name))
}

/// The user that OX last said has this name.
fn named<'a>(scope: Scope<'a>, context: ContextId, name: &str) -> Option<&'a ObservedUser> {
    let answer = scope.facts().rev().find_map(|fact| match fact {
        Fact::UserNamed { context: c, name: n, found } if *c == context && n == name => Some(found.as_ref()),
        _ => None,
    });
    answer.flatten().filter(|user| !scope.facts().any(|fact| is_gone(fact, context, user.id)))
}

/// The user of this name in a context, if OX said that there is one. It is taken over unless it belongs to another object.
fn taken<'a>(scope: Scope<'a>, context: ContextId, name: &str) -> Planned<Option<&'a ObservedUser>> {
    let Some(found) = named(scope, context, name) else { return Ok(None) };
    let handle = handles::user(context, found.id);
    if scope.belongs_to_another(handle.clone())? {
        return Err(conflict(
            format!(
                "the name of this user is already used in OX context {context} by another object: change property '{}'",
                scope.settings.identifiers.user
            ),
            vec![handle],
        )
        .into());
    }
    let recorded = matches!(scope.input.state, OxState::User(user) if (user.context, user.id) == (context, found.id));
    scope.may_adopt(&handles::user_name(context, name), recorded.into(), scope.settings.identifiers.user.property())?;
    Ok(Some(found))
}

/// Makes sure that a user that is made under a name can be recognised later.
fn prepare(scope: Scope<'_>, context: ContextId, name: &str) -> Planned<()> {
    scope.prepare(handles::user_name(context, name), Query::UserNamed { context, name: name.to_owned() })
}

/// Deletes the user. OX takes it out of all groups by itself.
fn remove(scope: Scope<'_>, held: Option<UserState>) -> OxPlan {
    let Some(held) = held else { return OxPlan::default() };
    let mut plan = OxPlan::default();
    if let Some(former) = held.former {
        plan.calls.push(Call::UserDelete { context: former.context, user: former.id });
    }
    plan.calls.extend(deputy::revoke_all(scope, &held, UserRef::Id(held.id)));
    plan.calls.push(Call::UserDelete { context: held.context, user: held.id });
    plan.base = OxState::User(Box::new(held));
    plan
}
