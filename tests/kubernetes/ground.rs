//! A namespace with a simulated OX beside it, and controllers that run there as processes, with the token and the rights of a
//! ServiceAccount.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oxherd::simulator::ox::{OxControl, OxOptions, OxSimulator};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{ControlPlane, PATIENCE, Request, until};
use crate::directory::Object;

/// The name of the ServiceAccount of controllers.
const ACCOUNT: &str = "oxherd";

/// A namespace of its own for one test.
pub struct Ground {
    pub plane: Arc<ControlPlane>,
    pub namespace: String,
    pub ox: OxControl,
    simulator: OxSimulator,
    folder: TempDir,
    serial: std::sync::atomic::AtomicU32,
}

impl Ground {
    /// On the control plane that all tests share.
    pub async fn new(namespace: &str) -> Self {
        let plane = tokio::task::spawn_blocking(ControlPlane::shared).await.unwrap();
        Self::on(plane, namespace).await
    }

    /// On a control plane of its own.
    pub async fn on(plane: Arc<ControlPlane>, namespace: &str) -> Self {
        let ground = Self::bare(plane, namespace).await;
        ground.install_definitions();
        ground
    }

    /// Without our definitions.
    pub async fn bare(plane: Arc<ControlPlane>, namespace: &str) -> Self {
        let simulator = OxSimulator::start(OxOptions::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["spool", "state"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let ground = Self {
            plane,
            namespace: namespace.to_owned(),
            ox: simulator.control(),
            simulator,
            folder,
            serial: 0.into(),
        };
        ground.install_rights();
        ground
    }

    /// The definitions of our kinds.
    pub fn install_definitions(&self) {
        let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").to_string_lossy().into_owned();
        self.plane.kubectl_ok(&["apply", "--server-side", "-f", &crds], "");
        self.plane.kubectl_ok(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &crds], "");
    }

    /// Namespace, ServiceAccount and rights.
    fn install_rights(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let namespace = &self.namespace;
        let rules = fs::read_to_string(root.join("charts/oxherd/files/rules.yaml")).unwrap();
        let rules: Value = serde_saphyr::from_str(&rules).unwrap();
        let rbac = "rbac.authorization.k8s.io";
        let objects = [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace}}),
            json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role",
                "metadata": {"name": ACCOUNT, "namespace": namespace}, "rules": rules["rules"]}),
            json!({"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding",
                "metadata": {"name": ACCOUNT, "namespace": namespace},
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": ACCOUNT},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}]}),
        ];
        self.plane.apply(namespace, &objects);
    }

    /// The Secret with the master credentials of OX.
    pub fn master(password: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ox-master"},
            "stringData": {"username": "oxadminmaster", "password": password}})
    }

    /// A connector of the simulated OX that reads the spool.
    pub fn connector(&self, name: &str) -> Value {
        json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxConnector", "metadata": {"name": name}, "spec": {
            "ox": {"url": self.simulator.base_url(), "credentialsRef": {"name": "ox-master"}},
            "source": {"spool": {"folder": self.spool(), "settle": "20ms"}},
            "defaults": {"context": 10, "domain": "test.example", "imapServer": "imap://mail.test.example:143",
                "smtpServer": "smtp://mail.test.example:587"},
            "statusInterval": "1s",
        }})
    }

    /// A described context.
    pub fn context(name: &str, id: i64) -> Value {
        json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxContext", "metadata": {"name": name},
            "spec": {"connectorRef": {"name": "main"}, "id": id}})
    }

    /// A described profile with these rights.
    pub fn profile(name: &str, rights: &[&str]) -> Value {
        let rights: serde_json::Map<_, _> = rights.iter().map(|right| ((*right).to_owned(), json!(true))).collect();
        json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxAccessProfile", "metadata": {"name": name},
            "spec": {"displayName": name, "rights": rights}})
    }

    pub fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// Objects of the directory are new or changed.
    pub fn put(&self, objects: &[Object]) {
        for object in objects {
            self.deliver(&object.present());
        }
    }

    /// An event comes from the directory.
    pub fn deliver(&self, event: &Value) {
        let serial = self.serial.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let name = format!("2026-01-01-00-00-00-{serial:06}.json");
        // As a whole, or not at all.
        let hidden = self.folder.path().join(&name);
        fs::write(&hidden, event.to_string()).unwrap();
        fs::rename(hidden, self.spool().join(name)).unwrap();
    }

    pub fn apply(&self, objects: &[Value]) {
        self.plane.apply(&self.namespace, objects);
    }

    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        self.plane.kubectl(&[&["-n", &self.namespace], arguments].concat(), input)
    }

    pub fn kubectl_ok(&self, arguments: &[&str], input: &str) -> String {
        self.plane.kubectl_ok(&[&["-n", &self.namespace], arguments].concat(), input)
    }

    /// Changes a part of an object.
    pub fn patch(&self, kind: &str, name: &str, patch: &Value) {
        self.kubectl_ok(&["patch", kind, name, "--type=merge", "-p", &patch.to_string()], "");
    }

    /// An object as it is now.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.kubectl_ok(&["get", kind, name, "-o", "json"], "")).unwrap()
    }

    /// Whether there is an object.
    pub fn exists(&self, kind: &str, name: &str) -> bool {
        self.kubectl(&["get", kind, name], "").status.success()
    }

    /// Waits for a condition, as an administrator would.
    pub fn wait_for(&self, condition: &str, kind: &str, name: &str) {
        self.until("the object is there", || self.exists(kind, name));
        let wanted = format!("--for=condition={condition}");
        let output = self.kubectl(&["wait", &wanted, "--timeout=90s", kind, name], "");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}: {:#}\n{}", self.get(kind, name)["status"], self.logs());
    }

    /// Waits until a condition has this status and reason; gives its message.
    pub fn wait_for_reason(&self, kind: &str, name: &str, about: &str, status: &str, reason: &str) -> String {
        self.until("the object is there", || self.exists(kind, name));
        let mut message = String::new();
        let start = Instant::now();
        loop {
            let object = self.get(kind, name);
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let found = conditions.iter().find(|one| one["type"] == about);
            if let Some(found) = found
                && found["status"] == status
                && found["reason"] == reason
            {
                found["message"].as_str().unwrap().clone_into(&mut message);
                return message;
            }
            let late = start.elapsed() > PATIENCE;
            assert!(!late, "{about} never became {status} {reason}: {:#}\n{}", object["status"], self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until something is so.
    pub fn until(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let start = Instant::now();
        while !reached() {
            assert!(start.elapsed() < PATIENCE, "never: {what}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Reasons of the Events about an object.
    pub fn events(&self, name: &str) -> Vec<String> {
        let selector = format!("regarding.name={name}");
        let arguments = ["get", "events.v1.events.k8s.io", "--field-selector", &selector, "-o", "json"];
        let list: Value = serde_json::from_str(&self.kubectl_ok(&arguments, "")).unwrap();
        let items = list["items"].as_array().unwrap();
        items.iter().map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// A controller. All controllers of a ground share the state folder.
    pub fn controller(&self, name: &str) -> Controller {
        let account = format!("{}-{name}", self.namespace);
        let token = self.kubectl_ok(&["create", "token", ACCOUNT, "--duration=1h"], "");
        let kubeconfig = self.plane.kubeconfig(&account, token.trim());
        let log = self.folder.path().join(format!("{name}.log"));
        let output = fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxherd"));
        command.args(["run", "--namespace", &self.namespace, "--identity", name, "--lease-duration", "6"]);
        command.arg("--state").arg(self.folder.path().join("state"));
        command.env("KUBECONFIG", kubeconfig).env("OXHERD_LOG", "info,kube=warn").env_remove("OXHERD_STATE");
        command.stdout(Stdio::null()).stderr(output);
        Controller { child: command.spawn().unwrap(), log }
    }

    /// What the API server was asked by controllers of this namespace.
    pub fn requests(&self) -> Vec<Request> {
        self.plane.requests_of(&format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace))
    }

    /// The logs of all controllers.
    fn logs(&self) -> String {
        let mut logs = String::new();
        for entry in fs::read_dir(self.folder.path()).unwrap().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                logs += &fs::read_to_string(entry.path()).unwrap();
            }
        }
        logs
    }

    /// What a controller answers to `GET /readyz`; empty if it does not listen yet.
    pub fn readiness(&self) -> String {
        let address = fs::read_to_string(self.folder.path().join("state/admin.address")).unwrap_or_default();
        let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The names of the users in a context of OX.
    pub fn users(&self, context: i64) -> Vec<String> {
        let dump = self.ox.dump();
        let users = dump["contexts"][context.to_string()]["users"].as_object().cloned().unwrap_or_default();
        let mut names: Vec<_> =
            users.values().filter_map(|user| user["data"]["name"].as_str().map(str::to_owned)).collect();
        names.sort();
        names
    }

    /// A user in OX.
    pub fn user(&self, context: i64, name: &str) -> Option<Value> {
        let dump = self.ox.dump();
        let users = dump["contexts"][context.to_string()]["users"].as_object().cloned()?;
        users.into_values().map(|user| user["data"].clone()).find(|data| data["name"] == name)
    }

    /// Whether OX has a context.
    pub fn has_context(&self, id: i64) -> bool {
        self.ox.dump()["contexts"].get(id.to_string()).is_some()
    }
}

/// A running controller.
pub struct Controller {
    child: Child,
    log: PathBuf,
}

impl Controller {
    /// Tells it to end, and waits until it has.
    pub fn terminate(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        let mut status = None;
        until("the controller ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{}", self.log());
    }

    /// Ends it without a chance to finish anything.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
