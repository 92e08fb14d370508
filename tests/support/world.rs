//! A simulated OX, a directory and a connector between them, in one process and over real HTTP.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use oxherd::api::Manifests;
use oxherd::controller::{Connector, ConnectorConfig, ConnectorReport, Intake, VerificationReport, resolve};
use oxherd::engine::{EngineOptions, EngineStatus, Impact, Phase, Repair, Scope, Verification, verify};
use oxherd::simulator::ox::{Counters, OxControl, OxOptions, OxSimulator};
use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{AuditRow, KeptFilter, ParkedFilter, ParkedRow, Store};
use oxherd::udm::ObjectId;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::directory::{Object, context, profile};

/// Longer than any test needs, and shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_mins(4);

/// All rights of the profile `full`, by their names in the directory.
pub const FULL: &[&str] = &["webmail", "calendar", "contacts", "tasks", "infostore"];

/// What a world is made of.
pub struct Setup {
    /// The server. The default has every feature, and the locks of a real server.
    pub ox: OxOptions,
    /// `spec` of the connector, laid over the default one.
    pub spec: Value,
    /// Further manifests.
    pub manifests: Vec<Value>,
    /// The password of the master admin that the connector is given.
    pub master_password: String,
    /// Changes what no manifest can change in the engine.
    pub tune: Box<dyn Fn(&mut EngineOptions) + Send + Sync>,
}

impl Default for Setup {
    fn default() -> Self {
        let ox = OxOptions {
            username_changeable: true,
            unique_display_names: false,
            convert_guest: true,
            deputies: true,
            shared_accounts: true,
            ..OxOptions::default()
        };
        Self {
            ox,
            spec: json!({}),
            manifests: Vec::new(),
            master_password: "secret".to_owned(),
            tune: Box::new(|_| {}),
        }
    }
}

/// A world of its own for one test.
pub struct World {
    /// The way to watch and disturb OX.
    pub ox: OxControl,
    simulator: OxSimulator,
    setup: Setup,
    folder: TempDir,
    connector: Option<Connector>,
    /// How often the state was lost.
    losses: u32,
    serial: u32,
}

/// A group in OX.
#[derive(Debug, PartialEq)]
pub struct GroupView {
    pub id: i64,
    pub display_name: String,
    /// Login names of the members.
    pub members: Vec<String>,
}

impl World {
    /// A world with contexts 10, 20 and 30 and the profile `full`.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with another setup.
    pub async fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let mut world = Self::empty(change).await;
        world.apply([context(10), context(20), context(30), profile("full", FULL)]).await;
        assert_eq!(world.parked().await, []);
        world.ox.reset_counters();
        world
    }

    /// A world in which nothing has happened yet.
    pub async fn empty(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::default();
        change(&mut setup);
        let folder = scratch();
        for name in ["manifests", "spool", "state"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let simulator = OxSimulator::start(setup.ox.clone()).await.unwrap();
        let mut world =
            Self { ox: simulator.control(), simulator, setup, folder, connector: None, losses: 0, serial: 0 };
        world.connect().await;
        world
    }

    /// The configuration of the connector, from manifests as an administrator would write them.
    fn config(&self) -> ConnectorConfig {
        let mut spec = json!({
            "ox": {"url": self.simulator.base_url(), "credentialsRef": {"name": "ox-master"}},
            "source": {"spool": {"folder": self.spool(), "settle": "20ms"}},
            "defaults": {"context": 10, "domain": "test.example", "imapServer": "imap://mail.test.example:143",
                "smtpServer": "smtp://mail.test.example:587"},
        });
        overlay(&mut spec, &self.setup.spec);
        let connector = json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxConnector",
            "metadata": {"name": "test"}, "spec": spec});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ox-master"},
            "stringData": {"username": "oxadminmaster", "password": self.setup.master_password}});
        let folder = self.folder.path().join("manifests");
        let documents: Vec<_> = [connector, secret].iter().chain(&self.setup.manifests).map(Value::to_string).collect();
        fs::write(folder.join("all.yaml"), documents.join("\n---\n")).unwrap();
        let manifests = Manifests::read(&folder).unwrap_or_else(|errors| panic!("{errors}"));
        let config = resolve(&manifests, "test", &manifests.connectors["test"]);
        let mut config = config.unwrap_or_else(|error| panic!("{error}"));
        (self.setup.tune)(&mut config.engine);
        config
    }

    async fn connect(&mut self) {
        let state = self.folder.path().join(format!("state/test-{}.db", self.losses));
        let store = SqliteStore::open(&state).await.unwrap();
        self.connector = Some(Box::pin(Connector::start(self.config(), store, Intake::OnDemand)).await.unwrap());
    }

    fn connector(&self) -> &Connector {
        self.connector.as_ref().expect("the connector runs")
    }

    fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// The address of the server.
    pub fn address(&self) -> SocketAddr {
        self.simulator.address()
    }

    // What happens in the directory.

    /// Writes a file for the connector; gives its name.
    pub fn file(&mut self, text: impl AsRef<[u8]>) -> String {
        self.serial += 1;
        let name = format!("2026-01-01-00-00-00-{:06}.json", self.serial);
        fs::write(self.spool().join(&name), text).unwrap();
        name
    }

    /// An object is new or changed.
    pub fn put(&mut self, object: &Object) {
        self.file(object.present().to_string());
    }

    /// An object is removed.
    pub fn remove(&mut self, object: &Object) {
        self.file(object.deleted().to_string());
    }

    /// Objects are new or changed, one after the other, and everything follows from that.
    pub async fn apply(&mut self, objects: impl IntoIterator<Item = Object>) {
        for object in objects {
            self.put(&object);
        }
        self.settle().await;
    }

    /// Objects are removed, and everything follows from that.
    pub async fn delete(&mut self, objects: impl IntoIterator<Item = Object>) {
        for object in objects {
            self.remove(&object);
        }
        self.settle().await;
    }

    /// Lets the connector take in what is there and waits until nothing can make progress any more.
    pub async fn settle(&mut self) -> EngineStatus {
        let connector = self.connector.as_mut().expect("the connector runs");
        let view = connector.view().clone();
        let settled = tokio::time::timeout(PATIENCE, connector.settle()).await;
        settled.unwrap_or_else(|_| panic!("no end in sight: {:#?}", view.report()))
    }

    /// Waits until the engine is in a state that it reaches by itself.
    pub async fn until(&mut self, what: &str, reached: impl FnMut(&EngineStatus) -> bool) {
        let mut status = self.connector().engine().watch();
        let waited = tokio::time::timeout(PATIENCE, status.wait_for(reached)).await;
        drop(waited.unwrap_or_else(|_| panic!("never: {what}")).unwrap());
    }

    /// `oxherd kept delete`.
    pub async fn purge(&mut self, object: &ObjectId) {
        let queued = self.store().purge_kept(&KeptFilter::Object(object.clone()), "test").await.unwrap();
        assert_eq!(queued, 1);
        self.settle().await;
    }

    /// Lets the connector work until it finds OX broken.
    pub async fn until_circuit_opens(&mut self) {
        let connector = self.connector.as_mut().expect("the connector runs");
        let mut status = connector.engine().watch();
        let open = async {
            tokio::select! {
                end = connector.settle() => panic!("it settled instead: {end:#?}"),
                open = status.wait_for(|status| status.phase == Phase::CircuitOpen) => drop(open.unwrap()),
            }
        };
        tokio::time::timeout(PATIENCE, open).await.expect("the circuit opens");
    }

    /// Lets the connector take in what is there and work for a while; whatever is not done then goes on with the next call.
    pub async fn work_for(&mut self, time: Duration) {
        let connector = self.connector.as_mut().expect("the connector runs");
        let _ = tokio::time::timeout(time, connector.settle()).await;
    }

    /// The connector ends and starts again on the same state.
    pub async fn restart(&mut self) {
        self.connector.take().expect("the connector runs").stop().await;
        self.connect().await;
    }

    /// An administrator changes the manifests.
    pub async fn configure(&mut self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.setup);
        let config = self.config();
        if self.connector().can_apply(&config) {
            self.connector.as_mut().expect("the connector runs").apply(config).await.unwrap();
        } else {
            self.restart().await;
        }
        self.settle().await;
    }

    /// Waits until a change of settings that was waiting is in force, with everything that follows from it.
    pub async fn until_change_is_in_force(&mut self) {
        let view = self.connector().view().clone();
        let in_force = async {
            while view.report().change.is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, in_force).await.expect("the change comes into force");
        self.settle().await;
    }

    /// The same while the connector does not run.
    pub async fn configure_while_stopped(&mut self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.setup);
        self.restart().await;
        self.settle().await;
    }

    /// The state of the connector is lost; OX stays as it is.
    pub async fn forget_everything(&mut self) {
        self.connector.take().expect("the connector runs").stop().await;
        self.losses += 1;
        self.connect().await;
        self.settle().await;
    }

    /// `oxherd parked retry --all`.
    pub async fn retry_parked(&mut self) {
        self.connector().store().retry_parked(&ParkedFilter::All, "test").await.unwrap();
        self.settle().await;
    }

    /// OX is restored from a backup that [`OxControl::dump_with_passwords`] made.
    pub async fn restore_ox(&mut self, backup: &Value) {
        self.simulator.stop().await.unwrap();
        let file = self.folder.path().join("backup.json");
        fs::write(&file, backup.to_string()).unwrap();
        let address = self.simulator.address();
        let options = OxOptions { address, state_file: Some(file), ..self.setup.ox.clone() };
        self.simulator = OxSimulator::start(options).await.unwrap();
        self.ox = self.simulator.control();
    }

    /// `oxherd verify`, with what it queued worked off.
    pub async fn verify(&mut self, repair: Repair) -> Verification {
        let connector = self.connector();
        let found = verify(&**connector.target(), self.store(), &Scope::default(), repair, "verify").await.unwrap();
        if repair != Repair::No {
            self.settle().await;
        }
        found
    }

    /// Waits for the first verification on schedule.
    pub async fn until_verified(&mut self) -> VerificationReport {
        let view = self.connector().view().clone();
        let verified = async {
            loop {
                if let Some(report) = view.report().verification {
                    return report;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, verified).await.expect("a verification")
    }

    /// What an administrator's change of the manifests would do, which becomes the setup but is not in force yet.
    pub async fn impact(&mut self, change: impl FnOnce(&mut Setup)) -> Impact {
        change(&mut self.setup);
        let shadow = self.state_folder().join("rehearsal.db");
        oxherd::controller::impact(&self.config(), self.connector().store(), &shadow).await.unwrap()
    }

    /// The administrator of a context as a manifest, for a connector that did not make the context.
    pub fn context_admin(&self, id: i64) -> Vec<Value> {
        let dump = self.ox.dump_with_passwords();
        let admin = &dump["contexts"][id.to_string()]["users"]["2"];
        vec![
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "admin"},
                "stringData": {"username": admin["data"]["name"], "password": admin["password"]}}),
            json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxContext", "metadata": {"name": "known"},
                "spec": {"connectorRef": {"name": "test"}, "id": id, "managementPolicy": "Observe",
                    "adminSecretRef": {"name": "admin"}}}),
        ]
    }

    // What came of it.

    /// What the connector says of itself.
    pub fn report(&self) -> ConnectorReport {
        self.connector().view().report()
    }

    /// What the engine works on: the state, or its shadow in a dry run.
    pub fn ledger(&self) -> &SqliteStore {
        self.connector().ledger()
    }

    /// The folder of the state files.
    pub fn state_folder(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What the connector remembers.
    pub fn store(&self) -> &SqliteStore {
        self.connector().store()
    }

    /// All parked objects.
    pub async fn parked(&self) -> Vec<ParkedRow> {
        self.store().parked(&ParkedFilter::All).await.unwrap()
    }

    /// Category and cause of the one parked object.
    pub async fn only_parked(&self, object: &Object) -> (String, String) {
        let parked = self.parked().await;
        let ids: Vec<_> = parked.iter().map(|row| row.object.as_str()).collect();
        assert_eq!(ids, [object.id.as_str()], "{parked:#?}");
        (parked[0].category.clone(), parked[0].cause.clone())
    }

    /// The files that were rejected, with the texts beside them.
    pub fn rejected(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(self.spool().join("rejected")).into_iter().flatten().flatten();
        let errors = entries.filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name.strip_suffix(".error")?.to_owned(), fs::read_to_string(entry.path()).unwrap()))
        });
        errors.collect()
    }

    /// The audit trail of an object, newest first.
    pub async fn history(&self, object: &Object) -> Vec<AuditRow> {
        self.store().audit(ObjectId::new(&object.id).as_ref(), 100).await.unwrap()
    }

    /// Notes of the last task of an object.
    pub async fn last_notes(&self, object: &Object) -> String {
        self.history(object).await.first().map(|row| row.notes.join("\n")).unwrap_or_default()
    }

    /// What the clients of OX did since the start of the test or the last [`Self::forget_calls`].
    pub fn counters(&self) -> Counters {
        self.ox.counters()
    }

    /// Calls by name since then.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.counters().operations.into_iter().map(|(name, counters)| (name, counters.calls)).collect()
    }

    /// Asserts which calls were made since then, and starts counting anew.
    #[track_caller]
    pub fn expect_calls(&self, expected: &[(&str, u64)]) {
        let expected: BTreeMap<String, u64> = expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(self.calls(), expected);
        self.ox.reset_counters();
    }

    // The state of OX.

    /// A context.
    pub fn context(&self, id: i64) -> Option<Value> {
        self.ox.dump()["contexts"].get(id.to_string()).cloned()
    }

    fn in_context(&self, context: i64, key: &str) -> Value {
        self.context(context).map_or(Value::Null, |context| context[key].clone())
    }

    fn users(&self, context: i64) -> BTreeMap<i64, Value> {
        let users = self.in_context(context, "users");
        let users = users.as_object().into_iter().flatten();
        users.map(|(id, user)| (id.parse().unwrap(), user.clone())).collect()
    }

    /// A user by login name: its data, with `rights`, `personal` and `mail_account` added.
    pub fn user(&self, context: i64, name: &str) -> Option<Value> {
        let dump = self.users(context).into_values().find(|user| user["data"]["name"] == name)?;
        let mut view = dump["data"].clone();
        for key in ["personal", "mail_account"] {
            view[key] = dump[key].clone();
        }
        // Rights that no profile has; the existing connector leaves them to the server.
        let nobodys = |right: &&Value| [json!("publication"), json!("OLOX20")].contains(right);
        view["rights"] = dump["rights"].as_array().unwrap().iter().filter(|right| !nobodys(right)).cloned().collect();
        Some(view)
    }

    /// The password of the administrator of a context.
    pub fn password_of_admin(&self, context: i64) -> String {
        text(&self.ox.dump_with_passwords()["contexts"][context.to_string()]["users"]["2"]["password"])
    }

    /// The number of a user.
    #[track_caller]
    pub fn id(&self, context: i64, name: &str) -> i64 {
        let user = self.user(context, name);
        user.unwrap_or_else(|| panic!("no {name} in {context}"))["id"].as_i64().unwrap()
    }

    /// Login names of all users besides the administrator.
    pub fn names(&self, context: i64) -> Vec<String> {
        let users = self.users(context).into_iter().filter(|(id, _)| *id != 2);
        let mut names: Vec<_> = users.map(|(_, user)| text(&user["data"]["name"])).collect();
        names.sort();
        names
    }

    /// Login names by number.
    fn names_by_id(&self, context: i64) -> impl Fn(&Value) -> String + use<> {
        let users = self.users(context).into_iter();
        let names: BTreeMap<_, _> = users.map(|(id, user)| (id, text(&user["data"]["name"]))).collect();
        move |id| names.get(&id.as_i64().unwrap()).cloned().unwrap_or_else(|| format!("nobody ({id})"))
    }

    /// A group by name.
    pub fn group(&self, context: i64, name: &str) -> Option<GroupView> {
        let groups = self.in_context(context, "groups");
        let (id, group) = groups.as_object()?.iter().find(|(_, group)| group["name"] == name)?;
        let mut members: Vec<_> = group["members"].as_array().unwrap().iter().map(self.names_by_id(context)).collect();
        members.sort();
        Some(GroupView { id: id.parse().unwrap(), display_name: text(&group["display_name"]), members })
    }

    /// The members of a group; none if there is no such group.
    pub fn members(&self, context: i64, name: &str) -> Vec<String> {
        self.group(context, name).map_or_else(Vec::new, |group| group.members)
    }

    /// A resource by name.
    pub fn resource(&self, context: i64, name: &str) -> Option<Value> {
        let resources = self.in_context(context, "resources");
        resources.as_object()?.values().find(|resource| resource["name"] == name).cloned()
    }

    /// Accounts besides the own one of a user, as address → data, external ones that nobody can list left out.
    pub fn accounts(&self, context: i64, user: &str) -> BTreeMap<String, Value> {
        self.accounts_where(context, user, false)
    }

    /// Accounts that nobody can list.
    pub fn hidden_accounts(&self, context: i64, user: &str) -> BTreeMap<String, Value> {
        self.accounts_where(context, user, true)
    }

    fn accounts_where(&self, context: i64, user: &str, external: bool) -> BTreeMap<String, Value> {
        let Some(id) = self.user(context, user).map(|user| user["id"].clone()) else { return BTreeMap::new() };
        let accounts = self.in_context(context, "accounts");
        let accounts = accounts.as_array().into_iter().flatten();
        let own = accounts.filter(|account| account["user"] == id && account["external"] == external);
        own.map(|account| (text(&account["data"]["primaryAddress"]), account["data"].clone())).collect()
    }

    /// Deputies of a user: name of the deputy → permission.
    pub fn deputies(&self, context: i64, grantor: &str) -> BTreeMap<String, Value> {
        let Some(id) = self.user(context, grantor).map(|user| user["id"].clone()) else { return BTreeMap::new() };
        let deputies = self.in_context(context, "deputies");
        let own = deputies.as_object().into_iter().flatten().filter(|(_, deputy)| deputy["grantor"] == id);
        let name_of = self.names_by_id(context);
        own.map(|(_, deputy)| (name_of(&deputy["permission"]["userId"]), deputy["permission"].clone())).collect()
    }

    /// Whether a user may manage deputies in the user interface.
    pub fn manages_own_deputies(&self, context: i64, name: &str) -> bool {
        let id = json!(self.id(context, name));
        !self.in_context(context, "deputy_block").as_array().unwrap().contains(&id)
    }

    /// A shared account by name: data with `permissions`.
    pub fn shared(&self, context: i64, name: &str) -> Option<Value> {
        let accounts = self.in_context(context, "shared_accounts");
        let account = accounts.as_object()?.values().find(|account| account["data"]["name"] == name)?;
        let mut view = account["data"].clone();
        view["permissions"] = account["permissions"].clone();
        Some(view)
    }

    /// Permissions on a shared account: `user 10/anna` or `group 10/sales` → mail role, calendar role, capabilities.
    pub fn grants(&self, context: i64, name: &str) -> BTreeMap<String, String> {
        let Some(account) = self.shared(context, name) else { return BTreeMap::new() };
        let permissions = account["permissions"].as_array().unwrap();
        let role = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let grant = |permission: &Value| {
            let (context, entity) = (permission["context"].as_i64().unwrap(), &permission["entity"]);
            let who = if permission["is_group"] == true {
                let group = &self.in_context(context, "groups")[entity.to_string()];
                format!("group {context}/{}", text(&group["name"]))
            } else {
                format!("user {context}/{}", self.names_by_id(context)(entity))
            };
            let capabilities: BTreeSet<_> = permission["capabilities"].as_array().unwrap().iter().map(text).collect();
            let what = [role(&permission["mail"]), role(&permission["calendar"])].into_iter().chain(capabilities);
            (who, what.collect::<Vec<_>>().join(" "))
        };
        permissions.iter().map(grant).collect()
    }
}

/// A folder in memory where the system has one: nothing here has to survive the test.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                overlay(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}
