//! The transport: one pool of HTTP/1.1 connections to one OX installation.

use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};

use super::credentials::Login;
use super::fault::{Origin, OxFault};
use super::operation::{Kind, Operation, Service, encode};
use super::reader::Body;
use crate::failure_points::{FailurePoint, pass};
use crate::transport::{self, TransportError, Trust};

/// How OX is reached. Proxies are taken from the usual environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address of OX, for instance `https://ox.example.org`; the services are below `/webservices/`.
    pub base: String,
    /// How the certificate of the server is verified.
    pub trust: Trust,
    /// How long a connection may take to come up.
    pub connect_timeout: Duration,
    /// How long a call may take as a whole. A write waits in OX up to 19 s for another writer (`ox-soap.md` 6.2).
    pub timeout: Duration,
    /// How long an idle connection is kept. The server closes after 30 s.
    pub idle_timeout: Duration,
}

impl Settings {
    /// The defaults for an address: connect 10 s, call 120 s, idle 20 s.
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            trust: Trust::default(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_mins(2),
            idle_timeout: Duration::from_secs(20),
        }
    }
}

/// The settings make no client.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address is none.
    #[error("the address of OX is wrong: give one like https://ox.example.org, without login and without /webservices")]
    Address,
    /// The connection cannot be set up.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// A client of the SOAP services of one OX installation. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// Makes a client. Connects to nothing yet.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let mut base = transport::base_url(&settings.base).ok_or(SettingsError::Address)?;
        let path = format!("{}/webservices/", base.path().trim_end_matches('/'));
        if path.contains("/webservices/webservices/") {
            return Err(SettingsError::Address);
        }
        base.set_path(&path);
        let builder = transport::builder(&settings.trust, settings.connect_timeout)?;
        let http = builder
            .timeout(settings.timeout)
            .pool_idle_timeout(settings.idle_timeout)
            .build()
            .map_err(TransportError::from)?;
        Ok(Self { http, base })
    }

    /// Makes a call.
    ///
    /// Reads are repeated once if the connection was closed before an answer came, which happens whenever the server closes
    /// an idle connection at the wrong moment. Writes are never repeated: nobody knows whether they took effect.
    pub async fn call<O: Operation>(&self, operation: &O, login: &Login) -> Result<O::Answer, OxFault> {
        let origin = Origin::new(operation, login);
        let request = encode(operation, login).map_err(|refusal| OxFault::refused(&origin, &refusal))?;
        let started = Instant::now();
        let outcome = self.exchange(&origin, request, O::KIND).await;
        let outcome = outcome.and_then(|reply| decode(operation, &origin, &reply));
        tracing::debug!(
            service = O::SERVICE.name(),
            operation = origin.operation,
            context = origin.context.map(|context| context.0),
            fault = outcome.as_ref().err().map(OxFault::category_name),
            milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "OX call"
        );
        outcome
    }

    /// The interface description of a service; none if the server does not have the service.
    ///
    /// Only the status 404 says that: during a roll-out a proxy answers anything else.
    pub(super) async fn interface(&self, service: Service) -> Result<Option<String>, OxFault> {
        let origin = Origin {
            service,
            operation: "?wsdl",
            who: super::credentials::Who::Master,
            login: String::new(),
            context: None,
        };
        let mut url = self.url(&origin)?;
        url.set_query(Some("wsdl"));
        let reply = receive(&origin, self.http.get(url)).await?;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        match reply.status {
            200 if text.contains("definitions") && text.contains("http://schemas.xmlsoap.org/wsdl/") => Ok(Some(text)),
            404 if !service.is_core() => Ok(None),
            // A page that is no interface description comes from something in between: try again later.
            200..=299 => Err(OxFault::status(&origin, 502)),
            status => Err(OxFault::status(&origin, status)),
        }
    }

    async fn exchange(&self, origin: &Origin, request: Vec<u8>, kind: Kind) -> Result<Reply, OxFault> {
        let url = self.url(origin)?;
        let post = |body: Vec<u8>| {
            self.http
                .post(url.clone())
                .header(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"))
                .header("SOAPAction", format!("\"urn:{}\"", origin.operation))
                .body(body)
        };
        let response = match kind {
            Kind::Write => {
                pass(FailurePoint::BeforeWrite);
                let response = post(request).send().await;
                pass(FailurePoint::AfterWrite);
                response
            }
            Kind::Read => match post(request.clone()).send().await {
                Err(error) if transport::closed_before_answer(&error) => post(request).send().await,
                other => other,
            },
        };
        read(origin, response).await
    }

    fn url(&self, origin: &Origin) -> Result<Url, OxFault> {
        self.base.join(origin.service.name()).map_err(|_| OxFault::status(origin, 404))
    }
}

/// An HTTP answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

async fn receive(origin: &Origin, request: reqwest::RequestBuilder) -> Result<Reply, OxFault> {
    read(origin, request.send().await).await
}

async fn read(origin: &Origin, response: reqwest::Result<reqwest::Response>) -> Result<Reply, OxFault> {
    let response = response.map_err(|error| OxFault::transport(origin, &error))?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(|error| OxFault::transport(origin, &error))?;
    Ok(Reply { status, body: body.into() })
}

/// What an HTTP answer to an operation means.
pub(super) fn decode<O: Operation>(operation: &O, origin: &Origin, reply: &Reply) -> Result<O::Answer, OxFault> {
    let unreadable = |reason| match reply.status {
        // A page of a proxy is none of our misunderstandings.
        200..=299 if looks_like_xml(&reply.body) => OxFault::unreadable(origin, &reason),
        status => OxFault::status(origin, status),
    };
    let xml = std::str::from_utf8(&reply.body)
        .map_err(|_| unreadable(super::reader::Unreadable::new("it is not in UTF-8")))?;
    match Body::open(xml).map_err(unreadable)? {
        Body::Fault(fault) => Err(OxFault::soap(origin, &fault)),
        Body::Answer(mut answer) if reply.status == 200 => {
            answer.check(origin.operation).and_then(|()| operation.read(&mut answer)).map_err(unreadable)
        }
        Body::Answer(_) => Err(OxFault::status(origin, reply.status)),
    }
}

fn looks_like_xml(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let has = |prefix: &[u8]| start.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
    start.starts_with(b"<") && !has(b"<html") && !has(b"<!doctype")
}
