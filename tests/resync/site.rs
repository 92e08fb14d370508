//! The sample organisation with a simulated directory, a simulated OX and the real binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use oxherd::controller::{ConnectorReport, Standalone, StandaloneOptions, Until, View};
use oxherd::simulator::nubus::{NubusControl, NubusOptions, NubusSimulator};
use oxherd::simulator::ox::{OxControl, OxOptions, OxSimulator};
use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{AuditRow, Store};
use oxherd::udm::ObjectId;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::observed::{differences, observed};
use super::oracle;

/// Longer than any test needs.
const PATIENCE: Duration = Duration::from_mins(2);

pub struct Site {
    pub folder: tempfile::TempDir,
    pub ox: OxControl,
    pub directory: NubusControl,
    pub nubus: NubusSimulator,
    server: OxSimulator,
    files: u32,
}

/// A connector that runs until it is stopped.
pub struct Running {
    view: View,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub fn report(&self) -> ConnectorReport {
        self.view.report()
    }

    /// Events that were lost and found.
    pub fn caught_up(&self) -> u64 {
        self.report().directory.map_or(0, |directory| directory.caught_up)
    }

    /// Waits until something is so.
    pub async fn until(&self, what: &str, reached: impl Fn(&ConnectorReport) -> bool) {
        let begun = Instant::now();
        while !reached(&self.report()) {
            assert!(begun.elapsed() < PATIENCE, "never: {what}: {:#?}", self.report());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the directory was looked at once more from now on, and nothing is left to do.
    pub async fn until_looked(&self) {
        let now = oxherd::state::now_ms();
        let looked = |report: &ConnectorReport| report.directory.as_ref().and_then(|one| one.looked_at).unwrap_or(0);
        self.until("a look that began after now", |report| looked(report) > now).await;
        let first = looked(&self.report());
        self.until("a whole look", |report| looked(report) > first).await;
        self.until("quiet", |report| report.engine.idle && report.engine.backlog == 0).await;
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// The files of a part of the sample organisation.
pub fn acme(part: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme").join(part);
    let read = |file: PathBuf| serde_json::from_slice(&std::fs::read(file).unwrap());
    // One file of the changes is no JSON, on purpose.
    oracle::files(&folder).into_iter().filter_map(|file| read(file).ok()).collect()
}

impl Site {
    /// An empty directory, except for what is given here, and a connector that was never started.
    pub async fn new(files: &[Value]) -> Self {
        Self::with(files, json!({})).await
    }

    /// The same with this laid over `spec.udm.catchUp`.
    pub async fn with(files: &[Value], catch_up: Value) -> Self {
        let options = OxOptions {
            username_changeable: true,
            unique_display_names: false,
            convert_guest: true,
            deputies: true,
            shared_accounts: true,
            ..OxOptions::default()
        };
        let ox = OxSimulator::start(options).await.unwrap();
        let nubus = NubusSimulator::start(NubusOptions::default()).await.unwrap();
        let directory = nubus.control();
        for file in files {
            directory.seed(file).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        for name in ["manifests", "spool", "state"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let site = Self { folder, ox: ox.control(), directory, nubus, server: ox, files: 0 };
        site.describe(&catch_up);
        site
    }

    /// Writes the manifests.
    pub fn describe(&self, catch_up: &Value) {
        let folder = self.folder.path().join("spool");
        let source = json!({"spool": {"folder": folder, "settle": "20ms", "pollInterval": "100ms"}});
        self.describe_source(&source, catch_up);
    }

    /// Writes the manifests of a connector that takes its events from the Provisioning API.
    pub fn describe_stream(&self, catch_up: &Value) {
        let source = json!({"nubus": {"url": self.nubus.provisioning_url(), "credentialsRef": {"name": "subscription"},
            "adminCredentialsRef": {"name": "nubus-admin"}}});
        self.describe_source(&source, catch_up);
    }

    fn describe_source(&self, source: &Value, catch_up: &Value) {
        let manifest = json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxConnector", "metadata": {"name": "acme"}, "spec": {
            "ox": {"url": self.server.base_url(), "credentialsRef": {"name": "ox-master"}},
            "source": source,
            "udm": {"url": self.nubus.udm_url(), "credentialsRef": {"name": "udm"}, "catchUp": catch_up},
            "defaults": {"context": 10, "domain": "acme.example", "imapServer": "imap://mail.acme.example:143",
                "smtpServer": "smtp://mail.acme.example:587"},
        }});
        let secret = |name: &str, login: &str, password: &str| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                "stringData": {"username": login, "password": password}})
        };
        let documents = [
            manifest,
            secret("ox-master", "oxadminmaster", "secret"),
            secret("udm", "Administrator", "univention"),
            secret("subscription", "oxherd", "s3cret"),
            secret("nubus-admin", "admin", "admin"),
        ];
        let text: Vec<_> = documents.iter().map(Value::to_string).collect();
        std::fs::write(self.folder.path().join("manifests/all.yaml"), text.join("\n---\n")).unwrap();
    }

    /// Writes a listener file that tells how an object is now in the directory.
    pub fn deliver(&mut self, dn: &str) {
        let object = self.directory.object(dn).unwrap();
        let properties = &object["properties"];
        let id = &properties["univentionObjectIdentifier"];
        self.file(&json!({"id": id, "udm_object_type": object["objectType"], "dn": dn, "object": properties}));
    }

    /// Writes a listener file.
    pub fn file(&mut self, text: &Value) {
        self.files += 1;
        let name = format!("2026-01-01-00-00-00-{:06}.json", self.files);
        std::fs::write(self.folder.path().join("spool").join(name), text.to_string()).unwrap();
    }

    /// The identifier of an object.
    pub fn id(&self, dn: &str) -> ObjectId {
        let object = self.directory.object(dn).unwrap();
        ObjectId::new(object["properties"]["univentionObjectIdentifier"].as_str().unwrap()).unwrap()
    }

    /// A command of the binary.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxherd"));
        command.args(arguments).current_dir(&self.folder).env("OXHERD_STATE", "state").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; gives the exit code, the output, and what it said besides.
    pub async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.command(arguments);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// Runs a command that gives JSON and ends well.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let (code, output, errors) = self.run(&[arguments, &["-o", "json"]].concat()).await;
        serde_json::from_str(&output).unwrap_or_else(|_| panic!("{arguments:?}: {code}\n{output}\n{errors}"))
    }

    /// Runs the connector until it is idle; gives the exit code.
    pub async fn work(&self) -> i32 {
        let (code, output, errors) =
            self.run(&["run", "--standalone", "manifests", "--until-idle", "-o", "json"]).await;
        assert!([0, 3].contains(&code), "{code}\n{output}\n{errors}");
        code
    }

    /// Resyncs; gives what was found, summed up over all types.
    pub async fn resync(&self, arguments: &[&str]) -> Value {
        self.json(&[&["resync", "--standalone", "manifests"], arguments].concat()).await
    }

    /// Lets a connector run beside the test.
    pub async fn follow(&self) -> Running {
        let options = StandaloneOptions {
            manifests: self.folder.path().join("manifests"),
            state: self.folder.path().join("state"),
            admin: "127.0.0.1:0".parse().unwrap(),
            patience: PATIENCE,
        };
        let standalone = Standalone::start(options, Until::Stopped).await.unwrap();
        let view = standalone.connectors()["acme"].view().clone();
        let stop = CancellationToken::new();
        let token = stop.clone();
        let task = tokio::spawn(async move {
            standalone.run(Until::Stopped, token).await.unwrap();
        });
        Running { view, stop, task }
    }

    /// The state, which may be in use.
    pub async fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.folder.path().join("state/acme.db")).await.unwrap()
    }

    /// What was done for an object, newest first.
    pub async fn history(&self, id: &ObjectId) -> Vec<AuditRow> {
        self.store().await.audit(Some(id), 50).await.unwrap()
    }

    /// OX holds what follows from these files.
    pub fn assert_holds(&self, files: &[Value]) {
        let differences = differences(&oracle::expected_of(files), &observed(&self.ox.dump()));
        assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    }
}

/// A sum over all types of a result of `resync`.
pub fn total(result: &Value, field: &str) -> u64 {
    result["found"].as_object().unwrap().values().map(|found| found[field].as_u64().unwrap_or(0)).sum()
}

/// Calls that may have changed something in OX.
pub fn changes(site: &Site) -> u64 {
    const READS: [&str; 5] = ["get", "list", "exists", "search", "has"];
    let writes =
        |name: &str| name.split_once('.').is_some_and(|(_, call)| !READS.iter().any(|read| call.starts_with(read)));
    site.ox.counters().operations.iter().filter(|(name, _)| writes(name)).map(|(_, counters)| counters.calls).sum()
}
