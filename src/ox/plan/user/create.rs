//! Making a user: usually one call.

use super::{OxPlan, OxState, Planned, Scope, Wish, change, conflict, deputy, handles};
use crate::ox::attribute::Attribute;
use crate::ox::model::{Call, Fact, FieldValue, Guests, UserFields, UserRef};
use crate::ox::state::UserState;

/// Plans a new user; `former` is the user in another context that it replaces.
pub(super) fn plan(scope: Scope<'_>, wish: &Wish, former: Option<UserState>) -> Planned<OxPlan> {
    let context = wish.context;
    let mut plan = OxPlan { warnings: wish.warnings.clone(), ..OxPlan::default() };
    let mut fields = fields(wish);
    if let Some(source) = &wish.picture {
        match source.convert() {
            Ok(picture) => {
                fields.insert(Attribute::IMAGE1, FieldValue::Picture(picture));
            }
            Err(error) => plan.warn(change::picture_warning(scope, error)),
        }
    }
    plan.changes(fields.keys().filter(|attribute| **attribute != Attribute::PASSWORD));
    let guests = guests(scope, wish)?;
    // Only the plain create converts guests; the rights follow in a call of their own.
    let rights = if guests == Guests::Convert { None } else { wish.rights };
    plan.calls.push(Call::UserCreate { context, fields, rights, guests });
    if let (Guests::Convert, Some(rights)) = (guests, wish.rights) {
        plan.calls.push(Call::UserRights { context, user: UserRef::Planned, rights });
    }
    if wish.rights.is_some() {
        plan.changes(["rights"]);
    }
    change::personal(wish, None, UserRef::Planned, &mut plan);
    deputy::grant_all(wish, &mut plan);
    if let Some(former) = former {
        plan.calls.push(Call::UserDelete { context: former.context, user: former.id });
        plan.base = OxState::User(Box::new(former));
    }
    Ok(plan)
}

fn fields(wish: &Wish) -> UserFields {
    let mut fields = wish.fields.clone();
    fields.extend(wish.on_create.clone());
    fields.insert(Attribute::NAME, FieldValue::Text(wish.name.clone()));
    fields.insert(Attribute::PASSWORD, FieldValue::GeneratedSecret);
    fields.insert(Attribute::EMAIL1, FieldValue::Text(wish.mail.primary.clone()));
    fields.insert(Attribute::PRIMARY_EMAIL, FieldValue::Text(wish.mail.primary.clone()));
    if let Some(aliases) = &wish.mail.aliases {
        fields.insert(Attribute::ALIASES, FieldValue::Texts(aliases.clone()));
    }
    fields
}

/// Whether a guest may become this user: only after OX said that the address is taken.
fn guests(scope: Scope<'_>, wish: &Wish) -> Planned<Guests> {
    let context = wish.context;
    let refusals = scope.facts().filter(|fact| **fact == Fact::MailTaken { context }).count();
    match refusals {
        0 => Ok(Guests::Refuse),
        1 if scope.settings.features.convert_guest.is_on() => Ok(Guests::Convert),
        _ => Err(mail_taken(scope, wish)?.into()),
    }
}

/// The primary address belongs to somebody else.
pub(super) fn mail_taken(scope: Scope<'_>, wish: &Wish) -> Planned<super::Rejection> {
    let handle = handles::primary(wish.context, &wish.mail.primary);
    let kept = scope.kept_hint(handle.clone())?;
    let hint = if scope.settings.features.convert_guest.is_on() {
        ""
    } else {
        ", or switch on the feature that turns guests into users if it is a guest"
    };
    Ok(conflict(
        format!(
            "the primary mail address of this user is already used in OX context {}: change property '{}', or remove the \
             other account{hint}{kept}",
            wish.context,
            scope.settings.mapping.property_of(Attribute::EMAIL1).unwrap_or("mailPrimaryAddress"),
        ),
        vec![handle],
    ))
}
