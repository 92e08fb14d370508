//! `OXDeputyPermissionsService`, known from its users only (`ox-soap.md` 2.8).

use super::{Class, Service, read, void, write};
use crate::simulator::ox::call::{Call, no_such_user};
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::{Answer, COMMON_STYLE};
use crate::simulator::ox::schema::{ACTIVE_DEPUTY, CREDENTIALS, DEPUTY, Feature, ID_ONLY, object, text};
use crate::simulator::ox::world::{Context, Deputy};

pub fn service() -> Service {
    use Class::OtherWrite;
    let context = || object("context", || &ID_ONLY);
    let user = || object("user", || &ID_ONLY);
    let auth = || object("auth", || &CREDENTIALS);
    let permission = || object("deputyPermission", || &DEPUTY);
    let id = || text("deputyId");
    let operations = vec![
        write("grant", OtherWrite, [context(), user(), permission(), auth()], grant),
        read("list", [context(), auth()], list),
        read("get", [context(), user(), id(), auth()], get),
        void("update", OtherWrite, [context(), user(), id(), permission(), auth()], update),
        void("revoke", OtherWrite, [context(), user(), id(), auth()], revoke),
        void("revokeAll", OtherWrite, [context(), user(), auth()], revoke_all),
        void("blockManual", OtherWrite, [context(), user(), auth()], |call| block(call, true)),
        void("unblockManual", OtherWrite, [context(), user(), auth()], |call| block(call, false)),
    ];
    Service::new("OXDeputyPermissionsService", &COMMON_STYLE, operations).with(Feature::Deputies).context_in("context")
}

fn as_admin<T>(call: &Call<'_>, act: impl FnOnce(&mut Context) -> Result<T, Fault>) -> Result<T, Fault> {
    let id = call.context_id("context").ok_or_else(|| Fault::invalid("Missing context."))?;
    call.as_admin_of(id, act)
}

/// The user of the call, who grants; he has to exist.
fn grantor(context: &Context, body: &Record) -> Result<i64, Fault> {
    let id = body.object("user").and_then(|user| user.number("id")).unwrap_or_default();
    context.users.get(id).map(|_| id).ok_or_else(|| no_such_user(id, context.id))
}

const LEVELS: [&str; 4] = ["folderPermission", "readPermission", "writePermission", "deletePermission"];

/// The permission without modules that allow nothing; `None` if no module is left.
fn effective(context: &Context, body: &Record) -> Result<Option<Record>, Fault> {
    let mut permission =
        body.object("deputyPermission").cloned().ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    let deputy = permission.number("userId").unwrap_or_default();
    if context.users.get(deputy).is_none() {
        return Err(no_such_user(deputy, context.id));
    }
    let allows = |module: &Record| LEVELS.iter().any(|level| module.number(level).is_some_and(|level| level != 0));
    let modules: Vec<Value> = permission
        .objects("modulePermissions")
        .filter(|module| allows(module))
        .map(|module| Value::Object(Box::new(module.clone())))
        .collect();
    if modules.is_empty() {
        return Ok(None);
    }
    permission.set("modulePermissions", Value::List(modules));
    Ok(Some(permission))
}

fn grant(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_admin(call, |context| {
        let grantor = grantor(context, &call.body)?;
        let Some(permission) = effective(context, &call.body)? else { return Ok(Answer::Text(None)) };
        context.last_deputy += 1;
        let id = format!("deputy-{}-{}", context.id, context.last_deputy);
        context.deputies.insert(id.clone(), Deputy { grantor, permission });
        Ok(Answer::Text(Some(id)))
    })
}

fn record(context: &Context, id: &str, deputy: &Deputy) -> Record {
    let mut record = deputy.permission.clone().into_kind(&ACTIVE_DEPUTY);
    record.set_text("deputyId", id);
    record.set_number("contextId", context.id);
    record.set_number("grantorId", deputy.grantor);
    record
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_admin(call, |context| {
        Ok(Answer::Records(context.deputies.iter().map(|(id, deputy)| record(context, id, deputy)).collect()))
    })
}

/// The permission that the call names; it has to belong to the user of the call.
fn find(context: &Context, body: &Record) -> Result<String, Fault> {
    let grantor = grantor(context, body)?;
    let id = body.text("deputyId").unwrap_or_default();
    match context.deputies.get(id) {
        Some(deputy) if deputy.grantor == grantor => Ok(id.to_owned()),
        _ => Err(Fault::storage(format!("No such deputy permission {id} in context {}", context.id))),
    }
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_admin(call, |context| {
        let id = find(context, &call.body)?;
        Ok(Answer::Records(context.deputies.get(&id).map(|deputy| record(context, &id, deputy)).into_iter().collect()))
    })
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_admin(call, |context| {
        let id = find(context, &call.body)?;
        match effective(context, &call.body)? {
            Some(permission) => {
                if let Some(deputy) = context.deputies.get_mut(&id) {
                    deputy.permission = permission;
                }
            }
            None => {
                context.deputies.remove(&id);
            }
        }
        Ok(Answer::Void)
    })
}

fn revoke(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_admin(call, |context| {
        let id = find(context, &call.body)?;
        context.deputies.remove(&id);
        Ok(Answer::Void)
    })
}

fn revoke_all(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_admin(call, |context| {
        let grantor = grantor(context, &call.body)?;
        context.deputies.retain(|_, deputy| deputy.grantor != grantor);
        Ok(Answer::Void)
    })
}

fn block(call: &Call<'_>, blocked: bool) -> Result<Answer, Fault> {
    as_admin(call, |context| {
        let grantor = grantor(context, &call.body)?;
        if blocked {
            context.deputy_block.insert(grantor);
        } else {
            context.deputy_block.remove(&grantor);
        }
        Ok(Answer::Void)
    })
}
