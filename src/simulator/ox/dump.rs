//! The world as JSON: for tests to look at, and to keep it over restarts of the program.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::attributes::Attributes;
use super::record::{Record, Value};
use super::rights::Rights;
use super::schema::{ACCOUNT, DEPUTY, Field, Kind, RESOURCE, SHARED, Type, USER};
use super::world::{Context, Deputy, Group, Guest, SharedAccount, SharedPermission, User, World};

#[derive(Serialize, Deserialize)]
struct WorldDump {
    contexts: BTreeMap<i64, ContextDump>,
}

#[derive(Serialize, Deserialize)]
struct ContextDump {
    name: String,
    enabled: bool,
    filestore: i64,
    filestore_name: String,
    mappings: BTreeSet<String>,
    max_quota: i64,
    attributes: Attributes,
    capabilities: BTreeMap<String, bool>,
    quotas: BTreeMap<String, i64>,
    users: BTreeMap<i64, UserDump>,
    guests: BTreeMap<i64, String>,
    groups: BTreeMap<i64, GroupDump>,
    resources: BTreeMap<i64, Json>,
    accounts: Vec<AccountDump>,
    deputies: BTreeMap<String, DeputyDump>,
    deputy_block: BTreeSet<i64>,
    shared_accounts: BTreeMap<i64, SharedDump>,
    last_id: i64,
    last_account: i64,
    last_deputy: i64,
}

#[derive(Serialize, Deserialize)]
struct UserDump {
    data: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    rights: Vec<String>,
    groups: BTreeSet<i64>,
    mail_account: bool,
    folder: bool,
    personal: Option<String>,
    capabilities: BTreeMap<String, bool>,
    picture_goes_to: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct GroupDump {
    name: String,
    display_name: String,
    members: BTreeSet<i64>,
}

#[derive(Serialize, Deserialize)]
struct AccountDump {
    user: i64,
    id: i64,
    external: bool,
    data: Json,
}

#[derive(Serialize, Deserialize)]
struct DeputyDump {
    grantor: i64,
    permission: Json,
}

#[derive(Serialize, Deserialize)]
struct SharedDump {
    data: Json,
    permissions: Vec<PermissionDump>,
}

#[derive(Serialize, Deserialize)]
struct PermissionDump {
    context: i64,
    is_group: bool,
    entity: i64,
    mail: Option<String>,
    calendar: Option<String>,
    capabilities: BTreeSet<String>,
}

/// The world as JSON; passwords of users only if asked for, since clients often make them up at random.
pub fn dump(world: &World, passwords: bool) -> Json {
    let contexts = world.contexts();
    let contexts = contexts.iter().map(|tenant| {
        let context = tenant.state();
        (context.id, context_dump(&context, passwords))
    });
    serde_json::to_value(WorldDump { contexts: contexts.collect() }).unwrap_or_default()
}

/// The world of a dump with passwords.
pub fn load(json: Json) -> serde_json::Result<World> {
    let dump: WorldDump = serde_json::from_value(json)?;
    let world = World::default();
    for (id, context) in dump.contexts {
        world.insert(context_of(id, context));
    }
    Ok(world)
}

fn context_dump(context: &Context, passwords: bool) -> ContextDump {
    let groups = context.groups.iter().map(|(id, group)| {
        let Group { name, display_name, members } = group.clone();
        (id, GroupDump { name, display_name, members })
    });
    let resources = context.resources.iter().map(|r| (r.number("id").unwrap_or_default(), record_to_json(r)));
    let accounts = context.accounts.iter().map(|(key, record)| AccountDump {
        user: key.0,
        id: key.1,
        external: context.external.contains(key),
        data: record_to_json(record),
    });
    let deputies = context.deputies.iter().map(|(id, deputy)| {
        (id.clone(), DeputyDump { grantor: deputy.grantor, permission: record_to_json(&deputy.permission) })
    });
    ContextDump {
        name: context.name.clone(),
        enabled: context.enabled,
        filestore: context.filestore,
        filestore_name: context.filestore_name.clone(),
        mappings: context.mappings.clone(),
        max_quota: context.max_quota,
        attributes: context.attributes.clone(),
        capabilities: context.capabilities.clone(),
        quotas: context.quotas.clone(),
        users: context.users.iter().map(|(id, user)| (id, user_dump(user, passwords))).collect(),
        guests: context.users.guests().iter().map(|(id, guest)| (*id, guest.mail.clone())).collect(),
        groups: groups.collect(),
        resources: resources.collect(),
        accounts: accounts.collect(),
        deputies: deputies.collect(),
        deputy_block: context.deputy_block.clone(),
        shared_accounts: context.shared.iter().map(|(id, shared)| (*id, shared_dump(shared))).collect(),
        last_id: context.last_id,
        last_account: context.last_account,
        last_deputy: context.last_deputy,
    }
}

fn user_dump(user: &User, passwords: bool) -> UserDump {
    UserDump {
        data: record_to_json(&user.record),
        password: passwords.then(|| user.password.clone()),
        rights: user.rights.names().map(ToOwned::to_owned).collect(),
        groups: user.groups.clone(),
        mail_account: user.mail_account,
        folder: user.folder,
        personal: user.personal.clone(),
        capabilities: user.capabilities.clone(),
        picture_goes_to: user.picture_goes_to,
    }
}

fn shared_dump(shared: &SharedAccount) -> SharedDump {
    let permissions = shared.permissions.iter().map(|((context, is_group, entity), permission)| PermissionDump {
        context: *context,
        is_group: *is_group,
        entity: *entity,
        mail: permission.mail.clone(),
        calendar: permission.calendar.clone(),
        capabilities: permission.capabilities.clone(),
    });
    SharedDump { data: record_to_json(&shared.record), permissions: permissions.collect() }
}

fn context_of(id: i64, dump: ContextDump) -> Context {
    let mut context = Context::new(id, dump.name, "");
    context.enabled = dump.enabled;
    context.filestore = dump.filestore;
    context.filestore_name = dump.filestore_name;
    context.mappings = dump.mappings;
    context.max_quota = dump.max_quota;
    context.attributes = dump.attributes;
    context.capabilities = dump.capabilities;
    context.quotas = dump.quotas;
    for user in dump.users.into_values() {
        context.users.insert(user_of(user));
    }
    for (id, mail) in dump.guests {
        context.users.insert_guest(id, Guest { mail });
    }
    for (id, group) in dump.groups {
        let GroupDump { name, display_name, members } = group;
        context.groups.remove(id);
        context.groups.insert(id, Group { name, display_name, members });
    }
    for (id, resource) in dump.resources {
        context.resources.insert(id, record_from_json(&RESOURCE, &resource));
    }
    for account in dump.accounts {
        let key = (account.user, account.id);
        context.accounts.insert(key, record_from_json(&ACCOUNT, &account.data));
        if account.external {
            context.external.insert(key);
        }
    }
    for (id, deputy) in dump.deputies {
        let permission = record_from_json(&DEPUTY, &deputy.permission);
        context.deputies.insert(id, Deputy { grantor: deputy.grantor, permission });
    }
    context.deputy_block = dump.deputy_block;
    for (id, shared) in dump.shared_accounts {
        context.shared.insert(id, shared_of(shared));
    }
    context.last_id = dump.last_id;
    context.last_account = dump.last_account;
    context.last_deputy = dump.last_deputy;
    context
}

fn user_of(dump: UserDump) -> User {
    User {
        record: record_from_json(&USER, &dump.data),
        password: dump.password.unwrap_or_default(),
        rights: Rights::from_names(dump.rights.iter().map(String::as_str)),
        groups: dump.groups,
        mail_account: dump.mail_account,
        folder: dump.folder,
        personal: dump.personal,
        capabilities: dump.capabilities,
        picture_goes_to: dump.picture_goes_to,
    }
}

fn shared_of(dump: SharedDump) -> SharedAccount {
    let permissions = dump.permissions.into_iter().map(|permission| {
        let PermissionDump { context, is_group, entity, mail, calendar, capabilities } = permission;
        ((context, is_group, entity), SharedPermission { mail, calendar, capabilities })
    });
    SharedAccount { record: record_from_json(&SHARED, &dump.data), permissions: permissions.collect() }
}

/// The set fields of a record.
pub fn record_to_json(record: &Record) -> Json {
    let fields = record
        .slots()
        .iter()
        .map(|(position, value)| (record.kind().field(*position).name.to_owned(), value_to_json(value)));
    Json::Object(fields.collect::<Map<_, _>>())
}

fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Text(text) => Json::from(&**text),
        Value::Number(number) => Json::from(*number),
        Value::Flag(flag) => Json::from(*flag),
        Value::Object(record) => record_to_json(record),
        Value::List(items) => items.iter().map(value_to_json).collect(),
    }
}

fn record_from_json(kind: &'static Type, json: &Json) -> Record {
    let mut record = Record::new(kind);
    for field in &kind.fields {
        if let Some(value) = json.get(field.name) {
            record.set(field.name, value_from_json(field, value));
        }
    }
    record
}

fn value_from_json(field: &Field, json: &Json) -> Value {
    match (json, field.kind) {
        (Json::Array(items), _) => Value::List(items.iter().map(|item| value_from_json(field, item)).collect()),
        (Json::Object(_), Kind::Object(kind)) => Value::Object(Box::new(record_from_json(kind(), json))),
        (Json::String(text), _) => Value::text(text.as_str()),
        (Json::Bool(flag), _) => Value::Flag(*flag),
        (Json::Number(number), _) => Value::Number(number.as_i64().unwrap_or_default()),
        _ => Value::Nil,
    }
}
