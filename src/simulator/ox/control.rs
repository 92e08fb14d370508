//! `/__control/…`: the same as [`OxControl`] for other processes, as JSON.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::faults_on_demand::FaultRule;
use super::http::{Reply, Request};
use super::server::Shared;
use super::{OxControl, dump};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGuest {
    context: i64,
    mail: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockOf {
    context: i64,
}

/// Answers a control request.
pub fn handle(shared: &Shared, path: &str, request: &Request) -> Reply {
    let body = || serde_json::from_slice::<Json>(&request.body).map_err(|error| error.to_string());
    let result = match (request.method.as_str(), path) {
        ("GET", "counters") => serde_json::to_value(shared.counters.snapshot()).map_err(|error| error.to_string()),
        ("POST", "reset-counters") => {
            shared.counters.reset();
            Ok(json!({}))
        }
        ("GET", "state") => Ok(dump::dump(&shared.world, request.query == "passwords=true")),
        ("GET", "faults") => {
            let faults = shared.faults.list();
            Ok(faults.into_iter().map(|(id, rule)| json!({"id": id, "fault": rule})).collect())
        }
        ("POST", "faults") => body().and_then(|body| add_faults(shared, body)),
        ("DELETE", "faults") => {
            shared.faults.clear();
            shared.come_back();
            Ok(json!({}))
        }
        ("POST", "guests") => body().and_then(|body| {
            let NewGuest { context, mail } = parse(body)?;
            let id = OxControl::guest(shared, context, &mail).ok_or("no such context")?;
            Ok(json!({"id": id}))
        }),
        ("POST", "locks") => body().and_then(|body| {
            let LockOf { context } = parse(body)?;
            OxControl::abandon(shared, context).then(|| json!({})).ok_or_else(|| "no such context".to_owned())
        }),
        ("GET", "options") => serde_json::to_value(&*shared.options()).map_err(|error| error.to_string()),
        ("POST", "options") => body().and_then(|body| change_options(shared, &body)),
        _ => {
            let body = json!({"error": "no such control"}).to_string().into_bytes();
            return Reply::Plain { status: "404 Not Found", content_type: "application/json", body };
        }
    };
    let (status, body) = match result {
        Ok(body) => ("200 OK", body),
        Err(error) => ("400 Bad Request", json!({"error": error})),
    };
    Reply::Plain { status, content_type: "application/json", body: body.to_string().into_bytes() }
}

fn parse<T: serde::de::DeserializeOwned>(body: Json) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| error.to_string())
}

/// One rule or a list of them.
fn add_faults(shared: &Shared, body: Json) -> Result<Json, String> {
    let rules: Vec<FaultRule> = if body.is_array() { parse(body)? } else { vec![parse(body)?] };
    let ids: Vec<Json> = rules.into_iter().map(|rule| OxControl::order(shared, rule).into()).collect();
    Ok(json!({"ids": ids}))
}

/// Only what is given changes.
fn change_options(shared: &Shared, change: &Json) -> Result<Json, String> {
    let mut options = serde_json::to_value(&*shared.options()).map_err(|error| error.to_string())?;
    merge(&mut options, change);
    shared.set_options(parse(options)?);
    serde_json::to_value(&*shared.options()).map_err(|error| error.to_string())
}

fn merge(into: &mut Json, change: &Json) {
    match (into, change) {
        (Json::Object(into), Json::Object(change)) => {
            for (name, value) in change {
                merge(into.entry(name.clone()).or_insert(Json::Null), value);
            }
        }
        (into, change) => *into = change.clone(),
    }
}
