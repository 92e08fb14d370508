//! Change of users, with the checks in the order of the server (`ox-soap.md` 5.3).

use crate::simulator::ox::attributes;
use crate::simulator::ox::call::{Call, no_such_user, user_id};
use crate::simulator::ox::checks;
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::mail_server::{IMAP, SMTP};
use crate::simulator::ox::options::OxOptions;
use crate::simulator::ox::picture;
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::Answer;
use crate::simulator::ox::world::{ADMIN, Context, FILESTORE, User};

use super::user_create::mail_taken;

/// Fields that live in the primary mail account of the user.
const IN_MAIL_ACCOUNT: [&str; 12] = [
    "primaryEmail",
    "imapLogin",
    "imapServer",
    "smtpServer",
    "primaryAccountName",
    "mail_folder_confirmed_ham_name",
    "mail_folder_confirmed_spam_name",
    "mail_folder_drafts_name",
    "mail_folder_sent_name",
    "mail_folder_spam_name",
    "mail_folder_trash_name",
    "mail_folder_archive_full_name",
];

/// Fields that are not contact fields, but are stored as they are sent, too.
const STORED: [&str; 20] = [
    "anniversary",
    "birthday",
    "defaultSenderAddress",
    "email1",
    "gui_spam_filter_enabled",
    "language",
    "load_remote_mail_content_by_default",
    "mail_folder_archive_full_name",
    "mail_folder_confirmed_ham_name",
    "mail_folder_confirmed_spam_name",
    "mail_folder_drafts_name",
    "mail_folder_sent_name",
    "mail_folder_spam_name",
    "mail_folder_trash_name",
    "mailenabled",
    "name",
    "primaryEmail",
    "timezone",
    "uploadFileSizeLimit",
    "uploadFileSizeLimitPerFile",
];

pub fn change(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let Some(sent) = call.body.object("usrdata") else {
        return Err(Fault::invalid("One of the given arguments for change is null"));
    };
    let id = call.context_id("ctx").ok_or_else(|| Fault::credentials("Client sent invalid context data object"))?;
    let tenant =
        call.world.context(id).ok_or_else(|| Fault::no_context(format!("The context {id} does not exist!")))?;
    let mut context = tenant.state();
    let user = user_id(&context, sent)?;
    authenticate(call, &context, user)?;
    check(&context, user, sent, call.options)?;
    apply(&mut context, user, sent);
    Ok(Answer::Void)
}

/// Admins may change everybody, users themselves. An unknown login looks as if the user to change were missing.
fn authenticate(call: &Call<'_>, context: &Context, target: i64) -> Result<(), Fault> {
    let (login, password) = call.credentials();
    let id = context.users.id_of(login).ok_or_else(|| no_such_user(login, context.id))?;
    let known = context.users.get(id).is_some_and(|user| user.password == password);
    match (known, id) {
        (true, id) if id == ADMIN || id == target => Ok(()),
        (true, _) => Err(Fault::credentials("Permission denied")),
        (false, ADMIN) => Err(Fault::authentication()),
        (false, _) => Err(Fault::credentials(format!("Authentication failed for user {login}"))),
    }
}

fn check(context: &Context, id: i64, sent: &Record, options: &OxOptions) -> Result<(), Fault> {
    if context.users.guests().contains_key(&id) {
        return Err(Fault::invalid(format!(
            "User to change (user id {id} , context id {}) is a guest user. Guests cannot be changed via provisioning.",
            context.id
        )));
    }
    let user = context.users.get(id).ok_or_else(|| no_such_user(id, context.id))?;
    if let Some(name) = sent.filled("display_name")
        && context.unique_display_names(options.unique_display_names)
        && context.users.with_display_name(name, Some(id)).is_some()
    {
        return Err(Fault::invalid("The displayname is already used"));
    }
    check_name(context, user, sent, options)?;
    if sent.text("language").is_some_and(|language| !language.contains('_')) {
        return Err(Fault::invalid("Language must contain an underscore, e.g. en_US."));
    }
    if let Some(zone) = sent.text("timezone").filter(|zone| user.record.text("timezone") != Some(zone)) {
        checks::timezone(zone)?;
    }
    if let Some(mechanism) = sent.filled("passwordMech") {
        if sent.filled("password").is_none() {
            return Err(Fault::invalid("When changing password mechanism, the password string must also be supplied"));
        }
        checks::password_mechanism(mechanism)?;
    }
    if id != ADMIN {
        check_mail(context, user, sent)?;
    }
    check_stores(context, user, sent)?;
    if !user.mail_account && IN_MAIL_ACCOUNT.iter().any(|name| sent.filled(name).is_some()) {
        return Err(Fault::storage(format!(
            "ACC-0002 Categories=ERROR Message='Cannot find mail account with identifier 0 for user {id} in context \
             {}.' exceptionID=#",
            context.id
        )));
    }
    if let Some(column) = checks::too_long(sent) {
        return Err(checks::too_long_on_change(column));
    }
    picture::check(sent)?;
    Ok(())
}

fn check_name(context: &Context, user: &User, sent: &Record, options: &OxOptions) -> Result<(), Fault> {
    let Some(name) = sent.text("name").filter(|name| *name != user.name()) else { return Ok(()) };
    if !options.username_changeable {
        return Err(Fault::invalid("Changing username is disabled!"));
    }
    checks::login_name(name)?;
    if name.is_empty() || context.users.id_of(name).is_some() {
        return Err(Fault::invalid(format!("User {name} already exists in this context")));
    }
    Ok(())
}

/// The mail identity: primary address, first address and sender have to be among the aliases afterwards.
fn check_mail(context: &Context, user: &User, sent: &Record) -> Result<(), Fault> {
    let (primary, email1) = (sent.text("primaryEmail"), sent.text("email1"));
    let sender = sent.text("defaultSenderAddress");
    let new_aliases = sent.texts("aliases").next().is_some();
    if primary.is_none() && email1.is_none() && sender.is_none() && !new_aliases {
        return Ok(());
    }
    checks::mail_fields(sent)?;
    let lower = str::to_lowercase;
    if let (Some(primary), Some(email1)) = (primary, email1)
        && lower(primary) != lower(email1)
    {
        return Err(Fault::invalid("email1 not equal with primarymail!"));
    }
    if let Some(primary) = primary
        && let Some(owner) = context.users.with_mail(primary, Some(user.id()))
    {
        return Err(mail_taken(primary, context.id, owner));
    }
    let aliases: Vec<String> = if new_aliases { sent } else { &user.record }.texts("aliases").map(lower).collect();
    let resulting = [("primaryEmail", primary), ("email1", email1), ("defaultSenderAddress", sender)];
    for (field, new) in resulting {
        let address = new.or_else(|| user.record.text(field)).unwrap_or_default();
        if address.is_empty() || !aliases.contains(&lower(address)) {
            return Err(Fault::invalid(
                "primaryMail, Email1 and defaultSenderAddress must be present in set of aliases.",
            ));
        }
    }
    if primary.is_some() && email1.is_none() {
        return Err(Fault::invalid("email1 not sent but required!"));
    }
    Ok(())
}

/// File store and quota.
fn check_stores(context: &Context, user: &User, sent: &Record) -> Result<(), Fault> {
    if let Some(store) = sent.number("filestoreId") {
        if store != FILESTORE {
            return Err(Fault::invalid(format!("No such filestore with id {store}")));
        }
        if user.record.number("filestoreId") != Some(store) {
            return Err(Fault::invalid(format!(
                "Not allowed to change the filestore for user {} in context {}. Please use appropriate method instead.",
                user.id(),
                context.id
            )));
        }
    }
    if sent.number("maxQuota").is_some_and(|quota| quota != -1) && !user.own_filestore() {
        return Err(Fault::storage(format!(
            "Quota cannot be changed for user {} in context {} since that user has no file storage set. See \
             \"ALLOW_CHANGING_QUOTA_IF_NO_FILESTORE_SET\".",
            user.id(),
            context.id
        )));
    }
    Ok(())
}

/// Stores what was sent; absent fields stay.
fn apply(context: &mut Context, id: i64, sent: &Record) {
    let has_picture = sent.filled("image1").is_some();
    let contact = context.users.get_mut(id).and_then(|user| user.picture_goes_to.take());
    context.users.change(id, |user| {
        let record = &mut user.record;
        for (position, value) in sent.slots() {
            if record.kind().field(*position).contact {
                record.set_at(*position, value.clone());
            }
        }
        for name in STORED {
            if let Some(value) = sent.get(name) {
                record.set(name, value.clone());
            }
        }
        for name in ["imapLogin", "primaryAccountName"] {
            if let Some(text) = sent.filled(name) {
                record.set_text(name, text);
            }
        }
        for protocol in [&IMAP, &SMTP] {
            if let Some(url) = protocol.url(sent) {
                protocol.write(&url, record);
            }
        }
        if sent.texts("aliases").next().is_some() {
            record.set("aliases", Value::texts(aliases(sent)));
        }
        if let Some(attributes_sent) = sent.object("userAttributes") {
            let mut all = attributes::of(record);
            attributes::merge(&mut all, attributes_sent);
            record.set("userAttributes", attributes::to_value(&all));
        }
        if user.own_filestore()
            && let Some(quota) = sent.number("maxQuota")
        {
            user.record.set_number("maxQuota", quota);
        }
        if let Some(password) = sent.filled("password") {
            password.clone_into(&mut user.password);
            if let Some(Ok(mechanism)) = sent.filled("passwordMech").map(checks::password_mechanism) {
                user.record.set_text("passwordMech", mechanism);
            }
        }
    });
    if has_picture {
        // The first picture of a copied user lands on the contact that has his number in the source context.
        let owner = contact.filter(|contact| context.users.get(*contact).is_some()).unwrap_or(id);
        if let Some(user) = context.users.get_mut(owner) {
            for name in ["image1", "image1ContentType"] {
                user.record.set_text(name, sent.text(name).unwrap_or_default());
            }
        }
    }
}

/// The aliases without empty ones; of two spellings that differ only in case the last one stays.
fn aliases(sent: &Record) -> Vec<String> {
    let mut aliases: Vec<String> = Vec::new();
    for alias in sent.texts("aliases").filter(|alias| !alias.is_empty()) {
        match aliases.iter_mut().find(|other| other.to_lowercase() == alias.to_lowercase()) {
            Some(other) => alias.clone_into(other),
            None => aliases.push(alias.to_owned()),
        }
    }
    aliases
}
