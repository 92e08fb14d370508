//! A real control plane: etcd, kube-apiserver with RBAC, kube-controller-manager. No kubelet: a test that needs a Pod runs the
//! program itself.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than any test needs, and shorter than anybody's patience.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// The token of an administrator who may do everything.
const ADMIN: &str = "admin-token";

/// The key that signs the tokens of service accounts.
const ACCOUNTS: &str = "etcd/fixtures/peer/key.pem";

/// The programs, built if they are not there.
fn programs() -> &'static Path {
    static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane/build");
        let output = Command::new(script).stderr(Stdio::inherit()).output().expect("the script runs");
        assert!(output.status.success(), "no control plane: see above for what to do");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    });
    &PROGRAMS
}

/// A program that ends with this process, however that ends: the shell waits for the end of its input.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
}

impl Program {
    fn start(name: &str, arguments: &[String], log: &Path) -> Self {
        let script = r#""$@" </dev/null & child=$!; cat >/dev/null; kill -9 "$child"; wait "$child" 2>/dev/null"#;
        let log = fs::File::create(log).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(programs().join(name)).args(arguments);
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        Self { input: child.stdin.take(), child }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Ports that are free now. All are held until all are known, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.each_ref().map(|listener| listener.local_addr().unwrap().port())
}

/// A control plane.
pub struct ControlPlane {
    folder: TempDir,
    api_port: u16,
    etcd_port: u16,
    api_server: Mutex<Option<Program>>,
    _controller_manager: Program,
    _etcd: Program,
}

impl ControlPlane {
    /// One that all tests of this process share. Each takes a namespace of its own.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<ControlPlane>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(|| Arc::new(Self::start())))
    }

    /// One of its own, for a test that stops it.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [etcd_port, peer_port, api_port, manager_port] = free_ports();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        fs::write(path("tokens.csv"), format!("{ADMIN},admin,admin,\"system:masters\"\n")).unwrap();
        let etcd = format!("http://127.0.0.1:{etcd_port}");
        let peer = format!("https://127.0.0.1:{peer_port}");
        let arguments = [
            format!("--data-dir={}", path("etcd")),
            format!("--listen-client-urls={etcd}"),
            format!("--advertise-client-urls={etcd}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--unsafe-no-fsync".to_owned(),
            // There are no peers, but it makes a key for them, which is as good as any for tokens of ServiceAccounts.
            "--peer-auto-tls".to_owned(),
            "--log-level=error".to_owned(),
        ];
        let etcd = Program::start("etcd", &arguments, &folder.path().join("etcd.log"));
        until("etcd has made a key", || folder.path().join(ACCOUNTS).exists());
        let api_server = Self::api_server(&folder, api_port, etcd_port);
        fs::write(path("admin.yaml"), kubeconfig(api_port, &path("certs/apiserver.crt"), ADMIN)).unwrap();
        let arguments = [
            format!("--kubeconfig={}", path("admin.yaml")),
            format!("--secure-port={manager_port}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--cert-dir={}", path("manager")),
            format!("--service-account-private-key-file={}", path(ACCOUNTS)),
            "--leader-elect=false".to_owned(),
        ];
        until("the API server is ready", || is_ready(&folder));
        let manager =
            Program::start("kube-controller-manager", &arguments, &folder.path().join("controller-manager.log"));
        let api_server = Mutex::new(Some(api_server));
        Self { folder, api_port, etcd_port, api_server, _controller_manager: manager, _etcd: etcd }
    }

    fn api_server(folder: &TempDir, port: u16, etcd_port: u16) -> Program {
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let arguments = [
            format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            format!("--cert-dir={}", path("certs")),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            format!("--token-auth-file={}", path("tokens.csv")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", path(ACCOUNTS)),
            format!("--service-account-signing-key-file={}", path(ACCOUNTS)),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            format!("--audit-log-path={}", path("audit.log")),
            format!("--audit-policy-file={}", path("audit.yaml")),
        ];
        // What was asked, by whom, and with which answer; no bodies.
        fs::write(
            path("audit.yaml"),
            json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"], "rules": [{"level": "Metadata"}]})
            .to_string(),
        )
        .unwrap();
        Program::start("kube-apiserver", &arguments, &folder.path().join("apiserver.log"))
    }

    /// Stops the API server, without a chance to say goodbye.
    pub fn stop_api_server(&self) {
        *self.api_server.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Starts it again at the same address.
    pub fn start_api_server(&self) {
        let again = Self::api_server(&self.folder, self.api_port, self.etcd_port);
        *self.api_server.lock().unwrap_or_else(PoisonError::into_inner) = Some(again);
        until("the API server is ready again", || is_ready(&self.folder));
    }

    /// A kubeconfig file for the bearer of a token.
    pub fn kubeconfig(&self, name: &str, token: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.yaml"));
        let certificate = self.folder.path().join("certs/apiserver.crt");
        fs::write(&path, kubeconfig(self.api_port, &certificate.to_string_lossy(), token)).unwrap();
        path
    }

    /// A client of the administrator.
    pub async fn client(&self) -> Client {
        let text = fs::read_to_string(self.folder.path().join("admin.yaml")).unwrap();
        let config = Kubeconfig::from_yaml(&text).unwrap();
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// Runs kubectl as administrator, with this text as its input.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(programs().join("kubectl"));
        command.arg("--kubeconfig").arg(self.folder.path().join("admin.yaml")).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The same, and it must succeed. Gives what it printed.
    pub fn kubectl_ok(&self, arguments: &[&str], input: &str) -> String {
        let output = self.kubectl(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Puts objects into a namespace.
    pub fn apply(&self, namespace: &str, objects: &[Value]) {
        let text: Vec<_> = objects.iter().map(Value::to_string).collect();
        self.kubectl_ok(&["apply", "-n", namespace, "-f", "-"], &text.join("\n---\n"));
    }

    /// What the audit log of the API server says of a user: verb, API group, resource with subresource, and answer.
    pub fn requests_of(&self, user: &str) -> Vec<Request> {
        let text = fs::read_to_string(self.folder.path().join("audit.log")).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let own = events.filter(|event| event["user"]["username"] == user && event["objectRef"].is_object());
        own.map(|event| {
            let part = |name: &str| event["objectRef"][name].as_str().unwrap_or_default().to_owned();
            let sub = part("subresource");
            let resource = if sub.is_empty() { part("resource") } else { format!("{}/{sub}", part("resource")) };
            Request {
                verb: event["verb"].as_str().unwrap_or_default().to_owned(),
                group: part("apiGroup"),
                resource,
                name: part("name"),
                namespace: part("namespace"),
                code: event["responseStatus"]["code"].as_i64().unwrap_or_default(),
            }
        })
        .collect()
    }
}

/// A request that the API server got.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    pub verb: String,
    pub group: String,
    pub resource: String,
    pub name: String,
    pub namespace: String,
    pub code: i64,
}

fn kubeconfig(port: u16, certificate: &str, token: &str) -> String {
    // The API server makes it when it starts.
    until("the API server has a certificate", || Path::new(certificate).exists());
    let certificate = STANDARD.encode(fs::read(certificate).unwrap());
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": certificate}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
        "current-context": "test",
    })
    .to_string()
}

/// Whether the API server answers that it is ready.
fn is_ready(folder: &TempDir) -> bool {
    let mut command = Command::new(programs().join("kubectl"));
    command.arg("--kubeconfig").arg(folder.path().join("admin.yaml")).args(["get", "--raw", "/readyz"]);
    command.output().unwrap().stdout == b"ok"
}

/// Waits until something is so.
pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
