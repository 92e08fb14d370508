//! Brings specifications to life: resolves what they refer to, runs connectors, reports what they do.

mod connector;
mod journal;
mod resolve;
mod standalone;
mod vault;
mod verification;

pub use connector::{Connector, ConnectorReport, Intake, SourceReport, StartError, View, target_for_dry_run};
pub use journal::JournalSink;
pub use resolve::{ConnectorConfig, FeatureChoice, ResolveError, resolve};
pub use standalone::{Standalone, StandaloneError, StandaloneOptions, Until};
pub use vault::StateVault;
pub use verification::{VerificationConfig, VerificationReport};
