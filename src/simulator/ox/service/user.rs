//! `OXUserService`: the table of its operations, access rights and deletion.

use std::collections::HashSet;

use super::capabilities;
use super::user_change::change;
use super::user_create::{create, create_by_access, create_by_profile};
use super::user_data::{exists, get_admin, get_data, get_multiple};
use super::user_list::{list, list_all, list_by_alias_domain, list_ignoring_case};
use super::{Class, Operation, Service, read, void, write};
use crate::simulator::ox::call::{Call, find_user, no_such_user, user_id};
use crate::simulator::ox::fault::{Exception, Fault};
use crate::simulator::ox::response::{Answer, USER_STYLE};
use crate::simulator::ox::rights::Rights;
use crate::simulator::ox::schema::{
    ACCESS, CONTEXT, CREDENTIALS, FILESTORE as FILESTORE_TYPE, Feature, Field, USER, flag, int, long, object, text,
};
use crate::simulator::ox::world::{ADMIN, Context, FILESTORE};

const fn ctx() -> Field {
    object("ctx", || &CONTEXT)
}

const fn auth() -> Field {
    object("auth", || &CREDENTIALS)
}

const fn user(name: &'static str) -> Field {
    object(name, || &USER)
}

const fn access(name: &'static str) -> Field {
    object(name, || &ACCESS)
}

pub fn service() -> Service {
    let mut operations = writes();
    operations.extend(reads());
    operations.extend(moves());
    Service::new("OXUserService", &USER_STYLE, operations)
}

fn writes() -> Vec<Operation> {
    use Class::{OtherWrite, UserWrite};
    let profile = text("access_combination_name");
    vec![
        write(
            "create",
            UserWrite,
            [ctx(), user("usrdata"), auth(), flag("convertguest").with(Feature::ConvertGuest)],
            create,
        ),
        write("createByModuleAccess", UserWrite, [ctx(), user("usrdata"), access("access"), auth()], create_by_access),
        write(
            "createByModuleAccessName",
            UserWrite,
            [ctx(), user("usrdata"), profile.clone(), auth()],
            create_by_profile,
        ),
        void("change", UserWrite, [ctx(), user("usrdata"), auth()], change),
        void("changeByModuleAccess", UserWrite, [ctx(), user("user"), access("moduleAccess"), auth()], change_access),
        void("changeByModuleAccessName", UserWrite, [ctx(), user("user"), profile, auth()], change_access_by_profile),
        void(
            "changeModuleAccessGlobal",
            UserWrite,
            [text("filter"), access("addAccess"), access("removeAccess"), auth()],
            change_access_global,
        ),
        void(
            "changeCapabilities",
            OtherWrite,
            [ctx(), user("user"), text("capsToAdd"), text("capsToRemove"), text("capsToDrop"), auth()],
            change_capabilities,
        ),
        void("changeMailAddressPersonal", OtherWrite, [ctx(), user("user"), text("personal"), auth()], change_personal),
        void("delete", UserWrite, [ctx(), user("user"), auth(), int("reassign")], delete),
        void("deleteMultiple", UserWrite, [ctx(), user("users").many(), auth(), int("reassign")], delete_multiple),
    ]
}

fn reads() -> Vec<Operation> {
    vec![
        read("exists", [ctx(), user("user"), auth()], exists),
        read("getData", [ctx(), user("user"), auth()], get_data),
        read("getMultipleData", [ctx(), user("users").many(), auth()], get_multiple),
        read("getContextAdmin", [ctx(), auth()], get_admin),
        read("getModuleAccess", [ctx(), user("user"), auth()], get_access),
        read("getAccessCombinationName", [ctx(), user("user"), auth()], get_profile),
        read("getUserCapabilities", [ctx(), user("user"), auth()], get_capabilities),
        read(
            "list",
            [
                ctx(),
                text("search_pattern"),
                auth(),
                flag("include_guests"),
                flag("exclude_users"),
                int("length"),
                int("offset"),
            ],
            list,
        ),
        read("listAll", [ctx(), auth(), flag("include_guests"), flag("exclude_users")], list_all),
        read(
            "listCaseInsensitive",
            [ctx(), text("search_pattern"), auth(), int("length"), int("offset")],
            list_ignoring_case,
        ),
        read(
            "listByAliasDomain",
            [ctx(), text("alias_domain"), auth(), int("length"), int("offset")],
            list_by_alias_domain,
        ),
    ]
}

/// The operations around file stores are known, but do nothing: their answer is the number of a job.
fn moves() -> Vec<Operation> {
    let store = || object("dst_filestore_id", || &FILESTORE_TYPE);
    let master = || user("masterUser");
    let class = Class::OtherWrite;
    vec![
        write("moveUserFilestore", class, [ctx(), user("user"), store(), auth()], job),
        write(
            "moveFromMasterToUserFilestore",
            class,
            [ctx(), user("user"), master(), store(), long("max_quota"), auth()],
            job,
        ),
        write("moveFromUserFilestoreToMaster", class, [ctx(), user("user"), master(), auth()], job),
        write("moveFromContextToUserFilestore", class, [ctx(), user("user"), store(), long("max_quota"), auth()], job),
        write("moveFromUserToContextFilestore", class, [ctx(), user("user"), auth()], job),
    ]
}

fn job(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = call.body.object("user").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    call.as_admin(|context| find_user(context, sent).map(|_| Answer::Number(1)))
}

fn change_access(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (Some(sent), Some(access)) = (call.body.object("user"), call.body.object("moduleAccess")) else {
        return Err(Fault::invalid("User or UserModuleAccess is null"));
    };
    let rights = Rights::from_request(access).by_user_call();
    call.as_admin(|context| {
        let id = find_user(context, sent)?.id();
        set_rights(context, id, rights)
    })
}

fn change_access_by_profile(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let Some(sent) = call.body.object("user") else {
        return Err(Fault::invalid("User or UserModuleAccess is null"));
    };
    let profile = call.body.filled("access_combination_name");
    call.as_admin(|context| {
        let id = find_user(context, sent)?.id();
        let profile = profile.ok_or_else(|| Fault::invalid("Invalid access combination name"))?;
        let rights = if id == ADMIN {
            call.world.profiles.get(profile)?
        } else {
            call.world.profiles.for_ordinary_user(profile)?
        };
        set_rights(context, id, rights)
    })
}

fn set_rights(context: &mut Context, id: i64, rights: Rights) -> Result<Answer, Fault> {
    rights.check(id == ADMIN)?;
    if let Some(user) = context.users.get_mut(id) {
        user.rights = rights;
    }
    Ok(Answer::Void)
}

fn change_access_global(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (Some(add), Some(remove)) = (call.body.object("addAccess"), call.body.object("removeAccess")) else {
        return Err(Fault::invalid("Some parameters are null"));
    };
    call.require_master()?;
    let (add, remove) = (Rights::from_request(add), Rights::from_request(remove));
    if add.without_address_book() || remove.without_address_book() {
        return Err(Fault::invalid("\"GlobalAddressBookDisabled\" can not be changed with this method."));
    }
    for tenant in call.world.contexts() {
        for user in tenant.state().users.values_mut() {
            user.rights = Rights((user.rights.0 | add.0) & !remove.0).by_user_call();
        }
    }
    Ok(Answer::Void)
}

fn get_access(call: &mut Call<'_>) -> Result<Answer, Fault> {
    with_user(call, |context, id| Ok(rights_of(context, id).record().into()))
}

fn get_profile(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let profiles = &call.world.profiles;
    with_user(call, |context, id| Ok(Answer::Text(profiles.name_of(rights_of(context, id)).map(ToOwned::to_owned))))
}

fn rights_of(context: &Context, id: i64) -> Rights {
    context.users.get(id).map_or(Rights(0), |user| user.rights)
}

/// Does something with the user that the child `user` names.
fn with_user<T>(call: &Call<'_>, act: impl FnOnce(&mut Context, i64) -> Result<T, Fault>) -> Result<T, Fault> {
    let sent = call.body.object("user").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    call.as_admin(|context| {
        let id = find_user(context, sent)?.id();
        act(context, id)
    })
}

fn change_capabilities(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let change = capabilities::Change::of(&call.body)?;
    with_user(call, |context, id| {
        change.check()?;
        if let Some(user) = context.users.get_mut(id) {
            change.apply(&mut user.capabilities);
        }
        Ok(Answer::Void)
    })
}

fn get_capabilities(call: &mut Call<'_>) -> Result<Answer, Fault> {
    with_user(call, |context, id| {
        let text = context.users.get(id).and_then(|user| capabilities::text(&user.capabilities));
        let none = || format!("There are no capabilities set for user {id} in context {}", context.id);
        Ok(Answer::Text(Some(text.unwrap_or_else(none))))
    })
}

fn change_personal(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let personal = call.body.text("personal").map(ToOwned::to_owned);
    with_user(call, |context, id| {
        if let Some(user) = context.users.get_mut(id) {
            user.personal = personal;
        }
        Ok(Answer::Void)
    })
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = call.body.object("user").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    call.as_admin(|context| {
        let ids = vec![user_id(context, sent)?];
        delete_users(context, &ids, call.body.number("reassign"))
    })
}

fn delete_multiple(call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.body.list("users").is_empty() {
        return Err(Fault::invalid("User array is empty"));
    }
    call.as_admin(|context| {
        let ids = call.body.objects("users").map(|sent| user_id(context, sent)).collect::<Result<Vec<_>, _>>()?;
        delete_users(context, &ids, call.body.number("reassign"))
    })
}

fn delete_users(context: &mut Context, ids: &[i64], reassign: Option<i64>) -> Result<Answer, Fault> {
    if ids.iter().any(|id| context.users.get(*id).is_none() && !context.users.guests().contains_key(id)) {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        return Err(Fault::no_user(format!("No such user(s) {} in context {}", ids.join(","), context.id)));
    }
    if ids.contains(&ADMIN) {
        return Err(Fault::invalid("Admin delete not supported"));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = ids.iter().find(|id| !seen.insert(**id)) {
        return Err(Fault::invalid(format!("User {twice} is contained multiple times in delete request.")));
    }
    let lost_store = |id: &i64| {
        let store = context.users.get(*id).and_then(|user| user.record.number("filestoreId"));
        store.is_some_and(|store| store != 0 && store != FILESTORE)
    };
    if ids.iter().any(lost_store) {
        // `create` took the number without a look at it.
        let text = "Filestore does not exist; nested exception is: \n\tcom.openexchange.filestore.FileStorageException";
        return Err(Fault { suffixes: 0, ..Fault::new(Exception::Remote, text) });
    }
    if let Some(heir) = reassign.filter(|heir| *heir > 0) {
        check_heir(context, ids, heir)?;
    }
    for id in ids {
        if context.users.remove_guest(*id).is_none() {
            context.remove_user(*id);
        }
    }
    Ok(Answer::Void)
}

/// Who takes over the shared data of the deleted users.
fn check_heir(context: &Context, deleted: &[i64], heir: i64) -> Result<(), Fault> {
    let other = "Please choose a different reassign user.";
    if deleted.contains(&heir) {
        return Err(Fault::invalid(format!(
            "It is not allowed to reassign the shared data to the user which should be deleted. {other}"
        )));
    }
    match context.users.get(heir) {
        None => Err(Fault::invalid(format!(
            "The reassign user with id {heir} does not exist in context {}. {other}",
            context.id
        ))),
        Some(user) if !user.own_filestore() => {
            Err(Fault::invalid(format!("The reassign user with id {heir} is not an owner of a filestore. {other}")))
        }
        Some(_) => Ok(()),
    }
}

/// Shared by the reading operations: a user that is not there.
pub fn missing(what: impl std::fmt::Display, context: &Context) -> Fault {
    no_such_user(what, context.id)
}
