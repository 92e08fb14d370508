//! The Provisioning API over HTTP: requests and answers, and nothing of what follows from them (`nubus-provisioning.md` 2–6).

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::transport::{self, Credentials, TransportError, Trust};

use super::fault::ApiError;
use super::registration::{Registration, Subscription};

/// The queue takes messages of up to 16 MB as it is shipped.
pub(super) const TOO_LARGE: u64 = 64 << 20;

/// Where the API is and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// The address before `/v1`.
    pub url: String,
    /// How the certificate of the server is verified.
    pub trust: Trust,
    /// How long a connection may take to come up.
    pub connect_timeout: Duration,
    /// How long an answer may take, beyond the time that the API is asked to wait for a message. A check of a password stops
    /// the whole service for a third of a second.
    pub timeout: Duration,
}

impl ApiSettings {
    /// The defaults for an address: connect 5 s, answer 15 s.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            trust: Trust::default(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
        }
    }
}

/// The settings make no client.
#[derive(Debug, thiserror::Error)]
pub enum ApiSettingsError {
    /// The address is none.
    #[error("the address is wrong: give one like http://nubus-provisioning-api, without user and without query")]
    Address,
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// The message is gone from the queue.
    Now,
    /// There is no such message: it was acknowledged before.
    Before,
}

/// What a request to create a subscription did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    Now,
    /// The same one existed.
    Before,
}

/// A client of the Provisioning API.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    subscriptions: Url,
    timeout: Duration,
}

impl Api {
    /// Makes a client. Connects to nothing yet.
    pub fn new(settings: &ApiSettings) -> Result<Self, ApiSettingsError> {
        let mut base = transport::base_url(&settings.url).ok_or(ApiSettingsError::Address)?;
        let path = base.path().trim_end_matches('/');
        let path = format!("{}/v1/subscriptions", path.strip_suffix("/v1").unwrap_or(path));
        base.set_path(&path);
        let http = transport::builder(&settings.trust, settings.connect_timeout)?;
        let http = http.build().map_err(TransportError::from)?;
        Ok(Self { http, subscriptions: base, timeout: settings.timeout })
    }

    /// The next message of one's own subscription, as it came; none if there was nothing to hand out for `wait`. Which of the
    /// many reasons that has, the API does not say.
    pub async fn next(&self, own: &Credentials, wait: Duration) -> Result<Option<Vec<u8>>, ApiError> {
        let mut url = self.url(&[&own.login, "messages", "next"]);
        url.query_pairs_mut().append_pair("timeout", &wait.as_secs_f64().to_string());
        let request = self.http.get(url).timeout(wait + self.timeout);
        let answer = send(request, own).await?.expect(&[200])?;
        Ok((answer.body.trim_ascii() != b"null").then_some(answer.body))
    }

    /// Takes a message out of the queue. Twice does no harm.
    pub async fn acknowledge(&self, own: &Credentials, number: u64) -> Result<Acknowledged, ApiError> {
        let url = self.url(&[&own.login, "messages", &number.to_string(), "status"]);
        let request = json(self.request(Method::PATCH, url), br#"{"status":"ok"}"#.to_vec());
        match send(request, own).await?.expect(&[200]) {
            Ok(_) => Ok(Acknowledged::Now),
            Err(ApiError::Unknown) => Ok(Acknowledged::Before),
            Err(error) => Err(error),
        }
    }

    /// One's own subscription. The administrator may not ask for that.
    pub async fn subscription(&self, own: &Credentials) -> Result<Subscription, ApiError> {
        let request = self.request(Method::GET, self.url(&[&own.login]));
        send(request, own).await?.expect(&[200])?.read()
    }

    /// Creates a subscription; only the administrator may.
    pub async fn create(&self, admin: &Credentials, new: &Registration) -> Result<Created, ApiError> {
        let request = json(self.request(Method::POST, self.subscriptions.clone()), new.json().into_bytes());
        let answer = send(request, admin).await?.expect(&[200, 201])?;
        Ok(if answer.status == 201 { Created::Now } else { Created::Before })
    }

    /// Deletes a subscription with everything in its queue. One that is gone is fine.
    pub async fn delete(&self, who: &Credentials, name: &str) -> Result<(), ApiError> {
        let request = self.request(Method::DELETE, self.url(&[name]));
        match send(request, who).await?.expect(&[200]) {
            Ok(_) | Err(ApiError::Unknown) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.subscriptions.clone();
        // It only fails for addresses like `mailto:`, which were refused.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url).timeout(self.timeout)
    }
}

fn json(request: RequestBuilder, body: Vec<u8>) -> RequestBuilder {
    request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body)
}

async fn send(request: RequestBuilder, who: &Credentials) -> Result<Answer, ApiError> {
    let request = request.basic_auth(&who.login, Some(who.password.expose_secret()));
    let response = request.send().await.map_err(|error| ApiError::transport(&error))?;
    Answer::receive(response).await
}

/// A complete answer.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    async fn receive(mut response: Response) -> Result<Self, ApiError> {
        let status = response.status().as_u16();
        let announced = response.content_length().unwrap_or(0);
        if announced > TOO_LARGE {
            return Err(ApiError::TooLarge);
        }
        let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        while let Some(piece) = response.chunk().await.map_err(|error| ApiError::transport(&error))? {
            if body.len() as u64 + piece.len() as u64 > TOO_LARGE {
                return Err(ApiError::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Self { status, body })
    }

    /// Takes the statuses that mean success; says of others what they mean.
    fn expect(self, good: &[u16]) -> Result<Self, ApiError> {
        let status = self.status;
        if good.contains(&status) {
            return Ok(self);
        }
        let detail = self.detail();
        Err(match (status, detail) {
            // A proxy asks for its own credentials with a page.
            (401, Some(_)) => ApiError::Refused,
            (404, Some(detail)) if detail != "Not Found" => ApiError::Unknown,
            (409, Some(_)) => ApiError::Different,
            // Its text is not for anybody's eyes.
            (422, _) => ApiError::Failed { status, detail: "the request is not as this version wants it".to_owned() },
            (500, Some(detail)) => ApiError::Failed { status, detail },
            (500..=599, _) => ApiError::Failed { status, detail: "a proxy, or the service is starting".to_owned() },
            _ => ApiError::Foreign { status },
        })
    }

    /// The text of an error of the service itself.
    fn detail(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Detail {
            detail: String,
        }
        let mut detail = serde_json::from_slice::<Detail>(&self.body).ok()?.detail;
        detail.truncate(detail.floor_char_boundary(200));
        Some(detail)
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|_| ApiError::Foreign { status: self.status })
    }
}
