//! Objects in the form in which UDM writes them: in its REST API (`udm-rest.md` 5) and in messages of the Provisioning API
//! (`nubus-provisioning.md` 7.3).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Change, Dn, DnError, Event, ObjectId, ObjectType, Properties, UnknownObjectType};

/// The property that holds the identity of an object.
pub const IDENTIFIER: &str = "univentionObjectIdentifier";

/// One object as UDM writes it. Other keys, which differ between the interfaces, say nothing that is needed: above all `id`
/// and `uuid` are never the identity of an object.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Representation {
    /// Its distinguished name.
    pub dn: String,
    /// Its type, for instance `users/user`.
    pub object_type: String,
    /// Its properties; those that are not set may be `null`, empty or missing.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// The `entryUUID` of its LDAP entry, which is another one after the object was deleted and made again. Not in live messages.
    #[serde(default)]
    pub uuid: Option<String>,
}

/// An object cannot be used. Names fields and remedies, never values: they may be personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepresentationError {
    /// It has no identity.
    #[error(
        "the object has no {IDENTIFIER}: let the administrator of the directory give identifiers to objects that are older than that property"
    )]
    NoIdentifier,
    /// It is of another type than those that are provisioned.
    #[error("objectType: {0}")]
    ObjectType(#[from] UnknownObjectType),
    /// Not a distinguished name.
    #[error("dn: {0}")]
    Dn(#[from] DnError),
}

impl Representation {
    /// The identity of the object, if it has one.
    ///
    /// In answers of the REST API it counts only if the object was searched for by it: objects without a stored identifier
    /// show another one each time (`udm-rest.md` 17).
    pub fn identifier(&self) -> Option<ObjectId> {
        self.properties.get(IDENTIFIER).and_then(Value::as_str).and_then(ObjectId::new)
    }

    /// The event that says: the object exists like this.
    pub fn present(self) -> Result<Event, RepresentationError> {
        let (object, kind, dn) = self.identity()?;
        Ok(Event { object, kind, dn, change: Change::Present(Properties::new(self.properties)) })
    }

    /// The event that says: the object, which was like this, is gone.
    pub fn deleted(&self) -> Result<Event, RepresentationError> {
        let (object, kind, dn) = self.identity()?;
        Ok(Event { object, kind, dn, change: Change::Deleted })
    }

    fn identity(&self) -> Result<(ObjectId, ObjectType, Dn), RepresentationError> {
        let object = self.identifier().ok_or(RepresentationError::NoIdentifier)?;
        Ok((object, self.object_type.parse()?, self.dn.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn representation(value: Value) -> Representation {
        serde_json::from_value(value).unwrap()
    }

    fn user() -> Value {
        json!({
            "dn": "uid=anna,cn=users,dc=acme", "objectType": "users/user", "id": "anna", "uuid": "e-1",
            "position": "cn=users,dc=acme", "options": {"pki": false}, "policies": {}, "_links": {"self": []},
            "properties": {"username": "anna", "univentionObjectIdentifier": "u-1", "title": null},
        })
    }

    #[test]
    fn only_the_identifier_is_the_identity() {
        let event = representation(user()).present().unwrap();
        assert_eq!((event.object.as_str(), event.kind), ("u-1", ObjectType::User));
        assert_eq!(event.dn.as_str(), "uid=anna,cn=users,dc=acme");
        assert_eq!(event.desired().unwrap().text("username").unwrap().as_deref(), Some("anna"));
        for none in [json!(null), json!(""), json!("  "), json!(7)] {
            let mut user = user();
            user["properties"][IDENTIFIER] = none;
            assert_eq!(representation(user).present(), Err(RepresentationError::NoIdentifier));
        }
    }

    #[test]
    fn a_deletion_takes_identity_and_place_from_what_was() {
        let event = representation(user()).deleted().unwrap();
        assert_eq!((event.object.as_str(), event.change), ("u-1", Change::Deleted));
    }

    #[test]
    fn what_is_wrong_is_said_without_values() {
        let mut other = user();
        other["objectType"] = json!("users/usr");
        assert!(representation(other).present().unwrap_err().to_string().starts_with("objectType: "));
        let mut nowhere = user();
        nowhere["dn"] = json!("Anna Geheim");
        let error = representation(nowhere).present().unwrap_err().to_string();
        assert!(error.starts_with("dn: ") && !error.contains("Geheim"), "{error}");
    }
}
