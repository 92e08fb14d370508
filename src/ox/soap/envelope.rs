//! Writes SOAP 1.1 requests straight into a buffer.
//!
//! Texts are checked while they are escaped: a character that XML 1.0 cannot carry makes the whole request unsendable, and
//! the refusal names the field, never its value.

use std::fmt::{self, Write as _};

use secrecy::ExposeSecret;

use super::credentials::Login;
use super::operation::Service;
use crate::ox::model::ContextId;

/// The namespace of an element in a request, as its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ns {
    /// Operations and their direct children.
    Operation,
    /// Fields of contexts, users, groups and the like.
    Data,
}

impl Ns {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Operation => "s:",
            Self::Data => "d:",
        }
    }
}

/// Why a request cannot be sent. Names the field, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct Refusal {
    /// The name of the field: of the attribute as mappings know it, else of the SOAP element.
    pub field: String,
    /// What is wrong with its value.
    pub problem: Problem,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// XML 1.0 has no way to write it.
    #[error("holds a control character that XML cannot carry: remove it in the directory")]
    Character,
    /// OX would refuse it or cut it off (`ox-soap.md` 3.1).
    #[error("has more than {0} characters, which is what OX can store: shorten it in the directory")]
    TooLong(usize),
    /// Not a date of the form `YYYY-MM-DD`.
    #[error("is no date of the form YYYY-MM-DD: correct it in the directory")]
    NoDate,
    /// Outside of what a number of OX can hold.
    #[error("is a number that OX cannot store: correct it in the directory")]
    NumberTooBig,
    /// The value is of another kind than the attribute.
    #[error("has a value of the wrong kind: this is a mistake in oxherd, please report it")]
    WrongKind,
    /// A picture whose data were not loaded, or a secret that was not made.
    #[error("has a value without its data: this is a mistake in oxherd, please report it")]
    WithoutData,
}

/// A request under construction.
pub struct Envelope<'a> {
    xml: String,
    login: &'a Login,
    refusal: Option<Refusal>,
}

impl<'a> Envelope<'a> {
    /// Begins a request: everything up to and including the start tag of the operation.
    pub(super) fn new(service: Service, operation: &str, login: &'a Login) -> Self {
        let mut xml = String::with_capacity(2048);
        xml.push_str(concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:s=""#,
        ));
        xml.push_str(service.namespace());
        xml.push_str(concat!(
            r#"" xmlns:d="http://dataobjects.soap.admin.openexchange.com/xsd""#,
            r#" xmlns:r="http://dataobjects.rmi.admin.openexchange.com/xsd"><soapenv:Body>"#,
        ));
        let mut envelope = Self { xml, login, refusal: None };
        envelope.tag("<", "s:", operation);
        envelope
    }

    /// Ends the request.
    pub(super) fn finish(mut self, operation: &str) -> Result<Vec<u8>, Refusal> {
        self.tag("</", "s:", operation);
        self.xml.push_str("</soapenv:Body></soapenv:Envelope>");
        match self.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.xml.into_bytes()),
        }
    }

    /// An element with children.
    pub fn node(&mut self, ns: Ns, name: &str, children: impl FnOnce(&mut Self)) {
        self.tag("<", ns.prefix(), name);
        children(self);
        self.tag("</", ns.prefix(), name);
    }

    /// An element with a text; the empty text is an empty element, which OX takes as a value.
    pub fn text(&mut self, ns: Ns, name: &str, value: &str) {
        self.labelled(ns, name, name, value);
    }

    /// As [`Self::text`]; a refusal calls the field `label`.
    pub fn labelled(&mut self, ns: Ns, name: &str, label: &str, value: &str) {
        self.tag("<", ns.prefix(), name);
        if !escape(&mut self.xml, value) {
            self.refuse(label, Problem::Character);
        }
        self.tag("</", ns.prefix(), name);
    }

    /// An element with something that needs no escaping: a number or a truth value.
    pub fn plain(&mut self, ns: Ns, name: &str, value: impl fmt::Display) {
        self.tag("<", ns.prefix(), name);
        // Writing to a string cannot fail.
        let _ = write!(self.xml, "{value}");
        self.tag("</", ns.prefix(), name);
    }

    /// An element that holds nothing but the number of something.
    pub fn id(&mut self, name: &str, id: impl fmt::Display) {
        self.node(Ns::Operation, name, |out| out.plain(Ns::Data, "id", id));
    }

    /// The context that the operation is about.
    pub fn ctx(&mut self, context: ContextId) {
        self.id("ctx", context);
    }

    /// The credentials of the caller.
    pub fn auth(&mut self) {
        self.own_auth(Ns::Operation);
    }

    /// As [`Self::auth`], inside of a data object.
    pub fn own_auth(&mut self, ns: Ns) {
        let login = self.login;
        self.auth_as(ns, login);
    }

    /// The credentials of somebody.
    pub fn auth_as(&mut self, ns: Ns, login: &Login) {
        self.tag("<", ns.prefix(), "auth");
        self.xml.push_str("<r:login>");
        let sane = escape(&mut self.xml, &login.credentials.login);
        self.xml.push_str("</r:login><r:password>");
        let sane = escape(&mut self.xml, login.credentials.password.expose_secret()) && sane;
        self.xml.push_str("</r:password>");
        self.tag("</", ns.prefix(), "auth");
        if !sane {
            self.refuse("auth", Problem::Character);
        }
    }

    /// Notes that the request must not be sent. The first reason counts.
    pub fn refuse(&mut self, field: &str, problem: Problem) {
        self.refusal.get_or_insert_with(|| Refusal { field: field.to_owned(), problem });
    }

    fn tag(&mut self, open: &str, prefix: &str, name: &str) {
        self.xml.push_str(open);
        self.xml.push_str(prefix);
        self.xml.push_str(name);
        self.xml.push('>');
    }
}

/// Appends a text as element content. False if a character of it cannot be written in XML 1.0.
///
/// A carriage return is written as a reference, since a parser would turn it into a line feed; `>` is escaped because of
/// `]]>`.
fn escape(xml: &mut String, text: &str) -> bool {
    let mut clean = 0;
    let mut sane = true;
    for (at, c) in text.char_indices() {
        let replacement = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\r' => "&#13;",
            '\t' | '\n' => continue,
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                sane = false;
                ""
            }
            _ => continue,
        };
        xml.push_str(&text[clean..at]);
        xml.push_str(replacement);
        clean = at + c.len_utf8();
    }
    xml.push_str(&text[clean..]);
    sane
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_are_escaped() {
        let mut xml = String::new();
        assert!(escape(&mut xml, " <a> & \"b\" 'c' ]]>\r\n\t🎓"));
        assert_eq!(xml, " &lt;a&gt; &amp; \"b\" 'c' ]]&gt;&#13;\n\t🎓");
    }

    #[test]
    fn what_xml_cannot_carry_is_noticed() {
        for c in ['\0', '\u{1}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            assert!(!escape(&mut String::new(), &format!("a{c}b")), "{c:?}");
        }
        assert!(escape(&mut String::new(), "\u{7f}\u{85}\u{fffd}\u{10ffff}"));
    }
}
