//! Entry point, look-ups of one object, the form for a new one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Call;
use super::conditions::{self, Outcome};
use super::errors::Fault;
use super::links::{self, Link};
use crate::simulator::nubus::directory::{Directory, Json, Kind, Object, PictureShape, dn};
use crate::simulator::nubus::reply::Reply;

/// `GET ./`.
pub fn root(call: &Call<'_>) -> Reply {
    let links = links::of_root(&call.root);
    let mut body = Vec::new();
    let mut json = Json::open(&mut body);
    Link::write(&links, &mut json);
    json.close();
    let headers = vec![("Cache-Control", "public".to_owned()), ("Etag", format!("\"{:040x}\"", body.len()))];
    call.answer(200, headers, &links, body)
}

/// `GET ./object/<dn or entryUUID>`: by far the cheapest look-up.
pub fn by_any(call: &Call<'_>, wanted: &str) -> Reply {
    call.shared.ledger.count(|counters| counters.udm_gets += 1);
    let found = call.shared.with_directory(|directory| directory.by_uuid(wanted).or_else(|| at(directory, wanted)));
    match found {
        Some(object) => redirect(call, &call.url(object.kind, &object.dn), "Get UDM object by DN or UUID"),
        None => call.refuse(Fault::not_found()),
    }
}

/// `GET ./ldap/base/`.
pub fn base(call: &Call<'_>) -> Reply {
    let base = call.shared.options().base_dn.clone();
    redirect(call, &call.url(Kind::Root, &base), "LDAP base")
}

fn redirect(call: &Call<'_>, target: &str, title: &str) -> Reply {
    let headers = vec![("Location", target.to_owned()), ("Cache-Control", "public, must-revalidate".to_owned())];
    call.small_with(301, headers, &[], vec![Link::new("self", target.to_owned()).title(title)])
}

/// The object with a distinguished name; the base must be spelled exactly.
pub fn at(directory: &Directory, dn: &str) -> Option<Arc<Object>> {
    let rest = dn.strip_suffix(directory.base.as_str())?;
    (rest.is_empty() || rest.ends_with(',')).then(|| directory.find(dn)).flatten()
}

/// The object of a type with a distinguished name.
pub fn find(call: &Call<'_>, kind: Kind, dn: &str) -> Result<Arc<Object>, Fault> {
    let object = call.shared.with_directory(|directory| at(directory, dn)).ok_or_else(Fault::not_found)?;
    if object.kind == kind {
        return Ok(object);
    }
    let text = format!(
        "The object type of this object differs from the specified object type: {dn} is not recognized as {kind}."
    );
    Err(Fault::new(400, &text))
}

/// The error that a group with a member of another type gives at each reading.
pub fn sound(directory: &Directory, object: &Object) -> Result<(), Fault> {
    match directory.foreign_member(object) {
        None => Ok(()),
        Some(member) => {
            let class = match member.kind {
                Kind::FunctionalAccount => "oxFunctionalAccount",
                Kind::Resource => "oxResource",
                _ => "organizationalRole",
            };
            let text = format!("{} not detected: [b'top', b'{class}', b'univentionObject']", member.dn);
            Err(Fault::new(500, &text))
        }
    }
}

/// `GET ./<type>/<dn>`.
pub fn object(call: &Call<'_>, kind: Kind, dn: &str) -> Reply {
    call.shared.ledger.count(|counters| counters.udm_gets += 1);
    match try_object(call, kind, dn) {
        Ok(reply) => reply,
        Err(fault) => call.refuse(fault),
    }
}

fn try_object(call: &Call<'_>, kind: Kind, dn: &str) -> Result<Reply, Fault> {
    let object = find(call, kind, dn)?;
    let snapshot = call.shared.with_directory(|directory| {
        sound(directory, &object)?;
        Ok(directory.snapshot(&object))
    })?;
    let mut headers = Call::validators(&object);
    if conditions::reading(call, &object.tag())? == Outcome::NotModified {
        return Ok(call.nothing(304, headers));
    }
    let named: Vec<String> = call
        .request
        .parameters()
        .into_iter()
        .filter(|(name, _)| name == "properties")
        .map(|(_, value)| value)
        .collect();
    let named = (!named.is_empty()).then_some(named);
    let links = links::of_object(call, &snapshot, dn, named.is_some());
    let mut body = Vec::new();
    let mut json = Json::open(&mut body);
    Link::write(&links, &mut json);
    json.field("_embedded", &json!({}));
    json.field("uri", &call.url(kind, dn));
    call.shared.with_directory(|directory| {
        let shape = PictureShape::Rest { properties: named.as_deref(), opened: true };
        directory.write(&mut json, &snapshot, dn, shape);
    });
    json.close();
    headers.push(("Allow", "GET, OPTIONS, PUT, PATCH, DELETE".to_owned()));
    headers.push(("Accept-Patch", "application/json-patch+json, application/json".to_owned()));
    headers.push(("Cache-Control", "private, must-revalidate".to_owned()));
    Ok(call.answer(200, headers, &links, body))
}

/// `GET ./<type>/add`: default values.
pub fn template(call: &Call<'_>, kind: Kind) -> Reply {
    let module = kind.module();
    let links = links::of_template(call, kind);
    let mut body = Vec::new();
    let mut json = Json::open(&mut body);
    Link::write(&links, &mut json);
    json.field("_embedded", &json!({}));
    call.shared.with_directory(|directory| {
        let position = format!("{},{}", module.container, directory.base);
        let object = Arc::new(Object::new(kind, dn::below(module.rdn, "new", &position), String::new()));
        let mut picture = directory.picture(&object);
        if let Some(properties) = picture["properties"].as_object_mut() {
            // Values that are made at creation only; a new user is an OX user unless told otherwise.
            for (name, value) in [("isOxUser", Value::Bool(true)), ("pwdChangeNextLogin", Value::Null)] {
                if kind == Kind::User {
                    properties.insert(name.to_owned(), value);
                }
            }
            for name in ["lockedTime", "unlockTime"] {
                if let Some(value) = properties.get_mut(name) {
                    *value = Value::Null;
                }
            }
        }
        json.field("objectType", module.name);
        json.field("position", &position);
        for key in ["properties", "options", "policies"] {
            json.field(key, &picture[key]);
        }
    });
    json.close();
    let mut headers =
        vec![("Cache-Control", "public, must-revalidate".to_owned()), ("Etag", format!("\"{:040x}\"", body.len()))];
    headers.extend(Link::new("self", call.here()).title(&format!("Add {}", module.title)).header());
    call.answer(200, headers, &links, body)
}
