//! Moving a user to another context: copy, bring up to date, delete where it came from.

use super::{
    OxPlan, OxState, Planned, Scope, UserState, Wish, ask, asked, change, create, deputy, handles, named, prepare,
    taken,
};
use crate::ox::model::{Call, Fact, ObservedUser, Query, UserId, UserRef};
use crate::ox::plan::adopt::Recorded;
use crate::ox::state::{AfterCopy, FormerUser};

/// Plans the move of a user to the context that is wished.
pub(super) fn plan(scope: Scope<'_>, wish: &Wish, held: UserState) -> Planned<OxPlan> {
    let found = arrived(scope, wish, &held)?;
    // Where an earlier move that was not finished came from; nobody remembers it once this move has begun.
    let left_behind =
        held.former.filter(|former| found.is_none_or(|found| (former.context, former.id) != (wish.context, found.id)));
    let mut plan = match found {
        Some(found) => adopt(scope, wish, &held, found)?,
        None => {
            // A copy has the old name until it is changed.
            prepare(scope, wish.context, &held.name)?;
            prepare(scope, wish.context, &wish.name)?;
            copy(scope, wish, held)?
        }
    };
    let first = left_behind.map(|former| Call::UserDelete { context: former.context, user: former.id });
    plan.calls.splice(0..0, first);
    Ok(plan)
}

/// Copies the user with all that it has, or makes a new one if OX cannot do that.
fn copy(scope: Scope<'_>, wish: &Wish, held: UserState) -> Planned<OxPlan> {
    if !scope.settings.features.user_copy.is_on() || scope.facts().any(|fact| *fact == Fact::CopyUnavailable) {
        let mut plan = create::plan(scope, wish, Some(held))?;
        plan.warn(
            "OX has no user copy service: the user is made anew in the other context, without its data and password",
        );
        return Ok(plan);
    }

    let mut plan = OxPlan { warnings: wish.warnings.clone(), ..OxPlan::default() };
    plan.calls.extend(deputy::revoke_all(scope, &held, UserRef::Id(held.id)));
    let (user, name, from) = (held.id, held.name.clone(), held.context);
    plan.calls.push(Call::UserCopy { user, name, from, to: wish.context });
    // The number of the copy is known only when the call ran; nothing below depends on it.
    let mut copy = held.copied(wish.context, UserId(0));
    change::bring(scope, wish, &mut copy, UserRef::Planned, &mut plan)?;
    plan.base = OxState::User(Box::new(UserState { refused: copy.refused, ..held }));
    Ok(plan)
}

/// The user that is in the new context already: a copy whose answer was lost, or one that OX had before. A copy still has
/// the old name. Users of other objects do not count under the old name, and are a conflict under the new one.
fn arrived<'a>(scope: Scope<'a>, wish: &Wish, held: &UserState) -> Planned<Option<&'a ObservedUser>> {
    let context = wish.context;
    let mut names = vec![&wish.name];
    if held.name != wish.name {
        names.push(&held.name);
    }
    for name in &names {
        if !asked(scope, context, name) {
            return Err(ask(Query::UserNamed { context, name: (*name).clone() }));
        }
    }
    if let Some(found) = taken(scope, context, &wish.name)? {
        return Ok(Some(found));
    }
    match named(scope, context, &held.name) {
        Some(found) if !scope.belongs_to_another(handles::user(context, found.id))? => {
            let property = scope.settings.identifiers.user.property();
            scope.may_adopt(&handles::user_name(context, &held.name), Recorded::No, property)?;
            Ok(Some(found))
        }
        _ => Ok(None),
    }
}

/// Goes on with the user that is in the new context already, with the number that it has there.
fn adopt(scope: Scope<'_>, wish: &Wish, held: &UserState, found: &ObservedUser) -> Planned<OxPlan> {
    let mut state = UserState::adopt(wish.context, found);
    state.former = Some(FormerUser { context: held.context, id: held.id });
    // It may be a copy that was interrupted, so everything that a copy needs is done for it as well.
    state.after_copy = Some(AfterCopy::Change);
    let mut plan = OxPlan { warnings: wish.warnings.clone(), ..OxPlan::default() };
    plan.calls.extend(deputy::revoke_all(scope, held, UserRef::Id(held.id)));
    change::bring(scope, wish, &mut state, UserRef::Id(found.id), &mut plan)?;
    plan.base = OxState::User(Box::new(state));
    Ok(plan)
}
