//! The Provisioning API (`nubus-provisioning.md`).

mod answers;
mod auth;
mod message;
mod messages;
mod prefill;
mod queue;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use message::{Body, Message};
pub use messages::post;
pub use prefill::run_prefill;
pub use queue::{PrefillStatus, Provisioning, SubscriptionState};
pub use subscriptions::{set_prefill_status, subscribe, unsubscribe};

use super::clock;
use super::faults::Place;
use super::reply::Reply;
use super::server::{Shared, with_faults};
use crate::simulator::http::{Request, decode};

/// Answers a request.
pub async fn handle(shared: &Arc<Shared>, request: &Request, path: &str) -> Reply {
    drop(shared.event_loop.lock().await);
    tokio::time::sleep(Duration::from_millis(shared.options().latency.provisioning)).await;
    let path = path.strip_prefix("/v1").filter(|path| path.starts_with('/'));
    let (kind, mut reply) = match path {
        Some(path) => route(shared, request, path).await,
        None => ("other", answers::detail(404, "Not Found")),
    };
    let id = request_id(shared, request.header("x-request-id"));
    reply.headers.insert(0, ("date", clock::http(Timestamp::now())));
    reply.headers.insert(1, ("server", "uvicorn".to_owned()));
    reply.headers.push(("x-request-id", id));
    shared.ledger.answer(kind, &reply.outcome());
    reply
}

async fn route(shared: &Arc<Shared>, request: &Request, path: &str) -> (&'static str, Reply) {
    let parts: Vec<String> = path.split('/').skip(1).map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    let refuse = answers::refusal;
    let name = parts.get(1).copied().unwrap_or_default();
    let not_allowed = || answers::detail(405, "Method Not Allowed");
    match parts[..] {
        ["subscriptions"] => match method {
            "GET" => {
                let work = async { subscriptions::list(shared, request) };
                ("list", with_faults(shared, Place::Subscriptions, None, refuse, work).await)
            }
            "POST" => {
                let work = subscriptions::create(shared, request);
                ("create", with_faults(shared, Place::Subscriptions, None, refuse, work).await)
            }
            _ => ("other", not_allowed()),
        },
        ["subscriptions", _] if !name.is_empty() => match method {
            "GET" => {
                let work = subscriptions::get(shared, request, name);
                ("get", with_faults(shared, Place::Subscriptions, None, refuse, work).await)
            }
            "DELETE" => {
                let work = subscriptions::delete(shared, request, name);
                ("delete", with_faults(shared, Place::Subscriptions, None, refuse, work).await)
            }
            _ => ("other", not_allowed()),
        },
        ["subscriptions", _, "prefill"] if method == "PATCH" => {
            let work = async { subscriptions::set_prefill(shared, request, name) };
            ("prefill", with_faults(shared, Place::Subscriptions, None, refuse, work).await)
        }
        ["subscriptions", _, "messages", "next"] if method == "GET" => {
            let work = messages::next(shared, request, name);
            ("next", with_faults(shared, Place::Next, None, refuse, work).await)
        }
        ["subscriptions", _, "messages", number, "status"] if method == "PATCH" => {
            let work = messages::acknowledge(shared, request, name, number);
            ("acknowledge", with_faults(shared, Place::Acknowledge, None, refuse, work).await)
        }
        ["messages"] if method == "POST" => {
            let work = messages::post_route(shared, request);
            ("post", with_faults(shared, Place::Events, None, refuse, work).await)
        }
        ["messages"] | ["subscriptions", _, "prefill" | "messages", ..] if parts.last() != Some(&"") => {
            ("other", not_allowed())
        }
        [.., ""] => ("other", without_slash(request)),
        _ => ("other", answers::detail(404, "Not Found")),
    }
}

/// 307 to the form without slash.
fn without_slash(request: &Request) -> Reply {
    let host = request.header("host").unwrap_or_default();
    let location = format!("http://{host}{}", request.path.trim_end_matches('/'));
    Reply::new(307, vec![("location", location)], Vec::new())
}

/// A client's id is kept only if it is a UUID of version 4.
fn request_id(shared: &Shared, given: Option<&str>) -> String {
    let plain = |text: &str| text.replace('-', "").to_lowercase();
    let valid = |text: &String| {
        let bytes = text.as_bytes();
        bytes.len() == 32
            && bytes.iter().all(u8::is_ascii_hexdigit)
            && bytes[12] == b'4'
            && matches!(bytes[16], b'8' | b'9' | b'a' | b'b')
    };
    let kept = given.map(plain).filter(valid);
    kept.unwrap_or_else(|| plain(&shared.with_directory(|directory| directory.new_identifier())))
}

/// Puts anything into the queue of a subscription; gives its number.
pub fn enqueue(shared: &Shared, subscription: &str, content: &[u8]) -> Option<u64> {
    let number = shared.with_world(|world| {
        let subscription = world.provisioning.subscriptions.get_mut(subscription)?;
        Some(subscription.queue.as_mut()?.push(Arc::new(Message::from_bytes(content))))
    });
    shared.changed.notify_waiters();
    number
}

/// Takes the queue of a subscription away.
pub fn lose_queue(shared: &Shared, subscription: &str) {
    shared.with_world(|world| {
        if let Some(subscription) = world.provisioning.subscriptions.get_mut(subscription) {
            subscription.queue = None;
        }
    });
}

/// What a hard restart of the queue server does.
pub fn forget_deliveries(shared: &Shared) {
    shared.with_world(|world| {
        for subscription in world.provisioning.subscriptions.values_mut() {
            if let Some(queue) = &mut subscription.queue {
                queue.forget_deliveries();
            }
        }
    });
    shared.changed.notify_waiters();
}

/// Stops or starts the queue server.
pub fn set_down(shared: &Shared, down: bool) {
    shared.with_world(|world| world.provisioning.down = down);
    shared.changed.notify_waiters();
}

/// Lets the dispatcher believe that there are no subscriptions, until any of them changes.
pub fn blind(shared: &Shared) {
    shared.with_world(|world| world.provisioning.blind = true);
}
