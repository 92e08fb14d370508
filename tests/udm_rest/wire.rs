//! A raw HTTP server whose bytes and connections the test decides about.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use oxherd::transport::{Credentials, Trust};
use oxherd::udm::rest::{Settings, UdmClient};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which request it was, from 0.
    pub number: usize,
    /// Method and path.
    pub line: String,
    /// Headers, in lower case.
    pub headers: String,
    /// Body.
    pub body: String,
}

/// What the server does, one after the other.
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Does nothing for a while.
    Rest(Duration),
    /// Closes the connection.
    Close,
}

/// A running server.
pub struct Wire {
    /// Its address.
    pub base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Wire {
    /// A server that asks `decide` about each request.
    pub fn start(decide: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::listen("http", decide, |stream| Some(Box::new(stream)))
    }

    /// The same with TLS and this certificate of the fixtures.
    pub fn with_tls(certificate: &str, decide: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let chain = CertificateDer::pem_file_iter(fixture("tls").join(certificate)).unwrap();
        let chain = chain.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(fixture("tls/server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
        Self::listen("https", decide, move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Some(Box::new(StreamOwned::new(connection, stream)))
        })
    }

    fn listen(
        scheme: &str,
        decide: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Both>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("{scheme}://{}/univention/udm/", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, decide, wrap) = (Arc::clone(&seen), Arc::new(decide), Arc::new(wrap));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, decide, wrap) = (Arc::clone(&log), Arc::clone(&decide), Arc::clone(&wrap));
                thread::spawn(move || {
                    if let Some(stream) = wrap(stream.unwrap()) {
                        serve(stream, &log, &*decide);
                    }
                });
            }
        });
        Self { base, seen }
    }

    /// A client of it that does not wait long between its tries.
    pub fn client(&self) -> UdmClient {
        self.client_with(Trust::System)
    }

    /// The same that trusts somebody.
    pub fn client_with(&self, trust: Trust) -> UdmClient {
        let settings = Settings {
            trust,
            silence: Duration::from_millis(700),
            pause: Duration::from_millis(20),
            ..Settings::new(&self.base)
        };
        UdmClient::new(&settings, Credentials::new("Administrator", "geheim")).unwrap()
    }

    /// What arrived so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

trait Both: Read + Write {}
impl<T: Read + Write> Both for T {}

fn serve(mut stream: Box<dyn Both>, log: &Mutex<Vec<Seen>>, decide: &dyn Fn(&Seen) -> Vec<Step>) {
    while let Some((head, body)) = request(&mut stream) {
        let (line, headers) = head.split_once("\r\n").unwrap();
        let seen = {
            let mut log = log.lock().unwrap();
            let (line, headers) = (line.replace(" HTTP/1.1", ""), headers.to_lowercase());
            let seen = Seen { number: log.len(), line, headers, body };
            log.push(seen.clone());
            seen
        };
        for step in decide(&seen) {
            match step {
                Step::Send(bytes) => {
                    // A client may have heard enough.
                    if stream.write_all(&bytes).and_then(|()| stream.flush()).is_err() {
                        return;
                    }
                }
                Step::Rest(time) => thread::sleep(time),
                Step::Close => return,
            }
        }
    }
}

fn request(stream: &mut dyn Both) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().trim().parse::<usize>().unwrap());
            while bytes.len() < end + 4 + length {
                let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
                bytes.extend_from_slice(&part[..read]);
            }
            return Some((head, String::from_utf8(bytes[end + 4..].to_vec()).unwrap()));
        }
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
    }
}

/// A path in the fixtures.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// An answer with a JSON body.
pub fn json(status: u16, body: &Value) -> Vec<u8> {
    http(status, "Content-Type: application/json\r\n", &body.to_string())
}

/// An answer.
pub fn http(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
