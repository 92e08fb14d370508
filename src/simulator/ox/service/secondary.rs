//! `OXSecondaryAccountService`: functional mail accounts (`ox-soap.md` 5.6).

use std::collections::BTreeSet;

use super::secondary_data::{account, shown, takes_address, update_fields};
use super::{Class, Service, read, void, write};
use crate::simulator::ox::call::{Call, no_such_user};
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::Record;
use crate::simulator::ox::response::{Answer, COMMON_STYLE};
use crate::simulator::ox::schema::{ACCOUNT_CREATE, ACCOUNT_UPDATE, CREDENTIALS, Field, ID_ONLY, object, text};
use crate::simulator::ox::world::Context;

pub fn service() -> Service {
    use Class::OtherWrite;
    let ids = |name| -> Field { object(name, || &ID_ONLY) };
    let targets = || [ids("context"), ids("users").many(), ids("groups").many()];
    let auth = || object("auth", || &CREDENTIALS);
    let address = || text("primaryAddress");
    let [context, users, groups] = targets();
    let data = object("accountDataOnCreate", || &ACCOUNT_CREATE);
    let create = void("create", OtherWrite, [data, context, users, groups, auth()], create);
    let [context, users, groups] = targets();
    let data = object("accountDataUpdate", || &ACCOUNT_UPDATE);
    let update = write("update", OtherWrite, [address(), data, context, users, groups, auth()], update);
    let [context, users, groups] = targets();
    let delete = write("delete", OtherWrite, [address(), context, users, groups, auth()], delete);
    let [context, users, groups] = targets();
    let list = read("list", [context, users, groups, auth()], list);
    Service::new("OXSecondaryAccountService", &COMMON_STYLE, vec![create, update, delete, list]).context_in("context")
}

/// Does something in the context of the call as its admin.
fn as_admin<T>(call: &Call<'_>, act: impl FnOnce(&mut Context) -> Result<T, Fault>) -> Result<T, Fault> {
    let id = call.context_id("context").ok_or_else(|| Fault::invalid("Missing context."))?;
    call.as_admin_of(id, act)
}

/// The users of a call: groups are expanded, group 0 is everybody; `None` if neither users nor groups are named.
fn targets(context: &Context, body: &Record) -> Result<Option<BTreeSet<i64>>, Fault> {
    if body.list("users").is_empty() && body.list("groups").is_empty() {
        return Ok(None);
    }
    let mut targets = BTreeSet::new();
    for id in body.objects("users").filter_map(|user| user.number("id")) {
        if context.users.get(id).is_none() {
            return Err(no_such_user(id, context.id));
        }
        targets.insert(id);
    }
    for id in body.objects("groups").filter_map(|group| group.number("id")) {
        match context.groups.get(id) {
            _ if id == 0 => targets.extend(context.users.ids()),
            Some(group) => targets.extend(&group.members),
            None => return Err(Fault::no_user(format!("No such group {id} in context {}", context.id))),
        }
    }
    Ok(Some(targets))
}

fn required_targets(context: &Context, body: &Record) -> Result<BTreeSet<i64>, Fault> {
    targets(context, body)?.ok_or_else(|| Fault::invalid("Missing users/groups in account data"))
}

fn address<'c>(call: &'c Call<'_>) -> Result<&'c str, Fault> {
    call.body.filled("primaryAddress").ok_or_else(|| Fault::invalid("Primary address is empty."))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let data = call.body.object("accountDataOnCreate").ok_or_else(|| Fault::invalid("Account data is missing."))?;
    as_admin(call, |context| {
        let users = required_targets(context, &call.body)?;
        let mut accounts = Vec::new();
        for user in users {
            let account = account(context, user, data)?;
            if takes_address(context, user, &account) {
                return Err(Fault::storage(format!(
                    "ACC-0017 Categories=USER_INPUT Message='Duplicate mail account for user {user} in context {}.' \
                     exceptionID=#",
                    context.id
                )));
            }
            accounts.push((user, account));
        }
        // One transaction: nothing is stored unless everything is all right.
        for (user, mut account) in accounts {
            let id = context.next_account();
            account.set_number("id", id);
            context.accounts.insert((user, id), account);
        }
        Ok(Answer::Void)
    })
}

/// The accounts with an address among the targeted users; case does not count.
fn matching(context: &Context, users: &BTreeSet<i64>, address: &str) -> Vec<(i64, i64)> {
    let fits = |account: &Record| {
        account.text("primaryAddress").is_some_and(|other| other.to_lowercase() == address.to_lowercase())
    };
    let keys = users.iter().flat_map(|user| context.accounts.range((*user, 0)..=(*user, i64::MAX)));
    keys.filter(|(_, account)| fits(account)).map(|(key, _)| *key).collect()
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let data = call.body.object("accountDataUpdate").ok_or_else(|| Fault::invalid("Account data is missing."))?;
    let address = address(call)?;
    as_admin(call, |context| {
        let users = required_targets(context, &call.body)?;
        let found = matching(context, &users, address);
        for key in &found {
            if let Some(account) = context.accounts.get_mut(key) {
                update_fields(account, data);
            }
        }
        Ok(Answer::Flag(!found.is_empty()))
    })
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let address = address(call)?;
    as_admin(call, |context| {
        let users = required_targets(context, &call.body)?;
        let found = matching(context, &users, address);
        for key in &found {
            context.accounts.remove(key);
            context.external.remove(key);
        }
        // The real server does not look whether the account is a secondary one.
        let owners: Vec<i64> = context.users.all_with_mail(address);
        let mut lost = false;
        for owner in owners.into_iter().filter(|owner| users.contains(owner)) {
            if let Some(user) = context.users.get_mut(owner).filter(|user| user.mail_account) {
                user.mail_account = false;
                for name in FOLDERS {
                    user.record.take(name);
                }
                lost = true;
            }
        }
        Ok(Answer::Flag(lost || !found.is_empty()))
    })
}

/// What a user loses with his primary mail account.
const FOLDERS: [&str; 8] = [
    "mail_folder_archive_full_name",
    "mail_folder_confirmed_ham_name",
    "mail_folder_confirmed_spam_name",
    "mail_folder_drafts_name",
    "mail_folder_sent_name",
    "mail_folder_spam_name",
    "mail_folder_trash_name",
    "primaryAccountName",
];

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    as_admin(call, |context| {
        let users = targets(context, &call.body)?;
        let accounts = context.accounts.iter().filter(|(key, _)| {
            !context.external.contains(key) && users.as_ref().is_none_or(|users| users.contains(&key.0))
        });
        Ok(Answer::Records(accounts.map(|(_, account)| shown(account)).collect()))
    })
}
