//! The files that the App Center listener writes for an object that changed (`ox-connector.md` F.1).

use serde_json::{Map, Value};

use crate::udm::{Change, Dn, DnError, Event, ObjectId, ObjectType, Properties, UnknownObjectType};

/// Why a file is no usable event. Names fields and remedies, never values: they may be personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenerFileError {
    /// Not JSON at all, or cut off.
    #[error("the file is no JSON (line {line}, column {column}): write it again, completely")]
    NoJson {
        /// Line of the first error.
        line: usize,
        /// Column of the first error.
        column: usize,
    },
    /// JSON, but something else than `{…}`.
    #[error("the file must hold one JSON object with the fields id, udm_object_type, dn and object")]
    NoObject,
    /// The listener's own file, which names an object but does not hold it.
    #[error(
        "field 'object' is missing: this file was not converted yet; point the spool at the folder in which the App Center \
         puts converted files (…/ox-connector/data/listener)"
    )]
    NotConverted,
    /// A field is missing.
    #[error("field '{field}' is missing: {remedy}")]
    Missing {
        /// Which one.
        field: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A field has a value of another type.
    #[error("field '{field}' must be {expected}")]
    WrongType {
        /// Which one.
        field: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// Another kind of object, or a misspelled one.
    #[error("field 'udm_object_type': {0}")]
    ObjectType(#[from] UnknownObjectType),
    /// Not a distinguished name.
    #[error("field 'dn': {0}")]
    Dn(#[from] DnError),
}

/// Reads one file.
///
/// The identity is the object's `univentionObjectIdentifier`; a deletion has no object and says it in `id`. Files of older
/// converters without it are accepted with `entry_uuid` or `entryUUID`.
pub fn parse_listener_file(bytes: &[u8]) -> Result<Event, ListenerFileError> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| ListenerFileError::NoJson { line: error.line(), column: error.column() })?;
    let Value::Object(mut file) = value else { return Err(ListenerFileError::NoObject) };

    if !file.contains_key("object") && file.contains_key("object_type") {
        return Err(ListenerFileError::NotConverted);
    }
    let object = match file.remove("object") {
        Some(Value::Object(object)) => Some(object),
        Some(Value::Null) => None,
        Some(_) => {
            return Err(ListenerFileError::WrongType {
                field: "object",
                expected: "a JSON object with the properties, or null for a deletion",
            });
        }
        None => {
            return Err(ListenerFileError::Missing {
                field: "object",
                remedy: "add the properties of the object, or null for a deletion",
            });
        }
    };
    let kind = text(&file, "udm_object_type", "name the UDM module, for instance users/user")?.parse::<ObjectType>()?;
    let dn = text(&file, "dn", "add the distinguished name of the object")?.parse::<Dn>()?;
    let id = identity(object.as_ref(), &file)?;
    let change = object.map_or(Change::Deleted, |object| Change::Present(Properties::new(object)));
    Ok(Event { object: id, kind, dn, change })
}

fn text<'a>(
    file: &'a Map<String, Value>,
    field: &'static str,
    remedy: &'static str,
) -> Result<&'a str, ListenerFileError> {
    match file.get(field) {
        None | Some(Value::Null) => Err(ListenerFileError::Missing { field, remedy }),
        Some(Value::String(text)) if text.trim().is_empty() => Err(ListenerFileError::Missing { field, remedy }),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ListenerFileError::WrongType { field, expected: "a text" }),
    }
}

/// The first place that says who the object is: its own properties are more trustworthy than what stands around them, and
/// the identifier of today more than `entryUUID`, the only one that converters before 3.0 knew.
fn identity(object: Option<&Map<String, Value>>, file: &Map<String, Value>) -> Result<ObjectId, ListenerFileError> {
    let places = [
        (object, "univentionObjectIdentifier"),
        (Some(file), "univentionObjectIdentifier"),
        (Some(file), "id"),
        (Some(file), "entry_uuid"),
        (object, "entryUUID"),
        (Some(file), "entryUUID"),
    ];
    for (map, field) in places {
        let value = match map.and_then(|map| map.get(field)) {
            Some(Value::Array(items)) => items.first(),
            other => other,
        };
        match value {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => {
                if let Some(id) = ObjectId::new(text) {
                    return Ok(id);
                }
            }
            Some(_) => return Err(ListenerFileError::WrongType { field, expected: "a text" }),
        }
    }
    Err(ListenerFileError::Missing {
        field: "id",
        remedy: "add the univentionObjectIdentifier of the object, in its properties or as id",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: &Value) -> Result<Event, ListenerFileError> {
        parse_listener_file(value.to_string().as_bytes())
    }

    fn file() -> Value {
        json!({
            "id": "id-1",
            "udm_object_type": "users/user",
            "dn": "uid=anna,dc=acme",
            "object": {"username": "anna", "univentionObjectIdentifier": "uoi-1"},
            "options": ["default"],
        })
    }

    fn without(field: &str) -> Value {
        let mut file = file();
        file.as_object_mut().unwrap().remove(field);
        file
    }

    #[test]
    fn a_change_holds_the_properties() {
        let event = parse(&file()).unwrap();
        assert_eq!(event.object.as_str(), "uoi-1");
        assert_eq!(event.kind, ObjectType::User);
        assert_eq!(event.dn.canonical(), "uid=anna,dc=acme");
        assert_eq!(event.desired().unwrap().text("username").unwrap().as_deref(), Some("anna"));
    }

    #[test]
    fn a_null_object_is_a_deletion() {
        let mut file = file();
        file["object"] = Value::Null;
        let event = parse(&file).unwrap();
        assert_eq!(event.change, Change::Deleted);
        assert_eq!(event.object.as_str(), "id-1");
    }

    #[test]
    fn the_identity_is_where_the_version_of_the_listener_puts_it() {
        let table = [
            (json!({"univentionObjectIdentifier": ["u"]}), json!({"id": "i"}), "u"),
            (json!({"univentionObjectIdentifier": null, "entryUUID": "e"}), json!({"id": "i"}), "i"),
            (json!({"entryUUID": "e"}), json!({"entry_uuid": "f"}), "f"),
            (json!({"entryUUID": "e"}), json!({}), "e"),
            (Value::Null, json!({"entry_uuid": "f"}), "f"),
            (Value::Null, json!({"univentionObjectIdentifier": "u", "id": "i"}), "u"),
        ];
        for (object, around, expected) in table {
            let mut file = json!({"udm_object_type": "users/user", "dn": "uid=a,dc=b", "object": object});
            file.as_object_mut().unwrap().extend(around.as_object().unwrap().clone());
            assert_eq!(parse(&file).unwrap().object.as_str(), expected, "{file}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for field in ["udm_object_type", "dn", "object"] {
            let error = parse(&without(field)).unwrap_err();
            assert!(matches!(error, ListenerFileError::Missing { field: found, .. } if found == field), "{error}");
        }
        let mut file = without("id");
        file["object"] = Value::Null;
        assert!(parse(&file).unwrap_err().to_string().starts_with("field 'id' is missing"));
        file["id"] = json!(5);
        assert_eq!(parse(&file), Err(ListenerFileError::WrongType { field: "id", expected: "a text" }));
    }

    #[test]
    fn broken_files_are_explained_without_their_content() {
        let mut misspelled = file();
        misspelled["udm_object_type"] = json!("users/usr");
        assert!(parse(&misspelled).unwrap_err().to_string().ends_with("did you mean 'users/user'?"));

        let mut nameless = file();
        nameless["dn"] = json!("Anna Geheim");
        let error = parse(&nameless).unwrap_err().to_string();
        assert!(error.contains("character") && !error.contains("Geheim"), "{error}");

        let raw = json!({"entry_uuid": "e", "dn": "uid=a,dc=b", "object_type": "users/user", "command": "m"});
        assert_eq!(parse(&raw), Err(ListenerFileError::NotConverted));

        assert_eq!(parse_listener_file(b"[1]"), Err(ListenerFileError::NoObject));
        assert_eq!(parse_listener_file(b"{\"id\":\n \"Geheim"), Err(ListenerFileError::NoJson { line: 2, column: 8 }));
        assert!(matches!(parse_listener_file(b""), Err(ListenerFileError::NoJson { .. })));
        assert!(matches!(parse_listener_file(b"{\"a\": \"\xff\"}"), Err(ListenerFileError::NoJson { .. })));
    }

    #[test]
    fn every_beginning_of_a_file_counts_as_unfinished() {
        let text = file().to_string();
        for end in 0..text.len() {
            assert!(matches!(parse_listener_file(&text.as_bytes()[..end]), Err(ListenerFileError::NoJson { .. })));
        }
    }
}
