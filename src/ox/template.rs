//! Login templates: how the login of a mailbox is made of properties.

use serde::{Deserialize, Serialize};

use crate::engine::Rejection;
use crate::udm::{ObjectId, Properties, PropertyError};

/// The property by which templates and identifiers refer to the identifier of an object.
pub const OBJECT_IDENTIFIER: &str = "univentionObjectIdentifier";

/// A text that is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{template}' is not a template: {reason}")]
pub struct TemplateError {
    /// The text.
    pub template: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Why a template cannot be filled for an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// The object does not have the property.
    #[error("the login template '{template}' needs property '{property}', which the object does not have")]
    Missing {
        /// The template.
        template: String,
        /// The property.
        property: String,
    },
    /// The property has a value that cannot be used.
    #[error(transparent)]
    Unusable(#[from] PropertyError),
}

impl From<FillError> for Rejection {
    fn from(error: FillError) -> Self {
        match error {
            FillError::Missing { .. } => {
                Self::invalid(format!("{error}: set it in the directory, or change the template"))
            }
            FillError::Unusable(error) => error.into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<Token> {
    Literal(String),
    Token(Token),
}

/// The template of `imapLogin`: `{}` is the primary mail address, `{property}` that property of the user; a text that does
/// not contain both braces is literal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoginTemplate {
    text: String,
    parts: Vec<Part<LoginToken>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LoginToken {
    Mail,
    Property(String),
}

impl LoginTemplate {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        if text.contains('{') && text.contains('}') {
            let error = |reason| TemplateError { template: text.to_owned(), reason };
            let mut rest = text.chars().peekable();
            while let Some(character) = rest.next() {
                match character {
                    '{' | '}' if rest.next_if_eq(&character).is_some() => literal.push(character),
                    '{' => {
                        let name: String = std::iter::from_fn(|| rest.next_if(|c| *c != '}' && *c != '{')).collect();
                        if rest.next() != Some('}') {
                            return Err(error("a '{' is not closed"));
                        }
                        if !literal.is_empty() {
                            parts.push(Part::Literal(std::mem::take(&mut literal)));
                        }
                        parts.push(Part::Token(match name.trim() {
                            "" => LoginToken::Mail,
                            property => LoginToken::Property(property.to_owned()),
                        }));
                    }
                    '}' => return Err(error("a '}' closes nothing")),
                    other => literal.push(other),
                }
            }
        } else {
            text.clone_into(&mut literal);
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The properties that it uses.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Token(LoginToken::Property(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Fills it for a user.
    pub fn fill(&self, mail: &str, object: &ObjectId, user: &Properties) -> Result<String, FillError> {
        let mut login = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => login.push_str(text),
                Part::Token(LoginToken::Mail) => login.push_str(mail),
                Part::Token(LoginToken::Property(name)) => login.push_str(&property(&self.text, object, user, name)?),
            }
        }
        Ok(login)
    }
}

impl TryFrom<String> for LoginTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        Self::parse(&text)
    }
}

impl From<LoginTemplate> for String {
    fn from(template: LoginTemplate) -> Self {
        template.text
    }
}

/// The template of the login of a functional account, with tokens such as `{{fa_entry_uuid}}`. All other text is literal;
/// the empty text stands for `{{fa_entry_uuid}}{{username}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct AccountTemplate {
    text: String,
    parts: Vec<Part<AccountToken>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AccountToken {
    AccountId,
    AccountAddress,
    UserId,
    UserDn,
    UserProperty(String),
}

/// What a functional account and one of its users bring to the template.
#[derive(Clone, Copy, Debug)]
pub struct AccountLogin<'a> {
    /// Identifier of the account.
    pub account: &'a ObjectId,
    /// Mail address of the account.
    pub address: &'a str,
    /// Identifier of the user.
    pub user: &'a ObjectId,
    /// Distinguished name of the user in canonical form.
    pub dn: &'a str,
    /// The properties of the user; needed only if [`AccountTemplate::properties`] names some.
    pub properties: &'a Properties,
}

impl AccountTemplate {
    /// Reads a template. Every text is one: braces that enclose no word are literal.
    pub fn parse(text: &str) -> Self {
        let source = if text.is_empty() { "{{fa_entry_uuid}}{{username}}" } else { text };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(start) = rest.find("{{") {
            let inner = &rest[start + 2..];
            let word = inner.find("}}").map(|end| &inner[..end]).filter(|word| is_word(word));
            let Some(word) = word else {
                literal.push_str(&rest[..=start]);
                rest = &rest[start + 1..];
                continue;
            };
            literal.push_str(&rest[..start]);
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Token(match word {
                "fa_entry_uuid" => AccountToken::AccountId,
                "fa_email_address" => AccountToken::AccountAddress,
                "entry_uuid" => AccountToken::UserId,
                "dn" => AccountToken::UserDn,
                property => AccountToken::UserProperty(property.to_owned()),
            }));
            rest = &inner[word.len() + 2..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self { text: text.to_owned(), parts }
    }

    /// The properties of the user that it uses.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Token(AccountToken::UserProperty(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Fills it for one user of an account.
    pub fn fill(&self, login: AccountLogin<'_>) -> Result<String, FillError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Token(AccountToken::AccountId) => text.push_str(login.account.as_str()),
                Part::Token(AccountToken::AccountAddress) => text.push_str(login.address),
                Part::Token(AccountToken::UserId) => text.push_str(login.user.as_str()),
                Part::Token(AccountToken::UserDn) => text.push_str(login.dn),
                Part::Token(AccountToken::UserProperty(name)) => {
                    text.push_str(&property(&self.text, login.user, login.properties, name)?);
                }
            }
        }
        Ok(text)
    }
}

impl From<String> for AccountTemplate {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<AccountTemplate> for String {
    fn from(template: AccountTemplate) -> Self {
        template.text
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn property(template: &str, object: &ObjectId, properties: &Properties, name: &str) -> Result<String, FillError> {
    if let Some(value) = properties.text(name)? {
        return Ok(value);
    }
    if name == OBJECT_IDENTIFIER || name == "entryUUID" {
        return Ok(object.to_string());
    }
    Err(FillError::Missing { template: template.to_owned(), property: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn anna() -> (ObjectId, Properties) {
        let properties =
            serde_json::from_value(json!({"username": "anna", "phone": ["1", "2"], "bad": {"a": 1}})).unwrap();
        (ObjectId::new("u-1").unwrap(), properties)
    }

    #[test]
    fn imap_login_templates() {
        let (id, user) = anna();
        let fill = |text: &str| LoginTemplate::parse(text).unwrap().fill("anna@example.org", &id, &user);
        assert_eq!(fill("{}").unwrap(), "anna@example.org");
        assert_eq!(fill("{}*dovecotadmin").unwrap(), "anna@example.org*dovecotadmin");
        assert_eq!(fill("{username}/{phone}").unwrap(), "anna/1");
        assert_eq!(fill("{univentionObjectIdentifier}").unwrap(), "u-1");
        assert_eq!(fill("{entryUUID}").unwrap(), "u-1");
        assert_eq!(fill("literal").unwrap(), "literal");
        assert_eq!(fill("half{").unwrap(), "half{", "without both braces it is literal");
        assert_eq!(fill("{{x}}{}").unwrap(), "{x}anna@example.org");
        assert_eq!(fill("").unwrap(), "");
        let error = fill("{shoeSize}").unwrap_err().to_string();
        assert!(error.contains("'{shoeSize}'") && error.contains("'shoeSize'"), "{error}");
        assert!(fill("{bad}").is_err());
    }

    #[test]
    fn broken_imap_login_templates_are_refused() {
        for text in ["{a}{b", "}{", "{a{b}}"] {
            assert!(LoginTemplate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn i6_functional_account_setting_placeholders() {
        let (id, user) = anna();
        let account = ObjectId::new("fa-1").unwrap();
        let fill = |text: &str| {
            AccountTemplate::parse(text).fill(AccountLogin {
                account: &account,
                address: "info@example.org",
                user: &id,
                dn: "uid=anna,dc=example",
                properties: &user,
            })
        };
        assert_eq!(fill("").unwrap(), "fa-1anna");
        assert_eq!(fill("{{fa_entry_uuid}}").unwrap(), "fa-1");
        assert_eq!(fill("{{entry_uuid}}{{fa_entry_uuid}}::::").unwrap(), "u-1fa-1::::");
        assert_eq!(fill("{{fa_entry_uuid}}:{{username}}+").unwrap(), "fa-1:anna+");
        assert_eq!(fill(".{{fa_entry_uuid}}").unwrap(), ".fa-1");
        assert_eq!(fill("{{fa_email_address}}*dovecotadmin").unwrap(), "info@example.org*dovecotadmin");
        assert_eq!(fill("{{dn}}").unwrap(), "uid=anna,dc=example");
        assert_eq!(fill("plain { text }").unwrap(), "plain { text }");
        assert_eq!(fill("{{no word}}{{{dn}}}").unwrap(), "{{no word}}{uid=anna,dc=example}");
        assert!(fill("{{nothing}}").unwrap_err().to_string().contains("'nothing'"));
    }
}
