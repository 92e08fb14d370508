//! From the properties of a user to attributes of OX.

mod default;
mod spec;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::spec::{Base, EntrySpec, MappingError, MappingErrors, MappingSpec};
use super::attribute::{Attribute, Form};
use super::date;
use super::model::{FieldValue, MailServer, UserFields};
use super::picture::SourcePicture;
use crate::engine::Rejection;
use crate::udm::Properties;

/// Attributes that OX wants with every new user and that only a mapping can give.
const MANDATORY: &[Attribute] = &[Attribute::GIVEN_NAME, Attribute::SUR_NAME, Attribute::EMAIL1];

/// Attributes that oxherd makes itself.
const COMPUTED: &[Attribute] =
    &[Attribute::NAME, Attribute::PASSWORD, Attribute::PRIMARY_EMAIL, Attribute::DEFAULT_SENDER_ADDRESS];

/// Which property of a user goes to which attribute of OX, and how. Only valid mappings exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mapping {
    entries: BTreeMap<Attribute, Entry>,
    /// The properties that the entries read, since each property of each event is looked for among them.
    #[serde(skip)]
    read: BTreeSet<String>,
    /// Those of them that are only kept because of this mapping.
    #[serde(skip)]
    own: Vec<String>,
}

/// How one attribute is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    property: String,
    /// Used in order while the property is empty.
    alternatives: Vec<String>,
    /// Which value of a list, from 0.
    index: usize,
    transform: Transform,
    create_only: bool,
    required: bool,
    clear: Clear,
    /// Absent in the fingerprint of mappings that do not use it: it changes no plan.
    #[serde(skip)]
    audit_values: bool,
}

/// What happens to a value on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Transform {
    /// Nothing.
    None,
    /// `YYYY-MM-DD` or `DD.MM.YYYY` to a date.
    Date,
    /// Base64 to a picture that OX can read.
    Image,
    /// A host name to a server URL with scheme and port of the default IMAP server; no value gives the default server.
    ImapServer,
    /// A host name to a server URL with scheme and port of the default SMTP server; no value gives the default server.
    SmtpServer,
}

impl Transform {
    /// The transformation that the kind of attribute suggests.
    fn natural(attribute: Attribute) -> Self {
        match attribute.form() {
            Form::Date => Self::Date,
            Form::Picture => Self::Image,
            _ if attribute == Attribute::IMAP_SERVER => Self::ImapServer,
            _ if attribute == Attribute::SMTP_SERVER => Self::SmtpServer,
            _ => Self::None,
        }
    }

    /// Whether it gives values that the attribute takes.
    fn suits(self, attribute: Attribute) -> bool {
        match self {
            Self::None => !matches!(attribute.form(), Form::Date | Form::Picture),
            Self::Date => matches!(attribute.form(), Form::Date | Form::Text { .. }),
            Self::Image => attribute.form() == Form::Picture,
            Self::ImapServer | Self::SmtpServer => {
                matches!(attribute.form(), Form::Text { .. } | Form::FixedText { .. })
            }
        }
    }
}

/// What happens in OX when the directory no longer has a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Clear {
    /// The attribute is emptied.
    #[default]
    Empty,
    /// OX keeps the last value.
    Keep,
}

/// The servers that server transformations start from.
#[derive(Clone, Copy, Debug)]
pub struct Servers<'a> {
    /// The default IMAP server.
    pub imap: &'a MailServer,
    /// The default SMTP server.
    pub smtp: &'a MailServer,
}

/// What the mapping makes of a user: the values of the mapped attributes that have one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapped {
    /// Values to send at creation and whenever they change.
    pub fields: UserFields,
    /// Values to send at creation only.
    pub on_create: UserFields,
    /// The picture, not converted yet.
    pub picture: Option<SourcePicture>,
}

impl Default for Mapping {
    fn default() -> Self {
        Self::new(default::entries().collect())
    }
}

impl Mapping {
    fn new(entries: BTreeMap<Attribute, Entry>) -> Self {
        let read: BTreeSet<_> = entries.values().flat_map(Entry::properties).map(str::to_owned).collect();
        let own = read.iter().filter(|property| !is_always_kept(property)).cloned().collect();
        Self { entries, read, own }
    }

    /// The properties that the mapping reads, without doubles.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.read.iter().map(String::as_str)
    }

    /// Whether the mapping reads a property.
    pub fn reads(&self, property: &str) -> bool {
        self.read.contains(property)
    }

    /// The property that an attribute is made from.
    pub fn property_of(&self, attribute: Attribute) -> Option<&str> {
        self.entries.get(&attribute).map(|entry| entry.property.as_str())
    }

    /// Whether the audit trail may keep the values of an attribute.
    pub fn audits_values(&self, attribute: Attribute) -> bool {
        self.entries.get(&attribute).is_some_and(|entry| entry.audit_values)
    }

    /// The attributes that follow the directory after creation, and what happens when this user has no value for them.
    ///
    /// A property that was not kept when the user last came is unknown, not empty: the attribute stays as it is.
    pub fn followed<'a>(&'a self, user: &'a Properties) -> impl Iterator<Item = (Attribute, Clear)> {
        let follows = self.entries.iter().filter(|(_, entry)| !entry.create_only);
        follows.map(|(attribute, entry)| (*attribute, if entry.is_unknown(user) { Clear::Keep } else { entry.clear }))
    }

    /// The properties that are only kept because of this mapping: their absence is kept as well.
    pub fn own_properties(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(String::as_str)
    }

    /// Maps a user. Refuses values that OX would refuse, naming property, attribute and rule, never the value.
    pub fn apply(&self, user: &Properties, servers: Servers<'_>) -> Result<Mapped, Rejection> {
        let mut mapped = Mapped::default();
        for (attribute, entry) in &self.entries {
            if attribute.form() == Form::Picture {
                mapped.picture = entry.first(user)?.map(|text| SourcePicture::new(&text));
                continue;
            }
            match entry.value(*attribute, user, servers)? {
                Some(value) if entry.create_only => {
                    mapped.on_create.insert(*attribute, value);
                }
                Some(value) => {
                    mapped.fields.insert(*attribute, value);
                }
                None if entry.required && !entry.is_unknown(user) => {
                    return Err(Rejection::invalid(format!(
                        "property '{}' is empty, but OX needs it as '{attribute}': set it in the directory",
                        entry.property
                    )));
                }
                None => {}
            }
        }
        Ok(mapped)
    }
}

impl Entry {
    fn properties(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.property.as_str()).chain(self.alternatives.iter().map(String::as_str))
    }

    /// The first property that has a value.
    fn source(&self, user: &Properties) -> Option<&str> {
        self.properties().find(|name| user.raw(name).is_some())
    }

    /// Whether nothing is known of the value, because the properties were not kept when the user last came.
    fn is_unknown(&self, user: &Properties) -> bool {
        !self.properties().any(|property| is_always_kept(property) || user.contains(property))
    }

    fn first(&self, user: &Properties) -> Result<Option<String>, Rejection> {
        Ok(match self.source(user) {
            Some(name) if self.index == 0 => user.text(name)?,
            Some(name) => user.texts(name)?.into_iter().nth(self.index),
            None => None,
        })
    }

    fn value(
        &self,
        attribute: Attribute,
        user: &Properties,
        servers: Servers<'_>,
    ) -> Result<Option<FieldValue>, Rejection> {
        if self.is_unknown(user) {
            return Ok(None);
        }
        let property = self.source(user).unwrap_or(&self.property);
        match attribute.form() {
            Form::Number => {
                // OX reads -1 as "no limit", which is what a user without the attribute has.
                let number = user.number(property)?;
                Ok(number.filter(|n| !(attribute == Attribute::MAX_QUOTA && *n == -1)).map(FieldValue::Number))
            }
            Form::Flag => {
                Ok(if user.raw(property).is_some() { Some(FieldValue::Flag(user.flag(property)?)) } else { None })
            }
            Form::Texts { limit } => {
                let texts = user.texts(property)?;
                for text in &texts {
                    check_text(attribute, property, text, limit)?;
                }
                Ok(Some(FieldValue::Texts(texts)))
            }
            Form::Date => Ok(self.text(user, property, servers)?.map(FieldValue::Date)),
            Form::Text { limit } | Form::FixedText { limit } => {
                let Some(text) = self.text(user, property, servers)? else { return Ok(None) };
                check_text(attribute, property, &text, limit)?;
                Ok(Some(FieldValue::Text(text)))
            }
            Form::Picture => Ok(None),
        }
    }

    fn text(&self, user: &Properties, property: &str, servers: Servers<'_>) -> Result<Option<String>, Rejection> {
        let text = self.first(user)?;
        let server = match self.transform {
            Transform::ImapServer => servers.imap,
            Transform::SmtpServer => servers.smtp,
            Transform::Date => {
                let Some(text) = text else { return Ok(None) };
                return match date::iso(&text) {
                    Some(date) => Ok(Some(date)),
                    None => Err(Rejection::invalid(format!(
                        "property '{property}' is no date: write it as YYYY-MM-DD or DD.MM.YYYY in the directory"
                    ))),
                };
            }
            Transform::None | Transform::Image => return Ok(text),
        };
        let host = text.map_or(Cow::Borrowed(server.host.as_str()), Cow::Owned);
        Ok(Some(format!("{}://{host}:{}", server.scheme, server.port)))
    }
}

/// Checks a text against its column and, for mail attributes, against the address syntax of OX.
fn check_text(attribute: Attribute, property: &str, text: &str, limit: usize) -> Result<(), Rejection> {
    check_length(attribute, property, text, limit)?;
    let is_mail = [Attribute::EMAIL1, Attribute::EMAIL2, Attribute::EMAIL3, Attribute::ALIASES].contains(&attribute);
    if is_mail { check_address(property, text) } else { Ok(()) }
}

/// Refuses a text that is longer than its column in OX.
pub(super) fn check_length(
    what: impl std::fmt::Display,
    property: &str,
    text: &str,
    limit: usize,
) -> Result<(), Rejection> {
    // The length in bytes is never below that in characters and much cheaper to get.
    let length = if text.len() <= limit { return Ok(()) } else { text.chars().count() };
    if length <= limit {
        return Ok(());
    }
    Err(Rejection::invalid(format!(
        "property '{property}' has {length} characters, but OX stores at most {limit} of '{what}': shorten it in the directory"
    )))
}

/// Refuses what OX does not accept as a mail address.
pub(super) fn check_address(property: &str, address: &str) -> Result<(), Rejection> {
    let valid = address.split_once('@').is_some_and(|(local, domain)| {
        let dotted = |text: &str| !text.is_empty() && !text.starts_with('.') && !text.ends_with('.');
        dotted(local)
            && dotted(domain)
            && local.is_ascii()
            && !domain.contains('@')
            && !address.chars().any(|c| c.is_whitespace() || c.is_control() || ",;<>()\"".contains(c))
    });
    if valid {
        return Ok(());
    }
    Err(Rejection::invalid(format!(
        "property '{property}' is not a mail address that OX accepts: correct it in the directory"
    )))
}

/// Whether a property holds a secret.
pub(super) fn is_secret(property: &str) -> bool {
    default::SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(property))
}

/// Whether a property is kept whatever the mapping says, so that a later mapping finds its value: all of `ox…` and those of
/// the built-in mapping.
pub(super) fn is_always_kept(property: &str) -> bool {
    property.starts_with("ox") || default::PROPERTIES.contains(property)
}
