//! How objects are shown: the representation that UDM REST, live messages and prefill messages share.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::kind::{Property, Shape as Holds, Shown};
use super::object::Object;
use super::{Directory, dn};

/// Writes one JSON object piece by piece, in the order of the calls.
#[derive(Debug)]
pub struct Json<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Json<'o> {
    /// Begins an object.
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// A key with its value.
    pub fn field(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        let out = self.key(key);
        write(out, value);
    }

    /// A key whose value the caller writes.
    pub fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        write(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// Ends it.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

/// Texts and JSON values cannot fail to be written into memory.
fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let _ = serde_json::to_writer(out, value);
}

/// An object with what is shown of it but held by others.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The object.
    pub object: Arc<Object>,
    /// The groups that it is a member of.
    pub groups: Vec<String>,
}

/// Which keys a representation has beside the common ones.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// Live message: `id` is the identifier, no `uuid`.
    Live,
    /// Prefill message: `id` is the name, `uuid`, the address where UDM has it, an empty `_embedded`.
    Prefill {
        /// The address.
        uri: &'a str,
    },
    /// An entry of a list or a single object; the caller writes the links.
    Rest {
        /// Only these properties; those that are unset are left out then.
        properties: Option<&'a [String]>,
        /// Whether the object was opened: if not there are no properties, options and policies.
        opened: bool,
    },
}

impl Directory {
    /// An object as UDM REST shows it, without links.
    pub fn picture(&self, object: &Arc<Object>) -> Value {
        let mut out = Vec::new();
        let mut json = Json::open(&mut out);
        self.write(&mut json, &self.snapshot(object), &object.dn, Shape::Rest { properties: None, opened: true });
        json.close();
        serde_json::from_slice(&out).unwrap_or_default()
    }

    /// Writes the keys of a representation into an object that is open. The distinguished name is spelled as given.
    pub fn write(&self, json: &mut Json<'_>, snapshot: &Snapshot, dn: &str, shape: Shape<'_>) {
        let object = &*snapshot.object;
        let module = object.kind.module();
        if let Shape::Prefill { uri } = shape {
            json.key("_embedded").extend_from_slice(b"{}");
            json.field("uri", uri);
        }
        json.field("dn", dn);
        json.field("objectType", module.name);
        match shape {
            Shape::Live => json.field("id", object.identifier.as_deref().unwrap_or_default()),
            _ => json.field("id", &object.name()),
        }
        json.field("position", dn::parent(dn));
        let (named, opened) = match shape {
            Shape::Rest { properties, opened } => (properties, opened),
            _ => (None, true),
        };
        let mut properties = Json::open(json.key("properties"));
        if opened {
            self.write_properties(&mut properties, snapshot, named);
        }
        properties.close();
        if opened {
            let mut options = Json::open(json.key("options"));
            for (name, on) in module.options {
                options.field(name, on);
            }
            options.close();
            let mut policies = Json::open(json.key("policies"));
            if named.is_none() {
                let nothing: [&str; 0] = [];
                for name in module.policies {
                    policies.field(name, &nothing);
                }
            }
            policies.close();
        }
        if !matches!(shape, Shape::Live) {
            json.field("uuid", &object.uuid);
        }
    }

    fn write_properties(&self, json: &mut Json<'_>, snapshot: &Snapshot, named: Option<&[String]>) {
        let object = &*snapshot.object;
        let wanted = |name: &str| named.is_none_or(|named| named.iter().any(|wanted| wanted == name || wanted == "*"));
        for property in object.kind.module().properties.iter().filter(|property| wanted(property.name)) {
            let value = self.shown(snapshot, property);
            let unset = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if named.is_none() || !unset {
                json.field(property.name, &value);
            }
        }
        for (name, list) in self.extensions.get(&object.kind).into_iter().flatten().filter(|(name, _)| wanted(name)) {
            match object.get(name) {
                Some(value) => json.field(name, value),
                None if named.is_some() => {}
                None if *list => json.field(name, &Vec::<Value>::new()),
                None => json.field(name, &Value::Null),
            }
        }
    }

    /// What is shown of a property.
    pub fn shown(&self, snapshot: &Snapshot, property: &Property) -> Value {
        let object = &*snapshot.object;
        match property.shape {
            Holds::Secret => Value::Null,
            Holds::Flags => Value::Array(Vec::new()),
            Holds::Computed => snapshot.groups.iter().cloned().map(Value::String).collect(),
            // The trap of objects without identifier: another one at each reading.
            Holds::Identifier => match &object.identifier {
                Some(identifier) => Value::String(identifier.clone()),
                None if self.generate_identifiers => Value::String(self.new_identifier()),
                None => Value::Null,
            },
            _ => object.get(property.name).cloned().unwrap_or_else(|| self.unset(property)),
        }
    }

    fn unset(&self, property: &Property) -> Value {
        match property.shown {
            Shown::Nothing if property.is_list() => Value::Array(Vec::new()),
            Shown::Nothing => Value::Null,
            Shown::No => Value::Bool(false),
            Shown::Yes => Value::Bool(true),
            Shown::Text(text) => Value::String(text.to_owned()),
            Shown::Number(number) => Value::from(number),
            Shown::PrimaryGroup => Value::String(format!("cn=Domain Users,cn=groups,{}", self.base)),
            Shown::NoActivation => serde_json::json!({
                "activation-date": null, "activation-time": null, "activation-timezone": "Etc/UTC"
            }),
            Shown::EmptyObject => Value::Object(serde_json::Map::new()),
        }
    }
}
