//! What a plan takes away from OX for good: the difference between what OX holds before and after it.

use std::collections::{BTreeMap, BTreeSet};

use super::attribute::Attribute;
use super::handles;
use super::model::{Call, ContextId, FieldValue, UserId};
use super::state::{OxState, UserState};
use crate::state::{Footprint, Handle, Loss, Population};
use crate::udm::{ObjectId, ObjectType};

/// Whether the object itself stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The directory wants it in OX.
    Stays,
    /// It does not.
    Goes,
}

/// Whether a call can take anything away at all. Most plans have no such call, and then nothing has to be compared.
pub fn takes_away(call: &Call) -> bool {
    match call {
        Call::ContextDelete { .. }
        | Call::UserDelete { .. }
        | Call::GroupChange { .. }
        | Call::GroupRemove { .. }
        | Call::GroupDelete { .. }
        | Call::AccountDelete { .. }
        | Call::SharedDelete { .. }
        | Call::ResourceDelete { .. } => true,
        Call::UserChange { fields, .. } => fields.get(&Attribute::MAIL_ENABLED) == Some(&FieldValue::Flag(false)),
        _ => false,
    }
}

/// What is lost between two states of an object. What is there in another context or as something else is not lost: moves and
/// conversions take nothing away.
pub fn between(object: &ObjectId, kind: ObjectType, fate: Fate, before: &OxState, after: &OxState) -> Vec<Loss> {
    let one = |context: ContextId| Loss {
        of: Population::Objects { kind },
        scope: Some(handles::context(context)),
        weight: 1,
        contains: None,
    };
    match (before, after) {
        (OxState::User(before), OxState::User(after)) if is_active(before) && !is_active(after) => {
            vec![one(after.context)]
        }
        (OxState::User(before), OxState::Nothing) => vec![one(before.context)],
        (OxState::Context(before), OxState::Nothing) => {
            vec![Loss { contains: Some(handles::context(before.id)), ..one(before.id) }]
        }
        (OxState::Shared(before), OxState::Nothing) => vec![one(before.context)],
        (OxState::Resource(before), OxState::Nothing) => vec![one(before.context)],
        (OxState::Groups(_) | OxState::Accounts(_), _) => {
            let (before, after) = (members(before), members(after));
            let gone = before.keys().filter(|context| !after.contains_key(context)).map(|context| one(*context));
            let mut losses: Vec<_> = gone.collect();
            if fate == Fate::Stays {
                losses.extend(lost_members(object, &before, &after));
            }
            losses
        }
        _ => Vec::new(),
    }
}

/// What the deletion of an object with this footprint is expected to take away.
pub fn at_stake(kind: ObjectType, footprint: &Footprint) -> Vec<Loss> {
    let contexts: BTreeSet<_> = footprint.handles.iter().filter_map(handles::context_of).collect();
    let loss = |context| {
        let scope: Option<Handle> = Some(handles::context(context));
        Loss { of: Population::Objects { kind }, scope, weight: 1, contains: None }
    };
    contexts.into_iter().map(loss).collect()
}

/// Whether a user can use OX. Unknown counts as active: OX makes users active.
fn is_active(user: &UserState) -> bool {
    user.fields.get(&Attribute::MAIL_ENABLED) != Some(&FieldValue::Flag(false))
}

/// The members of a group or functional account by context.
fn members(state: &OxState) -> BTreeMap<ContextId, BTreeSet<UserId>> {
    match state {
        OxState::Groups(held) => held.groups.iter().map(|(context, group)| (*context, group.members.clone())).collect(),
        OxState::Accounts(held) => held
            .accounts
            .iter()
            .map(|(context, accounts)| (*context, accounts.users.keys().copied().collect()))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn lost_members(
    object: &ObjectId,
    before: &BTreeMap<ContextId, BTreeSet<UserId>>,
    after: &BTreeMap<ContextId, BTreeSet<UserId>>,
) -> Option<Loss> {
    let none = BTreeSet::new();
    let lost = |(context, members): (&ContextId, &BTreeSet<UserId>)| {
        members.difference(after.get(context).unwrap_or(&none)).count() as u64
    };
    let weight = before.iter().map(lost).sum();
    let had = before.values().map(|members| members.len() as u64).sum();
    let of = Population::Members { object: object.clone(), had };
    (weight > 0).then_some(Loss { of, scope: None, weight, contains: None })
}
