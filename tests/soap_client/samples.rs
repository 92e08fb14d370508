//! Sample objects.

use std::collections::BTreeSet;

use oxherd::ox::attribute::Attribute;
use oxherd::ox::model::{ContextAdmin, ContextId, FieldValue, ResourceFields, UserFields, UserId};
use oxherd::ox::soap::{Credentials, Login};

/// The context of all samples.
pub const CONTEXT: ContextId = ContextId(10);

/// Its administrator.
pub fn admin() -> Login {
    Login::context_admin(CONTEXT, Credentials::new("oxadmin", "ctx-secret"))
}

/// The master administrator.
pub fn master() -> Login {
    Login::master(Credentials::new("oxadminmaster", "secret"))
}

/// User numbers.
pub fn users(ids: &[u32]) -> BTreeSet<UserId> {
    ids.iter().copied().map(UserId).collect()
}

/// Text fields.
pub fn texts(fields: &[(Attribute, &str)]) -> UserFields {
    fields.iter().map(|(attribute, text)| (*attribute, FieldValue::Text((*text).to_owned()))).collect()
}

/// What each new user needs.
pub fn anna() -> UserFields {
    let mail = "anna@example.org";
    let mut fields = texts(&[
        (Attribute::NAME, "anna"),
        (Attribute::DISPLAY_NAME, "Anna Alster"),
        (Attribute::GIVEN_NAME, "Anna"),
        (Attribute::SUR_NAME, "Alster"),
        (Attribute::PRIMARY_EMAIL, mail),
        (Attribute::EMAIL1, mail),
        (Attribute::DEFAULT_SENDER_ADDRESS, mail),
        (Attribute::IMAP_SERVER, "imap://imap.example.org:143"),
        (Attribute::SMTP_SERVER, "smtps://smtp.example.org:465"),
        (Attribute::LANGUAGE, "de_DE"),
        (Attribute::TIMEZONE, "Europe/Berlin"),
    ]);
    fields.insert(Attribute::ALIASES, FieldValue::Texts(vec![mail.to_owned(), "a.alster@example.org".to_owned()]));
    fields.insert(Attribute::PASSWORD, FieldValue::GeneratedSecret);
    fields
}

/// The administrator of a new context.
pub fn context_admin() -> ContextAdmin {
    ContextAdmin {
        name: "oxadmin".to_owned(),
        mail: "oxadmin@example.org".to_owned(),
        language: "de_DE".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
    }
}

/// A resource.
pub fn room() -> ResourceFields {
    ResourceFields {
        name: "room-101".to_owned(),
        display_name: "Room 101".to_owned(),
        description: String::new(),
        mail: "room-101@example.org".to_owned(),
    }
}
