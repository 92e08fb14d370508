//! `OxAttributeMapping` and `OxAccessProfile`: whether they can be used, by whom, and what they concern.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::condition::{About, Finding, Reason};
use super::references::{Reference, Referred};
use super::scribe::{Scribe, WriteError, publish};
use super::site::forbidden;
use crate::api::{AccessProfileStatus, AttributeMappingStatus, OxAccessProfile, OxAttributeMapping};
use crate::ox::settings::Settings;

/// Whether a mapping can be used: its revision, or what is wrong.
pub(super) fn check(
    mapping: &OxAttributeMapping,
    referred: &BTreeMap<Reference, Referred>,
) -> Result<String, (Reason, String)> {
    let json = match &mapping.spec.connector_json_ref {
        None => None,
        Some(json) => {
            let reference = Reference::ConfigMap(json.name.clone());
            let missing = |problem: String| (Reason::ReferenceMissing, format!("spec.connectorJsonRef: {problem}"));
            match referred.get(&reference) {
                Some(Referred::ConfigMap(data, _)) => Some(
                    data.get(&json.key)
                        .ok_or_else(|| missing(format!("{} has no key '{}'", reference.label(), json.key)))?,
                ),
                Some(Referred::Forbidden) => return Err(missing(forbidden(&reference))),
                _ => return Err(missing(format!("there is no {}", reference.label()))),
            }
        }
    };
    let made = mapping.spec.mapping(json.map(String::as_str)).map_err(|errors| {
        (Reason::InvalidMapping, format!("{errors}; connectors keep the last good revision in force"))
    })?;
    let mut revision = Settings::fingerprint(&made);
    revision.truncate(12);
    Ok(revision)
}

/// Brings the status of a mapping up to date.
pub(super) async fn report_mapping(
    scribe: &Scribe,
    mapping: &OxAttributeMapping,
    checked: Result<String, (Reason, String)>,
    used_by: Vec<String>,
    users_affected: Option<i64>,
) -> Result<(), WriteError> {
    let former = mapping.status.as_ref();
    let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let (findings, revision) = match checked {
        Ok(revision) => {
            let finding = |about| Finding::yes(about, Reason::Valid, "it can be used");
            ([finding(About::Ready), finding(About::Valid)], Some(revision))
        }
        Err((reason, message)) => {
            let finding = |about| Finding::no(about, reason, message.clone());
            // The revision that connectors go on with.
            ([finding(About::Ready), finding(About::Valid)], former.and_then(|status| status.revision.clone()))
        }
    };
    let make = |conditions| AttributeMappingStatus {
        observed_generation: mapping.metadata.generation,
        conditions,
        revision,
        used_by,
        users_affected: users_affected.or_else(|| former.and_then(|status| status.users_affected)),
    };
    publish(scribe, mapping, former, before, &findings, make).await
}

/// Brings the status of a profile up to date. `owner` is the older profile that has the same name, if there is one.
pub(super) async fn report_profile(
    scribe: &Scribe,
    profile: &OxAccessProfile,
    owner: Option<&str>,
    users: Option<i64>,
) -> Result<(), WriteError> {
    let former = profile.status.as_ref();
    let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let findings = match owner {
        Some(owner) => {
            let message = format!(
                "OxAccessProfile '{owner}' is older and has the same name '{}': rename or delete one of them",
                profile.profile_name()
            );
            [
                Finding::no(About::Ready, Reason::OwnedElsewhere, message.clone()),
                Finding::yes(About::Conflict, Reason::OwnedElsewhere, message),
            ]
        }
        None => [
            Finding::yes(About::Ready, Reason::Valid, "it can be used"),
            Finding::no(About::Conflict, Reason::NoConflict, "nobody else has the name"),
        ],
    };
    let make = |conditions| AccessProfileStatus {
        observed_generation: profile.metadata.generation,
        conditions,
        users: users.or_else(|| former.and_then(|status| status.users)),
    };
    publish(scribe, profile, former, before, &findings, make).await
}

/// The older profile with the same name, if there is one.
pub(super) fn owner_of_name(profile: &OxAccessProfile, all: &[std::sync::Arc<OxAccessProfile>]) -> Option<String> {
    let age = |one: &OxAccessProfile| (one.metadata.creation_timestamp.clone(), one.name_any());
    let same = |one: &&std::sync::Arc<OxAccessProfile>| {
        one.namespace() == profile.namespace()
            && one.profile_name() == profile.profile_name()
            && age(one) < age(profile)
    };
    all.iter().filter(same).min_by_key(|one| age(one)).map(|one| one.name_any())
}
