//! The texts of the real server's XML parser for broken requests, with row and column.

use quick_xml::Error;
use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::events::BytesRef;

use super::fault::Fault;

/// The fault for an error of the XML reader.
pub fn broken(text: &str, inside: bool, error: &Error, at: u64) -> Fault {
    let at = usize::try_from(at).unwrap_or(text.len()).min(text.len());
    let rest = text.get(at..).unwrap_or_default();
    match error {
        Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
            let message = format!("Unexpected close tag </{found}>; expected </{expected}>.");
            fault(text, inside, &message, at + 2 + found.len())
        }
        Error::IllFormed(IllFormedError::UnclosedReference) => reference(text, inside, rest, at),
        Error::Syntax(SyntaxError::UnclosedTag) if rest.starts_with("</") => {
            fault(text, inside, "Unexpected end of input block in end tag", text.len())
        }
        Error::Syntax(SyntaxError::UnclosedTag) => {
            fault(text, inside, "Unexpected end of input block in start tag", text.len())
        }
        Error::IllFormed(IllFormedError::MissingEndTag(_)) => end_of_input(text, inside),
        other => fault(text, inside, &other.to_string(), at),
    }
}

fn reference(text: &str, inside: bool, rest: &str, at: usize) -> Fault {
    let name: String =
        rest.chars().skip(1).take_while(|c| c.is_alphanumeric() || matches!(c, '#' | '_' | '-' | '.')).collect();
    let after = at + 1 + name.len();
    let Some(next) = text.get(after..).and_then(|rest| rest.chars().next()) else { return end_of_input(text, inside) };
    let message = if name.is_empty() {
        format!("Unexpected character '{next}' (code {}) (missing name?)", u32::from(next))
    } else {
        format!(
            "Unexpected character '{next}' (code {}); expected a semi-colon after the reference for entity '{name}'",
            u32::from(next)
        )
    };
    fault(text, inside, &message, after + next.len_utf8())
}

/// The text of a reference such as `&amp;` or `&#110;`.
pub fn resolve(text: &str, inside: bool, reference: &BytesRef<'_>, end: usize) -> Result<String, Fault> {
    if reference.is_char_ref() {
        return match reference.resolve_char_ref() {
            Ok(Some(character)) if legal(character) => Ok(character.to_string()),
            _ => {
                let message = format!("Illegal character entity: expansion character (code {})", &**reference);
                Err(fault(text, inside, &message, end))
            }
        };
    }
    let resolved = match &**reference {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        name => return Err(fault(text, inside, &format!("Undeclared general entity \"{name}\""), end)),
    };
    Ok(resolved.to_owned())
}

const fn legal(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..)
}

/// Refuses control characters in the text between two offsets.
pub fn check_characters(text: &str, inside: bool, from: usize, to: usize) -> Result<(), Fault> {
    let content = text.as_bytes().get(from..to).unwrap_or_default();
    match content.iter().position(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) {
        None => Ok(()),
        Some(at) => {
            let message = format!("Illegal character ((CTRL-CHAR, code {}))", content[at]);
            Err(fault(text, inside, &message, from + at + 1))
        }
    }
}

/// The request does not start with a tag.
pub fn in_prolog(text: &str) -> Fault {
    let at = text.find(|character: char| !character.is_whitespace()).unwrap_or_default();
    let character = text[at..].chars().next().unwrap_or_default();
    let message = format!("Unexpected character '{character}' (code {}) in prolog; expected '<'", u32::from(character));
    fault(text, false, &message, at + character.len_utf8())
}

/// The request is empty or ends before its first element.
pub fn end_of_prolog(text: &str) -> Fault {
    fault(text, false, "Unexpected EOF in prolog", text.len())
}

/// The request ends within an element.
pub fn end_of_input(text: &str, inside: bool) -> Fault {
    fault(text, inside, "Unexpected EOF; was expecting a close tag", text.len())
}

/// `consumed` is the number of bytes the parser has read when it notices the error.
fn fault(text: &str, inside: bool, message: &str, consumed: usize) -> Fault {
    let before = text.get(..consumed).unwrap_or(text);
    let row = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let place = format!("{message}\n at [row,col {{unknown-source}}]: [{row},{column}]");
    if inside {
        Fault::client(format!("Unmarshalling Error: {place} "))
    } else {
        Fault::client(format!("Error reading XMLStreamReader: {place}"))
    }
}
