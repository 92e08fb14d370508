//! A raw HTTP server whose bytes and connections the test decides about.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oxherd::ox::soap::{Client, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which request it was, from 0.
    pub number: usize,
    /// On which connection it came, from 0.
    pub connection: usize,
    /// Request line and headers.
    pub head: String,
    /// Body.
    pub body: String,
}

impl Seen {
    /// The service in the path.
    pub fn service(&self) -> &str {
        let path = self.head.split(' ').nth(1).unwrap();
        path.rsplit('/').next().unwrap()
    }

    /// The operation: the first element in the SOAP body.
    pub fn operation(&self) -> &str {
        self.body.split("Body><s:").nth(1).map_or("", |rest| rest.split('>').next().unwrap())
    }
}

/// What the server does with a request.
pub enum Step {
    /// Answers and waits for more.
    Answer(Vec<u8>),
    /// Answers and closes the connection.
    AnswerAndClose(Vec<u8>),
    /// Closes the connection without a byte.
    Close,
    /// Never answers.
    Silence,
}

/// A running server.
pub struct Wire {
    /// Its address.
    pub base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Wire {
    /// Starts a server that asks `decide` about each request.
    pub async fn start(decide: impl Fn(&Seen) -> Step + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, decide) = (Arc::clone(&seen), Arc::new(decide));
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, connection, Arc::clone(&log), Arc::clone(&decide)));
            }
        });
        Self { base, seen }
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(&Settings::new(&self.base)).unwrap()
    }

    /// A client of it that loses patience.
    pub fn impatient_client(&self) -> Client {
        Client::new(&Settings { timeout: Duration::from_millis(300), ..Settings::new(&self.base) }).unwrap()
    }

    /// What arrived so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The operations that arrived so far.
    pub fn operations(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.operation().to_owned()).collect()
    }
}

async fn serve<F: Fn(&Seen) -> Step>(
    mut stream: TcpStream,
    connection: usize,
    log: Arc<Mutex<Vec<Seen>>>,
    decide: Arc<F>,
) {
    while let Some((head, body)) = read_request(&mut stream).await {
        let seen = {
            let mut log = log.lock().unwrap();
            let seen = Seen { number: log.len(), connection, head, body };
            log.push(seen.clone());
            seen
        };
        match decide(&seen) {
            Step::Answer(bytes) => stream.write_all(&bytes).await.unwrap(),
            Step::AnswerAndClose(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                return;
            }
            Step::Close => return,
            Step::Silence => std::future::pending().await,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ").map(|n| n.parse::<usize>().unwrap())
        })
        .unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, String::from_utf8(bytes[end..end + length].to_vec()).unwrap()))
}

/// An HTTP answer with a body.
pub fn http(status: &str, media_type: &str, more: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n{more}\r\n{body}")
        .into_bytes()
}

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// A success with this in the SOAP body.
pub fn success(inner: &str) -> Vec<u8> {
    let body = format!(r#"<soap:Envelope xmlns:soap="{SOAP}"><soap:Body>{inner}</soap:Body></soap:Envelope>"#);
    http("200 OK", "text/xml; charset=UTF-8", "", &body)
}

/// A success with data fields in one `return`.
pub fn returns(operation: &str, fields: &str) -> Vec<u8> {
    success(&format!(
        r#"<n:{operation}Response xmlns="http://dataobjects.soap.admin.openexchange.com/xsd" xmlns:n="http://soap.admin.openexchange.com"><n:return>{fields}</n:return></n:{operation}Response>"#
    ))
}

/// A fault as the server writes it; the connection closes after it.
pub fn fault(detail: &str, text: &str) -> Step {
    let detail = match detail {
        "" => String::new(),
        name => format!(r#"<detail><{name} xmlns="http://soap.admin.openexchange.com"><{name}/></{name}></detail>"#),
    };
    let code = if detail.is_empty() && text.contains("nmarshalling") { "Client" } else { "Server" };
    let body = format!(
        r#"<soap:Envelope xmlns:soap="{SOAP}"><soap:Body><soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{text}; exceptionId 1-1</faultstring>{detail}</soap:Fault></soap:Body></soap:Envelope>"#
    );
    let status = "500 Internal Server Error";
    Step::AnswerAndClose(http(status, "text/xml; charset=UTF-8", "Connection: close\r\n", &body))
}
