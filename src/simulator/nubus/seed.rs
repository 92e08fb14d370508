//! Filling and changing the directory from within the process.

use serde_json::{Map, Value, json};

use super::directory::{Directory, DirectoryError, Kind, converted, dn};
use super::server::Shared;

/// Puts an object in without any message.
pub fn seed(shared: &Shared, file: &Value) -> Result<(), DirectoryError> {
    let file = ListenerFile::read(file)?;
    let object = file.object.ok_or(DirectoryError::NoListenerFile("a deletion cannot be seeded"))?;
    shared.quietly(|directory| {
        if directory.find(file.dn).is_some() {
            return Err(DirectoryError::DnTaken(file.dn.to_owned()));
        }
        let properties = with_identifier(directory, converted(file.kind, object));
        directory.restore(file.kind, file.dn, file.uuid, &properties);
        Ok(())
    })
}

/// Puts generated users in without any message.
pub fn users(shared: &Shared, context: u64, count: usize) -> Result<(), DirectoryError> {
    shared.quietly(|directory| {
        let base = directory.base.clone();
        let there = directory.all(Kind::Context).any(|object| object.get("contextid") == Some(&json!(context)));
        if !there {
            let properties = json!({"name": format!("context{context}"), "contextid": context, "oxQuota": 1_000_000});
            put(directory, Kind::Context, &format!("cn=context{context},cn=open-xchange,{base}"), properties);
        }
        let mut made = 0;
        let mut number = 0;
        while made < count {
            number += 1;
            let name = format!("load{number:06}");
            let dn = format!("uid={name},cn=users,{base}");
            if directory.find(&dn).is_some() {
                continue;
            }
            let properties = json!({
                "username": name,
                "firstname": "Load",
                "lastname": format!("Number {number}"),
                "displayName": format!("Load Number {number}"),
                "gecos": format!("Load Number {number}"),
                "oxDisplayName": format!("Load Number {number}"),
                "mailPrimaryAddress": format!("{name}@load.example"),
                "uidNumber": 100_000 + number,
                "gidNumber": 5001,
                "isOxUser": true,
                "oxContext": context,
                "oxAccess": "premium",
                "employeeNumber": number.to_string(),
            });
            put(directory, Kind::User, &dn, properties);
            made += 1;
        }
        Ok(())
    })
}

fn put(directory: &mut Directory, kind: Kind, dn: &str, properties: Value) {
    if let Value::Object(properties) = properties {
        let properties = with_identifier(directory, properties);
        directory.restore(kind, dn, None, &properties);
        directory.take_changes();
    }
}

fn with_identifier(directory: &Directory, mut properties: Map<String, Value>) -> Map<String, Value> {
    if directory.generate_identifiers && !properties.contains_key("univentionObjectIdentifier") {
        let identifier = directory.new_identifier();
        properties.insert("univentionObjectIdentifier".to_owned(), Value::String(identifier));
    }
    properties
}

/// Does what a listener file tells.
pub fn apply(shared: &Shared, file: &Value) -> Result<(), DirectoryError> {
    let file = ListenerFile::read(file)?;
    shared.change(|directory| {
        let known = file.identifier().and_then(|identifier| directory.by_identifier(identifier));
        let known = known.or_else(|| directory.find(file.dn));
        match (known, file.object) {
            (None, None) => Err(DirectoryError::NoSuchObject(file.dn.to_owned())),
            (Some(known), None) => directory.delete(&known.dn),
            (None, Some(object)) => {
                directory.ensure_containers(dn::parent(file.dn));
                // As in a listener file, everything is said: nothing is filled in.
                let properties = with_identifier(directory, converted(file.kind, object));
                directory.restore(file.kind, file.dn, file.uuid, &properties);
                Ok(())
            }
            (Some(known), Some(object)) => {
                let mut properties = converted(file.kind, object);
                for name in known.names() {
                    properties.entry(name).or_insert(Value::Null);
                }
                // Groups say themselves who is in them.
                properties.remove("groups");
                let parent = dn::parent(file.dn);
                directory.ensure_containers(parent);
                let mut dn = known.dn.clone();
                if dn::key(dn::parent(&dn)) != dn::key(parent) {
                    dn = directory.relocate(&dn, parent)?;
                }
                directory.modify(&dn, &properties)?;
                Ok(())
            }
        }
    })
}

/// Creates an object with its defaults.
pub fn create(shared: &Shared, kind: &str, dn: &str, properties: &Value) -> Result<String, DirectoryError> {
    let kind = Kind::named(kind).ok_or_else(|| DirectoryError::UnknownType(kind.to_owned()))?;
    let properties = converted(kind, object_of(properties)?);
    shared.change(|directory| {
        directory.ensure_containers(dn::parent(dn));
        let object = directory.create(kind, dn, &properties)?;
        Ok(object.identifier.clone().unwrap_or_default())
    })
}

/// Changes the named properties.
pub fn modify(shared: &Shared, dn: &str, properties: &Value) -> Result<(), DirectoryError> {
    let properties = object_of(properties)?;
    shared.change(|directory| {
        let object = directory.find(dn).ok_or_else(|| DirectoryError::NoSuchObject(dn.to_owned()))?;
        directory.modify(dn, &converted(object.kind, properties))?;
        Ok(())
    })
}

fn object_of(properties: &Value) -> Result<&Map<String, Value>, DirectoryError> {
    properties.as_object().ok_or(DirectoryError::NoListenerFile("properties must be a JSON object"))
}

/// The parts of a listener file that matter here.
struct ListenerFile<'f> {
    kind: Kind,
    dn: &'f str,
    id: Option<&'f str>,
    uuid: Option<&'f str>,
    object: Option<&'f Map<String, Value>>,
}

impl<'f> ListenerFile<'f> {
    fn read(file: &'f Value) -> Result<Self, DirectoryError> {
        let text = |name: &str| file.get(name).and_then(Value::as_str);
        let kind = text("udm_object_type").ok_or(DirectoryError::NoListenerFile("field udm_object_type is missing"))?;
        Ok(Self {
            kind: Kind::named(kind).ok_or_else(|| DirectoryError::UnknownType(kind.to_owned()))?,
            dn: text("dn").ok_or(DirectoryError::NoListenerFile("field dn is missing"))?,
            id: text("id"),
            uuid: text("entry_uuid"),
            object: file.get("object").and_then(Value::as_object),
        })
    }

    fn identifier(&self) -> Option<&'f str> {
        let own = self.object.and_then(|object| object.get("univentionObjectIdentifier")).and_then(Value::as_str);
        own.or(self.id)
    }
}
