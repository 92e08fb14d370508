//! What a failed call means: the one table from HTTP status, transport error and SOAP fault to a class and a category.
//!
//! The texts of faults can hold personal data. They are therefore kept in a private field, and what is shown is a sentence
//! of our own with a remedy; of an unknown text only what is certainly no value is shown ([`super::mask`]).

use std::fmt;

use super::credentials::{Login, Who};
use super::envelope::Refusal;
use super::mask;
use super::operation::{Operation, Service};
use super::reader::{SoapFault, Unreadable};
use super::rules::{RULES, Seat};
use crate::engine::{FaultClass, Pace, TargetFault};
use crate::ox::attribute::Attribute;
use crate::ox::handles;
use crate::ox::model::{ContextId, UserId};
use crate::transport::root_cause;

/// What kind of failure it was. The name is used in reports and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumIter)]
#[allow(missing_docs, reason = "the names say it; the table in `rules` has the details")]
pub enum Category {
    // Transport and server as a whole.
    Unreachable,
    Timeout,
    ConnectionLost,
    ServerError,
    Redirected,
    Rejected,
    Starting,
    DatabaseTrouble,
    DatabaseUpdate,
    Overloaded,
    CredentialsRefused,
    NoRandomness,
    VaultFailed,
    // Other writers.
    UserLocked,
    DatabaseLocked,
    // Contexts and their administrators.
    NoCredentials,
    ContextMissing,
    ContextExists,
    ContextNameTaken,
    ContextBroken,
    MappingTaken,
    // What is gone.
    UserGone,
    GroupGone,
    ResourceGone,
    Gone,
    // What is already there.
    UserExists,
    GroupExists,
    ResourceExists,
    AccountExists,
    Exists,
    MailTaken,
    DisplayNameTaken,
    MemberExists,
    DuplicateEntry,
    // What OX does not accept.
    UsernameFixed,
    MailFixed,
    SenderUnknown,
    MailMismatch,
    InvalidMail,
    IllegalCharacters,
    InvalidLanguage,
    InvalidTimezone,
    EmptyPassword,
    MandatoryMissing,
    TooLong,
    InvalidPicture,
    QuotaFixed,
    IllegalRights,
    RightNotAllowed,
    GuestUser,
    AdminProtected,
    DefaultGroupProtected,
    PrimaryAccountLost,
    PrimaryAddress,
    NoMailServer,
    CopyFailed,
    Unsendable,
    TooLarge,
    Refused,
    // Misunderstandings.
    ServiceMissing,
    UnknownOperation,
    UnknownElement,
    Misunderstood,
    Unreadable,
    InternalError,
}

/// Which call failed, as far as its meaning depends on it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The service.
    pub service: Service,
    /// The operation.
    pub operation: &'static str,
    /// Whose credentials it carried.
    pub who: Who,
    /// The login that it carried.
    pub login: String,
    /// The context that it was about.
    pub context: Option<ContextId>,
}

impl Origin {
    /// A call with these credentials.
    pub fn new<O: Operation>(operation: &O, login: &Login) -> Self {
        Self {
            service: O::SERVICE,
            operation: operation.name(),
            who: login.who,
            login: login.credentials.login.clone(),
            context: operation.context(),
        }
    }
}

/// A failed call to OX.
///
/// Prints without any value that was sent or heard.
pub struct OxFault {
    class: FaultClass,
    category: Category,
    message: String,
    attribute: Option<Attribute>,
    /// The text of the fault without `exceptionId`. Never shown.
    heard: String,
}

impl OxFault {
    /// A failure that the client itself found.
    pub(crate) fn own(class: FaultClass, category: Category, message: impl Into<String>) -> Self {
        Self { class, category, message: message.into(), attribute: None, heard: String::new() }
    }

    /// A request that must not be sent.
    pub(super) fn refused(origin: &Origin, refusal: &Refusal) -> Self {
        let attribute = refusal.field.parse().ok();
        let message = format!("{} was not sent: {refusal}", origin.operation);
        Self { attribute, ..Self::own(FaultClass::Object, Category::Unsendable, message) }
    }

    /// An answer that cannot be understood.
    pub(super) fn unreadable(origin: &Origin, reason: &Unreadable) -> Self {
        let (service, operation) = (origin.service.name(), origin.operation);
        let message = format!("the answer of {service} to {operation} cannot be understood: {reason}");
        Self::own(FaultClass::Protocol, Category::Unreadable, message)
    }

    /// A SOAP fault.
    pub(super) fn soap(origin: &Origin, fault: &SoapFault) -> Self {
        let detail = fault.detail.as_deref().unwrap_or(if fault.code == "Server" { "" } else { "Client" });
        let text = plain_text(&fault.text);
        let (detail, text) = unwrap_exception(detail, text);
        let rule = RULES.iter().find(|rule| rule.applies(origin, detail, text));
        let (mut category, mut seat, remedy) =
            rule.map_or((Category::Refused, Seat::Object, ""), |rule| (rule.category, rule.seat, rule.says));
        if category == Category::UserGone && is_unknown_admin(origin, text) {
            (category, seat) = (Category::CredentialsRefused, Seat::Login);
        }
        if category == Category::ContextExists && !origin.context.is_some_and(|id| names_context(text, id)) {
            category = Category::ContextNameTaken;
        }
        let context = match category {
            // The copy service has two contexts, and only the text says which of them is missing.
            Category::ContextMissing => first_number(text).map(ContextId).or(origin.context),
            _ => origin.context,
        };
        let attribute = (category == Category::TooLong).then(|| column_attribute(text)).flatten();
        let said = match category {
            Category::CredentialsRefused => refused_credentials(origin.who),
            Category::ContextMissing => context.map_or_else(String::new, |id| format!("context {id} {remedy}")),
            Category::TooLong => match attribute {
                Some(attribute) => format!("{attribute} {remedy}"),
                None => format!("the value for the internal column '{}' {remedy}", column(text)),
            },
            Category::MandatoryMissing => format!("{remedy}{}", listed_names(text)),
            Category::UnknownElement => format!("{remedy} '{}'", element_name(text)),
            Category::ContextNameTaken => "the name of the context is taken by another context: rename one".to_owned(),
            Category::Refused | Category::Misunderstood | Category::InternalError | Category::CopyFailed => {
                format!("{remedy} [{}: {}]", if detail.is_empty() { "no detail" } else { detail }, mask::mask(text))
            }
            _ => remedy.to_owned(),
        };
        let class = match seat {
            Seat::Object => FaultClass::Object,
            Seat::Busy => FaultClass::Busy,
            Seat::Locked => context.map_or(FaultClass::World, |context| blocked(context, Pace::Soon)),
            Seat::World => FaultClass::World,
            Seat::Protocol => FaultClass::Protocol,
            Seat::Context => context.map_or(FaultClass::Object, dependency),
            Seat::Login => match origin.who {
                Who::Master => FaultClass::Credentials,
                Who::ContextAdmin(context) => blocked(context, Pace::Seldom),
            },
        };
        let message = format!("{} refused {}: {}", origin.service.name(), origin.operation, said.trim());
        Self { attribute, heard: text.to_owned(), ..Self::own(class, category, message) }
    }

    /// An HTTP answer without SOAP in it.
    pub(super) fn status(origin: &Origin, status: u16) -> Self {
        let service = origin.service.name();
        let own = |class, category, what: &str| Self::own(class, category, format!("{service} {what} (HTTP {status})"));
        match status {
            404 if origin.service.is_core() => own(
                FaultClass::World,
                Category::Starting,
                "is not there: the server is still starting, or the address of OX is wrong",
            ),
            404 => own(FaultClass::Object, Category::ServiceMissing, "is not installed on the OX server"),
            413 => own(FaultClass::Object, Category::TooLarge, "was sent more than the server or a proxy accepts"),
            200..=299 => own(
                FaultClass::Protocol,
                Category::Unreadable,
                "answered something else than SOAP: does the address lead to OX?",
            ),
            300..=399 => own(
                FaultClass::World,
                Category::Redirected,
                "answered with a redirection: use the address that it leads to",
            ),
            400..=499 => {
                own(FaultClass::World, Category::Rejected, "cannot be used: something before OX rejects the call")
            }
            _ => own(FaultClass::World, Category::ServerError, "is out of order or overloaded"),
        }
    }

    /// A call that got no complete answer.
    pub(super) fn transport(origin: &Origin, error: &reqwest::Error) -> Self {
        let (category, what) = if error.is_timeout() && !error.is_connect() {
            (Category::Timeout, "did not answer in time")
        } else if error.is_connect() {
            (Category::Unreachable, "cannot be reached")
        } else {
            (Category::ConnectionLost, "broke the connection off")
        };
        let reason = root_cause(error);
        let message = format!("{} {what} during {}: {reason}", origin.service.name(), origin.operation);
        Self::own(FaultClass::World, category, message)
    }

    /// oxherd has no credentials for a context.
    pub(crate) fn no_credentials(context: ContextId) -> Self {
        let message = format!(
            "the administrator of context {context} is unknown: let oxherd create the context, or give his login and \
             password in an OxContext (spec.adminSecretRef)"
        );
        Self::own(dependency(context), Category::NoCredentials, message)
    }

    /// What kind of failure it was.
    pub fn category(&self) -> Category {
        self.category
    }

    /// The name of the category, for reports and metrics.
    pub fn category_name(&self) -> &'static str {
        self.category.into()
    }

    /// The attribute that OX or the client did not accept, if that is known.
    pub fn attribute(&self) -> Option<Attribute> {
        self.attribute
    }

    /// Whether the text of the fault, which is never shown, holds this.
    pub fn mentions(&self, text: &str) -> bool {
        self.heard.contains(text)
    }

    /// The number of the user that the fault says is gone.
    pub fn missing_user(&self) -> Option<UserId> {
        // By name the text says the name there, and the number after it is that of the context.
        let named = self.heard.strip_prefix("No such user ").or_else(|| self.heard.strip_prefix("No such user(s) "))?;
        let number = named.split([' ', ',']).next()?.parse().ok()?;
        (self.category == Category::UserGone).then_some(UserId(number))
    }
}

impl TargetFault for OxFault {
    fn class(&self) -> FaultClass {
        self.class.clone()
    }
}

impl std::error::Error for OxFault {}

impl fmt::Display for OxFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for OxFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OxFault({:?}, {:?}, {})", self.category, self.class, self.message)
    }
}

fn dependency(context: ContextId) -> FaultClass {
    FaultClass::Dependency(handles::context(context))
}

fn blocked(context: ContextId, pace: Pace) -> FaultClass {
    FaultClass::Blocked { gate: handles::context(context), pace }
}

/// The text without the numbers that the server appends.
fn plain_text(text: &str) -> &str {
    text.split("; exceptionId ").next().unwrap_or_default().trim()
}

/// Takes the wrapping off: `package.InvalidDataException: text` counts as an `InvalidDataException` with that text.
fn unwrap_exception<'a>(mut detail: &'a str, mut text: &'a str) -> (&'a str, &'a str) {
    while let Some(rest) = text.strip_prefix("com.openexchange.admin.rmi.exceptions.") {
        let Some((class, inner)) = rest.split_once(": ") else { break };
        // The outer wrapping of "not found" has a class of its own that no detail ever shows.
        if class != "NoSuchObjectException" {
            detail = class;
        }
        text = inner;
    }
    (detail, text)
}

/// User `change` says "no such user" also of the administrator that calls (`ox-soap.md` 1.6).
fn is_unknown_admin(origin: &Origin, text: &str) -> bool {
    let addresses_by_id = origin.service == Service::User && origin.operation == "change";
    addresses_by_id
        && text
            .strip_prefix("No such user ")
            .and_then(|rest| rest.strip_prefix(origin.login.as_str()))
            .is_some_and(|rest| origin.context.is_some_and(|context| rest == format!(" in context {context}")))
}

fn names_context(text: &str, id: ContextId) -> bool {
    text.strip_prefix("Context ").and_then(|rest| rest.strip_suffix(" already exists!")) == Some(&id.to_string())
}

fn refused_credentials(who: Who) -> String {
    match who {
        Who::Master => "the login or password of the master administrator is wrong: correct the secret".to_owned(),
        Who::ContextAdmin(context) => format!(
            "the stored login or password of the administrator of context {context} is wrong, or the context does not \
             exist: correct the credentials"
        ),
    }
}

fn first_number(text: &str) -> Option<u32> {
    text.split(' ').find_map(|word| word.parse().ok())
}

/// The column that a "too long" fault names: create and change have different texts (`ox-soap.md` 5.1).
fn column(text: &str) -> &str {
    let quoted = text.split_once("column '").and_then(|(_, rest)| rest.split('\'').next());
    let listed = || text.split_once("field(s): ").and_then(|(_, rest)| rest.split([',', ' ']).next());
    let name = quoted.or_else(listed).unwrap_or_default();
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') { name } else { "" }
}

/// The attributes behind internal columns, as far as they were seen (`ox-soap.md` 5.1).
fn column_attribute(text: &str) -> Option<Attribute> {
    Some(match column(text) {
        "field01" => Attribute::DISPLAY_NAME,
        "field02" => Attribute::SUR_NAME,
        "field03" => Attribute::GIVEN_NAME,
        "field06" => Attribute::TITLE,
        "field18" => Attribute::COMPANY,
        "field68" => Attribute::URL,
        _ => return None,
    })
}

/// The names of fields in `[a, b]`: they come from the server's own list.
fn listed_names(text: &str) -> String {
    let inside = text.split_once('[').and_then(|(_, rest)| rest.split(']').next()).unwrap_or_default();
    let names = inside.split(", ").filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    names.collect::<Vec<_>>().join(", ")
}

/// The name of the element that the server does not know; two texts exist (`ox-soap.md` 1.3).
fn element_name(text: &str) -> &str {
    let after = |mark: &str| text.split_once(mark).and_then(|(_, rest)| rest.split('"').next());
    after("local:\"").or_else(|| after("Unexpected element \"")).unwrap_or_default()
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
