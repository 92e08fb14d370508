//! `oxherd parked`: list, show, try again, forget.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::source::directory::{FRESH_RETRY, Identity};
use crate::state::{ParkedFilter, ParkedRow, Store, Task, now_ms};
use crate::udm::ObjectId;

use super::CliError;
use super::output::{Format, Show, ago, bad, faint, plain, show, table};
use super::place::Place;
use super::workplace::Workplace;

/// Parked objects.
#[derive(Debug, Args)]
pub struct Parked {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all parked objects with cause and age.
    List {
        #[command(flatten)]
        place: Place,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Show one parked object: cause, attempts, what it waits for.
    Show {
        /// Its univentionObjectIdentifier.
        object: String,
        #[command(flatten)]
        place: Place,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Try parked objects again with the data that they failed with, or as the directory has them now. A newer change of an
    /// object always wins.
    Retry(Retry),
    /// Forget parked tasks. The objects stay in OX as they are until their next change.
    Drop(Selection),
}

#[derive(Debug, Args)]
struct Selection {
    /// The univentionObjectIdentifier of one object.
    #[arg(required_unless_present_any = ["all", "category"])]
    object: Option<String>,
    /// All parked objects.
    #[arg(long, conflicts_with = "object")]
    all: bool,
    /// All that failed with this category, for instance `InvalidObject`.
    #[arg(long, conflicts_with_all = ["object", "all"])]
    category: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Debug, Args)]
struct Retry {
    #[command(flatten)]
    selection: Selection,
    /// Take the objects from the directory as they are now (needs spec.udm).
    #[arg(long, requires = "standalone")]
    fresh: bool,
    /// The folder with the YAML manifests, for --fresh.
    #[arg(long, value_name = "FOLDER")]
    standalone: Option<PathBuf>,
}

/// How many objects a command concerned.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Count {
    Queued(u64),
    Dropped(u64),
}

impl Show for Count {
    fn table(&self) -> String {
        match self {
            Self::Queued(count) => format!("{count} queued; a running controller takes them within a second"),
            Self::Dropped(count) => format!("{count} dropped"),
        }
    }
}

impl Selection {
    fn filter(&self) -> Result<ParkedFilter, CliError> {
        match (&self.object, &self.category) {
            (Some(object), _) => Ok(ParkedFilter::Object(object_id(object)?)),
            (None, Some(category)) => Ok(ParkedFilter::Category(category.clone())),
            (None, None) => Ok(ParkedFilter::All),
        }
    }
}

/// An identifier that a person typed.
pub fn object_id(text: &str) -> Result<ObjectId, CliError> {
    ObjectId::new(text).ok_or_else(|| CliError::Usage("the identifier is empty".to_owned()))
}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<ParkedRow>);

impl Show for List {
    fn table(&self) -> String {
        if self.0.is_empty() {
            return "Nothing is parked.".to_owned();
        }
        let now = now_ms();
        let rows = self.0.iter().map(|row| {
            vec![
                plain(&row.object),
                plain(row.kind),
                bad(&row.category),
                plain(&row.cause),
                plain(row.attempts),
                faint(ago(row.first_at, now)),
            ]
        });
        table(&["OBJECT", "TYPE", "CATEGORY", "CAUSE", "TRIES", "SINCE"], rows)
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Single(ParkedRow);

impl Show for Single {
    fn table(&self) -> String {
        let row = &self.0;
        let now = now_ms();
        let waits: Vec<_> = row.waits_for.iter().map(ToString::to_string).collect();
        let lines = [
            ("Object", row.object.to_string()),
            ("Type", row.kind.to_string()),
            ("Category", row.category.clone()),
            ("Cause", row.cause.clone()),
            ("Waits for", if waits.is_empty() { "a change of the object".to_owned() } else { waits.join(", ") }),
            ("Tries", row.attempts.to_string()),
            ("First failure", ago(row.first_at, now)),
            ("Last failure", ago(row.last_at, now)),
        ];
        table(&["", ""], lines.map(|(name, value)| vec![faint(name), plain(value)]))
    }
}

impl Parked {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        match self.action {
            Action::List { place, output } => {
                show(&List(place.open().await?.parked(&ParkedFilter::All).await?), output)?;
            }
            Action::Show { object, place, output } => {
                let filter = ParkedFilter::Object(object_id(&object)?);
                let row = place.open().await?.parked(&filter).await?.pop();
                let row = row.ok_or_else(|| {
                    CliError::Usage(format!("{object} is not parked; `oxherd parked list` shows what is"))
                })?;
                show(&Single(row), output)?;
            }
            Action::Retry(Retry { selection, standalone: Some(manifests), fresh: true }) => {
                let workplace = Workplace::new(manifests, selection.place.clone());
                let count = retry_fresh(&workplace, &selection.filter()?).await?;
                show(&Count::Queued(count), selection.output)?;
            }
            Action::Retry(Retry { selection, .. }) => {
                let store = selection.place.open().await?;
                let count = store.retry_parked(&selection.filter()?, "administrator").await?;
                show(&Count::Queued(count), selection.output)?;
            }
            Action::Drop(selection) => {
                let store = selection.place.open().await?;
                let count = store.drop_parked(&selection.filter()?, "administrator").await?;
                show(&Count::Dropped(count), selection.output)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Journals parked objects as the directory has them now. Returns how many.
async fn retry_fresh(workplace: &Workplace, filter: &ParkedFilter) -> Result<u64, CliError> {
    let (open, client) = workplace.with_directory().await?;
    let needs = open.needs();
    let survey = open.survey(&client, &needs, FRESH_RETRY);
    let mut count = 0;
    for row in open.store.parked(filter).await? {
        let dn = match &row.task {
            Some(Task::Event(event)) => Some(event.dn.clone()),
            _ => open.store.record(&row.object).await?.map(|record| record.dn),
        };
        let Some(dn) = dn else { continue };
        let looked = survey.look(&Identity { object: row.object.clone(), kind: row.kind, dn }).await?;
        match looked.event() {
            Ok(event) => {
                survey.journal(event).await?;
                count += 1;
            }
            Err(reason) => return Err(CliError::Failed(format!("{} {}: {reason}", row.kind, row.object))),
        }
    }
    Ok(count)
}
