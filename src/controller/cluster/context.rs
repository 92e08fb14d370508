//! `OxContext`: what became of a described context, and its removal.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::condition::{About, Finding, Reason, seconds};
use super::scribe::{Scribe, Wanted, WriteError, annotation, publish};
use super::site::Refused;
use crate::api::{ContextDeletionPolicy, ContextStatus, ManagementPolicy, OxContext};
use crate::controller::connector::ConnectorReport;
use crate::controller::described::{Withdrawal, context_object, withdraw};
use crate::ox::handles;
use crate::ox::model::ContextId;
use crate::ox::state::OxState;
use crate::state::{HeldFilter, HeldRow, ParkedFilter, ParkedRow, StateError, Store};

/// Keeps a context whose policy is to delete it in OX until that is done.
pub(super) const FINALIZER: &str = "oxherd.dev/context";

/// The annotation that asks for another look now.
pub(super) const RECONCILE: &str = "oxherd.dev/reconcile-at";

/// What a connector knows of a context.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// What OX holds, by our records.
    pub quota: Option<i64>,
    pub in_ox: Found,
    pub parked: Option<ParkedRow>,
    pub held: Option<HeldRow>,
    pub users: u64,
    pub groups: u64,
    /// Why the part of OX that holds it is not called, if so.
    pub closed: Option<String>,
}

/// How far a described context is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing of it is known.
    #[default]
    No,
    /// It is in OX, and something is still to be done.
    Changing,
    /// It is in OX as it was described.
    Yes,
}

/// Reads what is known of a context.
pub(super) async fn known<S: Store>(
    store: &S,
    context: &OxContext,
    report: &ConnectorReport,
) -> Result<Known, StateError> {
    let mut known = Known::default();
    let Some(object) = context_object(&context.name_any()) else { return Ok(known) };
    let id = ContextId(u32::try_from(context.spec.id).unwrap_or(0));
    if let Some(record) = store.record(&object).await? {
        known.in_ox = if store.oldest_task(&object).await?.is_some() { Found::Changing } else { Found::Yes };
        if let Ok(OxState::Context(state)) = serde_json::from_value(record.state) {
            known.quota = Some(state.quota);
        }
    }
    known.parked = store.parked(&ParkedFilter::Object(object.clone())).await?.pop();
    known.held = store.held(&HeldFilter::Object(object)).await?.pop();
    known.users = store.handle_count(&handles::all(id, "user")).await?;
    known.groups = store.handle_count(&handles::all(id, "group")).await?;
    let gate = handles::context(id);
    let closed = report.engine.gates.iter().find(|one| one.name == gate.as_str());
    known.closed = closed.map(|gate| gate.reason.clone());
    Ok(known)
}

/// How a context is, in conditions.
pub(super) fn findings(context: &OxContext, known: Option<&Known>, refused: Option<&Refused>) -> Vec<Finding> {
    let conflict = |owned: bool, message: &str| {
        if owned {
            Finding::yes(About::Conflict, Reason::OwnedElsewhere, message)
        } else {
            Finding::no(About::Conflict, Reason::NoConflict, "nobody else claims the number")
        }
    };
    let both = |reason, message: String| {
        let owned = reason == Reason::OwnedElsewhere;
        vec![
            Finding::no(About::Ready, reason, message.clone()),
            Finding::no(About::Synced, reason, message.clone()),
            conflict(owned, &message),
        ]
    };
    if let Some(refused) = refused {
        return both(refused.reason, refused.message.clone());
    }
    let Some(known) = known else {
        return both(Reason::Pending, "its connector is not running yet: see its conditions".to_owned());
    };
    if let Some(held) = &known.held {
        return both(Reason::DeletionsHeldBack, held.reason.clone());
    }
    if let Some(parked) = &known.parked {
        let reason = if parked.category == "Conflict" { Reason::OwnedElsewhere } else { Reason::Parked };
        return both(reason, parked.cause.clone());
    }
    if context.metadata.deletion_timestamp.is_some() {
        return both(Reason::Draining, "it is being deleted".to_owned());
    }
    if let Some(reason) = &known.closed {
        return both(Reason::Unavailable, reason.clone());
    }
    if context.spec.management_policy == ManagementPolicy::Observe {
        let message = "managementPolicy Observe: the context stays as it is, and what is in it is provisioned";
        return vec![
            Finding::yes(About::Ready, Reason::Observed, message),
            Finding::yes(About::Synced, Reason::Observed, message),
            conflict(false, ""),
        ];
    }
    let synced = match known.in_ox {
        Found::No => return both(Reason::Pending, "it is about to be created".to_owned()),
        Found::Changing => Finding::no(About::Synced, Reason::Pending, "it is about to be changed"),
        Found::Yes => Finding::yes(About::Synced, Reason::Provisioned, "OX is as described here"),
    };
    let ready = Finding::yes(About::Ready, Reason::Provisioned, "the context is in OX");
    vec![ready, synced, conflict(false, "")]
}

/// Brings the status of a context up to date.
pub(super) async fn report(
    scribe: &Scribe,
    context: &OxContext,
    known: Option<&Known>,
    refused: Option<&Refused>,
    admin_secret: Option<String>,
) -> Result<(), WriteError> {
    let former = context.status.as_ref();
    let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let findings = findings(context, known, refused);
    let settled = findings.iter().any(|finding| finding.about == About::Synced && finding.holds);
    let synced_before = before.iter().any(|one| {
        one.type_ == About::Synced.as_ref()
            && one.status == "True"
            && one.observed_generation == context.metadata.generation
    });
    let last_sync = former.and_then(|status| status.last_sync.clone());
    let make = |conditions: Vec<Condition>| ContextStatus {
        observed_generation: context.metadata.generation,
        conditions,
        quota: known.and_then(|known| known.quota),
        users: known.map(|known| i64::try_from(known.users).unwrap_or(i64::MAX)),
        groups: known.map(|known| i64::try_from(known.groups).unwrap_or(i64::MAX)),
        admin_secret,
        last_sync: if settled && !synced_before { Some(Time(seconds(Timestamp::now()))) } else { last_sync },
        last_handled_reconcile_at: annotation(context, RECONCILE).map(str::to_owned),
    };
    publish(scribe, context, former, before, &findings, make).await
}

/// Sees to the finalizer: it is there exactly as long as deleting the object means work in OX.
pub(super) async fn guard<S: Store>(scribe: &Scribe, store: &S, context: &OxContext) -> Result<(), GuardError> {
    let deletes = context.spec.deletion_policy == ContextDeletionPolicy::Delete
        && context.spec.management_policy == ManagementPolicy::Manage;
    let wanted = match (deletes, context.metadata.deletion_timestamp.is_some()) {
        (true, false) => Wanted::Present,
        (false, _) => Wanted::Absent,
        (true, true) => match withdraw(store, &context.name_any()).await? {
            Withdrawal::Pending => return Ok(()),
            Withdrawal::Done => Wanted::Absent,
        },
    };
    Ok(scribe.finalizer(context, FINALIZER, wanted).await?)
}

/// The removal of a context cannot go on at the moment.
#[derive(Debug, thiserror::Error)]
pub(super) enum GuardError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context() -> OxContext {
        let manifest = json!({"apiVersion": "oxherd.dev/v1alpha1", "kind": "OxContext", "metadata": {"name": "sales"},
            "spec": {"connectorRef": {"name": "acme"}, "id": 7}});
        serde_json::from_value(manifest).unwrap()
    }

    #[test]
    fn each_state_of_a_context_has_its_reason() {
        let in_ox = |in_ox| Some(Known { in_ox, ..Known::default() });
        let refused = Refused { reason: Reason::OwnedElsewhere, message: "another one owns it".to_owned() };
        let closed = Known { closed: Some("its database is being updated".to_owned()), ..Known::default() };
        let table = [
            (None, None, "False Pending, False Pending, False NoConflict"),
            (in_ox(Found::No), None, "False Pending, False Pending, False NoConflict"),
            (in_ox(Found::Changing), None, "True Provisioned, False Pending, False NoConflict"),
            (in_ox(Found::Yes), None, "True Provisioned, True Provisioned, False NoConflict"),
            (Some(closed), None, "False Unavailable, False Unavailable, False NoConflict"),
            (None, Some(refused), "False OwnedElsewhere, False OwnedElsewhere, True OwnedElsewhere"),
        ];
        for (known, refused, expected) in table {
            let findings = findings(&context(), known.as_ref(), refused.as_ref());
            let text = |one: &Finding| format!("{} {}", if one.holds { "True" } else { "False" }, one.reason.as_ref());
            let found: Vec<_> = findings.iter().map(text).collect();
            assert_eq!(found.join(", "), expected);
        }
    }
}
