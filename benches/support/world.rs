//! A simulated OX with a controller that has loaded something into it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::directory;
use super::process::{Simulator, Usage, run_controller};

/// What distinguishes worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// How many contexts.
    pub contexts: u32,
    /// Milliseconds that a user write takes.
    pub latency: u32,
}

/// Something that the directory reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Contexts and an access profile.
    Contexts,
    /// So many users for the first time.
    Users(u32),
    /// Each user with another telephone number.
    Relevant,
    /// Each user with another login shell, which OX does not know.
    Irrelevant,
    /// Each user as it was last.
    Same,
    /// A group with so many members.
    Group(u32),
}

/// What a batch cost.
#[derive(Debug, Default)]
pub struct Measured {
    /// Events delivered.
    pub events: usize,
    /// From start to end of the controller.
    pub time: Duration,
    /// What the controller used.
    pub controller: Usage,
    /// What the simulator used meanwhile.
    pub simulator: Usage,
    /// Calls that change something, as the simulator counted them.
    pub writes: u64,
    /// All calls but those that ask the server for its features.
    pub calls: u64,
    /// The largest request in bytes.
    pub largest: u64,
    /// The most user writes of one context at the same time.
    pub beside: u64,
}

/// A simulated OX with a controller.
pub struct World {
    kind: Kind,
    folder: TempDir,
    simulator: Simulator,
    files: u32,
    users: u32,
    relevant: u32,
    irrelevant: u32,
}

impl World {
    /// An OX with nothing but contexts.
    pub fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let simulator = Simulator::start(kind.latency);
        for name in ["manifests", "spool", "state"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        fs::write(folder.path().join("manifests/connector.yaml"), manifest(simulator.url())).expect("a manifest");
        let mut world = Self { kind, folder, simulator, files: 0, users: 0, relevant: 0, irrelevant: 0 };
        world.apply(Batch::Contexts);
        world
    }

    /// Users that are loaded.
    pub fn users(&self) -> u32 {
        self.users
    }

    /// Delivers a batch and runs the controller until it is idle.
    pub fn apply(&mut self, batch: Batch) -> Measured {
        let events = self.deliver(batch);
        self.simulator.reset_counters();
        let before = self.simulator.usage();
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let run = run_controller(&["--standalone", &path("manifests"), "--state", &path("state")]);
        let after = self.simulator.usage();
        let accepted = run.report[0]["source"]["accepted"].as_u64();
        assert_eq!((accepted, run.report[0]["parked"].as_u64()), (Some(events as u64), Some(0)), "{}", run.report);
        let counters = self.simulator.counters();
        let mut measured = Measured {
            events,
            time: run.time,
            controller: run.usage,
            simulator: Usage { cpu: after.cpu - before.cpu, ..after },
            ..Measured::default()
        };
        for (name, counts) in counters["operations"].as_object().into_iter().flatten() {
            let calls = counts["calls"].as_u64().unwrap_or(0);
            measured.calls += calls;
            measured.writes += if is_read(name) { 0 } else { calls };
            measured.largest = measured.largest.max(counts["largest_request"].as_u64().unwrap_or(0));
        }
        let beside = counters["max_concurrent_user_writes"].as_object().into_iter().flatten();
        measured.beside = beside.filter_map(|(_, most)| most.as_u64()).max().unwrap_or(0);
        measured
    }

    /// Writes the listener files of a batch; returns how many.
    pub fn deliver(&mut self, batch: Batch) -> usize {
        let contexts = 10..10 + self.kind.contexts;
        let files: Vec<Value> = match batch {
            Batch::Contexts => contexts.map(directory::context).chain([directory::profile()]).collect(),
            Batch::Users(count) => {
                self.users = count;
                self.everybody()
            }
            Batch::Relevant => {
                self.relevant += 1;
                self.everybody()
            }
            Batch::Irrelevant => {
                self.irrelevant += 1;
                self.everybody()
            }
            Batch::Same => self.everybody(),
            Batch::Group(members) => vec![directory::group(members)],
        };
        for file in &files {
            self.files += 1;
            let name = format!("2026-01-05-08-00-00-{:06}.json", self.files);
            fs::write(self.spool().join(name), file.to_string()).expect("a listener file");
        }
        files.len()
    }

    fn everybody(&self) -> Vec<Value> {
        let user = |number| {
            let context = 10 + number % self.kind.contexts;
            directory::user(number, context, self.relevant, self.irrelevant)
        };
        (0..self.users).map(user).collect()
    }

    fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }
}

fn is_read(operation: &str) -> bool {
    let name = operation.rsplit('.').next().unwrap_or_default();
    ["get", "list", "exists", "check"].iter().any(|prefix| name.starts_with(prefix))
}

fn manifest(url: &str) -> String {
    format!(
        "apiVersion: oxherd.dev/v1alpha1
kind: OxConnector
metadata:
  name: bench
spec:
  ox:
    url: {url}
    credentialsRef:
      name: ox-master
  source:
    spool:
      folder: ../spool
  defaults:
    context: 10
    language: de_DE
    timezone: Europe/Berlin
    domain: bench.example
    imapServer: imap://mail.bench.example:143
    smtpServer: smtp://mail.bench.example:587
---
apiVersion: v1
kind: Secret
metadata:
  name: ox-master
stringData:
  username: oxadminmaster
  password: secret
"
    )
}
