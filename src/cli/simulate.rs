//! `oxherd simulate`: the simulators as servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::simulator::ox::{Latency, OxOptions, OxSimulator};

use super::CliError;
use super::output::say;
use super::run::stop_on_signal;

/// Simulators, for trying things out and for load tests.
#[derive(Debug, Args)]
pub struct Simulate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An Open-Xchange provisioning server (SOAP). Control and counters are below `/__control/`.
    Ox(Ox),
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Ox {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8009", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Keep the state in this file.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Password of the master administrator `oxadminmaster`.
    #[arg(long, default_value = "secret")]
    master_password: String,
    /// As shipped: no renames of users, no deputies, shared accounts or conversion of guests.
    #[arg(long)]
    shipped: bool,
    /// Milliseconds that a user write takes.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    write_latency: u64,
}

impl Simulate {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let What::Ox(ox) = self.what;
        let options = OxOptions {
            address: ox.listen,
            state_file: ox.state,
            master_password: ox.master_password,
            latency: Latency { user_writes: ox.write_latency, ..Latency::default() },
            ..if ox.shipped { OxOptions::default() } else { complete() }
        };
        let mut simulator = OxSimulator::start(options)
            .await
            .map_err(|error| CliError::Failed(format!("cannot listen on {}: {error}", ox.listen)))?;
        say(&format!("OX simulator at {}, state at {0}/__control/state", simulator.base_url()));
        stop_on_signal()?.cancelled().await;
        simulator.stop().await.map_err(|error| CliError::failed(&error))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A server with every feature that oxherd knows.
pub fn complete() -> OxOptions {
    OxOptions {
        username_changeable: true,
        unique_display_names: false,
        convert_guest: true,
        deputies: true,
        shared_accounts: true,
        ..OxOptions::default()
    }
}
