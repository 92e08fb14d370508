//! The plans of a few tasks, without executing them and without a store of their own.
//!
//! It decides as the engine does, on what is recorded plus what the earlier plans of the same preview would have brought,
//! so that it also works for objects that do not exist yet. Questions to the target are really asked.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::state::{Found, Handle, Record, StateError, Store, Task};
use crate::udm::{Dn, ObjectId, ObjectType, Properties};

use super::decide::{Case, Endless, Inquiry, Way};
use super::dry_run::{DryRun, Rehearse};
use super::perform::{look_up, ripple};
use super::target::{Known, Plan, Reaction, Rejection, Target, TargetFault};

/// What would happen to one object.
#[derive(Debug)]
pub struct Preview<T: Target> {
    /// Which object.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Its distinguished name.
    pub dn: Dn,
    /// Whether it is planned because something that it depends on changes.
    pub follows: bool,
    /// The questions that the plan needed, in order.
    pub questions: Vec<T::Query>,
    /// The result.
    pub result: Previewed<T>,
}

/// The result of a preview for one object.
#[derive(Debug)]
pub enum Previewed<T: Target> {
    /// These calls would be made. Its base is the state after them.
    Plan(Plan<T>),
    /// It would be parked.
    Refused(Rejection),
    /// The target could not be asked.
    Unanswered(String),
}

/// Plans tasks in order without executing anything.
pub async fn preview<T: Rehearse, S: Store>(
    target: &Arc<T>,
    store: &S,
    tasks: Vec<Task>,
) -> Result<Vec<Preview<DryRun<T>>>, StateError> {
    let mut run = Run {
        target: DryRun::new(Arc::clone(target)),
        known: Overlay { store, records: HashMap::new(), holders: HashMap::new() },
    };
    let mut queue: VecDeque<(Task, bool)> = tasks.into_iter().map(|task| (task, false)).collect();
    let mut previews = Vec::new();
    while let Some((task, follows)) = queue.pop_front() {
        let Some((mut preview, changed)) = run.plan(&task).await? else { continue };
        preview.follows = follows;
        previews.push(preview);
        let coming: HashSet<_> = queue.iter().map(|(task, _)| task.object().clone()).collect();
        for (object, kind) in run.known.dependants(&changed).await? {
            if !coming.contains(&object) {
                queue.push_back((Task::Replan { object, kind }, true));
            }
        }
    }
    Ok(previews)
}

struct Run<'a, T: Rehearse, S: Store> {
    target: DryRun<T>,
    known: Overlay<'a, S>,
}

impl<T: Rehearse, S: Store> Run<'_, T, S> {
    /// Plans one task. Returns what would happen and the handles whose dependants it concerns.
    async fn plan(&mut self, task: &Task) -> Result<Option<(Preview<DryRun<T>>, Vec<Handle>)>, StateError> {
        let object = task.object().clone();
        let own = self.known.own(&object).await?;
        let (dn, desired): (Dn, Option<Properties>) = match (task, &own) {
            (Task::Event(event), _) => (event.dn.clone(), event.desired().cloned()),
            (Task::Replan { .. }, Some(own)) => (own.dn.clone(), Some(own.desired.clone())),
            (Task::Replan { .. }, None) => return Ok(None),
        };
        let state: T::State = match &own {
            Some(own) => serde_json::from_value(own.state.clone())
                .map_err(|error| StateError::corrupt("target state", &error.line()))?,
            None => T::State::default(),
        };
        let mut inquiry = Inquiry::new();
        let case = Case { object: &object, kind: task.kind(), dn: &dn, desired: desired.as_ref() };
        let result = match self.pursue(&mut inquiry, &case, state).await {
            Ok(plan) => Previewed::Plan(plan),
            Err(Stop::Refused(rejection)) => Previewed::Refused(rejection),
            Err(Stop::Unanswered(reason)) => Previewed::Unanswered(reason),
            Err(Stop::State(error)) => return Err(error),
        };
        let changed = match &result {
            Previewed::Plan(plan) => self.remember(task, &dn, desired, own.as_ref(), &plan.base),
            _ => Vec::new(),
        };
        let questions = inquiry.asked;
        let preview = Preview { object, kind: task.kind(), dn, follows: false, questions, result };
        Ok(Some((preview, changed)))
    }

    /// Plans and imagines until the plan is done, as the engine plans and executes.
    async fn pursue(
        &self,
        inquiry: &mut Inquiry<DryRun<T>>,
        case: &Case<'_>,
        mut state: T::State,
    ) -> Result<Plan<DryRun<T>>, Stop> {
        let mut made = Vec::new();
        'planning: loop {
            let mut plan = inquiry.decide(self, &self.target, case, &state).await?;
            state = plan.base;
            for call in plan.calls {
                match self.target.execute(&call, &state).await {
                    Ok(effect) => self.target.advance(&mut state, &call, &effect),
                    Err(fault) => match self.target.react(&call, &fault, &state) {
                        Reaction::Learn(fact) => {
                            inquiry.learn(fact);
                            continue 'planning;
                        }
                        Reaction::Ask(query) => {
                            inquiry.ask(self, query).await?;
                            continue 'planning;
                        }
                        Reaction::Done(effect) => self.target.advance(&mut state, &call, &effect),
                        Reaction::Fail => return Err(unanswered(&fault)),
                    },
                }
                made.push(call);
            }
            (plan.base, plan.calls) = (state, made);
            return Ok(plan);
        }
    }

    fn remember(
        &mut self,
        task: &Task,
        dn: &Dn,
        desired: Option<Properties>,
        own: Option<&Record>,
        state: &T::State,
    ) -> Vec<Handle> {
        let (object, kind) = (task.object(), task.kind());
        let record = desired.map(|desired| Record {
            object: object.clone(),
            kind,
            dn: dn.clone(),
            state: serde_json::to_value(state).unwrap_or_default(),
            face: self.target.face(kind, &desired, state),
            footprint: self.target.footprint(object, kind, dn, Some(&desired), state),
            desired,
            revision: self.target.revision(),
        });
        let changed = ripple(own, record.as_ref());
        self.known.keep(object, record);
        changed
    }
}

/// What the preview has reached so far, over what is recorded.
struct Overlay<'a, S: Store> {
    store: &'a S,
    /// Records that the plans would write; none for objects that would be gone.
    records: HashMap<ObjectId, Option<Record>>,
    holders: HashMap<Handle, ObjectId>,
}

impl<S: Store> Overlay<'_, S> {
    async fn own(&self, object: &ObjectId) -> Result<Option<Record>, StateError> {
        match self.records.get(object) {
            Some(record) => Ok(record.clone()),
            None => self.store.record(object).await,
        }
    }

    fn keep(&mut self, object: &ObjectId, record: Option<Record>) {
        for handle in record.iter().flat_map(|record| &record.footprint.handles) {
            self.holders.insert(handle.clone(), object.clone());
        }
        self.records.insert(object.clone(), record);
    }

    async fn dependants(&self, changed: &[Handle]) -> Result<Vec<(ObjectId, ObjectType)>, StateError> {
        let mut dependants = Vec::new();
        for handle in changed {
            for found in self.store.referrers(handle).await? {
                if !self.records.contains_key(&found.object) {
                    dependants.push((found.object, found.kind));
                }
            }
            for record in self.records.values().flatten() {
                if record.footprint.refs.contains(handle) {
                    dependants.push((record.object.clone(), record.kind));
                }
            }
        }
        dependants.sort_unstable();
        dependants.dedup();
        Ok(dependants)
    }
}

/// Why there is no plan.
enum Stop {
    Refused(Rejection),
    Unanswered(String),
    State(StateError),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<Endless> for Stop {
    fn from(endless: Endless) -> Self {
        Self::Unanswered(endless.to_string())
    }
}

fn unanswered(fault: &impl TargetFault) -> Stop {
    Stop::Unanswered(format!("{fault} ({:?})", fault.class()))
}

impl<T: Rehearse, S: Store> Way<DryRun<T>> for Run<'_, T, S> {
    type Stop = Stop;

    async fn look_up(
        &self,
        known: &mut Known,
        faces: Vec<Handle>,
        properties: Vec<ObjectId>,
        referrers: Vec<Handle>,
    ) -> Result<(), StateError> {
        let Overlay { store, records, holders } = &self.known;
        look_up(*store, known, faces.clone(), &properties, referrers).await?;
        for handle in faces {
            let recorded = known.face(&handle).flatten().map(|found| found.object.clone());
            let Some(holder) = holders.get(&handle).cloned().or(recorded) else { continue };
            if let Some(record) = records.get(&holder) {
                let face = record.as_ref().map(|record| Found {
                    handle: handle.clone(),
                    object: holder.clone(),
                    kind: record.kind,
                    face: record.face.clone(),
                });
                known.set_face(handle, face);
            }
        }
        for object in properties {
            if let Some(Some(record)) = records.get(&object) {
                known.set_properties(object, record.desired.clone());
            }
        }
        Ok(())
    }
    async fn recall(&self, object: &ObjectId) -> Result<Vec<Handle>, StateError> {
        self.known.store.intentions(object).await
    }

    async fn intend(&self, _: &ObjectId, _: &Handle) -> Result<(), StateError> {
        Ok(())
    }

    async fn ask(&self, query: &T::Query) -> Result<T::Fact, Stop> {
        self.target.observe(query).await.map_err(|fault| unanswered(&fault))
    }
}
