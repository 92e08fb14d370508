//! Keeps of an event only what planning needs, so that nothing else is ever stored.

use super::Settings;
use crate::ox::mapping;
use crate::ox::rights::Flag;
use crate::ox::template::OBJECT_IDENTIFIER;
use crate::udm::{Change, Event, ObjectType};
use serde_json::Value;

/// Drops all properties that planning does not need. Secrets are dropped whatever the settings say.
pub fn reduce(settings: &Settings, event: Event) -> Event {
    let Change::Present(mut properties) = event.change else { return event };
    properties.retain(|name| !mapping::is_secret(name) && needed(settings, event.kind, name));
    if event.kind == ObjectType::User {
        for name in settings.mapping.own_properties() {
            if !properties.contains(name) {
                properties.set(name, Value::Null);
            }
        }
    }
    Event { change: Change::Present(properties), ..event }
}

fn needed(settings: &Settings, kind: ObjectType, name: &str) -> bool {
    if name == OBJECT_IDENTIFIER {
        return true;
    }
    let identifiers = &settings.identifiers;
    match kind {
        ObjectType::Context => ["name", "contextid", "oxQuota", "loginMappings", "adminName"].contains(&name),
        ObjectType::AccessProfile => {
            ["name", "displayName"].contains(&name) || Flag::all().any(|flag| flag.udm_name() == Some(name))
        }
        ObjectType::User => {
            ["username", "isOxUser"].contains(&name)
                || mapping::is_always_kept(name)
                || name == identifiers.user.property()
                || settings.mapping.reads(name)
                || settings.imap_login.properties().any(|property| property == name)
                || settings.functional_account_login.properties().any(|property| property == name)
        }
        ObjectType::Group => ["name", "isOxGroup", "users"].contains(&name) || name == identifiers.group.property(),
        ObjectType::FunctionalAccount => ["name", "mailPrimaryAddress", "personal", "users"].contains(&name),
        ObjectType::SharedAccountPermission => {
            ["name", "displayName", "mail", "calendar"].contains(&name)
                || super::shared_permission::CAPABILITIES.contains(&name)
        }
        ObjectType::SharedAccount => {
            ["name", "displayName", "oxContext", "mailPrimaryAddress", "users", "groups"].contains(&name)
                || name == identifiers.shared_account.property()
        }
        ObjectType::Resource => {
            ["name", "displayname", "description", "resourceMailAddress", "oxContext"].contains(&name)
        }
    }
}
