//! A connector as a dry run sees it: its manifests, its state, and OX to ask.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::api::Manifests;
use crate::controller::{
    ConnectorConfig, ImpactError, NeedsOf, StateVault, directory_client, impact, resolve, target_for_dry_run,
};
use crate::engine::Impact;
use crate::ox::target::OxTarget;
use crate::source::directory::Survey;
use crate::state::sqlite::SqliteStore;
use crate::udm::rest::UdmClient;

use super::CliError;
use super::place::Place;

/// What OX needs of objects.
pub type Needs = NeedsOf<OxTarget<Arc<StateVault>>>;

/// Where to find a connector and its state.
#[derive(Clone, Debug, Args)]
pub struct Workplace {
    /// The folder with the YAML manifests.
    #[arg(long, value_name = "FOLDER")]
    standalone: PathBuf,
    /// The state.
    #[command(flatten)]
    pub place: Place,
}

/// Everything that a dry run needs.
pub struct Open {
    /// What the connector knows.
    pub store: Arc<SqliteStore>,
    /// OX.
    pub target: Arc<OxTarget<Arc<StateVault>>>,
    /// Why the features of the server are not known, if so.
    pub unasked: Option<String>,
}

impl Open {
    /// The directory and what is known of it.
    pub fn survey<'a>(
        &'a self,
        client: &'a UdmClient,
        needs: &'a Needs,
        origin: &'static str,
    ) -> Survey<'a, Needs, SqliteStore> {
        Survey { client, store: &*self.store, needs, origin }
    }

    /// What OX needs of objects.
    pub fn needs(&self) -> Needs {
        NeedsOf(Arc::clone(&self.target))
    }
}

impl Workplace {
    /// The connector that manifests in this folder describe.
    pub fn new(standalone: PathBuf, place: Place) -> Self {
        Self { standalone, place }
    }

    /// The configuration of the connector that is meant.
    pub fn config(&self) -> Result<ConnectorConfig, CliError> {
        let manifests = Manifests::read(&self.standalone).map_err(|errors| CliError::usage(&errors))?;
        let names: Vec<_> = manifests.connectors.keys().cloned().collect();
        let name = match (&self.place.connector, names.as_slice()) {
            (Some(name), _) => name,
            (None, [only]) => only,
            (None, []) => {
                return Err(CliError::Usage(format!("{} holds no OxConnector", self.standalone.display())));
            }
            (None, several) => {
                let message = format!("say which connector you mean with --connector: {}", several.join(", "));
                return Err(CliError::Usage(message));
            }
        };
        let connector = manifests.connectors.get(name).ok_or_else(|| {
            CliError::Usage(format!("there is no OxConnector '{name}'; there is: {}", names.join(", ")))
        })?;
        resolve(&manifests, name, connector).map_err(|error| CliError::usage(&error))
    }

    /// Opens the state of the connector, which is empty if it never ran, and asks OX for its features.
    pub async fn open(&self) -> Result<Open, CliError> {
        let config = self.config()?;
        let store = Arc::new(SqliteStore::open(&self.place.of(&config.name)?).await?);
        let (target, unasked) = target_for_dry_run(&config, &store).await.map_err(|error| CliError::failed(&error))?;
        Ok(Open { store, target, unasked })
    }

    /// Opens the connector together with the directory that it is configured for.
    pub async fn with_directory(&self) -> Result<(Open, UdmClient), CliError> {
        let Some(directory) = self.directory()? else {
            let message = "the directory cannot be asked: give the UDM REST API in spec.udm of the OxConnector";
            return Err(CliError::Usage(message.to_owned()));
        };
        Ok((self.open().await?, directory))
    }

    /// The directory, if the connector is configured for it.
    pub fn directory(&self) -> Result<Option<UdmClient>, CliError> {
        let config = self.config()?;
        config.directory.as_ref().map(directory_client).transpose().map_err(|error| CliError::usage(&error))
    }

    /// What the manifests would change if they came into force.
    pub async fn impact(&self) -> Result<Impact, CliError> {
        let config = self.config()?;
        let file = self.place.of(&config.name)?;
        let store = Arc::new(SqliteStore::open(&file).await?);
        let shadow = file.with_extension(format!("{}.impact.db", std::process::id()));
        impact(&config, &store, &shadow).await.map_err(|error| match error {
            ImpactError::Settings(error) => CliError::usage(&error),
            ImpactError::State(error) => error.into(),
            ImpactError::Unreachable(_) => CliError::Unreachable(error.to_string()),
        })
    }
}
