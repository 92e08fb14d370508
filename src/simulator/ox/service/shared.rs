//! `OXSharedAccountService`, known from its users only (`ox-soap.md` 2.9).

use std::collections::{BTreeMap, BTreeSet};

use super::user_create::mail_taken;
use super::{Class, Operation, Service, read, void, write};
use crate::simulator::ox::call::{Call, find_user, no_such_user};
use crate::simulator::ox::checks;
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::{Answer, COMMON_STYLE};
use crate::simulator::ox::schema::{
    CREDENTIALS, Feature, Field, ID_ONLY, SHARED, SHARED_CAPABILITIES, SHARED_GRANT, SHARED_LEVEL, SHARED_PERMISSION,
    SHARED_REFERENCE, object, text,
};
use crate::simulator::ox::world::{ADMIN, Context, SharedAccount, SharedPermission, World};

const fn auth() -> Field {
    object("auth", || &CREDENTIALS)
}

const fn id_only(name: &'static str) -> Field {
    object(name, || &ID_ONLY)
}

const fn reference() -> Field {
    object("sharedAccount", || &SHARED_REFERENCE)
}

pub fn service() -> Service {
    use Class::OtherWrite;
    let ctx = || id_only("ctx");
    let data = || object("sharedAccountData", || &SHARED);
    let mut operations = vec![
        read("list", [ctx(), text("search_pattern"), auth()], list),
        read("getData", [ctx(), reference(), auth()], get_data),
        write("create", OtherWrite, [ctx(), data(), auth()], create),
        void("change", OtherWrite, [ctx(), data(), auth()], change),
        void("delete", OtherWrite, [ctx(), reference(), auth()], delete),
        void("convertUserToSharedAccount", OtherWrite, [ctx(), id_only("user"), auth()], convert),
    ];
    operations.extend(permission_operations());
    Service::new("OXSharedAccountService", &COMMON_STYLE, operations).with(Feature::SharedAccounts)
}

fn permission_operations() -> Vec<Operation> {
    use Class::OtherWrite;
    let (ctx, owner) = (|| id_only("ctx"), || id_only("sharedAccountCtx"));
    let grants = object("sharedAccountPermissions", || &SHARED_GRANT).many();
    let (users, groups) = (|| id_only("users").many(), || id_only("groups").many());
    let calendar = object("calendarConfig", || &SHARED_LEVEL);
    let mail = object("mailConfig", || &SHARED_LEVEL);
    let capabilities = object("capabilities", || &SHARED_CAPABILITIES);
    vec![
        read("listSharedAccountPermissionsForSharedAccount", [ctx(), reference(), auth()], list_permissions),
        void("setSharedAccountPermissions", OtherWrite, [owner(), reference(), grants, auth()], set_permissions),
        void(
            "createSharedAccountPermissions",
            OtherWrite,
            [users(), groups(), calendar, mail, capabilities, ctx(), owner(), reference(), auth()],
            create_permissions,
        ),
        void(
            "deleteSharedAccountPermissions",
            OtherWrite,
            [users(), groups(), ctx(), owner(), reference(), auth()],
            delete_permissions,
        ),
    ]
}

fn sent_data<'c>(call: &'c Call<'_>) -> Result<&'c Record, Fault> {
    call.body.object("sharedAccountData").ok_or_else(|| Fault::invalid("Invalid data sent!"))
}

/// The id of the account that a record names by id or name.
fn find(context: &Context, sent: Option<&Record>) -> Result<i64, Fault> {
    let missing = |what: &str| Fault::invalid(format!("No such shared account {what} in context {}", context.id));
    let sent = sent.ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    if let Some(id) = sent.number("id").filter(|id| *id != 0) {
        return context.shared.get(&id).map(|_| id).ok_or_else(|| missing(&id.to_string()));
    }
    let name = sent.text("name").unwrap_or_default();
    let by_name = context.shared.iter().find(|(_, shared)| shared.record.text("name") == Some(name));
    by_name.map(|(id, _)| *id).ok_or_else(|| missing(name))
}

/// Names and addresses are shared with the users.
fn check_free(context: &Context, sent: &Record, own: Option<i64>) -> Result<(), Fault> {
    let other = |field: &str, text: &str| {
        let fits =
            |shared: &SharedAccount| shared.record.text(field).is_some_and(|value| value.eq_ignore_ascii_case(text));
        context.shared.iter().find(|(id, shared)| Some(**id) != own && fits(shared)).map(|(id, _)| *id)
    };
    if let Some(name) = sent.filled("name")
        && (context.users.id_of(name).is_some() || other("name", name).is_some())
    {
        return Err(Fault::invalid(format!("User {name} already exists in this context")));
    }
    if let Some(mail) = sent.filled("primaryEmail") {
        if !checks::is_mail_address(mail) {
            return Err(Fault::invalid(format!("Invalid email address: {mail}")));
        }
        if let Some(owner) = context.users.with_mail(mail, None).or_else(|| other("primaryEmail", mail)) {
            return Err(mail_taken(mail, context.id, owner));
        }
    }
    Ok(())
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let pattern = call.body.filled("search_pattern");
    call.as_admin(|context| {
        let hits = context.shared.values().filter(|shared| {
            pattern.is_none_or(|pattern| {
                let fits = |name| checks::like_ignoring_case(pattern, shared.record.text(name).unwrap_or_default());
                fits("name") || fits("display_name")
            })
        });
        Ok(Answer::Records(hits.map(|shared| shared.record.clone()).collect()))
    })
}

fn get_data(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.as_admin(|context| {
        let id = find(context, call.body.object("sharedAccount"))?;
        Ok(Answer::Records(context.shared.get(&id).map(|shared| shared.record.clone()).into_iter().collect()))
    })
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_data(call)?;
    call.as_admin(|context| {
        checks::mandatory(sent, &["name", "display_name", "primaryEmail"], "")?;
        if !sent.has("password") {
            return Err(Fault::invalid("Mandatory fields not set: [password]"));
        }
        check_free(context, sent, None)?;
        let id = context.next_id();
        let mut record = sent.clone();
        record.take("password");
        record.set_number("id", id);
        context.shared.insert(id, SharedAccount { record, permissions: BTreeMap::new() });
        let mut answer = Record::new(&SHARED);
        answer.set_number("id", id);
        answer.set_text("name", sent.text("name").unwrap_or_default());
        Ok(answer.into())
    })
}

fn change(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_data(call)?;
    call.as_admin(|context| {
        let id = find(context, Some(sent))?;
        check_free(context, sent, Some(id))?;
        if let Some(shared) = context.shared.get_mut(&id) {
            for (position, value) in sent.slots() {
                if sent.kind().field(*position).name != "password" {
                    shared.record.set_at(*position, value.clone());
                }
            }
        }
        Ok(Answer::Void)
    })
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.as_admin(|context| {
        let id = find(context, call.body.object("sharedAccount"))?;
        context.shared.remove(&id);
        Ok(Answer::Void)
    })
}

/// The user becomes a shared account; the id stays.
fn convert(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = call.body.object("user").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    call.as_admin(|context| {
        let user = find_user(context, sent)?;
        let id = user.id();
        if id == ADMIN {
            return Err(Fault::invalid("Admin delete not supported"));
        }
        let mut record = user.record.clone().into_kind(&SHARED);
        record.take("password");
        context.remove_user(id);
        context.shared.insert(id, SharedAccount { record, permissions: BTreeMap::new() });
        Ok(Answer::Void)
    })
}

fn list_permissions(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.require_master()?;
    with_account(call.world, &call.body, "ctx", |shared, id| {
        let level = |text: &Option<String>| {
            let mut record = Record::new(&SHARED_LEVEL);
            record.set_text("permissionLevel", text.as_deref().unwrap_or("none"));
            Value::Object(Box::new(record))
        };
        let records = shared.permissions.iter().map(|((context, is_group, entity), permission)| {
            let mut record = Record::new(&SHARED_PERMISSION);
            record.set_number("sharedAccountId", id);
            record.set_number("entity", *entity);
            record.set_number("contextId", *context);
            record.set_flag("isGroup", *is_group);
            record.set("mailConfig", level(&permission.mail));
            record.set("calendarConfig", level(&permission.calendar));
            if !permission.capabilities.is_empty() {
                let mut capabilities = Record::new(&SHARED_CAPABILITIES);
                capabilities.set("grantedCapability", Value::texts(permission.capabilities.iter().map(String::as_str)));
                record.set("capabilities", Value::Object(Box::new(capabilities)));
            }
            record
        });
        Ok(Answer::Records(records.collect()))
    })
}

/// Does something with the shared account of a call in the context that the field names.
fn with_account<T>(
    world: &World,
    body: &Record,
    field: &str,
    act: impl FnOnce(&mut SharedAccount, i64) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let context_id = body.object(field).and_then(|ctx| ctx.number("id")).unwrap_or_default();
    let tenant = world
        .context(context_id)
        .ok_or_else(|| Fault::no_context(format!("The context {context_id} does not exist!")))?;
    let mut context = tenant.state();
    let id = find(&context, body.object("sharedAccount"))?;
    let shared = context.shared.get_mut(&id).ok_or_else(Fault::runtime)?;
    act(shared, id)
}

type Entities = Vec<(i64, bool, i64)>;

/// Users and groups of a grant as entities; all have to exist in their context.
fn entities(context: &Context, grant: &Record) -> Result<Entities, Fault> {
    let mut entities = Vec::new();
    for id in grant.objects("users").filter_map(|user| user.number("id")) {
        context.users.get(id).ok_or_else(|| no_such_user(id, context.id))?;
        entities.push((context.id, false, id));
    }
    for id in grant.objects("groups").filter_map(|group| group.number("id")) {
        let missing = || Fault::no_user(format!("No such group {id} in context {}", context.id));
        context.groups.get(id).ok_or_else(missing)?;
        entities.push((context.id, true, id));
    }
    Ok(entities)
}

fn permission(grant: &Record) -> SharedPermission {
    let level = |name| grant.object(name).and_then(|level| level.filled("permissionLevel")).map(ToOwned::to_owned);
    let capabilities = grant.object("capabilities").into_iter().flat_map(|all| all.texts("grantedCapability"));
    SharedPermission {
        mail: level("mailConfig"),
        calendar: level("calendarConfig"),
        capabilities: capabilities.map(ToOwned::to_owned).collect::<BTreeSet<_>>(),
    }
}

/// Replaces all permissions of the account. Each grant carries the credentials of the admin of its own context.
fn set_permissions(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = call
        .context_id("sharedAccountCtx")
        .ok_or_else(|| Fault::credentials("Client sent invalid context data object"))?;
    call.as_admin_of(owner, |context| find(context, call.body.object("sharedAccount")))?;
    let mut permissions = BTreeMap::new();
    for grant in call.body.objects("sharedAccountPermissions") {
        let id = grant.object("ctx").and_then(|ctx| ctx.number("id")).unwrap_or(owner);
        let tenant = call.world.context(id).ok_or_else(Fault::authentication)?;
        let context = tenant.state();
        let auth = grant.object("auth");
        let text = |name| auth.and_then(|auth| auth.text(name)).unwrap_or_default();
        let known =
            context.admin().is_some_and(|admin| admin.name() == text("login") && admin.password == text("password"));
        if !known {
            return Err(Fault::authentication());
        }
        let wanted = permission(grant);
        permissions.extend(entities(&context, grant)?.into_iter().map(|entity| (entity, wanted.clone())));
    }
    with_account(call.world, &call.body, "sharedAccountCtx", |shared, _| {
        shared.permissions = permissions;
        Ok(Answer::Void)
    })
}

/// The entities of a master call.
fn sent_entities(call: &Call<'_>) -> Result<Entities, Fault> {
    call.require_master()?;
    let id = call.context_id("ctx").unwrap_or_default();
    let tenant =
        call.world.context(id).ok_or_else(|| Fault::no_context(format!("The context {id} does not exist!")))?;
    let context = tenant.state();
    entities(&context, &call.body)
}

fn create_permissions(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let entities = sent_entities(call)?;
    let wanted = permission(&call.body);
    with_account(call.world, &call.body, "sharedAccountCtx", |shared, _| {
        shared.permissions.extend(entities.into_iter().map(|entity| (entity, wanted.clone())));
        Ok(Answer::Void)
    })
}

fn delete_permissions(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let entities = sent_entities(call)?;
    with_account(call.world, &call.body, "sharedAccountCtx", |shared, _| {
        for entity in &entities {
            shared.permissions.remove(entity);
        }
        Ok(Answer::Void)
    })
}
