//! Lists of users: ids only.

use crate::simulator::ox::call::Call;
use crate::simulator::ox::checks::{like, like_ignoring_case};
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::Answer;
use crate::simulator::ox::schema::{STRING_MAP, Type, USER};
use crate::simulator::ox::world::{Context, User};

/// A user of whom only the id is known, with the defaults that the server's constructor sets.
pub fn id_only(kind: &'static Type) -> Record {
    let mut record = Record::new(kind);
    record.set_flag("contextadmin", false);
    record.set_number("imapPort", 143);
    record.set_text("imapSchema", "imap://");
    record.set_number("smtpPort", 25);
    record.set_text("smtpSchema", "smtp://");
    record.set_flag("convert_drive_user_folders", false);
    record
}

/// An empty map, as `getData` gives the GUI settings.
pub fn empty_map() -> Value {
    Value::Object(Box::new(Record::new(&STRING_MAP)))
}

pub fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let pattern = pattern(call);
    hits(call, |user| pattern.is_none_or(|p| like(p, user.name()) || like_ignoring_case(p, user.display_name())))
}

pub fn list_all(call: &mut Call<'_>) -> Result<Answer, Fault> {
    hits(call, |_| true)
}

pub fn list_ignoring_case(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let pattern = pattern(call);
    hits(call, |user| {
        pattern.is_none_or(|p| like_ignoring_case(p, user.name()) || like_ignoring_case(p, user.display_name()))
    })
}

pub fn list_by_alias_domain(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let domain = call.body.text("alias_domain").unwrap_or_default().to_lowercase();
    hits(call, |user| user.record.texts("aliases").any(|alias| alias.to_lowercase().ends_with(&domain)))
}

/// The search pattern; an empty one finds everybody.
fn pattern<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    call.body.filled("search_pattern")
}

fn hits(call: &Call<'_>, hit: impl Fn(&User) -> bool) -> Result<Answer, Fault> {
    let body = &call.body;
    let ids = call.as_admin(|context| {
        let mut found = Vec::new();
        if body.flag("exclude_users") != Some(true) {
            found.extend(context.users.iter().filter(|(_, user)| hit(user)).map(|(id, user)| (user.name(), id)));
        }
        let mut ids = page(body, &mut found);
        if body.flag("include_guests") == Some(true) {
            ids.extend(guests(context));
        }
        Ok(ids)
    })?;
    Ok(Answer::Ids(id_only(&USER), ids))
}

fn guests(context: &Context) -> impl Iterator<Item = i64> {
    context.users.guests().keys().copied()
}

/// With a length: a page in the order of ids; else everything in the order of login names.
fn page(body: &Record, found: &mut [(&str, i64)]) -> Vec<i64> {
    let size = |name| body.number(name).and_then(|number| usize::try_from(number).ok());
    let offset = if body.has("offset") { size("offset") } else { Some(0) };
    if let (Some(length), Some(offset)) = (size("length"), offset) {
        return found.iter().skip(offset).take(length).map(|(_, id)| *id).collect();
    }
    found.sort_unstable();
    found.iter().map(|(_, id)| *id).collect()
}
