//! Where the state of a connector is.

use std::path::{Path, PathBuf};

use clap::Args;

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
}

/// The state file of a connector.
pub fn state_file(folder: &Path, connector: &str) -> PathBuf {
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
        Ok(state_file(&self.state, name))
    }

    fn connectors(&self) -> Result<Vec<String>, CliError> {
        let Ok(entries) = std::fs::read_dir(&self.state) else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| CliError::failed(&error))?.path();
            if path.extension().is_some_and(|extension| extension == "db")
                && let Some(name) = path.file_stem()
            {
                names.push(name.to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Finds the one known object that a person means by an identifier, a distinguished name, a name or a mail address.
pub async fn find(store: &SqliteStore, text: &str) -> Result<(ObjectId, ObjectType, String), CliError> {
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
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(CliError::Usage(format!(
            "no object is known by '{text}': give its univentionObjectIdentifier, its distinguished name, its name or its mail address; an object that never arrived is not known"
        ))),
        several => {
            let list: Vec<_> = several.iter().map(|(id, kind, dn)| format!("  {id}  {kind}  {dn}")).collect();
            Err(CliError::Usage(format!(
                "'{text}' may mean several objects, give the identifier:\n{}",
                list.join("\n")
            )))
        }
    }
}
