//! Requests and their answers.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

use crate::transport::{self, Backoff, Credentials, TransportError, Trust};
use crate::udm::ObjectType;

use super::error::{Class, Proof, Reply, Subject, UdmError};

/// Of an answer that is no list so much is read: the largest is a group with all its members.
const LARGEST: usize = 64 << 20;
/// Headers of an answer: a type may have one line for each of many links (`udm-rest.md` 3).
const HEADERS: usize = 4_000;

/// How the UDM REST API is reached. Proxies are taken from the usual environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its address, for instance `https://portal.example.org/univention/udm/`.
    pub base: String,
    /// How the certificate of the server is verified.
    pub trust: Trust,
    /// How long a connection may take to come up.
    pub connect_timeout: Duration,
    /// How long the server may be silent. It collects a whole list before it sends the first byte: 10,000 users take it
    /// half a minute.
    pub silence: Duration,
    /// How often a request is made if the server is not available, before that is said.
    pub tries: u32,
    /// The longest pause between them, whatever the server asks for.
    pub pause: Duration,
}

impl Settings {
    /// The defaults for an address: connect 10 s, silence 5 min, three tries, pauses of at most 15 s.
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            trust: Trust::default(),
            connect_timeout: Duration::from_secs(10),
            silence: Duration::from_mins(5),
            tries: 3,
            pause: Duration::from_secs(15),
        }
    }
}

/// The settings make no client.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address is none.
    #[error(
        "the address of the UDM REST API is wrong: give one like https://portal.example.org/univention/udm/, without login"
    )]
    Address,
    /// The connection cannot be set up.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// A client of one UDM REST API. Cheap to clone; clones share connections and credentials.
#[derive(Clone)]
pub struct UdmClient {
    http: reqwest::Client,
    base: Url,
    tries: u32,
    pause: Duration,
    login: Arc<RwLock<Login>>,
    /// How many milliseconds the clock of the server is ahead of ours.
    ahead: Arc<AtomicI64>,
}

/// Credentials, and whether they have ever worked.
struct Login {
    credentials: Credentials,
    worked: Arc<AtomicBool>,
}

impl Login {
    fn new(credentials: Credentials) -> Self {
        Self { credentials, worked: Arc::default() }
    }
}

impl fmt::Debug for UdmClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UdmClient({})", self.base)
    }
}

/// Whether a request may be made again although nobody knows whether it had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing, or the same again.
    Harmless,
    /// Only if the server says that it did nothing.
    Never,
}

impl UdmClient {
    /// Makes a client. Connects to nothing yet.
    pub fn new(settings: &Settings, credentials: Credentials) -> Result<Self, SettingsError> {
        let mut base = transport::base_url(&settings.base).ok_or(SettingsError::Address)?;
        base.set_path(&format!("{}/", base.path().trim_end_matches('/')));
        let mut headers = HeaderMap::new();
        // Anything else selects HTML, which is switched off, or German texts.
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("en-US"));
        let http = transport::builder(&settings.trust, settings.connect_timeout)?
            .http1_max_headers(HEADERS)
            .default_headers(headers)
            .read_timeout(settings.silence)
            .build()
            .map_err(TransportError::from)?;
        let login = Arc::new(RwLock::new(Login::new(credentials)));
        Ok(Self { http, base, tries: settings.tries.max(1), pause: settings.pause, login, ahead: Arc::default() })
    }

    /// Replaces the credentials; the next request uses the new ones.
    pub fn replace_credentials(&self, credentials: Credentials) {
        *self.login.write().unwrap_or_else(PoisonError::into_inner) = Login::new(credentials);
    }

    /// How many milliseconds the clock of the server is ahead of ours, by its last answer; full seconds only.
    pub fn clock_ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    fn note_clock(&self, response: &Response) {
        let time = response.headers().get(DATE).and_then(|value| value.to_str().ok());
        let time = time.and_then(|text| rfc2822::DateTimeParser::new().parse_timestamp(text).ok());
        if let Some(time) = time {
            let ahead = time.as_millisecond() - Timestamp::now().as_millisecond();
            // Less than the second that dates are rounded to says nothing.
            self.ahead.store(if ahead.abs() < 1_500 { 0 } else { ahead }, Ordering::Relaxed);
        }
    }

    /// The address of a type.
    pub(super) fn of(&self, kind: ObjectType) -> Url {
        self.below(kind.as_str().split('/').chain([""]))
    }

    /// An address below the base that is encoded already.
    pub(super) fn encoded(&self, path: &str) -> Option<Url> {
        self.base.join(path).ok()
    }

    /// The address of an object. Everything that the path of an address gives a meaning to is encoded, except slashes, which
    /// proxies mistake when they are (`udm-rest.md` 7).
    pub(super) fn object(&self, kind: ObjectType, dn: &str) -> Url {
        let dn = dn.replace("//", ",=/=,");
        self.below(kind.as_str().split('/').chain(dn.split('/')))
    }

    /// An address below the base.
    pub(super) fn below<'a>(&self, segments: impl Iterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// A request that may be completed and sent with [`Self::send`].
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Makes a request and reads the whole answer, which must be JSON.
    pub(super) async fn fetch<A: DeserializeOwned>(&self, subject: &Subject, url: Url) -> Result<A, UdmError> {
        let response = self.get(subject, url).await?;
        let body = read(subject, response).await?;
        parse(subject, &body)
    }

    /// Asks for something that must be there and not elsewhere.
    pub(super) async fn get(&self, subject: &Subject, url: Url) -> Result<Response, UdmError> {
        let response = self.send(subject, self.request(Method::GET, url), Repeat::Harmless).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            other => Err(UdmError::not_udm(subject, other.as_u16())),
        }
    }

    /// Makes a request. Anything but a success, or an address at which the answer is, is an error; what passes by itself is
    /// tried again.
    pub(super) async fn send(
        &self,
        subject: &Subject,
        request: RequestBuilder,
        repeat: Repeat,
    ) -> Result<Response, UdmError> {
        let backoff = Backoff { first: Duration::from_secs(1).min(self.pause), most: self.pause };
        let mut attempt = 1;
        loop {
            let (login, password, worked) = {
                let login = self.login.read().unwrap_or_else(PoisonError::into_inner);
                let Credentials { login: name, password } = login.credentials.clone();
                (name, password, Arc::clone(&login.worked))
            };
            // Bodies are small and in memory, so a request can always be copied.
            let Some(this) = request.try_clone() else {
                return Err(UdmError::unreadable(subject, &"the request cannot be repeated"));
            };
            let this = this.basic_auth(login, Some(password.expose_secret()));
            let error = match this.send().await {
                Ok(response) if is_answer(response.status()) => {
                    self.note_clock(&response);
                    worked.store(true, Ordering::Relaxed);
                    return Ok(response);
                }
                Ok(response) => {
                    let proof = if worked.load(Ordering::Relaxed) { Proof::Worked } else { Proof::Unknown };
                    refusal(subject, response, proof).await
                }
                Err(error) => UdmError::transport(subject, &error),
            };
            let again = match repeat {
                Repeat::Harmless => error.class() == Class::World,
                // It says that it did not even begin.
                Repeat::Never => error.status_code() == Some(503),
            };
            tracing::debug!(%subject, attempt, category = ?error.category(), "UDM request failed");
            if !again || attempt >= self.tries {
                return Err(error);
            }
            let pause = error.retry_after().map_or_else(|| backoff.wait(attempt), |wanted| wanted.min(self.pause));
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }
}

/// Whether UDM answers like this. Proxies lead to their login page with other codes.
fn is_answer(status: StatusCode) -> bool {
    status.is_success() || matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::SEE_OTHER)
}

/// Reads the whole body of an answer.
pub(super) async fn read(subject: &Subject, mut response: Response) -> Result<Vec<u8>, UdmError> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| UdmError::transport(subject, &error))? {
        body.extend_from_slice(&part);
        if body.len() > LARGEST {
            return Err(UdmError::unreadable(subject, &format!("it has more than {} MiB", LARGEST >> 20)));
        }
    }
    Ok(body)
}

/// Reads a JSON document. Errors name the place and not the values.
pub(super) fn parse<A: DeserializeOwned>(subject: &Subject, body: &[u8]) -> Result<A, UdmError> {
    serde_json::from_slice(body).map_err(|error| {
        if body.trim_ascii_start().starts_with(b"<") {
            return UdmError::not_udm(subject, 200);
        }
        let (line, column) = (error.line(), error.column());
        UdmError::unreadable(subject, &format!("line {line}, column {column}: {:?}", error.classify()))
    })
}

/// What an answer without success means.
async fn refusal(subject: &Subject, response: Response, proof: Proof) -> UdmError {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = retry_after.map(Duration::from_secs);
    // A body that breaks off says nothing; the status does.
    let body = read(subject, response).await.unwrap_or_default();
    UdmError::status(subject, &Reply { status, retry_after, body: &body }, proof)
}

/// Adds a JSON body to a request.
pub(super) fn with_json(request: RequestBuilder, body: &serde_json::Value) -> RequestBuilder {
    request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body.to_string())
}
