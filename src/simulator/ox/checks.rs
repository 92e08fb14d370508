//! Checks of single values, with the texts of the server (`ox-soap.md` 5.3).

use std::collections::HashSet;
use std::sync::LazyLock;

use super::fault::Fault;
use super::record::Record;

static ZONES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("zones.txt").lines().collect());

/// The characters of a login name that are not allowed.
fn rest(name: &str, allowed: fn(char) -> bool) -> Result<(), String> {
    let rest: String = name.chars().filter(|character| !allowed(*character)).collect();
    if rest.is_empty() { Ok(()) } else { Err(rest) }
}

/// Login names: `[$@%\.+a-zA-Z0-9_-]`.
pub fn login_name(name: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "$@%.+_-".contains(c);
    rest(name, allowed).map_err(|rest| Fault::invalid(format!("Illegal chars: \"{rest}\"")))
}

/// Names of groups and resources: as login names, but with blanks.
pub fn group_name(name: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " $@%.+_-".contains(c);
    rest(name, allowed).map_err(|rest| Fault::invalid(format!("Illegal chars: \"{rest}\"")))
}

/// Login mappings of a context: `[$%\.+a-zA-Z0-9_-]`.
pub fn mapping(name: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "$%.+_-".contains(c);
    rest(name, allowed).map_err(|rest| Fault::invalid(format!("Illegal chars: \"{rest}\" in login mapping")))
}

/// Whether a mail address passes: the rules of `JavaMail`, which let more through than one would think.
pub fn is_mail_address(address: &str) -> bool {
    if address.contains(['"', '<', '(']) {
        // Quoted local parts, angle brackets and comments are read with a grammar of their own; they all pass.
        return !address.ends_with('.');
    }
    let (local, domain) = match address.split_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (address, None),
    };
    let plain = |text: &str| !text.is_empty() && !text.contains([' ', '\t', ',', ';', ':', '@', '\\', '[', ']']);
    let local_fits = plain(local) && local.is_ascii() && !local.starts_with('.') && !local.contains("..");
    local_fits && domain.is_none_or(|domain| plain(domain) && !domain.starts_with('.') && !domain.ends_with('.'))
}

/// Checks the syntax of all mail fields that are present and not empty.
pub fn mail_fields(user: &Record) -> Result<(), Fault> {
    let single = ["primaryEmail", "email1", "email2", "email3"].into_iter().filter_map(|name| user.text(name));
    let addresses = single.chain(user.texts("aliases")).chain(user.text("defaultSenderAddress"));
    for address in addresses.filter(|address| !address.is_empty()) {
        if !is_mail_address(address) {
            return Err(Fault::invalid(format!("Invalid email address: {address}")));
        }
    }
    Ok(())
}

/// A time zone in exact spelling.
pub fn timezone(zone: &str) -> Result<(), Fault> {
    if ZONES.contains(zone) { Ok(()) } else { Err(Fault::invalid("The given timezone is invalid")) }
}

/// The stored form of a password mechanism.
pub fn password_mechanism(mechanism: &str) -> Result<String, Fault> {
    let bare = mechanism.trim_start_matches('{').trim_end_matches('}');
    if ["BCRYPT", "CRYPT", "SHA-256", "SHA-512", "SHA"].contains(&bare) {
        return Ok(format!("{{{bare}}}"));
    }
    Err(Fault::invalid(format!(
        "Invalid PasswordMech: {mechanism}. Use one of the following: BCRYPT, CRYPT, SHA-256, SHA-512, SHA"
    )))
}

/// Missing or empty ones of the mandatory fields, in Java list syntax.
pub fn mandatory(record: &Record, fields: &[&str], what: &str) -> Result<(), Fault> {
    let missing: Vec<&str> =
        fields.iter().copied().filter(|name| record.number(name).is_none() && record.filled(name).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fault::invalid(format!("Mandatory fields{what} not set: [{}]", missing.join(", "))))
}

/// The database column of the first value that is too long.
pub fn too_long(record: &Record) -> Option<&'static str> {
    for (position, value) in record.slots() {
        let (column, limit) = record.kind().field(*position).column;
        let text = value.as_text().unwrap_or_default();
        // Bytes are an upper bound of characters: most values need no counting.
        if limit > 0 && text.len() > limit && text.chars().count() > limit {
            return Some(column);
        }
    }
    record.texts("aliases").any(|alias| alias.chars().count() > 255).then_some("alias")
}

/// The fault of a create with a value that is too long.
pub fn too_long_on_create(column: &str) -> Fault {
    Fault::storage(format!("Data too long for underlying storage!Error field(s): {column}"))
}

/// The fault of a user change with a value that is too long.
pub fn too_long_on_change(column: &str) -> Fault {
    Fault::storage(format!(
        "com.mysql.cj.jdbc.exceptions.MysqlDataTruncation: Data truncation: Data too long for column '{column}' at \
         row 1"
    ))
}

/// Drive folder modes of a user.
pub fn folder_mode(user: &Record) -> Result<bool, Fault> {
    let mode = user.text("drive_user_folder_mode").or_else(|| user.text("drive_folder_mode")).unwrap_or("default");
    match mode.to_ascii_lowercase().as_str() {
        "default" | "normal" => Ok(true),
        "none" => Ok(false),
        _ => Err(Fault::invalid(
            "An invalid folder mode was selected. Only the following modes are allowed: \n default\n normal\n none",
        )),
    }
}

/// A search pattern: `*` and `%` stand for any text, `_` for one character unless escaped.
pub fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Greedy matching with one point of return, so that no pattern takes exponential time.
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*' | '%') => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some('\\') if pattern.get(p + 1) == Some(&text[t]) => {
                p += 2;
                t += 1;
            }
            Some('_') => {
                p += 1;
                t += 1;
            }
            Some(character) if *character == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match back {
                Some((after, at)) => {
                    p = after;
                    t = at + 1;
                    back = Some((after, at + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|character| matches!(character, '*' | '%'))
}

/// [`like`] without case.
pub fn like_ignoring_case(pattern: &str, text: &str) -> bool {
    like(&pattern.to_lowercase(), &text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(like("b*", "bert"));
        assert!(!like("b*", "BERT"));
        assert!(like_ignoring_case("b*", "BERT"));
        assert!(like("*a*a", "banana"));
        assert!(like("b_rt", "bert"));
        assert!(!like("b\\_rt", "bert"));
        assert!(like("b\\_rt", "b_rt"));
        assert!(!like("", "bert"));
    }

    #[test]
    fn mail_addresses_follow_javamail() {
        for good in ["name", "a@x", "\"a b\"@x", "<a@x>", "a(c)b@x", "a@süd.example"] {
            assert!(is_mail_address(good), "{good}");
        }
        for bad in ["a b@x", "a,b@x", "a@b@c", "@x", "a@", ".a@x", "a@x.", "ä@x", "kein mail"] {
            assert!(!is_mail_address(bad), "{bad}");
        }
    }

    #[test]
    fn zones_are_exact() {
        assert!(timezone("Europe/Berlin").is_ok());
        assert!(timezone("europe/berlin").is_err());
        assert!(timezone("").is_err());
    }
}
