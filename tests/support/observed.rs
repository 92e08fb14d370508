//! What the simulated OX holds, in the shape of the oracle (see `oracle.rs`): names instead of numbers.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::oracle::FIELDS;

/// Rights that no profile can grant; OX may report them as it likes.
const NOT_PROVISIONED: &[&str] = &["OLOX20", "publication", "publicFolderEditable"];

/// Converts the dump of the simulator.
pub fn observed(dump: &Value) -> Value {
    let contexts = &dump["contexts"];
    let all: Map<_, _> = entries(contexts).map(|(id, context)| (id.clone(), tenant(contexts, id, context))).collect();
    json!({ "contexts": all })
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The administrator and the group of all users, which OX makes by itself.
const OWN_USER: &str = "2";
const OWN_GROUP: &str = "1";

fn name_of<'a>(context: &'a Value, user: &Value) -> &'a str {
    context["users"][user.to_string()]["data"]["name"].as_str().unwrap_or("?")
}

fn tenant(contexts: &Value, id: &str, context: &Value) -> Value {
    let mut tenant = json!({ "name": context["name"], "quota": context["max_quota"] });
    let users = entries(&context["users"]).filter(|(number, _)| *number != OWN_USER);
    let users =
        users.map(|(number, user)| (user["data"]["name"].as_str().unwrap().to_owned(), person(context, number, user)));
    put(&mut tenant, "users", users.collect());
    let groups = entries(&context["groups"]).filter(|(number, _)| *number != OWN_GROUP).map(|(_, group)| {
        let mut members: Vec<_> = list(&group["members"]).map(|member| name_of(context, member)).collect();
        members.sort_unstable();
        let name = group["name"].as_str().unwrap().to_owned();
        (name, json!({ "displayName": group["display_name"], "members": members }))
    });
    put(&mut tenant, "groups", groups.collect());
    let resources = entries(&context["resources"]).map(|(_, resource)| {
        let description = resource.get("description").cloned().unwrap_or_else(|| json!(""));
        let name = resource["name"].as_str().unwrap().to_owned();
        (name, json!({ "displayName": resource["displayname"], "description": description, "mail": resource["email"] }))
    });
    put(&mut tenant, "resources", resources.collect());
    let shared = entries(&context["shared_accounts"]).map(|(_, account)| {
        let data = &account["data"];
        let permissions: Map<_, _> =
            list(&account["permissions"]).map(|permission| permission_of(contexts, permission)).collect();
        let mut shared = json!({ "displayName": data["display_name"], "mail": data["primaryEmail"] });
        shared["permissions"] = permissions.into();
        (data["name"].as_str().unwrap().to_owned(), shared)
    });
    put(&mut tenant, "sharedAccounts", shared.collect());
    let _ = id;
    tenant
}

fn put(tenant: &mut Value, key: &str, items: Map<String, Value>) {
    tenant[key] = items.into();
}

fn person(context: &Value, number: &str, user: &Value) -> Value {
    let data = &user["data"];
    let mut aliases: Vec<_> = list(&data["aliases"]).map(|alias| alias.as_str().unwrap()).collect();
    aliases.sort_unstable();
    let mut rights: Vec<_> = list(&user["rights"]).map(|right| right.as_str().unwrap()).collect();
    rights.retain(|right| !NOT_PROVISIONED.contains(right));
    rights.sort_unstable();
    let fields: BTreeMap<_, _> = FIELDS
        .iter()
        .filter_map(|(attribute, ..)| {
            let value = data.get(*attribute)?.as_str()?;
            (!value.is_empty()).then(|| (*attribute, value.trim_end_matches('Z')))
        })
        .collect();
    let number: u64 = number.parse().unwrap();
    let own = |account: &&Value| account["user"] == number && account["external"] == false;
    let accounts: Map<_, _> = list(&context["accounts"])
        .filter(own)
        .map(|account| {
            let data = &account["data"];
            let address = data["primaryAddress"].as_str().unwrap().to_owned();
            let mut account = json!({ "name": data["name"], "login": data["login"] });
            if let Some(personal) = data["personal"].as_str().filter(|personal| !personal.is_empty()) {
                account["personal"] = json!(personal);
            }
            (address, account)
        })
        .collect();
    let deputies: Map<_, _> = entries(&context["deputies"])
        .filter(|(_, deputy)| deputy["grantor"] == number)
        .map(|(_, deputy)| {
            let permission = &deputy["permission"];
            let name = name_of(context, &permission["userId"]).to_owned();
            let send = permission["sendOnBehalfOf"] == json!(true);
            let module =
                |wanted: &str| digits(list(&permission["modulePermissions"]).find(|m| m["moduleId"] == wanted));
            (name, json!({ "mail": module("mail"), "calendar": module("calendar"), "sendOnBehalf": send }))
        })
        .collect();
    json!({
        "displayName": data["display_name"], "givenName": data["given_name"], "surName": data["sur_name"],
        "mail": data["primaryEmail"], "aliases": aliases, "mailEnabled": data["mailenabled"], "rights": rights,
        "hasPicture": data.get("image1").is_some(), "fields": fields, "functionalAccounts": accounts, "deputies": deputies,
    })
}

/// A module permission as the five digits of UDM.
fn digits(module: Option<&Value>) -> String {
    let Some(module) = module else { return "00000".to_owned() };
    let digit = |key: &str| module[key].as_u64().unwrap_or(0).to_string();
    let admin = if module["admin"] == json!(true) { "1" } else { "0" };
    let digits = ["folderPermission", "readPermission", "writePermission", "deletePermission"].map(digit);
    format!("{admin}{}", digits.concat())
}

fn permission_of(contexts: &Value, permission: &Value) -> (String, Value) {
    let id = permission["context"].to_string();
    let context = &contexts[&id];
    let entity = permission["entity"].to_string();
    let label = if permission["is_group"] == json!(true) {
        format!("group {id}/{}", context["groups"][&entity]["name"].as_str().unwrap_or("?"))
    } else {
        format!("user {id}/{}", context["users"][&entity]["data"]["name"].as_str().unwrap_or("?"))
    };
    let value = json!({
        "mail": permission["mail"], "calendar": permission["calendar"], "capabilities": permission["capabilities"],
    });
    (label, value)
}

/// The places where two results differ, for people.
pub fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut all = Vec::new();
    compare("", expected, found, &mut all);
    all
}

fn compare(path: &str, expected: &Value, found: &Value, all: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let value = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&format!("{path}/{key}"), &value(a), &value(b), all);
            }
        }
        (a, b) if a == b => {}
        (Value::Object(a), Value::Null) if a.is_empty() => {}
        (Value::Null, Value::Object(b)) if b.is_empty() => {}
        (a, b) => all.push(format!("{path}: expected {a}, found {b}")),
    }
}
