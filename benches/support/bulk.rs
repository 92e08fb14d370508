//! The first load of a large directory, each part in a process of its own.

use std::fs;
use std::time::{Duration, Instant};

use oxherd::source::directory::{CATCH_UP, Slice};
use oxherd::state::Store;
use oxherd::state::sqlite::SqliteStore;
use oxherd::transport::Credentials;
use oxherd::udm::ObjectType;
use oxherd::udm::rest::{Query, Settings, UdmClient};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::process::{Controller, Nubus, Simulator, Usage};

/// What was measured.
pub struct Loaded {
    /// How long the directory took to serve its lists, read by nobody but a counter.
    pub served: Duration,
    /// From the start of the controller until everything was in its journal.
    pub time: Duration,
    /// What the controller used until then.
    pub controller: Usage,
}

/// Loads so many users into the journal of a connector that is paused, so that only the load is measured.
pub fn measure(users: u32) -> Loaded {
    let (nubus, ox) = (Nubus::start(users), Simulator::start(0));
    let runtime = Runtime::new().expect("a runtime");
    let served = runtime.block_on(serve(nubus.url(), users));
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["manifests", "spool", "state"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let secret = |name: &str, login: &str, password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"username": login, "password": password}})
    };
    let connector = json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxConnector", "metadata": {"name": "bulk"}, "spec": {
        "ox": {"url": ox.url(), "credentialsRef": {"name": "ox"}},
        "source": {"spool": {"folder": folder.path().join("spool")}},
        "udm": {"url": nubus.url(), "credentialsRef": {"name": "udm"}},
        "defaults": {"context": 10, "domain": "load.example", "imapServer": "imap://mail.load.example:143",
            "smtpServer": "smtp://mail.load.example:587"},
        "policies": {"paused": true},
    }});
    let documents = [connector, secret("ox", "oxadminmaster", "secret"), secret("udm", "Administrator", "univention")];
    let text: Vec<_> = documents.iter().map(Value::to_string).collect();
    fs::write(folder.path().join("manifests/all.yaml"), text.join("\n---\n")).expect("a file");

    let begun = Instant::now();
    let controller = Controller::start(&["run", "--standalone", "manifests", "--state", "state"], folder.path());
    let loaded = runtime.block_on(async {
        let file = folder.path().join("state/bulk.db");
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let store = SqliteStore::open(&file).await.expect("the state");
        while store.cursor(CATCH_UP).await.expect("the state").is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let loaded = begun.elapsed();
        let waiting = store.backlog().await.expect("the state").tasks;
        assert!(waiting >= u64::from(users), "{waiting} objects in the journal");
        loaded
    });
    Loaded { served, time: loaded, controller: controller.usage() }
}

/// Reads all users, in the parts in which the controller reads them, and does nothing with them.
async fn serve(url: &str, users: u32) -> Duration {
    let client =
        UdmClient::new(&Settings::new(url), Credentials::new("Administrator", "univention")).expect("a client");
    let begun = Instant::now();
    let (mut slice, mut all) = (Some(Slice::first(ObjectType::User)), 0);
    while let Some(part) = slice {
        let query = Query::new(ObjectType::User, part.filter());
        let count = client.list(&query).await.expect("a list").count().await.expect("a whole list");
        all += count;
        slice = part.next(usize::try_from(count).expect("a count"));
    }
    assert!(all >= u64::from(users));
    begun.elapsed()
}
