//! Asks the planner whether anything is to be done.

use crate::engine::decide::{Case, Endless, Inquiry, Way};
use crate::engine::inventory::Inventory;
use crate::engine::perform::look_up;
use crate::engine::target::{Known, Rejection};
use crate::state::{Handle, Record, StateError, Store};
use crate::udm::ObjectId;

use super::Stop;

/// What the planner would do.
pub(super) enum Judgement {
    /// Nothing.
    Right,
    /// Calls.
    Drifted {
        /// Names of the attributes that they change.
        attributes: Vec<String>,
        /// Their names.
        calls: Vec<String>,
    },
    /// It refuses the object as it is, which would be parked.
    Refused,
}

/// Plans an object from a state. Asks the target if the plan needs it, and changes nothing.
pub(super) async fn judge<T: Inventory, S: Store>(
    target: &T,
    store: &S,
    record: &Record,
    state: &T::State,
) -> Result<Judgement, Stop> {
    let case = Case { object: &record.object, kind: record.kind, dn: &record.dn, desired: Some(&record.desired) };
    match Inquiry::new().decide(&Reading { target, store }, target, &case, state).await {
        Ok(plan) if plan.calls.is_empty() => Ok(Judgement::Right),
        Ok(plan) => {
            let calls = plan.calls.iter().map(|call| target.call_name(call).to_owned()).collect();
            Ok(Judgement::Drifted { attributes: plan.attributes, calls })
        }
        Err(NoPlan::Refused) => Ok(Judgement::Refused),
        Err(NoPlan::Stop(stop)) => Err(stop),
    }
}

/// Why there is no plan.
enum NoPlan {
    Refused,
    Stop(Stop),
}

impl From<Rejection> for NoPlan {
    fn from(_: Rejection) -> Self {
        Self::Refused
    }
}

impl From<Endless> for NoPlan {
    fn from(_: Endless) -> Self {
        Self::Refused
    }
}

impl From<StateError> for NoPlan {
    fn from(error: StateError) -> Self {
        Self::Stop(error.into())
    }
}

/// Plans with what is recorded; writes nothing.
struct Reading<'a, T, S> {
    target: &'a T,
    store: &'a S,
}

impl<T: Inventory, S: Store> Way<T> for Reading<'_, T, S> {
    type Stop = NoPlan;

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

    async fn intend(&self, _: &ObjectId, _: &Handle) -> Result<(), StateError> {
        Ok(())
    }

    async fn ask(&self, query: &T::Query) -> Result<T::Fact, NoPlan> {
        self.target.observe(query).await.map_err(|fault| NoPlan::Stop(Stop::fault(&fault)))
    }
}
