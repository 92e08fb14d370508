//! `OXUserCopyService` with its peculiarities (`ox-soap.md` 5.7).

use std::collections::BTreeSet;

use super::user_list::id_only;
use super::{Class, Service, write};
use crate::simulator::ox::call::{Call, find_user};
use crate::simulator::ox::fault::{Exception, Fault};
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::{Answer, COPY_STYLE};
use crate::simulator::ox::schema::{CONTEXT, CREDENTIALS, Feature, USER_ELSEWHERE, object};
use crate::simulator::ox::world::{Context, User};

pub fn service() -> Service {
    let input = [
        object("user", || &USER_ELSEWHERE),
        object("src", || &CONTEXT),
        object("dest", || &CONTEXT),
        object("auth", || &CREDENTIALS),
    ];
    // It does not take the user lock of either context.
    let operations = vec![write("copyUser", Class::OtherWrite, input, copy)];
    Service::new("OXUserCopyService", &COPY_STYLE, operations).with(Feature::UserCopy).context_in("src")
}

fn copy(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let sent = call.body.object("user").ok_or_else(|| Fault::invalid("The given source user object is null"))?;
    call.require_master_given()?;
    let id_of = |field, what| {
        call.context_id(field)
            .ok_or_else(|| Fault::credentials(format!("Client sent invalid {what} context data object")))
    };
    let (source, destination) = (id_of("src", "source")?, id_of("dest", "destination")?);
    let tenant_of =
        |id| call.world.context(id).ok_or_else(|| Fault::no_context(format!("The context {id} does not exist!")));
    let (source_tenant, destination_tenant) = (tenant_of(source)?, tenant_of(destination)?);
    // The two are never locked together: two copies in opposite directions would block each other.
    let (user, accounts) = read_user(&source_tenant.state(), sent)?;
    let mut context = destination_tenant.state();
    if context.users.id_of(user.name()).is_some() {
        let name = user.name();
        return Err(if sent.has("name") && source != destination {
            Fault::new(Exception::UserExists, format!("User {name} already exists in context {destination}"))
        } else {
            Fault::storage(format!(
                "UCP-0011 Categories=USER_INPUT Message='A user named {name} already exists in destination context \
                 {destination}.' exceptionID=#"
            ))
        });
    }
    let id = write_user(&mut context, user, accounts);
    Ok(Answer::Ids(id_only(&USER_ELSEWHERE), vec![id]))
}

fn read_user(context: &Context, sent: &Record) -> Result<(User, Vec<Record>), Fault> {
    let user = find_user(context, sent)?;
    let accounts = context.accounts.range((user.id(), 0)..=(user.id(), i64::MAX));
    Ok((user.clone(), accounts.map(|(_, account)| account.clone()).collect()))
}

fn write_user(context: &mut Context, mut user: User, accounts: Vec<Record>) -> i64 {
    let id = context.next_id();
    let former = user.id();
    user.record.set_number("id", id);
    user.record.set_number("maxQuota", 0);
    user.record.set_number("filestoreId", 0);
    user.record.set_flag("contextadmin", false);
    for name in ["filestore_name", "usedQuota"] {
        user.record.take(name);
    }
    for field in &user.record.kind().fields {
        if field.name.starts_with("mail_folder_") {
            user.record.default_to(field.name, || Value::text(""));
        }
    }
    // In no group of the destination, not even in the default group.
    user.groups = BTreeSet::new();
    user.picture_goes_to = Some(former);
    context.users.insert(user);
    for mut account in accounts {
        let account_id = context.next_account();
        account.set_number("contextId", context.id);
        account.set_number("userId", id);
        account.set_number("id", account_id);
        context.accounts.insert((id, account_id), account);
        context.external.insert((id, account_id));
    }
    id
}
