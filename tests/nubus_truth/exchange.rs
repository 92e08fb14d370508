//! Recordings, their replay and the comparison.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine as _;
use oxherd::simulator::nubus::{NubusOptions, NubusSimulator, UdmAccount, UdmRights};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::simulator_support::http::{Connection, Response};

/// An exchange of the real service.
#[derive(Clone, Deserialize)]
pub struct Exchange {
    #[serde(skip)]
    pub name: String,
    pub request: Request,
    pub response: Answer,
}

#[derive(Clone, Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: serde_json::Map<String, Value>,
    pub body: Text,
}

#[derive(Clone, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

/// JSON as text, with the keys in their order: mistakes are told in that order.
#[derive(Clone)]
pub struct Text(pub String);

impl Text {
    /// The body of a request: `null` is none, a text is sent as it is.
    fn to_send(&self) -> String {
        match serde_json::from_str::<Value>(&self.0).unwrap() {
            Value::Null => String::new(),
            Value::String(text) => text,
            _ => self.0.clone(),
        }
    }

    /// Sets a key of the object, without keeping the order.
    pub fn set(&mut self, pointer: &str, value: Value) {
        let mut body: Value = serde_json::from_str(&self.0).unwrap();
        *body.pointer_mut(pointer).unwrap() = value;
        self.0 = body.to_string();
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Writer).map(Self)
    }
}

struct Writer;

impl<'de> Visitor<'de> for Writer {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("null".to_owned())
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(json!(value).to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<String, A::Error> {
        let mut items = Vec::new();
        while let Some(Text(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(format!("[{}]", items.join(",")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, Text(value))) = map.next_entry::<String, Text>()? {
            fields.push(format!("{}:{value}", json!(name)));
        }
        Ok(format!("{{{}}}", fields.join(",")))
    }
}

/// A recording of a part (`provisioning` or `udm-rest`).
pub fn recording(part: &str, name: &str) -> Exchange {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(part);
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect(name);
    let mut exchange: Exchange = serde_json::from_str(&text).expect(name);
    name.clone_into(&mut exchange.name);
    exchange
}

/// The names of all recordings of a part.
pub fn names(part: &str) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(part);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A simulator over the made-up directory of the recordings.
pub async fn simulator() -> NubusSimulator {
    let account = |rights| UdmAccount { password: "secret".to_owned(), rights };
    let accounts = [
        ("Administrator", UdmRights::Administrator),
        ("cn=admin", UdmRights::Administrator),
        ("lowadm", UdmRights::Reader),
        ("bob.klein", UdmRights::Outsider),
    ];
    let options = NubusOptions {
        base_dn: "dc=example,dc=test".to_owned(),
        admin_password: "secret".to_owned(),
        events_password: "secret".to_owned(),
        prefill_password: "secret".to_owned(),
        udm_accounts: accounts.map(|(name, rights)| (name.to_owned(), account(rights))).into(),
        ..NubusOptions::default()
    };
    NubusSimulator::start(options).await.unwrap()
}

impl Exchange {
    /// Sends the request; credentials that were replaced by a note become those of the simulator.
    pub async fn send(&self, address: SocketAddr) -> Response {
        let host = if self.request.path.starts_with("/udm") { "udm.example.test" } else { "provisioning.example.test" };
        let body = self.request.body.to_send();
        let mut headers =
            vec![("Host".to_owned(), host.to_owned()), ("Content-Length".to_owned(), body.len().to_string())];
        for (name, value) in &self.request.headers {
            let value = value.as_str().unwrap();
            let value = if name == "Authorization" { credential(value) } else { value.to_owned() };
            headers.push((name.clone(), value));
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut connection = Connection::open(address).await;
        let path = self.request.path.replace('|', "%7C").replace(' ', "%20");
        connection.exchange(&self.request.method, &path, &headers, body.as_bytes()).await.expect(&self.name)
    }

    /// The same exchange with another id than the recorded one.
    pub fn rename(&mut self, from: &str, to: &str) {
        self.request.path = self.request.path.replace(from, to);
        self.response.body = serde_json::from_str(&self.response.body.to_string().replace(from, to)).unwrap();
        for (_, value) in &mut self.response.headers {
            *value = value.replace(from, to);
        }
    }

    /// What differs between the recorded answer and this one.
    pub fn differences(&self, got: &Response) -> Vec<String> {
        let mut found = Vec::new();
        if self.response.status != got.status {
            found.push(format!("status: expected {}, got {} {}", self.response.status, got.status, got.text()));
        }
        let (expected, shown) = (fields(&self.response.headers), fields(&got.headers));
        for field in expected.iter().filter(|field| !shown.contains(field)) {
            found.push(format!("header: missing {field:?}"));
        }
        for field in shown.iter().filter(|field| !expected.contains(field)) {
            found.push(format!("header: unexpected {field:?}"));
        }
        let text = got.text();
        let body = serde_json::from_str(&text).unwrap_or(json!(text));
        compare("", &self.response.body, &body, &mut found);
        found
    }
}

fn credential(note: &str) -> String {
    let who = note.strip_prefix("Basic (credentials of ").and_then(|rest| rest.strip_suffix(')')).expect(note);
    let (user, password) = match who.split_once(',') {
        Some((user, _)) => (user, "wrong"),
        None => (who, "secret"),
    };
    let plain = if user.is_empty() { String::new() } else { format!("{user}:{password}") };
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(plain))
}

/// Header fields in one order, names in lower case, without what differs on each run.
fn fields(headers: &[(String, String)]) -> Vec<(String, String)> {
    let masked = ["date", "x-request-id", "content-length", "etag", "last-modified"];
    let mut fields: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .filter(|(name, _)| name != "last-modified" && name != "content-length" && name != "transfer-encoding")
        .map(|(name, value)| if masked.contains(&name.as_str()) { (name, String::new()) } else { (name, value) })
        .collect();
    fields.sort();
    fields
}

/// Compares two values; places in the tree are told.
pub fn compare(place: &str, expected: &Value, got: &Value, found: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (name, value) in expected {
                match got.get(name) {
                    Some(other) => compare(&format!("{place}/{name}"), value, other, found),
                    None => found.push(format!("{place}/{name}: missing, expected {}", short(value))),
                }
            }
            for name in got.keys().filter(|name| !expected.contains_key(*name)) {
                found.push(format!("{place}/{name}: unexpected {}", short(&got[name])));
            }
        }
        (Value::Array(expected), Value::Array(got)) => {
            if expected.len() != got.len() {
                found.push(format!("{place}: expected {} elements, got {}", expected.len(), got.len()));
            }
            for (at, (expected, got)) in expected.iter().zip(got).enumerate() {
                compare(&format!("{place}/{at}"), expected, got, found);
            }
        }
        (Value::String(one), Value::String(other)) if masked(one) == masked(other) => {}
        _ if expected == got => {}
        _ => found.push(format!("{place}: expected {}, got {}", short(expected), short(got))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(300).collect()
}

/// A text with entity tags as `#`.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for sign in text.chars().chain(['\0']) {
        if sign.is_ascii_hexdigit() {
            digits.push(sign);
        } else {
            if digits.len() == 40 {
                out.push('#');
            } else {
                out.push_str(&digits);
            }
            digits.clear();
            out.push(sign);
        }
    }
    out
}

/// Fails with all differences at once, but for those that are kept: file, begin of the text, reason.
pub fn judge(differences: &[(String, Vec<String>)], kept: &[(&str, &str, &str)]) {
    let mut report = String::new();
    let mut used = vec![false; kept.len()];
    for (name, differences) in differences {
        for difference in differences {
            let fits =
                |(file, text, _): &&(&str, &str, &str)| (*file == "*" || file == name) && difference.starts_with(text);
            match kept.iter().position(|rule| fits(&rule)) {
                Some(at) => used[at] = true,
                None => writeln!(report, "{name}: {difference}").unwrap(),
            }
        }
    }
    for (rule, _) in kept.iter().zip(&used).filter(|(_, used)| !**used) {
        writeln!(report, "no longer differs: {rule:?}").unwrap();
    }
    assert!(report.is_empty(), "\n{report}");
}
