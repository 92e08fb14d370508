//! Answers and how they reach the wire.

use std::fmt;
use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The body of an answer.
pub enum Body {
    /// None at all, and no length either (204, 304).
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// Pieces that are made while they are sent, until `None`: a list of 100,000 objects is never in memory.
    Pieces(Box<dyn FnMut() -> Option<Vec<u8>> + Send>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Pieces(_) => f.write_str("Pieces"),
        }
    }
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    #[default]
    Whole,
    /// The connection ends after half of it.
    Cut,
    /// The connection is reset without any of it.
    Reset,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Header fields in their order, without the length.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Body,
    /// How it ends.
    pub ending: Ending,
}

impl Reply {
    /// An answer with a body.
    pub fn new(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        Self { status, headers, body: Body::Bytes(body), ending: Ending::Whole }
    }

    /// An answer in JSON without anything special.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, vec![("content-type", "application/json".to_owned())], body.to_string().into_bytes())
    }

    /// The connection is reset.
    pub fn reset() -> Self {
        Self { ending: Ending::Reset, ..Self::new(0, Vec::new(), Vec::new()) }
    }

    /// What the ledger calls it.
    pub fn outcome(&self) -> String {
        match self.ending {
            Ending::Whole => self.status.to_string(),
            Ending::Cut => "cut".to_owned(),
            Ending::Reset => "reset".to_owned(),
        }
    }

    /// Sends it; true if the connection stays open.
    pub async fn send(self, stream: &mut TcpStream, close: bool) -> io::Result<bool> {
        if self.ending == Ending::Reset {
            stream.set_zero_linger()?;
            return Ok(false);
        }
        let mut out = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        for (name, value) in &self.headers {
            // A line break in a value would end the head.
            let value = value.replace(['\r', '\n'], " ");
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if close {
            out.extend_from_slice(b"connection: close\r\n");
        }
        match self.body {
            Body::Nothing => out.extend_from_slice(b"\r\n"),
            Body::Bytes(body) => {
                out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                let sent = if self.ending == Ending::Cut { body.len() / 2 } else { body.len() };
                out.extend_from_slice(&body[..sent]);
            }
            Body::Pieces(mut next) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                while let Some(piece) = next() {
                    out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                    out.extend_from_slice(&piece);
                    out.extend_from_slice(b"\r\n");
                    stream.write_all(&out).await?;
                    out.clear();
                    if self.ending == Ending::Cut {
                        return Ok(false);
                    }
                    tokio::task::yield_now().await;
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
        }
        stream.write_all(&out).await?;
        if close || self.ending == Ending::Cut {
            stream.shutdown().await?;
            return Ok(false);
        }
        Ok(true)
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        412 => "Precondition Failed",
        422 => "Unprocessable Entity",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
