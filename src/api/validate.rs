//! Checks a manifest against the schema of its kind, as an API server would, but with suggestions.
//!
//! Problems name fields and what is right, never the value that was found: it may be a secret in the wrong place.

use serde_json::{Map, Value};

use super::rules;

/// What is wrong with one field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Path of the field, for instance `spec.entries[3].index`.
    pub field: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// Everything that is wrong with a value.
pub(super) fn problems(schema: &Value, value: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    check(schema, value, "", &mut problems);
    problems
}

/// The one of several names that looks most like another, if any does.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    known
        .map(|other| (other, likeness(other)))
        .filter(|(_, l)| *l > 0.75)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|a| a.0)
}

/// `; did you mean 'x'?`, or the names that there are.
pub(super) fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(nearest) => format!("did you mean '{nearest}'?"),
        None => format!("known are: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

fn check(schema: &Value, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let mut problem = |text: String| problems.push(Problem { field: path.to_owned(), text });
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if let Some(expected) = schema["type"].as_str()
        && !is_of_type(expected, value)
    {
        problem(format!("must be {}", type_name(expected)));
        return;
    }
    if let Some(known) = schema["enum"].as_array()
        && !known.contains(value)
    {
        let known = known.iter().filter_map(Value::as_str);
        problem(format!("has no such choice; {}", suggestion(value.as_str().unwrap_or_default(), known)));
    }
    for (limit, measure, text) in [
        ("minimum", value.as_f64(), "must be at least"),
        ("minLength", value.as_str().map(length), "must be at least so many characters long:"),
        ("minItems", value.as_array().map(|items| count(items.len())), "must have at least so many elements:"),
    ] {
        if let (Some(limit), Some(measure)) = (schema[limit].as_f64(), measure)
            && measure < limit
        {
            problem(format!("{text} {limit}"));
        }
    }
    for (limit, measure, text) in [
        ("maximum", value.as_f64(), "must be at most"),
        ("maxLength", value.as_str().map(length), "must be at most so many characters long:"),
        ("maxItems", value.as_array().map(|items| count(items.len())), "must have at most so many elements:"),
    ] {
        if let (Some(limit), Some(measure)) = (schema[limit].as_f64(), measure)
            && measure > limit
        {
            problem(format!("{text} {limit}"));
        }
    }
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let check = rules::ALL.iter().find(|check| rule["rule"] == check.cel);
        if let Some(check) = check.filter(|check| !(check.holds)(value)) {
            problem(check.message.to_owned());
        }
    }
    match value {
        Value::Object(object) => check_object(schema, object, path, problems),
        Value::Array(items) => check_list(schema, items, path, problems),
        _ => {}
    }
}

fn check_object(schema: &Value, object: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if object.get(name).is_none_or(Value::is_null) {
            problems.push(Problem { field: join(name), text: "is missing".to_owned() });
        }
    }
    let known = schema["properties"].as_object();
    for (name, value) in object {
        let field = join(name);
        if let Some(property) = known.and_then(|known| known.get(name)) {
            check(property, value, &field, problems);
        } else if let Some(other) = schema.get("additionalProperties") {
            check(other, value, &field, problems);
        } else if let Some(known) = known
            && schema["x-kubernetes-preserve-unknown-fields"] != true
        {
            let text = format!("is unknown; {}", suggestion(name, known.keys().map(String::as_str)));
            problems.push(Problem { field, text });
        }
    }
}

fn check_list(schema: &Value, items: &[Value], path: &str, problems: &mut Vec<Problem>) {
    for (index, item) in items.iter().enumerate() {
        check(&schema["items"], item, &format!("{path}[{index}]"), problems);
    }
    let keys: Option<Vec<_>> =
        schema["x-kubernetes-list-map-keys"].as_array().map(|keys| keys.iter().filter_map(Value::as_str).collect());
    let unique = keys.is_some() || schema["x-kubernetes-list-type"] == "set";
    let identity = |item: &Value| match &keys {
        Some(keys) => keys.iter().map(|key| item[*key].clone()).collect(),
        None => vec![item.clone()],
    };
    for (index, item) in items.iter().enumerate().filter(|_| unique) {
        if let Some(first) = items.iter().take(index).position(|other| identity(other) == identity(item)) {
            let field = format!("{path}[{index}]");
            problems.push(Problem { field, text: format!("repeats {path}[{first}]: keep one of them") });
        }
    }
}

fn is_of_type(expected: &str, value: &Value) -> bool {
    match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => true,
    }
}

fn type_name(expected: &str) -> &'static str {
    match expected {
        "object" => "a group of fields",
        "array" => "a list",
        "string" => "a text (put it in quotes if it looks like something else)",
        "integer" => "a whole number",
        "number" => "a number",
        _ => "true or false",
    }
}

fn length(text: &str) -> f64 {
    count(text.chars().count())
}

/// Lengths are far below the numbers that a float cannot hold.
#[allow(clippy::cast_precision_loss)]
fn count(number: usize) -> f64 {
    number as f64
}
