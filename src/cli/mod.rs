//! The command line: one file per subcommand.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 done but objects are parked or held back, 4 OX cannot be
//! reached, 5 OX does not hold what it should.

mod cluster;
mod crds;
mod demo;
mod error;
mod explain;
mod held;
mod history;
mod impact;
mod kept;
mod mapping;
mod output;
mod parked;
mod place;
mod plan;
mod progress;
mod provision;
mod resync;
mod run;
mod simulate;
mod subscription;
mod verify;
mod workplace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::telemetry::{LogFormat, init_logging};

pub use error::CliError;

/// Provisions Open-Xchange App Suite from Univention directories.
#[derive(Debug, Parser)]
#[command(name = "oxherd", version, about, propagate_version = true, max_term_width = 120)]
struct Arguments {
    /// How much is logged to standard error: error, warn, info, debug, trace, or a filter such as `info,oxherd::ox=debug`.
    /// Default: `warn`.
    #[arg(long, global = true, env = "OXHERD_LOG", value_name = "LEVEL")]
    log: Option<String>,
    /// The form of log lines.
    #[arg(long, global = true, env = "OXHERD_LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See oxherd at work on a simulated OX and a sample organisation.
    Demo(demo::Demo),
    /// Run the controller.
    Run(run::Run),
    /// Run a simulator as a server.
    Simulate(simulate::Simulate),
    /// Show which calls listener files would lead to, without making them.
    Plan(plan::Plan),
    /// Explain one object: what is known of it, what would be done now, what was done before.
    Explain(explain::Explain),
    /// Parked objects: what waits for a correction, and why.
    Parked(parked::Parked),
    /// What the deletion guard holds back.
    Held(held::Held),
    /// Let everything pass that the deletion guard holds back: exactly the list that you looked at.
    ApproveDeletions(held::ApproveDeletions),
    /// Deleted objects that are kept in OX for a time.
    Kept(kept::Kept),
    /// What was done for an object, or lately at all.
    History(history::History),
    /// Compare the directory with what is known of it, and provision what differs.
    Resync(resync::Resync),
    /// Take one object from the directory as it is now, and provision it.
    Provision(provision::Provision),
    /// Compare OX with what it should hold, and correct what differs.
    Verify(verify::Verify),
    /// After OX was restored from an older backup: find out which numbers things have now.
    RebuildIds(verify::RebuildIds),
    /// The subscription at the Provisioning API of Nubus: show, create, replace, print.
    Subscription(subscription::SubscriptionCommand),
    /// Attribute mappings: print, check, try, and what a change would do.
    Mapping(mapping::MappingCommand),
    /// Approve a change of settings that waits because it would change many objects.
    ApproveChange(impact::ApproveChange),
    /// Print the custom resource definitions.
    Crds(crds::Crds),
}

/// Runs the command line of this process.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    // The demo shows on purpose what would be warned about.
    let usual = if matches!(arguments.command, Command::Demo(_)) { "error,oxherd::source=off" } else { "warn" };
    if let Err(error) = init_logging(arguments.log_format, arguments.log.as_deref().unwrap_or(usual)) {
        return CliError::usage(&error).report();
    }
    let result = match arguments.command {
        Command::Demo(command) => command.run().await,
        Command::Simulate(command) => command.run().await,
        Command::Run(command) => command.run().await,
        Command::Plan(command) => command.run().await,
        Command::Explain(command) => command.run().await,
        Command::Resync(command) => command.run().await,
        Command::Provision(command) => command.run().await,
        Command::Verify(command) => command.run().await,
        Command::RebuildIds(command) => command.run().await,
        Command::Subscription(command) => command.run().await,
        Command::Mapping(command) => command.run().await,
        Command::ApproveChange(command) => command.run().await,
        Command::Crds(command) => command.run(),
        Command::Parked(command) => command.run().await,
        Command::Held(command) => command.run().await,
        Command::ApproveDeletions(command) => command.run().await,
        Command::Kept(command) => command.run().await,
        Command::History(command) => command.run().await,
    };
    result.unwrap_or_else(|error| error.report())
}
