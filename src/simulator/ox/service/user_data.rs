//! Reading of single users.

use super::user::missing;
use super::user_list::id_only;
use crate::simulator::ox::call::Call;
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::Record;
use crate::simulator::ox::response::Answer;
use crate::simulator::ox::schema::USER;
use crate::simulator::ox::world::{ADMIN, Context};

pub fn get_data(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = call.body.object("user").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    data_of(call, &[sent])
}

pub fn get_multiple(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent: Vec<&Record> = call.body.objects("users").collect();
    if sent.is_empty() {
        return Err(Fault::invalid("Invalid data sent!"));
    }
    data_of(call, &sent)
}

/// All or nothing.
fn data_of(call: &Call<'_>, wanted: &[&Record]) -> Result<Answer, Fault> {
    let id = call.context_id("ctx").ok_or_else(|| Fault::invalid("Context invalid"))?;
    let tenant = call.world.context(id).ok_or_else(|| Fault::no_context(format!("Context {id} does not exist")))?;
    let context = tenant.state();
    let own_id = authenticate(call, &context)?;
    let records = wanted.iter().map(|sent| {
        let (id, given) = (sent.number("id"), sent.filled("name"));
        if id.is_none() && given.is_none() {
            return Err(Fault::invalid("Username and userid missing."));
        }
        // Id and name are looked up each on their own.
        let not_found = || missing(given.map_or_else(|| id.unwrap_or_default().to_string(), str::to_owned), &context);
        let by_name = given.map(|name| context.users.id_of(name).ok_or_else(not_found)).transpose()?;
        let user = id.or(by_name).and_then(|id| context.users.get(id)).ok_or_else(not_found)?;
        if own_id.is_some_and(|own| own != user.id()) {
            return Err(Fault::credentials("Permission denied"));
        }
        let mut record = user.record.clone();
        if let Some(name) = given {
            record.set_text("name", name);
        }
        Ok(record)
    });
    Ok(Answer::Records(records.collect::<Result<_, _>>()?))
}

/// Admins may read everybody (`None`), users themselves (their id).
fn authenticate(call: &Call<'_>, context: &Context) -> Result<Option<i64>, Fault> {
    let (login, password) = call.credentials();
    let id = context.users.id_of(login).ok_or_else(Fault::authentication)?;
    let known = context.users.get(id).is_some_and(|user| user.password == password);
    match (known, id) {
        (true, ADMIN) => Ok(None),
        (true, id) => Ok(Some(id)),
        (false, ADMIN) => Err(Fault::authentication()),
        (false, _) => Err(Fault::credentials(format!("Authentication failed for user {login}"))),
    }
}

pub fn exists(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = call.body.object("user").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    call.as_admin(|context| {
        let found = if let Some(id) = sent.number("id").filter(|id| *id != 0) {
            context.users.get(id).is_some()
        } else if let Some(name) = sent.text("name") {
            context.users.id_of(name).is_some()
        } else if let Some(name) = sent.text("display_name") {
            let name = name.to_lowercase();
            context.users.iter().any(|(_, user)| user.display_name().to_lowercase() == name)
        } else {
            return Err(Fault::invalid("Neither identifier, name nor display name set in given user object"));
        };
        Ok(Answer::Flag(found))
    })
}

pub fn get_admin(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.as_admin(|context| {
        let admin = context.admin().map(|admin| admin.record.clone());
        Ok(admin.unwrap_or_else(|| id_only(&USER)).into())
    })
}
