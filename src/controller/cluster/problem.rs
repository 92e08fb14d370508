//! Why a connector cannot run as it is described, in words with the remedy.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;

use super::condition::Reason;
use super::references::{Reference, Referred};
use super::site::forbidden;
use crate::controller::resolve::ResolveError;
use crate::state::StateError;

/// Why the specification as it stands is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub reason: Reason,
    pub message: String,
    part: Part,
}

/// What a problem lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// In the mapping: everything else can be put in force.
    Mapping,
    /// In anything else.
    Other,
}

impl Problem {
    pub(super) fn new(reason: Reason, message: String) -> Self {
        Self { reason, message, part: Part::Other }
    }

    /// Whether everything but the mapping can be put in force.
    pub(super) fn is_in_mapping(&self) -> bool {
        self.part == Part::Mapping
    }

    /// A description that cannot be used, given what its references lead to.
    pub(super) fn of(error: &ResolveError, referred: &BTreeMap<Reference, Referred>) -> Self {
        let (reason, part) = match error {
            ResolveError::Mapping { .. } => (Reason::InvalidMapping, Part::Mapping),
            ResolveError::Invalid { object, .. } if object.starts_with("OxAttributeMapping") => {
                (Reason::InvalidMapping, Part::Mapping)
            }
            ResolveError::Invalid { field: "spec.mappingRef", .. } => (Reason::ReferenceMissing, Part::Mapping),
            ResolveError::Missing { .. } => (Reason::ReferenceMissing, Part::Other),
            ResolveError::Invalid { .. } => (Reason::InvalidSpec, Part::Other),
        };
        let ResolveError::Missing { field, missing, .. } = error else {
            return Self { reason, message: error.to_string(), part };
        };
        let reference = match missing.kind {
            "Secret" => Reference::Secret(missing.name.clone()),
            _ => Reference::ConfigMap(missing.name.clone()),
        };
        let message = match referred.get(&reference) {
            Some(Referred::Absent) => {
                format!("{field}: there is no {}: create it with key '{}'", reference.label(), missing.key)
            }
            Some(Referred::Forbidden) => format!("{field}: {}", forbidden(&reference)),
            _ => format!("{field}: {missing}: add it"),
        };
        Self { reason, message, part }
    }

    /// State that cannot be used.
    pub(super) fn of_state(error: &StateError) -> Self {
        Self::new(Reason::StateFailing, error.to_string())
    }
}

/// Keeps other processes away from a state file, for as long as the lock is held.
pub(super) fn lock(state: &Path) -> Result<File, Problem> {
    let problem = |message| Problem::new(Reason::StateFailing, message);
    let path = state.with_extension("lock");
    let failed = |error: std::io::Error| problem(format!("{} cannot be locked: {error}", path.display()));
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(problem(format!("{} is in use by another process: it is tried again every second", state.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
