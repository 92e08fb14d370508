//! Processes and what they use, read from `/proc`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_oxherd");
/// Clock ticks of `/proc` in a second: the same on all Linux systems of today.
const TICKS: f64 = 100.0;

/// What a process has used since its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Seconds on a CPU, in the program and in the kernel for it.
    pub cpu: f64,
    /// Peak memory in bytes.
    pub peak: u64,
}

/// Processor time of a process; none if it is gone. The second value says whether it has ended.
pub fn cpu(pid: &str) -> Option<(f64, bool)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let ended = fields.next()? == "Z";
    let ticks: f64 = fields.skip(10).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Some((ticks / TICKS, ended))
}

/// Peak memory of a process in bytes.
pub fn peak(pid: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// A simulated OX in a process of its own.
pub struct Simulator {
    child: Child,
    url: String,
}

impl Simulator {
    /// Starts it; a user write takes `latency` milliseconds.
    pub fn start(latency: u32) -> Self {
        let mut child = Command::new(BINARY)
            .args(["simulate", "ox", "--listen", "127.0.0.1:0", "--write-latency", &latency.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a first line");
        let url = line.split([' ', ',']).find(|word| word.starts_with("http://")).expect("an address").to_owned();
        Self { child, url }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has used.
    pub fn usage(&self) -> Usage {
        let pid = self.child.id().to_string();
        Usage { cpu: cpu(&pid).map_or(0.0, |(cpu, _)| cpu), peak: peak(&pid).unwrap_or(0) }
    }

    /// What it has counted.
    pub fn counters(&self) -> Value {
        self.control("GET", "counters")
    }

    /// Lets it count from zero.
    pub fn reset_counters(&self) {
        self.control("POST", "reset-counters");
    }

    /// Does something while this context is locked, for so long at most.
    pub fn while_locked<T>(&self, context: u32, time: Duration, work: impl FnOnce() -> T) -> T {
        let fault = json!({"context": context, "service": "OXUserService", "action": {
            "kind": "soap-fault",
            "name": "DatabaseUpdateException",
            "text": "Database is locked or is now being updated, please try again later",
        }});
        self.request("POST", "faults", &fault.to_string());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(time);
                self.control("DELETE", "faults");
            });
            work()
        })
    }

    fn control(&self, method: &str, what: &str) -> Value {
        self.request(method, what, "")
    }

    fn request(&self, method: &str, what: &str, body: &str) -> Value {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the simulator listens");
        let length = body.len();
        let head = format!("{method} /__control/{what} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n");
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("a request can be sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let body = answer.split_once("\r\n\r\n").expect("an answer with a body").1;
        serde_json::from_str(body).expect("an answer in JSON")
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A simulated Nubus with nothing but users in a process of its own.
pub struct Nubus {
    child: Child,
    url: String,
}

impl Nubus {
    /// Starts it with so many users.
    pub fn start(users: u32) -> Self {
        let mut child = Command::new(BINARY)
            .args(["simulate", "nubus", "--listen", "127.0.0.1:0", "--empty", "--users", &users.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a first line");
        let url = line.split([' ', ',']).find(|word| word.ends_with("/univention/udm")).expect("an address").to_owned();
        Self { child, url }
    }

    /// The address of its UDM REST API.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Nubus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A controller that runs until it is dropped.
pub struct Controller(Child);

impl Controller {
    /// Starts it in a folder.
    pub fn start(arguments: &[&str], folder: &std::path::Path) -> Self {
        let mut command = Command::new(BINARY);
        Self(command.args(arguments).current_dir(folder).spawn().expect("the controller starts"))
    }

    /// What it has used so far.
    pub fn usage(&self) -> Usage {
        let pid = self.0.id().to_string();
        Usage { cpu: cpu(&pid).map_or(0.0, |(cpu, _)| cpu), peak: peak(&pid).unwrap_or(0) }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a run of the program went.
#[derive(Clone)]
pub struct Run {
    /// From start to end of the process.
    pub time: Duration,
    /// What it used.
    pub usage: Usage,
    /// What it reported.
    pub report: Value,
}

/// Runs the program to its end, which must be this exit code.
pub fn run(arguments: &[String], code: i32) -> Run {
    let started = Instant::now();
    let mut child = Command::new(BINARY)
        .args(arguments)
        .args(["-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let pid = child.id().to_string();
    let mut usage = Usage::default();
    // The times of a process can still be read when it has ended, but not its memory: look at that often.
    while let Some((cpu, ended)) = cpu(&pid) {
        usage.cpu = cpu;
        usage.peak = usage.peak.max(peak(&pid).unwrap_or(0));
        if ended {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let time = started.elapsed();
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("a report");
    let status = child.wait().expect("an end");
    assert_eq!(status.code(), Some(code), "the program failed: {status}\n{text}");
    Run { time, usage, report: serde_json::from_str(&text).expect("a report in JSON") }
}
