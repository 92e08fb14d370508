//! A folder with manifests, spool and state, the real program, and a simulated OX.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oxherd::failure_points::FailurePoint;
use oxherd::simulator::ox::{OxControl, OxOptions, OxSimulator};
use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{ParkedFilter, Store};
use serde_json::{Map, Value, json};

/// How a life ends.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    /// By itself, at the nth passage of a place.
    At(FailurePoint, u32),
    /// By SIGKILL after some time.
    Sudden { milliseconds: u64 },
    /// In good order, by SIGTERM, when it has made so many calls.
    Told { calls: u64 },
}

/// How a life ended.
#[derive(Debug, PartialEq)]
pub enum Run {
    /// It was killed.
    Killed,
    /// It came to rest with nothing parked, after so many calls.
    Rested(u64),
}

/// A site.
pub struct Site {
    folder: tempfile::TempDir,
    simulator: OxSimulator,
    delivered: Mutex<Vec<Value>>,
}

impl Site {
    pub async fn new() -> Self {
        let mut options = OxOptions {
            username_changeable: true,
            unique_display_names: false,
            convert_guest: true,
            deputies: true,
            shared_accounts: true,
            // The lock of a killed writer is free at once; what a real server makes of it is a test of the simulator.
            lock_wait_factor: 0.01,
            ..OxOptions::default()
        };
        options.latency.user_writes = 2;
        options.latency.other_writes = 1;
        let simulator = OxSimulator::start(options).await.unwrap();
        simulator.control().start_write_log();
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        for name in ["manifests", "spool"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let connector = json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxConnector", "metadata": {"name": "test"},
        "spec": {
            "ox": {"url": simulator.base_url(), "credentialsRef": {"name": "ox-master"},
                "tls": {"verification": "InsecureSkip"}},
            "source": {"spool": {"folder": "../spool", "settle": "20ms"}},
            "defaults": {"context": 10, "domain": "test.example", "imapServer": "imap://mail.test.example:143",
                "smtpServer": "smtp://mail.test.example:587"},
        }});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ox-master"},
            "stringData": {"username": "oxadminmaster", "password": "secret"}});
        let manifests = format!("{connector}\n---\n{secret}\n");
        std::fs::write(folder.path().join("manifests/all.yaml"), manifests).unwrap();
        Self { folder, simulator, delivered: Mutex::default() }
    }

    /// Events come from the directory.
    pub fn deliver(&self, events: &[Value]) {
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            delivered.push(event.clone());
            let name = format!("spool/2026-01-01-00-00-00-{:06}.json", delivered.len());
            std::fs::write(self.folder.path().join(name), event.to_string()).unwrap();
        }
    }

    /// The last event of each object comes again.
    pub fn deliver_last_states(&self) {
        let mut last: Vec<Value> = Vec::new();
        for event in self.delivered() {
            last.retain(|other| other["id"] != event["id"]);
            last.push(event);
        }
        self.deliver(&last);
    }

    /// All events so far.
    pub fn delivered(&self) -> Vec<Value> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs the program until it comes to rest or dies.
    pub async fn run(&self, death: Option<Death>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxherd"));
        command.args(["run", "--standalone", "manifests", "--until-idle", "-o", "json"]).current_dir(&self.folder);
        if let Some(Death::At(place, passage)) = death {
            let place: &str = place.into();
            command.env("OXHERD_FAILURE_POINT", format!("{place}:{passage}"));
        }
        let control = self.control();
        let run = tokio::task::spawn_blocking(move || live(command, death, &control)).await.unwrap();
        match run {
            Ok(run) => run,
            Err(end) => panic!("{end}, parked: {:#?}", self.store().await.parked(&ParkedFilter::All).await.unwrap()),
        }
    }

    /// The way to watch and disturb OX.
    pub fn control(&self) -> OxControl {
        self.simulator.control()
    }

    /// How much is still to be done: files in the spool and tasks in the journal.
    pub async fn left(&self) -> u64 {
        let files = std::fs::read_dir(self.folder.path().join("spool")).unwrap().count();
        self.store().await.backlog().await.unwrap().tasks + files as u64
    }

    /// What OX holds.
    pub fn ox(&self) -> Value {
        self.simulator.control().dump()
    }

    /// How often each thing was made.
    pub fn creates(&self) -> BTreeMap<String, usize> {
        creates(&self.control())
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.folder.path().join("oxherd-state/test.db")).await.unwrap()
    }

    /// What the program remembers, with names in place of the numbers of OX. The journal must be empty.
    pub async fn state(&self) -> Value {
        let store = self.store().await;
        let backlog = store.backlog().await.unwrap();
        assert_eq!((backlog.tasks, backlog.parked), (0, 0));
        assert_eq!(std::fs::read_dir(self.folder.path().join("spool")).unwrap().count(), 0, "files in the spool");
        let ox = self.ox();
        let mut all = Map::new();
        for (object, kind, dn) in store.with_prefix("").await.unwrap() {
            let record = store.record(&object).await.unwrap().unwrap();
            let state = Names { ox: &ox }.state(&record.state);
            let value = json!({"kind": kind.as_str(), "dn": dn, "desired": record.desired, "state": state,
                "refs": record.footprint.refs, "revision": record.revision});
            all.insert(object.to_string(), value);
        }
        let credentials = store.credentials().await.unwrap().into_iter();
        let contexts: Vec<_> = credentials.map(|one| json!([one.context, one.login])).collect();
        json!({"objects": all, "credentials": contexts})
    }
}

/// How often each thing was made: service, context and name → creates that took effect.
pub fn creates(ox: &OxControl) -> BTreeMap<String, usize> {
    let mut creates = BTreeMap::new();
    for write in ox.writes() {
        if write.operation.starts_with("create") || write.operation.starts_with("copy") {
            let context = write.context.map_or_else(String::new, |context| context.to_string());
            let made = format!("{}.{} {context} {}", write.service, write.operation, name_in(&write.request));
            *creates.entry(made).or_default() += 1;
        }
    }
    creates
}

fn live(mut command: Command, death: Option<Death>, ox: &OxControl) -> Result<Run, String> {
    let before = ox.counters().total;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    match death {
        Some(Death::Sudden { milliseconds }) => {
            std::thread::sleep(Duration::from_millis(milliseconds));
            // SIGKILL: no chance to finish anything. It may have come to rest before.
            child.kill().unwrap();
        }
        Some(Death::Told { calls }) => {
            while ox.counters().total < before + calls && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
            assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        }
        Some(Death::At(..)) | None => {}
    }
    let output = child.wait_with_output().unwrap();
    if was_killed(output.status) {
        return Ok(Run::Killed);
    }
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    Ok(Run::Rested(result[0]["totals"]["calls"].as_u64().unwrap()))
}

fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal().is_some()
}

/// The name of what a request makes.
fn name_in(request: &str) -> &str {
    // A functional account is made for each login.
    if let Some((_, account)) = request.split_once("accountDataOnCreate>") {
        return account.split("accountDataOnCreate>").next().unwrap_or(account);
    }
    let name = |mark: &str| request.split_once(mark)?.1.split_once('<').map(|(name, _)| name);
    name(":name>").or_else(|| name("<name>")).unwrap_or("?")
}

/// Names for the numbers of OX. A number that leads nowhere becomes a question mark, and the comparison fails.
struct Names<'a> {
    ox: &'a Value,
}

impl Names<'_> {
    fn name(&self, kind: &str, context: &Value, number: &Value) -> String {
        let number = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
        let context = context.as_str().map_or_else(|| context.to_string(), str::to_owned);
        let found = &self.ox["contexts"][context][kind][&number];
        let name = if kind == "groups" { &found["name"] } else { &found["data"]["name"] };
        let name = name.as_str().or_else(|| found["name"].as_str());
        name.map_or_else(|| format!("? {number}"), str::to_owned)
    }

    fn list(&self, kind: &str, context: &Value, numbers: &Value) -> Value {
        let numbers = numbers.as_array().cloned().unwrap_or_default();
        let mut names: Vec<_> = numbers.iter().map(|number| self.name(kind, context, number)).collect();
        names.sort();
        json!(names)
    }

    /// A map whose keys are users.
    fn by_user(&self, context: &Value, map: &Value) -> Value {
        let entries = map.as_object().into_iter().flatten();
        Value::Object(entries.map(|(id, value)| (self.name("users", context, &json!(id)), value.clone())).collect())
    }

    fn known(&self, names: &Value) -> Value {
        let entries = names.as_object().into_iter().flatten();
        Value::Object(entries.map(|(print, at)| (print.clone(), json!(self.name("users", &at[0], &at[1])))).collect())
    }

    fn state(&self, state: &Value) -> Value {
        let Some((kind, held)) = state.as_object().and_then(|state| state.iter().next()) else { return state.clone() };
        let mut held = held.clone();
        let context = held["context"].clone();
        match kind.as_str() {
            "user" => {
                held["id"] = json!(self.name("users", &context, &held["id"]));
                if let Some(deputies) = held.get_mut("deputies") {
                    let mut grants = self.by_user(&context, &deputies["grants"]);
                    for grant in grants.as_object_mut().into_iter().flatten() {
                        // OX chooses it.
                        grant.1["grant"] = Value::Null;
                    }
                    deputies["grants"] = grants;
                }
            }
            "groups" => {
                for (context, group) in held["groups"].as_object_mut().into_iter().flatten() {
                    let context = json!(context);
                    group["id"] = json!(self.name("groups", &context, &group["id"]));
                    group["members"] = self.list("users", &context, &group["members"]);
                }
                held["names"] = self.known(&held["names"]);
            }
            "accounts" => {
                for (context, accounts) in held["accounts"].as_object_mut().into_iter().flatten() {
                    accounts["users"] = self.by_user(&json!(context), &accounts["users"]);
                }
                held["names"] = self.known(&held["names"]);
            }
            "shared" => {
                held["id"] = json!(self.name("shared_accounts", &context, &held["id"]));
                for permission in held["permissions"].as_array_mut().into_iter().flatten() {
                    let context = permission["context"].clone();
                    permission["users"] = self.list("users", &context, &permission["users"]);
                    permission["groups"] = self.list("groups", &context, &permission["groups"]);
                }
            }
            // OX does not list the number among the mappings, so who found the context does not know of it.
            "context" => {
                let number = held["id"].to_string();
                held["mappings"].as_array_mut().unwrap().retain(|mapping| *mapping != number);
            }
            "resource" => held["id"] = json!(self.name("resources", &context, &held["id"])),
            _ => {}
        }
        json!({ kind: held })
    }
}
