//! Bodies of writing requests: keys in their order, strict types.

use serde_json::Value;

use super::call::Call;
use super::errors::{Fault, Location, Mistake};
use crate::simulator::nubus::directory::{Kind, Property, Shape};
pub use crate::simulator::nubus::ordered::Ordered as Properties;

/// What a writing request says.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Write {
    /// `properties`.
    pub properties: Option<Properties>,
    /// `position`.
    pub position: Option<String>,
}

/// Reads the body of a request in JSON.
pub fn json(call: &Call<'_>) -> Result<Value, Fault> {
    let kind = call.request.content_type.split(';').next().unwrap_or_default().trim();
    if !matches!(kind, "application/json" | "application/json-patch+json") {
        return Err(Fault::new(500, "'NoneType' object is not subscriptable"));
    }
    serde_json::from_slice(&call.request.body).map_err(|_| {
        let at = call.request.body.len();
        let text = format!("Expecting value: line 1 column {} (char {at})", at + 1);
        Fault::new(400, &format!("HTTP 400: Bad Request (Invalid JSON document: JSONDecodeError('{text}'))"))
    })
}

/// Reads a create or change.
pub fn write(call: &Call<'_>) -> Result<Write, Fault> {
    let structure =
        |name, text: &str| Fault::invalid(vec![Mistake { location: Location::Structure(name), text: text.to_owned() }]);
    if !json(call)?.is_object() {
        return Err(structure("", "Value must be of type object."));
    }
    serde_json::from_slice(&call.request.body).map_err(|_| structure("properties", "Value must be of type object."))
}

/// Mistakes in names and types of properties.
pub fn check(call: &Call<'_>, kind: Kind, properties: &Properties) -> Vec<Mistake> {
    let title = kind.module().title;
    let wrong = |(name, value): &(String, Value)| {
        let known = call.shared.with_directory(|directory| directory.knows_property(kind, name));
        if !known {
            return Some(Mistake::property(name, format!("The {title} module has no property {name}.")));
        }
        let property = kind.property(name)?;
        if property.is_list() && value.is_null() {
            let text =
                format!("The property {name} has an invalid value: The property {} must be a list.", label(name));
            return Some(Mistake::body(name, text));
        }
        let expected = mismatch(property, value)?;
        let text = format!(
            "The property {name} has an invalid value: Value must be of type {expected} not {}.",
            python_type(value)
        );
        Some(Mistake::property(name, text))
    };
    properties.0.iter().filter_map(wrong).collect()
}

/// The type that a value should have, if it has another one.
fn mismatch(property: &Property, value: &Value) -> Option<&'static str> {
    let (fits, expected) = match property.shape {
        Shape::Text | Shape::Secret | Shape::Identifier => (value.is_string(), "string"),
        Shape::Number => (value.is_i64() || value.is_u64(), "integer"),
        Shape::Switch => (value.is_boolean(), "boolean"),
        Shape::List | Shape::Computed => {
            let items = value.as_array();
            if items.is_some_and(|items| !items.iter().all(Value::is_string)) {
                return Some("string");
            }
            (items.is_some(), "array")
        }
        Shape::Objects | Shape::Flags => (value.is_array(), "array"),
        Shape::Object => (value.is_object(), "object"),
    };
    (!fits && !value.is_null()).then_some(expected)
}

const fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// The label of a property in texts, as far as recordings show it.
fn label(name: &str) -> &str {
    if name == "phone" { "Telephone number" } else { name }
}

/// Whether a select has a value among its choices.
pub fn is_choice(name: &str, value: &str) -> bool {
    match name {
        "oxTimeZone" => value.contains('/') || value == "UTC",
        "country" => value.len() == 2 && value != "XX" && value.bytes().all(|sign| sign.is_ascii_uppercase()),
        "oxLanguage" => value.len() == 5 && value.as_bytes().get(2) == Some(&b'_'),
        _ => true,
    }
}

/// What is wrong with an identifier: it must be a UUID of version 1 or 4 in lower case.
pub fn check_identifier(value: &str) -> Result<(), Fault> {
    let plain: String = value.chars().filter(|sign| *sign != '-').collect();
    if plain.len() != 32 || !plain.bytes().all(|sign| sign.is_ascii_hexdigit()) {
        return Err(Fault::new(500, "badly formed hexadecimal UUID string"));
    }
    let dashes = value.len() == 36 && [8, 13, 18, 23].iter().all(|at| value.as_bytes()[*at] == b'-');
    let version = plain.as_bytes()[12];
    if dashes && matches!(version, b'1' | b'4') && value == value.to_lowercase() {
        return Ok(());
    }
    let text = "The property univentionObjectIdentifier has an invalid value: Not a valid UUID.".to_owned();
    Err(Fault::invalid(vec![Mistake::property("univentionObjectIdentifier", text)]))
}
