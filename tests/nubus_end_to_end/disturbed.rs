//! 2,000 changes through UDM REST, while the Provisioning API, the controller and OX die and come back at random.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oxherd::simulator::nubus::{NubusControl, NubusOptions, NubusSimulator};
use oxherd::simulator::ox::{OxOptions, OxSimulator};
use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{ParkedFilter, Store};
use oxherd::transport::Credentials;
use oxherd::udm::ObjectType;
use oxherd::udm::rest::{Condition, NewObject, Settings, UdmClient};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use crate::observed::{differences, observed};
use crate::oracle;
use crate::random::Random;

const CHANGES: usize = 2_000;
const BASE: &str = "dc=acme,dc=example";
/// How long nothing may go on before the end.
const PATIENCE: Duration = Duration::from_mins(2);
/// All types of which this test makes objects.
const KINDS: [&str; 4] = ["oxmail/oxcontext", "oxmail/accessprofile", "users/user", "groups/group"];

/// A directory that changes.
struct People {
    udm: UdmClient,
    random: Random,
    /// Identifying names; their distinguished names say where they are.
    users: Vec<String>,
    groups: Vec<String>,
    made: usize,
}

fn properties(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("no object") };
    map
}

impl People {
    fn new(nubus: &NubusSimulator) -> Self {
        let settings = Settings::new(nubus.udm_url());
        let udm = UdmClient::new(&settings, Credentials::new("Administrator", "univention".to_owned())).unwrap();
        Self { udm, random: Random::new(7), users: Vec::new(), groups: Vec::new(), made: 0 }
    }

    async fn create(&self, kind: ObjectType, position: &str, value: Value) -> String {
        let position = format!("{position},{BASE}");
        self.udm.create(&NewObject { kind, position, properties: properties(value) }).await.unwrap().dn
    }

    async fn modify(&self, kind: ObjectType, dn: &str, value: Value) {
        self.udm.modify(kind, dn, &properties(value), &Condition::Always).await.unwrap();
    }

    /// What has to be there before people.
    async fn ground(&self) {
        for id in [10, 20] {
            let context = json!({"name": format!("context{id}"), "contextid": id, "oxQuota": 1000});
            self.create(ObjectType::Context, "cn=open-xchange", context).await;
        }
        for (name, right) in [("full", "calendar"), ("mail", "webmail")] {
            let profile = json!({"name": name, "displayName": name, "webmail": true, right: true});
            self.create(ObjectType::AccessProfile, "cn=accessprofiles,cn=open-xchange", profile).await;
        }
    }

    async fn change(&mut self) {
        self.made += 1;
        let (number, what) = (self.made, self.random.below(100));
        match what {
            _ if self.users.len() < 20 => self.new_user(number).await,
            0..25 => self.new_user(number).await,
            25..55 => {
                let user = self.random.of(&self.users.clone()).clone();
                let change = json!({"lastname": format!("Last{number}"), "city": format!("City{number}"),
                    "oxAccess": *self.random.of(&["full", "mail"])});
                self.modify(ObjectType::User, &user, change).await;
            }
            55..65 => {
                let at = usize::try_from(self.random.below(self.users.len() as u64)).unwrap();
                let (_, place) = self.users[at].split_once(',').unwrap();
                let renamed = format!("uid=renamed{number},{place}");
                self.modify(ObjectType::User, &self.users[at], json!({"username": format!("renamed{number}")})).await;
                self.users[at] = renamed;
            }
            65..70 => {
                let at = usize::try_from(self.random.below(self.users.len() as u64)).unwrap();
                let (name, place) = self.users[at].split_once(',').unwrap();
                let other = if place.starts_with("cn=users") { "cn=groups" } else { "cn=users" };
                let position = format!("{other},{BASE}").parse().unwrap();
                self.udm.relocate(ObjectType::User, &self.users[at], &position, &Condition::Always).await.unwrap();
                self.users[at] = format!("{name},{other},{BASE}");
            }
            70..80 => {
                let at = usize::try_from(self.random.below(self.users.len() as u64)).unwrap();
                let user = self.users.swap_remove(at);
                assert!(self.udm.delete(ObjectType::User, &user, &Condition::Always).await.unwrap());
            }
            80..85 => {
                let members = self.some_users();
                let group = json!({"name": format!("group{number}"), "isOxGroup": true, "users": members});
                let dn = self.create(ObjectType::Group, "cn=groups", group).await;
                self.groups.push(dn);
            }
            85..98 if !self.groups.is_empty() => {
                let group = self.random.of(&self.groups.clone()).clone();
                let members = self.some_users();
                self.modify(ObjectType::Group, &group, json!({"users": members})).await;
            }
            _ if self.groups.len() > 3 => {
                let group = self.groups.swap_remove(0);
                assert!(self.udm.delete(ObjectType::Group, &group, &Condition::Always).await.unwrap());
            }
            _ => self.new_user(number).await,
        }
    }

    async fn new_user(&mut self, number: usize) {
        let name = format!("user{number}");
        let user = json!({"username": name, "firstname": "First", "lastname": "Last", "password": "univention",
            "oxDisplayName": format!("First Last {number}"), "mailPrimaryAddress": format!("{name}@acme.example"),
            "isOxUser": true, "oxContext": *self.random.of(&[10, 20]), "oxAccess": "full"});
        let dn = self.create(ObjectType::User, "cn=users", user).await;
        self.users.push(dn);
    }

    fn some_users(&mut self) -> Vec<String> {
        let mut some: Vec<_> = (0..5).map(|_| self.random.of(&self.users.clone()).clone()).collect();
        some.sort();
        some.dedup();
        some
    }
}

/// The directory as listener files, for the oracle.
fn listener_files(nubus: &NubusControl) -> Vec<Value> {
    let dns = KINDS.iter().flat_map(|kind| nubus.list(kind).into_iter().map(|dn| (*kind, dn)));
    dns.map(|(kind, dn)| {
        let object = nubus.object(&dn).unwrap();
        json!({"id": object["properties"]["univentionObjectIdentifier"], "udm_object_type": kind, "dn": dn,
            "object": object["properties"]})
    })
    .collect()
}

/// The controller as a process.
struct Controller {
    child: Child,
}

impl Drop for Controller {
    fn drop(&mut self) {
        // Also when the test fails. One that has ended does not mind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Controller {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxherd"));
        command.args(["run", "--standalone", "manifests"]).current_dir(folder);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    fn stop(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

async fn store(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join("oxherd-state/test.db")).await.unwrap()
}

/// The number of the last message that is in the journal.
async fn journaled(folder: &Path) -> u64 {
    let cursor = store(folder).await.cursor("nubus").await.unwrap();
    let cursor: Option<Value> = cursor.map(|cursor| serde_json::from_str(&cursor).unwrap());
    cursor.map_or(0, |cursor| cursor["last"].as_u64().unwrap())
}

fn acknowledged(nubus: &NubusControl) -> BTreeMap<u64, usize> {
    let mut numbers = BTreeMap::new();
    for one in nubus.acknowledgements().into_iter().filter(|one| one.effective) {
        *numbers.entry(one.sequence_number.parse().unwrap()).or_default() += 1;
    }
    numbers
}

fn manifests(ox: &OxSimulator, nubus: &NubusSimulator) -> String {
    let connector = json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxConnector", "metadata": {"name": "test"},
    "spec": {
        "ox": {"url": ox.base_url(), "credentialsRef": {"name": "ox-master"}},
        "source": {"nubus": {"url": nubus.provisioning_url(), "credentialsRef": {"name": "subscription"},
            "adminCredentialsRef": {"name": "nubus-admin"}}},
        "defaults": {"context": 10, "domain": "acme.example", "imapServer": "imap://mail.acme.example:143",
            "smtpServer": "smtp://mail.acme.example:587"},
        // How much this story deletes is no accident.
        "policies": {"deletionGuard": {"maxCount": 1_000_000, "maxCountPerContext": 1_000_000, "maxPercent": 100,
            "maxMemberPercent": 100, "percentFrom": 1_000_000}},
    }});
    let secret = |name: &str, user: &str, password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"username": user, "password": password}})
    };
    let secrets = [
        secret("ox-master", "oxadminmaster", "secret"),
        secret("subscription", "oxherd", "s3cret"),
        secret("nubus-admin", "admin", "admin"),
    ];
    [connector].iter().chain(&secrets).map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_restarted_ox_ends_as_the_directory_is() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut options = OxOptions {
        username_changeable: true,
        unique_display_names: false,
        deputies: true,
        shared_accounts: true,
        lock_wait_factor: 0.01,
        ..OxOptions::default()
    };
    options.latency.user_writes = 2;
    let mut ox = OxSimulator::start(options).await.unwrap();
    let nubus = NubusSimulator::start(NubusOptions { ack_wait: 0.1, ..NubusOptions::default() }).await.unwrap();
    let control = nubus.control();
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("manifests/all.yaml"), manifests(&ox, &nubus)).unwrap();

    let mut controller = Controller::start(folder.path());
    until("the subscription is there", || control.subscription("oxherd").is_some()).await;
    let mut people = People::new(&nubus);
    people.ground().await;
    // Changes are made through the same server that is restarted: one at a time.
    let nubus = Arc::new(Mutex::new(nubus));
    let changing = tokio::spawn({
        let nubus = Arc::clone(&nubus);
        async move {
            for _ in 0..CHANGES {
                let running = nubus.lock().await;
                people.change().await;
                drop(running);
                tokio::time::sleep(Duration::from_millis(people.random.below(12))).await;
            }
        }
    });

    let mut random = Random::new(11);
    let mut deaths = [0; 3];
    while !changing.is_finished() {
        tokio::time::sleep(Duration::from_millis(50 + random.below(500))).await;
        let what = usize::try_from(random.below(3)).unwrap();
        deaths[what] += 1;
        match what {
            0 => {
                controller.kill();
                // What was acknowledged was durable before.
                let last = acknowledged(&control).last_key_value().map_or(0, |(number, _)| *number);
                let durable = journaled(folder.path()).await;
                assert!(last <= durable, "{last} is acknowledged, {durable} is the last in the journal");
                controller = Controller::start(folder.path());
            }
            1 => {
                let mut nubus = nubus.lock().await;
                nubus.stop().await;
                tokio::time::sleep(Duration::from_millis(random.below(300))).await;
                nubus.restart().await.unwrap();
            }
            _ => {
                ox.stop().await.unwrap();
                tokio::time::sleep(Duration::from_millis(random.below(300))).await;
                ox.restart().await.unwrap();
            }
        }
    }
    changing.await.unwrap();
    assert!(deaths.iter().all(|count| *count >= 5), "{deaths:?}");

    let mut last = (usize::MAX, Vec::new(), Instant::now());
    let expected = oracle::expected_of(&listener_files(&control));
    loop {
        let found = differences(&expected, &observed(&ox.control().dump()));
        let queue = control.subscription("oxherd").unwrap().queued;
        if found.is_empty() && queue == 0 {
            break;
        }
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(last.2.elapsed() < PATIENCE, "{queue} in the queue, {}\n{}", found.join("\n"), log());
        if (last.0, &last.1) != (queue, &found) {
            last = (queue, found, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    controller.stop();

    let store = store(folder.path()).await;
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.tasks, store.parked(&ParkedFilter::All).await.unwrap()), (0, vec![]));
    // Each message that was ever handed out was acknowledged, once, and none was put aside.
    let once = acknowledged(&control);
    assert!(once.values().all(|count| *count == 1), "{once:?}");
    let handed_out: std::collections::BTreeSet<_> =
        control.deliveries().iter().map(|one| one.sequence_number).collect();
    assert_eq!(once.keys().copied().collect::<Vec<_>>(), handed_out.into_iter().collect::<Vec<_>>());
    assert!(once.len() > CHANGES);
    assert_eq!(journaled(folder.path()).await, *once.last_key_value().unwrap().0);
    assert!(!folder.path().join("oxherd-state/test.rejected").exists());
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
