//! A client that knows nothing but HTTP.

use std::io;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oxherd::simulator::nubus::{NubusControl, NubusOptions, NubusSimulator};
use serde_json::{Value, json};

use crate::simulator_support::http::{Connection, Response};

pub const BASE: &str = "dc=acme,dc=example";
pub const ANNA: &str = "uid=anna,cn=users,dc=acme,dc=example";
pub const TEAM: &str = "cn=team,cn=groups,dc=acme,dc=example";

/// A simulator that is ten times as fast as the real service.
pub async fn start() -> (NubusSimulator, Client) {
    let options = NubusOptions { ack_wait: 0.1, prefill_poll: 0.1, ..NubusOptions::default() };
    let simulator = NubusSimulator::start(options).await.unwrap();
    let client = Client { address: simulator.address(), control: simulator.control() };
    (simulator, client)
}

/// The same with Anna, who is in a team.
pub async fn start_with_anna() -> (NubusSimulator, Client) {
    let (simulator, client) = start().await;
    let control = &client.control;
    control.create("groups/group", TEAM, &json!({"name": "team"})).unwrap();
    control
        .create(
            "users/user",
            ANNA,
            &json!({"firstname": "Anna", "lastname": "Weber", "mailPrimaryAddress": "Anna@acme.example", "oxContext": 10,
                "groups": [TEAM]}),
        )
        .unwrap();
    (simulator, client)
}

#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub control: NubusControl,
}

/// `Authorization` for a user.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

impl Client {
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Response> {
        let mut connection = Connection::try_open(self.address).await?;
        let host = self.address.to_string();
        let length = body.len().to_string();
        let mut all = vec![("Host", host.as_str())];
        if !body.is_empty() {
            all.push(("Content-Length", &length));
            if !headers.iter().any(|(name, _)| *name == "Content-Type") {
                all.push(("Content-Type", "application/json"));
            }
        }
        all.extend_from_slice(headers);
        connection.exchange(method, path, &all, body.as_bytes()).await
    }

    /// A request of the Provisioning API.
    pub async fn v1(&self, user: &str, method: &str, path: &str, body: &Value) -> Response {
        let password = if user == "admin" { "admin" } else { "secret" };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let authorization = basic(user, password);
        self.send(method, &format!("/v1{path}"), &[("Authorization", &authorization)], &body).await.unwrap()
    }

    /// Fetches as a subscription.
    pub async fn next(&self, name: &str, timeout: &str) -> (u16, Value) {
        let response =
            self.v1(name, "GET", &format!("/subscriptions/{name}/messages/next?timeout={timeout}"), &Value::Null).await;
        (response.status, json_of(&response))
    }

    /// Acknowledges; gives status and body.
    pub async fn acknowledge(&self, name: &str, number: &str) -> (u16, Value) {
        let path = format!("/subscriptions/{name}/messages/{number}/status");
        let response = self.v1(name, "PATCH", &path, &json!({"status": "ok"})).await;
        (response.status, json_of(&response))
    }

    /// Fetches and acknowledges until the queue is empty.
    pub async fn drain(&self, name: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let (status, message) = self.next(name, "0").await;
            assert_eq!(status, 200);
            if message.is_null() {
                return messages;
            }
            let (status, _) = self.acknowledge(name, &message["sequence_number"].to_string()).await;
            assert_eq!(status, 200);
            messages.push(message);
        }
    }

    /// A request of UDM REST as the administrator.
    pub async fn udm(&self, method: &str, path: &str, body: &Value) -> Response {
        self.udm_with(method, path, &[], body).await
    }

    /// The same with more header fields.
    pub async fn udm_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Response {
        let authorization = basic("Administrator", "univention");
        let mut all = vec![("Authorization", authorization.as_str()), ("Accept", "application/json")];
        all.retain(|(name, _)| !headers.iter().any(|(given, _)| given == name));
        all.extend_from_slice(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/univention/udm{path}"), &all, &body).await.unwrap()
    }

    /// The objects that a search finds, by name.
    pub async fn search(&self, kind: &str, query: &str) -> Vec<String> {
        let response = self.udm("GET", &format!("/{kind}/?{query}"), &Value::Null).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let body = json_of(&response);
        let entries = body.pointer("/_embedded/udm:object").and_then(Value::as_array).cloned().unwrap_or_default();
        assert_eq!(body["results"], json!(entries.len()));
        entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or(Value::Null)
}

/// Topics and kinds of change of messages: `users/user create` and so on.
pub fn summary(messages: &[Value]) -> Vec<String> {
    let one = |message: &Value| {
        let there = |side: &str| message["body"][side].get("dn").is_some();
        let change = match (there("old"), there("new")) {
            (false, _) => "create",
            (true, false) => "delete",
            (true, true) if message["body"]["old"]["dn"] != message["body"]["new"]["dn"] => "rename",
            (true, true) if message["body"]["old"] == message["body"]["new"] => "equal",
            (true, true) => "modify",
        };
        format!("{} {change}", message["topic"].as_str().unwrap())
    };
    messages.iter().map(one).collect()
}
