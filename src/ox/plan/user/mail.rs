//! The mail addresses of a user, which OX wants to fit together.

use super::{ContextId, Fact, Planned, Rejection, Scope, Wish, ask};
use crate::ox::attribute::Attribute;
use crate::ox::model::{FieldValue, ObservedUser, Query, UserFields, UserId, UserRef};
use crate::ox::state::UserState;

/// How often OX may refuse the default sender before the object is given up.
const ATTEMPTS: usize = 3;

/// The mail fields to send, if any differs.
///
/// The default sender belongs to the user, who may change it. Only when an address goes away OX has to be asked for it first,
/// because a sender outside the aliases would be refused.
pub(super) fn difference(
    scope: Scope<'_>,
    wish: &Wish,
    held: &UserState,
    who: UserRef,
    everything: bool,
) -> Planned<UserFields> {
    let primary = &wish.mail.primary;
    let had_primary = held.text(Attribute::PRIMARY_EMAIL);
    let had = match held.fields.get(&Attribute::ALIASES) {
        Some(FieldValue::Texts(aliases)) => aliases.as_slice(),
        _ => &[],
    };
    let primary_changes = had_primary != Some(primary) || held.text(Attribute::EMAIL1) != Some(primary);
    let aliases_change = wish.mail.aliases.as_ref().is_some_and(|aliases| !same_set(aliases, had));
    if !(everything || primary_changes || aliases_change) {
        return Ok(UserFields::new());
    }

    let refusals = scope.facts().filter(|fact| matches!(fact, Fact::SenderUnknown { .. })).count();
    if refusals >= ATTEMPTS {
        return Err(Rejection::invalid(
            "OX keeps refusing the mail addresses of this user: check its default sender and aliases in OX",
        )
        .into());
    }
    let removes = wish.mail.aliases.as_ref().is_some_and(|aliases| had.iter().any(|old| !contains(aliases, old)));
    let mut fields = UserFields::new();
    let aliases = if primary_changes || removes || refusals > 0 {
        let observed = observed(scope, held, who)?;
        let aliases = wish.mail.aliases.clone().unwrap_or_else(|| with(primary, texts(observed, Attribute::ALIASES)));
        let sender = sender(primary, had_primary, text(observed, Attribute::DEFAULT_SENDER_ADDRESS), &aliases);
        fields.insert(Attribute::DEFAULT_SENDER_ADDRESS, FieldValue::Text(sender));
        Some(aliases)
    } else {
        wish.mail.aliases.clone()
    };
    if everything || fields.contains_key(&Attribute::DEFAULT_SENDER_ADDRESS) {
        fields.insert(Attribute::PRIMARY_EMAIL, FieldValue::Text(primary.clone()));
        fields.insert(Attribute::EMAIL1, FieldValue::Text(primary.clone()));
    }
    if let Some(aliases) = aliases {
        fields.insert(Attribute::ALIASES, FieldValue::Texts(aliases));
    }
    Ok(fields)
}

/// The sender to send, spelled as in the list of aliases.
fn sender(primary: &str, former_primary: Option<&str>, current: Option<&str>, aliases: &[String]) -> String {
    let follows = |current: &&str| former_primary.is_none_or(|former| !same(former, current));
    let kept = current.filter(|current| former_primary == Some(primary) || follows(current));
    let spelled = |address: &str| aliases.iter().find(|alias| same(alias, address)).cloned();
    kept.and_then(spelled).or_else(|| spelled(primary)).unwrap_or_else(|| primary.to_owned())
}

/// The user as OX said it is, asked after the last refusal. A user that is being copied is asked for where it comes from.
fn observed<'a>(scope: Scope<'a>, held: &UserState, who: UserRef) -> Planned<&'a ObservedUser> {
    let (context, user): (ContextId, UserId) = match (who, held.former) {
        (UserRef::Planned, Some(former)) => (former.context, former.id),
        _ => (held.context, held.id),
    };
    for fact in scope.facts().rev() {
        match fact {
            Fact::SenderUnknown { .. } => break,
            Fact::UserById { context: c, found: Some(found), .. }
            | Fact::UserNamed { context: c, found: Some(found), .. }
                if *c == context && found.id == user =>
            {
                return Ok(found);
            }
            _ => {}
        }
    }
    Err(ask(Query::UserById { context, user }))
}

fn text(user: &ObservedUser, attribute: Attribute) -> Option<&str> {
    match user.fields.get(&attribute) {
        Some(FieldValue::Text(text)) => Some(text),
        _ => None,
    }
}

fn texts(user: &ObservedUser, attribute: Attribute) -> &[String] {
    match user.fields.get(&attribute) {
        Some(FieldValue::Texts(texts)) => texts,
        _ => &[],
    }
}

fn with(primary: &str, aliases: &[String]) -> Vec<String> {
    let others = aliases.iter().filter(|alias| !same(alias, primary)).cloned();
    std::iter::once(primary.to_owned()).chain(others).collect()
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn contains(aliases: &[String], address: &str) -> bool {
    aliases.iter().any(|alias| same(alias, address))
}

/// The order of aliases means nothing, their spelling does.
fn same_set(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|alias| b.contains(alias))
}
