//! A queue with the habits of the real one, as far as the consumer sees them, and with faults on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use oxherd::source::nubus::{NubusConfig, Timing};
use oxherd::transport::{Backoff, Credentials};
use serde_json::{Value, json};

use crate::server::{self, Answer, Handler, Request};

/// Name of the subscription.
pub const NAME: &str = "oxherd";

/// Which requests a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Fetch,
    Acknowledge,
    Look,
}

struct Inner {
    exists: bool,
    password: String,
    admin_password: String,
    status: &'static str,
    topics: Vec<Value>,
    messages: VecDeque<Value>,
    next_number: u64,
    faults: VecDeque<(On, Answer, bool)>,
    requests: Vec<Request>,
}

/// A queue, and the way to disturb it.
#[derive(Clone)]
pub struct Queue {
    pub url: String,
    /// What happened, in order: `handed out 1`, `acknowledged 1`, and what the journal adds.
    pub log: Arc<Mutex<Vec<String>>>,
    inner: Arc<Mutex<Inner>>,
}

impl Queue {
    /// An empty queue of a subscription that exists.
    pub fn start() -> Self {
        let inner = Inner {
            exists: true,
            password: "secret".to_owned(),
            admin_password: "admin-secret".to_owned(),
            status: "done",
            topics: topics(&ALL),
            messages: VecDeque::new(),
            next_number: 1,
            faults: VecDeque::new(),
            requests: Vec::new(),
        };
        let mut queue = Self { url: String::new(), log: Arc::default(), inner: Arc::new(Mutex::new(inner)) };
        queue.url = server::start(queue.handler());
        queue
    }

    pub fn handler(&self) -> Handler {
        let queue = self.clone();
        Arc::new(move |request| queue.answer(request))
    }

    /// How it is read, with little patience.
    pub fn config(&self) -> NubusConfig {
        NubusConfig { timing: HASTY, ..NubusConfig::new(&self.url, Credentials::new(NAME, "secret".to_owned())) }
    }

    /// As it is read by somebody who may create it.
    pub fn admin_config(&self) -> NubusConfig {
        NubusConfig { admin: Some(Credentials::new("admin", "admin-secret".to_owned())), ..self.config() }
    }

    /// Puts a message into the queue; gives its number.
    pub fn post(&self, message: Value) -> u64 {
        let number = self.inner.lock().unwrap().next_number;
        self.post_as(number, message);
        number
    }

    /// Puts a message into the queue under this number.
    pub fn post_as(&self, number: u64, mut message: Value) {
        let mut inner = self.inner.lock().unwrap();
        inner.next_number = number + 1;
        message["sequence_number"] = json!(number);
        message["num_delivered"] = json!(0);
        inner.messages.push_back(message);
    }

    /// The next request of this kind gets this answer. With effect, an acknowledgement still counts.
    pub fn fail(&self, on: On, answer: Answer) {
        self.inner.lock().unwrap().faults.push_back((on, answer, false));
    }

    pub fn fail_with_effect(&self, on: On, answer: Answer) {
        self.inner.lock().unwrap().faults.push_back((on, answer, true));
    }

    /// How far the prefill is.
    pub fn prefill(&self, status: &'static str) {
        self.inner.lock().unwrap().status = status;
    }

    pub fn has_topics(&self, names: &[&str]) {
        self.inner.lock().unwrap().topics = topics(names);
    }

    pub fn set_password(&self, password: &str) {
        password.clone_into(&mut self.inner.lock().unwrap().password);
    }

    /// The subscription is deleted.
    pub fn delete(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.exists = false;
        inner.messages.clear();
        inner.next_number = 1;
    }

    /// The subscription is deleted and created anew.
    pub fn recreate(&self) {
        self.delete();
        self.inner.lock().unwrap().exists = true;
    }

    pub fn exists(&self) -> bool {
        self.inner.lock().unwrap().exists
    }

    /// Numbers of the messages in the queue.
    pub fn waiting(&self) -> Vec<u64> {
        let inner = self.inner.lock().unwrap();
        inner.messages.iter().map(|message| message["sequence_number"].as_u64().unwrap()).collect()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.inner.lock().unwrap().requests.clone()
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }

    fn answer(&self, request: &Request) -> Answer {
        let path = request.path.split('?').next().unwrap().to_owned();
        let on = match request.method.as_str() {
            "GET" if path.ends_with("/messages/next") => Some(On::Fetch),
            "PATCH" => Some(On::Acknowledge),
            "GET" => Some(On::Look),
            _ => None,
        };
        let fault = {
            let mut inner = self.inner.lock().unwrap();
            inner.requests.push(request.clone());
            let at = inner.faults.iter().position(|(kind, ..)| Some(*kind) == on);
            at.and_then(|at| inner.faults.remove(at))
        };
        if let Some((_, answer, effect)) = fault {
            if effect {
                self.properly(request, &path, on);
            }
            return answer;
        }
        self.properly(request, &path, on)
    }

    fn properly(&self, request: &Request, path: &str, on: Option<On>) -> Answer {
        let own = format!("/v1/subscriptions/{NAME}");
        let refused = Answer::Json(401, r#"{"detail":"Incorrect username or password"}"#.to_owned());
        let null = Answer::Json(200, "null".to_owned());
        if request.user == "admin" {
            let mut inner = self.inner.lock().unwrap();
            if request.password != inner.admin_password {
                return refused;
            }
            return match request.method.as_str() {
                "DELETE" if inner.exists => {
                    drop(inner);
                    self.delete();
                    null
                }
                "DELETE" => Answer::Json(404, r#"{"detail":"Subscription was not found."}"#.to_owned()),
                "POST" => {
                    let wanted: Value = serde_json::from_slice(&request.body).unwrap();
                    let same = wanted["password"] == json!(inner.password);
                    if inner.exists && !same {
                        return Answer::Json(409, r#"{"detail":"already registered"}"#.to_owned());
                    }
                    let status = if inner.exists { 200 } else { 201 };
                    inner.exists = true;
                    wanted["password"].as_str().unwrap().clone_into(&mut inner.password);
                    inner.topics.clone_from(wanted["realms_topics"].as_array().unwrap());
                    Answer::Json(status, "null".to_owned())
                }
                _ => refused,
            };
        }
        {
            let inner = self.inner.lock().unwrap();
            if !inner.exists || request.user != NAME || request.password != inner.password {
                return refused;
            }
        }
        match on {
            Some(On::Look) if path == own => {
                let inner = self.inner.lock().unwrap();
                let subscription = json!({"name": NAME, "realms_topics": inner.topics, "request_prefill": false,
                    "prefill_queue_status": inner.status});
                Answer::Json(200, subscription.to_string())
            }
            Some(On::Fetch) => self.fetch(request),
            Some(On::Acknowledge) => {
                let number: u64 = path.split('/').nth(5).unwrap().parse().unwrap();
                let mut inner = self.inner.lock().unwrap();
                let before = inner.messages.len();
                inner.messages.retain(|message| message["sequence_number"] != json!(number));
                if inner.messages.len() == before {
                    return Answer::Json(404, r#"{"detail":"no message found"}"#.to_owned());
                }
                drop(inner);
                self.note(format!("acknowledged {number}"));
                null
            }
            _ => Answer::Json(404, r#"{"detail":"Not Found"}"#.to_owned()),
        }
    }

    fn fetch(&self, request: &Request) -> Answer {
        let wait = request.path.split("timeout=").nth(1).unwrap().parse().map(Duration::from_secs_f64).unwrap();
        let asked = Instant::now();
        loop {
            {
                let mut inner = self.inner.lock().unwrap();
                if inner.status == "done"
                    && let Some(message) = inner.messages.front_mut()
                {
                    let deliveries = message["num_delivered"].as_u64().unwrap() + 1;
                    message["num_delivered"] = json!(deliveries);
                    let (number, text) = (message["sequence_number"].clone(), message.to_string());
                    drop(inner);
                    self.note(format!("handed out {number}"));
                    return Answer::Json(200, text);
                }
            }
            if asked.elapsed() >= wait {
                return Answer::Json(200, "null".to_owned());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// As the real service, but for people who wait for a test.
pub const HASTY: Timing = Timing {
    poll: Duration::from_millis(700),
    backoff: Backoff { first: Duration::from_millis(2), most: Duration::from_millis(20) },
    refused: Backoff { first: Duration::from_millis(20), most: Duration::from_millis(40) },
    prefill: Duration::from_secs(4),
};

pub const ALL: [&str; 8] = [
    "oxmail/oxcontext",
    "oxmail/accessprofile",
    "users/user",
    "groups/group",
    "oxmail/functional_account",
    "oxmail/shared_account",
    "oxmail/shared_account_permission",
    "oxresources/oxresources",
];

fn topics(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({"realm": "udm", "topic": name})).collect()
}

/// A live message about a user: created or changed.
pub fn live(id: &str, name: &str) -> Value {
    let new = json!({
        "dn": format!("uid={id},cn=users,dc=test"), "objectType": "users/user", "id": id, "position": "cn=users,dc=test",
        "properties": {"username": id, "lastname": name, "univentionObjectIdentifier": id}, "options": {}, "policies": {},
    });
    message("udm-listener", "users/user", &json!({}), &new)
}

/// A copy of the prefill.
pub fn prefill(id: &str, name: &str) -> Value {
    let mut message = live(id, name);
    message["publisher_name"] = json!("udm-pre-fill");
    message["body"]["new"]["uuid"] = json!("another one");
    message["body"]["new"]["_embedded"] = json!({});
    message
}

/// A live message about a user that was removed.
pub fn removal(id: &str) -> Value {
    let mut message = live(id, "");
    message["body"]["old"] = message["body"]["new"].take();
    message["body"]["new"] = json!({});
    message
}

/// A message with the time of now.
pub fn message(publisher: &str, topic: &str, old: &Value, new: &Value) -> Value {
    let now = jiff::Timestamp::now().to_string();
    json!({"publisher_name": publisher, "ts": now.trim_end_matches('Z'), "realm": "udm", "topic": topic,
        "body": {"old": old, "new": new}})
}
