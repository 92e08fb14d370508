//! `oxherd mapping`: print, check and try attribute mappings.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::api::OxAttributeMapping;
use crate::ox::mapping::{Mapping, MappingSpec, Servers};
use crate::ox::model::MailServer;
use crate::source::parse_listener_file;

use super::CliError;
use super::impact::ShowImpact;
use super::output::{Format, Show, plain, say, show, table};

/// Attribute mappings.
#[derive(Debug, Args)]
pub struct MappingCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print a mapping as the specification of an `OxAttributeMapping`: what differs from the built-in one.
    Dump {
        /// An `OxAttributeMapping` manifest, or an `AttributeMapping.json` of the existing connector.
        file: Option<PathBuf>,
        /// All entries, also those of the built-in mapping.
        #[arg(long)]
        full: bool,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t = Format::Yaml)]
        output: Format,
    },
    /// Check a mapping: unknown names, missing attributes, transformations that do not suit.
    Validate {
        /// An `OxAttributeMapping` manifest, or an `AttributeMapping.json` of the existing connector.
        file: PathBuf,
    },
    /// Show what changed manifests would do, before they are in force.
    Impact(ShowImpact),
    /// Show which OX attributes a user would get.
    Test {
        /// A listener file of a user.
        user: PathBuf,
        /// The mapping; without it the built-in one.
        #[arg(long, value_name = "FILE")]
        mapping: Option<PathBuf>,
        /// Form of the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
}

#[derive(Serialize)]
#[serde(transparent)]
struct Dump(MappingSpec);

impl Show for Dump {
    fn table(&self) -> String {
        let rows = self.0.entries.iter().map(|entry| {
            let others = if entry.alternatives.is_empty() { String::new() } else { entry.alternatives.join(", ") };
            let when = if entry.create_only { "create only" } else { "" };
            let index = entry.index.map(|index| index.to_string()).unwrap_or_default();
            let property = entry.property.as_deref().unwrap_or("(left alone)");
            vec![plain(&entry.attribute), plain(property), plain(others), plain(index), plain(when)]
        });
        format!("base: {:?}\n{}", self.0.base, table(&["OX ATTRIBUTE", "UDM PROPERTY", "OR", "INDEX", ""], rows))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mapped {
    attributes: Vec<(String, Value)>,
    warnings: Vec<String>,
}

impl Show for Mapped {
    fn table(&self) -> String {
        let value = |value: &Value| match value {
            Value::Object(one) => one.values().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        let rows = self.attributes.iter().map(|(name, one)| vec![plain(name), plain(value(one))]);
        let mut text = table(&["OX ATTRIBUTE", "VALUE"], rows);
        for warning in &self.warnings {
            text.push_str("\nwarning: ");
            text.push_str(warning);
        }
        text
    }
}

impl MappingCommand {
    /// Runs the command.
    pub async fn run(self) -> Result<ExitCode, CliError> {
        match self.action {
            Action::Impact(command) => return command.run().await,
            Action::Dump { file, full, output } => {
                let mapping = file.map_or_else(|| Ok(Mapping::default()), |file| read(&file))?;
                show(&Dump(if full { mapping.to_full_spec() } else { mapping.to_spec() }), output)?;
            }
            Action::Validate { file } => {
                let mapping = read(&file)?;
                for warning in mapping.warnings() {
                    say(&format!("warning: {warning}"));
                }
                say(&format!("{} is valid", file.display()));
            }
            Action::Test { user, mapping, output } => {
                let mapping = mapping.map_or_else(|| Ok(Mapping::default()), |file| read(&file))?;
                let event = parse_listener_file(&text(&user)?.into_bytes())
                    .map_err(|error| CliError::Usage(format!("{}: {error}", user.display())))?;
                let Some(properties) = event.desired() else {
                    return Err(CliError::Usage(format!("{} is a deletion", user.display())));
                };
                let server =
                    |scheme: &str, port| MailServer { scheme: scheme.into(), host: "mail.example".into(), port };
                let servers = Servers { imap: &server("imap", 143), smtp: &server("smtp", 587) };
                let mapped = mapping
                    .apply(properties, servers)
                    .map_err(|error| CliError::Usage(format!("{}: {error}", user.display())))?;
                let fields = mapped.fields.iter().chain(&mapped.on_create);
                let attributes = fields
                    .map(|(attribute, value)| (attribute.to_string(), serde_json::to_value(value).unwrap_or_default()));
                show(&Mapped { attributes: attributes.collect(), warnings: mapping.warnings() }, output)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn text(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file)
        .map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", file.display())))
}

/// Reads a mapping in one of its three forms: manifest, bare specification, or JSON of the existing connector.
fn read(file: &Path) -> Result<Mapping, CliError> {
    let wrong = |error: &dyn std::fmt::Display| CliError::Usage(format!("{}: {error}", file.display()));
    let text = text(file)?;
    if file.extension().is_some_and(|extension| extension == "json") {
        return Mapping::from_connector_json(&text).map_err(|errors| wrong(&errors));
    }
    if text.contains("kind: OxAttributeMapping") {
        let manifest: OxAttributeMapping = serde_saphyr::from_str(&text).map_err(|error| wrong(&error))?;
        return manifest.spec.mapping(None).map_err(|errors| wrong(&errors));
    }
    let spec: MappingSpec = serde_saphyr::from_str(&text).map_err(|error| wrong(&error))?;
    Mapping::from_spec(&spec).map_err(|errors| wrong(&errors))
}
