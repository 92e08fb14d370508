//! Where the state of a connector is.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::controller::shadow_file;
use crate::state::Store;
use crate::state::sqlite::SqliteStore;
use crate::udm::{ObjectId, ObjectType};

use super::CliError;

/// Which state a command looks at.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The folder with the state of the connectors, one file each.
    #[arg(long, env = "OXHERD_STATE", default_value = "oxherd-state", value_name = "FOLDER")]
    pub state: PathBuf,
    /// The connector, if the folder holds several.
    #[arg(long, env = "OXHERD_CONNECTOR", value_name = "NAME")]
    pub connector: Option<String>,
    /// What the dry run of a connector in mode `DryRun` would bring, instead of what is.
    #[arg(long)]
    pub dry_run: bool,
}

/// The state file of a connector.
fn state_file(folder: &Path, connector: &str) -> PathBuf {
    folder.join(format!("{connector}.db"))
}

impl Place {
    /// Opens the state of the one connector that is meant.
    pub async fn open(&self) -> Result<SqliteStore, CliError> {
        Ok(SqliteStore::open(&self.file()?).await?)
    }

    /// The state file that is meant; it exists.
    pub fn file(&self) -> Result<PathBuf, CliError> {
        let names = self.connectors()?;
        let name = match (&self.connector, names.as_slice()) {
            (Some(name), _) if names.contains(name) => name,
            (Some(name), _) => {
                let known = names.join(", ");
                let message =
                    format!("{} has no state of a connector '{name}' (it has: {known})", self.state.display());
                return Err(CliError::Usage(message));
            }
            (None, [only]) => only,
            (None, []) => {
                let message = format!(
                    "{} holds no state yet: give the folder that `oxherd run` uses with --state, or run it first",
                    self.state.display()
                );
                return Err(CliError::Usage(message));
            }
            (None, several) => {
                let message = format!("say which connector you mean with --connector: {}", several.join(", "));
                return Err(CliError::Usage(message));
            }
        };
        self.of(name)
    }

    /// The file of a connector: its state, which may not exist yet, or its dry run.
    pub fn of(&self, connector: &str) -> Result<PathBuf, CliError> {
        let state = state_file(&self.state, connector);
        let shadow = shadow_file(&state);
        match (self.dry_run, shadow.exists()) {
            (false, _) => Ok(state),
            (true, true) => Ok(shadow),
            (true, false) => Err(CliError::Usage(format!(
                "connector '{connector}' makes no dry run: set spec.policies.mode to DryRun and let `oxherd run` work, or use \
                 `oxherd plan` for single events"
            ))),
        }
    }

    fn connectors(&self) -> Result<Vec<String>, CliError> {
        let Ok(entries) = std::fs::read_dir(&self.state) else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| CliError::failed(&error))?.path();
            if path.extension().is_some_and(|extension| extension == "db")
                && let Some(name) = path.file_stem()
            {
                let name = name.to_string_lossy();
                // Copies of a state, for dry runs.
                if ![".dry-run", ".impact"].iter().any(|copy| name.ends_with(copy)) {
                    names.push(name.into_owned());
                }
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The known objects that a person may mean by an identifier, a distinguished name, a name or a mail address.
pub async fn candidates(store: &SqliteStore, text: &str) -> Result<Vec<(ObjectId, ObjectType, String)>, CliError> {
    const MOST: u32 = 6;
    let mut found = store.search(text, MOST).await?;
    let name = |dn: &str| {
        dn.to_lowercase()
            .split_once('=')
            .is_some_and(|(_, rest)| rest.starts_with(&format!("{},", text.to_lowercase())))
    };
    if found.len() > 1 && found.iter().filter(|(_, _, dn)| name(dn)).count() == 1 {
        found.retain(|(_, _, dn)| name(dn));
    }
    Ok(found)
}

/// Finds the one known object that a person means by an identifier, a distinguished name, a name or a mail address.
pub async fn find(store: &SqliteStore, text: &str) -> Result<(ObjectId, ObjectType, String), CliError> {
    match candidates(store, text).await?.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(CliError::Usage(format!(
            "no object is known by '{text}': give its univentionObjectIdentifier, its distinguished name, its name or its mail address; an object that never arrived is not known"
        ))),
        several => Err(ambiguous(text, several)),
    }
}

/// What a person said may mean several objects.
pub fn ambiguous(text: &str, several: &[(ObjectId, ObjectType, String)]) -> CliError {
    let list: Vec<_> = several.iter().map(|(id, kind, dn)| format!("  {id}  {kind}  {dn}")).collect();
    CliError::Usage(format!("'{text}' may mean several objects, give the identifier:\n{}", list.join("\n")))
}
