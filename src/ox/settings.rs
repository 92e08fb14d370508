//! What planning depends on besides the objects: the settings of one connector, in checked form.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::mapping::Mapping;
use super::model::{ContextId, MailServer};
use super::picture::hexadecimal;
use super::template::{AccountTemplate, LoginTemplate, OBJECT_IDENTIFIER};
use crate::udm::{ObjectId, Properties, PropertyError};

/// The settings of one connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The context whose administrator is called `oxadmin`, and that of resources without one.
    pub default_context: ContextId,
    /// Locale of new users and of shared accounts, such as `de_DE`.
    pub language: String,
    /// Zone of new users and of shared accounts, such as `Europe/Berlin`.
    pub timezone: String,
    /// Mail domain of context administrators.
    pub domain: String,
    /// IMAP server of users without a home server; its scheme and port count for all.
    pub imap: MailServer,
    /// SMTP server of users without a home server; its scheme and port count for all.
    pub smtp: MailServer,
    /// How the IMAP login of a user is made.
    pub imap_login: LoginTemplate,
    /// How the login of a functional account is made.
    pub functional_account_login: AccountTemplate,
    /// Which properties name objects in OX.
    pub identifiers: Identifiers,
    /// Which parts of OX are provisioned.
    pub features: Features,
    /// Which things that OX already has are taken over.
    #[serde(default)]
    pub adopt: Adopt,
    /// How users map to OX attributes.
    pub mapping: Mapping,
}

impl Settings {
    /// A short fingerprint of everything that influences plans: equal settings have the same, in each process and version.
    pub fn revision(&self) -> String {
        let mut revision = Self::fingerprint(self);
        revision.truncate(16);
        revision
    }

    /// A fingerprint of anything that settings are made of.
    pub fn fingerprint(value: &impl Serialize) -> String {
        // Only maps with text keys and plain values inside: this cannot fail, and if it did every plan would merely be
        // made again.
        let json = serde_json::to_vec(value).unwrap_or_default();
        hexadecimal(&Sha256::digest(&json))
    }

    /// Login name of the administrator that OX gets together with a context.
    pub fn admin_of(&self, context: ContextId) -> String {
        if context == self.default_context { "oxadmin".to_owned() } else { format!("oxadmin-context{context}") }
    }
}

/// Which properties name objects in OX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identifiers {
    /// Of users; usually `username`.
    pub user: Identifier,
    /// Of groups; usually `name`.
    pub group: Identifier,
    /// Of shared accounts; usually `name`.
    pub shared_account: Identifier,
}

impl Default for Identifiers {
    fn default() -> Self {
        let property = |name: &str| Identifier::Property(name.to_owned());
        Self { user: property("username"), group: property("name"), shared_account: property("name") }
    }
}

/// What names an object in OX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Identifier {
    /// The identifier of the object itself, written `entryUUID` or `univentionObjectIdentifier`.
    ObjectId,
    /// A property, which must be mandatory and unique.
    Property(String),
}

impl Identifier {
    /// The property that has to be kept for it.
    pub fn property(&self) -> &str {
        match self {
            Self::ObjectId => OBJECT_IDENTIFIER,
            Self::Property(name) => name,
        }
    }

    /// The name of an object in OX; none if its property is empty.
    pub fn name(&self, object: &ObjectId, properties: &Properties) -> Result<Option<String>, PropertyError> {
        match self {
            Self::ObjectId => Ok(Some(object.to_string())),
            Self::Property(name) => properties.text(name),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.property())
    }
}

impl From<String> for Identifier {
    fn from(name: String) -> Self {
        if name == "entryUUID" || name == OBJECT_IDENTIFIER { Self::ObjectId } else { Self::Property(name) }
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.property().to_owned()
    }
}

/// Which things that OX already has under the name of a directory object are taken over. What oxherd made itself is
/// recognised in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Adopt {
    /// None.
    Never,
    /// Contexts, which have their number from the directory, and what has the number that is recorded for the object.
    ById,
    /// All that belong to no other object.
    #[default]
    ByName,
}

/// Whether a part of OX is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feature {
    /// It is.
    On,
    /// It is left alone.
    Off,
}

impl Feature {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// Which parts of OX are provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Deputy permissions.
    pub deputies: Feature,
    /// Shared accounts and their permissions.
    pub shared_accounts: Feature,
    /// Guests may become users.
    pub convert_guest: Feature,
    /// The user copy service moves users between contexts with their data.
    pub user_copy: Feature,
}
