//! Dry run: a target that is only read, and whose calls are imagined.
//!
//! The engine works on it as on the real one, with a store of its own. So a dry run plans what a live run would plan, by
//! the same code, and also for objects that do not exist yet.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use crate::state::{Face, Footprint, Handle};
use crate::udm::{Dn, Event, ObjectId, ObjectType, Properties};

use super::target::{Decision, FaultClass, Input, Plan, Reaction, Rejection, Target, TargetFault};

/// What a dry run needs to know of a target. All of it is pure.
pub trait Rehearse: Target {
    /// What imagined calls have changed so far, as far as answers of the target have to be read differently for it.
    type Imagined: Default + Send + Sync;

    /// The question whose answer shows whether the target would refuse the call, because what it makes is there already.
    fn question_before(&self, call: &Self::Call) -> Option<Self::Query>;

    /// Whether the target would refuse the call after this answer.
    fn would_refuse(&self, call: &Self::Call, answer: &Self::Fact) -> bool;

    /// Notes what an imagined call does to the state of an object.
    fn note(&self, imagined: &mut Self::Imagined, before: &Self::State, after: &Self::State);

    /// The answer to a question about something that is only imagined, so that the target cannot know it. `state` is that
    /// of the object which the question is asked for, if there is one.
    fn answer(&self, imagined: &Self::Imagined, query: &Self::Query, state: Option<&Self::State>)
    -> Option<Self::Fact>;

    /// What the target would have answered if the imagined calls had been made.
    fn correct(&self, imagined: &Self::Imagined, answer: Self::Fact) -> Self::Fact;
}

/// A call that a dry run did not imagine to succeed.
#[derive(Debug, thiserror::Error)]
pub enum DryFault<F> {
    /// The target could not be asked.
    #[error(transparent)]
    Target(F),
    /// What the call makes is there already.
    #[error("it exists already")]
    Exists,
}

impl<F: TargetFault> TargetFault for DryFault<F> {
    fn class(&self) -> FaultClass {
        match self {
            Self::Target(fault) => fault.class(),
            Self::Exists => FaultClass::Object,
        }
    }
}

/// A target that is only read: questions are asked, calls are imagined.
pub struct DryRun<T: Rehearse> {
    target: Arc<T>,
    imagined: RwLock<T::Imagined>,
    calls: AtomicU32,
}

impl<T: Rehearse> DryRun<T> {
    /// A dry run in which nothing was imagined yet.
    pub fn new(target: Arc<T>) -> Self {
        Self { target, imagined: RwLock::default(), calls: AtomicU32::new(0) }
    }

    fn answer(&self, query: &T::Query, state: Option<&T::State>) -> Option<T::Fact> {
        self.target.answer(&self.imagined.read().unwrap_or_else(PoisonError::into_inner), query, state)
    }
}

/// A step of the target as a step of its dry run, which differ only in name.
fn decision<T: Rehearse>(decision: Decision<T>) -> Decision<DryRun<T>> {
    match decision {
        Decision::Lookup { faces, properties, referrers } => Decision::Lookup { faces, properties, referrers },
        Decision::Ask(query) => Decision::Ask(query),
        Decision::Recall => Decision::Recall,
        Decision::Intend(name) => Decision::Intend(name),
        Decision::Do(Plan { base, calls, skipped, warnings, attributes }) => {
            Decision::Do(Plan { base, calls, skipped, warnings, attributes })
        }
    }
}

impl<T: Rehearse> Target for DryRun<T> {
    type Call = T::Call;
    type Effect = T::Effect;
    type Query = T::Query;
    type Fact = T::Fact;
    type State = T::State;
    type Fault = DryFault<T::Fault>;

    fn revision(&self) -> String {
        self.target.revision()
    }

    fn reduce(&self, event: Event) -> Event {
        self.target.reduce(event)
    }

    fn footprint(
        &self,
        object: &ObjectId,
        kind: ObjectType,
        dn: &Dn,
        desired: Option<&Properties>,
        state: &T::State,
    ) -> Footprint {
        self.target.footprint(object, kind, dn, desired, state)
    }

    fn plan(&self, input: &Input<'_, Self>) -> Result<Decision<Self>, Rejection> {
        let &Input { object, kind, dn, desired, state, known, facts } = input;
        let mut facts = facts.to_vec();
        // A question that is answered and asked again is left to the engine, which counts rounds.
        let asked = facts.len();
        loop {
            let next = self.target.plan(&Input { object, kind, dn, desired, state, known, facts: &facts })?;
            match next {
                Decision::Ask(query) if facts.len() < asked + 4 => match self.answer(&query, Some(state)) {
                    Some(fact) => facts.push(fact),
                    None => return Ok(Decision::Ask(query)),
                },
                next => return Ok(decision(next)),
            }
        }
    }

    fn advance(&self, state: &mut T::State, call: &T::Call, effect: &T::Effect) {
        self.target.advance(state, call, effect);
    }

    fn face(&self, kind: ObjectType, desired: &Properties, state: &T::State) -> Face {
        self.target.face(kind, desired, state)
    }

    fn imagine(&self, call: &T::Call, nth: u32) -> T::Effect {
        self.target.imagine(call, nth)
    }

    fn lane(&self, call: &T::Call) -> Option<Handle> {
        self.target.lane(call)
    }

    fn call_gate(&self, call: &T::Call) -> Option<Handle> {
        self.target.call_gate(call)
    }

    fn query_gate(&self, query: &T::Query) -> Option<Handle> {
        self.target.query_gate(query)
    }

    fn call_name(&self, call: &T::Call) -> &'static str {
        self.target.call_name(call)
    }

    fn safe_values(&self, call: &T::Call) -> Vec<(String, Value)> {
        self.target.safe_values(call)
    }

    async fn execute(&self, call: &T::Call, state: &T::State) -> Result<T::Effect, Self::Fault> {
        if let Some(query) = self.target.question_before(call)
            && self.target.would_refuse(call, &self.observe(&query).await?)
        {
            return Err(DryFault::Exists);
        }
        let effect = self.imagine(call, self.calls.fetch_add(1, Ordering::Relaxed) + 1);
        let mut after = state.clone();
        self.advance(&mut after, call, &effect);
        self.target.note(&mut self.imagined.write().unwrap_or_else(PoisonError::into_inner), state, &after);
        Ok(effect)
    }

    async fn observe(&self, query: &T::Query) -> Result<T::Fact, Self::Fault> {
        if let Some(answer) = self.answer(query, None) {
            return Ok(answer);
        }
        let answer = self.target.observe(query).await.map_err(DryFault::Target)?;
        Ok(self.target.correct(&self.imagined.read().unwrap_or_else(PoisonError::into_inner), answer))
    }

    fn react(&self, call: &T::Call, fault: &Self::Fault, state: &T::State) -> Reaction<Self> {
        match fault {
            DryFault::Exists => self.target.question_before(call).map_or(Reaction::Fail, Reaction::Ask),
            DryFault::Target(fault) => match self.target.react(call, fault, state) {
                Reaction::Learn(fact) => Reaction::Learn(fact),
                Reaction::Ask(query) => Reaction::Ask(query),
                Reaction::Done(effect) => Reaction::Done(effect),
                Reaction::Fail => Reaction::Fail,
            },
        }
    }

    async fn probe(&self) -> Result<(), Self::Fault> {
        self.target.probe().await.map_err(DryFault::Target)
    }
}
