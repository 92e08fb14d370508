//! A made-up directory of any size, as listener files.

use serde_json::{Value, json};

const BASE: &str = "dc=bench,dc=example";

/// A context; they count from 10.
pub fn context(number: u32) -> Value {
    let name = format!("context{number}");
    let properties = json!({"name": name, "contextid": number, "oxQuota": "20000"});
    file("oxmail/oxcontext", &format!("context-{number}"), &format!("cn={name},cn=open-xchange,{BASE}"), properties)
}

/// The access profile of all users.
pub fn profile() -> Value {
    let flags =
        ["Webmail", "Calendar", "Contacts", "Tasks", "Infostore", "Collectemailaddresses", "Multiplemailaccounts"];
    let mut properties = json!({"name": "groupware", "displayName": "Groupware"});
    for flag in flags {
        properties[format!("oxAccess{flag}")] = json!("TRUE");
    }
    file("oxmail/accessprofile", "profile-groupware", &format!("cn=groupware,cn=open-xchange,{BASE}"), properties)
}

/// A user. `relevant` and `irrelevant` change attributes that OX knows and that it does not know.
pub fn user(number: u32, context: u32, relevant: u32, irrelevant: u32) -> Value {
    let name = format!("user{number:06}");
    let properties = json!({
        "username": name,
        "firstname": format!("Änne {number}"),
        "lastname": "Müller",
        "displayName": format!("Änne {number} Müller"),
        "oxDisplayName": format!("Änne {number} Müller"),
        "mailPrimaryAddress": format!("{name}@bench.example"),
        "mailAlternativeAddress": [format!("{name}.alias@bench.example"), format!("a.{name}@bench.example")],
        "isOxUser": "OK",
        "oxContext": context,
        "oxAccess": "groupware",
        "uidNumber": 10_000 + number,
        "gidNumber": 5001,
        "unixhome": format!("/home/{name}"),
        "shell": format!("/bin/shell{irrelevant}"),
        "description": format!("Changed {irrelevant} times without OX knowing"),
        "passwordexpiry": "2030-01-01",
        "groups": [format!("cn=Domain Users,cn=groups,{BASE}"), format!("cn=Team {},cn=groups,{BASE}", number % 40)],
        "organisation": "Bench GmbH & Co. KG",
        "oxDepartment": format!("Department {}", number % 40),
        "title": "Dr.",
        "employeeNumber": number.to_string(),
        "street": "Universitätsallee 1",
        "postcode": "28359",
        "city": "Bremen",
        "phone": [format!("+49 421 {number:06}-{relevant}")],
        "mobileTelephoneNumber": [format!("+49 170 {number:06}")],
        "roomNumber": [format!("{}", 100 + number % 300)],
        "oxTimeZone": "Europe/Berlin",
        "oxLanguage": "de_DE",
    });
    file("users/user", &format!("user-{number:08}"), &user_dn(number), properties)
}

/// A group of the first users.
pub fn group(members: u32) -> Value {
    let users: Vec<_> = (0..members).map(user_dn).collect();
    let properties = json!({"name": "Everybody", "isOxGroup": "OK", "gidNumber": 6000, "users": users});
    file("groups/group", "group-everybody", &format!("cn=Everybody,cn=groups,{BASE}"), properties)
}

fn user_dn(number: u32) -> String {
    format!("uid=user{number:06},cn=users,{BASE}")
}

fn file(kind: &str, id: &str, dn: &str, mut properties: Value) -> Value {
    properties["univentionObjectIdentifier"] = json!(id);
    json!({"id": id, "udm_object_type": kind, "dn": dn, "object": properties, "options": ["default"]})
}
