//! What UDM fills in by itself.

use serde_json::{Map, Value};

use super::Directory;
use super::kind::{Kind, Shape};
use super::object::Object;

/// Fills in what a new object has without being told.
pub fn complete(directory: &mut Directory, object: &mut Object) {
    match object.kind {
        Kind::User => complete_user(directory, object),
        Kind::Group => {
            let number = take(&mut directory.next_gid);
            missing(object, "gidNumber", || number.into());
            missing(object, "sambaRID", || (1000 + 2 * number + 1).into());
            missing(object, "isOxGroup", || true.into());
        }
        _ => {}
    }
}

fn complete_user(directory: &mut Directory, user: &mut Object) {
    let number = take(&mut directory.next_uid);
    let (name, people) = (user.name(), people_name(user));
    let text = |text: &str| Value::String(text.to_owned());
    missing(user, "uidNumber", || number.into());
    missing(user, "gidNumber", || 5001.into());
    missing(user, "sambaRID", || (1000 + 2 * number).into());
    missing(user, "gecos", || text(&people));
    missing(user, "displayName", || text(&people));
    missing(user, "oxDisplayName", || text(&people));
    missing(user, "unixhome", || text(&format!("/home/{name}")));
    missing(user, "homeSharePath", || text(&name));
    if let Some(address) = user.text("mailPrimaryAddress").map(str::to_lowercase) {
        user.set("mailPrimaryAddress", Value::String(address));
    }
    let wanted = user.get("isOxUser").is_none_or(|flag| flag == &Value::Bool(true));
    let possible = user.text("mailPrimaryAddress").is_some();
    user.set("isOxUser", Value::Bool(wanted && possible));
}

/// Names that UDM derived from the personal name follow it.
pub fn follow_names(before: &Object, user: &mut Object) {
    if user.kind != Kind::User {
        return;
    }
    let (old, new) = (people_name(before), people_name(user));
    if old == new {
        return;
    }
    for derived in ["displayName", "gecos", "oxDisplayName"] {
        let untouched = before.get(derived) == user.get(derived);
        if untouched && before.text(derived).is_none_or(|value| value == old) {
            user.set(derived, Value::String(new.clone()));
        }
    }
}

/// The group that a user is in anyway.
pub fn primary_group(base: &str, user: &Object) -> String {
    user.text("primaryGroup").map_or_else(|| format!("cn=Domain Users,cn=groups,{base}"), str::to_owned)
}

/// Properties in the form of UDM REST; understands that of listener files.
pub fn converted(kind: Kind, properties: &Map<String, Value>) -> Map<String, Value> {
    let convert = |(name, value): (&String, &Value)| {
        let shape = kind.property(name).map(|property| property.shape);
        let value = match (shape, value) {
            (Some(Shape::Number), Value::String(text)) => text.trim().parse::<i64>().map_or(Value::Null, Value::from),
            (Some(Shape::Switch), Value::String(text)) => switch(text),
            (Some(Shape::Text), Value::Number(number)) => Value::String(number.to_string()),
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    properties.iter().map(convert).collect()
}

fn switch(text: &str) -> Value {
    match text.to_lowercase().as_str() {
        "" => Value::Null,
        "ok" | "true" | "1" | "yes" => Value::Bool(true),
        _ => Value::Bool(false),
    }
}

fn people_name(user: &Object) -> String {
    let parts: Vec<&str> = ["firstname", "lastname"].iter().filter_map(|name| user.text(name)).collect();
    parts.join(" ")
}

fn missing(object: &mut Object, name: &str, value: impl FnOnce() -> Value) {
    if object.get(name).is_none() {
        object.set(name, value());
    }
}

fn take(number: &mut u64) -> u64 {
    let taken = *number;
    *number += 1;
    taken
}
