//! `oxherd held` and `oxherd approve-deletions`: what the deletion guard holds back.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::state::{HeldFilter, HeldRow, ListId, Population, Release, Store, now_ms};

use super::CliError;
use super::output::{Format, Show, ago, bad, faint, plain, show, table};
use super::parked::object_id;
use super::place::Place;

/// What the deletion guard holds back.
#[derive(Debug, Args)]
pub struct Held {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List everything that is held back, with the id of the list.
    List {
        #[command(flatten)]
        place: Place,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Show what is held back of one object: why, what would be lost, who asked for it.
    Show {
        /// Its univentionObjectIdentifier.
        object: String,
        #[command(flatten)]
        place: Place,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Forget what is held back. The objects stay in OX as they are until their next change.
    Drop {
        /// The univentionObjectIdentifier of one object.
        #[arg(required_unless_present = "all")]
        object: Option<String>,
        /// Everything that is held back.
        #[arg(long, conflicts_with = "object")]
        all: bool,
        #[command(flatten)]
        place: Place,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
}

/// Lets everything pass that the deletion guard holds back.
#[derive(Debug, Args)]
pub struct ApproveDeletions {
    /// The id that `oxherd held list` shows. If the list has changed since, nothing is released.
    #[arg(long)]
    id: String,
    #[command(flatten)]
    place: Place,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct List {
    /// None if nothing is held back.
    id: Option<ListId>,
    held: Vec<HeldRow>,
}

impl Show for List {
    fn table(&self) -> String {
        let Some(id) = &self.id else { return "Nothing is held back.".to_owned() };
        let now = now_ms();
        let rows = self.held.iter().map(|row| {
            vec![
                plain(&row.object),
                plain(row.kind),
                plain(loses(row)),
                bad(&row.reason),
                faint(&row.origin),
                faint(ago(row.since, now)),
            ]
        });
        let list = table(&["OBJECT", "TYPE", "LOSES", "REASON", "ASKED BY", "SINCE"], rows);
        format!("{list}\n{} held back. To let exactly these pass: oxherd approve-deletions --id {id}", self.held.len())
    }
}

/// What would be lost, in a few words.
fn loses(row: &HeldRow) -> String {
    let parts = row.losses.iter().map(|loss| {
        let scope = loss.scope.as_ref().map(|scope| format!(" ({})", scope.as_str().replacen(':', " ", 1)));
        let what = match (&loss.of, loss.weight) {
            (Population::Objects { .. }, 1) => "itself".to_owned(),
            (Population::Objects { .. }, weight) => format!("itself and {} in it", weight - 1),
            (Population::Members { had, .. }, weight) => format!("{weight} of {had} members"),
        };
        what + &scope.unwrap_or_default()
    });
    parts.collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
#[serde(transparent)]
struct Single(HeldRow);

impl Show for Single {
    fn table(&self) -> String {
        let row = &self.0;
        let lines = [
            ("Object", row.object.to_string()),
            ("Type", row.kind.to_string()),
            ("Loses", loses(row)),
            ("Reason", row.reason.clone()),
            ("Asked by", row.origin.clone()),
            ("Held back", ago(row.since, now_ms())),
        ];
        table(&["", ""], lines.map(|(name, value)| vec![faint(name), plain(value)]))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Done {
    Released(u64),
    Dropped(u64),
}

impl Show for Done {
    fn table(&self) -> String {
        match self {
            Self::Released(count) => format!("{count} released; a running controller takes them within a second"),
            Self::Dropped(count) => format!("{count} dropped; the objects stay in OX as they are"),
        }
    }
}

impl Held {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        match self.action {
            Action::List { place, output } => {
                let store = place.open().await?;
                let (held, id) = (store.held(&HeldFilter::All).await?, store.held_list().await?);
                show(&List { id, held }, output)?;
            }
            Action::Show { object, place, output } => {
                let row = place.open().await?.held(&HeldFilter::Object(object_id(&object)?)).await?.pop();
                let row = row.ok_or_else(|| {
                    CliError::Usage(format!("nothing of {object} is held back; `oxherd held list` shows what is"))
                })?;
                show(&Single(row), output)?;
            }
            Action::Drop { object, all: _, place, output } => {
                let filter = match object {
                    Some(object) => HeldFilter::Object(object_id(&object)?),
                    None => HeldFilter::All,
                };
                let count = place.open().await?.drop_held(&filter, "administrator").await?;
                show(&Done::Dropped(count), output)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl ApproveDeletions {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let asked = ListId::new(&self.id);
        match self.place.open().await?.approve_held(&asked).await? {
            Release::Released(count) => show(&Done::Released(count), self.output)?,
            Release::Changed(None) => {
                return Err(CliError::Usage(format!(
                    "nothing was released: there is no list {asked}, nothing is held back"
                )));
            }
            Release::Changed(Some(now)) => {
                return Err(CliError::Usage(format!(
                    "nothing was released: {asked} is not the list that is held back now, that is {now}; look at it with \
                     `oxherd held list` and approve it by its own id"
                )));
            }
            Release::Changing(count) => {
                return Err(CliError::Usage(format!(
                    "nothing was released: newer events of {count} objects on the list wait to be worked on and change it; \
                     look again in a moment"
                )));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
