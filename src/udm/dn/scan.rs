//! Reads the text form of a distinguished name.

use super::{DnError, Rdn};

/// Marks a value that was written as `#hex`, so that it never equals one that was written as text. The character belongs to
/// no script and never is in a name (U+FDD0 is a noncharacter).
pub(super) const BINARY: char = '\u{fdd0}';

/// Whether a name is of the plain form in which directories write nearly all, of which the canonical form differs in case
/// only: `name=value` steps with ASCII letters and nothing that would be escaped, quoted, trimmed or sorted. A group has tens of
/// thousands of them.
pub(super) fn is_simple(text: &str) -> bool {
    text.split(',').all(|step| {
        let Some((name, value)) = step.split_once('=') else { return false };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_value =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'/' | b':');
        // Blanks only inside.
        let (first, last) = (value.bytes().next(), value.bytes().next_back());
        !name.is_empty()
            && name.bytes().all(is_name)
            && first.is_some_and(is_value)
            && last.is_some_and(is_value)
            && value.bytes().all(|byte| is_value(byte) || byte == b' ')
    })
}

/// The steps of a name, each with the byte position at which the next one begins.
pub(super) fn steps(text: &str) -> Result<Vec<(Rdn, usize)>, DnError> {
    let mut scanner = Scanner { text, at: 0 };
    let mut steps = Vec::new();
    loop {
        let mut attributes = Vec::with_capacity(1);
        let more = loop {
            attributes.push(scanner.attribute()?);
            match scanner.next() {
                Some('+') => {}
                Some(',' | ';') => break true,
                _ => break false,
            }
        };
        steps.push((Rdn { attributes }, scanner.at));
        if !more {
            return Ok(steps);
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn error(&self, reason: &'static str) -> DnError {
        let position = self.text.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        DnError { reason, position }
    }

    /// `name=value` up to a separator or the end.
    fn attribute(&mut self) -> Result<(String, String), DnError> {
        self.skip_blanks();
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')) {
            self.next();
        }
        let name = self.text.get(start..self.at).unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(self.error("an attribute name is missing"));
        }
        self.skip_blanks();
        if self.peek() != Some('=') {
            return Err(self.error("an equals sign is missing"));
        }
        self.next();
        self.skip_blanks();
        let value = match self.peek() {
            Some('"') => self.quoted()?,
            Some('#') => self.hexadecimal()?,
            _ => self.plain()?,
        };
        self.skip_blanks();
        match self.peek() {
            None | Some('+' | ',' | ';') => Ok((name, value)),
            Some(_) => Err(self.error("a separator is missing")),
        }
    }

    fn plain(&mut self) -> Result<String, DnError> {
        let mut bytes = Vec::new();
        // Blanks before a separator do not belong to the value, escaped ones do.
        let mut length = 0;
        let start = self.at;
        loop {
            match self.peek() {
                None | Some('+' | ',' | ';') => break,
                Some('"' | '<' | '>' | '\0' | BINARY) => return Err(self.error("a special character is not escaped")),
                Some(c) => {
                    self.value_character(c, &mut bytes)?;
                    if c != ' ' {
                        length = bytes.len();
                    }
                }
            }
        }
        bytes.truncate(length);
        self.text_of(bytes, start)
    }

    fn quoted(&mut self) -> Result<String, DnError> {
        let start = self.at;
        self.next();
        let mut bytes = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.error("a closing quote is missing")),
                Some('"') => break,
                Some('\0' | BINARY) => return Err(self.error("a special character is not escaped")),
                Some(c) => self.value_character(c, &mut bytes)?,
            }
        }
        self.next();
        self.text_of(bytes, start)
    }

    /// `#` and the bytes of an encoded value. Nothing in a Univention directory needs it, so it is compared as it is.
    fn hexadecimal(&mut self) -> Result<String, DnError> {
        self.next();
        let mut value = String::from(BINARY);
        while let Some(c) = self.peek().filter(char::is_ascii_hexdigit) {
            value.push(c.to_ascii_lowercase());
            self.next();
        }
        let digits = value.len() - BINARY.len_utf8();
        if digits == 0 || digits % 2 == 1 {
            return Err(self.error("hexadecimal digits must come in pairs"));
        }
        Ok(value)
    }

    /// Takes one character of a value, or an escaped one. Hex pairs are bytes of UTF-8, so only the whole value is a text.
    fn value_character(&mut self, c: char, bytes: &mut Vec<u8>) -> Result<(), DnError> {
        self.next();
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        let digit = |c: Option<char>| c.and_then(|c| c.to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        match self.peek() {
            Some(c @ (' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\')) => {
                self.next();
                bytes.push(u8::try_from(c).unwrap_or_default());
                Ok(())
            }
            first => match (digit(first), digit(self.rest().chars().nth(1))) {
                (Some(high), Some(low)) => {
                    self.at += 2;
                    bytes.push(high << 4 | low);
                    Ok(())
                }
                _ => Err(self.error("a backslash must be followed by a special character or two hexadecimal digits")),
            },
        }
    }

    fn text_of(&self, bytes: Vec<u8>, start: usize) -> Result<String, DnError> {
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains(BINARY));
        text.ok_or_else(|| Scanner { text: self.text, at: start }.error("the value is no UTF-8 text"))
    }
}
