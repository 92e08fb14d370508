//! From an object to its plan: look up, ask, and decide again until there is one.

use crate::state::{Handle, StateError, Store};
use crate::udm::{Dn, ObjectId, ObjectType, Properties};

use super::perform::look_up;
use super::target::{Decision, Input, Known, Plan, Rejection, Target};

/// How often planning may start again for one task. Every honest reason to do so adds a fact, and there are few of them.
pub(super) const ROUNDS: usize = 24;

/// What a plan is made for.
pub(super) struct Case<'a> {
    pub(super) object: &'a ObjectId,
    pub(super) kind: ObjectType,
    pub(super) dn: &'a Dn,
    pub(super) desired: Option<&'a Properties>,
}

/// Answers what planning wants to know of other objects.
pub(super) trait Lookup {
    /// Adds the answers to what is known.
    fn look_up(
        &self,
        known: &mut Known,
        faces: Vec<Handle>,
        properties: Vec<ObjectId>,
        referrers: Vec<Handle>,
    ) -> impl Future<Output = Result<(), StateError>> + Send;
}

impl<S: Store> Lookup for S {
    async fn look_up(
        &self,
        known: &mut Known,
        faces: Vec<Handle>,
        properties: Vec<ObjectId>,
        referrers: Vec<Handle>,
    ) -> Result<(), StateError> {
        look_up(self, known, faces, &properties, referrers).await
    }
}

/// Why there is no plan.
pub(super) enum Undecided<F> {
    /// The object is refused.
    Refused(Rejection),
    /// The target could not be asked.
    Unanswered(F),
    /// The store could not be asked.
    State(StateError),
    /// Planning goes round in circles.
    Endless,
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
        Self { known: Known::default(), facts: Vec::new(), asked: Vec::new(), rounds: 0 }
    }

    /// Takes into account what a refused call taught.
    pub(super) fn learn(&mut self, fact: T::Fact) {
        self.facts.push(fact);
    }

    /// Asks the target and takes its answer into account.
    pub(super) async fn ask(&mut self, target: &T, query: T::Query) -> Result<(), T::Fault> {
        let answer = target.observe(&query).await;
        self.asked.push(query);
        self.facts.push(answer?);
        Ok(())
    }

    /// The plan that follows from the state and from everything learned so far.
    pub(super) async fn decide(
        &mut self,
        target: &T,
        lookup: &impl Lookup,
        case: &Case<'_>,
        state: &T::State,
    ) -> Result<Plan<T>, Undecided<T::Fault>> {
        let &Case { object, kind, dn, desired } = case;
        while self.rounds < ROUNDS {
            self.rounds += 1;
            let (known, facts) = (&self.known, self.facts.as_slice());
            match target.plan(&Input { object, kind, dn, desired, state, known, facts }) {
                Err(rejection) => return Err(Undecided::Refused(rejection)),
                Ok(Decision::Do(plan)) => return Ok(plan),
                Ok(Decision::Lookup { faces, properties, referrers }) => {
                    let found = lookup.look_up(&mut self.known, faces, properties, referrers).await;
                    found.map_err(Undecided::State)?;
                }
                Ok(Decision::Ask(query)) => self.ask(target, query).await.map_err(Undecided::Unanswered)?,
            }
        }
        Err(Undecided::Endless)
    }
}
