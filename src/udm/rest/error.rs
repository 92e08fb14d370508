//! What a failed request to UDM means.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::transport::{certificate_problem, root_cause};
use crate::udm::{ObjectId, ObjectType};

use super::elements::NoList;

/// What a request was about. Shown in errors, and free of names: those may be personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The service as a whole.
    Service,
    /// A list of objects of a type.
    List(ObjectType),
    /// An object that was asked for by its identifier or `entryUUID`.
    Object(ObjectType, ObjectId),
    /// An object that was asked for by its distinguished name.
    Named(ObjectType),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("the UDM REST API"),
            Self::List(kind) => write!(f, "the list of {kind}"),
            Self::Object(kind, id) => write!(f, "{kind} {id}"),
            Self::Named(kind) => write!(f, "an object of type {kind}"),
        }
    }
}

/// What kind of failure it was. The name is used in reports and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
pub enum Category {
    /// No connection.
    Unreachable,
    /// The certificate of the server is not accepted.
    Certificate,
    /// No answer in time.
    Timeout,
    /// The connection broke off.
    ConnectionLost,
    /// The server or its LDAP server is starting, down or busy (503; or 401 for a credential that worked before).
    Unavailable,
    /// The server failed (5xx).
    ServerError,
    /// The answer does not come from a UDM REST API, for instance the page of a proxy.
    NotUdm,
    /// Login or password are wrong (401), or not usable (400).
    Credentials,
    /// The login may not do that (403).
    Forbidden,
    /// There is no such object, type or address (404).
    NotFound,
    /// More objects than the server gives out at once (400).
    TooMany,
    /// The object was changed in the meantime (412).
    Changed,
    /// An object with that name, address or identifier exists.
    Exists,
    /// The server refuses what was asked for (other 4xx).
    Refused,
    /// The answer has another form than it should have.
    Unreadable,
}

/// Who can do something about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Time: the same request may work later.
    World,
    /// Whoever knows the right credentials or address. The same request will fail again until then.
    Settings,
    /// Whoever made the request: it will fail always.
    Request,
    /// Nobody here: the server answers in an unknown way.
    Protocol,
}

/// A request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdmError {
    category: Category,
    subject: Subject,
    status: Option<u16>,
    /// What went wrong, in our words.
    what: String,
    /// What the server says; may hold names.
    told: Option<String>,
    retry_after: Option<Duration>,
}

impl std::error::Error for UdmError {}

impl fmt::Display for UdmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.what)?;
        match self.status {
            Some(status) => write!(f, " (HTTP {status})"),
            None => Ok(()),
        }
    }
}

impl UdmError {
    fn own(category: Category, subject: &Subject, what: impl Into<String>) -> Self {
        Self { category, subject: subject.clone(), status: None, what: what.into(), told: None, retry_after: None }
    }

    /// The exchange failed.
    pub(super) fn transport(subject: &Subject, error: &reqwest::Error) -> Self {
        if let Some(problem) = certificate_problem(error) {
            let what = format!(
                "the certificate of the server is not accepted: {problem}; give the authority that signed it in \
                 spec.udm.tls.caBundleRef, or renew it"
            );
            return Self::own(Category::Certificate, subject, what);
        }
        let (category, what) = if error.is_timeout() && !error.is_connect() {
            (Category::Timeout, "no answer in time")
        } else if error.is_connect() {
            (Category::Unreachable, "the server cannot be reached")
        } else {
            (Category::ConnectionLost, "the connection broke off")
        };
        Self::own(category, subject, format!("{what}: {}", root_cause(error)))
    }

    /// An answer that is none.
    pub(super) fn unreadable(subject: &Subject, reason: &dyn fmt::Display) -> Self {
        Self::own(Category::Unreadable, subject, format!("the answer cannot be read: {reason}"))
    }

    /// A list that is none.
    pub(super) fn no_list(subject: &Subject, reason: NoList) -> Self {
        match reason {
            NoList::NoJson => Self::not_udm(subject, 200),
            NoList::CutOff | NoList::Count { .. } => {
                Self::own(Category::ConnectionLost, subject, format!("the answer is not complete: {reason}"))
            }
            NoList::Broken | NoList::TooLarge => Self::unreadable(subject, &reason),
        }
    }

    /// A move that failed after it was accepted.
    pub(super) fn failed_move(subject: &Subject) -> Self {
        Self::own(Category::Refused, subject, "the move failed: the place may lie below the object itself")
    }

    /// An answer of something else than UDM.
    pub(super) fn not_udm(subject: &Subject, status: u16) -> Self {
        let what = "the answer does not come from a UDM REST API, but perhaps from a proxy or a login page: give the address of \
                    the API, which ends in /udm/, in spec.udm.url";
        Self { status: Some(status), ..Self::own(Category::NotUdm, subject, what) }
    }

    /// A status that is no success. `trust` says whether the credentials worked before.
    pub(super) fn status(subject: &Subject, reply: &Reply<'_>, trust: Proof) -> Self {
        let body = serde_json::from_slice::<Value>(reply.body).unwrap_or_default();
        let document = ErrorBody::deserialize(&body).unwrap_or_default();
        let told = document.error.message.or_else(|| body.as_str().map(str::to_owned)).filter(|text| !text.is_empty());
        let at = |place: &[&str]| {
            document
                .embedded
                .errors
                .iter()
                .any(|error| error.location.iter().map(Value::as_str).eq(place.iter().copied().map(Some)))
        };
        let exists = told.as_deref().is_some_and(|text| text.contains("Object exists"));
        // Errors of UDM are JSON.
        let page = reply.body.trim_ascii_start().starts_with(b"<");
        let (category, what): (_, &str) = match reply.status {
            401 if trust == Proof::Worked => (
                Category::Unavailable,
                "the credentials are refused, though they worked before: the LDAP server may be down, or the password was changed",
            ),
            401 => (
                Category::Credentials,
                "login or password are wrong: correct them in the Secret of spec.udm.credentialsRef",
            ),
            403 => (
                Category::Forbidden,
                "the login may not do that: it must belong to a group that may use UDM, and be allowed to read the objects",
            ),
            404 if page => return Self::not_udm(subject, 404),
            404 => (
                Category::NotFound,
                "there is none: it was removed, or spec.udm.url is not the address of the API, which ends in /udm/",
            ),
            400 if told.as_deref().is_some_and(|text| text.contains("sizelimit")) => (
                Category::TooMany,
                "the list is longer than the server allows (UCR variable directory/manager/web/sizelimit)",
            ),
            412 => (Category::Changed, "it was changed in the meantime"),
            422 if exists => (Category::Exists, "there is one already"),
            422 if at(&["query", "filter"]) => (Category::Refused, "the filter is none that LDAP understands"),
            300..=399 => return Self { status: Some(reply.status), ..Self::not_udm(subject, reply.status) },
            502..=504 => (Category::Unavailable, "the server is starting or its LDAP server is down"),
            500..=599 => (Category::ServerError, "the server failed"),
            400..=499 => (Category::Refused, "the server refuses that"),
            _ => return Self::unreadable(subject, &"its status is unknown").with(reply, told),
        };
        Self::own(category, subject, what).with(reply, told)
    }

    fn with(self, reply: &Reply<'_>, told: Option<String>) -> Self {
        Self { status: Some(reply.status), retry_after: reply.retry_after, told, ..self }
    }

    /// What kind of failure it was.
    pub fn category(&self) -> Category {
        self.category
    }

    /// Who can do something about it.
    pub fn class(&self) -> Class {
        match self.category {
            Category::Unreachable
            | Category::Timeout
            | Category::ConnectionLost
            | Category::Unavailable
            | Category::ServerError => Class::World,
            Category::Certificate | Category::NotUdm | Category::Credentials | Category::Forbidden => Class::Settings,
            Category::NotFound | Category::TooMany | Category::Changed | Category::Exists | Category::Refused => {
                Class::Request
            }
            Category::Unreadable => Class::Protocol,
        }
    }

    /// The same, about something else.
    pub(super) fn about(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    /// What it was about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The HTTP status, if there was an answer.
    pub fn status_code(&self) -> Option<u16> {
        self.status
    }

    /// What the server says about it. May hold names and addresses: for people who look at this object, never for logs.
    pub fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }

    /// How long the server wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The whole story, for the one who asked: with what the server says.
    pub fn in_full(&self) -> String {
        match &self.told {
            Some(told) => format!("{self}; the server says: {told}"),
            None => self.to_string(),
        }
    }
}

/// Whether credentials have ever worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Worked,
    Unknown,
}

/// An answer that is no success.
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: &'a [u8],
}

/// The form of errors (`udm-rest.md` 14).
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: Told,
    #[serde(default, rename = "_embedded")]
    embedded: Embedded,
}

#[derive(Default, Deserialize)]
struct Told {
    message: Option<String>,
}

#[derive(Default, Deserialize)]
struct Embedded {
    #[serde(default, rename = "udm:error")]
    errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct FieldError {
    #[serde(default)]
    location: Vec<Value>,
}
