//! Errors in the form of UDM REST.

use serde_json::{Map, Value, json};

use super::call::{Call, Language};
use super::links::{Link, curies};
use crate::simulator::nubus::directory::{DirectoryError, Json};
use crate::simulator::nubus::faults::FaultAction;
use crate::simulator::nubus::reply::Reply;

/// Where a mistake lies, and how the answer says so.
#[derive(Clone, Debug)]
pub enum Location {
    /// A property of the body.
    Property(String),
    /// No property in particular: refused by a hook.
    NoProperty,
    /// A key of the body, or a property that must not change.
    Body(String),
    /// The structure of the body.
    Structure(&'static str),
    /// A parameter of the query.
    Query(String),
    /// A parameter of the query that is checked against the directory.
    Argument(&'static str),
}

/// A mistake.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// Where.
    pub location: Location,
    /// What is wrong.
    pub text: String,
}

impl Mistake {
    /// A mistake in a property.
    pub fn property(name: &str, text: String) -> Self {
        Self { location: Location::Property(name.to_owned()), text }
    }

    /// A mistake in a key of the body.
    pub fn body(name: &str, text: String) -> Self {
        Self { location: Location::Body(name.to_owned()), text }
    }

    /// A mistake in a parameter.
    pub fn query(name: &str, text: &str) -> Self {
        Self { location: Location::Query(name.to_owned()), text: text.to_owned() }
    }

    fn path(&self) -> Value {
        match &self.location {
            Location::Property(name) => json!(["body", "properties", name]),
            Location::NoProperty => json!(["body", "properties", null]),
            Location::Body(name) => json!(["body", name]),
            Location::Structure("") => json!(["body"]),
            Location::Structure(name) => json!(["body", name]),
            Location::Query(name) => json!(["query", name]),
            Location::Argument(name) => json!(["query", name]),
        }
    }

    fn line(&self, language: Language) -> String {
        let argument = if language == Language::English { "Request argument" } else { "Request-Argument" };
        match &self.location {
            Location::Property(name) | Location::Body(name) => format!("{argument} \"{name}\" {}\n", self.text),
            Location::Argument(name) => format!("{argument} \"{name}\" {}\n", self.text),
            Location::NoProperty => format!("{argument} \"None\" {}\n", self.text),
            Location::Structure(name) => format!("Body data \"{name}\": {}\n", self.text),
            Location::Query(name) => format!("Query string \"{name}\": {}\n", self.text),
        }
    }

    /// Adds itself to the old form of the list.
    fn add_to(&self, errors: &mut Map<String, Value>) {
        let text = Value::String(self.text.clone());
        let mut nested = |group: &str, name: &str| {
            if let Value::Object(fields) = errors.entry(group.to_owned()).or_insert_with(|| json!({})) {
                fields.insert(name.to_owned(), text.clone());
            }
        };
        match &self.location {
            Location::Body(name) => nested("body", name),
            Location::Structure(name) => nested("body_arguments", name),
            Location::Query(name) => nested("query_string", name),
            Location::Property(name) => drop(errors.insert(name.clone(), text)),
            Location::Argument(name) => drop(errors.insert((*name).to_owned(), text)),
            Location::NoProperty => drop(errors.insert("null".to_owned(), text)),
        }
    }
}

/// An error.
#[derive(Clone, Debug)]
pub struct Fault {
    status: u16,
    title: &'static str,
    message: String,
    mistakes: Vec<Mistake>,
    retry_after: Option<u32>,
}

impl Fault {
    /// An error with a message.
    pub fn new(status: u16, message: &str) -> Self {
        Self { status, title: "", message: message.to_owned(), mistakes: Vec::new(), retry_after: None }
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(404, "HTTP 404: Not Found")
    }

    /// 422 with these mistakes.
    pub fn invalid(mistakes: Vec<Mistake>) -> Self {
        Self { title: "Unprocessable Entity", mistakes, ..Self::new(422, "") }
    }

    /// 400 for too many hits.
    pub fn too_many(limit: usize) -> Self {
        let message = format!(
            "The query you have entered yields too many matching entries. Please narrow down your search by specifying more \
             query parameters. The current size limit of {limit} can be configured with the UCR variable \
             directory/manager/web/sizelimit."
        );
        Self { title: "Bad Request", ..Self::new(400, &message) }
    }

    /// 503 of a server whose LDAP server is down.
    pub fn ldap_down(retry_after: u32) -> Self {
        let message = "Cannot connect to the LDAP service.\nThe following steps can help to solve this problem:\n * Check if \
                       enough hard disk space and free RAM is available on this server or free some resources\n * Restart the \
                       LDAP service on the Primary Directory Node either via \"service slapd restart\" on command line or with \
                       the UMC module \"System services\"";
        Self { title: "Service Unavailable", retry_after: Some(retry_after), ..Self::new(503, message) }
    }

    /// What the directory refuses.
    pub fn of(error: DirectoryError, language: Language) -> Self {
        let exists = |english: String, german: String| {
            let text = match language {
                Language::English => format!("Object exists: {english}"),
                Language::German => format!("Objekt existiert: {german}"),
            };
            Self::invalid(vec![Mistake::body("dn", text)])
        };
        match error {
            DirectoryError::NoSuchObject(dn) => Self::new(400, &format!("No such object: {dn}.")),
            DirectoryError::NoPosition => Self::new(400, "No such object."),
            DirectoryError::DnTaken(dn) => exists(format!("dn: {dn}: {dn}"), format!("dn: {dn}: {dn}")),
            DirectoryError::NameTaken { kind: "groups/group", name } => exists(
                format!("(group): The groupname is already in use as groupname or as username: {name}."),
                format!(
                    "(group): Der Gruppenname wird bereits als Gruppenname oder als Benutzername verwendet: {name}."
                ),
            ),
            DirectoryError::NameTaken { name, .. } => exists(
                format!("(uid): The username is already in use as username or as groupname: {name}."),
                format!(
                    "(uid): Der Benutzername wird bereits als Benutzername oder als Gruppenname verwendet: {name}."
                ),
            ),
            DirectoryError::IdentifierTaken(_) => {
                let text = "(nolock): Could not acquire lock: The attribute 'univentionObjectIdentifier' could not get locked.";
                exists(text.to_owned(), text.to_owned())
            }
            DirectoryError::AddressTaken(address) => Self::invalid(vec![Mistake::property(
                "mailPrimaryAddress",
                format!("The mail address is already in use: {address}."),
            )]),
            DirectoryError::Refused(text) => Self::new(400, &text),
            DirectoryError::UnknownType(_) | DirectoryError::NoListenerFile(_) => Self::not_found(),
        }
    }
}

/// The answer.
pub fn reply(call: &Call<'_>, fault: Fault) -> Reply {
    let Fault { status, title, mut message, mistakes, retry_after } = fault;
    let mut errors = Map::new();
    if !mistakes.is_empty() {
        let lines: Vec<String> = mistakes.iter().map(|mistake| mistake.line(call.language)).collect();
        message = format!("{} error(s) occurred:\n{}", mistakes.len(), lines.concat());
        for mistake in &mistakes {
            mistake.add_to(&mut errors);
        }
    }
    let links = [self_link(call, status, title), curies(&call.root)];
    let mut body = Vec::new();
    let mut json = Json::open(&mut body);
    let mut error = json!({"code": status, "title": title, "message": message, "error": errors});
    if status >= 500 {
        error["traceback"] = if status == 500 { json!("(traceback left out)") } else { Value::Null };
    }
    json.field("error", &error);
    if !mistakes.is_empty() {
        let list: Vec<Value> = mistakes
            .iter()
            .map(|mistake| json!({"location": mistake.path(), "message": mistake.text, "type": "value_error"}))
            .collect();
        json.field("_embedded", &json!({"udm:error": list}));
    }
    Link::write(&links, &mut json);
    json.close();
    let mut headers = error_headers();
    headers.extend(retry_after.map(|seconds| ("Retry-After", seconds.to_string())));
    call.answer(status, headers, &links, body)
}

/// The answer without a body.
pub fn empty(call: &Call<'_>, status: u16) -> Reply {
    let mut headers = error_headers();
    headers.extend(self_link(call, status, "").header());
    call.without_body(status, headers)
}

fn self_link(call: &Call<'_>, status: u16, title: &str) -> Link {
    let text = if call.language == Language::English { "HTTP-Error" } else { "HTTP-Fehler:" };
    Link::new("self", call.here()).title(&format!("{text} {status}: {title}"))
}

fn error_headers() -> Vec<(&'static str, String)> {
    vec![
        ("Hx-Reselect", "div.error".to_owned()),
        ("Hx-Reswap", "innerHTML".to_owned()),
        ("Cache-Control", "private, must-revalidate, no-cache, no-store".to_owned()),
    ]
}

/// What the API answers to faults that come before the effect.
pub fn refusal(call: &Call<'_>, action: &FaultAction) -> Option<Reply> {
    match action {
        FaultAction::InternalError => Some(call.refuse(Fault::new(500, "simulated error"))),
        FaultAction::Unavailable { retry_after } => Some(call.refuse(Fault::ldap_down(*retry_after))),
        FaultAction::GatewayStarting => Some(gateway_starting()),
        FaultAction::Unauthorized => Some(call.unauthorized()),
        FaultAction::Forbidden => Some(call.refuse(Fault::new(403, "HTTP 403: Forbidden (Permission denied.)"))),
        FaultAction::NotFound => Some(call.refuse(Fault::not_found())),
        FaultAction::Null => Some(Reply::json(200, &Value::Null)),
        _ => None,
    }
}

/// The gateway while its server starts: the body is a JSON text, and there are two media types.
fn gateway_starting() -> Reply {
    let text = "The service could not be reached. Please retry in a few seconds or contact an Administrator to restart the \
                service.";
    let headers = vec![
        ("Server", "Univention/1.0".to_owned()),
        ("Content-Type", "text/html; charset=UTF-8".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("Retry-After", "3".to_owned()),
    ];
    Reply::new(503, headers, json!(text).to_string().into_bytes())
}
