//! Deputies of a user, as a difference.

use std::collections::BTreeMap;

use super::{ContextId, Fact, OxPlan, Planned, Rejection, Scope, Wish, ask, dn};
use crate::ox::model::{Call, Deputy, DeputyPermission, ModulePermission, Query, UserId, UserRef};
use crate::ox::plan::Lookups;
use crate::ox::state::{Deputies, UserState};
use crate::udm::Properties;

const PROPERTY: &str = "oxDeputyPermissionGivenTo";

/// The deputies that the directory wants; none if deputies are not managed. Deputies that are not in OX yet come later: the
/// user is planned again when they arrive.
pub(super) fn wanted(
    scope: Scope<'_>,
    desired: &Properties,
    context: ContextId,
    lookups: &mut Lookups<'_>,
    warnings: &mut Vec<String>,
) -> Planned<Option<BTreeMap<UserId, DeputyPermission>>> {
    if !scope.settings.features.deputies.is_on() {
        return Ok(None);
    }
    let mut deputies = BTreeMap::new();
    for row in desired.rows(PROPERTY)? {
        let [name, mail, calendar, on_behalf, ..] = row.as_slice() else {
            return Err(Rejection::invalid(format!(
                "property '{PROPERTY}' must have rows of four: deputy, mail code, calendar code, send on behalf"
            ))
            .into());
        };
        let name = dn(PROPERTY, name)?;
        let permission = DeputyPermission {
            send_on_behalf: ["1", "true"].contains(&on_behalf.to_ascii_lowercase().as_str()),
            mail: code(mail)?,
            calendar: code(calendar)?,
        };
        if permission.mail.is_empty() && permission.calendar.is_empty() {
            continue; // OX makes nothing of it
        }
        let Some((_, deputy)) = lookups.user(&name) else { continue };
        if deputy.context != context {
            warnings.push(format!("a deputy in '{PROPERTY}' is in OX context {}: it is left out", deputy.context));
        } else if name == *scope.input.dn {
            warnings.push(format!("property '{PROPERTY}' names the user itself: it is left out"));
        } else {
            deputies.insert(deputy.id, permission);
        }
    }
    Ok(Some(deputies))
}

/// Reads five digits: administration, folder, read, write, delete.
fn code(text: &str) -> Result<ModulePermission, Rejection> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    match digits[..] {
        [admin, folder, read, write, delete] if text.len() == 5 => {
            Ok(ModulePermission { admin: admin > 0, folder, read, write, delete })
        }
        _ => Err(Rejection::invalid(format!("property '{PROPERTY}' must have codes of five digits such as 02440"))),
    }
}

/// Grants for a user that is new.
pub(super) fn grant_all(wish: &Wish, plan: &mut OxPlan) {
    let Some(wanted) = wish.deputies.as_ref().filter(|wanted| !wanted.is_empty()) else { return };
    let (context, grantor) = (wish.context, UserRef::Planned);
    for (deputy, permission) in wanted {
        let (deputy, permission) = (*deputy, *permission);
        plan.calls.push(Call::DeputyGrant { context, grantor, deputy, permission });
    }
    plan.calls.push(Call::DeputyBlock { context, grantor });
    plan.changes(["deputies"]);
}

/// Brings the grants of a user from what OX holds to what is wanted.
pub(super) fn difference(
    scope: Scope<'_>,
    wish: &Wish,
    held: &mut UserState,
    grantor: UserRef,
    plan: &mut OxPlan,
) -> Planned<()> {
    let Some(wanted) = &wish.deputies else { return Ok(()) };
    let observed = match grantor {
        UserRef::Id(user) => observed(scope, held.context, user),
        UserRef::Planned => None,
    };
    match (&mut held.deputies, observed) {
        (None, _) if wanted.is_empty() => return Ok(()), // the user's own affair
        // A refused call made the engine ask: what OX says counts more than what we recorded.
        (Some(deputies), Some(found)) => deputies.grants.clone_from(found),
        (Some(_), None) => {}
        // What the user granted himself is replaced exactly.
        (None, Some(found)) => held.deputies = Some(Deputies { grants: found.clone(), blocked: false }),
        (None, None) => match grantor {
            UserRef::Id(grantor) => return Err(ask(Query::Deputies { context: held.context, grantor })),
            UserRef::Planned => {
                grant_all(wish, plan);
                return Ok(());
            }
        },
    }
    let Some(deputies) = &mut held.deputies else { return Ok(()) };
    let mut lookups = scope.lookups();
    let stays = |deputy: &UserId| wanted.contains_key(deputy) || lookups.exists(wish.context, *deputy);
    // With a deputy that was deleted OX dropped the grant.
    let present: Vec<UserId> = deputies.grants.keys().copied().filter(stays).collect();
    lookups.finish()?;
    deputies.grants.retain(|deputy, _| present.contains(deputy));

    let context = wish.context;
    let before = plan.calls.len();
    for (deputy, held) in &deputies.grants {
        if !wanted.contains_key(deputy) {
            let (grant, deputy) = (held.grant.clone(), *deputy);
            plan.calls.push(Call::DeputyRevoke { context, grantor, grant, deputy });
        }
    }
    for (deputy, permission) in wanted {
        let (deputy, permission) = (*deputy, *permission);
        match deputies.grants.get(&deputy) {
            None => plan.calls.push(Call::DeputyGrant { context, grantor, deputy, permission }),
            Some(held) if held.permission != permission => {
                let grant = held.grant.clone();
                plan.calls.push(Call::DeputyUpdate { context, grantor, grant, deputy, permission });
            }
            Some(_) => {}
        }
    }
    match (wanted.is_empty(), deputies.blocked) {
        (false, false) => plan.calls.push(Call::DeputyBlock { context, grantor }),
        (true, true) => plan.calls.push(Call::DeputyUnblock { context, grantor }),
        _ => {}
    }
    if plan.calls.len() > before {
        plan.changes(["deputies"]);
    }
    Ok(())
}

/// What OX last said about the deputies of a user.
fn observed(scope: Scope<'_>, context: ContextId, grantor: UserId) -> Option<&BTreeMap<UserId, Deputy>> {
    scope.facts().rev().find_map(|fact| match fact {
        Fact::Deputies { context: c, grantor: g, found } if (*c, *g) == (context, grantor) => Some(found),
        _ => None,
    })
}

/// Takes all grants of a user back, before it is deleted or leaves its context.
pub(super) fn revoke_all(scope: Scope<'_>, held: &UserState, grantor: UserRef) -> Vec<Call> {
    let context = held.context;
    let had_any = held.deputies.as_ref().is_some_and(|deputies| deputies.blocked || !deputies.grants.is_empty());
    if had_any && scope.settings.features.deputies.is_on() {
        vec![Call::DeputyRevokeAll { context, grantor }, Call::DeputyUnblock { context, grantor }]
    } else {
        Vec::new()
    }
}
