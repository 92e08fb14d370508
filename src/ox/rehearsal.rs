//! What OX would answer in the course of a dry run, in which nothing is written to it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::attribute::Attribute;
use super::execute::Vault;
use super::handles;
use super::model::{
    Call, ContextId, Effect, Fact, FieldValue, Group, GroupId, ObservedResource, ObservedUser, Query, ResourceFields,
    ResourceId, SharedAccountId, UserFields, UserId,
};
use super::state::{OxState, UserState};
use super::target::OxTarget;
use crate::engine::Rehearse;
use crate::state::Handle;

/// Numbers above this are made up; OX counts from 1, with 31 bits.
const MADE_UP: u32 = 4_000_000_000;

/// What the `nth` call of a dry run would bring, with a made-up number where OX would choose one.
pub(super) fn imagine(call: &Call, nth: u32) -> Effect {
    match call {
        Call::DeputyGrant { .. } => Effect::Granted(symbol(nth)),
        Call::UserCreate { .. }
        | Call::UserCopy { .. }
        | Call::GroupCreate { .. }
        | Call::ResourceCreate { .. }
        | Call::SharedCreate { .. } => Effect::Created(MADE_UP + nth),
        _ => Effect::Done,
    }
}

fn symbol(nth: u32) -> String {
    format!("new-{nth}")
}

/// How a made-up number is shown: `new-1`, because nobody knows which one OX will choose.
pub fn symbol_of(number: u64) -> Option<String> {
    let number = u32::try_from(number).ok()?;
    Some(symbol(number.checked_sub(MADE_UP).filter(|nth| *nth > 0)?))
}

/// Who has which name after the imagined calls, as far as it differs from what OX says.
///
/// Keeps fingerprints of the names: a first load of a large directory imagines every object of it.
#[derive(Debug, Default)]
pub struct Imagined(HashMap<u64, Holder>);

/// Who has a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Holder {
    /// Whoever OX says.
    #[default]
    AsOxSays,
    /// Nobody any more.
    Nobody,
    /// The object with this number.
    Number(u32),
}

impl Holder {
    /// Who is found under the name, when OX says this. Of another holder only the number matters.
    fn correct<V>(self, found: Option<V>, made_up: impl FnOnce(u32) -> V) -> Option<V> {
        match self {
            Self::AsOxSays => found,
            Self::Nobody => None,
            Self::Number(number) => Some(made_up(number)),
        }
    }
}

impl Imagined {
    fn holder(&self, name: &Handle) -> Holder {
        self.0.get(&fingerprint(name)).copied().unwrap_or_default()
    }

    fn is_made(&self, context: ContextId) -> bool {
        matches!(self.holder(&handles::context(context)), Holder::Number(_))
    }

    fn is_gone(&self, name: &Handle) -> bool {
        self.holder(name) == Holder::Nobody
    }

    /// Notes how the names of an object changed.
    fn note(&mut self, before: &OxState, after: &OxState) {
        let (before, after) = (names(before), names(after));
        for name in before.keys().filter(|name| !after.contains_key(name)) {
            self.0.insert(fingerprint(name), Holder::Nobody);
        }
        for (name, number) in after.iter().filter(|(name, number)| before.get(name) != Some(number)) {
            self.0.insert(fingerprint(name), Holder::Number(*number));
        }
    }
}

fn fingerprint(name: &Handle) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// The secondary account of a user.
fn account(context: ContextId, user: UserId, address: &str) -> Handle {
    Handle::new("account", format_args!("{context}/{user}/{}", address.to_lowercase()))
}

/// The names by which OX finds an object, each with its number.
fn names(state: &OxState) -> BTreeMap<Handle, u32> {
    match state {
        OxState::Nothing => BTreeMap::new(),
        OxState::Context(context) => [(handles::context(context.id), context.id.0)].into(),
        OxState::User(user) => {
            let former = user.former.map(|former| (former.context, former.id));
            [(user.context, user.id)]
                .into_iter()
                .chain(former)
                .flat_map(|(context, id)| {
                    [(handles::user_name(context, &user.name), id.0), (handles::user(context, id), id.0)]
                })
                .collect()
        }
        OxState::Groups(state) => {
            let groups = state.groups.iter();
            groups.map(|(context, group)| (handles::group_name(Some(*context), &group.name), group.id.0)).collect()
        }
        OxState::Accounts(state) => {
            let accounts = state.accounts.iter();
            accounts
                .flat_map(|(context, held)| {
                    held.users.keys().map(|user| (account(*context, *user, &held.address), user.0))
                })
                .collect()
        }
        OxState::Shared(shared) => {
            let fields = shared.fields.iter();
            fields.map(|fields| (handles::shared_name(shared.context, &fields.name), shared.id.0)).collect()
        }
        OxState::Resource(resource) => {
            let places = [(resource.context, resource.id)].into_iter().chain(resource.former);
            places.map(|(context, id)| (handles::resource_name(context, &resource.fields.name), id.0)).collect()
        }
    }
}

/// The context that a question goes to.
fn context_of(query: &Query) -> ContextId {
    match query {
        Query::Context { context }
        | Query::UserNamed { context, .. }
        | Query::UserById { context, .. }
        | Query::GroupNamed { context, .. }
        | Query::ResourceNamed { context, .. }
        | Query::SharedNamed { context, .. }
        | Query::Accounts { context, .. }
        | Query::Deputies { context, .. } => *context,
    }
}

/// The answer of an OX in which nothing is found.
fn nothing(query: &Query) -> Fact {
    match query.clone() {
        Query::Context { context } => Fact::Context { context, found: None },
        Query::UserNamed { context, name } => Fact::UserNamed { context, name, found: None },
        Query::UserById { context, user } => Fact::UserById { context, user, found: None },
        Query::GroupNamed { context, name } => Fact::GroupNamed { context, name, found: None },
        Query::ResourceNamed { context, name } => Fact::ResourceNamed { context, name, found: None },
        Query::SharedNamed { context, name } => Fact::SharedNamed { context, name, found: None },
        Query::Accounts { context, address } => Fact::Accounts { context, address, found: Vec::new() },
        Query::Deputies { context, grantor } => Fact::Deputies { context, grantor, found: BTreeMap::new() },
    }
}

/// A user as it would be found, by its state.
fn imagined_user(state: &UserState) -> ObservedUser {
    ObservedUser { id: state.id, name: state.name.clone(), fields: state.fields.clone() }
}

/// Whether OX is asked for something with a made-up number.
fn is_made_up(query: &Query) -> bool {
    match query {
        Query::UserById { user, .. } => user.0 > MADE_UP,
        Query::Deputies { grantor, .. } => grantor.0 > MADE_UP,
        _ => false,
    }
}

fn correct(imagined: &Imagined, answer: Fact) -> Fact {
    match answer {
        Fact::Context { context, .. } if imagined.is_gone(&handles::context(context)) => {
            Fact::Context { context, found: None }
        }
        Fact::UserNamed { context, name, found } => {
            let holder = imagined.holder(&handles::user_name(context, &name));
            let found = holder.correct(found, |id| ObservedUser {
                id: UserId(id),
                name: name.clone(),
                fields: UserFields::new(),
            });
            Fact::UserNamed { context, name, found }
        }
        Fact::UserById { context, user, .. } if imagined.is_gone(&handles::user(context, user)) => {
            Fact::UserById { context, user, found: None }
        }
        Fact::GroupNamed { context, name, found } => {
            let holder = imagined.holder(&handles::group_name(Some(context), &name));
            let found = holder.correct(found, |id| Group {
                id: GroupId(id),
                name: name.clone(),
                display_name: String::new(),
                members: [].into(),
            });
            Fact::GroupNamed { context, name, found }
        }
        Fact::ResourceNamed { context, name, found } => {
            let holder = imagined.holder(&handles::resource_name(context, &name));
            let found = holder.correct(found, |id| {
                let (name, empty) = (name.clone(), String::new);
                let fields = ResourceFields { name, display_name: empty(), description: empty(), mail: empty() };
                ObservedResource { id: ResourceId(id), fields }
            });
            Fact::ResourceNamed { context, name, found }
        }
        Fact::SharedNamed { context, name, found } => {
            let holder = imagined.holder(&handles::shared_name(context, &name));
            let found = holder.correct(found, SharedAccountId);
            Fact::SharedNamed { context, name, found }
        }
        Fact::Accounts { context, address, mut found } => {
            found.retain(|one| {
                !imagined.is_gone(&account(context, one.user, &address))
                    && !imagined.is_gone(&handles::user(context, one.user))
            });
            Fact::Accounts { context, address, found }
        }
        other => other,
    }
}

impl<V: Vault + 'static> Rehearse for OxTarget<V> {
    type Imagined = Imagined;

    fn question_before(&self, call: &Call) -> Option<Query> {
        match call {
            Call::ContextCreate { context, .. } => Some(Query::Context { context: *context }),
            Call::UserCreate { context, fields, .. } => match fields.get(&Attribute::NAME) {
                Some(FieldValue::Text(name)) => Some(Query::UserNamed { context: *context, name: name.clone() }),
                _ => None,
            },
            Call::GroupCreate { context, name, .. } => {
                Some(Query::GroupNamed { context: *context, name: name.clone() })
            }
            Call::ResourceCreate { context, fields } => {
                Some(Query::ResourceNamed { context: *context, name: fields.name.clone() })
            }
            Call::SharedCreate { context, fields } => {
                Some(Query::SharedNamed { context: *context, name: fields.name.clone() })
            }
            Call::AccountCreate { context, address, users, .. } if !users.is_empty() => {
                Some(Query::Accounts { context: *context, address: address.clone() })
            }
            _ => None,
        }
    }

    fn would_refuse(&self, call: &Call, answer: &Fact) -> bool {
        match (call, answer) {
            (_, Fact::Context { found, .. }) => found.is_some(),
            (_, Fact::UserNamed { found, .. }) => found.is_some(),
            (_, Fact::GroupNamed { found, .. }) => found.is_some(),
            (_, Fact::ResourceNamed { found, .. }) => found.is_some(),
            (_, Fact::SharedNamed { found, .. }) => found.is_some(),
            (Call::AccountCreate { users, .. }, Fact::Accounts { found, .. }) => {
                found.iter().any(|account| users.contains(&account.user))
            }
            _ => false,
        }
    }

    fn note(&self, imagined: &mut Imagined, before: &OxState, after: &OxState) {
        imagined.note(before, after);
    }

    fn answer(&self, imagined: &Imagined, query: &Query, state: Option<&OxState>) -> Option<Fact> {
        match (query, state) {
            (Query::UserById { context, user }, Some(OxState::User(held)))
                if is_made_up(query) && (held.context, held.id) == (*context, *user) =>
            {
                Some(Fact::UserById { context: *context, user: *user, found: Some(imagined_user(held)) })
            }
            _ if is_made_up(query) || imagined.is_made(context_of(query)) => Some(correct(imagined, nothing(query))),
            _ => None,
        }
    }

    fn correct(&self, imagined: &Imagined, answer: Fact) -> Fact {
        correct(imagined, answer)
    }
}
