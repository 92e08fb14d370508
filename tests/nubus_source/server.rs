//! An HTTP server whose answers, silences and lies a test decides about. Threads and blocking sockets, so that it shares nothing
//! with the client.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub user: String,
    pub password: String,
    pub body: Vec<u8>,
}

/// What the server does with it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Status and JSON.
    Json(u16, String),
    /// Status and a page.
    Page(u16, String),
    /// Closes the connection without a byte.
    Close,
    /// Breaks off in the middle of the answer.
    CutOff,
    /// Never answers.
    Silence,
    /// The answer, byte by byte with pauses.
    Trickle(u16, String),
}

pub type Handler = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// Starts a server that asks `handler` about each request; gives its address.
pub fn start(handler: Handler) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let handler = Arc::clone(&handler);
            thread::spawn(move || serve(stream.unwrap(), &handler));
        }
    });
    address
}

/// The same with TLS, with a certificate of `tests/fixtures/tls`.
pub fn start_with_tls(certificate: &str, handler: Handler) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");
    let certificate = CertificateDer::from_pem_file(format!("{folder}/{certificate}")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (handler, config) = (Arc::clone(&handler), Arc::clone(&config));
            thread::spawn(move || {
                let connection = ServerConnection::new(config).unwrap();
                serve(StreamOwned::new(connection, stream.unwrap()), &handler);
            });
        }
    });
    address
}

fn serve(mut stream: impl Read + Write, handler: &Handler) {
    while let Some(request) = read(&mut stream) {
        let answer = handler(&request);
        let (status, kind, body) = match answer {
            Answer::Json(status, body) => (status, "application/json", body),
            Answer::Page(status, body) => (status, "text/html", body),
            Answer::Close => return,
            Answer::CutOff => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"publ");
                return;
            }
            Answer::Silence => {
                thread::sleep(Duration::from_mins(1));
                return;
            }
            Answer::Trickle(status, body) => {
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
                for piece in (head + &body).as_bytes().chunks(64) {
                    if stream.write_all(piece).and_then(|()| stream.flush()).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(5));
                }
                continue;
            }
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nx-request-id: 0\r\n\r\n",
            body.len()
        );
        // A client that went away does not listen.
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_err() {
            return;
        }
        let _ = stream.flush();
    }
}

fn read(stream: &mut impl Read) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let header = |name: &str| {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + 4 + length {
        more(stream, &mut bytes)?;
    }
    let mut words = head.lines().next().unwrap().split(' ');
    let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let basic = header("authorization").and_then(|value| {
        let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
        Some(String::from_utf8(decoded).unwrap())
    });
    let basic = basic.unwrap_or_default();
    let (user, password) = basic.split_once(':').unwrap_or_default();
    let (user, password) = (user.to_owned(), password.to_owned());
    Some(Request { method, path, user, password, body: bytes[end + 4..].to_vec() })
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 16_384];
    match stream.read(&mut buffer) {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            bytes.extend_from_slice(&buffer[..count]);
            Some(())
        }
    }
}
