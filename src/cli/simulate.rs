//! `oxherd simulate`: the simulators as servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::simulator::nubus::{NubusControl, NubusOptions, NubusSimulator, UdmAccount, UdmRights};
use crate::simulator::ox::{Latency, OxOptions, OxSimulator};

use super::CliError;
use super::demo::part;
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
    /// A Nubus: Provisioning API and UDM REST API over one directory. Control and counters are below `/__control/`.
    Nubus(Nubus),
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

#[derive(Debug, Args)]
struct Nubus {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8010", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Start with an empty directory instead of the sample organisation.
    #[arg(long)]
    empty: bool,
    /// Add that many generated users in context 10.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    users: usize,
    /// Password of `admin`, who creates subscriptions.
    #[arg(long, default_value = "admin")]
    admin_password: String,
    /// Password of `Administrator` in the UDM REST API.
    #[arg(long, default_value = "univention")]
    udm_password: String,
}

impl Simulate {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        match self.what {
            What::Ox(ox) => ox.run().await,
            What::Nubus(nubus) => nubus.run().await,
        }
    }
}

impl Nubus {
    async fn run(self) -> Result<ExitCode, CliError> {
        let account = UdmAccount { password: self.udm_password, rights: UdmRights::Administrator };
        let options = NubusOptions {
            address: self.listen,
            admin_password: self.admin_password,
            udm_accounts: [("Administrator".to_owned(), account)].into(),
            ..NubusOptions::default()
        };
        let mut simulator = NubusSimulator::start(options)
            .await
            .map_err(|error| CliError::Failed(format!("cannot listen on {}: {error}", self.listen)))?;
        let control = simulator.control();
        if !self.empty {
            seed_sample(&control)?;
        }
        if self.users > 0 {
            control.seed_users(10, self.users).map_err(|error| CliError::failed(&error))?;
        }
        say(&format!(
            "Nubus simulator: Provisioning API at {} (admin), UDM REST API at {} (Administrator), counters at {0}/__control/counters",
            simulator.provisioning_url(),
            simulator.udm_url()
        ));
        stop_on_signal()?.cancelled().await;
        simulator.stop().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Fills a simulated Nubus with the sample organisation as it is before its day of changes.
pub fn seed_sample(control: &NubusControl) -> Result<(), CliError> {
    for file in part("directory")?.files() {
        let file = serde_json::from_slice(file.contents()).map_err(|error| CliError::internal(&error))?;
        control.seed(&file).map_err(|error| CliError::internal(&error))?;
    }
    Ok(())
}

impl Ox {
    async fn run(self) -> Result<ExitCode, CliError> {
        let ox = self;
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
