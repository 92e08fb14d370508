//! `oxherd resync`: the directory, compared with what is known of it.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::source::directory::{Deletions, Found, Looked, Position, RESYNC, Scope};
use crate::udm::ObjectType;

use super::CliError;
use super::error::EXIT_PARKED;
use super::output::{Format, Show, bad, faint, good, plain, show, table};
use super::provision::identify;
use super::workplace::Workplace;

/// Compare the directory with what is known of it: what differs is provisioned, by a running controller within a second or
/// two, otherwise by the next run. What is as known is left alone. Deletions go through the deletion guard. A resync that was
/// interrupted goes on where it was.
#[derive(Debug, Args)]
pub struct Resync {
    /// Only objects of this type, for instance `users/user`.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<ObjectType>,
    /// Only objects of the OX context with this number. Finds no deletions.
    #[arg(long, value_name = "NUMBER")]
    context: Option<u32>,
    /// Only objects that this LDAP filter chooses, for instance `(uid=a*)`. Finds no deletions.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Only this object: identifier, distinguished name, name or mail address.
    #[arg(long, value_name = "OBJECT", conflicts_with_all = ["context", "filter"])]
    object: Option<String>,
    /// Do not look for what the directory does not have any more.
    #[arg(long)]
    keep: bool,
    /// Begin anew, even if the last resync was interrupted.
    #[arg(long)]
    restart: bool,
    #[command(flatten)]
    workplace: Workplace,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Summary(Position);

impl Show for Summary {
    fn table(&self) -> String {
        let number = |count: u64| if count == 0 { faint(count) } else { plain(count) };
        let trouble = |count: u64| if count == 0 { faint(count) } else { bad(count) };
        let unusable = |found: &Found| found.unusable.len() as u64 + found.more_unusable;
        let row = |(kind, found): (&ObjectType, &Found)| {
            vec![
                plain(kind),
                number(found.listed),
                number(found.same),
                if found.journalled == 0 { faint(0) } else { good(found.journalled) },
                number(found.gone),
                number(found.overtaken),
                trouble(found.without_identifier),
                trouble(unusable(found)),
            ]
        };
        let headings = ["TYPE", "LISTED", "AS KNOWN", "QUEUED", "GONE", "OVERTAKEN", "WITHOUT ID", "UNUSABLE"];
        let mut parts = vec![table(&headings, self.0.found.iter().map(row))];
        for (kind, found) in &self.0.found {
            parts.extend(found.unusable.iter().map(|(uuid, reason)| format!("{kind} {uuid}: {reason}")));
            if found.more_unusable > 0 {
                parts.push(format!("{kind}: … and {} more", found.more_unusable));
            }
        }
        let queued = self.0.journalled();
        parts.push(match queued {
            0 => "Everything is as known.".to_owned(),
            1 => "1 object queued; a running controller takes it within a second or two.".to_owned(),
            _ => format!("{queued} objects queued; a running controller takes them within a second or two."),
        });
        parts.join("\n")
    }
}

/// What came of one object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    object: String,
    kind: String,
    result: String,
}

impl Show for One {
    fn table(&self) -> String {
        format!("{} {}: {}", self.kind, self.object, self.result)
    }
}

impl Resync {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let (open, client) = self.workplace.with_directory().await?;
        let needs = open.needs();
        let survey = open.survey(&client, &needs, RESYNC);
        if let Some(text) = &self.object {
            let whom = identify(&open.store, &survey, text, self.kind).await?;
            let (looked, compared) = survey.resync(&whom).await?;
            let result = match (&looked, compared.journalled) {
                (Looked::Unusable(reason), _) => return Err(CliError::Usage(reason.clone())),
                (Looked::Gone(_), 1..) => "gone from the directory; its deletion is queued",
                (Looked::Present(_), 1..) => "differs from what is known; queued",
                (_, 0) if compared.overtaken > 0 => "a newer event came meanwhile",
                (Looked::Gone(_), 0) => "gone from the directory, and from what is known",
                (Looked::Present(_), 0) => "as known",
            };
            let (object, kind) = (whom.object.to_string(), whom.kind.to_string());
            show(&One { object, kind, result: result.to_owned() }, self.output)?;
            return Ok(ExitCode::SUCCESS);
        }
        let scope = Scope {
            kind: self.kind,
            context: self.context,
            filter: self.filter.clone(),
            deletions: if self.keep { Deletions::Ignore } else { Deletions::Detect },
            ..Scope::default()
        };
        let position = survey.position().await?.filter(|position| {
            !self.restart && !position.is_finished() && Scope { parts: scope.parts, ..position.scope.clone() } == scope
        });
        let position = position.unwrap_or_else(|| Position::start(scope));
        let bar = Bar::new(&position);
        let position = survey.pass(position, |position| bar.show(position)).await;
        bar.end();
        let position = position?;
        let unusable = position.total(|found| found.unusable.len() as u64 + found.without_identifier);
        show(&Summary(position), self.output)?;
        Ok(if unusable > 0 { ExitCode::from(EXIT_PARKED) } else { ExitCode::SUCCESS })
    }
}

/// Shows on standard error how far a pass is.
struct Bar {
    bar: ProgressBar,
    /// When the type that is being listed was begun, and how much of it was done then.
    begun: std::cell::Cell<(Option<ObjectType>, Instant, f64)>,
}

impl Bar {
    fn new(position: &Position) -> Self {
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        let bar = Self { bar, begun: std::cell::Cell::new((None, Instant::now(), 0.0)) };
        bar.show(position);
        bar
    }

    fn show(&self, position: &Position) {
        let Some(place) = &position.place else { return };
        if self.begun.get().0 != Some(place.kind) {
            self.begun.set((Some(place.kind), Instant::now(), place.slice.share_before()));
        }
        let (_, begun, share) = self.begun.get();
        let Some(progress) = position.progress(begun.elapsed(), share) else { return };
        let of = progress.about.map(|about| format!(" of about {about}")).unwrap_or_default();
        let left = progress.left.map(|left| format!(", {} left", HumanDuration(left))).unwrap_or_default();
        let queued = position.total(|found| found.journalled);
        self.bar.set_message(format!("{}: {}{of} listed{left}; {queued} queued", progress.kind, progress.listed));
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
