//! What all HTTP clients share: whom they trust, how they connect, and when they try again.

mod backoff;
mod credentials;
mod failure;
mod tls;

use std::time::Duration;

use reqwest::{ClientBuilder, Url, redirect, retry};

pub use backoff::Backoff;
pub use credentials::Credentials;
pub use failure::{certificate_problem, closed_before_answer, root_cause};
pub use tls::Trust;

/// A client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The own certificate authorities cannot be read.
    #[error("the bundle of certificate authorities holds no readable PEM certificate")]
    Bundle,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}

/// The beginnings of an HTTP/1.1 client that follows no redirection and repeats nothing by itself: a redirection could lead
/// credentials elsewhere, and only who knows the request knows whether it may be repeated. Proxies are taken from the usual
/// environment variables.
pub fn builder(trust: &Trust, connect_timeout: Duration) -> Result<ClientBuilder, TransportError> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(trust)?)
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(connect_timeout))
}

/// The address of a server: HTTP, without login, query or fragment. None if it is another one.
pub fn base_url(text: &str) -> Option<Url> {
    let base: Url = text.parse().ok()?;
    let plain = matches!(base.scheme(), "http" | "https")
        && base.username().is_empty()
        && base.password().is_none()
        && base.query().is_none()
        && base.fragment().is_none();
    plain.then_some(base)
}
