//! Dry run: the plans that would be executed, without executing them.
//!
//! It runs the same planning as the engine, on what is recorded plus what the earlier plans of the same dry run would
//! have brought, so that it also works for objects that do not exist yet. Questions to the target are really asked.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::state::{Found, Handle, Record, StateError, Store, Task};
use crate::udm::{Dn, ObjectId, ObjectType, Properties};

use super::perform::ripple;
use super::target::{Decision, Input, Known, Plan, Rejection, Target, TargetFault, Term};

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

/// The result of a dry run for one object.
#[derive(Debug)]
pub enum Previewed<T: Target> {
    /// This would be executed.
    Plan(Plan<T>),
    /// It would be parked.
    Refused(Rejection),
    /// The target could not be asked.
    Unanswered(String),
}

/// Plans tasks in order without executing anything.
pub async fn preview<T: Target, S: Store>(
    target: &T,
    store: &S,
    tasks: Vec<Task>,
) -> Result<Vec<Preview<T>>, StateError> {
    let mut run = DryRun { target, store, records: HashMap::new(), holders: HashMap::new(), imagined: 0 };
    let mut queue: VecDeque<(Task, bool)> = tasks.into_iter().map(|task| (task, false)).collect();
    let mut previews = Vec::new();
    while let Some((task, follows)) = queue.pop_front() {
        let Some((mut preview, changed)) = run.plan(&task).await? else { continue };
        preview.follows = follows;
        previews.push(preview);
        let coming: HashSet<_> = queue.iter().map(|(task, _)| task.object().clone()).collect();
        for (object, kind) in run.dependants(&changed).await? {
            if !coming.contains(&object) {
                queue.push_back((Task::Replan { object, kind }, true));
            }
        }
    }
    Ok(previews)
}

/// What the dry run has reached so far, over what is recorded.
struct DryRun<'a, T: Target, S: Store> {
    target: &'a T,
    store: &'a S,
    /// Records that the plans would write; none for objects that would be gone.
    records: HashMap<ObjectId, Option<Record>>,
    holders: HashMap<Handle, ObjectId>,
    imagined: u32,
}

impl<T: Target, S: Store> DryRun<'_, T, S> {
    async fn own(&self, object: &ObjectId) -> Result<Option<Record>, StateError> {
        match self.records.get(object) {
            Some(record) => Ok(record.clone()),
            None => self.store.record(object).await,
        }
    }

    /// Plans one task. Returns what would happen and the handles whose dependants it concerns.
    async fn plan(&mut self, task: &Task) -> Result<Option<(Preview<T>, Vec<Handle>)>, StateError> {
        let object = task.object().clone();
        let own = self.own(&object).await?;
        let mut state: T::State = match &own {
            Some(own) => serde_json::from_value(own.state.clone())
                .map_err(|error| StateError::corrupt("target state", &error.line()))?,
            None => T::State::default(),
        };
        let kept = self.target.kept(&mut state);
        let (dn, desired): (Dn, Option<Properties>) = match (task, &own, kept) {
            (Task::Event(event), ..) => (event.dn.clone(), event.desired().cloned()),
            (Task::Replan { .. }, Some(own), None) => (own.dn.clone(), Some(own.desired.clone())),
            (Task::Replan { .. }, Some(own), Some(_)) => (own.dn.clone(), None),
            (Task::Purge { .. }, Some(own), Some(kept)) => {
                kept.term = Term::Over;
                (own.dn.clone(), None)
            }
            (Task::Replan { .. } | Task::Purge { .. }, ..) => return Ok(None),
        };
        let (mut known, mut facts, mut questions) = (Known::default(), Vec::new(), Vec::new());
        let result = loop {
            let input = Input {
                object: &object,
                kind: task.kind(),
                dn: &dn,
                desired: desired.as_ref(),
                state: &state,
                known: &known,
                facts: &facts,
            };
            match self.target.plan(&input) {
                Err(rejection) => break Previewed::Refused(rejection),
                Ok(Decision::Do(plan)) => break Previewed::Plan(plan),
                Ok(Decision::Lookup { faces, properties, referrers }) => {
                    self.look_up(&mut known, faces, properties, referrers).await?;
                }
                Ok(Decision::Ask(query)) => {
                    questions.push(query.clone());
                    match self.target.observe(&query).await {
                        Ok(fact) => facts.push(fact),
                        Err(fault) => break Previewed::Unanswered(format!("{fault} ({:?})", fault.class())),
                    }
                }
            }
        };
        let mut changed = Vec::new();
        if let Previewed::Plan(plan) = &result {
            state = plan.base.clone();
            for call in &plan.calls {
                self.imagined += 1;
                let effect = self.target.imagine(call, self.imagined);
                self.target.advance(&mut state, call, &effect);
            }
            // What is kept goes on as it was.
            let kept = self.target.kept(&mut state).and(own.as_ref()).map(|own| own.desired.clone());
            let desired = desired.or(kept);
            changed = self.remember(task, &dn, desired, own.as_ref(), &state);
        }
        let preview = Preview { object, kind: task.kind(), dn, follows: false, questions, result };
        Ok(Some((preview, changed)))
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
        for handle in record.iter().flat_map(|record| &record.footprint.handles) {
            self.holders.insert(handle.clone(), object.clone());
        }
        self.records.insert(object.clone(), record);
        changed
    }

    async fn look_up(
        &self,
        known: &mut Known,
        faces: Vec<Handle>,
        properties: Vec<ObjectId>,
        referrers: Vec<Handle>,
    ) -> Result<(), StateError> {
        super::perform::look_up(self.store, known, faces.clone(), &properties, referrers).await?;
        for handle in faces {
            let recorded = known.face(&handle).flatten().map(|found| found.object.clone());
            let Some(holder) = self.holders.get(&handle).cloned().or(recorded) else { continue };
            if let Some(record) = self.records.get(&holder) {
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
            if let Some(Some(record)) = self.records.get(&object) {
                known.set_properties(object, record.desired.clone());
            }
        }
        Ok(())
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
