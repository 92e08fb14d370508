//! What the engine asks of a target system.

use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::state::{Face, Footprint, Found, Handle};
use crate::udm::{Dn, Event, ObjectId, ObjectType, Properties};

/// A system to which directory objects are provisioned.
///
/// What the target holds of an object is its `State`. It is only ever changed by [`Target::advance`], once for each call
/// that succeeded, so a recorded state is by construction what was really sent, also after a failure half-way.
pub trait Target: Send + Sync + 'static {
    /// One call to the target. Prints as JSON in dry runs and therefore holds no secrets.
    type Call: Serialize + Clone + Debug + Send + Sync;
    /// What a successful call brought, for instance a new number.
    type Effect: Send;
    /// A question to the target.
    type Query: Serialize + Clone + Debug + Send + Sync;
    /// An answer to a question, or what a refused call taught.
    type Fact: Clone + Debug + Send + Sync;
    /// What the target holds of one object. The default is: nothing.
    type State: Serialize + DeserializeOwned + Default + Clone + PartialEq + Debug + Send + Sync;
    /// A failed call.
    type Fault: TargetFault;

    /// Revision of everything besides the object that planning depends on (mapping, settings). A new revision makes the
    /// engine plan all objects again.
    fn revision(&self) -> String;

    /// Reduces an event to what planning needs, so that nothing else is ever stored.
    fn reduce(&self, event: Event) -> Event;

    /// The names that an object holds and depends on, with these desired properties and this state.
    ///
    /// Called with the default state when a task arrives, and with the reached state when it is done.
    fn footprint(
        &self,
        object: &ObjectId,
        kind: ObjectType,
        dn: &Dn,
        desired: Option<&Properties>,
        state: &Self::State,
    ) -> Footprint;

    /// Decides what to do. Pure: the same input gives the same decision, and dry runs print it.
    fn plan(&self, input: &Input<'_, Self>) -> Result<Decision<Self>, Rejection>;

    /// Takes a successful call over into the state.
    fn advance(&self, state: &mut Self::State, call: &Self::Call, effect: &Self::Effect);

    /// What others need to know of the object.
    fn face(&self, kind: ObjectType, desired: &Properties, state: &Self::State) -> Face;

    /// What the `nth` call of a dry run would bring, with a made-up number where the target would choose one.
    fn imagine(&self, call: &Self::Call, nth: u32) -> Self::Effect;

    /// The lane that the call needs for itself alone, if any.
    fn lane(&self, call: &Self::Call) -> Option<Handle>;

    /// The part of the target that the call needs; see [`FaultClass::Blocked`].
    fn call_gate(&self, call: &Self::Call) -> Option<Handle>;

    /// The part of the target that the question needs.
    fn query_gate(&self, query: &Self::Query) -> Option<Handle>;

    /// Short constant name of a call.
    fn call_name(&self, call: &Self::Call) -> &'static str;

    /// The values in a call that the audit trail may keep, by attribute: those that an administrator marked as safe.
    fn safe_values(&self, _call: &Self::Call) -> Vec<(String, Value)> {
        Vec::new()
    }

    /// Makes a call. `state` is the state before it; calls that refer to what an earlier call of the plan made find it there.
    fn execute(
        &self,
        call: &Self::Call,
        state: &Self::State,
    ) -> impl Future<Output = Result<Self::Effect, Self::Fault>> + Send;

    /// Asks a question. Changes nothing.
    fn observe(&self, query: &Self::Query) -> impl Future<Output = Result<Self::Fact, Self::Fault>> + Send;

    /// What a refused call means for the plan.
    fn react(&self, call: &Self::Call, fault: &Self::Fault, state: &Self::State) -> Reaction<Self>;

    /// A cheap call that shows whether the target works again.
    fn probe(&self) -> impl Future<Output = Result<(), Self::Fault>> + Send;
}

/// Everything that a decision depends on.
pub struct Input<'a, T: Target + ?Sized> {
    /// Which object.
    pub object: &'a ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Its distinguished name.
    pub dn: &'a Dn,
    /// Its desired properties; none if it was deleted.
    pub desired: Option<&'a Properties>,
    /// What the target holds of it.
    pub state: &'a T::State,
    /// What is known of other objects.
    pub known: &'a Known,
    /// What the target answered so far, oldest first.
    pub facts: &'a [T::Fact],
}

/// What is known of other objects, as far as it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Known {
    faces: HashMap<Handle, Option<Found>>,
    properties: HashMap<ObjectId, Properties>,
    referrers: HashMap<Handle, Vec<Found>>,
    intentions: Option<Vec<Handle>>,
    former: Option<Properties>,
}

impl Known {
    /// The object behind a handle: `None` if it was not asked for yet, `Some(None)` if there is none.
    pub fn face(&self, handle: &Handle) -> Option<Option<&Found>> {
        self.faces.get(handle).map(Option::as_ref)
    }

    /// The stored properties of an object, if they were asked for.
    pub fn properties(&self, object: &ObjectId) -> Option<&Properties> {
        self.properties.get(object)
    }

    /// The objects that refer to a handle, if they were asked for.
    pub fn referrers(&self, handle: &Handle) -> Option<&[Found]> {
        self.referrers.get(handle).map(Vec::as_slice)
    }

    /// The names under which this object was about to be created, if they were asked for.
    pub fn intentions(&self) -> Option<&[Handle]> {
        self.intentions.as_deref()
    }

    /// Notes the names under which this object was about to be created.
    pub fn set_intentions(&mut self, names: Vec<Handle>) {
        self.intentions = Some(names);
    }

    /// Notes one more name under which this object is about to be created.
    pub fn intend(&mut self, name: Handle) {
        self.intentions.get_or_insert_default().push(name);
    }

    /// The properties that were last applied, if these are all that may differ from the last plan: it left nothing to do, and
    /// since then neither the objects that this one refers to nor mapping and settings have changed. What the state says of
    /// other objects then still holds.
    pub fn former(&self) -> Option<&Properties> {
        self.former.as_ref()
    }

    /// Notes that only the properties may have changed, and what they were.
    pub fn set_former(&mut self, former: Properties) {
        self.former = Some(former);
    }

    /// Takes the former properties back.
    pub fn take_former(&mut self) -> Option<Properties> {
        self.former.take()
    }

    /// Notes what is behind a handle.
    pub fn set_face(&mut self, handle: Handle, found: Option<Found>) {
        self.faces.insert(handle, found);
    }

    /// Notes the properties of an object.
    pub fn set_properties(&mut self, object: ObjectId, properties: Properties) {
        self.properties.insert(object, properties);
    }

    /// Notes who refers to a handle.
    pub fn set_referrers(&mut self, handle: Handle, found: Vec<Found>) {
        self.referrers.insert(handle, found);
    }
}

/// The next step for an object.
#[derive(Debug)]
pub enum Decision<T: Target + ?Sized> {
    /// Look these up in the store, then plan again.
    Lookup {
        /// Handles whose objects are needed.
        faces: Vec<Handle>,
        /// Objects whose stored properties are needed.
        properties: Vec<ObjectId>,
        /// Handles whose referrers are needed.
        referrers: Vec<Handle>,
    },
    /// Ask the target, then plan again.
    Ask(T::Query),
    /// Look up under which names this object was about to be created, then plan again.
    Recall,
    /// Note durably that this object is about to be created under a name, then plan again. So a create whose answer is lost
    /// is recognised where names alone do not make an object ours.
    Intend(Handle),
    /// Execute this.
    Do(Plan<T>),
}

/// What brings an object to its desired state.
#[derive(Debug)]
pub struct Plan<T: Target + ?Sized> {
    /// The state to start from: the given one, corrected by what was learned (an adopted or a vanished object).
    pub base: T::State,
    /// The calls, in order. Empty: nothing to do.
    pub calls: Vec<T::Call>,
    /// Why nothing is done, if the object is out of scope (for instance `not an OX user`).
    pub skipped: Option<String>,
    /// What an administrator should know, without secrets.
    pub warnings: Vec<String>,
    /// Names of the attributes that change.
    pub attributes: Vec<String>,
}

/// What a refused call means.
pub enum Reaction<T: Target + ?Sized> {
    /// It taught something: plan again with it.
    Learn(T::Fact),
    /// Ask this, then plan again.
    Ask(T::Query),
    /// It counts as done, with this effect (deleting what is gone).
    Done(T::Effect),
    /// It is a failure.
    Fail,
}

/// A failed call.
pub trait TargetFault: std::error::Error + Send + Sync + 'static {
    /// Where the cause lies, which decides what happens next.
    fn class(&self) -> FaultClass;
}

/// Where the cause of a failed call lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultClass {
    /// In the object: park it.
    Object,
    /// In the moment: try again soon.
    Busy,
    /// In a part of the target (a context that another process changes, whose database is being updated, whose
    /// administrator is refused): all calls to that part wait, and one is tried from time to time.
    Blocked {
        /// The part.
        gate: Handle,
        /// How often to try.
        pace: Pace,
    },
    /// In what the object depends on (its context, its credentials): park it until that changes.
    Dependency(Handle),
    /// In the target as a whole (unreachable, overloaded): stop calling, probe, resume.
    World,
    /// The target refuses our own credentials: stop calling, probe seldom, resume at once when they change.
    Credentials,
    /// In oxherd or an unknown server: park it and raise an alarm.
    Protocol,
}

/// How often to try what does not work for the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It may work again any moment.
    Soon,
    /// Trying does harm: too many wrong passwords lock an administrator out.
    Seldom,
}

/// Why planning refuses an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumString)]
pub enum RejectionCategory {
    /// The object itself is wrong.
    InvalidObject,
    /// Something that it needs is not there yet.
    Waiting,
    /// Somebody else owns what it wants to be.
    Conflict,
    /// The target lacks a feature.
    Unsupported,
}

/// Planning refuses an object: it is parked with this cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// Which kind of reason.
    pub category: RejectionCategory,
    /// Names the field and the remedy; no secrets.
    pub message: String,
    /// The names whose change makes another try worthwhile.
    pub waits_for: Vec<Handle>,
}

impl Rejection {
    /// The object is wrong and has to be corrected in the directory.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { category: RejectionCategory::InvalidObject, message: message.into(), waits_for: Vec::new() }
    }

    /// The object waits for something that is not there yet.
    pub fn waiting(message: impl Into<String>, waits_for: Vec<Handle>) -> Self {
        Self { category: RejectionCategory::Waiting, message: message.into(), waits_for }
    }
}

impl From<crate::udm::PropertyError> for Rejection {
    fn from(error: crate::udm::PropertyError) -> Self {
        Self::invalid(error.to_string())
    }
}
