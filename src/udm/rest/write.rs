//! Changes. None of them is repeated unless the server says that it did nothing, or the same again does no harm.

use std::time::Duration;

use reqwest::header::{ETAG, IF_MATCH};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::udm::{Dn, ObjectType};

use super::client::{Repeat, UdmClient, parse, read, with_json};
use super::error::{Category, Subject, UdmError};
use super::look_up::{header, location};

/// How long the move of a container may take, and how often to look.
const MOVE: (Duration, Duration) = (Duration::from_mins(10), Duration::from_secs(1));

/// An object to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewObject {
    /// Of which type.
    pub kind: ObjectType,
    /// The distinguished name of the container in which it is made.
    pub position: String,
    /// Its properties, with the JSON types that UDM wants (`udm-rest.md` 18).
    pub properties: Map<String, Value>,
}

/// An object that was made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Created {
    /// Its distinguished name.
    pub dn: String,
    /// The `entryUUID` of its LDAP entry.
    pub uuid: String,
}

/// When a change may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// If the object is still as it was read: the tag of [`super::Read`]. Does not cover the groups of a user.
    Unchanged(String),
}

/// What a change led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The version now, for the next change. After a move it is not the one that a read gives.
    pub etag: Option<String>,
    /// What was not done although the rest was (HTTP 200 instead of 204).
    pub warnings: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default, rename = "_embedded")]
    embedded: Warnings,
}

#[derive(Default, Deserialize)]
struct Warnings {
    #[serde(default, rename = "udm:warning")]
    warnings: Vec<Value>,
}

/// What is known of an operation that goes on after its answer.
#[derive(Deserialize)]
struct Progress {
    finished: bool,
    errors: bool,
}

impl UdmClient {
    /// Makes an object. Fails with [`Category::Exists`] if there is one of that name, address or identifier.
    pub async fn create(&self, new: &NewObject) -> Result<Created, UdmError> {
        let subject = Subject::Named(new.kind);
        let body = json!({ "position": new.position, "properties": new.properties, "options": {}, "policies": {} });
        let request = with_json(self.request(Method::POST, self.of(new.kind)), &body);
        let response = self.send(&subject, request, Repeat::Never).await?;
        let body = read(&subject, response).await?;
        parse(&subject, &body)
    }

    /// Changes the properties that are named. A list is replaced as a whole; `null` clears a single value, `[]` a list. A new
    /// identifying property renames the object.
    pub async fn modify(
        &self,
        kind: ObjectType,
        dn: &str,
        properties: &Map<String, Value>,
        condition: &Condition,
    ) -> Result<Written, UdmError> {
        let subject = Subject::Named(kind);
        let request =
            with_json(self.request(Method::PATCH, self.object(kind, dn)), &json!({ "properties": properties }));
        let response = self.send(&subject, conditional(request, condition), Repeat::Harmless).await?;
        written(&subject, response).await
    }

    /// Moves an object into another container. Returns when it is there.
    pub async fn relocate(
        &self,
        kind: ObjectType,
        dn: &str,
        position: &Dn,
        condition: &Condition,
    ) -> Result<Written, UdmError> {
        let subject = Subject::Named(kind);
        let body = json!({ "position": position.as_str(), "properties": {} });
        let request = with_json(self.request(Method::PUT, self.object(kind, dn)), &body);
        let response = self.send(&subject, conditional(request, condition), Repeat::Never).await?;
        // Status codes differ between versions: the address says whether it goes on.
        let progress = location(&response).and_then(|address| Some(address.rsplit_once("/progress/")?.1.to_owned()));
        match progress {
            Some(id) => self.wait_for_move(&subject, &id).await,
            None => written(&subject, response).await,
        }
    }

    /// Removes an object, but nothing below it. Returns whether it was there.
    pub async fn delete(&self, kind: ObjectType, dn: &str, condition: &Condition) -> Result<bool, UdmError> {
        let mut url = self.object(kind, dn);
        // By default everything below is removed as well.
        url.query_pairs_mut().append_pair("recursive", "false");
        let request = conditional(self.request(Method::DELETE, url), condition);
        match self.send(&Subject::Named(kind), request, Repeat::Harmless).await {
            Err(error) if error.category() == Category::NotFound => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// A failed operation leads to itself for ever: only the body tells (`udm-rest.md` 15).
    async fn wait_for_move(&self, subject: &Subject, id: &str) -> Result<Written, UdmError> {
        let (most, pause) = MOVE;
        let begun = Instant::now();
        while begun.elapsed() < most {
            let url = self.below(["progress", id].into_iter());
            let response = self.send(subject, self.request(Method::GET, url), Repeat::Harmless).await?;
            let body = read(subject, response).await?;
            match parse(subject, &body)? {
                Progress { errors: true, .. } => return Err(UdmError::failed_move(subject)),
                Progress { finished: true, .. } => return Ok(Written { etag: None, warnings: Vec::new() }),
                Progress { .. } => tokio::time::sleep(pause).await,
            }
        }
        Err(UdmError::unreadable(subject, &"the move did not end"))
    }
}

fn conditional(request: RequestBuilder, condition: &Condition) -> RequestBuilder {
    match condition {
        Condition::Always => request,
        Condition::Unchanged(tag) => request.header(IF_MATCH, tag),
    }
}

async fn written(subject: &Subject, response: Response) -> Result<Written, UdmError> {
    let etag = header(&response, &ETAG);
    let body = read(subject, response).await?;
    let answer: Answer = if body.is_empty() { Answer::default() } else { parse(subject, &body)? };
    let warning = |warning: &Value| warning.get("message").and_then(Value::as_str).map(str::to_owned);
    Ok(Written { etag, warnings: answer.embedded.warnings.iter().filter_map(warning).collect() })
}
