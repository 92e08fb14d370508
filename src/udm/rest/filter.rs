//! LDAP filters (RFC 4515).

use std::fmt;

use crate::udm::{IDENTIFIER, ObjectId};

/// An LDAP filter. UDM also takes the names of its properties in it, but values always in their LDAP form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The attribute has this value.
    Is(&'static str, String),
    /// The attribute has a value that is not below this one.
    AtLeast(&'static str, String),
    /// The attribute has a value that is not above this one.
    AtMost(&'static str, String),
    /// The attribute has a value.
    Has(&'static str),
    /// All of these hold.
    All(Vec<Filter>),
    /// One of these holds.
    Any(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// A filter that a person wrote. The server says if it is none.
    Written(String),
}

impl Filter {
    /// The object with this identifier.
    pub fn identifier(id: &ObjectId) -> Self {
        Self::Is(IDENTIFIER, id.as_str().to_owned())
    }

    /// Objects whose identifier is stored, so that the one that they show is theirs (`udm-rest.md` 17).
    pub fn identified() -> Self {
        Self::Has(IDENTIFIER)
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::All(mut parts) => {
                parts.push(other);
                Self::All(parts)
            }
            first => Self::All(vec![first, other]),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, sign: char, parts: &[Self]| {
            write!(f, "({sign}")?;
            parts.iter().try_for_each(|part| part.fmt(f))?;
            f.write_str(")")
        };
        match self {
            Self::Is(name, value) => write!(f, "({name}={})", Escaped(value)),
            Self::AtLeast(name, value) => write!(f, "({name}>={})", Escaped(value)),
            Self::AtMost(name, value) => write!(f, "({name}<={})", Escaped(value)),
            Self::Has(name) => write!(f, "({name}=*)"),
            Self::All(parts) => list(f, '&', parts),
            Self::Any(parts) => list(f, '|', parts),
            Self::Not(part) => write!(f, "(!{part})"),
            Self::Written(text) if text.trim_start().starts_with('(') => f.write_str(text.trim()),
            Self::Written(text) => write!(f, "({})", text.trim()),
        }
    }
}

/// A value in which nothing has a meaning of its own.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '*' | '(' | ')' | '\\' | '\0' => write!(f, "\\{:02x}", u32::from(c))?,
                _ => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_written_as_ldap_wants_them() {
        let id = ObjectId::new("1deb7acc-238e-4753-bddf-d4c4982415b8").unwrap();
        let table = [
            (Filter::identifier(&id), "(univentionObjectIdentifier=1deb7acc-238e-4753-bddf-d4c4982415b8)"),
            (Filter::Not(Box::new(Filter::identified())), "(!(univentionObjectIdentifier=*))"),
            (
                Filter::identified().and(Filter::AtLeast("modifyTimestamp", "20260101000000Z".into())),
                "(&(univentionObjectIdentifier=*)(modifyTimestamp>=20260101000000Z))",
            ),
            (Filter::Any(vec![Filter::Has("a"), Filter::AtMost("b", "1".into())]), "(|(a=*)(b<=1))"),
            (Filter::Is("uid", "a*(b)\\c\0 ü".into()), "(uid=a\\2a\\28b\\29\\5cc\\00 ü)"),
            (Filter::Written(" uid=a* ".into()), "(uid=a*)"),
            (Filter::Written("(|(uid=a*)(uid=b*))".into()), "(|(uid=a*)(uid=b*))"),
        ];
        for (filter, text) in table {
            assert_eq!(filter.to_string(), text);
        }
    }
}
