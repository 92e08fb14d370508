//! JSON Patch as UDM understands it: elements by value, no indexes.

use serde_json::{Value, json};

use super::body::{self, Properties};
use super::call::Call;
use super::errors::{Fault, Location, Mistake};
use super::write;
use crate::simulator::nubus::directory::{Kind, Object, Shape};
use crate::simulator::nubus::reply::Reply;

/// `PATCH ./<type>/<dn>` with a JSON Patch.
pub fn modify(call: &Call<'_>, kind: Kind, target: &str) -> Result<Reply, Fault> {
    let before = write::writable(call, kind, target)?;
    let operations = body::json(call)?;
    let operations = operations.as_array().ok_or_else(|| invalid("Value must be of type array.".to_owned()))?;
    let mut properties = Properties::default();
    let mut warnings = Vec::new();
    for operation in operations {
        match one(kind, &before, &properties, operation)? {
            Effect::Set(name, value) => {
                properties.0.retain(|(given, _)| *given != name);
                properties.0.push((name, value));
            }
            Effect::Warning(text) => warnings.push(json!({"message": text})),
        }
    }
    let after = write::apply(call, &before, &properties)?;
    let headers = write::changed_headers(call, &before, &after);
    if warnings.is_empty() {
        return Ok(call.nothing(204, headers));
    }
    Ok(call.small(200, headers, &[("_embedded", json!({"udm:warning": warnings}))]))
}

/// What an operation does.
enum Effect {
    Set(String, Value),
    Warning(String),
}

fn one(kind: Kind, before: &Object, so_far: &Properties, operation: &Value) -> Result<Effect, Fault> {
    let text = |name: &str| operation[name].as_str().unwrap_or_default();
    let (op, path, value) = (text("op"), text("path"), operation.get("value"));
    // The server stumbles over everything that it does not know.
    let unknown = || Fault::new(500, "Unknown operation");
    if !matches!(op, "add" | "remove" | "replace") {
        return Err(unknown());
    }
    let name = path.strip_prefix("/properties/").ok_or_else(unknown)?;
    if name.contains('/') {
        return Err(invalid(format!("Invalid property name given: properties.{}", name.replace('/', "."))));
    }
    let Some(property) = kind.property(name) else {
        return Ok(Effect::Warning(format!("No attribute with name '{name}' in this module, value not set.")));
    };
    if !property.is_list() {
        let value = if op == "remove" { Value::Null } else { value.cloned().unwrap_or_default() };
        return Ok(Effect::Set(name.to_owned(), value));
    }
    if property.shape == Shape::Objects || op == "replace" {
        return Err(unknown());
    }
    let stored = so_far.get(name).or_else(|| before.get(name));
    let mut items = stored.and_then(Value::as_array).cloned().unwrap_or_default();
    match (op, value) {
        ("add", Some(value)) if items.contains(value) => {
            Ok(Effect::Warning(format!("Value of {name} exists already.")))
        }
        ("add", Some(value)) => {
            items.push(value.clone());
            Ok(Effect::Set(name.to_owned(), Value::Array(items)))
        }
        ("remove", Some(value)) if items.contains(value) => {
            items.retain(|item| item != value);
            Ok(Effect::Set(name.to_owned(), Value::Array(items)))
        }
        ("remove", Some(_)) => Ok(Effect::Warning(format!("Value of {name} does not exist."))),
        ("remove", None) => Ok(Effect::Set(name.to_owned(), json!([]))),
        _ => Err(unknown()),
    }
}

fn invalid(text: String) -> Fault {
    Fault::invalid(vec![Mistake { location: Location::Structure("properties"), text }])
}
