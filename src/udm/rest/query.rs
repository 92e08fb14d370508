//! What to list.

use reqwest::Url;

use crate::udm::{IDENTIFIER, ObjectType};

use super::filter::Filter;

/// Which properties an answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fields {
    /// All.
    All,
    /// These and the identifier. Those that are not set are missing in the answer.
    Only(Vec<String>),
    /// None: only distinguished names. The server does not open the objects, so that one that it cannot open does no harm.
    Names,
}

/// A list to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Of which type.
    pub kind: ObjectType,
    /// Which objects.
    pub filter: Filter,
    /// What of them.
    pub fields: Fields,
}

impl Query {
    /// All properties of these objects.
    pub fn new(kind: ObjectType, filter: Filter) -> Self {
        Self { kind, filter, fields: Fields::All }
    }

    /// The same with these properties.
    #[must_use]
    pub fn fields(self, fields: Fields) -> Self {
        Self { fields, ..self }
    }

    /// Adds it to the address of the type.
    pub(super) fn write(&self, url: &mut Url) {
        url.query_pairs_mut().append_pair("filter", &self.filter.to_string()).append_pair("scope", "sub");
        self.fields.write(url);
    }
}

impl Fields {
    /// Adds the choice to an address.
    pub(super) fn write(&self, url: &mut Url) {
        match self {
            Self::All => {}
            Self::Only(names) => {
                let mut pairs = url.query_pairs_mut();
                for name in names.iter().map(String::as_str).filter(|name| *name != IDENTIFIER).chain([IDENTIFIER]) {
                    pairs.append_pair("properties", name);
                }
            }
            Self::Names => {
                url.query_pairs_mut().append_pair("opened", "0").append_pair("properties", "dn");
            }
        }
    }
}
