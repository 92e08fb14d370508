//! The simulated OX server against 307 recorded exchanges of a real one.
//!
//! Each sequence is replayed in its order over TCP against a fresh simulator. Compared are status, headers, the end of
//! the connection and the body as parsed XML. Not promised by the real server, hence compared as sets: aliases, entries
//! of `userAttributes`, the list after `Expected elements are`. Different on each installation, hence ignored: numbers
//! of exceptions, file store, ids and schema of the databases.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod simulator_support;

use std::fmt::Write as _;
use std::path::PathBuf;

use oxherd::simulator::ox::{OxOptions, OxSimulator};
use serde::Deserialize;
use simulator_support::http::{Connection, Response};
use simulator_support::xml;

/// Differences that are kept on purpose: file, place in the tree, reason.
const KEPT: [(&str, &str, &str); 0] = [];

#[derive(Deserialize)]
struct Recording {
    #[serde(skip)]
    file: String,
    sequence: u32,
    step: u32,
    connection: RecordedConnection,
    request: RecordedRequest,
    response: RecordedResponse,
}

#[derive(Deserialize)]
struct RecordedConnection {
    new: bool,
    closed_by_server: bool,
}

#[derive(Deserialize)]
struct RecordedRequest {
    method: String,
    path: String,
    headers: serde_json::Map<String, serde_json::Value>,
    body: String,
}

#[derive(Deserialize)]
struct RecordedResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

fn recordings(sequence: u32) -> Vec<Recording> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ox-soap");
    let mut recordings: Vec<Recording> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut recording: Recording = serde_json::from_str(&text).unwrap();
            recording.file = path.file_stem().unwrap().to_string_lossy().into_owned();
            recording
        })
        .filter(|recording| recording.sequence == sequence)
        .collect();
    recordings.sort_by_key(|recording| recording.step);
    recordings
}

/// Replays a sequence; all differences at once.
async fn replay(sequence: u32, steps: usize) {
    let simulator = OxSimulator::start(OxOptions::default()).await.unwrap();
    let recordings = recordings(sequence);
    assert_eq!(recordings.len(), steps);
    let mut connection = None;
    let mut report = String::new();
    for recording in recordings {
        if recording.connection.new || connection.is_none() {
            connection = Some(Connection::open(simulator.address()).await);
        }
        let open = connection.as_mut().unwrap();
        let headers = recording.request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let headers: Vec<(&str, &str)> = headers.collect();
        let request = &recording.request;
        let response = open.exchange(&request.method, &request.path, &headers, request.body.as_bytes()).await.unwrap();
        let closed = open.is_closed().await;
        if closed {
            connection = None;
        }
        for difference in differences(&recording, &response, closed) {
            let kept = KEPT.iter().any(|(file, place, _)| recording.file == *file && difference.starts_with(place));
            if !kept {
                writeln!(report, "{} ({}.{}): {difference}", recording.file, sequence, recording.step).unwrap();
            }
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn differences(recording: &Recording, response: &Response, closed: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, expected: String, got: String| {
        if expected != got {
            found.push(format!("{what}: expected {expected}, got {got}"));
        }
    };
    compare("status", recording.response.status.to_string(), response.status.to_string());
    compare("closed", recording.connection.closed_by_server.to_string(), closed.to_string());
    // The lengths of faults belong to the numbers of exceptions before they were masked.
    let masked = |headers: &[(String, String)]| -> Vec<(String, String)> {
        let mask = |name: &String, value: &String| {
            if name == "Content-Length" { String::new() } else { value.clone() }
        };
        headers.iter().map(|(name, value)| (name.clone(), mask(name, value))).collect()
    };
    compare(
        "headers",
        format!("{:?}", masked(&recording.response.headers)),
        format!("{:?}", masked(&response.headers)),
    );
    let got = response.text();
    if recording.response.body.starts_with("<soap:") {
        found.extend(xml::differences(&recording.response.body, &got));
    } else {
        compare("body", recording.response.body.clone(), got);
    }
    found
}

#[tokio::test]
async fn sequence_1_contexts() {
    replay(1, 40).await;
}

#[tokio::test]
async fn sequence_2_users() {
    replay(2, 99).await;
}

#[tokio::test]
async fn sequence_3_groups_and_resources() {
    replay(3, 56).await;
}

#[tokio::test]
async fn sequence_4_secondary_accounts() {
    replay(4, 30).await;
}

#[tokio::test]
async fn sequence_5_user_copy() {
    replay(5, 17).await;
}

#[tokio::test]
async fn sequence_6_protocol() {
    replay(6, 65).await;
}
