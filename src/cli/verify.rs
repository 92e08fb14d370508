//! `oxherd verify` and `oxherd rebuild-ids`: what OX really holds, compared with what it should hold.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::engine::{Category, Drift, Repair, Scope, SectionReport, Verification, VerifyError, verify};
use crate::ox::handles;
use crate::ox::model::ContextId;
use crate::udm::ObjectType;

use super::CliError;
use super::error::EXIT_DRIFT;
use super::output::{Format, Show, bad, faint, good, plain, show, table};
use super::workplace::Workplace;

/// Compare OX with what it should hold. Reads only, unless told to fix.
#[derive(Debug, Args)]
pub struct Verify {
    /// Correct what differs: a running controller makes the calls within a second, otherwise the next run does. Deletions go
    /// through the deletion guard; what was never ours is not touched.
    #[arg(long)]
    fix: bool,
    /// Only the OX context with this number.
    #[arg(long, value_name = "NUMBER")]
    context: Option<u32>,
    /// Only objects of this type, for instance `users/user`.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<ObjectType>,
    #[command(flatten)]
    workplace: Workplace,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// After OX was restored from an older backup: find each object by name and mail address, take over the number that it has
/// now, make again what is missing and bring older values up to date. Shows what it would do, unless told to apply.
#[derive(Debug, Args)]
pub struct RebuildIds {
    /// Do it.
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    workplace: Workplace,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Found(Verification);

impl Show for Found {
    fn table(&self) -> String {
        let Self(found) = self;
        let number = |count: u64| if count == 0 { faint(count) } else { plain(count) };
        let drift = |count: u64| if count == 0 { faint(count) } else { bad(count) };
        let sections = found.sections.iter().map(|one| {
            let verdict = match (&one.problem, one.drifted()) {
                (Some(problem), _) => bad(problem),
                (None, 0) => good("right"),
                (None, _) if one.held_back > 0 => bad("held back: an old backup?"),
                (None, _) if one.queued > 0 => good("being corrected"),
                (None, _) => bad("differs"),
            };
            vec![
                plain(&one.section),
                number(one.recorded),
                number(one.in_target),
                drift(one.missing),
                drift(one.different),
                drift(one.wrong_id),
                drift(one.surplus),
                number(one.foreign),
                number(one.unsettled),
                number(one.queued),
                verdict,
            ]
        });
        let headings = [
            "SECTION",
            "OURS",
            "IN OX",
            "MISSING",
            "DIFFERENT",
            "WRONG ID",
            "SURPLUS",
            "FOREIGN",
            "UNSETTLED",
            "QUEUED",
            "",
        ];
        let mut text = table(&headings, sections);
        if !found.drift.is_empty() {
            let rows = found.drift.iter().map(row);
            text += "\n\n";
            text += &table(&["DIFFERENCE", "SECTION", "KEY", "OBJECT", "ATTRIBUTES", "CORRECTED BY"], rows);
        }
        if found.more > 0 {
            text += &format!("\n… and {} more", found.more);
        }
        if found.total(|section| section.held_back) > 0 {
            text += "\nSo much is missing that OX looks as if an old backup had been restored. If so, run `oxherd rebuild-ids`; \
                     if not, look first whether this is the right OX.";
        }
        text
    }
}

fn row(drift: &Drift) -> Vec<comfy_table::Cell> {
    let category = drift.category.as_ref();
    let category = if drift.category == Category::Foreign { faint(category) } else { bad(category) };
    let key = match &drift.found_as {
        Some(found) => format!("{} → {found}", drift.key),
        None => drift.key.clone(),
    };
    let object = drift.object.as_ref().map(ToString::to_string).unwrap_or_default();
    let attributes = match drift.category {
        Category::Missing => "all".to_owned(),
        _ => drift.attributes.join(", "),
    };
    vec![category, plain(&drift.section), plain(key), plain(object), plain(attributes), plain(drift.calls.join(", "))]
}

async fn look(workplace: &Workplace, scope: &Scope, repair: Repair, origin: &str) -> Result<Verification, CliError> {
    let open = workplace.open().await?;
    if let Some(reason) = open.unasked {
        return Err(CliError::Unreachable(reason));
    }
    verify(&*open.target, &*open.store, scope, repair, origin).await.map_err(|error| match error {
        VerifyError::State(error) => error.into(),
        VerifyError::Target(reason) => CliError::Unreachable(reason),
    })
}

/// Done, unless something differs and is not being corrected.
fn exit(found: &Verification) -> ExitCode {
    let open = |section: &SectionReport| section.problem.is_some() || section.drifted() > section.queued;
    if found.sections.iter().any(open) { ExitCode::from(EXIT_DRIFT) } else { ExitCode::SUCCESS }
}

impl Verify {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let within = self.context.map(|context| handles::context(ContextId(context)));
        let scope = Scope { within, kind: self.kind };
        let repair = if self.fix { Repair::Usual } else { Repair::No };
        let found = look(&self.workplace, &scope, repair, "verify --fix").await?;
        let exit = exit(&found);
        show(&Found(found), self.output)?;
        Ok(exit)
    }
}

impl RebuildIds {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let repair = if self.apply { Repair::AfterRestore } else { Repair::No };
        let found = look(&self.workplace, &Scope::default(), repair, "rebuild-ids").await?;
        let exit = exit(&found);
        show(&Found(found), self.output)?;
        Ok(exit)
    }
}
