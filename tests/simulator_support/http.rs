//! A plain HTTP client that shows what is on the wire.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The body, decoded with the charset of its media type.
    pub fn text(&self) -> String {
        let latin1 = self.header("Content-Type").is_some_and(|value| value.to_ascii_lowercase().contains("iso-8859-1"));
        if latin1 {
            self.body.iter().copied().map(char::from).collect()
        } else {
            String::from_utf8(self.body.clone()).unwrap()
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name)).map(|header| header.1.as_str())
    }
}

/// A connection that is kept until somebody closes it.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        Self::try_open(address).await.unwrap()
    }

    pub async fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    pub async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut request = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
        for (name, value) in headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        self.response().await
    }

    /// Whether the server closes the connection; it does so at once if at all.
    pub async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(tokio::time::timeout(Duration::from_millis(15), self.stream.peek(&mut byte)).await, Ok(Ok(0)))
    }

    async fn response(&mut self) -> io::Result<Response> {
        let head_end = self.find(b"\r\n\r\n", 0).await? + 4;
        let head = String::from_utf8(self.buffer[..head_end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut response = Response { status, headers, body: Vec::new() };
        let end = if matches!(status, 204 | 304) {
            head_end
        } else if let Some(length) = response.header("Content-Length") {
            let end = head_end + length.parse::<usize>().unwrap();
            self.fill(end).await?;
            response.body = self.buffer[head_end..end].to_vec();
            end
        } else {
            let mut at = head_end;
            loop {
                let line_end = self.find(b"\r\n", at).await?;
                let size = std::str::from_utf8(&self.buffer[at..line_end]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                let start = line_end + 2;
                self.fill(start + size + 2).await?;
                response.body.extend_from_slice(&self.buffer[start..start + size]);
                at = start + size + 2;
                if size == 0 {
                    break at;
                }
            }
        };
        self.buffer.drain(..end);
        Ok(response)
    }

    async fn find(&mut self, wanted: &[u8], from: usize) -> io::Result<usize> {
        loop {
            let found = self.buffer[from..].windows(wanted.len()).position(|window| window == wanted);
            match found {
                Some(at) => return Ok(from + at),
                None => self.more().await?,
            }
        }
    }

    async fn fill(&mut self, size: usize) -> io::Result<()> {
        while self.buffer.len() < size {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
