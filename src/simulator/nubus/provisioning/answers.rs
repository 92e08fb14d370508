//! The answers of the Provisioning API.

use serde_json::{Value, json};

use crate::simulator::nubus::faults::FaultAction;
use crate::simulator::nubus::ordered::Ordered;
use crate::simulator::nubus::reply::Reply;

/// 200 `null`.
pub fn null() -> Reply {
    Reply::json(200, &Value::Null)
}

/// An answer with a `detail`.
pub fn detail(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({"detail": text}))
}

/// 401 with one of the texts.
pub fn unauthorized(text: &str) -> Reply {
    let mut reply = detail(401, text);
    reply.headers.push(("www-authenticate", "Basic".to_owned()));
    reply
}

/// 500 of an error that the service does not catch.
pub fn internal() -> Reply {
    let mut reply = detail(500, "Internal server error");
    reply.headers.push(("access-control-expose-headers", "X-Request-ID".to_owned()));
    reply
}

/// One mistake of a request.
#[derive(Debug)]
pub struct Mistake {
    /// `missing`, `enum`, …
    pub kind: &'static str,
    /// Where, as a Python tuple.
    pub place: String,
    /// What is wrong.
    pub text: String,
    /// What was sent there, as Python shows it.
    pub input: String,
    /// The rest of the dump.
    pub context: &'static str,
}

/// 422 in the service's own form: a textual dump that repeats what was sent.
pub fn invalid(mistakes: &[Mistake], function: &str, line: u32, route: &str) -> Reply {
    let plural = if mistakes.len() == 1 { "error" } else { "errors" };
    let dumps: Vec<String> = mistakes
        .iter()
        .map(|Mistake { kind, place, text, input, context }| {
            format!("{{'type': '{kind}', 'loc': {place}, 'msg': {}, 'input': {input}{context}}}", quoted(text))
        })
        .collect();
    let message = format!(
        "{} validation {plural}: {}  File \"(server path)\", line {line}, in {function}   {route}",
        mistakes.len(),
        dumps.join(" ")
    );
    Reply::json(422, &json!({"status_code": 422, "message": message, "data": null}))
}

/// A text as Python shows it.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}

/// A JSON value as Python shows it.
pub fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => dictionary(fields.iter()),
    }
}

/// A JSON object as Python shows it, in the order in which it was sent.
pub fn python_object(fields: &Ordered) -> String {
    dictionary(fields.0.iter().map(|(name, value)| (name, value)))
}

fn dictionary<'f>(fields: impl Iterator<Item = (&'f String, &'f Value)>) -> String {
    let fields: Vec<String> = fields.map(|(name, value)| format!("{}: {}", quoted(name), python(value))).collect();
    format!("{{{}}}", fields.join(", "))
}

/// What the service answers to faults that come before the effect.
pub fn refusal(action: &FaultAction) -> Option<Reply> {
    match action {
        FaultAction::InternalError => Some(internal()),
        FaultAction::Unavailable { retry_after } => {
            let mut reply =
                Reply::new(503, vec![("content-type", "text/html".to_owned())], b"no healthy upstream".to_vec());
            reply.headers.push(("retry-after", retry_after.to_string()));
            Some(reply)
        }
        FaultAction::Unauthorized => Some(unauthorized("Incorrect username or password")),
        FaultAction::NotFound => Some(detail(404, "Not Found")),
        FaultAction::Null => Some(null()),
        FaultAction::EmptyList => Some(Reply::json(200, &json!([]))),
        _ => None,
    }
}
