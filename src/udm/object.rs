//! Identity and type of directory objects.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The immutable identity of a directory object: its `univentionObjectIdentifier`.
///
/// Names, positions and mail addresses of an object may change, its identifier never does. Objects that come from custom
/// resources instead of a directory use an identifier that starts with `cr:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(String);

impl ObjectId {
    /// Takes an identifier as the directory spells it. Surrounding white space does not belong to it; an empty text is none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The types of directory objects that matter to groupware provisioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::EnumIter)]
pub enum ObjectType {
    /// A tenant of the groupware: `oxmail/oxcontext`.
    #[serde(rename = "oxmail/oxcontext")]
    Context,
    /// A named set of rights: `oxmail/accessprofile`.
    #[serde(rename = "oxmail/accessprofile")]
    AccessProfile,
    /// A person: `users/user`.
    #[serde(rename = "users/user")]
    User,
    /// A group of people: `groups/group`.
    #[serde(rename = "groups/group")]
    Group,
    /// A mailbox that several people use through secondary accounts: `oxmail/functional_account`.
    #[serde(rename = "oxmail/functional_account")]
    FunctionalAccount,
    /// What a member may do with a shared account: `oxmail/shared_account_permission`.
    #[serde(rename = "oxmail/shared_account_permission")]
    SharedAccountPermission,
    /// A mailbox and calendar of its own that is shared: `oxmail/shared_account`.
    #[serde(rename = "oxmail/shared_account")]
    SharedAccount,
    /// A room or device: `oxresources/oxresources`.
    #[serde(rename = "oxresources/oxresources")]
    Resource,
}

impl ObjectType {
    /// The name of the UDM module.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Context => "oxmail/oxcontext",
            Self::AccessProfile => "oxmail/accessprofile",
            Self::User => "users/user",
            Self::Group => "groups/group",
            Self::FunctionalAccount => "oxmail/functional_account",
            Self::SharedAccountPermission => "oxmail/shared_account_permission",
            Self::SharedAccount => "oxmail/shared_account",
            Self::Resource => "oxresources/oxresources",
        }
    }

    /// All types, in the order in which a first load must create them.
    pub fn all() -> impl Iterator<Item = Self> {
        use strum::IntoEnumIterator;
        Self::iter()
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A module name that is none of [`ObjectType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("object type '{found}' is not handled; did you mean '{nearest}'?")]
pub struct UnknownObjectType {
    /// The name that was given.
    pub found: String,
    /// The handled name that looks most like it.
    pub nearest: ObjectType,
}

impl FromStr for ObjectType {
    type Err = UnknownObjectType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(kind) = Self::all().find(|kind| kind.as_str() == text) {
            return Ok(kind);
        }
        let likeness = |kind: &Self| strsim::jaro_winkler(kind.as_str(), text);
        let nearest = Self::all().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        Err(UnknownObjectType { found: text.to_owned(), nearest: nearest.unwrap_or(Self::User) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_from_its_name() {
        for kind in ObjectType::all() {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn an_unknown_type_suggests_the_nearest() {
        let error = "oxmail/functional_acount".parse::<ObjectType>().unwrap_err();
        assert_eq!(error.nearest, ObjectType::FunctionalAccount);
    }

    #[test]
    fn an_identifier_is_not_empty() {
        assert_eq!(ObjectId::new("  "), None);
        assert_eq!(ObjectId::new(" a-b ").map(|id| id.to_string()), Some("a-b".to_owned()));
    }
}
