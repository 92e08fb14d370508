//! Decides which calls bring OX from the recorded state of an object to its desired properties.
//!
//! Everything here is pure. [`plan`] may need to know more: then it says what to look up in the store or to ask OX, and is
//! called again with the answer. One file per object type.

mod access_profile;
mod adopt;
mod context;
mod face;
mod footprint;
mod functional_account;
mod group;
mod lookups;
mod reduce;
mod resource;
mod shared_account;
mod shared_permission;
mod user;

use std::collections::BTreeSet;

pub use self::face::{AccountFace, ContextFace, GroupFace, PermissionFace, ProfileFace, UserFace, face};
pub use self::footprint::footprint;
use self::lookups::Lookups;
pub use self::reduce::reduce;
use super::handles;
use super::model::{Call, ContextId, Fact, Query};
use super::settings::Settings;
use super::state::OxState;
use crate::engine::{Known, Rejection, RejectionCategory};
use crate::state::Handle;
use crate::udm::{Dn, ObjectId, ObjectType, Properties};

/// Everything besides the settings that a plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// Which object.
    pub object: &'a ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Its distinguished name.
    pub dn: &'a Dn,
    /// Its desired properties; none if it was deleted.
    pub desired: Option<&'a Properties>,
    /// What OX holds of it.
    pub state: &'a OxState,
    /// What is known of other objects.
    pub known: &'a Known,
    /// What OX answered so far, oldest first.
    pub facts: &'a [Fact],
}

/// The next step for an object.
#[allow(clippy::large_enum_variant, reason = "made once and taken apart at once")]
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Look these up in the store, then plan again.
    Lookup {
        /// Handles whose objects are needed.
        faces: Vec<Handle>,
        /// Objects whose stored properties are needed.
        properties: Vec<ObjectId>,
        /// Handles whose referrers are needed.
        referrers: Vec<Handle>,
    },
    /// Ask OX, then plan again.
    Ask(Query),
    /// Look up under which names the object was about to be created, then plan again.
    Recall,
    /// Note durably that the object is about to be created under this name, then plan again.
    Intend(Handle),
    /// Execute this.
    Do(OxPlan),
}

/// What brings an object to its desired state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OxPlan {
    /// The state to start from: the given one, corrected by what was learned.
    pub base: OxState,
    /// The calls, in order. Empty: nothing to do.
    pub calls: Vec<Call>,
    /// Why nothing is done, if the object is out of scope.
    pub skipped: Option<String>,
    /// What an administrator should know, without personal data.
    pub warnings: Vec<String>,
    /// Names of the attributes that change.
    pub attributes: Vec<String>,
}

impl OxPlan {
    /// A plan that starts from a state and does nothing yet.
    fn from(base: OxState) -> Self {
        Self { base, ..Self::default() }
    }

    /// A plan for an object that is out of scope.
    fn skipped(base: OxState, reason: impl Into<String>) -> Self {
        Self { skipped: Some(reason.into()), ..Self::from(base) }
    }

    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    fn changes<T: ToString>(&mut self, attributes: impl IntoIterator<Item = T>) {
        for attribute in attributes {
            let attribute = attribute.to_string();
            if !self.attributes.contains(&attribute) {
                self.attributes.push(attribute);
            }
        }
    }
}

/// Why planning stops before there is a plan.
enum Stop {
    /// More has to be known.
    Step(Box<Step>),
    /// The object is refused.
    Reject(Rejection),
}

type Planned<T> = Result<T, Stop>;

impl<E: Into<Rejection>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Reject(error.into())
    }
}

fn ask(query: Query) -> Stop {
    Stop::Step(Box::new(Step::Ask(query)))
}

/// Settings and input, as the planners of all types need them.
#[derive(Clone, Copy)]
struct Scope<'a> {
    settings: &'a Settings,
    input: PlanInput<'a>,
}

impl<'a> Scope<'a> {
    fn lookups(&self) -> Lookups<'a> {
        Lookups::new(self.input.known)
    }

    fn facts(&self) -> impl DoubleEndedIterator<Item = &'a Fact> + use<'a> {
        self.input.facts.iter()
    }

    /// Whether the number that a handle stands for belongs to another object, which rules out taking it over.
    fn belongs_to_another(&self, handle: Handle) -> Planned<bool> {
        let mut lookups = self.lookups();
        let found = lookups.face(handle);
        lookups.finish()?;
        Ok(found.is_some_and(|found| found.object != *self.input.object))
    }

    /// The context that the object wants to be in, which must be known.
    fn context(&self, context: ContextId) -> Planned<ContextFace> {
        let handle = handles::context(context);
        let mut lookups = self.lookups();
        let found = lookups.face(handle.clone());
        lookups.finish()?;
        let gone = self.facts().any(|fact| *fact == Fact::ContextGone { context });
        match found.and_then(|found| ContextFace::read(&found.face)) {
            Some(face) if !gone => Ok(face),
            _ => Err(Rejection::waiting(
                format!(
                    "OX context {context} is not known: create it (oxmail/oxcontext or OxContext), or correct property \
                     'oxContext' of this object"
                ),
                vec![handle],
            )
            .into()),
        }
    }
}

/// Decides what to do with an object.
pub fn plan(settings: &Settings, input: &PlanInput<'_>) -> Result<Step, Rejection> {
    let scope = Scope { settings, input: *input };
    let planned = match input.kind {
        ObjectType::Context => context::plan(scope),
        ObjectType::AccessProfile => access_profile::plan(scope),
        ObjectType::User => user::plan(scope),
        ObjectType::Group => group::plan(scope),
        ObjectType::FunctionalAccount => functional_account::plan(scope),
        ObjectType::SharedAccountPermission => shared_permission::plan(scope),
        ObjectType::SharedAccount => shared_account::plan(scope),
        ObjectType::Resource => resource::plan(scope),
    };
    match planned {
        Ok(plan) => Ok(Step::Do(plan)),
        Err(Stop::Step(step)) => Ok(*step),
        Err(Stop::Reject(rejection)) => Err(rejection),
    }
}

/// The lane that a call needs for itself alone: user writes of one context run one after the other, and so do copies between
/// the same two contexts, which have been seen to fail beside each other (`ox-soap.md` 5.7).
pub fn lane(call: &Call) -> Option<Handle> {
    match call {
        Call::UserCreate { context, .. }
        | Call::UserChange { context, .. }
        | Call::UserRights { context, .. }
        | Call::UserDelete { context, .. } => Some(handles::user_lane(*context)),
        Call::UserCopy { from, to, .. } => Some(handles::copy_lane(*from, *to)),
        _ => None,
    }
}

/// Reads the number of a context.
fn context_number(properties: &Properties, property: &str) -> Result<Option<ContextId>, Rejection> {
    let Some(number) = properties.number(property)? else { return Ok(None) };
    // OX numbers are 32-bit and signed.
    match u32::try_from(number) {
        Ok(id) if id > 0 && i32::try_from(number).is_ok() => Ok(Some(ContextId(id))),
        _ => Err(Rejection::invalid(format!(
            "property '{property}' must be the number of an OX context, from 1: correct it in the directory"
        ))),
    }
}

/// The distinguished names in a property.
fn names(property: &str, texts: &[String]) -> Result<Vec<Dn>, Rejection> {
    texts.iter().map(|text| dn(property, text)).collect()
}

fn dn(property: &str, text: &str) -> Result<Dn, Rejection> {
    text.parse::<Dn>()
        .map_err(|error| Rejection::invalid(format!("property '{property}' holds a text that is {error}")))
}

/// A property without which the object makes no sense.
fn required(properties: &Properties, property: &str) -> Result<String, Rejection> {
    properties
        .text(property)?
        .ok_or_else(|| Rejection::invalid(format!("property '{property}' is empty: set it in the directory")))
}

fn conflict(message: impl Into<String>, waits_for: Vec<Handle>) -> Rejection {
    Rejection { category: RejectionCategory::Conflict, message: message.into(), waits_for }
}

/// The elements of the first set that are not in the second.
fn without<T: Ord + Copy>(all: &BTreeSet<T>, some: &BTreeSet<T>) -> BTreeSet<T> {
    all.difference(some).copied().collect()
}
