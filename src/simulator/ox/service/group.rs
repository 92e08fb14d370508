//! `OXGroupService` (`ox-soap.md` 5.4).

use std::collections::BTreeSet;

use super::user_list::id_only;
use super::{Class, Service, read, void, write};
use crate::simulator::ox::call::{Call, find_user, identity};
use crate::simulator::ox::checks;
use crate::simulator::ox::fault::{Exception, Fault};
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::{Answer, COMMON_STYLE};
use crate::simulator::ox::schema::{CONTEXT, CREDENTIALS, Field, GROUP, USER_ELSEWHERE, object, text};
use crate::simulator::ox::world::{Context, DEFAULT_GROUP, Group};

/// Name and display name have 128 characters.
const LIMIT: usize = 128;

pub fn service() -> Service {
    use Class::OtherWrite;
    let ctx = || object("ctx", || &CONTEXT);
    let auth = || object("auth", || &CREDENTIALS);
    let grp = |name| -> Field { object(name, || &GROUP) };
    let users = |name| -> Field { object(name, || &USER_ELSEWHERE) };
    let operations = vec![
        write("create", OtherWrite, [ctx(), grp("grp"), auth()], create),
        void("change", OtherWrite, [ctx(), grp("grp"), auth()], change),
        void("delete", OtherWrite, [ctx(), grp("grp"), auth()], delete),
        void("deleteMultiple", OtherWrite, [ctx(), grp("grps").many(), auth()], delete_multiple),
        read("getData", [ctx(), grp("grp"), auth()], get_data),
        read("getMultipleData", [ctx(), grp("grps").many(), auth()], get_multiple),
        read("getDefaultGroup", [ctx(), auth()], get_default),
        read("getMembers", [ctx(), grp("grp"), auth()], get_members),
        void("addMember", OtherWrite, [ctx(), grp("grp"), users("members").many(), auth()], add_members),
        void("removeMember", OtherWrite, [ctx(), grp("grp"), users("members").many(), auth()], remove_members),
        read("list", [ctx(), text("pattern"), auth()], list),
        read("listAll", [ctx(), auth()], list_all),
        read("listGroupsForUser", [ctx(), users("usr"), auth()], list_for_user),
    ];
    Service::new("OXGroupService", &COMMON_STYLE, operations)
}

fn no_such_group() -> Fault {
    Fault::new(Exception::NoSuchGroup, "No such group")
}

fn no_such_user() -> Fault {
    Fault::no_user("No such user")
}

fn sent_group<'c>(call: &'c Call<'_>) -> Result<&'c Record, Fault> {
    call.body.object("grp").ok_or_else(|| Fault::invalid("Invalid data sent!"))
}

/// The id that a group of a request names; the group has to exist.
fn find(context: &Context, sent: &Record) -> Result<i64, Fault> {
    let id = identity(sent, "group", Exception::NoSuchGroup, context, |name| context.groups.id_of(name))?;
    context.groups.get(id).map(|_| id).ok_or_else(no_such_group)
}

/// The members of a request: all have to exist, none may come twice.
fn members(context: &Context, sent: &Record) -> Result<BTreeSet<i64>, Fault> {
    let mut members = BTreeSet::new();
    for item in sent.list("members") {
        let Some(id) = item.as_number() else {
            return Err(Fault::bare("Cannot invoke \"java.lang.Integer.intValue()\" because \"mems[i]\" is null"));
        };
        if context.users.guests().contains_key(&id) {
            return Err(Fault::no_user("Cannot add guest user to group"));
        }
        if context.users.get(id).is_none() || !members.insert(id) {
            return Err(no_such_user());
        }
    }
    Ok(members)
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.trim().is_empty() {
        return Err(Fault::invalid("Invalid group name"));
    }
    checks::group_name(name)
}

fn check_lengths(sent: &Record) -> Result<(), Fault> {
    for (field, column) in [("name", "identifier"), ("displayname", "displayName")] {
        if sent.text(field).is_some_and(|text| text.chars().count() > LIMIT) {
            return Err(checks::too_long_on_create(column));
        }
    }
    Ok(())
}

fn record(id: i64, group: &Group) -> Record {
    let mut record = Record::new(&GROUP);
    record.set_text("displayname", group.display_name.as_str());
    record.set_number("id", id);
    if !group.members.is_empty() {
        record.set("members", Value::List(group.members.iter().map(|id| Value::Number(*id)).collect()));
    }
    record.set_text("name", group.name.as_str());
    record
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_group(call)?;
    call.as_admin(|context| {
        checks::mandatory(sent, &["displayname", "name"], "")?;
        let name = sent.text("name").unwrap_or_default();
        check_name(name)?;
        if context.groups.id_of(name).is_some() {
            return Err(Fault::invalid("Group already exists!"));
        }
        let members = members(context, sent)?;
        check_lengths(sent)?;
        let id = context.next_id();
        let display_name = sent.text("displayname").unwrap_or_default().to_owned();
        context.groups.insert(id, Group { name: name.to_owned(), display_name, members: BTreeSet::new() });
        for member in members {
            context.join(member, id);
        }
        let mut answer = sent.clone();
        answer.set_number("id", id);
        Ok(answer.into())
    })
}

fn change(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_group(call)?;
    call.as_admin(|context| {
        // A nil member ends in the SOAP layer, before anything is looked at.
        if sent.list("members").contains(&Value::Nil) {
            members(context, sent)?;
        }
        let id = find(context, sent)?;
        let name = sent.text("name").filter(|name| Some(id) != context.groups.id_of(name) || name.is_empty());
        if let Some(name) = name {
            check_name(name)?;
            if context.groups.id_of(name).is_some() {
                return Err(Fault::invalid(format!("Group {name} already exists in this context")));
            }
        }
        let members = members(context, sent)?;
        check_lengths(sent)?;
        if let Some(name) = sent.filled("name") {
            context.groups.rename(id, name);
        }
        if let (Some(display_name), Some(group)) = (sent.filled("displayname"), context.groups.get_mut(id)) {
            display_name.clone_into(&mut group.display_name);
        }
        // The list of the request always replaces the members: without it the group is empty afterwards.
        let former = context.groups.get(id).map(|group| group.members.clone()).unwrap_or_default();
        for gone in former.difference(&members) {
            context.leave(*gone, id);
        }
        for new in members.difference(&former) {
            context.join(*new, id);
        }
        Ok(Answer::Void)
    })
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_group(call)?;
    call.as_admin(|context| delete_groups(context, &[sent]))
}

fn delete_multiple(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent: Vec<&Record> = call.body.objects("grps").collect();
    if sent.is_empty() {
        return Err(Fault::invalid("Invalid data sent!"));
    }
    call.as_admin(|context| delete_groups(context, &sent))
}

fn delete_groups(context: &mut Context, sent: &[&Record]) -> Result<Answer, Fault> {
    let ids = sent.iter().map(|sent| find(context, sent)).collect::<Result<Vec<_>, _>>()?;
    if ids.contains(&DEFAULT_GROUP) {
        return Err(Fault::invalid(format!("Group with id {DEFAULT_GROUP} cannot be deleted")));
    }
    for id in ids {
        if let Some(group) = context.groups.remove(id) {
            for member in group.members {
                if let Some(user) = context.users.get_mut(member) {
                    user.groups.remove(&id);
                }
            }
        }
    }
    Ok(Answer::Void)
}

fn get_data(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_group(call)?;
    call.as_admin(|context| {
        let id = find(context, sent)?;
        Ok(Answer::Records(groups(context, [id])))
    })
}

fn get_multiple(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.as_admin(|context| {
        let ids = call.body.objects("grps").map(|sent| {
            let id = sent.number("id").filter(|id| *id != 0);
            let name = sent.text("name").unwrap_or_default();
            let found = id.or_else(|| context.groups.id_of(name)).filter(|id| context.groups.get(*id).is_some());
            found.ok_or_else(|| {
                let what = id.map_or_else(|| name.to_owned(), |id| id.to_string());
                Fault::new(Exception::NoSuchGroup, format!("No such group {what}"))
            })
        });
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        Ok(Answer::Records(groups(context, ids)))
    })
}

fn groups(context: &Context, ids: impl IntoIterator<Item = i64>) -> Vec<Record> {
    ids.into_iter().filter_map(|id| Some(record(id, context.groups.get(id)?))).collect()
}

fn get_default(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.as_admin(|_| {
        let mut group = Record::new(&GROUP);
        group.set_number("id", DEFAULT_GROUP);
        Ok(group.into())
    })
}

fn get_members(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_group(call)?;
    call.as_admin(|context| {
        let id = find(context, sent)?;
        let members = context.groups.get(id).into_iter().flat_map(|group| group.members.iter().copied());
        Ok(Answer::Ids(id_only(&USER_ELSEWHERE), members.collect()))
    })
}

/// The users of an `addMember` or `removeMember`: by id, else by name.
fn sent_users(context: &Context, body: &Record) -> Result<Vec<i64>, Fault> {
    let ids = body.objects("members").map(|sent| match sent.number("id").filter(|id| *id != 0) {
        Some(id) if context.users.guests().contains_key(&id) => Err(Fault::no_user("Cannot add guest user to group")),
        Some(id) if context.users.get(id).is_some() => Ok(id),
        Some(_) => Err(no_such_user()),
        None => find_user(context, sent).map(crate::simulator::ox::world::User::id),
    });
    ids.collect()
}

fn add_members(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_group(call)?;
    call.as_admin(|context| {
        if call.body.list("members").is_empty() {
            return Err(Fault::runtime());
        }
        let id = find(context, sent)?;
        let users = sent_users(context, &call.body)?;
        let current = context.groups.get(id).map(|group| group.members.clone()).unwrap_or_default();
        if users.iter().any(|user| current.contains(user)) {
            return Err(Fault::invalid("Member already exists in group"));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = users.iter().find(|user| !seen.insert(**user)) {
            return Err(Fault::storage(format!(
                "java.sql.BatchUpdateException: Duplicate entry '{}-{id}-{twice}' for key 'PRIMARY'",
                context.id
            )));
        }
        for user in users {
            context.join(user, id);
        }
        Ok(Answer::Void)
    })
}

fn remove_members(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = sent_group(call)?;
    call.as_admin(|context| {
        let id = find(context, sent)?;
        for user in sent_users(context, &call.body)? {
            context.leave(user, id);
        }
        Ok(Answer::Void)
    })
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let pattern = call.body.text("pattern").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    call.as_admin(|context| {
        let hits = context.groups.iter().filter(|(_, group)| {
            checks::like_ignoring_case(pattern, &group.name) || checks::like_ignoring_case(pattern, &group.display_name)
        });
        Ok(Answer::Records(hits.map(|(id, group)| record(id, group)).collect()))
    })
}

fn list_all(call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.as_admin(|context| Ok(Answer::Records(context.groups.iter().map(|(id, group)| record(id, group)).collect())))
}

fn list_for_user(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = call.body.object("usr").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    call.as_admin(|context| {
        let user = match sent.number("id").filter(|id| *id != 0) {
            Some(id) => context.users.get(id).ok_or_else(no_such_user)?,
            None => find_user(context, sent)?,
        };
        Ok(Answer::Records(groups(context, user.groups.iter().copied())))
    })
}
