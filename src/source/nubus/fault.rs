//! Why a request to the Provisioning API brought nothing.

use crate::transport::root_cause;

/// A request to the Provisioning API failed. Holds nothing of bodies: they may be personal, and the text of a 422 even repeats
/// the password of a new subscription (`nubus-provisioning.md` 3.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Nobody answers there, or its certificate is not trusted.
    #[error("cannot be reached: {cause}; correct spec.source.nubus.url or tls, or wait until the service is up")]
    Unreachable {
        /// What went wrong at the bottom.
        cause: String,
    },
    /// There was a connection, but no complete answer.
    #[error("gave no complete answer: {cause}")]
    NoAnswer {
        /// What went wrong at the bottom.
        cause: String,
    },
    /// 401: wrong user or password, or the subscription does not exist.
    #[error("refuses the credentials (401)")]
    Refused,
    /// 404 of the API itself: there is no such thing.
    #[error("does not know it (404)")]
    Unknown,
    /// 409: a subscription of this name exists with other topics, in another order, with another password or prefill flag.
    #[error("has a subscription of this name with other topics, prefill flag or password (409)")]
    Different,
    /// 5xx of the API itself.
    #[error("failed with status {status} ({detail})")]
    Failed {
        /// The status.
        status: u16,
        /// One of the few texts of the service, for instance `Internal server error`.
        detail: String,
    },
    /// An answer that a Provisioning API does not give.
    #[error(
        "answered with status {status} and something that is none of its answers: is spec.source.nubus.url right? It is the \
         address before /v1, for instance http://nubus-provisioning-api or https://primary.example.org/univention/provisioning"
    )]
    Foreign {
        /// The status.
        status: u16,
    },
    /// More than anybody puts into a message.
    #[error("sends an answer of more than {} MB", super::api::TOO_LARGE >> 20)]
    TooLarge,
}

impl ApiError {
    /// Why there was no complete answer.
    pub(super) fn transport(error: &reqwest::Error) -> Self {
        let cause = root_cause(error);
        if error.is_connect() {
            Self::Unreachable { cause }
        } else if error.is_timeout() {
            Self::NoAnswer { cause: "it took too long".to_owned() }
        } else {
            Self::NoAnswer { cause }
        }
    }
}
