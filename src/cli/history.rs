//! `oxherd history`: what was decided and done.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::state::{AuditRow, Store, now_ms};

use super::CliError;
use super::output::{Format, Show, ago, bad, faint, good, plain, show, table};
use super::place::{Place, find};

/// What was done for an object, or lately at all.
#[derive(Debug, Args)]
pub struct History {
    /// Identifier, distinguished name, name or mail address of an object. Without it: the latest of all objects.
    object: Option<String>,
    /// How many lines.
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: u32,
    #[command(flatten)]
    place: Place,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Trail(Vec<AuditRow>);

impl Show for Trail {
    fn table(&self) -> String {
        if self.0.is_empty() {
            return "Nothing has been done yet.".to_owned();
        }
        let now = now_ms();
        let rows = self.0.iter().map(|row| {
            let outcome = match row.outcome.as_str() {
                "Parked" => bad(&row.outcome),
                "Applied" | "Removed" => good(&row.outcome),
                _ => plain(&row.outcome),
            };
            vec![
                faint(ago(row.at, now)),
                plain(&row.object),
                plain(row.kind),
                outcome,
                plain(row.calls.join(", ")),
                plain(row.attributes.join(", ")),
                plain(row.notes.join("; ")),
                faint(&row.origin),
            ]
        });
        table(&["WHEN", "OBJECT", "TYPE", "OUTCOME", "CALLS", "CHANGED", "NOTES", "ORIGIN"], rows)
    }
}

impl History {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let store = self.place.open().await?;
        let object = match &self.object {
            Some(text) => Some(find(&store, text).await?.0),
            None => None,
        };
        show(&Trail(store.audit(object.as_ref(), self.lines).await?), self.output)?;
        Ok(ExitCode::SUCCESS)
    }
}
