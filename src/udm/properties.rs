//! Typed access to the properties of a directory object.
//!
//! UDM properties arrive as JSON, but not always with the same types: numbers come as text or number, booleans as `OK`,
//! `Not`, `TRUE`, `1` or JSON booleans, single values sometimes as a list of one (`ox-connector.md` F.1). These differences end here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A property whose value has a form that nobody can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("property '{property}' must be {expected}, but it is {found}: correct it in the directory")]
pub struct PropertyError {
    /// The UDM name of the property.
    pub property: String,
    /// What would be right.
    pub expected: &'static str,
    /// What kind of value was found. Never the value itself: it may be personal.
    pub found: &'static str,
}

/// The properties of a directory object by their UDM names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Properties(Map<String, Value>);

impl Properties {
    /// Takes the `properties` (or `object`) part of a UDM object.
    pub fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// The raw value. `null`, an empty text and an empty list all mean that the property is not set.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| is_set(value))
    }

    /// Whether the source sent the property at all, even without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All names and raw values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Sets a property.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Keeps only the properties whose name passes, and of these only those with a value.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|name, value| is_set(value) && keep(name));
    }

    /// A single text; of a list its first element. Numbers and booleans are taken as their text.
    pub fn text(&self, name: &str) -> Result<Option<String>, PropertyError> {
        match self.raw(name) {
            None => Ok(None),
            Some(Value::Array(items)) => items.first().map_or(Ok(None), |item| scalar(name, item)),
            Some(value) => scalar(name, value),
        }
    }

    /// All texts of a multi-valued property; a single value counts as a list of one.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, PropertyError> {
        match self.raw(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().filter_map(|item| scalar(name, item).transpose()).collect(),
            Some(value) => Ok(scalar(name, value)?.into_iter().collect()),
        }
    }

    /// A whole number, from a number or a text.
    pub fn number(&self, name: &str) -> Result<Option<i64>, PropertyError> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let value = match value {
            Value::Array(items) => &items[0],
            other => other,
        };
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| error(name, "a whole number", value))
    }

    /// A truth value: `OK`, `TRUE`, `1`, `yes` and JSON true are true; `Not`, `FALSE`, `0`, `no` and nothing are false (any case).
    pub fn flag(&self, name: &str) -> Result<bool, PropertyError> {
        let Some(value) = self.raw(name) else { return Ok(false) };
        let value = match value {
            Value::Array(items) => &items[0],
            other => other,
        };
        let truth = match value {
            Value::Bool(truth) => Some(*truth),
            Value::Number(number) => number.as_i64().map(|n| n != 0),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "ok" | "true" | "1" | "yes" => Some(true),
                "not" | "false" | "0" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        };
        truth.ok_or_else(|| error(name, "OK, Not, TRUE or FALSE", value))
    }

    /// Rows of a complex property: a list of lists of texts. Scalars inside a row are taken as their text, `null` as empty.
    pub fn rows(&self, name: &str) -> Result<Vec<Vec<String>>, PropertyError> {
        let expected = "a list of lists";
        match self.raw(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(rows)) => rows
                .iter()
                .map(|row| match row {
                    Value::Array(cells) => {
                        cells.iter().map(|cell| Ok(scalar(name, cell)?.unwrap_or_default())).collect()
                    }
                    other => Err(error(name, expected, other)),
                })
                .collect(),
            Some(other) => Err(error(name, expected, other)),
        }
    }
}

/// Interfaces differ in how they write a property that is not set, or leave it out.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

fn scalar(name: &str, value: &Value) -> Result<Option<String>, PropertyError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok((!text.is_empty()).then(|| text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(truth) => Ok(Some(truth.to_string())),
        other => Err(error(name, "a text or a list of texts", other)),
    }
}

fn error(name: &str, expected: &'static str, found: &Value) -> PropertyError {
    let found = match found {
        Value::Null => "empty",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "another text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    PropertyError { property: name.to_owned(), expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn properties(value: Value) -> Properties {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn numbers_come_as_text_or_number() {
        let p = properties(json!({"a": 10, "b": " 12 ", "c": "ten", "d": [13], "e": "", "f": null, "g": 1.5}));
        assert_eq!(p.number("a"), Ok(Some(10)));
        assert_eq!(p.number("b"), Ok(Some(12)));
        assert_eq!(p.number("d"), Ok(Some(13)));
        assert_eq!(p.number("e"), Ok(None));
        assert_eq!(p.number("f"), Ok(None));
        assert_eq!(p.number("missing"), Ok(None));
        assert!(p.number("g").is_err());
        let error = p.number("c").unwrap_err().to_string();
        assert!(error.contains("'c'") && error.contains("whole number") && !error.contains("ten"), "{error}");
    }

    #[test]
    fn flags_come_in_many_spellings() {
        for truth in [json!("OK"), json!("ok"), json!("TRUE"), json!("1"), json!(true), json!(1), json!(["OK"])] {
            assert_eq!(properties(json!({"f": truth})).flag("f"), Ok(true), "{truth}");
        }
        for lie in [json!("Not"), json!("FALSE"), json!("0"), json!(false), json!(0), json!(null), json!(""), json!([])]
        {
            assert_eq!(properties(json!({"f": lie})).flag("f"), Ok(false), "{lie}");
        }
        assert!(properties(json!({"f": "maybe"})).flag("f").is_err());
        assert!(properties(json!({"f": {}})).flag("f").is_err());
    }

    #[test]
    fn single_and_multi_values_are_interchangeable() {
        let p = properties(json!({"one": "x", "many": ["x", "", "y", null], "none": [], "number": 7, "bad": {"a": 1}}));
        assert_eq!(p.text("one"), Ok(Some("x".into())));
        assert_eq!(p.text("many"), Ok(Some("x".into())));
        assert_eq!(p.text("none"), Ok(None));
        assert_eq!(p.text("number"), Ok(Some("7".into())));
        assert_eq!(p.texts("one"), Ok(vec!["x".to_owned()]));
        assert_eq!(p.texts("many"), Ok(vec!["x".to_owned(), "y".to_owned()]));
        assert!(p.text("bad").is_err());
    }

    #[test]
    fn rows_of_complex_properties() {
        let p = properties(json!({"rows": [["dn", "02440", "00000", true], ["dn2", "0", null, 1]], "flat": ["a"]}));
        assert_eq!(p.rows("rows").unwrap()[0], ["dn", "02440", "00000", "true"]);
        assert_eq!(p.rows("rows").unwrap()[1], ["dn2", "0", "", "1"]);
        assert_eq!(p.rows("missing"), Ok(vec![]));
        assert!(p.rows("flat").is_err());
    }
}
