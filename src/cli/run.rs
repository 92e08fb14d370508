//! `oxherd run`: the controller.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::controller::{ConnectorReport, Standalone, StandaloneError, StandaloneOptions, Until};

use super::CliError;
use super::cluster::Cluster;
use super::error::EXIT_PARKED;
use super::output::{Format, Show, bad, good, plain, show, table};
use super::progress::Progress;

/// The controller. In a Pod it takes the way to the API server from its ServiceAccount, elsewhere from `KUBECONFIG`.
#[derive(Debug, Args)]
pub struct Run {
    /// Run without Kubernetes, on the YAML manifests of this folder. They are read again when they change.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["namespace", "all_namespaces", "class"])]
    standalone: Option<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
    /// The folder with the state of the connectors, one file each.
    #[arg(long, env = "OXHERD_STATE", default_value = "oxherd-state", value_name = "FOLDER")]
    state: PathBuf,
    /// End when nothing can make progress any more: exit code 0, or 3 if objects are parked or held back, or 4 if OX stays
    /// unreachable.
    #[arg(long, requires = "standalone")]
    until_idle: bool,
    /// How many seconds OX may be unreachable before --until-idle gives up.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,
    /// Where the admin server listens. The address is written to `admin.address` in the state folder.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    admin: SocketAddr,
    /// Form of the result of --until-idle.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Summary(Vec<ConnectorReport>);

impl Show for Summary {
    fn table(&self) -> String {
        let rows = self.0.iter().map(|report| {
            let totals = report.engine.totals;
            let held = if report.engine.held == 0 { good(0) } else { bad(report.engine.held) };
            let parked = if report.engine.parked == 0 { good(0) } else { bad(report.engine.parked) };
            vec![
                plain(&report.name),
                plain(report.source.accepted),
                plain(report.source.rejected),
                plain(totals.done),
                plain(totals.unchanged),
                plain(totals.calls),
                parked,
                held,
            ]
        });
        let headings = ["CONNECTOR", "EVENTS", "REJECTED", "DONE", "WITHOUT CALL", "CALLS", "PARKED", "HELD BACK"];
        let mut parts = vec![table(&headings, rows)];
        for report in &self.0 {
            if let Some(stream) = &report.source.stream {
                parts.push(format!(
                    "{}: source {}; message {} came last, {} were handed out again, {} of them known, {} outdated",
                    report.name,
                    report.source.state,
                    stream.sequence_number,
                    stream.redelivered,
                    stream.repeated,
                    stream.outdated
                ));
            }
            if let Some(warning) = &report.source.warning {
                parts.push(format!("{}: {warning}", report.name));
            }
            if let Some(dry_run) = &report.dry_run {
                parts.push(format!(
                    "{}: mode DryRun: these calls were planned, none was made; {} events wait in the journal for mode Live. \
                     `oxherd history --dry-run` shows what would be done.",
                    report.name, dry_run.waiting
                ));
            }
            if let Some(change) = &report.change {
                parts.push(format!("{}: {}", report.name, change.message()));
            }
        }
        parts.join("\n")
    }
}

impl Run {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let Some(manifests) = self.standalone else {
            return self.cluster.run(self.state, self.admin).await;
        };
        let until = if self.until_idle { Until::Idle } else { Until::Stopped };
        let options = StandaloneOptions {
            manifests,
            state: self.state,
            admin: self.admin,
            patience: Duration::from_secs(self.patience),
        };
        let shutdown = stop_on_signal()?;
        let standalone = Standalone::start(options, until).await.map_err(|error| failure(&error))?;
        let progress = self.until_idle.then(|| Progress::follow(&standalone));
        let reports = standalone.run(until, shutdown).await;
        drop(progress);
        let reports = reports.map_err(|error| failure(&error))?;
        if !self.until_idle {
            return Ok(ExitCode::SUCCESS);
        }
        let parked = reports.iter().any(|report| report.engine.parked + report.engine.held > 0);
        show(&Summary(reports), self.output)?;
        Ok(if parked { ExitCode::from(EXIT_PARKED) } else { ExitCode::SUCCESS })
    }
}

/// Manifests that cannot be used are wrong input, OX that cannot be reached has an exit code of its own.
pub fn failure(error: &StandaloneError) -> CliError {
    match error {
        StandaloneError::Manifests(_) | StandaloneError::Nothing(_) | StandaloneError::Resolve(_) => {
            CliError::usage(error)
        }
        StandaloneError::Unreachable { .. } => CliError::Unreachable(error.to_string()),
        _ => CliError::failed(error),
    }
}

/// A token that is cancelled by SIGTERM or SIGINT. A second signal ends the process at once.
pub fn stop_on_signal() -> Result<CancellationToken, CliError> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| CliError::failed(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| CliError::failed(&error))?;
    let cancel = token.clone();
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if cancel.is_cancelled() {
                std::process::exit(130);
            }
            tracing::info!("stopping: finishing what runs");
            cancel.cancel();
        }
    });
    Ok(token)
}
