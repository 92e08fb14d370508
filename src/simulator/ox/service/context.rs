//! `OXContextService`: the table of its operations and everything but `create` and the lists (`ox-soap.md` 5.2).

use std::sync::Arc;

use super::capabilities;
use super::context_create::{create, create_by_access, create_by_profile};
use super::context_list::{
    list, list_all, list_by_database, list_by_filestore, list_page, list_page_all, list_page_by_database,
    list_page_by_filestore,
};
use super::{Class, Operation, Service, read, void, write};
use crate::simulator::ox::attributes;
use crate::simulator::ox::call::Call;
use crate::simulator::ox::checks;
use crate::simulator::ox::fault::{Exception, Fault};
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::{Answer, CONTEXT_STYLE};
use crate::simulator::ox::rights::Rights;
use crate::simulator::ox::schema::{
    ACCESS, CONTEXT, CREDENTIALS, DATABASE, FILESTORE as FILESTORE_TYPE, Field, QUOTA, SCHEMA_STRATEGY, USER_ELSEWHERE,
    object, text,
};
use crate::simulator::ox::world::{ADMIN, Context, FILESTORE, Tenant};

const fn ctx() -> Field {
    object("ctx", || &CONTEXT)
}

const fn auth() -> Field {
    object("auth", || &CREDENTIALS)
}

const fn access() -> Field {
    object("access", || &ACCESS)
}

pub fn service() -> Service {
    let mut operations = writes();
    operations.extend(reads());
    Service::new("OXContextService", &CONTEXT_STYLE, operations)
}

fn writes() -> Vec<Operation> {
    use Class::{OtherWrite, UserWrite};
    let admin = || object("admin_user", || &USER_ELSEWHERE);
    let strategy = || object("schema_select_strategy", || &SCHEMA_STRATEGY);
    let profile = || text("access_combination_name");
    let capabilities = [ctx(), text("capsToAdd"), text("capsToRemove"), text("capsToDrop"), auth()];
    let database = object("dst_database_id", || &DATABASE);
    let filestore = object("dst_filestore_id", || &FILESTORE_TYPE);
    vec![
        write("create", OtherWrite, [ctx(), admin(), auth(), strategy()], create),
        write("createModuleAccess", OtherWrite, [ctx(), admin(), access(), auth(), strategy()], create_by_access),
        write(
            "createModuleAccessByName",
            OtherWrite,
            [ctx(), admin(), profile(), auth(), strategy()],
            create_by_profile,
        ),
        void("change", OtherWrite, [ctx(), auth()], change),
        void("changeModuleAccess", UserWrite, [ctx(), access(), auth()], change_access),
        void("changeModuleAccessByName", UserWrite, [ctx(), profile(), auth()], change_access_by_profile),
        void("changeCapabilities", OtherWrite, capabilities, change_capabilities),
        void("changeQuota", OtherWrite, [ctx(), text("module"), text("quotaValue"), auth()], change_quota),
        void("delete", OtherWrite, [ctx(), auth()], delete),
        void("downgrade", OtherWrite, [ctx(), auth()], downgrade),
        void("enable", OtherWrite, [ctx(), auth()], |call| enable(call, true)),
        void("disable", OtherWrite, [ctx(), auth()], |call| enable(call, false)),
        void("enableAll", OtherWrite, [auth()], |call| enable_all(call, true)),
        void("disableAll", OtherWrite, [auth()], |call| enable_all(call, false)),
        write("moveContextDatabase", OtherWrite, [ctx(), database, auth()], job),
        write("moveContextFilestore", OtherWrite, [ctx(), filestore, auth()], job),
    ]
}

fn reads() -> Vec<Operation> {
    let (offset, length) = (|| text("offset"), || text("length"));
    let database = || object("db", || &DATABASE);
    let filestore = || object("fs", || &FILESTORE_TYPE);
    vec![
        read("exists", [ctx(), auth()], exists),
        read("existsInServer", [ctx(), auth()], exists),
        read("getData", [ctx(), auth()], get_data),
        read("getAdminId", [ctx(), auth()], get_admin_id),
        read("getModuleAccess", [ctx(), auth()], get_access),
        read("getAccessCombinationName", [ctx(), auth()], get_profile),
        read("getContextCapabilities", [ctx(), auth()], get_capabilities),
        read("listQuota", [ctx(), auth()], list_quota),
        read("list", [text("search_pattern"), auth()], list),
        read("listAll", [auth()], list_all),
        read("listPage", [text("search_pattern"), offset(), length(), auth()], list_page),
        read("listPageAll", [offset(), length(), auth()], list_page_all),
        read("listByDatabase", [database(), auth()], list_by_database),
        read("listPageByDatabase", [database(), offset(), length(), auth()], list_page_by_database),
        read("listByFilestore", [filestore(), auth()], list_by_filestore),
        read("listPageByFilestore", [filestore(), offset(), length(), auth()], list_page_by_filestore),
    ]
}

fn job(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_master(call).map(|_| Answer::Number(1))
}

/// The id of the context in the request. Who asks by name only learns that it is unknown before he is authenticated.
fn context_id(call: &Call<'_>) -> Result<i64, Fault> {
    let sent = call.body.object("ctx").ok_or_else(Fault::runtime)?;
    if let Some(id) = sent.number("id").filter(|id| *id != 0) {
        return Ok(id);
    }
    let Some(name) = sent.filled("name") else {
        return Err(Fault::invalid("One contextobject has no contextid or contextname"));
    };
    call.world.id_of(name).ok_or_else(|| {
        let text = format!("com.openexchange.admin.rmi.exceptions.NoSuchObjectException: No such context {name}");
        Fault { suffixes: 2, ..Fault::no_context(text) }
    })
}

/// The context of a call that only the master admin may make.
fn as_master(call: &Call<'_>) -> Result<Arc<Tenant>, Fault> {
    let id = context_id(call)?;
    call.require_master()?;
    call.world.context(id).ok_or_else(|| Fault::no_context(format!("Context {id} does not exist")))
}

fn exists(call: &mut Call<'_>) -> Result<Answer, Fault> {
    if !call.body.has("ctx") {
        return Err(Fault::invalid("Given context is invalid"));
    }
    match context_id(call) {
        Ok(id) => {
            call.require_master()?;
            Ok(Answer::Flag(call.world.context(id).is_some()))
        }
        Err(Fault { exception: Some(Exception::NoSuchContext), .. }) => Ok(Answer::Flag(false)),
        Err(fault) => Err(fault),
    }
}

fn get_data(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let id = context_id(call)?;
    let tenant = call.world.context(id);
    // The one context call that the admin of the context may make, too.
    if !call.is_master() && !tenant.as_ref().is_some_and(|tenant| call.is_admin(&tenant.state())) {
        return Err(Fault::authentication());
    }
    let tenant = tenant.ok_or_else(|| Fault::no_context(format!("Context {id} does not exist")))?;
    let context = tenant.state();
    Ok(record(&context, false).into())
}

/// A context as it is read. Lists show the mapping of the id, `getData` does not.
pub fn record(context: &Context, in_list: bool) -> Record {
    let database = || {
        let mut database = Record::new(&DATABASE);
        database.set_number("id", 2);
        database.set_text("scheme", "oxdb_5");
        Value::Object(Box::new(database))
    };
    let id = context.id.to_string();
    let mappings = context.mappings.iter().filter(|mapping| in_list || **mapping != id);
    let mut record = Record::new(&CONTEXT);
    record.set_number("average_size", 200);
    record.set_flag("enabled", context.enabled);
    record.set_number("filestoreId", context.filestore);
    record.set_text("filestore_name", context.filestore_name.as_str());
    record.set_number("id", context.id);
    record.set("loginMappings", Value::texts(mappings.map(String::as_str)));
    if context.max_quota != -1 {
        record.set_number("maxQuota", context.max_quota);
    }
    record.set_text("name", context.name.as_str());
    record.set("readDatabase", database());
    record.set_number("usedQuota", 0);
    record.set("userAttributes", attributes::to_value(&context.attributes));
    record.set("writeDatabase", database());
    record
}

fn change(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let id = context_id(call)?;
    call.require_master()?;
    let Some(sent) = call.body.object("ctx") else { return Err(Fault::runtime()) };
    let Some(tenant) = call.world.context(id) else {
        return Err(Fault::no_context(match sent.filled("name") {
            Some(_) => "Context does not exist".to_owned(),
            None => format!("Context {id} does not exist"),
        }));
    };
    let name = sent.filled("name");
    if let Some(name) = name
        && call.world.id_of(name).is_some_and(|owner| owner != id)
    {
        return Err(Fault::invalid(format!("Context {name} already exists!")));
    }
    let mappings: Vec<&str> = sent.texts("loginMappings").filter(|mapping| !mapping.is_empty()).collect();
    for mapping in &mappings {
        checks::mapping(mapping)?;
    }
    if let Some(mapping) = call.world.foreign_mapping(id, mappings.iter().copied()) {
        return Err(Fault::storage(format!("A mapping with login info \"{mapping}\" already exists in the system!")));
    }
    if let Some(store) = sent.number("filestoreId").filter(|store| *store != FILESTORE) {
        return Err(Fault::invalid(format!("No such filestore with id {store}")));
    }
    let mut context = tenant.state();
    if let Some(quota) = sent.number("maxQuota") {
        context.max_quota = quota;
    }
    if let Some(store) = sent.filled("filestore_name") {
        store.clone_into(&mut context.filestore_name);
    }
    if let Some(attributes_sent) = sent.object("userAttributes") {
        attributes::merge(&mut context.attributes, attributes_sent);
    }
    if let Some(name) = name {
        name.clone_into(&mut context.name);
    }
    if sent.has("loginMappings") {
        context.mappings = mappings.into_iter().map(ToOwned::to_owned).collect();
        let own = [context.id.to_string(), context.name.clone()];
        context.mappings.extend(own);
    }
    if name.is_some() || sent.has("loginMappings") {
        call.world.rename(&context);
    }
    Ok(Answer::Void)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let id = as_master(call)?.state().id;
    call.world.remove(id);
    Ok(Answer::Void)
}

fn downgrade(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_master(call).map(|_| Answer::Void)
}

fn enable(call: &Call<'_>, enabled: bool) -> Result<Answer, Fault> {
    as_master(call)?.state().enabled = enabled;
    Ok(Answer::Void)
}

fn enable_all(call: &Call<'_>, enabled: bool) -> Result<Answer, Fault> {
    call.require_master()?;
    for tenant in call.world.contexts() {
        tenant.state().enabled = enabled;
    }
    Ok(Answer::Void)
}

fn get_admin_id(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_master(call).map(|_| Answer::Number(ADMIN))
}

fn admin_rights(call: &Call<'_>) -> Result<Rights, Fault> {
    let tenant = as_master(call)?;
    let context = tenant.state();
    Ok(context.admin().map_or(Rights(0), |admin| admin.rights))
}

fn get_access(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(admin_rights(call)?.record().into())
}

fn get_profile(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let rights = admin_rights(call)?;
    Ok(Answer::Text(call.world.profiles.name_of(rights).map(ToOwned::to_owned)))
}

fn change_access(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let access = call.body.object("access").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    // Unlike user calls, context calls store `publication` as it is sent.
    set_for_all(call, Rights::from_request(access))
}

fn change_access_by_profile(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let profile = call.body.filled("access_combination_name");
    let profile = profile.ok_or_else(|| Fault::invalid("Invalid access combination name"))?;
    let rights = call.world.profiles.get(profile)?;
    set_for_all(call, rights)
}

fn set_for_all(call: &Call<'_>, rights: Rights) -> Result<Answer, Fault> {
    let tenant = as_master(call)?;
    let mut context = tenant.state();
    rights.check(context.users.len() <= 1)?;
    for user in context.users.values_mut() {
        user.rights = rights;
    }
    Ok(Answer::Void)
}

fn change_capabilities(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let change = capabilities::Change::of(&call.body)?;
    let tenant = as_master(call)?;
    change.check()?;
    change.apply(&mut tenant.state().capabilities);
    Ok(Answer::Void)
}

fn get_capabilities(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let tenant = as_master(call)?;
    let context = tenant.state();
    let none = || format!("There are no capabilities set for context {}", context.id);
    Ok(Answer::Text(Some(capabilities::text(&context.capabilities).unwrap_or_else(none))))
}

fn change_quota(call: &mut Call<'_>) -> Result<Answer, Fault> {
    const LARGEST: i64 = 4_294_967_295;
    let value = call.body.text("quotaValue").unwrap_or_default().trim();
    let quota: i64 = value.parse().map_err(|_| Fault::bare("Invalid quota value."))?;
    let modules: Vec<&str> = call.body.text("module").unwrap_or_default().split(',').map(str::trim).collect();
    let tenant = as_master(call)?;
    if modules.iter().all(|module| module.is_empty()) {
        return Err(Fault::invalid("No valid module specified."));
    }
    if quota > LARGEST {
        return Err(Fault::invalid(format!(
            "Quota value is out of range (allowable range is from 0 to {LARGEST}): {quota}"
        )));
    }
    let quotas = &mut tenant.state().quotas;
    for module in modules.into_iter().filter(|module| !module.is_empty()) {
        if quota < 0 {
            quotas.remove(module);
        } else {
            quotas.insert(module.to_owned(), quota);
        }
    }
    Ok(Answer::Void)
}

fn list_quota(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let tenant = as_master(call)?;
    let quotas = tenant.state().quotas.clone();
    let records = quotas.into_iter().map(|(module, limit)| {
        let mut quota = Record::new(&QUOTA);
        quota.set_text("module", module);
        quota.set_number("limit", limit);
        quota
    });
    Ok(Answer::Records(records.collect()))
}
