//! LDAP search filters (RFC 4515) and what they match.

use serde_json::Value;

use crate::simulator::http::hex_byte;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// One of them.
    Or(Vec<Filter>),
    /// Not this one.
    Not(Box<Filter>),
    /// A comparison of an attribute.
    Compare(String, Comparison),
}

/// A comparison; values are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Any value.
    Present,
    /// This value.
    Equal(String),
    /// A value with these parts in their order; the first and the last one are anchored (empty: any).
    Parts(Vec<String>),
    /// At least this value.
    AtLeast(String),
    /// At most this value.
    AtMost(String),
}

impl Filter {
    /// Reads a filter; `None` if it is none. A simple comparison may come without parentheses.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let whole = if text.starts_with('(') { text.to_owned() } else { format!("({text})") };
        let (filter, rest) = parse_one(&whole)?;
        rest.trim().is_empty().then_some(filter)
    }

    /// Matches an object, given the values of an attribute: `None` if the attribute does not exist, which makes the comparison
    /// undefined and its negation too.
    pub fn matches(&self, values: &dyn Fn(&str) -> Option<Vec<String>>) -> Option<bool> {
        match self {
            Self::And(filters) => {
                let mut result = Some(true);
                for filter in filters {
                    match filter.matches(values) {
                        Some(false) => return Some(false),
                        None => result = None,
                        Some(true) => {}
                    }
                }
                result
            }
            Self::Or(filters) => {
                let mut result = Some(false);
                for filter in filters {
                    match filter.matches(values) {
                        Some(true) => return Some(true),
                        None => result = None,
                        Some(false) => {}
                    }
                }
                result
            }
            Self::Not(filter) => filter.matches(values).map(|matched| !matched),
            Self::Compare(attribute, comparison) => {
                values(attribute).map(|values| values.iter().any(|value| comparison.matches(value)))
            }
        }
    }

    /// The values one of which an attribute of these names must equal, if the filter says so: what an index can answer.
    pub fn must_equal(&self, attributes: &[&str]) -> Option<Vec<&str>> {
        match self {
            Self::Compare(attribute, Comparison::Equal(value)) => {
                attributes.iter().any(|wanted| wanted.eq_ignore_ascii_case(attribute)).then(|| vec![value.as_str()])
            }
            Self::And(filters) => filters.iter().find_map(|filter| filter.must_equal(attributes)),
            Self::Or(filters) if !filters.is_empty() => {
                let all: Option<Vec<Vec<&str>>> = filters.iter().map(|filter| filter.must_equal(attributes)).collect();
                all.map(|all| all.into_iter().flatten().collect())
            }
            _ => None,
        }
    }
}

impl Comparison {
    fn matches(&self, value: &str) -> bool {
        let value = value.to_lowercase();
        match self {
            Self::Present => true,
            Self::Equal(wanted) => value == *wanted,
            Self::Parts(parts) => in_order(&value, parts),
            Self::AtLeast(limit) => compare(&value, limit).is_ge(),
            Self::AtMost(limit) => compare(&value, limit).is_le(),
        }
    }
}

/// Numbers compare as numbers, all else as texts (also times: they have the same length).
fn compare(value: &str, limit: &str) -> std::cmp::Ordering {
    match (value.parse::<i64>(), limit.parse::<i64>()) {
        (Ok(value), Ok(limit)) => value.cmp(&limit),
        _ => value.cmp(limit),
    }
}

fn in_order(value: &str, parts: &[String]) -> bool {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    let Some(mut rest) = value.strip_prefix(first.as_str()) else { return false };
    for part in &parts[1..parts.len() - 1] {
        let Some(at) = rest.find(part.as_str()) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

fn parse_one(text: &str) -> Option<(Filter, &str)> {
    let inner = text.trim_start().strip_prefix('(')?;
    match inner.as_bytes().first()? {
        sign @ (b'&' | b'|') => {
            let mut rest = inner[1..].trim_start();
            let mut filters = Vec::new();
            while rest.starts_with('(') {
                let (filter, behind) = parse_one(rest)?;
                filters.push(filter);
                rest = behind.trim_start();
            }
            let rest = rest.strip_prefix(')')?;
            Some((if *sign == b'&' { Filter::And(filters) } else { Filter::Or(filters) }, rest))
        }
        b'!' => {
            let (filter, rest) = parse_one(&inner[1..])?;
            Some((Filter::Not(Box::new(filter)), rest.trim_start().strip_prefix(')')?))
        }
        _ => {
            let end = inner.find([')', '('])?;
            let comparison = parse_comparison(&inner[..end])?;
            Some((comparison, inner[end..].strip_prefix(')')?))
        }
    }
}

fn parse_comparison(text: &str) -> Option<Filter> {
    let (attribute, value) = text.split_once('=')?;
    let plain = |value: &str| unescape(value).map(|value| value.to_lowercase());
    let (attribute, comparison) = match attribute.as_bytes().last()? {
        b'>' => (&attribute[..attribute.len() - 1], Comparison::AtLeast(plain(value)?)),
        b'<' => (&attribute[..attribute.len() - 1], Comparison::AtMost(plain(value)?)),
        b'~' => (&attribute[..attribute.len() - 1], Comparison::Equal(plain(value)?)),
        _ if value == "*" => (attribute, Comparison::Present),
        _ if value.contains('*') => {
            (attribute, Comparison::Parts(value.split('*').map(plain).collect::<Option<Vec<_>>>()?))
        }
        _ => (attribute, Comparison::Equal(plain(value)?)),
    };
    let attribute = attribute.trim();
    let sound = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_' | ';' | '.');
    (!attribute.is_empty() && attribute.chars().all(sound)).then(|| Filter::Compare(attribute.to_owned(), comparison))
}

/// `\2a` and the like.
fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'\\' {
            bytes.push(hex_byte(behind.get(..2)?)?);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The values of a JSON value in LDAP form.
pub fn ldap_values(value: &Value) -> Vec<String> {
    match value {
        Value::Null | Value::Object(_) => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(flag) => vec![if *flag { "OK".to_owned() } else { "Not".to_owned() }],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(ldap_values).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(filter: &str) -> Option<bool> {
        let values = |attribute: &str| match attribute {
            "uid" => Some(vec!["Anna.Weber".to_owned()]),
            "description" => Some(vec![]),
            "mail" => Some(vec!["a*b@x".to_owned(), "second@x".to_owned()]),
            "uidNumber" => Some(vec!["900".to_owned()]),
            "modifyTimestamp" => Some(vec!["20261122013016Z".to_owned()]),
            _ => None,
        };
        Filter::parse(filter).and_then(|filter| filter.matches(&values))
    }

    #[test]
    fn filters_match_as_in_ldap() {
        let cases = [
            ("(uid=anna.weber)", Some(true)),
            ("uid=anna.weber", Some(true)),
            ("(uid=anna)", Some(false)),
            ("(uid=an*we*)", Some(true)),
            ("(uid=*weber)", Some(true)),
            ("(uid=*we*nn*)", Some(false)),
            ("(mail=a\\2ab@x)", Some(true)),
            ("(mail=second@x)", Some(true)),
            ("(description=*)", Some(false)),
            ("(!(description=*))", Some(true)),
            ("(nope=*)", None),
            ("(!(nope=*))", None),
            ("(|(nope=*)(uid=*))", Some(true)),
            ("(&(nope=*)(uid=x))", Some(false)),
            ("(uidNumber>=1000)", Some(false)),
            ("(uidNumber<=1000)", Some(true)),
            ("(modifyTimestamp>=20261122013016Z)", Some(true)),
            ("(modifyTimestamp>=20261122013017Z)", Some(false)),
            ("(&(uid=*)(|(mail=none)(uidNumber=900)))", Some(true)),
        ];
        for (filter, expected) in cases {
            assert_eq!(found(filter), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "(uid=anna",
            "(uid=an(na))",
            "(&(uid=a)",
            "(&uid=a)",
            "()",
            "",
            "(uid=a))",
            "(uid=\\zz)",
            "(uid=\\+1)",
            "(a b=c)",
        ] {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_index_answers_what_must_be_equal() {
        let filter = Filter::parse("(&(uid=*)(|(entryUUID=A)(entryUUID=b)))").unwrap_or(Filter::And(Vec::new()));
        assert_eq!(filter.must_equal(&["entryUUID"]), Some(vec!["a", "b"]));
        assert_eq!(filter.must_equal(&["uid"]), None);
    }
}
