//! Create, change, move, delete.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::body::{self, Properties, Write};
use super::call::Call;
use super::conditions;
use super::errors::{Fault, Location, Mistake};
use super::links::Link;
use super::progress;
use super::read;
use crate::simulator::http::decode;
use crate::simulator::nubus::directory::{Directory, DirectoryError, Kind, Object, Shape, dn};
use crate::simulator::nubus::options::UdmRights;
use crate::simulator::nubus::reply::Reply;

/// Only administrators write.
fn allowed(call: &Call<'_>) -> Result<(), Fault> {
    if call.rights == UdmRights::Administrator {
        return Ok(());
    }
    // An ACL answers differently to deletions.
    let (status, text) = match call.request.method.as_str() {
        "DELETE" => (400, "Permission denied."),
        _ => (403, "HTTP 403: Forbidden (Permission denied.)"),
    };
    Err(Fault::new(status, text))
}

fn written(call: &Call<'_>) {
    call.shared.ledger.count(|counters| counters.udm_writes += 1);
}

fn changed<T>(call: &Call<'_>, work: impl FnOnce(&mut Directory) -> Result<T, DirectoryError>) -> Result<T, Fault> {
    call.shared.change(work).map_err(|error| Fault::of(error, call.language))
}

/// `POST ./<type>/`.
pub fn create(call: &Call<'_>, kind: Kind) -> Result<Reply, Fault> {
    allowed(call)?;
    let Write { properties, position } = body::write(call)?;
    let properties = properties.ok_or_else(|| missing("properties"))?;
    let position = position.unwrap_or_else(|| {
        let base = call.shared.options().base_dn.clone();
        format!("{},{base}", kind.module().container).trim_start_matches(',').to_owned()
    });
    check_new(call, kind, &properties)?;
    let name = properties.get(kind.module().naming).and_then(Value::as_str).unwrap_or_default().to_owned();
    let target = dn::below(kind.module().rdn, &name, &position);
    let object = put_new(call, kind, &target, &properties)?;
    let headers = vec![
        ("Location", call.url(kind, &object.dn)),
        ("Etag", object.tag()),
        ("Cache-Control", "private, must-revalidate, no-cache".to_owned()),
    ];
    Ok(call.small(201, headers, &[("dn", json!(object.dn)), ("uuid", json!(object.uuid))]))
}

fn put_new(call: &Call<'_>, kind: Kind, target: &str, properties: &Properties) -> Result<Arc<Object>, Fault> {
    let mut properties = cleared_selects(kind, &properties.map());
    properties.retain(|_, value| !value.is_null());
    let object = changed(call, |directory| {
        let parent = dn::parent(target);
        if !directory.find(parent).is_some_and(|parent| parent.kind.is_container()) {
            return Err(DirectoryError::NoPosition);
        }
        directory.create(kind, target, &properties)
    })?;
    written(call);
    Ok(object)
}

/// Everything that is checked about a new object before the directory is asked.
fn check_new(call: &Call<'_>, kind: Kind, properties: &Properties) -> Result<(), Fault> {
    let mut mistakes = body::check(call, kind, properties);
    if mistakes.is_empty() {
        let required = kind.module().properties.iter().filter(|property| property.required);
        let absent = required.filter(|property| properties.get(property.name).is_none_or(is_empty));
        let text = |name: &str| format!("The property \"{name}\" is required.");
        mistakes.extend(absent.map(|property| Mistake::property(property.name, text(property.name))));
    }
    if !mistakes.is_empty() {
        return Err(Fault::invalid(mistakes));
    }
    if let Some(identifier) = properties.get("univentionObjectIdentifier").and_then(Value::as_str) {
        body::check_identifier(identifier)?;
    }
    check_domain(call, kind, properties)
}

/// A hook of the OX extension: mail addresses need a mail domain object. It is asked only if there are any.
fn check_domain(call: &Call<'_>, kind: Kind, properties: &Properties) -> Result<(), Fault> {
    if !matches!(kind, Kind::User | Kind::FunctionalAccount) {
        return Ok(());
    }
    let address = properties.get("mailPrimaryAddress").and_then(Value::as_str);
    let Some((_, domain)) = address.and_then(|address| address.split_once('@')) else { return Ok(()) };
    let known = call.shared.with_directory(|directory| {
        let mut domains = directory.all(Kind::MailDomain).map(|object| object.name()).peekable();
        domains.peek().is_none() || domains.any(|known| known.eq_ignore_ascii_case(domain))
    });
    if known {
        return Ok(());
    }
    let text = "The mail address' domain does not match any mail domain object.".to_owned();
    Err(Fault::invalid(vec![Mistake { location: Location::NoProperty, text }]))
}

/// `PATCH ./<type>/<dn>` with a JSON object.
pub fn modify(call: &Call<'_>, kind: Kind, target: &str) -> Result<Reply, Fault> {
    let before = writable(call, kind, target)?;
    let Write { properties, .. } = body::write(call)?;
    let after = apply(call, &before, &properties.unwrap_or_default())?;
    Ok(call.nothing(204, changed_headers(call, &before, &after)))
}

/// The object of a writing request, with rights and conditions checked.
pub fn writable(call: &Call<'_>, kind: Kind, target: &str) -> Result<Arc<Object>, Fault> {
    allowed(call)?;
    let object = read::find(call, kind, target)?;
    call.shared.with_directory(|directory| read::sound(directory, &object))?;
    conditions::writing(call, Some(&object))?;
    Ok(object)
}

/// Changes properties of an object; without any difference nothing is written.
pub fn apply(call: &Call<'_>, before: &Arc<Object>, properties: &Properties) -> Result<Arc<Object>, Fault> {
    let kind = before.kind;
    let mut mistakes = body::check(call, kind, properties);
    for (name, value) in &properties.0 {
        mistakes.extend(unchangeable(before, name, value));
    }
    if !mistakes.is_empty() {
        return Err(Fault::invalid(mistakes));
    }
    check_domain(call, kind, properties)?;
    let wanted = cleared_selects(kind, &properties.map());
    let naming = kind.module().naming;
    let differs = |name: &String, value: &Value| match kind.property(name).map(|property| property.shape) {
        Some(Shape::Secret) => !is_empty(value),
        Some(Shape::Flags) => false,
        Some(Shape::Identifier) => before.identifier.as_deref() != value.as_str(),
        Some(Shape::Computed) => name == "groups",
        _ if name == naming => value.as_str() != Some(&before.name()),
        _ => match before.get(name) {
            Some(stored) => stored != value,
            None => !is_empty(value),
        },
    };
    let wanted: Map<String, Value> = wanted.into_iter().filter(|(name, value)| differs(name, value)).collect();
    let object = changed(call, |directory| {
        if let Some(groups) = wanted.get("groups").filter(|_| wanted.len() == 1) {
            // Memberships are written to the groups; the user's entry stays as it is.
            directory.set_groups(before, groups)?;
            return Ok(Arc::clone(before));
        }
        if wanted.is_empty() {
            return Ok(Arc::clone(before));
        }
        directory.modify(&before.dn, &wanted)
    })?;
    if !wanted.is_empty() {
        written(call);
    }
    Ok(object)
}

/// What is wrong with a value for a property that keeps its value or must have one.
fn unchangeable(before: &Object, name: &str, value: &Value) -> Option<Mistake> {
    let property = before.kind.property(name)?;
    if property.required && property.shape != Shape::Secret && is_empty(value) {
        return Some(Mistake::property(name, format!("The property \"{name}\" is required.")));
    }
    let present = match property.shape {
        Shape::Identifier => before.identifier.clone().map(Value::String),
        _ => before.get(name).cloned(),
    };
    // Rights of a profile that were set once stay as they are, too.
    let fixed = property.fixed
        || property.shape == Shape::Identifier
        || (before.kind == Kind::AccessProfile && property.shape == Shape::Switch);
    let differs = present.is_some_and(|present| present != *value);
    (fixed && differs).then(|| Mistake::body(name, format!("The property {name} has an invalid value: ")))
}

/// The trap: a value that a select does not have clears it.
fn cleared_selects(kind: Kind, properties: &Map<String, Value>) -> Map<String, Value> {
    let value = |(name, value): (&String, &Value)| {
        let select = kind.property(name).is_some_and(|property| property.select);
        let unknown = value.as_str().is_some_and(|value| select && !body::is_choice(name, value));
        (name.clone(), if unknown { Value::Null } else { value.clone() })
    };
    properties.iter().map(value).collect()
}

/// The head after a change: the new tag with the time of before.
pub fn changed_headers(call: &Call<'_>, before: &Object, after: &Object) -> Vec<(&'static str, String)> {
    let mut headers = Call::validators(before);
    headers[0] = ("Etag", after.tag());
    headers.push(("Cache-Control", "private, must-revalidate, no-cache, no-store".to_owned()));
    headers.push(("Location", call.url(after.kind, &after.dn)));
    headers
}

/// `PUT ./<type>/<dn>`: creates, changes like `PATCH`, or moves.
pub fn put(call: &Call<'_>, kind: Kind, target: &str) -> Result<Reply, Fault> {
    allowed(call)?;
    if call.shared.with_directory(|directory| read::at(directory, target)).is_none() {
        return put_create(call, kind, target);
    }
    let before = writable(call, kind, target)?;
    let Write { properties, position } = body::write(call)?;
    let position = position.ok_or_else(|| missing("position"))?;
    let properties = properties.ok_or_else(|| missing("properties"))?;
    if dn::key(&position) == dn::key(dn::parent(&before.dn)) {
        let after = apply(call, &before, &properties)?;
        return Ok(call.nothing(204, changed_headers(call, &before, &after)));
    }
    if kind.is_container() {
        return Ok(progress::begin(call, &before, &position));
    }
    let moved = changed(call, |directory| directory.relocate(&before.dn, &position))?;
    written(call);
    let uri = call.url(kind, &moved);
    let mut headers = Call::validators(&before);
    headers.push(("Location", uri.clone()));
    headers.push(("Cache-Control", "private, must-revalidate, no-cache, no-store".to_owned()));
    let fields = [("id", json!("")), ("errors", json!(false)), ("finished", json!(true)), ("uri", json!(uri))];
    Ok(call.small_with(201, headers, &fields, vec![Link::new("self", uri)]))
}

fn put_create(call: &Call<'_>, kind: Kind, target: &str) -> Result<Reply, Fault> {
    conditions::writing(call, None)?;
    let Write { properties, position } = body::write(call)?;
    position.ok_or_else(|| missing("position"))?;
    let properties = properties.ok_or_else(|| missing("properties"))?;
    let outside = call.shared.with_directory(|directory| !target.ends_with(directory.base.as_str()));
    if outside {
        return Err(Fault::not_found());
    }
    check_new(call, kind, &properties)?;
    let name = properties.get(kind.module().naming).and_then(Value::as_str).unwrap_or_default();
    let computed = dn::below(kind.module().rdn, name, dn::parent(target));
    if dn::key(&computed) != dn::key(target) {
        return Err(Fault::invalid(vec![Mistake::body(
            "dn",
            format!("Trying to create an object with wrong RDN: {computed}"),
        )]));
    }
    let object = put_new(call, kind, target, &properties)?;
    let headers =
        vec![("Location", call.url(kind, &object.dn)), ("Cache-Control", "private, must-revalidate".to_owned())];
    Ok(call.small(201, headers, &[("dn", json!(object.dn)), ("uuid", json!(object.uuid))]))
}

/// `DELETE ./<type>/<dn>`: recursive unless told otherwise.
pub fn delete(call: &Call<'_>, kind: Kind, target: &str) -> Result<Reply, Fault> {
    allowed(call)?;
    if !call.request.body.is_empty() {
        return Err(Fault::new(400, "HTTP 400: Bad Request (Request body is not allowed.)"));
    }
    let object = read::find(call, kind, target)?;
    conditions::writing(call, Some(&object))?;
    let recursive = !call
        .request
        .parameters()
        .iter()
        .any(|(name, value)| name == "recursive" && matches!(value.as_str(), "" | "0" | "off" | "false"));
    let refusal = call.shared.with_directory(|directory| {
        let leaf = recursive || directory.below(&object.dn).is_empty();
        if leaf {
            needed(directory, &object)
        } else {
            Some("LDAP Error: Operation not allowed on non-leaf: subordinate objects must be deleted first.".to_owned())
        }
    });
    if let Some(text) = refusal {
        return Err(Fault::new(400, &text));
    }
    changed(call, |directory| directory.delete(&object.dn))?;
    written(call);
    Ok(call.nothing(204, vec![("Cache-Control", "private, must-revalidate".to_owned())]))
}

/// Why an object must stay.
fn needed(directory: &Directory, object: &Object) -> Option<String> {
    let users = |property: &str, value: &Value| directory.all(Kind::User).any(|user| user.get(property) == Some(value));
    match object.kind {
        Kind::User => {
            let number = object.get("uidNumber").map(ToString::to_string)?;
            let managed =
                directory.all(Kind::Resource).filter(|resource| resource.text("resourceadmin") == Some(&number));
            let addresses: Vec<&str> = managed.filter_map(|resource| resource.text("resourceMailAddress")).collect();
            (!addresses.is_empty()).then(|| {
                format!(
                    "The user {} cannot be removed because he is admin of the following resources: {}.",
                    object.name(),
                    addresses.join(", ")
                )
            })
        }
        Kind::Group => users("primaryGroup", &Value::String(object.dn.clone()))
            .then(|| format!("This is a primary group: {}.", object.name())),
        Kind::Context => object
            .get("contextid")
            .is_some_and(|id| users("oxContext", id))
            .then(|| format!("The context {} cannot be removed because users are in it.", object.name())),
        Kind::AccessProfile => users("oxAccess", &Value::String(object.name()))
            .then(|| format!("The access profile {} cannot be removed because users have it.", object.name())),
        _ => None,
    }
}

/// `POST ./<type>/move`: several at once.
pub fn move_many(call: &Call<'_>, kind: Kind) -> Result<Reply, Fault> {
    allowed(call)?;
    let body = body::json(call)?;
    let position = body["position"].as_str().map(decode).ok_or_else(|| missing("position"))?;
    // Without the list the real server fails.
    let names = body["dn"].as_array().ok_or_else(|| Fault::new(500, "'dn'"))?;
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    Ok(progress::begin_many(call, kind, &names, &position))
}

fn missing(name: &'static str) -> Fault {
    Fault::invalid(vec![Mistake { location: Location::Structure(name), text: "Argument required".to_owned() }])
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
