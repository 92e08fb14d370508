//! `oxherd explain`: everything about one object.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::engine::preview;
use crate::source::directory::{Identity, Looked, PROVISION};
use crate::state::{AuditRow, ParkedFilter, ParkedRow, Record, Store, Task, now_ms};
use crate::udm::{ObjectId, ObjectType};

use super::CliError;
use super::history::outcome;
use super::output::{Format, Show, ago, bad, faint, good, plain, show, table};
use super::place::find;
use super::plan::{Planned, short, with_symbols};
use super::workplace::{Open, Workplace};

/// Explain one object: what is known of it, what it depends on, what would be done now, and what was done before.
#[derive(Debug, Args)]
pub struct Explain {
    /// Identifier, distinguished name, name or mail address.
    object: String,
    #[command(flatten)]
    workplace: Workplace,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation {
    object: String,
    kind: String,
    dn: String,
    /// Who asked last: the source with its position, or what made it necessary.
    source: Option<String>,
    /// What the mapping makes of a user now.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<Value>,
    /// How the directory has it now, in a word; none if the directory cannot be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<String>,
    /// Names of the properties that are kept.
    properties: Vec<String>,
    /// What OX holds of it, by our record.
    state: Value,
    depends_on: Vec<Dependency>,
    needed_by: usize,
    parked: Option<ParkedRow>,
    /// What would be done if it was planned now.
    plan: Option<Planned>,
    history: Vec<AuditRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    name: String,
    known: bool,
}

impl Show for Explanation {
    fn table(&self) -> String {
        let now = now_ms();
        let missing: Vec<_> = self.depends_on.iter().filter(|d| !d.known).map(|d| d.name.as_str()).collect();
        let depends = match (self.depends_on.len(), missing.as_slice()) {
            (0, _) => "nothing".to_owned(),
            (count, []) => format!("{count} objects, all known"),
            (count, missing) => format!("{count} objects, not known: {}", missing.join(", ")),
        };
        let state = serde_json::to_string_pretty(&self.state).unwrap_or_default();
        let mut rows = vec![
            vec![faint("Object"), plain(&self.object)],
            vec![faint("Type"), plain(&self.kind)],
            vec![faint("Distinguished name"), plain(&self.dn)],
            vec![faint("Source"), plain(self.source.as_deref().unwrap_or("unknown"))],
            vec![faint("Properties kept"), plain(self.properties.join(", "))],
            vec![faint("In OX, by our record"), plain(state)],
            vec![faint("Depends on"), plain(depends)],
            vec![faint("Needed by"), plain(format!("{} objects", self.needed_by))],
        ];
        if let Some(directory) = &self.directory {
            rows.insert(4, vec![faint("In the directory now"), plain(directory)]);
        }
        if let Some(mapping) = &self.mapping {
            let lines: Vec<_> = match mapping {
                Value::Object(fields) => {
                    fields.iter().map(|(name, value)| format!("{name}: {}", short(value))).collect()
                }
                other => vec![short(other)],
            };
            let at = rows.len() - 3;
            rows.insert(at, vec![faint("Mapped to"), plain(lines.join("\n"))]);
        }
        rows.push(match &self.parked {
            None => vec![faint("Parked"), good("no")],
            Some(row) => {
                vec![faint("Parked"), bad(format!("{}: {} ({})", row.category, row.cause, ago(row.first_at, now)))]
            }
        });
        if let Some(plan) = &self.plan {
            let cell = match (&plan.lines()[..], serde_json::to_value(plan)) {
                ([], Ok(value)) => match value.get("refused").or(value.get("skipped")).and_then(Value::as_str) {
                    Some(reason) => plain(reason),
                    None => good("nothing: OX is as it should be"),
                },
                (lines, _) => plain(lines.join("\n")),
            };
            rows.push(vec![faint("Would be done now"), cell]);
        }
        for row in &self.history {
            let calls = if row.calls.is_empty() { String::new() } else { format!(": {}", row.calls.join(", ")) };
            let notes = if row.notes.is_empty() { String::new() } else { format!(" ({})", row.notes.join("; ")) };
            rows.push(vec![faint(ago(row.at, now)), plain(format!("{}{calls}{notes}", row.outcome))]);
        }
        table(&["", ""], rows)
    }
}

impl Explain {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        const HISTORY: u32 = 5;
        let open = self.workplace.open().await?;
        let store = &open.store;
        let (object, kind, dn) = match find(store, &self.object).await {
            Ok(found) => found,
            Err(error) => parked_only(store, &self.object).await?.ok_or(error)?,
        };
        let record = store.record(&object).await?;
        let parked = store.parked(&ParkedFilter::Object(object.clone())).await?.pop();
        let task = match (parked.as_ref().and_then(|row| row.task.clone()), &record) {
            (Some(task), _) => Some(task),
            (None, Some(_)) => Some(Task::Replan { object: object.clone(), kind }),
            (None, None) => None,
        };
        let (task, directory) = fresh(&self.workplace, &open, record.as_ref(), task, &object, kind, &dn).await?;
        let task_event = match &task {
            Some(Task::Event(event)) => event.desired().cloned(),
            _ => None,
        };
        let plan = match task {
            Some(task) => preview(&open.target, &**store, vec![task]).await?.into_iter().next().map(Planned::from),
            None => None,
        };
        let footprint = record.as_ref().map(|record| record.footprint.clone()).unwrap_or_default();
        let found = store.resolve(&footprint.refs).await?;
        let depends_on = footprint
            .refs
            .iter()
            .map(|handle| Dependency {
                name: handle.to_string(),
                known: found.iter().any(|found| found.handle == *handle),
            })
            .collect();
        let mut needed_by = 0;
        for handle in &footprint.handles {
            needed_by += store.referrers(handle).await?.len();
        }
        let mut properties: Vec<_> = record
            .iter()
            .flat_map(|record| record.desired.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())
            .collect();
        properties.sort_unstable();
        let mut history = store.audit(Some(&object), HISTORY).await?;
        for row in &mut history {
            row.outcome = outcome(row, &self.workplace.place);
        }
        let desired = match &task_event {
            Some(desired) => Some(desired),
            None => record.as_ref().map(|record| &record.desired),
        };
        let mapping = desired.filter(|_| kind == ObjectType::User).map(|desired| match open.target.mapped(desired) {
            Ok(fields) => serde_json::to_value(fields).unwrap_or_default(),
            Err(rejection) => Value::String(rejection.message),
        });
        let explanation = Explanation {
            object: object.to_string(),
            kind: kind.to_string(),
            dn,
            properties,
            state: record.map(|record| with_symbols(record.state)).unwrap_or_default(),
            depends_on,
            needed_by,
            parked,
            plan,
            directory,
            source: history.first().map(|row| row.origin.clone()),
            mapping,
            history,
        };
        show(&explanation, self.output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// An object that never succeeded is only known as parked, by its identifier.
async fn parked_only(
    store: &crate::state::sqlite::SqliteStore,
    text: &str,
) -> Result<Option<(crate::udm::ObjectId, crate::udm::ObjectType, String)>, CliError> {
    let Some(object) = crate::udm::ObjectId::new(text) else { return Ok(None) };
    let row = store.parked(&ParkedFilter::Object(object.clone())).await?.pop();
    Ok(row.map(|row| {
        let dn = match &row.task {
            Some(Task::Event(event)) => event.dn.to_string(),
            _ => String::new(),
        };
        (object, row.kind, dn)
    }))
}

/// The task that would be made of the object as the directory has it now, and how that differs from what is known. What is
/// known counts if the directory cannot be asked.
async fn fresh(
    workplace: &Workplace,
    open: &Open,
    record: Option<&Record>,
    known: Option<Task>,
    object: &ObjectId,
    kind: ObjectType,
    dn: &str,
) -> Result<(Option<Task>, Option<String>), CliError> {
    let (Some(client), Ok(dn)) = (workplace.directory()?, dn.parse()) else { return Ok((known, None)) };
    if object.as_str().starts_with("cr:") {
        return Ok((known, None));
    }
    let needs = open.needs();
    let survey = open.survey(&client, &needs, PROVISION);
    let looked = match survey.look(&Identity { object: object.clone(), kind, dn }).await {
        Ok(looked) => looked,
        Err(error) => return Ok((known, Some(format!("not known: {error}")))),
    };
    Ok(match looked {
        Looked::Present(event) => {
            let same = record.is_some_and(|record| Some(&record.desired) == event.desired() && record.dn == event.dn);
            let text = if same { "as known" } else { "differs from what was last applied: planned like this below" };
            (Some(Task::Event(event)), Some(text.to_owned()))
        }
        Looked::Gone(event) => {
            let task = record.map(|_| Task::Event(event));
            (task, Some("gone: its deletion is planned below".to_owned()))
        }
        Looked::Unusable(reason) => (known, Some(reason)),
    })
}
