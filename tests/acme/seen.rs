//! The state of the simulator in the shape of the oracle: names instead of numbers, and without what OX makes by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::oracle;

/// What OX holds.
pub fn seen(dump: &Value) -> Value {
    let all = dump["contexts"].as_object().unwrap();
    let contexts: Map<_, _> = all.iter().map(|(id, context)| (id.clone(), one(dump, context))).collect();
    json!({"contexts": contexts})
}

fn one(dump: &Value, context: &Value) -> Value {
    let names = names(context);
    let users: Map<_, _> = items(&context["users"])
        .filter(|(id, _)| *id != "2")
        .map(|(id, user)| (text(&user["data"]["name"]), person(context, &names, id, user)))
        .collect();
    let groups: Map<_, _> = items(&context["groups"])
        .filter(|(_, group)| group["name"] != "users")
        .map(|(_, group)| {
            let members: BTreeSet<_> =
                list(&group["members"]).iter().map(|id| names[&id.to_string()].clone()).collect();
            (text(&group["name"]), json!({"displayName": group["display_name"], "members": members}))
        })
        .collect();
    let resources: Map<_, _> = items(&context["resources"])
        .map(|(_, resource)| {
            let view = json!({"displayName": resource["displayname"],
                "description": text(&resource["description"]), "mail": resource["email"]});
            (text(&resource["name"]), view)
        })
        .collect();
    let shared: Map<_, _> = items(&context["shared_accounts"])
        .map(|(_, account)| {
            let data = &account["data"];
            let view = json!({"displayName": data["display_name"], "mail": data["primaryEmail"],
                "permissions": permissions(dump, &account["permissions"])});
            (text(&data["name"]), view)
        })
        .collect();
    json!({"name": context["name"], "quota": context["max_quota"], "users": users, "groups": groups,
        "resources": resources, "sharedAccounts": shared})
}

fn person(context: &Value, names: &BTreeMap<String, String>, id: &str, user: &Value) -> Value {
    let data = &user["data"];
    let id: i64 = id.parse().unwrap();
    let fields: Map<_, _> = oracle::FIELDS
        .iter()
        .filter_map(|(field, ..)| {
            let value = text(&data[*field]);
            // Dates come with a time.
            let value =
                if ["anniversary", "birthday"].contains(field) { value.chars().take(10).collect() } else { value };
            (!value.is_empty()).then(|| ((*field).to_owned(), json!(value)))
        })
        .collect();
    let rights: BTreeSet<_> = list(&user["rights"]).iter().map(text).filter(|right| right != "publication").collect();
    let aliases: BTreeSet<_> = list(&data["aliases"]).iter().map(text).collect();
    let accounts: Map<_, _> = list(&context["accounts"])
        .iter()
        .filter(|account| account["user"] == id)
        .map(|account| {
            let data = &account["data"];
            let mut view = json!({"name": data["name"], "login": data["login"]});
            if !data["personal"].is_null() {
                view["personal"] = data["personal"].clone();
            }
            (text(&data["primaryAddress"]), view)
        })
        .collect();
    let deputies: Map<_, _> = items(&context["deputies"])
        .filter(|(_, deputy)| deputy["grantor"] == id)
        .map(|(_, deputy)| {
            let permission = &deputy["permission"];
            let view = json!({"mail": code(permission, "mail"), "calendar": code(permission, "calendar"),
                "sendOnBehalf": permission["sendOnBehalfOf"]});
            (names[&permission["userId"].to_string()].clone(), view)
        })
        .collect();
    json!({
        "displayName": data["display_name"],
        "givenName": data["given_name"],
        "surName": data["sur_name"],
        "mail": data["primaryEmail"],
        "aliases": aliases,
        "mailEnabled": data["mailenabled"],
        "rights": rights,
        "hasPicture": !data["image1"].is_null(),
        "fields": fields,
        "functionalAccounts": accounts,
        "deputies": deputies,
    })
}

/// The five digits of a module.
fn code(permission: &Value, module: &str) -> String {
    let Some(found) = list(&permission["modulePermissions"]).iter().find(|one| one["moduleId"] == module) else {
        return "00000".to_owned();
    };
    let levels = ["folderPermission", "readPermission", "writePermission", "deletePermission"];
    let digits = levels.map(|level| found[level].to_string()).concat();
    format!("{}{digits}", i32::from(found["admin"] == true))
}

fn permissions(dump: &Value, permissions: &Value) -> Value {
    let role = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let all = list(permissions).iter().map(|permission| {
        let number = permission["context"].to_string();
        let (context, entity) = (&dump["contexts"][&number], permission["entity"].to_string());
        let who = if permission["is_group"] == true {
            format!("group {number}/{}", text(&context["groups"][&entity]["name"]))
        } else {
            format!("user {number}/{}", names(context)[&entity])
        };
        let what = json!({"mail": role(&permission["mail"]), "calendar": role(&permission["calendar"]),
            "capabilities": permission["capabilities"]});
        (who, what)
    });
    all.collect::<Map<_, _>>().into()
}

fn names(context: &Value) -> BTreeMap<String, String> {
    items(&context["users"]).map(|(id, user)| (id.to_owned(), text(&user["data"]["name"]))).collect()
}

fn items(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
