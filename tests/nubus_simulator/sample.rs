//! The sample organisation and generated users.

use std::io::{BufRead as _, BufReader};

use oxherd::simulator::nubus::PrefillStatus;
use serde_json::Value;

use crate::client::{basic, start, summary};
use crate::simulator_support::http::Connection;

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[tokio::test]
async fn the_sample_organisation_and_its_day_of_changes() {
    let (_simulator, client) = start().await;
    for file in files("directory") {
        client.control.seed(&serde_json::from_slice(&file).unwrap()).unwrap();
    }
    assert_eq!(client.search("oxmail/oxcontext", "filter=(contextid=*)").await.len(), 3);
    let people = client.control.list("users/user").len();
    assert!(people > 200);
    let topics = [
        "oxmail/oxcontext",
        "oxmail/accessprofile",
        "users/user",
        "groups/group",
        "oxmail/functional_account",
        "oxmail/shared_account_permission",
        "oxmail/shared_account",
        "oxresources/oxresources",
    ];
    client.control.subscribe("c", "secret", &topics, true);
    while client.control.subscription("c").unwrap().prefill != PrefillStatus::Done {
        tokio::task::yield_now().await;
    }
    let filled = client.drain("c").await;
    assert_eq!(filled.len(), files("directory").len());
    assert!(summary(&filled).iter().all(|message| message.ends_with("create")));
    // One of the files is no JSON on purpose.
    let changes: Vec<Value> = files("changes").iter().filter_map(|file| serde_json::from_slice(file).ok()).collect();
    for change in &changes {
        client.control.apply(change).unwrap_or_else(|error| panic!("{}: {error}", change["dn"]));
    }
    let messages = client.drain("c").await;
    assert!(messages.len() >= changes.len());
    for change in changes.iter().filter(|change| !change["object"].is_null()) {
        let identifier = change["object"]["univentionObjectIdentifier"].as_str().unwrap();
        assert!(client.control.dn_of(identifier).is_some());
    }
}

#[tokio::test]
async fn many_users_are_listed_while_the_answer_is_sent() {
    let (_simulator, client) = start().await;
    client.control.seed_users(10, 5000).unwrap();
    let response = client.udm("GET", "/users/user/?filter=(isOxUser=OK)", &Value::Null).await;
    assert_eq!(response.header("Transfer-Encoding"), Some("chunked"));
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["results"], 5000);
    let entries = body["_embedded"]["udm:object"].as_array().unwrap();
    assert_eq!(entries.len(), 5000);
    assert_eq!(entries[4999]["properties"]["username"], "load005000");
    assert_eq!(client.control.counters().udm_search_objects, 5000);
}

/// A process that ends with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_command_serves_the_sample_organisation() {
    let arguments = ["simulate", "nubus", "--listen", "127.0.0.1:0", "--users", "3", "--udm-password", "other"];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_oxherd"));
    let mut running = Running(command.args(arguments).stdout(std::process::Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut connection = Connection::open(address.parse().unwrap()).await;
    let authorization = basic("Administrator", "other");
    let headers = [("Authorization", authorization.as_str()), ("Accept", "application/json")];
    let found = |path: &'static str| format!("/univention/udm/users/user/?opened=0&filter={path}");
    for (filter, least) in [("uid=load*", 3), ("isOxUser=OK", 200)] {
        let response = connection.exchange("GET", &found(filter), &headers, b"").await.unwrap();
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert!(body["results"].as_u64().unwrap() >= least, "{filter}: {}", body["results"]);
    }
}
