//! `OxOperation`: requests of administrators, carried out one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::condition::{About, Finding, Reason, seconds};
use super::scribe::{Scribe, WriteError, plain, publish, within};
use super::shelf::Signal;
use crate::api::{Action, ObjectRef, OperationPhase, OperationStatus, OxOperation, Progress, Selector};
use crate::controller::connector::Connector;
use crate::controller::vault::StateVault;
use crate::engine::{EngineHandle, Previewed, Repair, Scope, SectionReport, Target, Verification, preview, verify};
use crate::ox::handles;
use crate::ox::model::ContextId;
use crate::ox::target::OxTarget;
use crate::state::sqlite::SqliteStore;
use crate::state::{ListId, ParkedFilter, ParkedRow, Release, Store, Task};
use crate::udm::{ObjectId, ObjectType};

/// So many objects can be planned in one operation.
const MOST_PLANNED: usize = 1_000;

/// A report that is longer goes into a `ConfigMap`.
const SHORT: usize = 512;

/// What came out of an operation.
#[derive(Debug)]
struct Outcome {
    phase: OperationPhase,
    result: String,
    progress: Progress,
    report: Option<Value>,
}

impl Outcome {
    fn succeeded(result: String, count: u64) -> Self {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let progress = Progress { done: count, total: count };
        Self { phase: OperationPhase::Succeeded, result, progress, report: None }
    }

    fn failed(result: impl Into<String>) -> Self {
        let progress = Progress::default();
        Self { phase: OperationPhase::Failed, result: result.into(), progress, report: None }
    }
}

/// An operation that is under way.
struct Current {
    uid: String,
    began: Time,
    task: JoinHandle<Outcome>,
}

/// Where the operations of one connector are carried out.
pub(super) struct Desk {
    current: Option<Current>,
    /// Those that have ended here: the cache may not know it yet.
    ended: BTreeSet<String>,
    changed: Signal,
}

impl Desk {
    pub(super) fn new(changed: Signal) -> Self {
        Self { current: None, ended: BTreeSet::new(), changed }
    }

    /// Leaves what is under way: it is begun again by whoever leads next. Everything that it does can be done twice.
    pub(super) fn abandon(&mut self) {
        if let Some(current) = self.current.take() {
            current.task.abort();
        }
    }

    /// Begins, ends and removes operations.
    pub(super) async fn pass(
        &mut self,
        scribe: &Scribe,
        connector: Option<&Connector>,
        operations: &[Arc<OxOperation>],
    ) -> Result<(), WriteError> {
        self.finish(scribe, operations).await?;
        let uid = |one: &OxOperation| one.uid().unwrap_or_default();
        self.ended.retain(|ended| operations.iter().any(|one| uid(one) == *ended && !is_finished(one)));
        let is_open = |one: &&Arc<OxOperation>| {
            let begun = self.current.as_ref().is_some_and(|current| current.uid == uid(one));
            !is_finished(one) && !begun && !self.ended.contains(&uid(one))
        };
        let mut open: VecDeque<_> = operations.iter().filter(is_open).collect();
        open.make_contiguous().sort_by_key(|one| (one.metadata.creation_timestamp.clone(), one.name_any()));
        if self.current.is_none()
            && let Some(connector) = connector
            && let Some(next) = open.pop_front()
        {
            let before = begun_at(next);
            let again = before.is_some();
            let began = before.unwrap_or_else(|| Time(seconds(Timestamp::now())));
            report(scribe, next, OperationPhase::Running, Some(began.clone()), None).await?;
            let task = self.begin(connector, (**next).clone(), again);
            self.current = Some(Current { uid: uid(next), began, task });
        }
        for waiting in open {
            report(scribe, waiting, OperationPhase::Pending, begun_at(waiting), None).await?;
        }
        for old in operations.iter().filter(|one| is_over(one)) {
            match within(scribe.api(&**old).delete(&old.name_any(), &DeleteParams::default())).await {
                Err(error) if !error.is_gone() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes what came out of the one that has ended.
    async fn finish(&mut self, scribe: &Scribe, operations: &[Arc<OxOperation>]) -> Result<(), WriteError> {
        if !self.current.as_ref().is_some_and(|current| current.task.is_finished()) {
            return Ok(());
        }
        let Some(Current { uid, began, task }) = self.current.take() else { return Ok(()) };
        let outcome = task.await.unwrap_or_else(|_| Outcome::failed("it broke off: see the log, and report it"));
        let Some(operation) = operations.iter().find(|one| one.uid().unwrap_or_default() == uid) else {
            return Ok(()); // It was deleted meanwhile.
        };
        let written = report(scribe, operation, outcome.phase, Some(began.clone()), Some(&outcome)).await;
        if written.is_ok() {
            self.ended.insert(uid);
        } else {
            // It is written as soon as the API server is there again.
            self.current = Some(Current { uid, began, task: tokio::spawn(async { outcome }) });
        }
        written
    }

    fn begin(&self, connector: &Connector, operation: OxOperation, again: bool) -> JoinHandle<Outcome> {
        let hands = Hands {
            target: Arc::clone(connector.target()),
            store: Arc::clone(connector.ledger()),
            engine: connector.engine().clone(),
            origin: format!("OxOperation {}", operation.name_any()),
            again,
        };
        let changed = self.changed.clone();
        tokio::spawn(async move {
            let outcome = hands.carry_out(&operation).await.unwrap_or_else(Outcome::failed);
            changed.send();
            outcome
        })
    }
}

/// When it was begun, if it was.
fn begun_at(operation: &OxOperation) -> Option<Time> {
    operation.status.as_ref().and_then(|status| status.start_time.clone())
}

fn is_finished(operation: &OxOperation) -> bool {
    let phase = operation.status.as_ref().and_then(|status| status.phase);
    matches!(phase, Some(OperationPhase::Succeeded | OperationPhase::Failed))
}

/// Whether its time to live is over.
fn is_over(operation: &OxOperation) -> bool {
    let ended =
        operation.status.as_ref().filter(|_| is_finished(operation)).and_then(|one| one.completion_time.as_ref());
    ended.is_some_and(|ended| {
        let age = Timestamp::now().duration_since(ended.0);
        Duration::try_from(age).is_ok_and(|age| age > operation.spec.ttl.get())
    })
}

/// Brings the status of an operation up to date.
async fn report(
    scribe: &Scribe,
    operation: &OxOperation,
    phase: OperationPhase,
    start_time: Option<Time>,
    outcome: Option<&Outcome>,
) -> Result<(), WriteError> {
    let former = operation.status.as_ref();
    let before = former.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let result = outcome.map(|outcome| outcome.result.clone());
    let finding = match phase {
        OperationPhase::Pending => Finding::no(About::Ready, Reason::Pending, "others are first"),
        OperationPhase::Running => Finding::no(About::Ready, Reason::Running, "it is being carried out"),
        OperationPhase::Succeeded => Finding::yes(About::Ready, Reason::Succeeded, result.clone().unwrap_or_default()),
        OperationPhase::Failed => Finding::no(About::Ready, Reason::Failed, result.clone().unwrap_or_default()),
    };
    let report_ref = match outcome.and_then(|outcome| outcome.report.as_ref()) {
        Some(report) => keep_report(scribe, operation, report).await?,
        None => None,
    };
    let make = |conditions| OperationStatus {
        observed_generation: operation.metadata.generation,
        conditions,
        phase: Some(phase),
        progress: outcome.map(|outcome| outcome.progress),
        result,
        report_ref,
        start_time,
        completion_time: outcome.map(|_| Time(seconds(Timestamp::now()))),
    };
    publish(scribe, operation, former, before, &[finding], make).await
}

/// Puts a long report into a `ConfigMap` that goes with the operation.
async fn keep_report(
    scribe: &Scribe,
    operation: &OxOperation,
    report: &Value,
) -> Result<Option<ObjectRef>, WriteError> {
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    if text.len() <= SHORT {
        return Ok(None);
    }
    let name = format!("{}-report", operation.name_any());
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            owner_references: operation.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("report.json".to_owned(), text)])),
        ..ConfigMap::default()
    };
    let maps = Api::<ConfigMap>::namespaced(scribe.client().clone(), &operation.namespace().unwrap_or_default());
    let params = PatchParams::apply("oxherd-reports").force();
    within(maps.patch(&name, &params, &Patch::Apply(map))).await?;
    Ok(Some(ObjectRef { name }))
}

/// What an operation works with.
struct Hands {
    target: Arc<OxTarget<Arc<StateVault>>>,
    store: Arc<SqliteStore>,
    engine: EngineHandle,
    origin: String,
    /// Whether it was begun before, by us or by another controller.
    again: bool,
}

impl Hands {
    async fn carry_out(&self, operation: &OxOperation) -> Result<Outcome, String> {
        let selector = &operation.spec.selector;
        let outcome = match operation.spec.action {
            Action::Retry => self.retry(selector).await,
            Action::Drop => self.forget(selector).await,
            Action::ApproveDeletions => self.approve(operation.spec.deletion_list.as_deref().unwrap_or_default()).await,
            Action::Verify => self.verify(selector, Repair::No).await,
            Action::RebuildIds => self.verify(selector, Repair::AfterRestore).await,
            Action::Plan => self.plan(selector).await,
            Action::Resync => {
                Err("this version cannot read the directory again: action Resync needs spec.udm".to_owned())
            }
        }?;
        self.engine.wake();
        Ok(outcome)
    }

    async fn retry(&self, selector: &Selector) -> Result<Outcome, String> {
        let mut queued = 0;
        for row in self.parked(selector).await? {
            let filter = ParkedFilter::Object(row.object);
            queued += self.store.retry_parked(&filter, &self.origin).await.map_err(text)?;
        }
        Ok(Outcome::succeeded(format!("{queued} parked objects are tried again"), queued))
    }

    async fn forget(&self, selector: &Selector) -> Result<Outcome, String> {
        let mut dropped = 0;
        for row in self.parked(selector).await? {
            let filter = ParkedFilter::Object(row.object);
            dropped += self.store.drop_parked(&filter, &self.origin).await.map_err(text)?;
        }
        Ok(Outcome::succeeded(format!("{dropped} parked changes are forgotten"), dropped))
    }

    /// The parked objects that are selected.
    async fn parked(&self, selector: &Selector) -> Result<Vec<ParkedRow>, String> {
        if !selector.contexts.is_empty() {
            return Err(
                "spec.selector.contexts: parked objects are selected by objects, types and categories".to_owned()
            );
        }
        let mut rows = self.store.parked(&ParkedFilter::All).await.map_err(text)?;
        let fits = |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
        rows.retain(|row| {
            fits(&selector.objects, &row.object.to_string())
                && fits(&selector.types, row.kind.as_str())
                && fits(&selector.categories, &row.category)
        });
        Ok(rows)
    }

    async fn approve(&self, list: &str) -> Result<Outcome, String> {
        match self.store.approve_held(&ListId::new(list)).await.map_err(text)? {
            Release::Released(count) => {
                Ok(Outcome::succeeded(format!("{count} deletions of list {list} are released"), count))
            }
            Release::Changed(None) if self.again => {
                Ok(Outcome::succeeded(format!("the deletions of list {list} were released before"), 0))
            }
            Release::Changed(None) => {
                Err(format!("nothing is held back: list {list} is gone, and nothing was released"))
            }
            Release::Changed(Some(other)) => Err(format!(
                "the list has changed since it was looked at and is now {other}: nothing was released; look at it and approve \
                 that one"
            )),
            Release::Changing(count) => Err(format!(
                "{count} newer changes of objects on the list are about to change it: nothing was released; look again"
            )),
        }
    }

    async fn verify(&self, selector: &Selector, repair: Repair) -> Result<Outcome, String> {
        if !selector.objects.is_empty() || !selector.categories.is_empty() || selector.types.len() > 1 {
            return Err("spec.selector: a comparison is limited by contexts and by one of types".to_owned());
        }
        let kind = selector.types.first().map(|kind| object_type(kind)).transpose()?;
        let scopes: Vec<_> = match selector.contexts.as_slice() {
            [] => vec![Scope { within: None, kind }],
            contexts => {
                let handle = |id: &i32| handles::context(ContextId(u32::try_from(*id).unwrap_or(0)));
                contexts.iter().map(|id| Scope { within: Some(handle(id)), kind }).collect()
            }
        };
        let mut found = Verification::default();
        for scope in scopes {
            let part = verify(&*self.target, &*self.store, &scope, repair, &self.origin).await;
            let part = part.map_err(|error| error.to_string())?;
            found.started_at = if found.started_at == 0 { part.started_at } else { found.started_at };
            found.duration_ms += part.duration_ms;
            found.sections.extend(part.sections);
            found.drift.extend(part.drift);
            found.more += part.more;
        }
        let (compared, drifted) = (found.total(|one| one.recorded), found.total(SectionReport::drifted));
        let queued = found.total(|one| one.queued);
        let problem = found.sections.iter().find_map(|one| one.problem.as_ref());
        let corrected = if queued == 0 { String::new() } else { format!(", {queued} are being corrected") };
        let result = match problem {
            None => format!("{compared} objects compared, {drifted} differ{corrected}"),
            Some(problem) => {
                format!("{compared} objects compared, {drifted} differ{corrected}; not complete: {problem}")
            }
        };
        let mut outcome = Outcome::succeeded(result, compared);
        if problem.is_some() {
            outcome.phase = OperationPhase::Failed;
        }
        outcome.report = Some(plain(&found));
        Ok(outcome)
    }

    /// Shows which calls the selected objects would lead to. Names of calls and attributes only: values are personal data.
    async fn plan(&self, selector: &Selector) -> Result<Outcome, String> {
        if !selector.contexts.is_empty() || !selector.categories.is_empty() {
            return Err("spec.selector: objects to plan are selected by objects and types".to_owned());
        }
        let mut tasks = Vec::new();
        for (object, kind) in self.selected(selector).await? {
            if tasks.len() == MOST_PLANNED {
                return Err(format!("more than {MOST_PLANNED} objects are selected: select fewer"));
            }
            tasks.push(Task::Replan { object, kind });
        }
        let previews = preview(&self.target, &*self.store, tasks).await.map_err(text)?;
        let mut changed = 0_u64;
        let rows: Vec<_> = previews
            .iter()
            .map(|one| {
                let result = match &one.result {
                    Previewed::Plan(plan) => {
                        changed += u64::from(!plan.calls.is_empty());
                        let calls: Vec<_> = plan.calls.iter().map(|call| self.target.call_name(call)).collect();
                        json!({ "calls": calls, "attributes": plan.attributes, "skipped": plan.skipped })
                    }
                    Previewed::Refused(rejection) => json!({ "refused": rejection.message }),
                    Previewed::Unanswered(reason) => json!({ "unanswered": reason }),
                };
                json!({ "object": one.object, "type": one.kind, "result": result })
            })
            .collect();
        let count = rows.len() as u64;
        let mut outcome = Outcome::succeeded(format!("{count} objects planned, {changed} would be changed"), count);
        outcome.report = Some(Value::Array(rows));
        Ok(outcome)
    }

    async fn selected(&self, selector: &Selector) -> Result<Vec<(ObjectId, ObjectType)>, String> {
        let mut found = Vec::new();
        if selector.objects.is_empty() {
            let all = self.store.with_prefix("").await.map_err(text)?;
            found.extend(all.into_iter().map(|(object, kind, _)| (object, kind)));
        }
        for object in &selector.objects {
            let record = match ObjectId::new(object) {
                Some(object) => self.store.record(&object).await.map_err(text)?,
                None => None,
            };
            let record = record.ok_or_else(|| format!("spec.selector.objects: nothing is known of '{object}'"))?;
            found.push((record.object, record.kind));
        }
        found.retain(|(_, kind)| selector.types.is_empty() || selector.types.iter().any(|one| one == kind.as_str()));
        Ok(found)
    }
}

fn object_type(text: &str) -> Result<ObjectType, String> {
    text.parse().map_err(|_| format!("spec.selector.types: '{text}' is no type of objects, users/user is one"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
