//! From an object to its plan: look up, ask, and decide again until there is one.

use crate::state::{Handle, StateError};
use crate::udm::{Dn, ObjectId, ObjectType, Properties};

use super::target::{Decision, Input, Known, Plan, Rejection, Target};

/// How often planning may start again for one task. Every honest reason to do so adds a fact, and there are few of them.
const ROUNDS: usize = 24;

/// What a plan is made for.
pub(super) struct Case<'a> {
    pub(super) object: &'a ObjectId,
    pub(super) kind: ObjectType,
    pub(super) dn: &'a Dn,
    pub(super) desired: Option<&'a Properties>,
}

/// Planning goes round in circles.
#[derive(Debug, thiserror::Error)]
#[error(
    "planning did not come to an end after {ROUNDS} rounds: the target contradicts itself, or this is a defect of oxherd; \
     please report it with the object's history"
)]
pub(super) struct Endless;

/// How planning gets to know what it wants to know.
pub(super) trait Way<T: Target>: Sync {
    /// Why there is no plan.
    type Stop: From<Rejection> + From<StateError> + From<Endless>;

    /// Adds what is recorded of other objects to what is known.
    fn look_up(
        &self,
        known: &mut Known,
        faces: Vec<Handle>,
        properties: Vec<ObjectId>,
        referrers: Vec<Handle>,
    ) -> impl Future<Output = Result<(), StateError>> + Send;

    /// The names under which the object was about to be created.
    fn recall(&self, object: &ObjectId) -> impl Future<Output = Result<Vec<Handle>, StateError>> + Send;

    /// Notes that the object is about to be created under a name; durably, if it really is.
    fn intend(&self, object: &ObjectId, name: &Handle) -> impl Future<Output = Result<(), StateError>> + Send;

    /// Asks the target.
    fn ask(&self, query: &T::Query) -> impl Future<Output = Result<T::Fact, Self::Stop>> + Send;
}

/// What was learned on the way to the plan of one task.
pub(super) struct Inquiry<T: Target> {
    known: Known,
    facts: Vec<T::Fact>,
    /// The questions that the target was asked, in order.
    pub(super) asked: Vec<T::Query>,
    rounds: usize,
}

impl<T: Target> Inquiry<T> {
    pub(super) fn new() -> Self {
        Self::knowing(Known::default())
    }

    /// One that begins with what is known already.
    pub(super) fn knowing(known: Known) -> Self {
        Self { known, facts: Vec::new(), asked: Vec::new(), rounds: 0 }
    }

    /// Gives the former properties back; see [`Known::former`].
    pub(super) fn take_former(&mut self) -> Option<Properties> {
        self.known.take_former()
    }

    /// Takes into account what a refused call taught.
    pub(super) fn learn(&mut self, fact: T::Fact) {
        self.facts.push(fact);
    }

    /// Asks the target and takes its answer into account.
    pub(super) async fn ask<W: Way<T>>(&mut self, way: &W, query: T::Query) -> Result<(), W::Stop> {
        let answer = way.ask(&query).await;
        self.asked.push(query);
        self.facts.push(answer?);
        Ok(())
    }

    /// The plan that follows from the state and from everything learned so far.
    pub(super) async fn decide<W: Way<T>>(
        &mut self,
        way: &W,
        target: &T,
        case: &Case<'_>,
        state: &T::State,
    ) -> Result<Plan<T>, W::Stop> {
        let &Case { object, kind, dn, desired } = case;
        while self.rounds < ROUNDS {
            self.rounds += 1;
            let (known, facts) = (&self.known, self.facts.as_slice());
            match target.plan(&Input { object, kind, dn, desired, state, known, facts })? {
                Decision::Do(plan) => return Ok(plan),
                Decision::Lookup { faces, properties, referrers } => {
                    way.look_up(&mut self.known, faces, properties, referrers).await?;
                }
                Decision::Ask(query) => self.ask(way, query).await?,
                Decision::Recall => self.known.set_intentions(way.recall(object).await?),
                Decision::Intend(name) => {
                    way.intend(object, &name).await?;
                    self.known.intend(name);
                }
            }
        }
        Err(Endless.into())
    }
}
