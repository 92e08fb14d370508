//! The work on one task: plan, execute, learn, plan again, until the object is as desired.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value;

use crate::failure_points::{FailurePoint, pass};
use crate::state::{
    AuditRow, Fingerprint, Found, Handle, JournalEntry, Outcome, ParkedRow, Record, StateError, Store, Task, Verdict,
    Work, now_ms,
};
use crate::udm::{Dn, ObjectId, Properties};

use super::decide::{Case, Endless, Inquiry, Way};
use super::gates::Gates;
use super::target::{FaultClass, Known, Plan, Reaction, Rejection, Target, TargetFault};
use super::throttle::Throttle;

/// How a try ended.
pub(super) enum Tried {
    /// For good, one way or the other.
    Ended(Outcome),
    /// For the moment: the target is busy or unreachable, or the state store failed.
    Again {
        /// Why.
        why: Why,
        /// What was wrong, without secrets.
        cause: String,
        /// What was reached before, if anything: to be written before the next try.
        reached: Option<Outcome>,
    },
}

/// Why a task has to be tried again.
#[derive(Debug)]
pub(super) enum Why {
    /// A call failed; never [`FaultClass::Object`].
    Fault(FaultClass),
    /// A call was not made, because this gate is closed.
    Barred(Handle),
}

/// What all tasks share.
pub(super) struct Shared {
    pub(super) lanes: Lanes,
    pub(super) gates: Gates,
    pub(super) throttle: Throttle,
}

/// Lanes of the target: one call at a time in each, in the order of asking.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<Handle, Arc<tokio::sync::Mutex<()>>>>);

impl Lanes {
    /// Waits for a lane. It is free again when the guard is dropped.
    async fn enter(&self, lane: Option<Handle>) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let lane = lane?;
        let lock = {
            let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lanes.entry(lane).or_default())
        };
        Some(lock.lock_owned().await)
    }
}

/// What a try of a task has reached.
struct Progress<T: Target> {
    state: T::State,
    calls: Vec<String>,
    attributes: Vec<String>,
    values: BTreeMap<String, Value>,
    warnings: Vec<String>,
    skipped: Option<String>,
}

/// Why a try stopped before the end.
enum Stop {
    Again { why: Why, cause: String },
    Refused { category: String, cause: String, waits_for: Vec<Handle> },
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::Again { why: Why::Fault(FaultClass::World), cause: error.to_string() }
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refused {
            category: rejection.category.as_ref().to_owned(),
            cause: rejection.message,
            waits_for: rejection.waits_for,
        }
    }
}

impl From<Endless> for Stop {
    fn from(endless: Endless) -> Self {
        Self::Refused { category: "Protocol".to_owned(), cause: endless.to_string(), waits_for: Vec::new() }
    }
}

/// Sorts a failed call.
fn stop_for(fault: &impl TargetFault) -> Stop {
    let cause = fault.to_string();
    let refused =
        |category: &str, waits_for| Stop::Refused { category: category.to_owned(), cause: cause.clone(), waits_for };
    match fault.class() {
        FaultClass::Object => refused("RefusedByTarget", Vec::new()),
        FaultClass::Dependency(handle) => refused("Dependency", vec![handle]),
        FaultClass::Protocol => refused("Protocol", Vec::new()),
        class @ (FaultClass::Busy | FaultClass::Blocked { .. } | FaultClass::World | FaultClass::Credentials) => {
            Stop::Again { why: Why::Fault(class), cause }
        }
    }
}

/// Makes one try of a task.
pub(super) async fn attempt<T: Target, S: Store>(target: &T, store: &S, shared: &Shared, work: Work) -> Tried {
    let started = Instant::now();
    let Work { entry, record: mut own, settled } = work;
    let revision = target.revision();
    let mut known = Known::default();
    if let (Task::Event(_), Some(own)) = (&entry.task, &mut own)
        && settled
        && own.revision == revision
    {
        known.set_former(std::mem::take(&mut own.desired));
    }
    let state = match own.as_ref().map(|own| T::State::deserialize(&own.state)).transpose() {
        Ok(state) => state.unwrap_or_default(),
        Err(error) => {
            let cause = StateError::corrupt("target state", &error).to_string();
            return Tried::Again { why: Why::Fault(FaultClass::World), cause, reached: None };
        }
    };
    let mut progress = Progress {
        state,
        calls: Vec::new(),
        attributes: Vec::new(),
        values: BTreeMap::new(),
        warnings: Vec::new(),
        skipped: None,
    };
    let mut inquiry = Inquiry::knowing(known);
    let stop = match Subject::of(target, store, shared, &entry, own.as_ref(), revision.clone()) {
        Some(subject) => subject.pursue(&mut progress, &mut inquiry).await.err(),
        None => None,
    };
    if let (Some(own), Some(former)) = (&mut own, inquiry.take_former()) {
        own.desired = former;
    }
    match Subject::of(target, store, shared, &entry, own.as_ref(), revision) {
        Some(subject) => subject.conclude(own.as_ref(), progress, stop, started),
        // There is nothing to plan again.
        None => Tried::Ended(outcome(&entry, Verdict::Nothing)),
    }
}

fn outcome(entry: &JournalEntry, verdict: Verdict) -> Outcome {
    Outcome {
        seq: entry.seq,
        object: entry.task.object().clone(),
        verdict,
        partial: None,
        ripple: Vec::new(),
        settled: None,
        audit: None,
    }
}

/// One task with everything that the work on it needs.
struct Subject<'a, T: Target, S: Store> {
    target: &'a T,
    store: &'a S,
    shared: &'a Shared,
    entry: &'a JournalEntry,
    dn: &'a Dn,
    desired: Option<&'a Properties>,
    /// Of the settings at the start of the try: what it reaches counts as planned with these.
    revision: String,
}

impl<T: Target, S: Store> Way<T> for Subject<'_, T, S> {
    type Stop = Stop;

    async fn look_up(
        &self,
        known: &mut Known,
        faces: Vec<Handle>,
        properties: Vec<ObjectId>,
        referrers: Vec<Handle>,
    ) -> Result<(), StateError> {
        look_up(self.store, known, faces, &properties, referrers).await
    }

    async fn recall(&self, object: &ObjectId) -> Result<Vec<Handle>, StateError> {
        self.store.intentions(object).await
    }

    async fn intend(&self, object: &ObjectId, name: &Handle) -> Result<(), StateError> {
        self.store.intend(object, name).await
    }

    async fn ask(&self, query: &T::Query) -> Result<T::Fact, Stop> {
        self.pass(self.target.query_gate(query))?;
        self.shared.throttle.turn().await;
        let fact = self.target.observe(query).await.map_err(|fault| stop_for(&fault))?;
        pass(FailurePoint::QuestionAnswered);
        Ok(fact)
    }
}

impl<'a, T: Target, S: Store> Subject<'a, T, S> {
    /// What a task is about; none if nothing is recorded of an object that is to be planned again.
    fn of(
        target: &'a T,
        store: &'a S,
        shared: &'a Shared,
        entry: &'a JournalEntry,
        own: Option<&'a Record>,
        revision: String,
    ) -> Option<Self> {
        let (dn, desired) = match (&entry.task, own) {
            (Task::Event(event), _) => (&event.dn, event.desired()),
            (Task::Replan { .. }, Some(own)) => (&own.dn, Some(&own.desired)),
            (Task::Replan { .. }, None) => return None,
        };
        Some(Self { target, store, shared, entry, dn, desired, revision })
    }

    /// Plans and executes until the plan is done.
    async fn pursue(&self, progress: &mut Progress<T>, inquiry: &mut Inquiry<T>) -> Result<(), Stop> {
        let case =
            Case { object: self.entry.task.object(), kind: self.entry.task.kind(), dn: self.dn, desired: self.desired };
        'planning: loop {
            let plan = inquiry.decide(self, self.target, &case, &progress.state).await?;
            let Plan { base, calls, skipped, warnings, attributes } = plan;
            progress.state = base;
            progress.skipped = skipped;
            progress.warnings = warnings;
            merge(&mut progress.attributes, attributes);
            for call in calls {
                match self.execute(&call, progress).await? {
                    Ok(effect) => {
                        progress.values.extend(self.target.safe_values(&call));
                        self.target.advance(&mut progress.state, &call, &effect);
                        pass(FailurePoint::CallTakenOver);
                    }
                    Err(fault) => match self.target.react(&call, &fault, &progress.state) {
                        Reaction::Learn(fact) => {
                            inquiry.learn(fact);
                            continue 'planning;
                        }
                        Reaction::Ask(query) => {
                            inquiry.ask(self, query).await?;
                            continue 'planning;
                        }
                        Reaction::Done(effect) => self.target.advance(&mut progress.state, &call, &effect),
                        Reaction::Fail => return Err(stop_for(&fault)),
                    },
                }
            }
            return Ok(());
        }
    }

    /// Makes a call when it is its turn.
    async fn execute(&self, call: &T::Call, progress: &mut Progress<T>) -> Result<Result<T::Effect, T::Fault>, Stop> {
        let Shared { lanes, throttle, .. } = self.shared;
        let _lane = lanes.enter(self.target.lane(call)).await;
        self.pass(self.target.call_gate(call))?;
        throttle.turn().await;
        let started = Instant::now();
        let result = self.target.execute(call, &progress.state).await;
        let name = self.target.call_name(call);
        throttle.answered(name, started.elapsed());
        progress.calls.push(name.to_owned());
        Ok(result)
    }

    fn pass(&self, gate: Option<Handle>) -> Result<(), Stop> {
        match (self.shared.gates.bars(gate.as_ref(), self.entry.seq), gate) {
            (Some(cause), Some(gate)) => Err(Stop::Again { why: Why::Barred(gate), cause }),
            _ => Ok(()),
        }
    }

    /// What remains of a try: record, parked row, audit line, and whose turn it is next.
    fn conclude(&self, own: Option<&Record>, progress: Progress<T>, stop: Option<Stop>, started: Instant) -> Tried {
        let reached = Box::new(self.record(own, &progress.state));
        let changed = own.map_or(progress.state != T::State::default(), |own| own.state != reached.state);
        let mut reached = Some(reached);
        let mut notes: Vec<_> = progress.skipped.iter().chain(&progress.warnings).cloned().collect();
        let mut again = None;
        let (verdict, label) = match stop {
            Some(Stop::Again { why, cause }) => {
                if !changed {
                    return Tried::Again { why, cause, reached: None };
                }
                notes.push(cause.clone());
                again = Some((why, cause));
                (Verdict::Unfinished, "Unfinished")
            }
            Some(Stop::Refused { category, cause, waits_for }) => {
                notes.push(cause.clone());
                (Verdict::Parked(Box::new(self.parked(category, cause, waits_for))), "Parked")
            }
            None => match (self.desired, own) {
                (None, Some(_)) => (Verdict::Removed, "Removed"),
                (None, None) => (Verdict::Nothing, "Unchanged"),
                (Some(_), _) => {
                    let label = match (&progress.skipped, progress.calls.is_empty()) {
                        (_, false) => "Applied",
                        (Some(_), true) => "Skipped",
                        (None, true) => "Unchanged",
                    };
                    // What is recorded already is not written again.
                    let news = reached.take_if(|reached| own != Some(&**reached));
                    (news.map_or(Verdict::Nothing, Verdict::Applied), label)
                }
            },
        };
        let partial = reached.filter(|_| changed && matches!(verdict, Verdict::Unfinished | Verdict::Parked(_)));
        let ripple = match &verdict {
            Verdict::Applied(record) => ripple(own, Some(record)),
            Verdict::Removed => ripple(own, None),
            _ => partial.as_deref().map_or_else(Vec::new, |record| ripple(own, Some(record))),
        };
        let settled =
            self.desired.filter(|_| notes.is_empty() && matches!(verdict, Verdict::Applied(_) | Verdict::Nothing));
        let kind = self.entry.task.kind();
        let settled = settled.map(|desired| Fingerprint::of(kind, self.dn, desired, &self.revision));
        let audit = AuditRow {
            at: now_ms(),
            seq: self.entry.seq,
            object: self.entry.task.object().clone(),
            kind,
            event: self.entry.task.event().to_owned(),
            origin: self.entry.origin.clone(),
            outcome: label.to_owned(),
            calls: progress.calls,
            attributes: progress.attributes,
            values: progress.values,
            notes,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            revision: self.revision.clone(),
        };
        let ended = Outcome { partial, ripple, settled, audit: Some(audit), ..outcome(self.entry, verdict) };
        match again {
            Some((why, cause)) => Tried::Again { why, cause, reached: Some(ended) },
            None => Tried::Ended(ended),
        }
    }

    /// The record of a state that was reached. An object that is being deleted keeps its former properties until it is gone.
    fn record(&self, own: Option<&Record>, state: &T::State) -> Record {
        let (object, kind) = (self.entry.task.object(), self.entry.task.kind());
        let desired = self.desired.or(own.map(|own| &own.desired)).cloned().unwrap_or_default();
        Record {
            object: object.clone(),
            kind,
            dn: self.dn.clone(),
            state: serde_json::to_value(state).unwrap_or_default(),
            face: self.target.face(kind, &desired, state),
            footprint: self.target.footprint(object, kind, self.dn, Some(&desired), state),
            desired,
            revision: self.revision.clone(),
        }
    }

    fn parked(&self, category: String, cause: String, waits_for: Vec<Handle>) -> ParkedRow {
        let (object, kind) = (self.entry.task.object(), self.entry.task.kind());
        let footprint = self.target.footprint(object, kind, self.dn, self.desired, &T::State::default());
        let now = now_ms();
        ParkedRow {
            object: object.clone(),
            kind,
            category,
            cause,
            waits_for,
            depends_on: footprint.refs,
            attempts: 1,
            first_at: now,
            last_at: now,
            task: Some(self.entry.task.clone()),
        }
    }
}

/// The names whose dependants must be planned again: all of an object that shows itself differently to others.
pub(super) fn ripple(before: Option<&Record>, after: Option<&Record>) -> Vec<Handle> {
    let shown = |record: Option<&Record>| record.map(|record| (record.face.clone(), record.footprint.handles.clone()));
    if shown(before) == shown(after) {
        return Vec::new();
    }
    let mut handles: Vec<_> =
        before.iter().chain(&after).flat_map(|record| record.footprint.handles.iter().cloned()).collect();
    handles.sort_unstable();
    handles.dedup();
    handles
}

fn merge(all: &mut Vec<String>, more: Vec<String>) {
    for name in more {
        if !all.contains(&name) {
            all.push(name);
        }
    }
}

/// Answers a lookup from the store. The same handle or object may be asked for twice.
pub(super) async fn look_up<S: Store>(
    store: &S,
    known: &mut Known,
    faces: Vec<Handle>,
    properties: &[crate::udm::ObjectId],
    referrers: Vec<Handle>,
) -> Result<(), StateError> {
    let found: HashMap<Handle, Found> =
        store.resolve(&faces).await?.into_iter().map(|found| (found.handle.clone(), found)).collect();
    // A planner may name a handle twice.
    for handle in faces {
        let face = found.get(&handle).cloned();
        known.set_face(handle, face);
    }
    let stored = store.properties(properties).await?;
    for object in properties {
        known.set_properties(object.clone(), stored.get(object).cloned().unwrap_or_default());
    }
    for handle in referrers {
        let found = store.referrers(&handle).await?;
        known.set_referrers(handle, found);
    }
    Ok(())
}
