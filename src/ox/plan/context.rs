//! Contexts.

use std::collections::BTreeSet;

use super::{ContextId, OxPlan, OxState, Planned, Scope, Settings, conflict, context_number, handles, required};
use crate::engine::Rejection;
use crate::ox::mapping::check_address;
use crate::ox::model::{Call, ContextAdmin, Fact, Megabytes, ObservedContext, Query};
use crate::ox::plan::adopt::Recorded;
use crate::ox::state::ContextState;
use crate::udm::Properties;

/// No limit.
const UNLIMITED: Megabytes = -1;

/// Login name of the administrator of a context: that of a context that is managed elsewhere, or the one that oxherd makes.
pub(super) fn admin_name(settings: &Settings, context: ContextId, desired: &Properties) -> String {
    desired.text("adminName").ok().flatten().unwrap_or_else(|| settings.admin_of(context))
}

/// The context as the directory wants it.
fn wanted(desired: &Properties) -> Result<ContextState, Rejection> {
    let id = context_number(desired, "contextid")?
        .ok_or_else(|| Rejection::invalid("property 'contextid' is empty: set it in the directory"))?;
    let name = required(desired, "name")?;
    // OX makes a login mapping of the name.
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "$%.+_-".contains(c)) {
        return Err(Rejection::invalid(
            "property 'name' may only consist of the letters a to z, digits and $ % . + _ -: OX makes a login mapping of it",
        ));
    }
    let quota = desired.number("oxQuota")?.unwrap_or(UNLIMITED);
    if quota < UNLIMITED {
        return Err(Rejection::invalid("property 'oxQuota' must be a number of MB, or -1 for no limit"));
    }
    let mut mappings: BTreeSet<String> = desired.texts("loginMappings")?.into_iter().collect();
    mappings.extend([format!("context{id}"), id.to_string()]);
    Ok(ContextState { id, name, quota, mappings })
}

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    let held = held(scope);
    let Some(desired) = scope.input.desired else { return Ok(remove(held)) };
    let wanted = wanted(desired)?;
    if held.as_ref().is_some_and(|held| held.id != wanted.id) {
        return Err(Rejection::invalid("property 'contextid' of a context cannot be changed: change it back").into());
    }
    if scope.belongs_to_another(handles::context(wanted.id))? {
        return Err(conflict(
            format!(
                "OX context {} is already provisioned from another object: give this one another number",
                wanted.id
            ),
            vec![handles::context(wanted.id)],
        )
        .into());
    }
    match held {
        Some(held) => {
            if !matches!(scope.input.state, OxState::Context(_)) {
                // Its number comes from the directory, so the number is known to be right.
                scope.may_adopt(&handles::context(held.id), Recorded::Yes, "contextid")?;
            }
            Ok(change(held, &wanted))
        }
        None => {
            scope.prepare(handles::context(wanted.id), Query::Context { context: wanted.id })?;
            create(scope, desired, wanted)
        }
    }
}

/// What OX holds, corrected by what was learned.
fn held(scope: Scope<'_>) -> Option<ContextState> {
    let mut held = match scope.input.state {
        OxState::Context(held) => Some(held.clone()),
        _ => None,
    };
    for fact in scope.facts() {
        match fact {
            Fact::ContextGone { context } | Fact::Context { context, found: None }
                if held.as_ref().is_some_and(|held| held.id == *context) =>
            {
                held = None;
            }
            Fact::Context { context, found: Some(found) } if held.is_none() => held = Some(adopt(*context, found)),
            _ => {}
        }
    }
    held
}

fn adopt(id: ContextId, found: &ObservedContext) -> ContextState {
    ContextState { id, name: found.name.clone(), quota: found.quota, mappings: found.mappings.clone() }
}

fn create(scope: Scope<'_>, desired: &Properties, wanted: ContextState) -> Planned<OxPlan> {
    let name = admin_name(scope.settings, wanted.id, desired);
    let mail = format!("{name}@{}", scope.settings.domain);
    check_address("adminName", &mail)?;
    let admin = ContextAdmin {
        mail,
        name,
        language: scope.settings.language.clone(),
        timezone: scope.settings.timezone.clone(),
    };
    let ContextState { id: context, name, quota, mappings } = wanted;
    let mut plan = OxPlan::from(OxState::Nothing);
    let mappings = mappings.into_iter().collect();
    plan.calls.push(Call::ContextCreate { context, name, quota, mappings, admin });
    plan.changes(["name", "quota", "mappings"]);
    Ok(plan)
}

fn change(held: ContextState, wanted: &ContextState) -> OxPlan {
    let renamed = held.name != wanted.name;
    // OX adds number and name by itself and does not list the number, so these two tell nothing.
    let own = |state: &ContextState| -> BTreeSet<String> {
        let id = state.id.to_string();
        state.mappings.iter().filter(|mapping| **mapping != id && **mapping != state.name).cloned().collect()
    };
    let remapped = own(&held) != own(wanted);
    let call = Call::ContextChange {
        context: wanted.id,
        name: renamed.then(|| wanted.name.clone()),
        quota: (held.quota != wanted.quota).then_some(wanted.quota),
        // A change of the name alone would leave the old name mapped.
        mappings: (renamed || remapped).then(|| wanted.mappings.iter().cloned().collect()),
    };
    let mut plan = OxPlan::default();
    if renamed {
        plan.changes(["name"]);
    }
    if held.quota != wanted.quota {
        plan.changes(["quota"]);
    }
    if remapped {
        plan.changes(["mappings"]);
    }
    plan.base = OxState::Context(held);
    if !plan.attributes.is_empty() {
        plan.calls.push(call);
    }
    plan
}

fn remove(held: Option<ContextState>) -> OxPlan {
    let Some(held) = held else { return OxPlan::default() };
    let call = Call::ContextDelete { context: held.id };
    OxPlan { base: OxState::Context(held), calls: vec![call], ..OxPlan::default() }
}
