//! `OXResourceService` (`ox-soap.md` 5.5).

use super::resource_permissions;
use super::user_create::mail_taken;
use super::{Class, Service, read, void, write};
use crate::simulator::ox::call::{Call, identity};
use crate::simulator::ox::checks;
use crate::simulator::ox::fault::{Exception, Fault};
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::{Answer, COMMON_STYLE};
use crate::simulator::ox::schema::{CONTEXT, CREDENTIALS, Field, RESOURCE, object, text};
use crate::simulator::ox::world::Context;

pub fn service() -> Service {
    use Class::OtherWrite;
    let ctx = || object("ctx", || &CONTEXT);
    let auth = || object("auth", || &CREDENTIALS);
    let res = |name| -> Field { object(name, || &RESOURCE) };
    let operations = vec![
        write("create", OtherWrite, [ctx(), res("res"), auth()], create),
        void("change", OtherWrite, [ctx(), res("res"), auth()], change),
        void("delete", OtherWrite, [ctx(), res("res"), auth()], delete),
        read("getData", [ctx(), res("res"), auth()], get_data),
        read("getMultipleData", [ctx(), res("resources").many(), auth()], get_multiple),
        read("list", [ctx(), text("pattern"), auth()], list),
        read("listAll", [ctx(), auth()], list_all),
    ];
    Service::new("OXResourceService", &COMMON_STYLE, operations)
}

fn missing(text: &str) -> Fault {
    Fault::new(Exception::NoSuchResource, text)
}

fn sent_resource<'c>(call: &'c Call<'_>) -> Result<&'c Record, Fault> {
    call.body.object("res").ok_or_else(|| Fault::invalid("Invalid data sent!"))
}

/// The id that a resource of a request names; it has to exist. Each operation has its own words if it does not.
fn find(context: &Context, sent: &Record, not_found: &str) -> Result<i64, Fault> {
    let id = identity(sent, "resource", Exception::NoSuchResource, context, |name| context.resources.id_of(name))?;
    context.resources.get(id).map(|_| id).ok_or_else(|| missing(not_found))
}

/// Checks that nobody else has name and mail address.
fn check_free(context: &Context, sent: &Record, own: Option<i64>) -> Result<(), Fault> {
    if let Some(name) = sent.filled("name")
        && context.resources.id_of(name).is_some_and(|id| Some(id) != own)
    {
        return Err(Fault::invalid(format!("Resource {name} already exists in this context")));
    }
    if let Some(mail) = sent.filled("email") {
        if context.resources.with_mail(mail).is_some_and(|id| Some(id) != own) {
            return Err(Fault::invalid("Resource with this email address already exists"));
        }
        if let Some(owner) = context.users.with_mail(mail, None) {
            return Err(mail_taken(mail, context.id, owner));
        }
    }
    Ok(())
}

fn check_values(sent: &Record) -> Result<(), Fault> {
    if let Some(name) = sent.text("name") {
        if name.trim().is_empty() {
            return Err(Fault::invalid("Invalid resource name"));
        }
        checks::group_name(name)?;
    }
    match sent.filled("email") {
        Some(mail) if !checks::is_mail_address(mail) => Err(Fault::invalid("Invalid email address")),
        _ => Ok(()),
    }
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut sent = call.body.take_object("res").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    if !sent.has("name") {
        return Err(Fault::invalid("Invalid data sent!"));
    }
    call.as_admin(|context| {
        check_free(context, &sent, None)?;
        checks::mandatory(&sent, &["name", "displayname", "email"], "")?;
        check_values(&sent)?;
        resource_permissions::check(context, &sent)?;
        let id = context.next_id();
        sent.set_number("id", id);
        let mut stored = sent.clone();
        stored.default_to("available", || Value::Flag(true));
        stored.take("permissions");
        context.resources.insert(id, stored);
        Ok(sent.into())
    })
}

fn change(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_resource(call)?;
    call.as_admin(|context| {
        let id = find(context, sent, "Resource with this id does not exists")?;
        check_values(sent)?;
        check_free(context, sent, Some(id))?;
        resource_permissions::check(context, sent)?;
        if let Some(mut stored) = context.resources.get(id).cloned() {
            for name in ["available", "description", "displayname", "email", "name"] {
                if let Some(value) = sent.get(name) {
                    stored.set(name, value.clone());
                }
            }
            context.resources.insert(id, stored);
        }
        Ok(Answer::Void)
    })
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_resource(call)?;
    call.as_admin(|context| {
        let id = find(context, sent, "Resource with this id does not exist")?;
        context.resources.remove(id);
        Ok(Answer::Void)
    })
}

fn get_data(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_resource(call)?;
    call.as_admin(|context| {
        let id = find(context, sent, "resource with with this id does not exist")?;
        Ok(Answer::Records(context.resources.get(id).cloned().into_iter().collect()))
    })
}

fn get_multiple(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.as_admin(|context| {
        let records = call.body.objects("resources").map(|sent| {
            let id = sent.number("id").filter(|id| *id != 0);
            let name = sent.text("name").unwrap_or_default();
            let found = id.or_else(|| context.resources.id_of(name)).and_then(|id| context.resources.get(id));
            found.cloned().ok_or_else(|| {
                let what = id.map_or_else(|| name.to_owned(), |id| id.to_string());
                missing(&format!("No such resource {what}"))
            })
        });
        Ok(Answer::Records(records.collect::<Result<_, _>>()?))
    })
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let pattern = call.body.filled("pattern").ok_or_else(|| Fault::invalid("Invalid pattern!"))?;
    call.as_admin(|context| {
        let hits = context.resources.iter().filter(|resource| {
            let text = |name| resource.text(name).unwrap_or_default();
            checks::like_ignoring_case(pattern, text("name")) || text("displayname").eq_ignore_ascii_case(pattern)
        });
        Ok(Answer::Records(hits.cloned().collect()))
    })
}

fn list_all(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.as_admin(|context| Ok(Answer::Records(context.resources.iter().cloned().collect())))
}
