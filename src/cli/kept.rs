//! `oxherd kept`: objects that are gone from the directory and kept in OX for a time.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::state::{KeptFilter, KeptRow, Store, now_ms};

use super::CliError;
use super::output::{Format, Show, ago, faint, plain, show, table};
use super::parked::object_id;
use super::place::Place;

/// Objects that are gone from the directory and kept in OX for a time (`deletionPolicy: Disable`).
#[derive(Debug, Args)]
pub struct Kept {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what is kept.
    List {
        #[command(flatten)]
        place: Place,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Delete a kept object at once. The deletion guard is asked as for any other deletion.
    Delete {
        /// Its univentionObjectIdentifier.
        object: String,
        #[command(flatten)]
        place: Place,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<KeptRow>);

impl Show for List {
    fn table(&self) -> String {
        if self.0.is_empty() {
            return "Nothing is kept.".to_owned();
        }
        let now = now_ms();
        let rows = self.0.iter().map(|row| vec![plain(&row.object), plain(row.kind), faint(ago(row.since, now))]);
        table(&["OBJECT", "TYPE", "DELETED"], rows)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Queued {
    queued: u64,
}

impl Show for Queued {
    fn table(&self) -> String {
        format!("{} queued; a running controller takes them within a second", self.queued)
    }
}

impl Kept {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        match self.action {
            Action::List { place, output } => show(&List(place.open().await?.kept().await?), output)?,
            Action::Delete { object, place, output } => {
                let filter = KeptFilter::Object(object_id(&object)?);
                let queued = place.open().await?.purge_kept(&filter, "administrator").await?;
                if queued == 0 {
                    return Err(CliError::Usage(format!(
                        "{object} is not kept, or it waits already: see `oxherd kept list`, `oxherd held list` and \
                         `oxherd parked list`"
                    )));
                }
                show(&Queued { queued }, output)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
