//! Rules that types alone cannot express: once as CEL for the API server, once as code for files.
//!
//! Both forms of a rule stand side by side, and a test makes sure that no rule is in a definition without being here.

use std::str::FromStr;

use kube::core::Rule;
use serde_json::Value;

/// A rule about one value.
pub(super) struct Check {
    /// As the API server evaluates it.
    pub cel: &'static str,
    /// What to tell who breaks it.
    pub message: &'static str,
    /// The same as code.
    pub holds: fn(&Value) -> bool,
}

impl From<&Check> for Rule {
    fn from(check: &Check) -> Self {
        Self::from((check.cel, check.message))
    }
}

/// A value that never changes. Files have no history, so there is nothing to check in them.
pub(super) static IMMUTABLE: Check = Check {
    cel: "self == oldSelf",
    message: "must not be changed: delete the object and make a new one",
    holds: |_| true,
};

pub(super) static HTTP_URL: Check = Check {
    cel: "isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHost() != ''",
    message: "must be a URL with http:// or https://",
    holds: |value| text(value).is_some_and(|text| server(text, &["http", "https"]).is_some()),
};

pub(super) static IMAP_URL: Check = Check {
    cel: "isURL(self) && url(self).getScheme() in ['imap', 'imaps'] && url(self).getHostname() != '' && url(self).getPort() != ''",
    message: "must be a URL like imap://mail.example.org:143 or imaps://mail.example.org:993",
    holds: |value| text(value).and_then(|text| server(text, &["imap", "imaps"])).is_some_and(has_port),
};

pub(super) static SMTP_URL: Check = Check {
    cel: "isURL(self) && url(self).getScheme() in ['smtp', 'smtps'] && url(self).getHostname() != '' && url(self).getPort() != ''",
    message: "must be a URL like smtp://mail.example.org:587 or smtps://mail.example.org:465",
    holds: |value| text(value).and_then(|text| server(text, &["smtp", "smtps"])).is_some_and(has_port),
};

pub(super) static POSITIVE_DURATION: Check = Check {
    cel: "duration(self) > duration('0s')",
    message: "must be a duration greater than zero like 500ms, 30s, 10m or 24h",
    holds: |value| {
        text(value).and_then(|text| kube::core::Duration::from_str(text).ok()).is_some_and(|duration| {
            !duration.is_negative() && std::time::Duration::from(duration) > std::time::Duration::ZERO
        })
    },
};

pub(super) static ONE_SOURCE: Check = Check {
    cel: "has(self.spool) != has(self.nubus)",
    message: "exactly one of spool and nubus must be given",
    holds: |value| has(value, "spool") != has(value, "nubus"),
};

pub(super) static CA_NEEDS_VERIFICATION: Check = Check {
    cel: "!has(self.caBundleRef) || self.verification == 'Full'",
    message: "caBundleRef has no effect without verification Full: remove one of them",
    holds: |value| !has(value, "caBundleRef") || value["verification"].as_str().unwrap_or("Full") == "Full",
};

pub(super) static POSTGRES_NEEDS_CONNECTION: Check = Check {
    cel: "(self.backend == 'Postgres') == has(self.connectionRef)",
    message: "backend Postgres needs connectionRef, the others must not have it",
    holds: |value| (value["backend"].as_str() == Some("Postgres")) == has(value, "connectionRef"),
};

pub(super) static APPROVAL_NAMES_ITS_LIST: Check = Check {
    cel: "(self.action == 'ApproveDeletions') == has(self.deletionList)",
    message: "deletionList belongs to action ApproveDeletions: copy it from the condition DeletionsBlocked of the connector",
    holds: |value| (value["action"].as_str() == Some("ApproveDeletions")) == has(value, "deletionList"),
};

/// Every rule there is.
pub(super) static ALL: [&Check; 9] = [
    &IMMUTABLE,
    &HTTP_URL,
    &IMAP_URL,
    &SMTP_URL,
    &POSITIVE_DURATION,
    &ONE_SOURCE,
    &CA_NEEDS_VERIFICATION,
    &POSTGRES_NEEDS_CONNECTION,
    &APPROVAL_NAMES_ITS_LIST,
];

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn has(value: &Value, field: &str) -> bool {
    value.get(field).is_some_and(|value| !value.is_null())
}

/// Host and port of a URL with one of these schemes.
fn server<'a>(text: &'a str, schemes: &[&str]) -> Option<&'a str> {
    let (scheme, rest) = text.split_once("://")?;
    let server = rest.split(['/', '?', '#']).next()?;
    let plain = !server.is_empty() && !server.starts_with(':') && !text.contains(char::is_whitespace);
    (schemes.contains(&scheme) && plain).then_some(server)
}

fn has_port(server: &str) -> bool {
    server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}
