//! A made-up directory of any size, as listener files.

use serde_json::{Value, json};

const BASE: &str = "dc=bench,dc=example";

/// A context; they count from 10.
pub fn context(number: u32) -> Value {
    let name = format!("context{number}");
    let properties = json!({"name": name, "contextid": number, "oxQuota": "20000"});
    file("oxmail/oxcontext", &format!("context-{number}"), &format!("cn={name},cn=open-xchange,{BASE}"), properties)
}

/// The access profile of all users. Each version differs from the one before in one right.
pub fn profile(version: u32) -> Value {
    let mut flags =
        vec!["webmail", "calendar", "contacts", "tasks", "infostore", "collectemailaddresses", "multiplemailaccounts"];
    flags.extend((version % 2 == 1).then_some("delegatetask"));
    let mut properties = json!({"name": "groupware", "displayName": "Groupware"});
    for flag in flags {
        properties[flag] = json!("TRUE");
    }
    file("oxmail/accessprofile", "profile-groupware", &format!("cn=groupware,cn=open-xchange,{BASE}"), properties)
}

/// How a user is numbered in everything that is made of its number, so that one user can be turned into another by replacing
/// this text. What is made of the number in another way repeats after this many users.
pub const REPEATS: u32 = 600;

/// The text that numbers a user.
pub fn token(number: u32) -> String {
    format!("{number:07}")
}

/// A user. `relevant` and `irrelevant` change attributes that OX knows and that it does not know.
pub fn user(number: u32, context: u32, relevant: u32, irrelevant: u32) -> Value {
    let token = token(number);
    let name = format!("user{token}");
    let properties = json!({
        "username": name,
        "firstname": format!("Änne {token}"),
        "lastname": "Müller",
        "displayName": format!("Änne {token} Müller"),
        "oxDisplayName": format!("Änne {token} Müller"),
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
        "employeeNumber": token,
        "street": "Universitätsallee 1",
        "postcode": "28359",
        "city": "Bremen",
        "phone": [format!("+49 421 {token}-{relevant}")],
        "mobileTelephoneNumber": [format!("+49 170 {token}")],
        "roomNumber": [format!("{}", 100 + number % 300)],
        "oxTimeZone": "Europe/Berlin",
        "oxLanguage": "de_DE",
    });
    file("users/user", &user_id(number), &user_dn(number), properties)
}

/// A group called like this with these users.
pub fn group(name: &str, members: impl Iterator<Item = u32>) -> Value {
    let users: Vec<_> = members.map(user_dn).collect();
    let properties = json!({"name": name, "isOxGroup": "OK", "gidNumber": 6000, "users": users});
    file("groups/group", &format!("group-{name}"), &format!("cn={name},cn=groups,{BASE}"), properties)
}

/// The identifier of a user.
pub fn user_id(number: u32) -> String {
    format!("user-{}", token(number))
}

fn user_dn(number: u32) -> String {
    format!("uid=user{},cn=users,{BASE}", token(number))
}

fn file(kind: &str, id: &str, dn: &str, mut properties: Value) -> Value {
    properties["univentionObjectIdentifier"] = json!(id);
    json!({"id": id, "udm_object_type": kind, "dn": dn, "object": properties, "options": ["default"]})
}
