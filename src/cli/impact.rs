//! What changed settings would do, for people: `oxherd mapping impact` and `oxherd approve-change`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::engine::Impact;
use crate::state::{Store, WaitingChange, now_ms};

use super::CliError;
use super::output::{Format, Show, ago, bad, plain, show, table};
use super::place::Place;
use super::workplace::Workplace;

impl Show for Impact {
    fn table(&self) -> String {
        let total = self.total;
        let mut parts = vec![format!(
            "revision {}: {} objects examined, {} would change, {} would be parked",
            self.revision, total.examined, total.changed, total.refused
        )];
        if total.changed == 0 && total.refused == 0 {
            return parts.remove(0);
        }
        let types = self.types.iter().map(|(name, reach)| {
            let refused = if reach.refused == 0 { plain(0) } else { bad(reach.refused) };
            vec![plain(name), plain(reach.examined), plain(reach.changed), refused]
        });
        parts.push(table(&["TYPE", "EXAMINED", "CHANGE", "PARKED"], types));
        let counts = [
            ("CALL", &self.calls),
            ("ATTRIBUTE", &self.attributes),
            ("WARNING", &self.warnings),
            ("WOULD BE PARKED BECAUSE", &self.refusals),
        ];
        for (heading, counts) in counts.into_iter().filter(|(_, counts)| !counts.is_empty()) {
            let rows = counts.iter().map(|(name, times)| vec![plain(name), plain(times)]);
            parts.push(table(&[heading, "TIMES"], rows));
        }
        if !self.first.is_empty() {
            let rows = self.first.iter().map(|reached| {
                let (calls, attributes) = (reached.calls.join(", "), reached.attributes.join(", "));
                vec![plain(&reached.object), plain(reached.kind), plain(calls), plain(attributes)]
            });
            parts.push(table(&["OBJECT", "TYPE", "CALLS", "ATTRIBUTES"], rows));
        }
        let more = total.changed.saturating_sub(self.first.len() as u64);
        if more > 0 {
            parts.push(format!("and {more} more"));
        }
        parts.join("\n")
    }
}

/// Show what changed manifests would do to the objects that the connector knows: mapping, access profiles, other settings.
/// OX is read, never changed. Give a folder with the new manifests; the state is that of the connector that runs.
#[derive(Debug, Args)]
pub struct ShowImpact {
    #[command(flatten)]
    workplace: Workplace,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ShowImpact {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        show(&self.workplace.impact().await?, self.output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Approve a change of settings that waits because it would change many objects (`spec.policies.changeGuard`).
#[derive(Debug, Args)]
pub struct ApproveChange {
    /// The revision that is approved, exactly this one. Without it: show what waits.
    #[arg(long, value_name = "REVISION")]
    id: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The change that waits.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    revision: Option<String>,
    since: Option<i64>,
    approved: bool,
    impact: Option<Impact>,
}

impl Waiting {
    fn from(change: Option<WaitingChange>) -> Self {
        let impact = change.as_ref().and_then(|change| serde_json::from_value(change.impact.clone()).ok());
        Self {
            since: change.as_ref().map(|change| change.since),
            approved: change.as_ref().is_some_and(|change| change.approved_at.is_some()),
            revision: change.map(|change| change.revision),
            impact,
        }
    }
}

impl Show for Waiting {
    fn table(&self) -> String {
        let (Some(revision), Some(since)) = (&self.revision, self.since) else {
            return "No change of settings waits for an approval.".to_owned();
        };
        let state = if self.approved {
            "approved; a running controller takes it over within a second".to_owned()
        } else {
            format!("waits for approval since {}: `oxherd approve-change --id {revision}`", ago(since, now_ms()))
        };
        let impact = self.impact.as_ref().map(Show::table).unwrap_or_default();
        format!("{state}\n{impact}")
    }
}

impl ApproveChange {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let store = self.place.open().await?;
        if let Some(id) = &self.id
            && !store.approve_change(id).await?
        {
            return Err(CliError::Usage(match store.waiting_change().await? {
                Some(waiting) => format!(
                    "revision {id} does not wait for an approval, {} does: look at it with `oxherd approve-change` first",
                    waiting.revision
                ),
                None => format!("revision {id} does not wait for an approval; no change of settings does"),
            }));
        }
        show(&Waiting::from(store.waiting_change().await?), self.output)?;
        Ok(ExitCode::SUCCESS)
    }
}
