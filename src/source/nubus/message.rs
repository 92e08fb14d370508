//! What is in a message of the queue (`nubus-provisioning.md` 7).

use std::fmt::Write as _;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::udm::{Event, Representation};

use super::registration::REALM;

/// A message as it was delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its number in the queue, by which it is acknowledged.
    pub number: u64,
    /// How often it was handed out, this time included. More than once proves nothing: a poll that was given up counts too.
    pub deliveries: u64,
    /// By what it is recognised when it comes again.
    pub look: String,
    /// What it says.
    pub content: Result<Content, Unusable>,
}

/// What a usable message says.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Who wrote it.
    pub publisher: Publisher,
    /// When it was written, if it says so.
    pub written: Option<Written>,
    /// What happened.
    pub event: Event,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// The object has just changed.
    Live,
    /// The object existed when the subscription was made. It was read at some time since, and may have changed meanwhile.
    Prefill,
}

/// When a message was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// In milliseconds since 1970.
    At(i64),
    /// By a clock of an unknown time zone, which is what the service sends: as if the zone were UTC.
    Local(i64),
}

/// A message that is no event. Nothing in it is of a person but the name of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong and what to do, without values.
    pub problem: String,
    /// Its topic, if it has one.
    pub topic: Option<String>,
    /// When it was written, as it says.
    pub written: Option<String>,
    /// The distinguished name of the object, if it has one: without an identifier nothing else leads to it.
    pub dn: Option<String>,
}

/// The answer is no message at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no message: it has no sequence_number")]
pub struct NoMessage;

/// What is needed to get rid of a message.
#[derive(Deserialize)]
struct Label {
    sequence_number: u64,
    #[serde(default)]
    num_delivered: u64,
}

/// The texts around the body, each by itself so that a wrong one does not hide the others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    publisher_name: Value,
    ts: Value,
    realm: Value,
    topic: Value,
}

#[derive(Deserialize)]
struct Change {
    body: NewSide,
}

#[derive(Deserialize)]
struct NewSide {
    #[serde(default)]
    new: Option<Side>,
}

#[derive(Deserialize)]
struct Removal {
    body: OldSide,
}

#[derive(Deserialize)]
struct OldSide {
    #[serde(default)]
    old: Option<Side>,
}

/// One side of the body; `{}` if the object was not there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Side {
    dn: Option<String>,
    object_type: Option<String>,
    #[serde(default)]
    properties: Map<String, Value>,
}

impl Message {
    /// Reads an answer.
    pub fn read(bytes: &[u8]) -> Result<Self, NoMessage> {
        // A list would be taken for a message without names.
        let object = bytes.trim_ascii_start().starts_with(b"{");
        let label: Option<Label> = object.then(|| serde_json::from_slice(bytes).ok()).flatten();
        let label = label.ok_or(NoMessage)?;
        let envelope: Envelope = serde_json::from_slice(bytes).unwrap_or_default();
        Ok(Self {
            number: label.sequence_number,
            deliveries: label.num_delivered.max(1),
            look: look(&envelope),
            content: content(bytes, &envelope),
        })
    }
}

/// Time and topic: no two messages of one number share both, since times have microseconds.
fn look(envelope: &Envelope) -> String {
    fingerprint(&format!("{} {} {}", envelope.ts, envelope.topic, envelope.publisher_name))
}

/// By which a text can be recognised: 16 hexadecimal digits.
pub(super) fn fingerprint(text: &str) -> String {
    Sha256::digest(text).iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn content(bytes: &[u8], envelope: &Envelope) -> Result<Content, Unusable> {
    let mut unusable = Unusable {
        problem: String::new(),
        topic: envelope.topic.as_str().map(str::to_owned),
        written: envelope.ts.as_str().map(str::to_owned),
        dn: None,
    };
    match event(bytes, envelope, &mut unusable.dn) {
        Ok(event) => Ok(Content {
            publisher: if envelope.publisher_name == "udm-pre-fill" { Publisher::Prefill } else { Publisher::Live },
            written: envelope.ts.as_str().and_then(Written::read),
            event,
        }),
        Err(problem) => Err(Unusable { problem, ..unusable }),
    }
}

fn event(bytes: &[u8], envelope: &Envelope, dn: &mut Option<String>) -> Result<Event, String> {
    if envelope.realm != REALM {
        return Err(format!(
            "the realm is not '{REALM}': take the topic that brings it out of the subscription (`oxherd subscription show`)"
        ));
    }
    let topic = envelope.topic.as_str().ok_or("it names no topic")?;
    let broken = |error: serde_json::Error| {
        format!("the message is not as a Provisioning API writes it (line {}, column {})", error.line(), error.column())
    };
    let change: Change = serde_json::from_slice(bytes).map_err(broken)?;
    // What an object was like before is a guess of the service. Only of an object that is gone there is nothing else.
    let (side, gone) = if let Some(side) = change.body.new.filter(|side| !side.is_empty()) {
        (side, false)
    } else {
        let removal: Removal = serde_json::from_slice(bytes).map_err(broken)?;
        let side = removal.body.old.filter(|side| !side.is_empty());
        (side.ok_or("it holds no object, neither before nor after the change")?, true)
    };
    dn.clone_from(&side.dn);
    let object = Representation {
        dn: side.dn.ok_or("the object has no dn")?,
        object_type: side.object_type.unwrap_or_else(|| topic.to_owned()),
        properties: side.properties,
        uuid: None,
    };
    let event = if gone { object.deleted() } else { object.present() };
    event.map_err(|error| error.to_string())
}

impl Side {
    fn is_empty(&self) -> bool {
        self.dn.is_none() && self.object_type.is_none() && self.properties.is_empty()
    }
}

impl Written {
    fn read(text: &str) -> Option<Self> {
        if let Ok(exact) = text.parse::<jiff::Timestamp>() {
            return Some(Self::At(exact.as_millisecond()));
        }
        let local: DateTime = text.parse().ok()?;
        Some(Self::Local(local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udm::{Change, ObjectType};
    use serde_json::json;

    fn message() -> Value {
        let user = json!({
            "dn": "uid=anna,dc=acme", "objectType": "users/user", "id": "u-1", "position": "dc=acme", "options": {},
            "properties": {"username": "anna", "univentionObjectIdentifier": "u-1"},
        });
        json!({
            "publisher_name": "udm-listener", "ts": "2026-05-04T09:15:22.104331", "realm": "udm", "topic": "users/user",
            "body": {"old": {}, "new": user}, "sequence_number": 17, "num_delivered": 2,
        })
    }

    fn read(value: &Value) -> Message {
        Message::read(value.to_string().as_bytes()).unwrap()
    }

    fn problem(value: &Value) -> String {
        read(value).content.unwrap_err().problem
    }

    #[test]
    fn a_change_is_what_the_new_side_says() {
        let mut changed = message();
        changed["body"]["old"] = changed["body"]["new"].clone();
        changed["body"]["old"]["properties"]["univentionObjectIdentifier"] = json!("somebody else");
        for value in [message(), changed] {
            let message = read(&value);
            assert_eq!((message.number, message.deliveries), (17, 2));
            let content = message.content.unwrap();
            assert_eq!((content.event.object.as_str(), content.event.kind), ("u-1", ObjectType::User));
            assert_eq!(content.publisher, Publisher::Live);
            assert!(content.event.desired().is_some());
        }
    }

    #[test]
    fn a_removal_takes_name_and_identity_from_the_old_side() {
        for nothing in [json!({}), json!(null)] {
            let mut value = message();
            value["body"] = json!({"old": value["body"]["new"], "new": nothing});
            let event = read(&value).content.unwrap().event;
            assert_eq!((event.object.as_str(), event.change), ("u-1", Change::Deleted));
        }
    }

    #[test]
    fn what_is_unusable_still_has_its_number_and_is_explained_without_values() {
        let mut table = Vec::new();
        let mut case = |path: &str, value: Value, expected: &'static str| {
            let mut message = message();
            *message.pointer_mut(path).unwrap() = value;
            table.push((message, expected));
        };
        case("/body/new/properties/univentionObjectIdentifier", json!(null), "univentionObjectIdentifier");
        case("/body/new/objectType", json!("users/contact"), "objectType");
        case("/body/new/dn", json!("Anna Geheim"), "dn: ");
        case("/body/new/dn", json!(null), "no dn");
        case("/body/new", json!({}), "no object");
        case("/body/new", json!(null), "no object");
        case("/body/new", json!("Geheim"), "not as a Provisioning API writes it");
        case("/body", json!(null), "not as a Provisioning API writes it");
        case("/realm", json!("ldap"), "realm");
        case("/topic", json!(null), "no topic");
        for (value, expected) in table {
            let found = problem(&value);
            assert!(found.contains(expected) && !found.contains("Geheim"), "{found}");
            assert_eq!(read(&value).number, 17);
        }
    }

    #[test]
    fn an_answer_without_number_is_no_message() {
        for text in ["{}", "[1]", "<html>", "{\"sequence_number\": \"17\"}", ""] {
            assert_eq!(Message::read(text.as_bytes()), Err(NoMessage), "{text}");
        }
    }

    #[test]
    fn times_come_with_and_without_zone() {
        assert_eq!(Written::read("1970-01-01T00:00:01.5"), Some(Written::Local(1500)));
        assert_eq!(Written::read("1970-01-01T02:00:01+02:00"), Some(Written::At(1000)));
        assert_eq!(Written::read("1970-01-01T00:00:01Z"), Some(Written::At(1000)));
        assert_eq!(Written::read("yesterday"), None);
    }

    #[test]
    fn the_look_does_not_change_with_the_number_of_deliveries() {
        let (first, mut again) = (message(), message());
        again["num_delivered"] = json!(3);
        assert_eq!(read(&first).look, read(&again).look);
        again["ts"] = json!("2026-05-04T09:15:22.104332");
        assert_ne!(read(&first).look, read(&again).look);
    }
}
