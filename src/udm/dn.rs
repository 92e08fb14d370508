//! Distinguished names (RFC 4514, and what RFC 2253 still wrote).

mod scan;

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A distinguished name, as it was written and in canonical form. Equality, order and hash are those of the canonical form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dn {
    text: String,
    canonical: String,
}

/// A text that is no distinguished name. Says what is wrong and where, but not the text: names are personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a distinguished name: {reason} at character {position}")]
pub struct DnError {
    /// What is wrong.
    pub reason: &'static str,
    /// Where, counted in characters from 1.
    pub position: usize,
}

/// One step of a distinguished name: `uid=anna`, or several attributes as in `cn=anna+ou=sales`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rdn {
    attributes: Vec<(String, String)>,
}

impl Rdn {
    /// Attribute types and unescaped values, as they were written and in that order; a value that was written in hexadecimal
    /// as `#…`.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, String)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.replace(scan::BINARY, "#")))
    }

    /// The canonical form: attributes sorted, since `a+b` and `b+a` are the same step.
    fn write_canonical(&self, out: &mut String) {
        let mut parts: Vec<_> =
            self.attributes.iter().map(|(name, value)| (canonical_name(name), lower(value))).collect();
        parts.sort_unstable();
        for (index, (name, value)) in parts.iter().enumerate() {
            if index > 0 {
                out.push('+');
            }
            out.push_str(name);
            out.push('=');
            escape(value, out);
        }
    }
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

    /// The steps from the object up to the root.
    pub fn rdns(&self) -> Vec<Rdn> {
        self.scan().into_iter().map(|(rdn, _)| rdn).collect()
    }

    /// The value of the first step, unescaped and as it was written: `Anna` of `uid=Anna,cn=users,dc=acme`.
    pub fn rdn_value(&self) -> String {
        self.scan().first().and_then(|(rdn, _)| rdn.attributes().next()).map(|(_, value)| value).unwrap_or_default()
    }

    /// The object above, unless this is the topmost one.
    pub fn parent(&self) -> Option<Self> {
        let steps = self.scan();
        let (_, end) = steps.first().filter(|_| steps.len() > 1)?;
        self.text.get(*end..)?.parse().ok()
    }

    /// The text was checked when the name was made, so there always is a result.
    fn scan(&self) -> Vec<(Rdn, usize)> {
        scan::steps(&self.text).unwrap_or_default()
    }
}

/// An attribute type. RFC 2253 still allows `oid.` before a number, which says nothing; anywhere else it is part of the name.
fn canonical_name(name: &str) -> String {
    let name = lower(name);
    match name.strip_prefix("oid.").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        Some(number) => number.to_owned(),
        None => name,
    }
}

/// Lower case letter by letter, as directories compare: no rule that looks at neighbours (such as that for a final sigma),
/// so that the canonical form of a part does not depend on what follows.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Writes a value so that it reads back as itself; every special character as a hex pair, as `OpenLDAP` does.
fn escape(value: &str, out: &mut String) {
    if let Some(hex) = value.strip_prefix(scan::BINARY) {
        out.push('#');
        out.push_str(hex);
        return;
    }
    let last = value.len().saturating_sub(1);
    for (at, c) in value.char_indices() {
        let special = match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '=' | '\\' => true,
            '#' => at == 0,
            ' ' => at == 0 || at == last,
            _ => c.is_ascii_control(),
        };
        if special {
            // Writing to a text cannot fail.
            let _ = write!(out, "\\{:02x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
}

impl FromStr for Dn {
    type Err = DnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if scan::is_simple(text) {
            return Ok(Self { canonical: text.to_ascii_lowercase(), text: text.to_owned() });
        }
        canonical(text).map(|canonical| Self { text: text.to_owned(), canonical })
    }
}

/// The canonical form of any name.
fn canonical(text: &str) -> Result<String, DnError> {
    let mut canonical = String::with_capacity(text.len());
    for (index, (rdn, _)) in scan::steps(text)?.iter().enumerate() {
        if index > 0 {
            canonical.push(',');
        }
        rdn.write_canonical(&mut canonical);
    }
    Ok(canonical)
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

impl Hash for Dn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl PartialOrd for Dn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Dn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.canonical.cmp(&other.canonical)
    }
}

#[cfg(test)]
mod tests;
