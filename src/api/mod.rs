//! The custom resources of oxherd: group `oxherd.dev`, version `v1alpha1`, namespaced, category `oxherd`.
//!
//! The same types are read from an API server and, in standalone mode, from files ([`Manifests`]). The definitions in `crds/`
//! are generated from them.

#![allow(clippy::duplicated_attributes, reason = "it takes the columns of a table for repetitions")]

mod access_profile;
mod attribute_mapping;
mod common;
mod connector;
mod connector_spec;
mod context;
mod manifests;
mod operation;
mod reference;
mod rules;
mod udm_spec;
mod validate;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::CustomResourceExt;

pub use access_profile::{AccessProfileStatus, AccessRights, OxAccessProfile, OxAccessProfileSpec};
pub use attribute_mapping::{AttributeMappingStatus, MappingEntry, OxAttributeMapping, OxAttributeMappingSpec};
pub use common::{ConfigMapKeyRef, CredentialsRef, Duration, ObjectRef, SecretKeyRef};
pub use connector::{ConnectorStatus, OldestParked, OxConnector, OxConnectorSpec, Phase, ProvisionedCounts};
pub use connector_spec::{
    AdoptPolicy, ChangeGuard, Defaults, DeletionGuard, DeletionPolicy, ErrorPolicy, Feature, Features, Identifiers,
    Limits, LoginTemplates, Mode, NubusSource, OxServer, Policies, Source, SpoolSource, StateBackend, StateStore,
    Timeouts, Tls, TlsVerification, Verification, VerificationMode,
};
pub use context::{ContextDeletionPolicy, ContextStatus, ManagementPolicy, OxContext, OxContextSpec};
pub use manifests::{ManifestError, ManifestErrors, Manifests, MissingKey, SecretData};
pub use operation::{Action, OperationPhase, OperationStatus, OxOperation, OxOperationSpec, Progress, Selector};
pub use reference::reference_page;
pub use udm_spec::{CatchUp, UdmApi};

/// The API group.
pub const GROUP: &str = "oxherd.dev";
/// Group and version as they stand in manifests.
pub const API_VERSION: &str = "oxherd.dev/v1alpha1";

/// The definitions of all custom resources.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![OxConnector::crd(), OxContext::crd(), OxAttributeMapping::crd(), OxAccessProfile::crd(), OxOperation::crd()]
}

/// A definition as YAML, as it stands in `crds/`.
pub fn crd_yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::SerializeError> {
    serde_saphyr::to_string(crd)
}

#[cfg(test)]
mod tests;
