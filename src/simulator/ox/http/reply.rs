//! Writing of HTTP answers, byte for byte as the real server frames them (`ox-soap.md` 1.2).

use std::io::{self, Write as _};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::simulator::ox::response::{Rendering, to_latin1};

/// Size of the pieces in which a big answer is sent.
const PIECE: usize = 64 << 10;
/// Faults longer than this are chunked.
const CHUNKED_FROM: usize = 8 << 10;

/// What the server does with a request.
#[derive(Debug)]
pub enum Reply {
    /// A successful call: always chunked.
    Answer {
        /// The answer.
        rendering: Box<Rendering>,
        /// Whether it is sent in ISO-8859-1.
        latin1: bool,
    },
    /// A SOAP fault: closes the connection.
    Fault {
        /// The envelope in UTF-8.
        envelope: Vec<u8>,
        /// Whether it is sent in ISO-8859-1.
        latin1: bool,
    },
    /// Anything else.
    Plain {
        /// Status line after the version.
        status: &'static str,
        /// Media type.
        content_type: &'static str,
        /// Body.
        body: Vec<u8>,
    },
    /// No answer: the connection is reset.
    Reset,
}

impl Reply {
    /// The answer for a service that does not exist.
    pub fn no_service() -> Self {
        Self::Plain {
            status: "404 Not Found",
            content_type: "text/html;charset=ISO-8859-1",
            body: b"<html><body>No service was found.</body></html>".to_vec(),
        }
    }

    /// Sends it; true if the connection stays open.
    pub async fn send(self, stream: &mut TcpStream, close: bool) -> io::Result<bool> {
        match self {
            Self::Answer { rendering, latin1 } => {
                answer(*rendering, latin1, stream, close).await?;
                Ok(!close)
            }
            Self::Fault { envelope, latin1 } => {
                let body = if latin1 { to_latin1(&envelope) } else { envelope };
                let mut out = head("500 Internal Server Error", media_type(latin1), true);
                if body.len() > CHUNKED_FROM {
                    out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                    chunk(&body, &mut out);
                    chunk(b"", &mut out);
                } else {
                    write_to(&mut out, format_args!("Content-Length: {}\r\n\r\n", body.len()));
                    out.extend_from_slice(&body);
                }
                stream.write_all(&out).await?;
                stream.shutdown().await?;
                Ok(false)
            }
            Self::Plain { status, content_type, body } => {
                let mut out = head(status, content_type, close);
                write_to(&mut out, format_args!("Content-Length: {}\r\n\r\n", body.len()));
                out.extend_from_slice(&body);
                stream.write_all(&out).await?;
                Ok(!close)
            }
            Self::Reset => {
                stream.set_zero_linger()?;
                Ok(false)
            }
        }
    }
}

async fn answer(mut rendering: Rendering, latin1: bool, stream: &mut TcpStream, close: bool) -> io::Result<()> {
    let mut out = head("200 OK", media_type(latin1), close);
    out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
    let mut piece = Vec::with_capacity(16 << 10);
    loop {
        piece.clear();
        let more = rendering.fill(PIECE, &mut piece);
        if latin1 {
            piece = to_latin1(&piece);
        }
        if !piece.is_empty() {
            chunk(&piece, &mut out);
        }
        if !more {
            break;
        }
        stream.write_all(&out).await?;
        out.clear();
    }
    chunk(b"", &mut out);
    stream.write_all(&out).await
}

const fn media_type(latin1: bool) -> &'static str {
    if latin1 { "text/xml; charset=ISO-8859-1" } else { "text/xml; charset=UTF-8" }
}

/// The head up to the framing, in the order of the real server.
fn head(status: &str, content_type: &str, close: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 << 10);
    let connection = if close { "Connection: close\r\n" } else { "" };
    write_to(
        &mut out,
        format_args!(
            "HTTP/1.1 {status}\r\nServer: grizzly/2.4.4\r\nX-Robots-Tag: none\r\nContent-Type: {content_type}\r\n\
             {connection}"
        ),
    );
    out
}

fn chunk(piece: &[u8], out: &mut Vec<u8>) {
    write_to(out, format_args!("{:x}\r\n", piece.len()));
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
}

/// Writing to a vector cannot fail.
fn write_to(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
