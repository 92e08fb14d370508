//! What a plan takes away from OX for good: the difference between what OX holds before and after it.

use std::collections::{BTreeMap, BTreeSet};

use super::attribute::Attribute;
use super::handles;
use super::model::{Call, ContextAccess, ContextId, FieldValue, UserId};
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
        | Call::ContextAccess { access: ContextAccess::Disabled, .. }
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
        (OxState::Context(before), OxState::Context(after))
            if before.access == after.access || after.access == ContextAccess::Enabled =>
        {
            Vec::new()
        }
        (OxState::Context(before), OxState::Context(_) | OxState::Nothing) => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ox::model::{ContextAccess, Group, GroupId, SharedAccountId};
    use crate::ox::state::{Account, AccountState, Accounts, ContextState, GroupState, SharedState};

    const TEN: ContextId = ContextId(10);
    const TWENTY: ContextId = ContextId(20);

    fn user(context: ContextId, enabled: Option<bool>) -> OxState {
        let mut user = UserState::new(context, UserId(3), "anna");
        user.fields.extend(enabled.map(|enabled| (Attribute::MAIL_ENABLED, FieldValue::Flag(enabled))));
        OxState::User(Box::new(user))
    }

    fn context(access: ContextAccess) -> OxState {
        let (name, mappings) = ("ten".to_owned(), BTreeSet::new());
        OxState::Context(ContextState { id: TEN, name, quota: -1, mappings, access, kept: None })
    }

    fn groups(members: &[(ContextId, &[u32])]) -> OxState {
        let group = |members: &[u32]| Group {
            id: GroupId(7),
            name: "g".into(),
            display_name: "g".into(),
            members: members.iter().copied().map(UserId).collect(),
        };
        let groups = members.iter().map(|(context, members)| (*context, group(members))).collect();
        OxState::Groups(GroupState { groups, ..GroupState::default() })
    }

    fn accounts(users: &[u32]) -> OxState {
        let account = || Account { name: "info".into(), personal: None, login: "info".into() };
        let users = users.iter().map(|id| (UserId(*id), account())).collect();
        let accounts = [(TEN, Accounts { address: "info@example.org".into(), users })].into();
        OxState::Accounts(AccountState { accounts, ..AccountState::default() })
    }

    fn shared() -> OxState {
        OxState::Shared(SharedState { context: TEN, id: SharedAccountId(3), fields: None, permissions: None })
    }

    /// Losses in short: `10` an object of context 10, `10+` with all in it, `3/5` three of five members.
    fn short(losses: &[Loss]) -> String {
        let one = |loss: &Loss| match (&loss.of, &loss.scope) {
            (Population::Members { had, .. }, _) => format!("{}/{had}", loss.weight),
            (_, Some(scope)) => {
                let more = if loss.contains.is_some() { "+" } else { "" };
                scope.as_str().trim_start_matches("context:").to_owned() + more
            }
            (_, None) => "nowhere".to_owned(),
        };
        losses.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_lost_is_what_was_there_and_is_not_any_more() {
        use ContextAccess::{Disabled, Enabled};
        use Fate::{Goes, Stays};
        let nothing = || OxState::Nothing;
        let table = [
            ("new", Stays, nothing(), user(TEN, None), ""),
            ("deleted", Goes, user(TEN, None), nothing(), "10"),
            ("switched off in the directory", Stays, user(TEN, Some(true)), nothing(), "10"),
            ("disabled", Goes, user(TEN, Some(true)), user(TEN, Some(false)), "10"),
            ("disabled, though never known as enabled", Goes, user(TEN, None), user(TEN, Some(false)), "10"),
            ("disabled before", Stays, user(TEN, Some(false)), user(TEN, Some(false)), ""),
            ("enabled", Stays, user(TEN, Some(false)), user(TEN, Some(true)), ""),
            ("deleted for good", Goes, user(TEN, Some(false)), nothing(), "10"),
            ("moved", Stays, user(TEN, Some(true)), user(TWENTY, Some(true)), ""),
            ("converted", Stays, user(TEN, Some(true)), shared(), ""),
            ("shared account deleted", Goes, shared(), nothing(), "10"),
            ("context deleted", Goes, context(Enabled), nothing(), "10+"),
            ("context disabled", Goes, context(Enabled), context(Disabled), "10+"),
            ("context enabled", Stays, context(Disabled), context(Enabled), ""),
            ("context changed", Stays, context(Enabled), context(Enabled), ""),
            ("group deleted", Goes, groups(&[(TEN, &[3, 4]), (TWENTY, &[5])]), nothing(), "10 20"),
            ("group emptied", Stays, groups(&[(TEN, &[3, 4])]), nothing(), "10 2/2"),
            ("gone in one context", Stays, groups(&[(TEN, &[3]), (TWENTY, &[5])]), groups(&[(TEN, &[3])]), "20 1/2"),
            ("members removed", Stays, groups(&[(TEN, &[3, 4, 5])]), groups(&[(TEN, &[5, 6, 7, 8])]), "2/3"),
            ("members added", Stays, groups(&[(TEN, &[3])]), groups(&[(TEN, &[3, 4])]), ""),
            ("account deleted", Goes, accounts(&[3, 4]), nothing(), "10"),
            ("users of an account removed", Stays, accounts(&[3, 4]), accounts(&[4]), "1/2"),
        ];
        let object = ObjectId::new("object").unwrap();
        for (name, fate, before, after, expected) in table {
            assert_eq!(short(&between(&object, ObjectType::User, fate, &before, &after)), expected, "{name}");
        }
    }

    #[test]
    fn a_footprint_tells_what_a_deletion_may_take() {
        let stake = |handles: &[Handle]| {
            let footprint = Footprint { handles: handles.to_vec(), ..Footprint::default() };
            short(&at_stake(ObjectType::User, &footprint))
        };
        let dn = Handle::new("dn", "uid=anna");
        assert_eq!(stake(std::slice::from_ref(&dn)), "", "not in OX");
        assert_eq!(stake(&[dn, handles::user(TEN, UserId(3)), handles::primary(TEN, "anna@example.org")]), "10");
        assert_eq!(stake(&[handles::group(TEN, GroupId(3)), handles::group(TWENTY, GroupId(3))]), "10 20");
        assert_eq!(stake(&[handles::context(TEN)]), "10");
    }
}
