//! Creation of users, with the checks in the order of the server (`ox-soap.md` 5.3).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::user_list::empty_map;
use crate::simulator::ox::attributes;
use crate::simulator::ox::call::Call;
use crate::simulator::ox::checks;
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::java::hash_set_order;
use crate::simulator::ox::mail_server::{IMAP, SMTP};
use crate::simulator::ox::options::OxOptions;
use crate::simulator::ox::picture;
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::Answer;
use crate::simulator::ox::rights::Rights;
use crate::simulator::ox::world::{ADMIN, Context, DEFAULT_GROUP, User};

/// Mandatory fields of a user, in the order in which the server complains about them.
pub const MANDATORY: [&str; 7] =
    ["name", "display_name", "password", "given_name", "sur_name", "primaryEmail", "email1"];

/// Fields that a request may contain, but that are only ever set by the server.
const OUT_ONLY: [&str; 12] = [
    "contextadmin",
    "default_group",
    "guiPreferencesForSoap",
    "id",
    "imapSchema",
    "imapServerString",
    "password_expired",
    "smtpSchema",
    "smtpServerString",
    "usedQuota",
    "filestore_name",
    "convert_drive_user_folders",
];

pub fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let data = user_data(call)?;
    let convert_guest = call.body.flag("convertguest") == Some(true);
    call.as_admin(|context| {
        let rights = context.admin().map_or(Rights(0), |admin| admin.rights).for_ordinary_user();
        NewUser { data, rights, convert_guest }.insert(context, call.options)
    })
}

pub fn create_by_access(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let data = user_data(call)?;
    let Some(access) = call.body.object("access") else { return Err(Fault::invalid("Invalid data sent!")) };
    let rights = Rights::from_request(access).by_user_call();
    call.as_admin(|context| NewUser { data, rights, convert_guest: false }.insert(context, call.options))
}

pub fn create_by_profile(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let data = user_data(call)?;
    let profile = call.body.filled("access_combination_name");
    call.as_admin(|context| {
        let profile = profile.ok_or_else(|| Fault::invalid("Invalid access combination name"))?;
        let rights = call.world.profiles.for_ordinary_user(profile)?;
        NewUser { data, rights, convert_guest: false }.insert(context, call.options)
    })
}

fn user_data(call: &mut Call<'_>) -> Result<Record, Fault> {
    call.body.take_object("usrdata").ok_or_else(|| Fault::invalid("Invalid data sent!"))
}

/// A user to be made.
pub struct NewUser {
    /// The data of the request.
    pub data: Record,
    /// His rights.
    pub rights: Rights,
    /// Whether a guest with his mail address becomes this user.
    pub convert_guest: bool,
}

impl NewUser {
    fn insert(mut self, context: &mut Context, options: &OxOptions) -> Result<Answer, Fault> {
        let unique_names = context.unique_display_names(options.unique_display_names);
        let first = self.defaults()?;
        checks::mandatory(&self.data, &MANDATORY, "")?;
        let display_name = self.data.text("display_name").unwrap_or_default();
        if unique_names && context.users.with_display_name(display_name, None).is_some() {
            return Err(Fault::invalid("The displayname is already used"));
        }
        let folder = self.check_values()?;
        let guest = self.check_free(context)?;
        // From here on a failed create has used up an id.
        let id = match guest {
            Some(id) => id,
            None => context.next_id(),
        };
        self.check_late(context, id, false)?;
        let display_name = self.data.text("display_name").unwrap_or_default();
        let folder = folder && unique_names;
        if folder && context.users.with_folder(display_name).is_some() {
            return Err(Fault::storage(format!(
                "FLD-0075 Categories=PERMISSION_DENIED Message='An infostore folder named \"{display_name}\" already \
                 exists below folder userstore (10) in context {}. Please choose another display name.' \
                 exceptionID=#",
                context.id
            )));
        }
        if guest.is_some() {
            context.users.remove_guest(id);
        }
        Ok(self.store(context, id, &first, folder).into())
    }

    /// Makes the admin of a new context, whose mandatory fields are checked already.
    pub fn insert_admin(mut self, context: &mut Context) -> Result<(), Fault> {
        let first = self.defaults()?;
        let folder = self.check_values()?;
        context.last_id = ADMIN;
        self.check_late(context, ADMIN, true)?;
        self.store(context, ADMIN, &first, folder);
        Ok(())
    }

    /// Language, time zone and password: checked before anything else. Gives the stored password mechanism.
    fn defaults(&mut self) -> Result<String, Fault> {
        let data = &mut self.data;
        for name in OUT_ONLY {
            data.take(name);
        }
        data.default_to("language", || Value::text("en_US"));
        if data.text("language").unwrap_or_default().matches('_').count() != 1 {
            return Err(Fault::invalid("language must contain an underscore, e.g. en_US"));
        }
        if let Some(zone) = data.text("timezone") {
            checks::timezone(zone)?;
        }
        let mechanism = match data.filled("passwordMech") {
            Some(mechanism) => checks::password_mechanism(mechanism)?,
            None => "{SHA-256}".to_owned(),
        };
        if data.text("password").is_none_or(|password| password.trim().is_empty()) {
            return Err(Fault::invalid("Empty password is not allowed."));
        }
        Ok(mechanism)
    }

    /// Checks of the values themselves; gives whether the user gets a Drive folder.
    fn check_values(&mut self) -> Result<bool, Fault> {
        let data = &mut self.data;
        checks::login_name(data.text("name").unwrap_or_default())?;
        checks::mail_fields(data)?;
        let primary = data.text("primaryEmail").unwrap_or_default().to_owned();
        if data.text("email1") != Some(&primary) {
            return Err(Fault::invalid("primarymail must have the same value as email1"));
        }
        data.default_to("defaultSenderAddress", || Value::text(primary.as_str()));
        let sender = data.text("defaultSenderAddress").unwrap_or_default().to_owned();
        if sender.is_empty() {
            return Err(Fault::invalid(
                "primaryMail, Email1 and defaultSenderAddress must be present in set of aliases.",
            ));
        }
        let sent = data.texts("aliases").filter(|alias| !alias.is_empty()).map(ToOwned::to_owned);
        let aliases = hash_set_order(sent.chain([sender, primary]));
        data.set("aliases", Value::texts(aliases));
        checks::folder_mode(data)
    }

    /// Checks that name and primary mail address are free; gives the guest that becomes this user.
    fn check_free(&self, context: &Context) -> Result<Option<i64>, Fault> {
        let name = self.data.text("name").unwrap_or_default();
        if context.users.id_of(name).is_some() {
            return Err(Fault::invalid(format!("User {name} already exists in this context")));
        }
        let mail = self.data.text("primaryEmail").unwrap_or_default();
        if let Some(owner) = context.users.with_mail(mail, None) {
            return Err(mail_taken(mail, context.id, owner));
        }
        match context.users.guest_with_mail(mail) {
            Some(guest) if self.convert_guest => Ok(Some(guest)),
            Some(guest) => Err(mail_taken(mail, context.id, guest)),
            None => Ok(None),
        }
    }

    /// Checks that the real server only makes while it writes.
    fn check_late(&self, context: &Context, id: i64, is_admin: bool) -> Result<(), Fault> {
        if IMAP.is_empty(&self.data) || SMTP.is_empty(&self.data) {
            return Err(Fault::storage(
                "Cannot invoke \"java.net.URI.getHost()\" because the return value of \
                 \"com.openexchange.tools.net.URIParser.parse(String, com.openexchange.tools.net.URIDefaults)\" is null",
            ));
        }
        if let Some(column) = checks::too_long(&self.data) {
            return Err(checks::too_long_on_create(column));
        }
        let mut seen = HashSet::new();
        if let Some(double) = self.data.texts("aliases").find(|alias| !seen.insert(alias.to_lowercase())) {
            return Err(Fault::storage(format!(
                "java.sql.SQLIntegrityConstraintViolationException: Duplicate entry '{}-{id}-{double}' for key \
                 'PRIMARY'",
                context.id
            )));
        }
        picture::check(&self.data)?;
        self.rights.check(is_admin)
    }

    /// Stores the user and gives the answer: the request completed, not a fresh read.
    fn store(self, context: &mut Context, id: i64, mechanism: &str, folder: bool) -> Record {
        let mut answer = self.data;
        answer.set_flag("contextadmin", false);
        answer.set_number("id", id);
        answer.default_to("mailenabled", || Value::Flag(true));
        answer.set_text("passwordMech", mechanism);
        answer.set_flag("password_expired", false);
        answer.set_flag("convert_drive_user_folders", false);
        let mut user_attributes = attributes::of(&answer);
        let config = user_attributes.entry("config".to_owned()).or_default();
        config.insert("com.openexchange.mail.specialuse.check".to_owned(), "true".to_owned());
        answer.set("userAttributes", attributes::to_value(&user_attributes));

        let mut stored = answer.clone();
        for protocol in [&IMAP, &SMTP] {
            let url = protocol.url(&answer);
            match &url {
                Some(url) => {
                    protocol.write(url, &mut answer);
                    answer.set_text(protocol.url_field(), url.as_str());
                }
                None => protocol.write_defaults(&mut answer),
            }
            protocol.write(&url.unwrap_or_else(|| protocol.default_url()), &mut stored);
        }
        complete(&mut stored, context, id);
        let password = stored.take("password");
        context.users.insert(User {
            password: password.as_ref().and_then(Value::as_text).unwrap_or_default().to_owned(),
            record: stored,
            rights: self.rights,
            groups: BTreeSet::new(),
            mail_account: true,
            folder,
            personal: None,
            capabilities: BTreeMap::new(),
            picture_goes_to: None,
        });
        context.join(id, DEFAULT_GROUP);
        answer
    }
}

/// What the server stores without being told, and what it does not give back.
fn complete(stored: &mut Record, context: &Context, id: i64) {
    for name in ["drive_user_folder_mode", "drive_folder_mode", "folderTree"] {
        stored.take(name);
    }
    stored.set_flag("contextadmin", id == ADMIN);
    stored.set("guiPreferencesForSoap", empty_map());
    stored.default_to("gui_spam_filter_enabled", || Value::Flag(false));
    stored.default_to("load_remote_mail_content_by_default", || Value::Flag(false));
    stored.default_to("uploadFileSizeLimit", || Value::Number(-1));
    stored.default_to("uploadFileSizeLimitPerFile", || Value::Number(-1));
    stored.default_to("mail_folder_archive_full_name", || Value::text(""));
    stored.default_to("timezone", || Value::text("Europe/Berlin"));
    if stored.filled("primaryAccountName").is_none() {
        stored.set_text("primaryAccountName", "E-Mail");
    }
    if stored.text("image1") == Some("") {
        stored.take("image1");
        stored.take("image1ContentType");
    }
    stored.default_to("maxQuota", || Value::Number(-1));
    if stored.number("maxQuota") != Some(-1) {
        stored.default_to("filestoreId", || Value::Number(context.filestore));
        stored.set_number("usedQuota", 0);
    }
    stored.default_to("filestoreId", || Value::Number(0));
    if stored.number("filestoreId") != Some(0) {
        stored.set_text("filestore_name", format!("{}_ctx_{id}_user_store", context.id));
    }
}

/// The fault for a primary mail address that somebody has.
pub fn mail_taken(mail: &str, context: i64, owner: i64) -> Fault {
    Fault::invalid(format!(
        "Primary mail address \"{mail}\" already exists in context {context} (Already assigned to user {owner})."
    ))
}
