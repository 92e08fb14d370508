//! Distinguished names as text, and their comparable form.

use crate::simulator::http::hex_byte;

/// The comparable form of a distinguished name: without case, without blanks around separators, without escapes.
pub fn key(dn: &str) -> String {
    let parts: Vec<String> = split(dn).map(rdn_key).collect();
    parts.join("\u{1}")
}

/// The parent of a distinguished name, as spelled; empty for a root.
pub fn parent(dn: &str) -> &str {
    match split(dn).next() {
        Some(first) if first.len() < dn.len() => dn[first.len() + 1..].trim_start(),
        _ => "",
    }
}

/// The value of the first relative name, without escapes.
pub fn name(dn: &str) -> String {
    let first = split(dn).next().unwrap_or_default();
    unescape(first.split_once('=').map_or("", |(_, value)| value).trim())
}

/// A distinguished name below a parent.
pub fn below(attribute: &str, value: &str, parent: &str) -> String {
    format!("{attribute}={},{parent}", escape(value))
}

/// Whether a distinguished name (as key) lies below another one (as key), at any depth.
pub fn is_below(key: &str, ancestor: &str) -> bool {
    key.len() > ancestor.len() && key.ends_with(ancestor) && key[..key.len() - ancestor.len()].ends_with('\u{1}')
}

fn rdn_key(rdn: &str) -> String {
    match rdn.split_once('=') {
        Some((attribute, value)) => {
            format!("{}={}", attribute.trim().to_lowercase(), unescape(value.trim()).to_lowercase())
        }
        None => rdn.trim().to_lowercase(),
    }
}

/// The relative names, split at commas that are not escaped.
fn split(dn: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(dn);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut escaped = false;
        for (at, sign) in text.char_indices() {
            match sign {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                ',' => {
                    rest = Some(&text[at + 1..]);
                    return Some(&text[..at]);
                }
                _ => {}
            }
        }
        rest = None;
        Some(text)
    })
}

fn unescape(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = || bytes.get(at + 1..at + 3).and_then(hex_byte);
        let escaped = bytes[at] == b'\\';
        let (byte, length) = match hex().filter(|_| escaped) {
            Some(byte) => (byte, 3),
            None if escaped => (bytes.get(at + 1).copied().unwrap_or(b'\\'), 2),
            None => (bytes[at], 1),
        };
        plain.push(byte);
        at += length;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A value as it stands in a distinguished name (RFC 4514).
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, sign) in value.chars().enumerate() {
        let special = matches!(sign, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (at == 0 && matches!(sign, ' ' | '#'))
            || (at == last && sign == ' ');
        if special {
            escaped.push('\\');
        }
        escaped.push(sign);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_blanks_and_escapes() {
        let same = ["cn=West\\, A\\+B,ou=S\\C3\\BCd,dc=x", "CN=west\\2C a+b, OU=süd, DC=X"];
        assert_eq!(key(same[0]), key(same[1]));
        assert_ne!(key("cn=a,cn=b"), key("cn=a\\,cn=b"));
        assert_eq!(parent("cn=West\\, A,ou=b,dc=x"), "ou=b,dc=x");
        assert_eq!(parent("dc=x"), "");
        assert_eq!(name("cn=West\\, A\\+B,dc=x"), "West, A+B");
        assert_eq!(below("cn", "West, A+B", "dc=x"), "cn=West\\, A\\+B,dc=x");
        assert!(is_below(&key("cn=a,dc=x"), &key("dc=x")));
        assert!(!is_below(&key("cn=a,dc=xx"), &key("dc=x")));
        assert!(!is_below(&key("dc=x"), &key("dc=x")));
    }
}
