//! The routes about messages: fetch, acknowledge, post.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answers::{self, Mistake};
use super::auth;
use super::message::{Message, Unacceptable};
use super::queue::{Fetch, PrefillStatus};
use crate::simulator::http::Request;
use crate::simulator::nubus::faults::Place;
use crate::simulator::nubus::ledger::{Acknowledgement, Delivery};
use crate::simulator::nubus::reply::Reply;
use crate::simulator::nubus::server::{Shared, with_faults};

const NEXT: &str = "GET /v1/subscriptions/{name}/messages/next";
const STATUS: &str = "PATCH /v1/subscriptions/{name}/messages/{seq_num}/status";

/// `GET …/messages/next`.
pub async fn next(shared: &Shared, request: &Request, name: &str) -> Reply {
    if let Err(reply) = auth::own(shared, request, name).await {
        return reply;
    }
    let (timeout, pop) = match poll_of(request) {
        Ok(poll) => poll,
        Err(reply) => return reply,
    };
    shared.pauses.pass(Place::Next).await;
    if shared.with_world(|world| world.provisioning.down) {
        tokio::time::sleep(2 * Shared::seconds(shared.options().ack_wait)).await;
        return answers::internal();
    }
    let started = Instant::now();
    if !gate_opens(shared, name, started + timeout).await {
        shared.ledger.count(|counters| counters.empty_polls += 1);
        return answers::null();
    }
    poll(shared, name, started + timeout, pop).await
}

/// `timeout` and `pop` of a request.
fn poll_of(request: &Request) -> Result<(Duration, bool), Reply> {
    let mut timeout = 5.0;
    let mut pop = false;
    for (name, value) in request.parameters() {
        let wrong = |kind, text: &str| {
            let (place, input) = (format!("('query', '{name}')"), format!("'{value}'"));
            let mistake = Mistake { kind, place, text: text.to_owned(), input, context: "" };
            answers::invalid(&[mistake], "get_next_message", 108, NEXT)
        };
        match name.as_str() {
            "timeout" => {
                let text = "Input should be a valid number, unable to parse string as a number";
                timeout = value.trim().parse::<f64>().map_err(|_| wrong("float_parsing", text))?;
            }
            "pop" => {
                pop = match value.to_lowercase().as_str() {
                    "true" | "1" | "on" | "yes" | "t" | "y" => true,
                    "false" | "0" | "off" | "no" | "f" | "n" => false,
                    _ => {
                        return Err(wrong(
                            "bool_parsing",
                            "Input should be a valid boolean, unable to interpret input",
                        ));
                    }
                };
            }
            _ => {}
        }
    }
    let timeout = if timeout <= 0.0 { 0.1 } else { timeout };
    // What is no length of time (`nan`) is an error that nobody catches.
    Duration::try_from_secs_f64(timeout).map(|timeout| (timeout, pop)).map_err(|_| answers::internal())
}

/// Whether messages may be handed out: waits for the end of the prefill, looking once per second.
async fn gate_opens(shared: &Shared, name: &str, deadline: Instant) -> bool {
    if shared.process().gates.contains(name) {
        return true;
    }
    let pace = Shared::seconds(shared.options().prefill_poll);
    loop {
        let status = shared.with_world(|world| world.provisioning.subscriptions.get(name).map(|found| found.prefill));
        if status == Some(PrefillStatus::Done) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(pace).await;
    }
}

async fn poll(shared: &Shared, name: &str, deadline: Instant, pop: bool) -> Reply {
    let ack_wait = Shared::seconds(shared.options().ack_wait);
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let now = Instant::now();
        let looked = shared.with_world(|world| {
            let down = world.provisioning.down;
            let Some(subscription) = world.provisioning.subscriptions.get_mut(name) else {
                // Deleted during the poll: nobody notices.
                return Ok(Fetch::Wait(None));
            };
            let queue = subscription.queue.as_mut();
            let queue = queue.ok_or_else(|| answers::detail(500, "Inconsistent message queue state in NATS"))?;
            if down {
                return Ok(Fetch::Wait(None));
            }
            let found = queue.fetch(now, ack_wait);
            if pop && matches!(found, Fetch::Message(..)) {
                queue.pop();
            }
            Ok(found)
        });
        let again = match looked {
            Err(reply) => return reply,
            Ok(Fetch::Message(number, count, message)) => {
                let answer = async {
                    let reply = deliver(shared, name, number, count, &message);
                    shared.pauses.pass(Place::Delivery).await;
                    reply
                };
                return with_faults(shared, Place::Delivery, Some(&message.topic), answers::refusal, answer).await;
            }
            Ok(Fetch::Wait(again)) => again,
        };
        if now >= deadline {
            let done = shared.with_world(|world| {
                let subscription = world.provisioning.subscriptions.get(name);
                subscription.is_some_and(|subscription| subscription.prefill == PrefillStatus::Done)
            });
            if done {
                // The quirk: remembered by name, whatever becomes of the subscription.
                shared.process().gates.insert(name.to_owned());
            }
            shared.ledger.count(|counters| counters.empty_polls += 1);
            return answers::null();
        }
        let until = again.map_or(deadline, |again| again.min(deadline));
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep_until(until.into()) => {}
        }
    }
}

fn deliver(shared: &Shared, name: &str, number: u64, count: u64, message: &Arc<Message>) -> Reply {
    let udm = format!("{}/univention/udm", shared.base_url());
    let body = shared.with_world(|world| message.render(&world.directory, &udm, Some((number, count))));
    let Some(body) = body else { return answers::internal() };
    shared.ledger.delivered(Delivery {
        order: 0,
        subscription: name.to_owned(),
        sequence_number: number,
        num_delivered: count,
        topic: message.topic.clone(),
        publisher: message.publisher.clone(),
        identifier: message.identifier(),
    });
    Reply::new(200, vec![("content-type", "application/json".to_owned())], body)
}

/// `PATCH …/messages/{seq}/status`.
pub async fn acknowledge(shared: &Shared, request: &Request, name: &str, number: &str) -> Reply {
    if let Err(reply) = auth::own(shared, request, name).await {
        return reply;
    }
    shared.pauses.pass(Place::Acknowledge).await;
    let reply = if shared.with_world(|world| world.provisioning.down) {
        tokio::time::sleep(2 * Shared::seconds(shared.options().ack_wait)).await;
        answers::internal()
    } else {
        take(shared, request, name, number)
    };
    shared.ledger.acknowledged(Acknowledgement {
        order: 0,
        subscription: name.to_owned(),
        sequence_number: number.to_owned(),
        effective: reply.status == 200,
    });
    shared.changed.notify_waiters();
    reply
}

fn take(shared: &Shared, request: &Request, name: &str, number: &str) -> Reply {
    let mut mistakes = Vec::new();
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        mistakes.push(Mistake {
            kind: "int_parsing",
            place: "('path', 'seq_num')".to_owned(),
            text: "Input should be a valid integer, unable to parse string as an integer".to_owned(),
            input: format!("'{number}'"),
            context: "",
        });
    }
    let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    match body.get("status") {
        Some(Value::String(status)) if status == "ok" => {}
        Some(other) => mistakes.push(Mistake {
            kind: "enum",
            place: "('body', 'status')".to_owned(),
            text: "Input should be 'ok'".to_owned(),
            input: answers::python(other),
            context: ", 'ctx': {'expected': \"'ok'\"}",
        }),
        None => mistakes.push(Mistake {
            kind: "missing",
            place: "('body', 'status')".to_owned(),
            text: "Field required".to_owned(),
            input: answers::python(&body),
            context: "",
        }),
    }
    if !mistakes.is_empty() {
        return answers::invalid(&mistakes, "update_message_status", 137, STATUS);
    }
    // 0, negative and above 64 bits: the queue server refuses them and nobody catches that.
    let Some(number) = number.parse::<u64>().ok().filter(|number| *number > 0) else { return answers::internal() };
    shared.with_world(|world| {
        let subscription = world.provisioning.subscriptions.get_mut(name);
        match subscription.and_then(|subscription| subscription.queue.as_mut()) {
            None => answers::detail(404, "stream not found"),
            Some(queue) => {
                let known = queue.acknowledge(number);
                if known { answers::null() } else { answers::detail(404, "no message found") }
            }
        }
    })
}

/// `POST /v1/messages`.
pub async fn post_route(shared: &Shared, request: &Request) -> Reply {
    if let Err(reply) = auth::service(request, "udm", &shared.options().events_password) {
        return reply;
    }
    if shared.with_world(|world| world.provisioning.down) {
        tokio::time::sleep(10 * Shared::seconds(shared.options().ack_wait)).await;
        return answers::internal();
    }
    if request.body.len() > shared.options().message_limit {
        return answers::internal();
    }
    accept(shared, &serde_json::from_slice(&request.body).unwrap_or_default())
}

/// Hands a message to the subscriptions that want it; gives the status of the answer.
pub fn post(shared: &Shared, message: &Value) -> u16 {
    accept(shared, message).status
}

fn accept(shared: &Shared, value: &Value) -> Reply {
    let mistake = match Message::posted(value) {
        Ok(message) => {
            shared.with_world(|world| world.provisioning.dispatch(&Arc::new(message)));
            shared.changed.notify_waiters();
            return Reply::json(202, &Value::Null);
        }
        Err(Unacceptable::Empty) => return answers::internal(),
        Err(Unacceptable::Missing(field)) => Mistake {
            kind: "missing",
            place: format!("('body', '{field}')"),
            text: "Field required".to_owned(),
            input: answers::python(value),
            context: "",
        },
        Err(Unacceptable::Invalid { place, input }) => Mistake {
            kind: "enum",
            place: format!("('body', '{place}')"),
            text: "Input should be valid".to_owned(),
            input: answers::python(&input),
            context: "",
        },
    };
    answers::invalid(&[mistake], "post_message", 90, "POST /v1/messages")
}
