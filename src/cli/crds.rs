//! `oxherd crds`: the custom resource definitions.

use std::process::ExitCode;

use clap::Args;

use crate::api::{crd_yaml, crds};

use super::CliError;
use super::output::say;

/// Print the custom resource definitions, for `kubectl apply -f -`.
#[derive(Debug, Args)]
pub struct Crds {}

impl Crds {
    /// Runs the command.
    #[allow(clippy::unused_self, reason = "as all commands")]
    pub fn run(&self) -> Result<ExitCode, CliError> {
        for crd in crds() {
            say("---");
            say(&crd_yaml(&crd).map_err(|error| CliError::internal(&error))?);
        }
        Ok(ExitCode::SUCCESS)
    }
}
