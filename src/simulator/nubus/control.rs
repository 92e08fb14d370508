//! `/__control/…`: the same as [`NubusControl`] for other processes, as JSON.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::faults::{FaultRule, Place};
use super::reply::Reply;
use super::server::Shared;
use super::{NubusControl, NubusOptions};
use crate::simulator::http::Request;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUsers {
    context: u64,
    count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    place: Place,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    down: bool,
}

/// Answers a control request.
pub fn handle(shared: &Arc<Shared>, path: &str, request: &Request) -> Reply {
    let control = NubusControl(Arc::clone(shared));
    let body = || serde_json::from_slice::<Json>(&request.body).map_err(|error| error.to_string());
    let done = || Ok(json!({}));
    let result = match (request.method.as_str(), path) {
        ("GET", "counters") => to_json(&control.counters()),
        ("POST", "reset-counters") => {
            control.reset_counters();
            done()
        }
        ("GET", "deliveries") => to_json(&control.deliveries()),
        ("GET", "acknowledgements") => to_json(&control.acknowledgements()),
        ("GET", "subscriptions") => to_json(&control.subscriptions()),
        ("GET", "faults") => to_json(&control.faults()),
        ("POST", "faults") => body().and_then(|body| {
            let rules: Vec<FaultRule> = if body.is_array() { parse(body)? } else { vec![parse(body)?] };
            for rule in rules {
                control.add_fault(rule);
            }
            done()
        }),
        ("DELETE", "faults") => {
            control.clear_faults();
            done()
        }
        ("POST", "pause") => body().and_then(parse).and_then(|Held { place }| {
            control.pause(place);
            done()
        }),
        ("POST", "resume") => body().and_then(parse).and_then(|Held { place }| {
            control.resume(place);
            done()
        }),
        ("POST", "queue-server") => body().and_then(parse).and_then(|Switch { down }| {
            control.set_queue_server_down(down);
            done()
        }),
        ("POST", "blind-dispatcher") => {
            control.blind_dispatcher();
            done()
        }
        ("POST", "objects") => body().and_then(|body| {
            let files = if let Json::Array(files) = body { files } else { vec![body] };
            let results = files.iter().map(|file| control.apply(file).map_err(|error| error.to_string()));
            results.collect::<Result<Vec<()>, String>>().and_then(|_| done())
        }),
        ("GET", "object") => {
            let dn = request.parameters().into_iter().find(|(name, _)| name == "dn").map(|(_, dn)| dn);
            dn.and_then(|dn| control.object(&dn)).ok_or_else(|| "no such object".to_owned())
        }
        ("POST", "users") => body().and_then(|body| {
            let NewUsers { context, count } = parse(body)?;
            control.seed_users(context, count).map_err(|error| error.to_string()).and_then(|()| done())
        }),
        ("POST", "messages") => body().map(|body| json!({"status": control.post(&body)})),
        ("GET", "options") => to_json(&control.options()),
        ("POST", "options") => body().and_then(|body| change_options(&control, &body)),
        _ => return Reply::json(404, &json!({"error": "no such control"})),
    };
    match result {
        Ok(body) => Reply::json(200, &body),
        Err(error) => Reply::json(400, &json!({"error": error})),
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<Json, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

fn parse<T: serde::de::DeserializeOwned>(body: Json) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| error.to_string())
}

/// Only what is given changes.
fn change_options(control: &NubusControl, change: &Json) -> Result<Json, String> {
    let mut options = to_json(&control.options())?;
    merge(&mut options, change);
    let options: NubusOptions = parse(options)?;
    control.change_options(|now| *now = options);
    to_json(&control.options())
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
