//! `oxherd provision`: one object, as the directory has it now.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::source::directory::{Identity, Looked, PROVISION, Survey};
use crate::state::sqlite::SqliteStore;
use crate::state::{AuditRow, Seq, Store};
use crate::udm::{ObjectId, ObjectType};

use super::CliError;
use super::error::EXIT_PARKED;
use super::output::{Format, Show, bad, faint, good, plain, show, table};
use super::place::{ambiguous, candidates};
use super::workplace::{Needs, Workplace};

/// Take one object from the directory as it is now and provision it, whatever is known of it. Waits for a running controller
/// and says what it did.
#[derive(Debug, Args)]
pub struct Provision {
    /// Identifier, distinguished name, name or mail address.
    object: String,
    /// Of which type, for instance `users/user`, if a name is not enough.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<ObjectType>,
    /// How many seconds to wait for the result.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    #[command(flatten)]
    workplace: Workplace,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What was done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    object: ObjectId,
    kind: ObjectType,
    /// Whether the directory has it.
    present: bool,
    /// What the controller made of it; none if it has not looked yet.
    result: Option<AuditRow>,
}

impl Show for Done {
    fn table(&self) -> String {
        let found = if self.present { "the directory has it" } else { "the directory does not have it: it is deleted" };
        let mut rows = vec![
            vec![faint("Object"), plain(&self.object)],
            vec![faint("Type"), plain(self.kind)],
            vec![faint("Directory"), plain(found)],
        ];
        match &self.result {
            None => {
                let text = "waiting in the journal: no controller worked on it yet";
                rows.push(vec![faint("Result"), bad(text)]);
            }
            Some(row) => {
                let failed = ["Parked", "Held"].contains(&row.outcome.as_str());
                rows.push(vec![faint("Result"), if failed { bad(&row.outcome) } else { good(&row.outcome) }]);
                rows.push(vec![faint("Calls"), plain(row.calls.join(", "))]);
                rows.push(vec![faint("Changed"), plain(row.attributes.join(", "))]);
                rows.push(vec![faint("Notes"), plain(row.notes.join("\n"))]);
            }
        }
        table(&["", ""], rows)
    }
}

impl Provision {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let (open, client) = self.workplace.with_directory().await?;
        let needs = open.needs();
        let survey = open.survey(&client, &needs, PROVISION);
        let whom = identify(&open.store, &survey, &self.object, self.kind).await?;
        let looked = survey.look(&whom).await?;
        let present = matches!(looked, Looked::Present(_));
        let event = looked.event().map_err(CliError::Usage)?;
        let seq = survey.journal(event).await?;
        let result = wait(&open.store, &whom.object, seq, Duration::from_secs(self.wait)).await?;
        let exit = match &result {
            Some(row) if !["Parked", "Held"].contains(&row.outcome.as_str()) => ExitCode::SUCCESS,
            _ => ExitCode::from(EXIT_PARKED),
        };
        show(&Done { object: whom.object, kind: whom.kind, present, result }, self.output)?;
        Ok(exit)
    }
}

/// Waits for the end of a task: that of its own, or of a newer one that took its place.
async fn wait(store: &SqliteStore, object: &ObjectId, seq: Seq, most: Duration) -> Result<Option<AuditRow>, CliError> {
    const LOOK: Duration = Duration::from_millis(100);
    let begun = Instant::now();
    while !store.work(&[seq]).await?.is_empty() {
        if begun.elapsed() >= most {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(store.audit(Some(object), 1).await?.pop())
}

/// The one object that a person means: a known one, or one that the directory has.
pub async fn identify(
    store: &SqliteStore,
    survey: &Survey<'_, Needs, SqliteStore>,
    text: &str,
    kind: Option<ObjectType>,
) -> Result<Identity, CliError> {
    let mut known = candidates(store, text).await?;
    known.retain(|(_, found, _)| kind.is_none_or(|kind| kind == *found));
    let found = if known.is_empty() {
        let found = survey.find(ObjectType::all().filter(|of| kind.is_none_or(|kind| kind == *of)), text).await?;
        let found = found.into_iter().filter_map(|looked| looked.event().ok());
        found.map(|event| (event.object, event.kind, event.dn.to_string())).collect()
    } else {
        known
    };
    match found.as_slice() {
        [(object, kind, dn)] => {
            let dn = dn.parse().map_err(|error| CliError::internal(&error))?;
            Ok(Identity { object: object.clone(), kind: *kind, dn })
        }
        [] => Err(CliError::Usage(format!(
            "neither is an object known by '{text}' nor does the directory have one: give its univentionObjectIdentifier, its \
             distinguished name, its name or its mail address"
        ))),
        several => Err(ambiguous(text, several)),
    }
}
