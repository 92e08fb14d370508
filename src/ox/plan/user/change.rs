//! Changing a user: only what differs from what OX holds.

use super::{Fact, OxPlan, OxState, Planned, Scope, Wish, create, deputy, mail};
use crate::ox::attribute::{Attribute, Form};
use crate::ox::mapping::Clear;
use crate::ox::model::{Call, FieldValue, GroupId, Picture, UserFields, UserRef};
use crate::ox::picture::PictureError;
use crate::ox::plan::{AccountFace, Lookups};
use crate::ox::state::{AfterCopy, UserState, cleared};
use crate::state::Handle;
use crate::udm::ObjectType;

/// Plans a change of a user where it is.
pub(super) fn plan(scope: Scope<'_>, wish: &Wish, mut held: UserState) -> Planned<OxPlan> {
    let mut plan = OxPlan { warnings: wish.warnings.clone(), ..OxPlan::default() };
    let who = UserRef::Id(held.id);
    let default_group = Fact::MembersDiffer { context: held.context, group: GroupId::DEFAULT };
    if held.after_copy == Some(AfterCopy::Group) && scope.facts().any(|fact| *fact == default_group) {
        held.after_copy = None; // it is in the default group already
    }
    bring(scope, wish, &mut held, who, &mut plan)?;
    plan.base = OxState::User(Box::new(held));
    Ok(plan)
}

/// Adds the calls that bring a user from `held` to what is wished. Corrects `held` where OX refuses something for good.
pub(super) fn bring(
    scope: Scope<'_>,
    wish: &Wish,
    held: &mut UserState,
    who: UserRef,
    plan: &mut OxPlan,
) -> Planned<()> {
    let context = wish.context;
    let everything = held.after_copy == Some(AfterCopy::Change);
    if everything {
        plan.calls.extend(accounts_that_came_along(scope, wish, held, who)?);
    }
    let mut fields = difference(scope, wish, held, everything, plan);
    let mail = mail::difference(scope, wish, held, who, everything)?;
    if !mail.is_empty() && scope.facts().any(|fact| *fact == Fact::MailTaken { context }) {
        return Err(create::mail_taken(scope, wish).into());
    }
    fields.extend(mail);
    if held.name != wish.name {
        fields.insert(Attribute::NAME, FieldValue::Text(wish.name.clone()));
    }
    let picture = picture(scope, wish, held, plan);
    plan.changes(fields.keys());
    if picture.is_some() {
        plan.changes([Attribute::IMAGE1]);
    }

    let change = |fields: UserFields| Call::UserChange { context, user: who, fields };
    let picture = picture.map(|picture| (Attribute::IMAGE1, FieldValue::Picture(picture)));
    let join = Call::GroupAdd { context, group: GroupId::DEFAULT, members: vec![who] };
    if everything {
        plan.calls.push(change(fields));
        plan.calls.push(join);
        plan.calls.extend(picture.map(|picture| change(UserFields::from([picture]))));
    } else {
        fields.extend(picture);
        if !fields.is_empty() {
            plan.calls.push(change(fields));
        }
        if held.after_copy == Some(AfterCopy::Group) {
            plan.calls.push(join);
        }
    }
    if let Some(rights) = wish.rights
        && held.rights != Some(rights)
    {
        plan.calls.push(Call::UserRights { context, user: who, rights });
        plan.changes(["rights"]);
    }
    personal(wish, held.personal.as_deref(), who, plan);
    deputy::difference(scope, wish, held, who, plan)?;
    if let Some(former) = held.former {
        plan.calls.push(Call::UserDelete { context: former.context, user: former.id });
        plan.changes(["context"]);
    }
    Ok(())
}

/// The fields that differ, without name, mail addresses and picture.
fn difference(scope: Scope<'_>, wish: &Wish, held: &mut UserState, everything: bool, plan: &mut OxPlan) -> UserFields {
    let mapping = &scope.settings.mapping;
    let followed = wish.followed.iter().map(|(attribute, clear)| (*attribute, *clear)).filter(|(attribute, _)| {
        attribute.form() != Form::Picture && ![Attribute::EMAIL1, Attribute::ALIASES].contains(attribute)
    });
    let made = wish.fields.keys().filter(|attribute| mapping.property_of(**attribute).is_none());
    let made = made.map(|attribute| (*attribute, Clear::Keep));
    let quota_is_fixed = scope.facts().any(|fact| *fact == Fact::QuotaFixed { context: wish.context });

    let mut fields = UserFields::new();
    for (attribute, clear) in followed.chain(made) {
        let wanted = wish.fields.get(&attribute);
        let has = held.fields.get(&attribute);
        let value = match (wanted, has) {
            (Some(wanted), has) => (everything || has != Some(wanted)).then(|| wanted.clone()),
            (None, Some(_)) if clear == Clear::Empty => {
                let empty = cleared(attribute);
                if empty.is_none() {
                    let warning = format!("OX cannot clear '{attribute}': it keeps the last value");
                    refuse(held, attribute, None, || plan.warn(warning));
                    continue;
                }
                empty
            }
            _ => None,
        };
        let Some(value) = value else {
            held.refused.remove(&attribute);
            continue;
        };
        if attribute == Attribute::MAX_QUOTA && quota_is_fixed {
            let warning =
                "OX does not let the quota of this user be changed (ALLOW_CHANGING_QUOTA_IF_NO_FILESTORE_SET)";
            refuse(held, attribute, wanted.cloned(), || plan.warn(warning));
        } else if held.refused.get(&attribute) != Some(&wanted.cloned()) {
            fields.insert(attribute, value);
        }
    }
    fields
}

/// Notes that OX does not take a value. Said once, not at each plan.
fn refuse(held: &mut UserState, attribute: Attribute, value: Option<FieldValue>, say: impl FnOnce()) {
    if held.refused.get(&attribute) != Some(&value) {
        say();
        held.refused.insert(attribute, value);
    }
}

/// The picture, if it differs. One that OX could not read is left out as a whole.
fn picture(scope: Scope<'_>, wish: &Wish, held: &mut UserState, plan: &mut OxPlan) -> Option<Picture> {
    let has = match held.fields.get(&Attribute::IMAGE1) {
        Some(FieldValue::Picture(picture)) => Some(picture.fingerprint.as_str()),
        _ => None,
    };
    let clear = *wish.followed.get(&Attribute::IMAGE1)?;
    let Some(source) = &wish.picture else {
        if has.is_some() && clear == Clear::Empty {
            refuse(held, Attribute::IMAGE1, None, || plan.warn("OX cannot clear 'image1': it keeps the last picture"));
        }
        return None;
    };
    if has == Some(source.fingerprint()) {
        held.refused.remove(&Attribute::IMAGE1);
        return None;
    }
    // A picture that could not be read is not converted again as long as it is the same.
    let (media_type, fingerprint) = (String::new(), source.fingerprint().to_owned());
    let mark = Some(FieldValue::Picture(Picture { media_type, fingerprint, sent: None, base64: None }));
    if held.refused.get(&Attribute::IMAGE1) == Some(&mark) {
        return None;
    }
    match source.convert() {
        Ok(picture) => Some(picture),
        Err(error) => {
            refuse(held, Attribute::IMAGE1, mark, || plan.warn(picture_warning(scope, error)));
            None
        }
    }
}

pub(super) fn picture_warning(scope: Scope<'_>, error: PictureError) -> String {
    let property = scope.settings.mapping.property_of(Attribute::IMAGE1).unwrap_or("jpegPhoto");
    format!("the picture in property '{property}' is left out: {error}")
}

/// The name in the From header. OX makes one of given and family name by itself, so that most users need no call.
pub(super) fn personal(wish: &Wish, held: Option<&str>, who: UserRef, plan: &mut OxPlan) {
    let Some(wanted) = &wish.personal else { return };
    let differs = match held {
        Some(held) => held != wanted,
        None => *wanted != wish.natural_personal(),
    };
    if differs {
        let (context, personal) = (wish.context, wanted.clone());
        plan.calls.push(Call::UserPersonal { context, user: who, personal });
        plan.changes(["personal"]);
    }
}

/// A copy brings the accounts of functional accounts along as ordinary ones that nobody can see: they are removed, and the
/// functional accounts make new ones. Never the account of the user itself.
fn accounts_that_came_along(scope: Scope<'_>, wish: &Wish, held: &UserState, who: UserRef) -> Planned<Vec<Call>> {
    let mut lookups: Lookups<'_> = scope.lookups();
    let referrers = lookups.referrers(Handle::dn(scope.input.dn));
    lookups.finish()?;
    let own = [Some(wish.mail.primary.as_str()), held.text(Attribute::PRIMARY_EMAIL)];
    Ok(referrers
        .iter()
        .filter(|found| found.kind == ObjectType::FunctionalAccount)
        .map(|found| AccountFace::read(&found.face).address)
        .filter(|address| !address.is_empty())
        .filter(|address| !own.iter().flatten().any(|own| own.to_lowercase() == address.to_lowercase()))
        .map(|address| Call::AccountDelete { context: wish.context, address, users: [who].into() })
        .collect())
}
