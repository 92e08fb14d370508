//! The binary as a person or a script meets it: commands, exit codes, admin port, signals, live settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use oxherd::simulator::ox::{OxOptions, OxSimulator};
use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{AuditRow, Outcome, Seq, Store, Verdict};
use oxherd::udm::{ObjectId, ObjectType};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A folder with manifests and spool, and a simulated OX.
struct Site {
    folder: tempfile::TempDir,
    ox: OxSimulator,
    written: u32,
}

impl Site {
    async fn new() -> Self {
        let ox = OxSimulator::start(OxOptions { username_changeable: true, ..OxOptions::default() }).await.unwrap();
        let site = Self { folder: tempfile::tempdir().unwrap(), ox, written: 0 };
        for folder in ["manifests", "spool"] {
            std::fs::create_dir(site.path(folder)).unwrap();
        }
        site.describe("secret", "");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the manifests of a connector, with more lines for its specification.
    fn describe(&self, password: &str, more: &str) {
        let text = format!(
            "apiVersion: oxherd.dev/v1alpha1
kind: OxConnector
metadata: {{name: site}}
spec:
  ox: {{url: '{}', credentialsRef: {{name: master}}}}
  source: {{spool: {{folder: ../spool, pollInterval: 100ms, settle: 200ms}}}}
  defaults: {{domain: example.test}}
{more}---
apiVersion: v1
kind: Secret
metadata: {{name: master}}
stringData: {{username: oxadminmaster, password: {password}}}
",
            self.ox.base_url()
        );
        std::fs::write(self.path("manifests/site.yaml"), text).unwrap();
    }

    fn file(&mut self, id: &str, kind: &str, dn: &str, object: impl Into<Value>) {
        let object = object.into();
        self.written += 1;
        let name = format!("spool/2026-01-01-00-00-00-{:06}.json", self.written);
        let text = json!({ "id": id, "udm_object_type": kind, "dn": dn, "object": object, "options": [] }).to_string();
        let temporary = self.path("spool/.writing.tmp");
        std::fs::write(&temporary, text).unwrap();
        std::fs::rename(temporary, self.path(&name)).unwrap();
    }

    fn context(&mut self) {
        let object = json!({ "name": "acme", "contextid": 10, "univentionObjectIdentifier": "context-10" });
        self.file("context-10", "oxmail/oxcontext", "cn=acme,cn=open-xchange,dc=example,dc=test", object);
    }

    fn user(&mut self, name: &str, more: &[(&str, Value)]) {
        let mut object = json!({
            "username": name, "firstname": name, "lastname": "Example", "isOxUser": "OK", "oxContext": 10,
            "mailPrimaryAddress": format!("{name}@example.test"), "univentionObjectIdentifier": format!("user-{name}"),
        });
        for (property, value) in more {
            object[*property] = value.clone();
        }
        self.file(&format!("user-{name}"), "users/user", &format!("uid={name},cn=users,dc=example,dc=test"), object);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxherd"));
        command.args(arguments).current_dir(self.folder.path()).env("NO_COLOR", "1");
        command
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.command(arguments);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    async fn until_idle(&self) -> (i32, Value) {
        let (code, out, err) =
            self.run(&["run", "--standalone", "manifests", "--until-idle", "--patience", "3", "-o", "json"]).await;
        (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}\n{err}")))
    }

    fn deleted(&mut self, name: &str) {
        self.file(
            &format!("user-{name}"),
            "users/user",
            &format!("uid={name},cn=users,dc=example,dc=test"),
            Value::Null,
        );
    }

    fn users(&self) -> Vec<String> {
        let dump = self.ox.control().dump();
        let users = dump["contexts"]["10"]["users"].as_object().cloned().unwrap_or_default();
        let mut names: Vec<_> = users.values().map(|user| user["data"]["name"].as_str().unwrap().to_owned()).collect();
        names.retain(|name| name != "oxadmin");
        names.sort();
        names
    }

    fn controller(&self) -> Controller {
        let mut command = self.command(&["run", "--standalone", "manifests", "--log", "info"]);
        let log = std::fs::File::create(self.path("log")).unwrap();
        Controller {
            child: command.stdout(Stdio::null()).stderr(log).spawn().unwrap(),
            state: self.path("oxherd-state"),
        }
    }

    async fn eventually(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let start = Instant::now();
        while !condition().await {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{what}\n{}",
                std::fs::read_to_string(self.path("log")).unwrap()
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

/// A controller that runs in the background.
struct Controller {
    child: Child,
    state: PathBuf,
}

impl Controller {
    async fn get(&self, path: &str) -> Option<(u16, Value)> {
        let address = std::fs::read_to_string(self.state.join("admin.address")).ok()?;
        let mut connection = tokio::net::TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).unwrap_or_else(|_| json!(body))))
    }

    async fn connector(&self) -> Value {
        self.get("/v1/status").await.map_or(Value::Null, |(_, status)| status["connectors"][0].clone())
    }

    fn terminate(&self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_run_ends_with_0_and_says_what_it_did() {
    let mut site = Site::new().await;
    site.context();
    site.user("anna", &[]);
    let (code, result) = site.until_idle().await;
    assert_eq!(code, 0, "{result}");
    assert_eq!((&result[0]["source"]["accepted"], &result[0]["totals"]["calls"]), (&json!(2), &json!(2)));
    assert_eq!(site.users(), ["anna"]);
    let (code, result) = site.until_idle().await;
    assert_eq!((code, &result[0]["totals"]["calls"]), (0, &json!(0)), "nothing is left to do");
    let left: Vec<_> = std::fs::read_dir(site.path("spool")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let state = std::fs::metadata(site.path("oxherd-state/site.db")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&state.permissions()) & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_run_with_parked_objects_ends_with_3_and_they_can_be_handled() {
    let mut site = Site::new().await;
    site.context();
    site.user("anna", &[("mailPrimaryAddress", json!("an na@example.test"))]);
    site.user("bert", &[]);
    let (code, _) = site.until_idle().await;
    assert_eq!((code, site.users()), (3, vec!["bert".to_owned()]));

    let (_, list, _) = site.run(&["parked", "list", "-o", "json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((&list[0]["object"], &list[0]["category"]), (&json!("user-anna"), &json!("InvalidObject")));
    assert!(!list.to_string().contains("an na@"), "no personal data in causes");
    let (_, shown, _) = site.run(&["parked", "show", "user-anna"]).await;
    assert!(shown.contains("mailPrimaryAddress") && shown.contains("Waits for"), "{shown}");
    let (code, _, error) = site.run(&["parked", "show", "user-zoe"]).await;
    assert!(code == 2 && error.contains("not parked"), "{error}");
    let (_, explained, _) = site.run(&["explain", "user-anna", "--standalone", "manifests"]).await;
    assert!(explained.contains("InvalidObject"), "{explained}");

    let (_, explained, _) = site.run(&["explain", "bert", "--standalone", "manifests", "-o", "json"]).await;
    let explained: Value = serde_json::from_str(&explained).unwrap();
    assert_eq!(explained["mapping"]["given_name"], json!({"text": "bert"}), "{explained}");
    assert!(explained["source"].as_str().unwrap().starts_with("spool "), "{explained}");

    let (_, said, _) = site.run(&["parked", "retry", "user-anna"]).await;
    assert!(said.starts_with("1 queued"), "{said}");
    assert_eq!(site.until_idle().await.0, 3, "the same data fail again");
    let (_, said, _) = site.run(&["parked", "drop", "--all"]).await;
    assert_eq!(said.trim(), "1 dropped");
    assert_eq!(site.until_idle().await.0, 0);
    let (_, history, _) = site.run(&["history", "-o", "json"]).await;
    let outcomes: Vec<Value> = serde_json::from_str::<Vec<Value>>(&history).unwrap();
    assert!(outcomes.iter().any(|row| row["outcome"] == "Dropped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_that_are_held_back_are_shown_approved_by_their_id_or_dropped() {
    let mut site = Site::new().await;
    site.describe("secret", "  policies: {deletionGuard: {maxCount: 1}}\n");
    site.context();
    for name in ["anna", "bert", "cora"] {
        site.user(name, &[]);
    }
    assert_eq!(site.until_idle().await.0, 0);
    for name in ["anna", "bert"] {
        site.deleted(name);
    }
    let (code, summary) = site.until_idle().await;
    assert_eq!((code, &summary[0]["held"], site.users().len()), (3, &json!(2), 3));
    let id = summary[0]["heldList"].as_str().unwrap().to_owned();

    let (_, list, _) = site.run(&["held", "list"]).await;
    assert!(list.contains(&format!("approve-deletions --id {id}")) && list.contains("2 deletions asked for"), "{list}");
    let (_, list, _) = site.run(&["held", "list", "-o", "json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let held: BTreeSet<_> = list["held"].as_array().unwrap().iter().map(|row| row["object"].as_str()).collect();
    let both = BTreeSet::from([Some("user-anna"), Some("user-bert")]);
    assert_eq!((list["id"].as_str(), held), (Some(id.as_str()), both), "{list}");
    assert!(!list.to_string().contains("example.test"), "no personal data: {list}");
    let (_, shown, _) = site.run(&["held", "show", "user-bert"]).await;
    assert!(shown.contains("itself (context 10)") && shown.contains("spool "), "{shown}");
    let (code, _, error) = site.run(&["held", "show", "user-cora"]).await;
    assert!(code == 2 && error.contains("held list"), "{error}");

    let (code, _, error) = site.run(&["approve-deletions", "--id", "0123456789ab"]).await;
    assert!(code == 2 && error.contains("nothing was released") && error.contains(&id), "{error}");
    let (code, said, _) = site.run(&["approve-deletions", "--id", &id]).await;
    assert!(code == 0 && said.starts_with("2 released"), "{said}");
    assert_eq!((site.until_idle().await.0, site.users()), (0, vec!["cora".to_owned()]));
    let (_, history, _) = site.run(&["history", "-o", "json"]).await;
    assert!(history.contains(&format!("approved deletion {id}")), "{history}");
    let (_, history, _) = site.run(&["history", "user-anna"]).await;
    assert!(history.contains("Removed"), "what is gone still has its history: {history}");
    let (code, _, error) = site.run(&["approve-deletions", "--id", &id]).await;
    assert!(code == 2 && error.contains("nothing is held back"), "{error}");

    site.describe("secret", "  policies: {deletionGuard: {maxCount: 0}}\n");
    site.deleted("cora");
    assert_eq!(site.until_idle().await.0, 3);
    let (_, said, _) = site.run(&["held", "drop", "--all"]).await;
    assert!(said.starts_with("1 dropped"), "{said}");
    assert_eq!((site.until_idle().await.0, site.users()), (0, vec!["cora".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_users_that_are_kept_are_listed_and_deleted_at_once_on_request() {
    let mut site = Site::new().await;
    site.describe("secret", "  policies: {deletionPolicy: Disable}\n");
    site.context();
    site.user("anna", &[]);
    site.until_idle().await;
    site.deleted("anna");
    let (code, summary) = site.until_idle().await;
    assert_eq!((code, &summary[0]["kept"], site.users().len()), (0, &json!(1), 1));
    let (_, list, _) = site.run(&["kept", "list"]).await;
    assert!(list.contains("user-anna") && list.contains("ago"), "{list}");
    let (code, _, error) = site.run(&["kept", "delete", "user-bert"]).await;
    assert!(code == 2 && error.contains("is not kept"), "{error}");
    let (_, said, _) = site.run(&["kept", "delete", "user-anna"]).await;
    assert!(said.starts_with("1 queued"), "{said}");
    site.until_idle().await;
    assert_eq!(site.users(), [""; 0]);
    let (_, list, _) = site.run(&["kept", "list"]).await;
    assert_eq!(list.trim(), "Nothing is kept.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_ox_ends_a_batch_run_with_4_and_nothing_is_lost() {
    let mut site = Site::new().await;
    site.ox.stop().await.unwrap();
    site.context();
    site.user("anna", &[]);
    let (code, _, error) = site.run(&["run", "--standalone", "manifests", "--until-idle", "--patience", "1"]).await;
    assert!(code == 4 && error.contains("safe in the journal"), "{code} {error}");
    site.ox.restart().await.unwrap();
    assert_eq!(site.until_idle().await.0, 0);
    assert_eq!(site.users(), ["anna"]);

    std::fs::remove_dir_all(site.path("spool")).unwrap();
    let (code, _, error) = site.run(&["run", "--standalone", "manifests", "--until-idle", "--patience", "1"]).await;
    assert!(code == 4 && error.contains("create it, or correct the spool folder"), "{code} {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_manifests_end_with_2_and_name_object_field_and_remedy() {
    let site = Site::new().await;
    let cases = [
        ("  mappingReff: {name: x}\n", "spec.mappingReff is unknown; did you mean 'mappingRef'?"),
        ("  mappingRef: {name: none}\n", "OxAttributeMapping"),
        ("  state: {backend: ConfigMap}\n", "spec.state"),
        ("  loginTemplates: {imap: '{'}\n", ""),
    ];
    for (more, expected) in cases {
        site.describe("secret", more);
        let (code, _, error) = site.run(&["run", "--standalone", "manifests", "--until-idle"]).await;
        assert!((code == 2 || expected.is_empty()) && error.contains(expected), "{more}: {code} {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let (code, _, error) = site.run(&["run", "--standalone", "spool", "--until-idle"]).await;
    assert!(code == 2 && error.contains("no *.yaml file"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_controller_shows_its_status_and_takes_events_as_they_come() {
    let mut site = Site::new().await;
    let controller = site.controller();
    site.eventually("idle", async || controller.connector().await["idle"] == json!(true)).await;
    assert_eq!(controller.get("/livez").await.unwrap().0, 200);
    assert_eq!(controller.get("/readyz").await.unwrap(), (200, json!({ "ready": true })));
    let status = controller.connector().await;
    for key in ["phase", "idle", "backlog", "running", "parked", "circuit", "lagMs"] {
        assert!(status.get(key).is_some(), "{key} is missing in {status}");
    }
    site.context();
    site.user("anna", &[]);
    site.eventually("anna arrives", async || site.users() == ["anna"]).await;
    site.ox.stop().await.unwrap();
    site.user("bert", &[]);
    site.eventually("the circuit opens", async || controller.connector().await["phase"] == json!("CircuitOpen")).await;
    let (code, ready) = controller.get("/readyz").await.unwrap();
    assert!(code == 503 && ready["missing"][0].as_str().unwrap().contains("site"), "{ready}");
    site.ox.restart().await.unwrap();
    site.eventually("bert arrives", async || site.users() == ["anna", "bert"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_secrets_take_effect_without_a_restart() {
    let mut site = Site::new().await;
    site.context();
    site.user("anna", &[("description", json!("the boss"))]);
    let controller = site.controller();
    site.eventually("anna arrives", async || site.users() == ["anna"]).await;

    let mapping = "---
apiVersion: oxherd.dev/v1alpha1
kind: OxAttributeMapping
metadata: {name: more}
spec: {entries: [{attribute: userfield01, property: description}]}
";
    std::fs::write(site.path("manifests/mapping.yaml"), mapping).unwrap();
    let revision = controller.connector().await["revision"].clone();
    site.describe("secret", "  mappingRef: {name: more}\n");
    site.eventually("the mapping is noticed", async || controller.connector().await["revision"] != revision).await;
    site.user("anna", &[("description", json!("the boss"))]);
    let field = |site: &Site| {
        let dump = site.ox.control().dump();
        let users = dump["contexts"]["10"]["users"].as_object().unwrap().clone();
        users.values().find(|user| user["data"]["name"] == "anna").unwrap()["data"]["userfield01"].clone()
    };
    site.eventually("the mapping is in force", async || field(&site) == json!("the boss")).await;

    site.describe("secret", "  mappingRef: {name: more}\n  policies: {paused: true}\n");
    site.eventually("it is paused", async || controller.connector().await["phase"] == json!("Paused")).await;
    site.user("bert", &[]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(site.users(), ["anna"]);

    // A broken edit keeps the last good settings in force, and says so.
    site.describe("secret", "  nonsense: 1\n");
    let problem = async || controller.get("/v1/status").await.unwrap().1["manifestProblem"].clone();
    site.eventually("the problem is shown", async || problem().await.to_string().contains("nonsense")).await;
    site.describe("secret", "  mappingRef: {name: more}\n");
    site.eventually("bert arrives", async || site.users() == ["anna", "bert"]).await;
    assert_eq!(problem().await, Value::Null);

    // The password of the master changes first in OX, then in the Secret.
    site.ox.control().change_options(|options| options.master_password = "rotated".to_owned());
    let context =
        json!({ "name": "acme", "contextid": 10, "oxQuota": 500, "univentionObjectIdentifier": "context-10" });
    site.file("context-10", "oxmail/oxcontext", "cn=acme,cn=open-xchange,dc=example,dc=test", context);
    site.eventually("the circuit opens", async || controller.connector().await["phase"] == json!("CircuitOpen")).await;
    site.describe("rotated", "  mappingRef: {name: more}\n");
    let quota = || site.ox.control().dump()["contexts"]["10"]["max_quota"].clone();
    site.eventually("the quota is set", async || quota() == json!(500)).await;
    assert_eq!(controller.connector().await["parked"], json!(0));
    let log = std::fs::read_to_string(site.path("log")).unwrap();
    for personal in ["rotated", "anna@", "the boss", "uid=anna"] {
        assert!(!log.contains(personal), "'{personal}' is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_runs_and_loses_nothing() {
    let mut site = Site::new().await;
    site.context();
    site.ox.control().change_options(|options| options.latency.user_writes = 30);
    let names: Vec<_> = (0..30).map(|n| format!("user{n:02}")).collect();
    for name in &names {
        site.user(name, &[]);
    }
    let mut controller = site.controller();
    site.eventually("work has begun", async || site.users().len() > 3).await;
    controller.terminate();
    let status = tokio::task::block_in_place(|| controller.child.wait().unwrap());
    assert_eq!(status.code(), Some(0));
    assert!(site.users().len() < names.len(), "it was stopped under load");
    assert!(!site.path("oxherd-state/admin.address").exists());
    assert_eq!(site.until_idle().await.0, 0);
    assert_eq!(site.users(), names);
    let create = site.ox.control().counters();
    let create = serde_json::to_value(create).unwrap().to_string();
    assert!(!create.contains("InvalidDataException"), "nothing was created twice: {create}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_and_tells_what_a_run_then_does() {
    let mut site = Site::new().await;
    site.context();
    site.user("anna", &[]);
    let group = json!({ "name": "sales", "isOxGroup": true, "users": ["uid=anna,cn=users,dc=example,dc=test"], "univentionObjectIdentifier": "group-sales" });
    site.file("group-sales", "groups/group", "cn=sales,cn=groups,dc=example,dc=test", group);
    std::fs::write(site.path("spool/2026-01-01-00-00-00-999999.json"), "{").unwrap();
    let (code, out, error) = site.run(&["plan", "spool", "--standalone", "manifests", "-o", "json"]).await;
    assert_eq!(code, 0, "{error}");
    let plans: Vec<Value> = serde_json::from_str(&out).unwrap();
    let calls: Vec<_> = plans
        .iter()
        .map(|plan| {
            plan["calls"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| call["call"].as_str().unwrap())
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect();
    assert_eq!(calls, ["contextCreate", "userCreate", "groupCreate", ""]);
    assert!(plans[3]["refused"].as_str().unwrap().contains("no JSON"));
    assert_eq!(site.ox.control().dump()["contexts"], json!({}));
    let (_, table, _) = site.run(&["plan", "spool", "--standalone", "manifests"]).await;
    assert!(table.contains("userCreate"), "{table}");
    std::fs::remove_file(site.path("spool/2026-01-01-00-00-00-999999.json")).unwrap();
    let (_, result) = site.until_idle().await;
    assert_eq!(result[0]["totals"]["calls"], json!(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn mode_dry_run_is_shown_and_ends_when_it_is_live() {
    let mut site = Site::new().await;
    site.describe("secret", "  policies: {mode: DryRun}\n");
    site.context();
    site.user("anna", &[]);
    let (code, out, error) = site.run(&["run", "--standalone", "manifests", "--until-idle"]).await;
    assert!(code == 0 && out.contains("none was made; 2 events wait"), "{out} {error}");
    assert_eq!(site.ox.control().dump()["contexts"], json!({}));
    let (_, out, _) = site.run(&["history", "--dry-run"]).await;
    assert!(out.contains("Would apply") && out.contains("UserCreate"), "{out}");
    let (_, out, _) = site.run(&["history"]).await;
    assert!(out.contains("Nothing has been done"), "{out}");
    let (_, out, error) = site.run(&["explain", "anna", "--dry-run", "--standalone", "manifests"]).await;
    assert!(out.contains("new-2"), "{out} {error}");
    site.describe("secret", "");
    assert_eq!(site.until_idle().await.0, 0);
    assert_eq!(site.users(), ["anna"]);
    let (code, _, error) = site.run(&["history", "--dry-run"]).await;
    assert!(code == 2 && error.contains("makes no dry run"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_impact_of_a_change_is_told_and_a_large_one_waits_for_its_approval() {
    let mut site = Site::new().await;
    let guard = "  policies: {changeGuard: {maxObjects: 1}}\n";
    site.describe("secret", guard);
    site.context();
    for name in ["anna", "bert", "cora"] {
        site.user(name, &[]);
    }
    let controller = site.controller();
    site.eventually("they arrive", async || site.users().len() == 3).await;
    site.eventually("idle", async || controller.connector().await["idle"] == json!(true)).await;

    let mapping = "---
apiVersion: oxherd.dev/v1alpha1
kind: OxAttributeMapping
metadata: {name: more}
spec: {entries: [{attribute: title, property: lastname, auditValues: true}]}
";
    write(&site.path("manifests/mapping.yaml"), mapping);
    site.describe("secret", &format!("  mappingRef: {{name: more}}\n{guard}"));
    let (code, out, error) = site.run(&["mapping", "impact", "--standalone", "manifests", "-o", "json"]).await;
    assert_eq!(code, 0, "{error}");
    let impact: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&impact["changed"], &impact["attributes"], &impact["calls"]),
        (&json!(3), &json!({"title": 3}), &json!({"UserChange": 3}))
    );
    let (_, out, _) = site.run(&["mapping", "impact", "--standalone", "manifests"]).await;
    assert!(out.contains("3 would change") && out.contains("user-bert"), "{out}");

    let change = async || controller.connector().await["change"].clone();
    site.eventually("it waits", async || change().await["state"] == json!("WaitsForApproval")).await;
    let revision = change().await["revision"].as_str().unwrap().to_owned();
    assert_eq!(json!(revision), impact["revision"]);
    let (_, out, _) = site.run(&["approve-change"]).await;
    assert!(out.contains("waits for approval") && out.contains("3 would change"), "{out}");
    let (code, _, error) = site.run(&["approve-change", "--id", "other"]).await;
    assert!(code == 2 && error.contains(&revision), "{error}");
    site.user("dora", &[]);
    site.eventually("events flow", async || site.users().len() == 4).await;
    let (code, out, _) = site.run(&["approve-change", "--id", &revision]).await;
    assert!(code == 0 && out.contains("approved"), "{out}");
    let titles = |site: &Site| {
        let users = site.ox.control().dump()["contexts"]["10"]["users"].as_object().unwrap().clone();
        users.values().filter(|user| user["data"]["title"] == "Example").count()
    };
    site.eventually("it is in force", async || titles(&site) == 4).await;
    site.eventually("nothing waits", async || change().await == Value::Null).await;
    let (_, out, _) = site.run(&["approve-change"]).await;
    assert!(out.contains("No change of settings waits"), "{out}");

    // The audit trail as an export: oldest first, with the values that are marked as safe and no others.
    let (code, out, _) = site.run(&["history", "--since", "1h", "-o", "jsonl"]).await;
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(code == 0 && rows.len() > 8 && rows[0]["object"] == "context-10", "{out}");
    assert!(rows.is_sorted_by_key(|row| row["at"].as_i64().unwrap()));
    let last = rows.iter().rfind(|row| row["object"] == "user-anna").unwrap();
    assert_eq!((&last["values"], &last["event"]), (&json!({"title": {"text": "Example"}}), &json!("Replan")));
    assert!(!out.contains("anna@example.test"), "{out}");
    let (_, out, _) = site.run(&["history", "user-anna"]).await;
    assert!(out.contains("title=Example"), "{out}");
    let (code, _, error) = site.run(&["history", "--since", "soon"]).await;
    assert!(code == 2 && error.contains("24h"), "{error}");
}

/// The most memory that a process has used so far, in bytes.
fn peak_memory(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn the_export_of_a_long_history_takes_no_memory() {
    const ROWS: i64 = 12_000;
    let site = Site::new().await;
    let store = SqliteStore::open(&site.path("oxherd-state/site.db")).await.unwrap();
    let object = ObjectId::new("user-anna").unwrap();
    for first in (0..ROWS).step_by(500) {
        let rows: Vec<_> = (first..first + 500)
            .map(|n| Outcome {
                seq: Seq(n + 1),
                object: ObjectId::new(&format!("user-{n}")).unwrap(),
                verdict: Verdict::Nothing,
                partial: None,
                settled: None,
                ripple: vec![],
                audit: Some(AuditRow {
                    at: n,
                    seq: Seq(n + 1),
                    object: object.clone(),
                    kind: ObjectType::User,
                    event: "Change".to_owned(),
                    origin: "test".to_owned(),
                    outcome: "Unchanged".to_owned(),
                    calls: vec![],
                    attributes: vec![],
                    values: [].into(),
                    notes: vec!["x".repeat(5_000)],
                    duration_ms: 1,
                    revision: String::new(),
                }),
            })
            .collect();
        store.commit(&rows).await.unwrap();
    }
    let (lines, peak) = tokio::task::block_in_place(|| {
        let mut command = site.command(&["history", "-o", "jsonl"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (mut lines, mut peak) = (0, 0);
        for line in std::io::BufReader::new(child.stdout.take().unwrap()).lines() {
            let row: Value = serde_json::from_str(&line.unwrap()).unwrap();
            assert_eq!(row["at"], json!(lines));
            lines += 1;
            if lines % 1_000 == 0 {
                peak = peak.max(peak_memory(&child));
            }
        }
        assert!(child.wait().unwrap().success());
        (lines, peak)
    });
    // The rows are 60 MB, and the program without them 30.
    assert!(lines == ROWS && peak > 0 && peak < 60_000_000, "{lines} lines, {peak} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn mappings_are_printed_checked_and_tried() {
    let mut site = Site::new().await;
    site.user("anna", &[("title", json!("Dr."))]);
    let file = std::fs::read_dir(site.path("spool")).unwrap().next().unwrap().unwrap().path();
    let file = file.to_str().unwrap();
    let (code, out, _) = site.run(&["mapping", "test", file]).await;
    assert!(code == 0 && out.contains("title") && out.contains("Dr."), "{out}");
    write(&site.path("mapping.yaml"), "base: Default\nentries:\n  - {attribute: givenname, property: firstname}\n");
    let (code, _, error) = site.run(&["mapping", "validate", "mapping.yaml"]).await;
    assert!(code == 2 && error.contains("did you mean 'given_name'"), "{error}");
    write(&site.path("AttributeMapping.json"), r#"{"title": {"ldap_attribute": "description", "nillable": true}}"#);
    let (_, out, error) = site.run(&["mapping", "dump", "AttributeMapping.json"]).await;
    assert!(out.contains("description") || error.contains("must be mapped"), "{out} {error}");
    let (code, out, _) = site.run(&["mapping", "dump"]).await;
    assert!(code == 0 && out.contains("base: Default"), "{out}");
    // The complete form is a mapping again, the same one.
    let (_, out, _) = site.run(&["mapping", "dump", "--full"]).await;
    assert!(out.contains("mobileTelephoneNumber"), "{out}");
    write(&site.path("full.yaml"), &out);
    let (code, out, error) = site.run(&["mapping", "dump", "full.yaml", "-o", "json"]).await;
    assert_eq!(
        (code, serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{error}"))),
        (0, json!({"base": "Default"}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_definitions_are_printed() {
    let site = Site::new().await;
    let (code, out, _) = site.run(&["crds"]).await;
    assert_eq!((code, out.matches("kind: CustomResourceDefinition").count()), (0, 5));
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
