//! Reading of HTTP requests, for all simulators.
//!
//! Written by hand instead of with a library, because tests need the exact behaviour of connections, resets included.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Limit of a real server for the head of a request, with room for generous clients.
const HEAD_LIMIT: usize = 16 << 10;
/// More than any sensible request.
const BODY_LIMIT: usize = 64 << 20;

/// A request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Method in upper case.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query without question mark.
    pub query: String,
    /// `Content-Type`.
    pub content_type: String,
    /// All header fields in their order.
    pub headers: Vec<(String, String)>,
    /// Whether the client closes the connection after the answer.
    pub close: bool,
    /// Body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header field of a name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name)).map(|header| header.1.as_str())
    }

    /// The parameters of the query in their order, decoded.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        let decoded = |text: &str| decode(&text.replace('+', " "));
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect()
    }
}

/// The byte that two hexadecimal digits name.
pub fn hex_byte(digits: &[u8]) -> Option<u8> {
    // Reading a number would also take a sign.
    let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A text without percent encoding.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(hex_byte);
        plain.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A text with percent encoding for everything but letters, digits, `-`, `.`, `_` and `~`.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => {
                encoded.push('%');
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
            }
        }
    }
    encoded
}

/// Body framing of a head.
#[derive(Debug, Default)]
struct Framing {
    length: usize,
    chunked: bool,
    expects_continue: bool,
}

/// Reads the next request of a connection; `None` if the client has closed it.
pub async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let head_end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n", 0) {
            break at + 4;
        }
        if buffer.len() > HEAD_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "head too long"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let (mut request, framing) = parse(&head);
    if framing.length > BODY_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "body too long"));
    }
    if framing.expects_continue {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    if framing.chunked {
        request.body = chunked(stream, buffer, head_end).await?;
        return Ok(Some(request));
    }
    let end = head_end + framing.length;
    buffer.reserve(end.saturating_sub(buffer.len()));
    while buffer.len() < end {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    request.body = buffer[head_end..end].to_vec();
    buffer.drain(..end);
    Ok(Some(request))
}

fn parse(head: &str) -> (Request, Framing) {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_uppercase();
    let target = first.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request { method, path: path.to_owned(), query: query.to_owned(), ..Request::default() };
    request.close = first.next() == Some("HTTP/1.0");
    let mut framing = Framing::default();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        request.headers.push((name.to_owned(), value.to_owned()));
        if name.eq_ignore_ascii_case("content-length") {
            framing.length = value.parse().unwrap_or_default();
        } else if name.eq_ignore_ascii_case("content-type") {
            value.clone_into(&mut request.content_type);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            framing.chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            request.close = value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("expect") {
            framing.expects_continue = true;
        }
    }
    (request, framing)
}

/// Reads a chunked body that starts at an offset of the buffer.
async fn chunked(stream: &mut TcpStream, buffer: &mut Vec<u8>, mut at: usize) -> io::Result<Vec<u8>> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "broken chunk");
    let mut body = Vec::new();
    loop {
        let line_end = loop {
            if let Some(end) = find(buffer, b"\r\n", at) {
                break end;
            }
            more(stream, buffer).await?;
        };
        let line = std::str::from_utf8(&buffer[at..line_end]).map_err(|_| broken())?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken())?;
        let (start, end) = (line_end + 2, line_end + 2 + size);
        if body.len() + size > BODY_LIMIT {
            return Err(broken());
        }
        while buffer.len() < end + 2 {
            more(stream, buffer).await?;
        }
        body.extend_from_slice(&buffer[start..end]);
        at = end + 2;
        if size == 0 {
            buffer.drain(..at);
            return Ok(body);
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn find(buffer: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = buffer.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let (request, framing) = parse(
            "POST /webservices/OXUserService?wsdl HTTP/1.1\r\nHost: x\r\ncontent-length: 12\r\n\
             Content-Type: text/xml; charset=utf-8\r\nConnection: close\r\n\r\n",
        );
        assert_eq!((request.path.as_str(), request.query.as_str()), ("/webservices/OXUserService", "wsdl"));
        assert!(request.close);
        assert_eq!(framing.length, 12);
        assert_eq!(request.content_type, "text/xml; charset=utf-8");
        assert_eq!(request.header("HOST"), Some("x"));
    }

    #[test]
    fn queries_are_decoded() {
        let query = "a=%28x%3D%C3%A4%29&b&c=1+2&c=%zz%+1".to_owned();
        let request = Request { query, ..Request::default() };
        let pairs = request.parameters();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "(x=ä)"), ("b", ""), ("c", "1 2"), ("c", "%zz% 1")]);
        assert_eq!(encode("uid=a b,ö"), "uid%3Da%20b%2C%C3%B6");
    }
}
