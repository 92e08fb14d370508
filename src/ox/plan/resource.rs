//! Resources.

use super::{ContextId, OxPlan, OxState, Planned, Scope, conflict, context_number, handles, required};
use crate::ox::mapping::{check_address, check_length};
use crate::ox::model::{Call, Fact, Query, ResourceFields, ResourceId};
use crate::ox::state::ResourceState;
use crate::udm::Properties;

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    let held = held(scope);
    let Some(desired) = scope.input.desired else { return Ok(remove(held)) };
    let context = context_number(desired, "oxContext")?
        .or(held.as_ref().map(|held| held.context))
        .unwrap_or(scope.settings.default_context);
    scope.context(context)?;
    let fields = fields(desired)?;
    if let Some(held) = &held
        && held.context == context
    {
        return Ok(change(held.clone(), fields));
    }
    match taken(scope, context, &fields.name)? {
        // It is there already: change it with the number that it has there.
        Some((id, found)) => {
            let former = held.map(|held| (held.context, held.id));
            Ok(change(ResourceState { context, id, fields: found, former }, fields))
        }
        None => {
            let question = Query::ResourceNamed { context, name: fields.name.clone() };
            scope.prepare(handles::resource_name(context, &fields.name), question)?;
            Ok(create(held, context, fields))
        }
    }
}

fn fields(desired: &Properties) -> Planned<ResourceFields> {
    let name = required(desired, "name")?;
    check_length("name", "name", &name, 128)?;
    let mail = required(desired, "resourceMailAddress")?;
    check_address("resourceMailAddress", &mail)?;
    let display_name = desired.text("displayname")?.unwrap_or_else(|| name.clone());
    check_length("displayname", "displayname", &display_name, 128)?;
    let description = desired.text("description")?.unwrap_or_default();
    Ok(ResourceFields { name, display_name, description, mail })
}

/// What OX holds, corrected by what was learned.
fn held(scope: Scope<'_>) -> Option<ResourceState> {
    let mut held = match scope.input.state {
        OxState::Resource(held) => Some(held.clone()),
        _ => None,
    };
    for fact in scope.facts() {
        let gone = |context: ContextId, id: ResourceId| match fact {
            Fact::ResourceGone { context: c, resource } => (*c, *resource) == (context, id),
            Fact::ContextGone { context: c } => *c == context,
            _ => false,
        };
        if let Some(state) = &mut held {
            if state.former.is_some_and(|(context, id)| gone(context, id)) {
                state.former = None;
            }
            if gone(state.context, state.id) {
                match state.former.take() {
                    Some((context, id)) => (state.context, state.id) = (context, id),
                    None => held = None,
                }
            }
        }
    }
    held
}

/// The resource of this name in a context, if OX said that there is one and it belongs to no other object.
fn taken(scope: Scope<'_>, context: ContextId, name: &str) -> Planned<Option<(ResourceId, ResourceFields)>> {
    let found = scope.facts().rev().find_map(|fact| match fact {
        Fact::ResourceNamed { context: c, name: n, found } if *c == context && n.eq_ignore_ascii_case(name) => {
            Some(found.as_ref())
        }
        _ => None,
    });
    let Some(found) = found.flatten() else { return Ok(None) };
    if scope.facts().any(|fact| *fact == Fact::ResourceGone { context, resource: found.id }) {
        return Ok(None);
    }
    if scope.belongs_to_another(handles::resource(context, found.id))? {
        return Err(conflict(
            format!("the name of this resource is already used in OX context {context} by another object: change property 'name'"),
            vec![handles::resource(context, found.id)],
        )
        .into());
    }
    let recorded =
        matches!(scope.input.state, OxState::Resource(held) if (held.context, held.id) == (context, found.id));
    scope.may_adopt(&handles::resource_name(context, name), recorded.into(), "name")?;
    Ok(Some((found.id, found.fields.clone())))
}

fn create(held: Option<ResourceState>, context: ContextId, fields: ResourceFields) -> OxPlan {
    let mut plan = OxPlan::default();
    // Of an unfinished earlier move nothing but the last place can be remembered: clean up first.
    for (former, resource) in held.iter().filter_map(|held| held.former) {
        plan.calls.push(Call::ResourceDelete { context: former, resource });
    }
    plan.calls.push(Call::ResourceCreate { context, fields });
    plan.changes(["name", "displayname", "description", "email"]);
    if let Some(held) = held {
        plan.calls.push(Call::ResourceDelete { context: held.context, resource: held.id });
        plan.changes(["context"]);
        plan.base = OxState::Resource(held);
    }
    plan
}

fn change(held: ResourceState, fields: ResourceFields) -> OxPlan {
    let mut plan = OxPlan::default();
    let ResourceState { context, id: resource, former, .. } = held;
    for (attribute, old, new) in [
        ("name", &held.fields.name, &fields.name),
        ("displayname", &held.fields.display_name, &fields.display_name),
        ("description", &held.fields.description, &fields.description),
        ("email", &held.fields.mail, &fields.mail),
    ] {
        if old != new {
            plan.changes([attribute]);
        }
    }
    if !plan.attributes.is_empty() {
        plan.calls.push(Call::ResourceChange { context, resource, fields });
    }
    if let Some((context, resource)) = former {
        plan.calls.push(Call::ResourceDelete { context, resource });
        plan.changes(["context"]);
    }
    plan.base = OxState::Resource(held);
    plan
}

fn remove(held: Option<ResourceState>) -> OxPlan {
    let Some(held) = held else { return OxPlan::default() };
    let here = Call::ResourceDelete { context: held.context, resource: held.id };
    let former = held.former.map(|(context, resource)| Call::ResourceDelete { context, resource });
    OxPlan { base: OxState::Resource(held), calls: former.into_iter().chain([here]).collect(), ..OxPlan::default() }
}
