//! Ties planning and SOAP to the engine: OX as a [`Target`].

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use crate::engine::{Decision, Input, Plan, Reaction, Rejection, Target};
use crate::state::{Face, Footprint, Handle};
use crate::udm::{Dn, Event, ObjectId, ObjectType, Properties};

use super::execute::{Executor, Planned, Response, Vault};
use super::handles;
use super::mapping::Servers;
use super::model::{Call, Effect, Fact, FieldValue, Query, UserFields};
use super::plan::{self, OxPlan, PlanInput, Step};
use super::rehearsal;
use super::settings::Settings;
use super::soap::OxFault;
use super::state::OxState;

/// One OX installation with the settings that planning follows.
pub struct OxTarget<V> {
    current: RwLock<Arc<Current>>,
    executor: Executor<V>,
}

pub(super) struct Current {
    pub(super) settings: Settings,
    revision: String,
}

impl Current {
    fn new(settings: Settings) -> Arc<Self> {
        let revision = settings.revision();
        Arc::new(Self { settings, revision })
    }
}

impl<V: Vault> OxTarget<V> {
    /// A target with its first settings.
    pub fn new(settings: Settings, executor: Executor<V>) -> Self {
        Self { current: RwLock::new(Current::new(settings)), executor }
    }

    /// Replaces the settings. Plans that are being made go on with the former ones; the new revision makes the engine plan
    /// again whatever they concern.
    pub fn replace_settings(&self, settings: Settings) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Current::new(settings);
    }

    /// What the mapping makes of a user, apart from its picture.
    pub fn mapped(&self, user: &Properties) -> Result<UserFields, Rejection> {
        let current = self.current();
        let servers = Servers { imap: &current.settings.imap, smtp: &current.settings.smtp };
        let mapped = current.settings.mapping.apply(user, servers)?;
        Ok(mapped.fields.into_iter().chain(mapped.on_create).collect())
    }

    /// What makes the calls.
    pub fn executor(&self) -> &Executor<V> {
        &self.executor
    }

    pub(super) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What calls of a plan refer to that earlier calls have made.
fn planned(state: &OxState) -> Planned {
    Planned { user: state.user_id(), shared: state.shared_id() }
}

impl<V: Vault + 'static> Target for OxTarget<V> {
    type Call = Call;
    type Effect = Effect;
    type Query = Query;
    type Fact = Fact;
    type State = OxState;
    type Fault = OxFault;

    fn revision(&self) -> String {
        self.current().revision.clone()
    }

    fn reduce(&self, event: Event) -> Event {
        plan::reduce(&self.current().settings, event)
    }

    fn footprint(
        &self,
        object: &ObjectId,
        kind: ObjectType,
        dn: &Dn,
        desired: Option<&Properties>,
        state: &OxState,
    ) -> Footprint {
        plan::footprint(&self.current().settings, object, kind, dn, desired, state)
    }

    fn plan(&self, input: &Input<'_, Self>) -> Result<Decision<Self>, Rejection> {
        let &Input { object, kind, dn, desired, state, known, facts } = input;
        let step = plan::plan(&self.current().settings, &PlanInput { object, kind, dn, desired, state, known, facts })?;
        Ok(match step {
            Step::Lookup { faces, properties, referrers } => Decision::Lookup { faces, properties, referrers },
            Step::Ask(query) => Decision::Ask(query),
            Step::Recall => Decision::Recall,
            Step::Intend(name) => Decision::Intend(name),
            Step::Do(OxPlan { base, calls, skipped, warnings, attributes }) => {
                Decision::Do(Plan { base, calls, skipped, warnings, attributes })
            }
        })
    }

    fn advance(&self, state: &mut OxState, call: &Call, effect: &Effect) {
        state.advance(call, effect);
    }

    fn face(&self, kind: ObjectType, desired: &Properties, state: &OxState) -> Face {
        plan::face(&self.current().settings, kind, desired, state)
    }

    fn imagine(&self, call: &Call, nth: u32) -> Effect {
        rehearsal::imagine(call, nth)
    }

    fn lane(&self, call: &Call) -> Option<Handle> {
        plan::lane(call)
    }

    fn call_gate(&self, call: &Call) -> Option<Handle> {
        call.admin_of().map(handles::context)
    }

    fn query_gate(&self, query: &Query) -> Option<Handle> {
        query.admin_of().map(handles::context)
    }

    fn call_name(&self, call: &Call) -> &'static str {
        call.name()
    }

    fn safe_values(&self, call: &Call) -> Vec<(String, Value)> {
        let (Call::UserCreate { fields, .. } | Call::UserChange { fields, .. }) = call else { return Vec::new() };
        let current = self.current();
        let safe = fields.iter().filter(|(attribute, value)| {
            current.settings.mapping.audits_values(**attribute) && !matches!(value, FieldValue::Picture(_))
        });
        safe.map(|(attribute, value)| (attribute.to_string(), json!(value))).collect()
    }

    async fn execute(&self, call: &Call, state: &OxState) -> Result<Effect, OxFault> {
        self.executor.execute(call, planned(state)).await
    }

    async fn observe(&self, query: &Query) -> Result<Fact, OxFault> {
        self.executor.observe(query).await
    }

    fn react(&self, call: &Call, fault: &OxFault, state: &OxState) -> Reaction<Self> {
        match Executor::<V>::react(call, fault, planned(state)) {
            Response::Learn(fact) => Reaction::Learn(fact),
            Response::Ask(query) => Reaction::Ask(query),
            Response::Done => Reaction::Done(Effect::Done),
            Response::Fail => Reaction::Fail,
        }
    }

    async fn probe(&self) -> Result<(), OxFault> {
        self.executor.probe().await
    }
}
