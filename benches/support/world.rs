//! A simulated OX with a controller that has loaded something into it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{Store, now_ms};
use oxherd::udm::ObjectId;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Run, Simulator, Usage, run};
use super::{directory, fill};

/// How long a context is locked.
const LOCKED_FOR: Duration = Duration::from_secs(90);
/// The user that OX refuses each time.
const BAD: u32 = 1;
/// Exit code of a run that leaves something parked.
const PARKED: i32 = 3;

/// What distinguishes worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// How many contexts.
    pub contexts: u32,
    /// Milliseconds that a user write takes.
    pub latency: u32,
    /// Distinguishes worlds that are alike otherwise.
    pub number: u32,
}

/// Something that the directory reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Nothing at all.
    Nothing,
    /// Contexts and an access profile.
    Contexts,
    /// So many users for the first time.
    Users(u32),
    /// Each user with another telephone number.
    Relevant,
    /// The same, while the first context is locked for a minute and a half and a user of the second one is refused each time.
    RelevantAndBad,
    /// So many users, spread over all, with another login shell, which OX does not know.
    Irrelevant(u32),
    /// Each user as it was last.
    Same,
    /// A group with so many members.
    Group(u32),
    /// So many teams of twenty.
    Teams(u32),
    /// So many changes of a usual day: of twenty, seventeen of users that OX does not know of, two of users that it knows of,
    /// and one of the members of a team.
    Mixed(u32),
    /// So many users that were not there before.
    New(u32),
    /// The access profile with another right, and right after it so many new users.
    Profile(u32),
    /// Nothing: what OX holds is compared with what it should hold.
    Verification,
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
    /// How much of the time from the first to the last user write each lane was busy, in percent.
    pub busy: Option<f64>,
    /// What the table has no column for.
    pub notes: Vec<String>,
}

/// A user whose last words are remembered.
#[derive(Clone, Copy, Default)]
struct Person {
    relevant: u32,
    irrelevant: u32,
}

/// A simulated OX with a controller.
pub struct World {
    kind: Kind,
    folder: TempDir,
    simulator: Simulator,
    files: u32,
    people: Vec<Person>,
    teams: Vec<u32>,
    profile: u32,
    turn: u32,
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
        let (people, teams) = (Vec::new(), Vec::new());
        let mut world = Self { kind, folder, simulator, files: 0, people, teams, profile: 0, turn: 0 };
        world.apply(Batch::Contexts);
        world
    }

    /// Users that are there.
    pub fn users(&self) -> u32 {
        u32::try_from(self.people.len()).expect("not that many")
    }

    /// Teams that are there.
    pub fn teams(&self) -> u32 {
        u32::try_from(self.teams.len()).expect("not that many")
    }

    /// Makes users up that the controller believes to be in OX, up to this number in all.
    pub fn fill(&mut self, users: u32) {
        fill::fill(&self.state(), self.users()..users);
        self.people.resize(users as usize, Person::default());
    }

    /// Delivers a batch and runs the controller until it is idle; or lets it verify.
    pub fn apply(&mut self, batch: Batch) -> Measured {
        let known = self.users();
        let events = self.deliver(batch);
        self.simulator.reset_counters();
        let before = self.simulator.usage();
        let started = now_ms();
        let run = match batch {
            Batch::Verification => run(&self.command(&["verify"]), 0),
            Batch::RelevantAndBad => self.simulator.while_locked(10, LOCKED_FOR, || {
                let run = run(&self.command(&["run", "--until-idle", "--patience", "600"]), PARKED);
                check(&run, events, 1)
            }),
            _ => check(&run(&self.command(&["run", "--until-idle"]), 0), events, 0),
        };
        let after = self.simulator.usage();
        let counters = self.simulator.counters();
        let mut measured = Measured {
            events,
            time: run.time,
            controller: run.usage,
            simulator: Usage { cpu: after.cpu - before.cpu, ..after },
            busy: busy(&counters),
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
        measured.notes = match batch {
            Batch::Profile(_) => {
                let done = self.done_after(known..self.users(), started);
                vec![format!("the users that came right after were done {:.1} s after the start", at(&done, 100))]
            }
            Batch::Relevant | Batch::RelevantAndBad if self.kind.contexts > 1 => {
                let others = (0..known).filter(|number| number % self.kind.contexts != 0 && *number != BAD);
                let done = self.done_after(others, started);
                let (half, most, all) = (at(&done, 50), at(&done, 99), at(&done, 100));
                vec![format!(
                    "users outside of the first context were done after {half:.2} s (50 %), {most:.2} s (99 %), {all:.2} s (all)"
                )]
            }
            _ => Vec::new(),
        };
        measured
    }

    /// A command line with the places of this world.
    fn command(&self, command: &[&str]) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let places = ["--standalone".to_owned(), path("manifests"), "--state".to_owned(), path("state")];
        command.iter().map(ToString::to_string).chain(places).collect()
    }

    /// Seconds after this time at which users were done, in order.
    fn done_after(&self, users: impl IntoIterator<Item = u32>, started: i64) -> Vec<f64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let store = SqliteStore::open(&self.state()).await.expect("a state");
            let mut done = Vec::new();
            for number in users {
                let object = ObjectId::new(&directory::user_id(number)).expect("an identifier");
                let row = store.audit(Some(&object), 1).await.expect("an audit trail").pop().expect("a line");
                done.push(Duration::from_millis(u64::try_from(row.at - started).unwrap_or(0)).as_secs_f64());
            }
            done.sort_by(f64::total_cmp);
            done
        })
    }

    /// Writes the listener files of a batch; returns how many.
    pub fn deliver(&mut self, batch: Batch) -> usize {
        let contexts = 10..10 + self.kind.contexts;
        let files: Vec<Value> = match batch {
            Batch::Nothing | Batch::Verification => Vec::new(),
            Batch::Contexts => contexts.map(directory::context).chain([directory::profile(0)]).collect(),
            Batch::Users(count) => {
                self.people.resize(count as usize, Person::default());
                self.everybody()
            }
            Batch::Relevant => {
                self.people.iter_mut().for_each(|person| person.relevant += 1);
                self.everybody()
            }
            Batch::RelevantAndBad => {
                self.people.iter_mut().for_each(|person| person.relevant += 1);
                let mut files = self.everybody();
                files[BAD as usize]["object"]["mailPrimaryAddress"] = json!("no address");
                files
            }
            Batch::Irrelevant(count) => (0..count).map(|_| self.next_irrelevant()).collect(),
            Batch::Same => self.everybody(),
            Batch::Group(members) => vec![directory::group("everybody", 0..members)],
            Batch::Teams(count) => {
                self.teams = vec![0; count as usize];
                (0..count).map(|team| self.team(team)).collect()
            }
            Batch::Mixed(count) => (0..count).map(|number| self.next_of_a_day(number)).collect(),
            Batch::New(fresh) => self.fresh(fresh),
            Batch::Profile(fresh) => {
                self.profile += 1;
                std::iter::once(directory::profile(self.profile)).chain(self.fresh(fresh)).collect()
            }
        };
        for file in &files {
            self.files += 1;
            let name = format!("2026-01-05-08-00-00-{:08}.json", self.files);
            fs::write(self.folder.path().join("spool").join(name), file.to_string()).expect("a listener file");
        }
        files.len()
    }

    fn fresh(&mut self, count: u32) -> Vec<Value> {
        let known = self.users();
        self.people.resize((known + count) as usize, Person::default());
        (known..known + count).map(|number| self.user(number)).collect()
    }

    fn everybody(&self) -> Vec<Value> {
        (0..self.users()).map(|number| self.user(number)).collect()
    }

    fn user(&self, number: u32) -> Value {
        let Person { relevant, irrelevant } = self.people[number as usize];
        directory::user(number, 10 + number % self.kind.contexts, relevant, irrelevant)
    }

    /// Twenty users of one context, and every other time one more.
    fn team(&self, team: u32) -> Value {
        let (contexts, users) = (self.kind.contexts, self.users());
        let first = team % contexts + team / contexts * 20 * contexts;
        let members = 20 + self.teams[team as usize] % 2;
        let members = (0..members).map(|member| (first + member * contexts) % users);
        directory::group(&format!("team{team}"), members)
    }

    /// The next user in an order without pattern.
    fn next_user(&mut self) -> u32 {
        const PRIME: u64 = 1_000_003;
        self.turn += 1;
        u32::try_from(u64::from(self.turn) * PRIME % u64::from(self.users())).expect("less than there are users")
    }

    fn next_irrelevant(&mut self) -> Value {
        let number = self.next_user();
        self.people[number as usize].irrelevant += 1;
        self.user(number)
    }

    fn next_of_a_day(&mut self, number: u32) -> Value {
        match number % 20 {
            0 => {
                let team = number / 20 % self.teams();
                self.teams[team as usize] += 1;
                self.team(team)
            }
            7 | 14 => {
                let number = self.next_user();
                self.people[number as usize].relevant += 1;
                self.user(number)
            }
            _ => self.next_irrelevant(),
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state/bench.db")
    }
}

/// What a run says of its events must be what was delivered.
fn check(run: &Run, events: usize, parked: u64) -> Run {
    let accepted = run.report[0]["source"]["accepted"].as_u64();
    assert_eq!((accepted, run.report[0]["parked"].as_u64()), (Some(events as u64), Some(parked)), "{}", run.report);
    run.clone()
}

/// The value that so many percent of sorted values do not exceed.
fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

/// How busy the lanes were between the first and the last user write of all, in percent; none without user writes.
fn busy(counters: &Value) -> Option<f64> {
    let lanes: Vec<_> = counters["user_write_time"].as_object()?.values().collect();
    let number = |lane: &Value, field: &str| lane[field].as_f64().unwrap_or_default();
    let busy: f64 = lanes.iter().map(|lane| number(lane, "busy_us")).sum();
    let spans: f64 = lanes.iter().map(|lane| number(lane, "span_us")).sum();
    (spans > 0.0).then_some(100.0 * busy / spans)
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
