//! What a failed exchange says about its cause.

use std::error::Error;
use std::io;

/// The innermost cause of a failed exchange; those texts come from the operating system and TLS and hold no values.
pub fn root_cause(error: &reqwest::Error) -> String {
    match causes(error).last() {
        Some(cause) => cause.to_string(),
        // The outermost text would hold the URL.
        None => "no further reason was given".to_owned(),
    }
}

/// Why the certificate of the server was not accepted, if that is what happened.
pub fn certificate_problem(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(tls_error).and_then(|error| match error {
        rustls::Error::InvalidCertificate(problem) => Some(problem.to_string()),
        _ => None,
    })
}

/// The TLS error in an error, which may be wrapped more than once.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref().or_else(|| tls_error(wrapped?))
}

/// Whether the server closed the connection without a byte of an answer.
///
/// The connection was then almost certainly one of the pool that the server was just closing; a new one that is closed at
/// once looks the same, and repeating a read does no harm there either.
pub fn closed_before_answer(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if error.is_connect() || error.is_timeout() {
        return false;
    }
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
            || matches!(io, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
    })
}

/// The causes of an error, from the outermost to the innermost.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source())
}
