//! `oxherd demo`: everything embedded – a simulated Nubus with a sample organisation, the controller, a simulated OX.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use include_dir::{Dir, include_dir};
use serde::Serialize;
use serde_json::{Value, json};

use crate::controller::{ConnectorReport, Standalone, StandaloneOptions, Until};
use crate::simulator::nubus::{NubusControl, NubusOptions, NubusSimulator};
use crate::simulator::ox::OxSimulator;
use crate::state::sqlite::SqliteStore;
use crate::state::{ParkedFilter, ParkedRow, Store};

use super::CliError;
use super::output::{Format, Show, bad, faint, good, plain, say, show, table};
use super::progress::Progress;
use super::run::{failure, stop_on_signal};
use super::simulate::{complete, seed_sample};

static ACME: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples/acme");

/// See oxherd at work between a simulated Nubus and a simulated OX: a sample organisation of three contexts, and a day of changes.
/// Touches nothing outside its folder.
#[derive(Debug, Args)]
pub struct Demo {
    /// Keep state and files in this folder to look around afterwards; `ox.json` is what the simulated OX holds in the end.
    /// Without it a temporary one is used and removed.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    load: Phase,
    day: Phase,
    contexts: Vec<Context>,
    parked: Vec<ParkedRow>,
    rejected: Vec<String>,
}

/// What one part of the demo took.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Phase {
    events: u64,
    calls: u64,
    without_call: u64,
    seconds: f64,
}

/// What a context holds in the simulated OX.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    id: String,
    name: String,
    users: usize,
    groups: usize,
    resources: usize,
    functional_accounts: usize,
    shared_accounts: usize,
    deputies: usize,
}

impl Show for Summary {
    fn table(&self) -> String {
        let phase = |name: &str, phase: &Phase| {
            vec![
                plain(name),
                plain(phase.events),
                plain(phase.calls),
                plain(phase.without_call),
                plain(format!("{:.2} s", phase.seconds)),
            ]
        };
        let phases = [phase("first load", &self.load), phase("a day of changes", &self.day)];
        let contexts = self.contexts.iter().map(|context| {
            vec![
                plain(&context.id),
                plain(&context.name),
                good(context.users),
                good(context.groups),
                good(context.resources),
                good(context.functional_accounts),
                good(context.shared_accounts),
                good(context.deputies),
            ]
        });
        let parked = self.parked.iter().map(|row| vec![plain(&row.object), bad(&row.category), plain(&row.cause)]);
        let rejected = self
            .rejected
            .iter()
            .map(|file| vec![plain(file), bad("Rejected"), faint("no usable event: the note says why")]);
        format!(
            "{}\n\nIn OX now:\n{}\n\nWaiting for a correction, on purpose; nothing else waits for it:\n{}",
            table(&["", "EVENTS", "CALLS TO OX", "WITHOUT CALL", "TIME"], phases),
            table(
                &[
                    "CONTEXT",
                    "NAME",
                    "USERS",
                    "GROUPS",
                    "RESOURCES",
                    "FUNCTIONAL ACCOUNTS",
                    "SHARED ACCOUNTS",
                    "DEPUTIES"
                ],
                contexts
            ),
            table(&["OBJECT", "CATEGORY", "CAUSE"], parked.chain(rejected)),
        )
    }
}

/// A folder that is removed at the end, unless it is to be kept.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn make(keep: Option<PathBuf>) -> Result<Self, CliError> {
        let temporary = || std::env::temp_dir().join(format!("oxherd-demo-{}", std::process::id()));
        let (path, keep) = keep.map_or_else(|| (temporary(), false), |path| (path, true));
        let empty = std::fs::read_dir(&path).map_or(true, |mut entries| entries.next().is_none());
        if !empty {
            return Err(CliError::Usage(format!("{} is not empty: give a new folder", path.display())));
        }
        std::fs::create_dir_all(&path).map_err(|error| CliError::failed(&error))?;
        Ok(Self { path, keep })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

impl Demo {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let folder = Folder::make(self.keep.clone())?;
        let path = &folder.path;
        let people = self.output == Format::Table;
        let tell = |text: &str| {
            if people {
                say(text);
            }
        };
        let mut simulator = OxSimulator::start(complete()).await.map_err(|error| CliError::failed(&error))?;
        let mut nubus = NubusSimulator::start(NubusOptions { prefill_poll: 0.05, ..NubusOptions::default() })
            .await
            .map_err(|error| CliError::failed(&error))?;
        seed_sample(&nubus.control())?;
        write_manifests(path, &simulator.base_url(), &nubus.provisioning_url())?;
        tell(&format!(
            "A simulated Nubus listens at {}, a simulated OX at {}.",
            nubus.provisioning_url(),
            simulator.base_url()
        ));

        tell("First load: contexts, profiles, people, groups, accounts …");
        let load = provision(path).await?;
        tell("A day of changes: renames, moves, people who leave, a profile that grants more …");
        change(&nubus.control())?;
        let day = provision(path).await?;

        let store = SqliteStore::open(&path.join("state/acme.db")).await?;
        let dump = simulator.control().dump();
        let text = serde_json::to_string_pretty(&dump).map_err(|error| CliError::internal(&error))?;
        std::fs::write(path.join("ox.json"), text).map_err(|error| CliError::failed(&error))?;
        let result = Summary {
            load,
            day,
            contexts: contexts(&dump),
            parked: store.parked(&ParkedFilter::All).await?,
            rejected: rejected(&path.join("state/acme.rejected")),
        };
        nubus.stop().await;
        simulator.stop().await.map_err(|error| CliError::failed(&error))?;
        show(&result, self.output)?;
        if people {
            say(&next_steps(self.keep.as_deref()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write_manifests(path: &Path, ox: &str, nubus: &str) -> Result<(), CliError> {
    let folder = path.join("manifests");
    std::fs::create_dir_all(&folder).map_err(|error| CliError::failed(&error))?;
    for file in part("nubus")?.files() {
        let text = file.contents_utf8().unwrap_or_default();
        let text = text.replace("http://127.0.0.1:8009", ox).replace("http://127.0.0.1:8010", nubus);
        let name = file.path().file_name().unwrap_or_default();
        std::fs::write(folder.join(name), text).map_err(|error| CliError::failed(&error))?;
    }
    Ok(())
}

/// A folder of the sample organisation.
pub fn part(name: &str) -> Result<&'static Dir<'static>, CliError> {
    ACME.get_dir(name).ok_or_else(|| CliError::internal(&format!("the sample organisation has no {name}")))
}

/// What happens in the directory on that day.
fn change(nubus: &NubusControl) -> Result<(), CliError> {
    for file in part("changes")?.files() {
        // One of the files is broken on purpose, which only a spool folder can show.
        if let Ok(file) = serde_json::from_slice(file.contents()) {
            nubus.apply(&file).map_err(|error| CliError::internal(&error))?;
        }
    }
    // An object that is older than the identifiers of the directory: nobody knows who it is.
    let users = nubus.list("users/user");
    if let Some(mut message) = users.last().and_then(|dn| nubus.live_message(dn))
        && let Some(identifier) = message.pointer_mut("/body/new/properties/univentionObjectIdentifier")
    {
        *identifier = json!(null);
        nubus.post(&message);
    }
    Ok(())
}

/// Runs the controller until it is idle.
async fn provision(path: &Path) -> Result<Phase, CliError> {
    let options = StandaloneOptions {
        manifests: path.join("manifests"),
        state: path.join("state"),
        admin: ([127, 0, 0, 1], 0).into(),
        patience: Duration::from_secs(10),
    };
    let shutdown = stop_on_signal()?;
    let started = Instant::now();
    let standalone = Standalone::start(options, Until::Idle).await.map_err(|error| failure(&error))?;
    let progress = Progress::follow(&standalone);
    let reports = standalone.run(Until::Idle, shutdown).await.map_err(|error| failure(&error))?;
    drop(progress);
    let seconds = started.elapsed().as_secs_f64();
    let sum = |count: fn(&ConnectorReport) -> u64| reports.iter().map(count).sum();
    Ok(Phase {
        events: sum(|report| {
            report.source.accepted + report.directory.as_ref().map_or(0, |directory| directory.loaded)
        }),
        calls: sum(|report| report.engine.totals.calls),
        without_call: sum(|report| report.engine.totals.unchanged),
        seconds,
    })
}

/// Counts what the dump of the simulator holds.
fn contexts(dump: &Value) -> Vec<Context> {
    let size = |context: &Value, key: &str| match context.get(key) {
        Some(Value::Object(items)) => items.len(),
        Some(Value::Array(items)) => items.len(),
        _ => 0,
    };
    let all = dump.get("contexts").and_then(Value::as_object);
    all.into_iter()
        .flatten()
        .map(|(id, context)| Context {
            id: id.clone(),
            name: context.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            // OX makes an administrator and a group of all users by itself.
            users: size(context, "users").saturating_sub(1),
            groups: size(context, "groups").saturating_sub(1),
            resources: size(context, "resources"),
            functional_accounts: size(context, "accounts"),
            shared_accounts: size(context, "shared_accounts"),
            deputies: size(context, "deputies"),
        })
        .collect()
}

fn rejected(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| Path::new(name).extension().is_none_or(|extension| extension != "error"));
    names.sort();
    names
}

fn next_steps(keep: Option<&Path>) -> String {
    match keep {
        None => "\nNext: run it again with --keep demo to look around in what it leaves behind.".to_owned(),
        Some(folder) => {
            let folder = folder.display();
            format!(
                "\nNext, for example:\n  oxherd parked list --state {folder}/state\n  oxherd history --state {folder}/state\n  \
                 oxherd history anna.boehm --state {folder}/state\n  oxherd mapping dump"
            )
        }
    }
}
