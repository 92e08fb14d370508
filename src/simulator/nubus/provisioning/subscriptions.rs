//! The routes about subscriptions.

use serde::Deserialize;
use serde_json::Value;

use super::answers::{self, Mistake};
use super::auth;
use super::queue::{PrefillStatus, Provisioning, Topic};
use crate::simulator::http::Request;
use crate::simulator::nubus::ordered::Ordered;
use crate::simulator::nubus::reply::Reply;
use crate::simulator::nubus::server::Shared;

#[derive(Clone, Debug, Deserialize)]
struct SubscriptionCreate {
    name: String,
    realms_topics: Vec<Topic>,
    request_prefill: bool,
    password: String,
}

/// `POST /v1/subscriptions`.
pub async fn create(shared: &Shared, request: &Request) -> Reply {
    if let Err(reply) = auth::service(request, "admin", &shared.options().admin_password) {
        return reply;
    }
    let invalid =
        |mistakes: &[Mistake]| answers::invalid(mistakes, "create_subscription", 72, "POST /v1/subscriptions");
    let Ok(body) = serde_json::from_slice::<Ordered>(&request.body) else {
        return invalid(&[mistake("json_invalid", "('body', 0)", "JSON decode error", "{}".to_owned())]);
    };
    // The answer repeats the whole body, the password too.
    let fields = ["name", "realms_topics", "request_prefill", "password"];
    let missing = fields.iter().filter(|field| body.get(field).is_none());
    let missing: Vec<Mistake> = missing
        .map(|field| {
            mistake("missing", &format!("('body', '{field}')"), "Field required", answers::python_object(&body))
        })
        .collect();
    if !missing.is_empty() {
        return invalid(&missing);
    }
    let Ok(wanted) = serde_json::from_value::<SubscriptionCreate>(Value::Object(body.map())) else {
        let text = "Input should be valid";
        return invalid(&[mistake("model_attributes_type", "('body',)", text, answers::python_object(&body))]);
    };
    let status = shared.with_world(|world| put(&mut world.provisioning, wanted));
    shared.changed.notify_waiters();
    // Hashing the new password, or comparing it with the old one, stops the process as each check does.
    let cost = std::time::Duration::from_millis(shared.options().latency.password_check);
    if !cost.is_zero() {
        let _stopped = shared.event_loop.lock().await;
        tokio::time::sleep(cost).await;
    }
    match status {
        Created::New => Reply::json(201, &Value::Null),
        Created::Same => answers::null(),
        Created::Different => {
            answers::detail(409, "Subscription with the given name already registered but with different parameters.")
        }
        Created::BadName => answers::detail(500, "Subscription could not be created due to an internal error"),
        Created::Failed => answers::internal(),
    }
}

/// What became of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Created {
    New,
    Same,
    Different,
    /// `.` or `/`: refused, but the credential stays behind.
    BadName,
    /// Other signs that the queue server does not take.
    Failed,
}

fn put(provisioning: &mut Provisioning, wanted: SubscriptionCreate) -> Created {
    let SubscriptionCreate { name, realms_topics, request_prefill, password } = wanted;
    if provisioning.down {
        return Created::Failed;
    }
    if let Some(known) = provisioning.subscriptions.get(&name) {
        let same =
            known.topics == realms_topics && known.request_prefill == request_prefill && known.accepts(&password);
        return if same { Created::Same } else { Created::Different };
    }
    let fine = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-');
    if name.is_empty() || name.chars().any(|sign| !fine(sign) && !matches!(sign, '.' | '/')) {
        return Created::Failed;
    }
    if !name.chars().all(fine) {
        provisioning.stray_credential = true;
        return Created::BadName;
    }
    provisioning.add(&name, realms_topics, request_prefill, password);
    Created::New
}

/// Creates a subscription; gives the status of the answer.
pub fn subscribe(shared: &Shared, name: &str, password: &str, topics: &[&str], request_prefill: bool) -> u16 {
    let topic = |topic: &&str| Topic { realm: "udm".to_owned(), topic: (*topic).to_owned() };
    let wanted = SubscriptionCreate {
        name: name.to_owned(),
        realms_topics: topics.iter().map(topic).collect(),
        request_prefill,
        password: password.to_owned(),
    };
    let created = shared.with_world(|world| put(&mut world.provisioning, wanted));
    shared.changed.notify_waiters();
    match created {
        Created::New => 201,
        Created::Same => 200,
        Created::Different => 409,
        Created::BadName | Created::Failed => 500,
    }
}

/// `GET /v1/subscriptions`.
pub fn list(shared: &Shared, request: &Request) -> Reply {
    if let Err(reply) = auth::service(request, "admin", &shared.options().admin_password) {
        return reply;
    }
    shared.with_world(|world| {
        let provisioning = &world.provisioning;
        if provisioning.stray_credential || provisioning.down {
            return answers::internal();
        }
        let all = provisioning.subscriptions.iter().map(|(name, subscription)| subscription.picture(name));
        Reply::json(200, &all.collect())
    })
}

/// `GET /v1/subscriptions/{name}`.
pub async fn get(shared: &Shared, request: &Request, name: &str) -> Reply {
    if let Err(reply) = auth::own(shared, request, name).await {
        return reply;
    }
    shared.with_world(|world| match world.provisioning.subscriptions.get(name) {
        _ if world.provisioning.down => answers::internal(),
        Some(subscription) => Reply::json(200, &subscription.picture(name)),
        None => answers::unauthorized("Incorrect username or password"),
    })
}

/// `DELETE /v1/subscriptions/{name}`.
pub async fn delete(shared: &Shared, request: &Request, name: &str) -> Reply {
    if let Err(reply) = auth::own_or_admin(shared, request, name).await {
        return reply;
    }
    if unsubscribe(shared, name) {
        answers::null()
    } else {
        answers::detail(404, &format!("Subscription not found: '{name}'"))
    }
}

/// Deletes a subscription; false if there is none.
pub fn unsubscribe(shared: &Shared, name: &str) -> bool {
    let removed = shared.with_world(|world| {
        world.provisioning.blind = false;
        world.provisioning.subscriptions.remove(name).is_some()
    });
    shared.changed.notify_waiters();
    removed
}

/// `PATCH /v1/subscriptions/{name}/prefill`.
pub fn set_prefill(shared: &Shared, request: &Request, name: &str) -> Reply {
    if let Err(reply) = auth::service(request, "prefill", &shared.options().prefill_password) {
        return reply;
    }
    let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    let status = body.get("status").cloned().unwrap_or_default();
    let Ok(status) = serde_json::from_value::<PrefillStatus>(status.clone()) else {
        let text = "Input should be 'pending', 'running', 'failed' or 'done'";
        let mistakes = [mistake("enum", "('body', 'status')", text, answers::python(&status))];
        let route = "PATCH /v1/subscriptions/{name}/prefill";
        return answers::invalid(&mistakes, "update_subscription_prefill_status", 118, route);
    };
    if set_prefill_status(shared, name, status) {
        answers::null()
    } else {
        answers::detail(404, &format!("Subscription not found: '{name}'"))
    }
}

/// Sets the prefill status; false if there is no such subscription.
pub fn set_prefill_status(shared: &Shared, name: &str, status: PrefillStatus) -> bool {
    let known = shared.with_world(|world| {
        world.provisioning.blind = false;
        let subscription = world.provisioning.subscriptions.get_mut(name);
        subscription.map(|subscription| subscription.prefill = status).is_some()
    });
    shared.changed.notify_waiters();
    known
}

fn mistake(kind: &'static str, place: &str, text: &str, input: String) -> Mistake {
    Mistake { kind, place: place.to_owned(), text: text.to_owned(), input, context: "" }
}
