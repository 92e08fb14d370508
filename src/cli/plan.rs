//! `oxherd plan`: what would be done, without doing it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::engine::{Preview, Previewed, Target, preview};
use crate::ox::rehearsal::symbol_of;
use crate::source::{ListenerFileError, parse_listener_file};
use crate::state::Task;

use super::CliError;
use super::output::{Format, Show, bad, faint, good, plain, show, table};
use super::workplace::Workplace;

/// Show which calls listener files would lead to, on what the connector knows now. OX is read, never changed.
#[derive(Debug, Args)]
pub struct Plan {
    /// Listener files, or folders of them; taken in file-name order.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    workplace: Workplace,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What would happen to one object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    object: String,
    kind: String,
    /// Whether it is planned because something that it depends on changes.
    follows: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    questions: Vec<Value>,
    calls: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl Planned {
    /// The printable form of a preview.
    pub fn from<T: Target>(preview: Preview<T>) -> Self {
        let value = |one: &dyn erased::Json| with_symbols(one.json());
        let mut planned = Self {
            object: preview.object.to_string(),
            kind: preview.kind.to_string(),
            follows: preview.follows,
            questions: preview.questions.iter().map(|query| value(query)).collect(),
            calls: Vec::new(),
            attributes: Vec::new(),
            warnings: Vec::new(),
            skipped: None,
            refused: None,
        };
        match preview.result {
            Previewed::Plan(plan) => {
                planned.calls = plan.calls.iter().map(|call| value(call)).collect();
                planned.attributes = plan.attributes;
                planned.warnings = plan.warnings;
                planned.skipped = plan.skipped;
            }
            Previewed::Refused(rejection) => {
                planned.refused = Some(format!("{}: {}", rejection.category.as_ref(), rejection.message));
            }
            Previewed::Unanswered(reason) => planned.refused = Some(format!("OX could not be asked: {reason}")),
        }
        planned
    }

    /// A file that is no event.
    fn rejected(file: &std::path::Path, error: &ListenerFileError) -> Self {
        Self {
            object: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            kind: String::new(),
            follows: false,
            questions: Vec::new(),
            calls: Vec::new(),
            attributes: Vec::new(),
            warnings: Vec::new(),
            skipped: None,
            refused: Some(format!("rejected: {error}")),
        }
    }

    /// The calls in one line each.
    pub fn lines(&self) -> Vec<String> {
        self.calls.iter().map(line).collect()
    }
}

mod erased {
    //! Calls and queries as JSON.

    use serde::Serialize;
    use serde_json::Value;

    pub trait Json {
        fn json(&self) -> Value;
    }

    impl<T: Serialize> Json for T {
        fn json(&self) -> Value {
            serde_json::to_value(self).unwrap_or_default()
        }
    }
}

/// The numbers that only OX will know, as symbols.
pub fn with_symbols(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_u64().and_then(symbol_of) {
            Some(symbol) => Value::String(symbol),
            None => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(with_symbols).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, with_symbols(value))).collect())
        }
        other => other,
    }
}

/// A call in one line: its name, then its arguments.
fn line(call: &Value) -> String {
    let Value::Object(parts) = call else { return call.to_string() };
    let name = parts.get("call").and_then(Value::as_str).unwrap_or("?");
    let arguments = parts.iter().filter(|(key, value)| *key != "call" && !value.is_null());
    let arguments: Vec<_> = arguments.map(|(key, value)| format!("{key}={}", short(value))).collect();
    format!("{name} {}", arguments.join(" "))
}

/// A value in one line.
pub fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) if parts.len() == 1 && (parts.contains_key("id") || parts.contains_key("text")) => {
            parts.values().map(short).collect()
        }
        Value::Object(parts) => {
            let parts: Vec<_> = parts.iter().map(|(key, value)| format!("{key}: {}", short(value))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Array(items) if items.len() > 12 => format!("[{} items]", items.len()),
        Value::Array(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Plans(Vec<Planned>);

impl Show for Plans {
    fn table(&self) -> String {
        let rows = self.0.iter().map(|plan| {
            let outcome = match (&plan.refused, &plan.skipped, plan.calls.len()) {
                (Some(reason), ..) => bad(reason),
                (None, Some(reason), 0) => faint(format!("skipped: {reason}")),
                (None, _, 0) => faint("nothing to do"),
                (None, ..) => good(plan.lines().join("\n")),
            };
            let object = if plan.follows { format!("{} (follows)", plan.object) } else { plan.object.clone() };
            vec![plain(object), plain(&plan.kind), outcome, plain(plan.warnings.join("; "))]
        });
        table(&["OBJECT", "TYPE", "WOULD BE DONE", "WARNINGS"], rows)
    }
}

impl Plan {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        let open = self.workplace.open().await?;
        if let Some(reason) = &open.unasked {
            tracing::warn!(reason, "OX could not be asked for its features: those set to Auto count as missing");
        }
        let (mut tasks, mut rejected) = (Vec::new(), Vec::new());
        for file in expand(&self.files)? {
            let bytes = std::fs::read(&file)
                .map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", file.display())))?;
            match parse_listener_file(&bytes) {
                Ok(event) => tasks.push(Task::Event(open.target.reduce(event))),
                Err(error) => rejected.push(Planned::rejected(&file, &error)),
            }
        }
        let previews = preview(&open.target, &*open.store, tasks).await?;
        show(&Plans(previews.into_iter().map(Planned::from).chain(rejected).collect()), self.output)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|error| CliError::failed(&error))?;
            let mut inside: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
            inside.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
            inside.sort();
            files.append(&mut inside);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}
