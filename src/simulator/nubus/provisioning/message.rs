//! Messages, and what the events route accepts as one.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::simulator::nubus::directory::{Directory, Json, PictureShape, Snapshot};

/// A message in a queue.
#[derive(Debug)]
pub struct Message {
    /// Who sent it.
    pub publisher: String,
    /// When, as text.
    pub ts: String,
    /// Realm, always `udm` here.
    pub realm: String,
    /// Object type.
    pub topic: String,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Debug)]
pub enum Body {
    /// A change; a side that is absent is shown as `{}`.
    Live {
        /// Before.
        old: Option<Arc<Snapshot>>,
        /// After.
        new: Option<Arc<Snapshot>>,
    },
    /// An object of the initial transfer.
    Prefill(Arc<Snapshot>),
    /// As posted on the events route.
    Posted {
        /// Before.
        old: Value,
        /// After.
        new: Value,
    },
    /// No message at all.
    Junk,
}

impl Message {
    /// The message as JSON, with number and count if it comes from a queue; `None` if it is none.
    pub fn render(&self, directory: &Directory, udm_url: &str, delivery: Option<(u64, u64)>) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(8 << 10);
        let mut json = Json::open(&mut out);
        json.field("publisher_name", &self.publisher);
        json.field("ts", &self.ts);
        json.field("realm", &self.realm);
        json.field("topic", &self.topic);
        let mut body = Json::open(json.key("body"));
        let side = |body: &mut Json<'_>, name: &str, snapshot: Option<&Arc<Snapshot>>| {
            let mut side = Json::open(body.key(name));
            if let Some(snapshot) = snapshot {
                directory.write(&mut side, snapshot, &snapshot.object.dn, PictureShape::Live);
            }
            side.close();
        };
        match &self.body {
            Body::Live { old, new } => {
                side(&mut body, "old", old.as_ref());
                side(&mut body, "new", new.as_ref());
            }
            Body::Prefill(snapshot) => {
                side(&mut body, "old", None);
                let object = &snapshot.object;
                let uri = format!("{udm_url}/{}/{}", object.kind, crate::simulator::http::encode(&object.dn));
                let mut new = Json::open(body.key("new"));
                directory.write(&mut new, snapshot, &object.dn, PictureShape::Prefill { uri: &uri });
                new.close();
            }
            Body::Posted { old, new } => {
                body.field("old", old);
                body.field("new", new);
            }
            Body::Junk => return None,
        }
        body.close();
        if let Some((number, count)) = delivery {
            json.field("sequence_number", &number);
            json.field("num_delivered", &count);
        }
        json.close();
        Some(out)
    }

    /// The identifier of the object it is about.
    pub fn identifier(&self) -> Option<String> {
        let of_json = |side: &Value| side["properties"]["univentionObjectIdentifier"].as_str().map(str::to_owned);
        match &self.body {
            Body::Live { old, new } => {
                new.as_ref().or(old.as_ref()).and_then(|snapshot| snapshot.object.identifier.clone())
            }
            Body::Prefill(snapshot) => snapshot.object.identifier.clone(),
            Body::Posted { old, new } => of_json(new).or_else(|| of_json(old)),
            Body::Junk => None,
        }
    }

    /// Whether it belongs to the initial transfer.
    pub const fn is_prefill(&self) -> bool {
        matches!(self.body, Body::Prefill(_))
    }

    /// Reads what was put into a queue: a whole message or junk.
    pub fn from_bytes(content: &[u8]) -> Self {
        let posted = serde_json::from_slice::<Value>(content).ok().and_then(|value| Self::posted(&value).ok());
        posted.unwrap_or_else(|| {
            let nothing = String::new;
            Self { publisher: nothing(), ts: nothing(), realm: nothing(), topic: nothing(), body: Body::Junk }
        })
    }

    /// Reads what the events route gets.
    pub fn posted(value: &Value) -> Result<Self, Unacceptable> {
        let text = |name: &'static str| match value.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(Unacceptable::Invalid { place: name, input: other.clone() }),
            None => Err(Unacceptable::Missing(name)),
        };
        let publisher = text("publisher_name")?;
        let known = ["udm-listener", "udm-pre-fill", "ldif-producer", "consumer-registration", "consumer_client_test"];
        if !known.contains(&publisher.as_str()) {
            return Err(Unacceptable::Invalid { place: "publisher_name", input: json!(publisher) });
        }
        let ts = match value.get("ts") {
            Some(ts) => timestamp(ts).ok_or_else(|| Unacceptable::Invalid { place: "ts", input: ts.clone() })?,
            None => return Err(Unacceptable::Missing("ts")),
        };
        let body = value.get("body").ok_or(Unacceptable::Missing("body"))?;
        let side = |name: &'static str| match body.get(name) {
            Some(side @ Value::Object(_)) => Ok(side.clone()),
            Some(other) => Err(Unacceptable::Invalid { place: name, input: other.clone() }),
            None => Err(Unacceptable::Missing(name)),
        };
        let (old, new) = (side("old")?, side("new")?);
        let typed = |side: &Value| side.get("objectType").is_some_and(Value::is_string);
        if !typed(&old) && !typed(&new) {
            return Err(Unacceptable::Empty);
        }
        Ok(Self { publisher, ts, realm: text("realm")?, topic: text("topic")?, body: Body::Posted { old, new } })
    }
}

/// Why the events route does not take something.
#[derive(Debug)]
pub enum Unacceptable {
    /// A field is missing: 422.
    Missing(&'static str),
    /// A field has a value that it must not have: 422.
    Invalid {
        /// Which one.
        place: &'static str,
        /// Its value.
        input: Value,
    },
    /// Both sides are empty or have no type: 500.
    Empty,
}

/// Times keep their naive form; numbers and those with a zone become `…+00:00`.
fn timestamp(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.ends_with('Z') => Some(format!("{}+00:00", &text[..text.len() - 1])),
        Value::String(text) => text.get(..10)?.parse::<jiff::civil::Date>().ok().map(|_| text.clone()),
        Value::Number(number) => {
            let seconds = number.as_f64()?;
            let time =
                jiff::Timestamp::UNIX_EPOCH.checked_add(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?).ok()?;
            Some(format!("{}+00:00", time.strftime("%Y-%m-%dT%H:%M:%S")))
        }
        _ => None,
    }
}
