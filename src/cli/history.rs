//! `oxherd history`: what was decided and done.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::api::Duration;
use crate::state::sqlite::SqliteStore;
use crate::state::{AuditFilter, AuditRow, Store, now_ms};
use crate::udm::ObjectId;

use super::CliError;
use super::output::{Format, Show, ago, bad, faint, good, plain, show, table};
use super::place::{Place, find};
use super::plan::short;

/// What was done for an object, or lately at all.
#[derive(Debug, Args)]
pub struct History {
    /// Identifier, distinguished name, name or mail address of an object; of one that is gone: its identifier. Without it: all
    /// objects.
    object: Option<String>,
    /// How many rows. Default: the latest 20; with `-o jsonl` all, and with a number the oldest ones.
    #[arg(short = 'n', long)]
    lines: Option<u32>,
    /// Only what is not older than this, for instance `24h` or `30m`.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    since: Option<Duration>,
    #[command(flatten)]
    place: Place,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

fn span(text: &str) -> Result<Duration, String> {
    Duration::try_from(text.to_owned()).map_err(|error| format!("{error}; write it like 30m or 24h"))
}

/// How the history is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people, newest first.
    #[default]
    Table,
    /// One JSON document, newest first.
    Json,
    /// One YAML document, newest first.
    Yaml,
    /// For export: one JSON document per line and row, oldest first, of any number.
    Jsonl,
}

/// A row, of a dry run or not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(flatten)]
    row: AuditRow,
    /// The outcome in words.
    #[serde(skip)]
    outcome: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Trail(Vec<Line>);

/// What happened; in a dry run: what would.
pub fn outcome(row: &AuditRow, place: &Place) -> String {
    let would = match row.outcome.as_str() {
        "Applied" => "Would apply",
        "Removed" => "Would remove",
        "Parked" => "Would park",
        other => other,
    };
    if place.dry_run { would.to_owned() } else { row.outcome.clone() }
}

impl Show for Trail {
    fn table(&self) -> String {
        if self.0.is_empty() {
            return "Nothing has been done yet.".to_owned();
        }
        let now = now_ms();
        let rows = self.0.iter().map(|line| {
            let row = &line.row;
            let text = &line.outcome;
            let outcome = match row.outcome.as_str() {
                "Parked" => bad(text),
                "Applied" | "Removed" => good(text),
                _ => plain(text),
            };
            let changed: Vec<_> = row
                .attributes
                .iter()
                .map(|name| match row.values.get(name) {
                    Some(value) => format!("{name}={}", short(value)),
                    None => name.clone(),
                })
                .collect();
            vec![
                faint(ago(row.at, now)),
                plain(&row.object),
                plain(row.kind),
                outcome,
                plain(row.calls.join(", ")),
                plain(changed.join(", ")),
                plain(row.notes.join("; ")),
                faint(&row.origin),
            ]
        });
        table(&["WHEN", "OBJECT", "TYPE", "OUTCOME", "CALLS", "CHANGED", "NOTES", "ORIGIN"], rows)
    }
}

/// The object that is meant. One that is gone has no name any more, but still its identifier.
async fn with_history(store: &SqliteStore, text: &str) -> Result<ObjectId, CliError> {
    match (find(store, text).await, ObjectId::new(text)) {
        (Err(_), Some(object)) if !store.audit(Some(&object), 1).await?.is_empty() => Ok(object),
        (found, _) => Ok(found?.0),
    }
}

impl History {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        const LINES: u32 = 20;
        let store = self.place.open().await?;
        let object = match &self.object {
            Some(text) => Some(with_history(&store, text).await?),
            None => None,
        };
        let since =
            self.since.as_ref().map_or(0, |span| now_ms() - i64::try_from(span.get().as_millis()).unwrap_or(i64::MAX));
        let format = match self.output {
            Form::Jsonl => {
                self.export(&store, AuditFilter { object, since }).await?;
                return Ok(ExitCode::SUCCESS);
            }
            Form::Table => Format::Table,
            Form::Json => Format::Json,
            Form::Yaml => Format::Yaml,
        };
        let rows = store.audit(object.as_ref(), self.lines.unwrap_or(LINES)).await?;
        let rows = rows.into_iter().filter(|row| row.at >= since);
        show(&Trail(rows.map(|row| self.line(row)).collect()), format)?;
        Ok(ExitCode::SUCCESS)
    }

    fn line(&self, row: AuditRow) -> Line {
        Line { outcome: outcome(&row, &self.place), row, dry_run: self.place.dry_run }
    }

    /// Prints page by page, so that a trail of any length needs no memory.
    async fn export(&self, store: &SqliteStore, filter: AuditFilter) -> Result<(), CliError> {
        const PAGE: u32 = 500;
        let (mut after, mut left) = (0, self.lines.unwrap_or(u32::MAX));
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        while left > 0 {
            let page = store.audit_after(&filter, after, PAGE.min(left)).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            for (_, row) in page {
                let line = serde_json::to_string(&self.line(row)).map_err(|error| CliError::internal(&error))?;
                // A reader that went away (`| head`) is no error.
                if writeln!(out, "{line}").is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
