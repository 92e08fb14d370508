//! The sample organisation ends in OX as an oracle computes it from the files alone: in one go, in pieces, twice, and with
//! the controller killed at random.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "support/observed.rs"]
mod observed;
#[path = "support/oracle.rs"]
mod oracle;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use observed::{differences, observed};
use oxherd::simulator::ox::{OxOptions, OxSimulator};
use serde_json::Value;

fn acme(part: &str) -> Vec<PathBuf> {
    oracle::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme").join(part))
}

/// Acme with a simulated OX.
struct Acme {
    folder: tempfile::TempDir,
    ox: OxSimulator,
    delivered: Vec<PathBuf>,
}

impl Acme {
    async fn new() -> Self {
        let options = OxOptions {
            username_changeable: true,
            unique_display_names: false,
            convert_guest: true,
            deputies: true,
            shared_accounts: true,
            ..OxOptions::default()
        };
        let ox = OxSimulator::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let manifests = folder.path().join("manifests");
        std::fs::create_dir_all(&manifests).unwrap();
        std::fs::create_dir_all(folder.path().join("spool")).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme/manifests");
        for entry in std::fs::read_dir(source).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap().replace("http://127.0.0.1:8009", &ox.base_url());
            std::fs::write(manifests.join(path.file_name().unwrap()), text).unwrap();
        }
        Self { folder, ox, delivered: Vec::new() }
    }

    fn deliver(&mut self, files: &[PathBuf]) {
        for file in files {
            std::fs::copy(file, self.folder.path().join("spool").join(file.file_name().unwrap())).unwrap();
        }
        self.delivered.extend_from_slice(files);
    }

    fn controller(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxherd"));
        command.args(["run", "--standalone", "manifests", "--until-idle", "-o", "json"]).current_dir(&self.folder);
        command
    }

    /// Runs the controller until it is idle; gives the exit code and the number of calls.
    async fn run(&self) -> (Option<i32>, u64) {
        let mut command = self.controller();
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let result: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), result[0]["totals"]["calls"].as_u64().unwrap())
    }

    fn assert_as_expected(&self) {
        let differences = differences(&oracle::expected(&self.delivered), &observed(&self.ox.control().dump()));
        assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_load_and_a_day_of_changes() {
    let mut acme_site = Acme::new().await;
    acme_site.deliver(&acme("directory"));
    assert_eq!(acme_site.run().await.0, Some(0), "nothing of the first load is parked");
    acme_site.assert_as_expected();
    acme_site.deliver(&acme("changes"));
    assert_eq!(acme_site.run().await.0, Some(3), "one object is wrong on purpose");
    acme_site.assert_as_expected();
}

#[test]
fn the_demo_ends_as_the_oracle_says() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("demo");
    let mut command = Command::new(env!("CARGO_BIN_EXE_oxherd"));
    let output = command.args(["demo", "-o", "json", "--keep"]).arg(&keep).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["parked"].as_array().map(Vec::len), Some(1), "one object is wrong on purpose");
    let dump: Value = serde_json::from_slice(&std::fs::read(keep.join("ox.json")).unwrap()).unwrap();
    let files: Vec<_> = acme("directory").into_iter().chain(acme("changes")).collect();
    let expected = oracle::expected_of(&oracle::as_udm_shows(oracle::read(&files)));
    let differences = differences(&expected, &observed(&dump));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once() {
    let mut acme_site = Acme::new().await;
    acme_site.deliver(&acme("directory"));
    acme_site.deliver(&acme("changes"));
    assert_eq!(acme_site.run().await.0, Some(3));
    acme_site.assert_as_expected();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_pieces_with_restarts_and_then_all_again() {
    let mut acme_site = Acme::new().await;
    let files: Vec<_> = acme("directory").into_iter().chain(acme("changes")).collect();
    for piece in files.chunks(61) {
        acme_site.deliver(piece);
        acme_site.run().await;
    }
    acme_site.assert_as_expected();
    // The last state of each object comes again: nothing is to be done.
    let before = acme_site.ox.control().dump();
    acme_site.deliver(&last_states(&files));
    assert_eq!(acme_site.run().await, (Some(3), 0));
    assert!(before == acme_site.ox.control().dump(), "a redelivery changes nothing");
}

/// Of each object the last file, in the order of the files.
fn last_states(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut last = std::collections::HashMap::new();
    for (place, file) in files.iter().enumerate() {
        if let Ok(value) = serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()) {
            last.insert(value["id"].to_string(), place);
        }
    }
    files
        .iter()
        .enumerate()
        .filter(|(place, _)| last.values().any(|one| one == place))
        .map(|(_, f)| f.clone())
        .collect()
}

/// A number that differs from run to run, to kill at other moments each time.
fn moment(most: u64) -> u64 {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    u64::from(nanos / 1000) % most
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_it_ends_the_same() {
    const KILLS: usize = 25;
    let mut acme_site = Acme::new().await;
    acme_site.ox.control().change_options(|options| {
        options.latency.user_writes = 3;
        options.latency.other_writes = 2;
        // A lock whose holder was killed is taken over quickly.
        options.lock_wait_factor = 0.01;
    });
    acme_site.deliver(&acme("directory"));
    acme_site.deliver(&acme("changes"));
    let mut killed = 0;
    for _ in 0..KILLS {
        let mut child = acme_site.controller().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(60 + moment(240))).await;
        killed += usize::from(child.try_wait().unwrap().is_none());
        // SIGKILL: no chance to finish anything.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed >= 5, "only {killed} of {KILLS} kills met a running controller");
    assert_eq!(acme_site.run().await.0, Some(3));
    acme_site.assert_as_expected();
}
