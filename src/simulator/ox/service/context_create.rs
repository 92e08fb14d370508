//! Creation of contexts, with the checks in the order of the server.

use super::user_create::{MANDATORY, NewUser};
use crate::simulator::ox::attributes;
use crate::simulator::ox::call::Call;
use crate::simulator::ox::checks;
use crate::simulator::ox::fault::{Exception, Fault};
use crate::simulator::ox::java::hash_set_order;
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::response::Answer;
use crate::simulator::ox::rights::Rights;
use crate::simulator::ox::schema::{MAP_ENTRY, STRING_MAP, STRING_MAP_MAP, USER};
use crate::simulator::ox::world::{Context, FILESTORE};

/// The profile of the admin of a context made with plain `create`.
const DEFAULT_PROFILE: &str = "webmail_plus";

pub fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let rights = call.world.profiles.get(DEFAULT_PROFILE)?;
    create_with(call, rights)
}

pub fn create_by_access(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let access = call.body.object("access").ok_or_else(|| Fault::invalid("Invalid data sent!"))?;
    let rights = Rights::from_request(access);
    create_with(call, rights)
}

pub fn create_by_profile(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let profile = call.body.text("access_combination_name").unwrap_or_default();
    let rights = call.world.profiles.get(profile)?;
    create_with(call, rights)
}

fn create_with(call: &mut Call<'_>, rights: Rights) -> Result<Answer, Fault> {
    let (Some(sent), Some(admin)) = (call.body.take_object("ctx"), call.body.take_object("admin_user")) else {
        return Err(Fault::invalid("Context or user not correct"));
    };
    check_strategy(call)?;
    call.require_master_given()?;
    checks::mandatory(&sent, &["id", "maxQuota"], " in context")?;
    let id = sent.number("id").unwrap_or_default();
    if id <= 0 {
        return Err(Fault::invalid(format!("The context identifier {id} is not allowed!")));
    }
    call.world.check_free(id, None)?;
    checks::mandatory(&admin, &MANDATORY, " in admin user")?;
    checks::mail_fields(&admin)?;
    let name = sent.filled("name").map_or_else(|| id.to_string(), ToOwned::to_owned);
    call.world.check_free(id, Some(&name))?;
    let sent_mappings = sent.texts("loginMappings").filter(|mapping| !mapping.is_empty()).map(ToOwned::to_owned);
    let mappings = hash_set_order(sent_mappings.chain([id.to_string(), name.clone()]));
    for mapping in &mappings {
        checks::mapping(mapping)?;
    }
    if let Some(mapping) = call.world.foreign_mapping(id, mappings.iter().map(String::as_str)) {
        return Err(Fault::storage(format!(
            "Cannot map '{mapping}' to the newly created context. This mapping is already in use."
        )));
    }
    if let Some(store) = sent.number("filestoreId").filter(|store| *store != FILESTORE) {
        return Err(Fault::storage(format!("No such file storage for identifier {store}")));
    }

    let language = admin.text("language");
    let in_german = language.is_some_and(|language| language.starts_with("de"));
    let default_group = if in_german { "Standardgruppe" } else { "Standard group" };
    let mut context = Context::new(id, name, default_group);
    context.mappings = mappings.iter().cloned().collect();
    context.max_quota = sent.number("maxQuota").unwrap_or(-1);
    context.attributes = attributes::of(&sent);
    if let Some(store) = sent.filled("filestore_name") {
        store.clone_into(&mut context.filestore_name);
    }
    let answer = answer(sent, &context, mappings, language.is_some());
    let admin = NewUser { data: admin.into_kind(&USER), rights, convert_guest: false };
    admin.insert_admin(&mut context).map_err(Fault::in_storage)?;
    if !call.world.insert(context) {
        return Err(Fault::new(Exception::ContextExists, format!("Context {id} already exists!")));
    }
    Ok(answer.into())
}

fn check_strategy(call: &Call<'_>) -> Result<(), Fault> {
    let Some(sent) = call.body.object("schema_select_strategy") else { return Ok(()) };
    match (sent.filled("strategy"), sent.filled("schema_name")) {
        (Some(_), Some(_)) => {
            Err(Fault::bare("Setting schema_name and schema_select_strategy at the same time is not possible."))
        }
        (None | Some("automatic" | "in-memory"), _) => Ok(()),
        (Some(_), None) => {
            Err(Fault::bare("Invalid parameter value for schema-select-strategy. Possible value: \"automatic\""))
        }
    }
}

/// The request completed, not a fresh read.
fn answer(mut answer: Record, context: &Context, mappings: Vec<String>, with_language: bool) -> Record {
    for name in ["average_size", "readDatabase", "usedQuota", "writeDatabase"] {
        answer.take(name);
    }
    answer.set_flag("enabled", true);
    answer.set_number("filestoreId", context.filestore);
    answer.set_text("filestore_name", context.filestore_name.as_str());
    answer.set("loginMappings", Value::texts(mappings));
    answer.set_text("name", context.name.as_str());
    if let Some(mode) = answer.text("gabMode").map(str::to_uppercase) {
        if mode == "GLOBAL" || mode == "INDIVIDUAL" {
            answer.set_text("gabMode", mode);
        } else {
            answer.take("gabMode");
        }
    }
    if !with_language && context.attributes.is_empty() {
        // A trace of the search for the language of the admin.
        let mut config = Record::new(&MAP_ENTRY);
        config.set_text("key", "config");
        config.set("value", Value::Object(Box::new(Record::new(&STRING_MAP))));
        let mut map = Record::new(&STRING_MAP_MAP);
        map.set("entries", Value::List(vec![Value::Object(Box::new(config))]));
        answer.set("userAttributes", Value::Object(Box::new(map)));
    }
    answer
}
