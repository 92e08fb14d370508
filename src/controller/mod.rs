//! Brings specifications to life: resolves what they refer to, runs connectors, reports what they do.

mod change;
mod cluster;
mod connector;
mod described;
mod directory;
mod dry_run;
mod impact;
mod intake;
mod journal;
mod resolve;
mod standalone;
mod vault;
mod verification;

pub use change::Pending;
pub use cluster::{ClusterError, ClusterOptions, LeaseOptions, Scope, client, run_in_cluster};
pub use connector::{Connector, ConnectorReport, DryRunReport, SourceReport, StartError, View, target_for_dry_run};
pub use directory::{DirectoryConfig, DirectoryReport, FirstLoad, NeedsOf, Schedule, directory_client};
pub use dry_run::shadow_file;
pub use impact::{ImpactError, impact};
pub use intake::Intake;
pub use journal::JournalSink;
pub use resolve::{Blueprint, ConnectorConfig, FeatureChoice, ResolveError, resolve};
pub use standalone::{Standalone, StandaloneError, StandaloneOptions, Until};
pub use vault::{Kept, Outlet, StateVault};
pub use verification::{VerificationConfig, VerificationReport};
