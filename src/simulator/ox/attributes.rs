//! `userAttributes`: maps of maps that are merged, not replaced.

use std::collections::BTreeMap;

use super::record::{Record, Value};
use super::schema::{ENTRY, MAP_ENTRY, STRING_MAP, STRING_MAP_MAP};

/// Values by namespace and key.
pub type Attributes = BTreeMap<String, BTreeMap<String, String>>;

/// Takes over what a request sends; an absent or nil value deletes its key.
pub fn merge(attributes: &mut Attributes, sent: &Record) {
    for namespace in sent.objects("entries") {
        let (Some(name), Some(map)) = (namespace.text("key"), namespace.object("value")) else { continue };
        let values = attributes.entry(name.to_owned()).or_default();
        for entry in map.objects("entries") {
            let Some(key) = entry.text("key") else { continue };
            match entry.text("value") {
                Some(value) => values.insert(key.to_owned(), value.to_owned()),
                None => values.remove(key),
            };
        }
        if values.is_empty() {
            attributes.remove(name);
        }
    }
}

/// The attributes as a value of the wire.
pub fn to_value(attributes: &Attributes) -> Value {
    let namespaces = attributes.iter().map(|(name, values)| {
        let entries = values.iter().map(|(key, value)| {
            let mut entry = Record::new(&ENTRY);
            entry.set_text("key", key.as_str());
            entry.set_text("value", value.as_str());
            Value::Object(Box::new(entry))
        });
        let entries: Vec<Value> = entries.collect();
        let mut map = Record::new(&STRING_MAP);
        if !entries.is_empty() {
            map.set("entries", Value::List(entries));
        }
        let mut namespace = Record::new(&MAP_ENTRY);
        namespace.set_text("key", name.as_str());
        namespace.set("value", Value::Object(Box::new(map)));
        Value::Object(Box::new(namespace))
    });
    let namespaces: Vec<Value> = namespaces.collect();
    let mut all = Record::new(&STRING_MAP_MAP);
    if !namespaces.is_empty() {
        all.set("entries", Value::List(namespaces));
    }
    Value::Object(Box::new(all))
}

/// The attributes of a record.
pub fn of(record: &Record) -> Attributes {
    let mut attributes = Attributes::new();
    if let Some(sent) = record.object("userAttributes") {
        merge(&mut attributes, sent);
    }
    attributes
}
