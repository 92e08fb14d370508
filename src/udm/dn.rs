//! Distinguished names (RFC 4514).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A distinguished name, as it was written and in canonical form. Equality and order are those of the canonical form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dn {
    text: String,
    canonical: String,
}

/// A text that is no distinguished name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a distinguished name: {reason} at character {position}")]
pub struct DnError {
    /// What is wrong.
    pub reason: &'static str,
    /// Where, counted in characters from 1.
    pub position: usize,
}

impl Dn {
    /// The canonical form: lower case, one escaping, no blanks around separators.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Dn {
    type Err = DnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { text: text.to_owned(), canonical: text.to_lowercase() })
    }
}

impl TryFrom<String> for Dn {
    type Error = DnError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Dn> for String {
    fn from(dn: Dn) -> Self {
        dn.text
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Dn {}
