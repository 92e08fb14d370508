//! What of the directory is looked at.

use serde::{Deserialize, Serialize};

use crate::udm::ObjectType;
use crate::udm::rest::Filter;

use super::slice::Slice;

/// What of the directory is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Only objects of this type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ObjectType>,
    /// Only objects of the OX context with this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
    /// Only objects that this LDAP filter chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Whether what the lists lack is looked for.
    pub deletions: Deletions,
    /// Whether types are listed as a whole: for servers that do not compare identifiers.
    #[serde(default)]
    pub parts: Parts,
}

/// Whether what the lists lack is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Deletions {
    /// What the directory does not have any more is deleted, through the deletion guard.
    #[default]
    Detect,
    /// It stays.
    Ignore,
}

/// In which parts a type is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Parts {
    /// Types of which there are many are listed by ranges of identifiers.
    #[default]
    Ranges,
    /// Each type is one list.
    Whole,
}

impl Scope {
    /// The types that are looked at, in the order in which they depend on each other.
    pub fn kinds(&self) -> impl Iterator<Item = ObjectType> {
        let (only, in_context) = (self.kind, self.context.is_some());
        ObjectType::all().filter(move |kind| {
            only.is_none_or(|only| only == *kind) && (!in_context || context_attribute(*kind).is_some())
        })
    }

    /// Whether these are all objects, so that what is missing in the lists is missing in the directory.
    pub fn is_complete(&self) -> bool {
        self.context.is_none() && self.filter.is_none()
    }

    pub(super) fn finds_deletions(&self) -> bool {
        self.deletions == Deletions::Detect && self.is_complete()
    }

    pub(super) fn first_slice(&self, kind: ObjectType) -> Slice {
        match self.parts {
            // What is chosen by a filter is not much.
            Parts::Ranges if self.is_complete() => Slice::first(kind),
            _ => Slice::whole(),
        }
    }

    /// The objects of a part.
    pub(super) fn filter(&self, kind: ObjectType, slice: &Slice) -> Filter {
        let mut filter = slice.filter();
        if let (Some(context), Some(attribute)) = (self.context, context_attribute(kind)) {
            filter = filter.and(Filter::Is(attribute, context.to_string()));
        }
        match &self.filter {
            Some(text) => filter.and(Filter::Written(text.clone())),
            None => filter,
        }
    }
}

/// Where a type says to which context its objects belong; none if it does not.
fn context_attribute(kind: ObjectType) -> Option<&'static str> {
    match kind {
        ObjectType::Context => Some("contextid"),
        ObjectType::User | ObjectType::Group | ObjectType::SharedAccount | ObjectType::Resource => Some("oxContext"),
        ObjectType::AccessProfile | ObjectType::FunctionalAccount | ObjectType::SharedAccountPermission => None,
    }
}
