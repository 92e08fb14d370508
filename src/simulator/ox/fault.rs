//! Faults and their XML (`ox-soap.md` 1.5).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::response::{Style, escape};

/// Exceptions that a fault can name in its detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::Display)]
#[strum(suffix = "Exception")]
pub enum Exception {
    /// Database or consistency error.
    Storage,
    /// Wrong login, password or rights.
    InvalidCredentials,
    /// A value that a check refuses.
    InvalidData,
    /// Unknown context.
    NoSuchContext,
    /// Unknown user.
    NoSuchUser,
    /// Unknown group.
    NoSuchGroup,
    /// Unknown resource.
    NoSuchResource,
    /// Unknown database.
    NoSuchDatabase,
    /// Unknown file store.
    NoSuchFilestore,
    /// Unknown reason.
    NoSuchReason,
    /// The context is there already.
    ContextExists,
    /// The user is there already (user copy).
    UserExists,
    /// Error of a context operation.
    #[strum(to_string = "OXContext")]
    OxContext,
    /// The schema of the context is being upgraded.
    DatabaseUpdate,
    /// Any other failure of the server.
    Remote,
}

/// `faultcode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The call failed.
    Server,
    /// The request is wrong as XML.
    Client,
    /// The envelope is not SOAP 1.1.
    VersionMismatch,
}

/// Place in a text that becomes a running exception id when the fault is written.
pub const OX_ID: &str = "exceptionID=#";

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `faultcode`.
    pub code: Code,
    /// `faultstring` without the suffixes.
    pub text: String,
    /// How many `; exceptionId …` follow the text.
    pub suffixes: u8,
    /// The exception of the detail.
    pub exception: Option<Exception>,
}

impl Fault {
    /// A declared fault with one suffix.
    pub fn new(exception: Exception, text: impl Into<String>) -> Self {
        Self { code: Code::Server, text: text.into(), suffixes: 1, exception: Some(exception) }
    }

    /// A mistake in the XML of the request.
    pub fn client(text: impl Into<String>) -> Self {
        Self { code: Code::Client, text: text.into(), suffixes: 0, exception: None }
    }

    /// A fault of the SOAP layer or an undeclared Java exception: text only.
    pub fn bare(text: impl Into<String>) -> Self {
        Self { code: Code::Server, text: text.into(), suffixes: 0, exception: None }
    }

    /// A runtime exception whose text the server has dropped.
    pub fn runtime() -> Self {
        Self::bare("Fault occurred while processing.")
    }

    /// `InvalidDataException`.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(Exception::InvalidData, text)
    }

    /// `StorageException`.
    pub fn storage(text: impl Into<String>) -> Self {
        Self::new(Exception::Storage, text)
    }

    /// `InvalidCredentialsException`.
    pub fn credentials(text: impl Into<String>) -> Self {
        Self::new(Exception::InvalidCredentials, text)
    }

    /// The answer to wrong credentials.
    pub fn authentication() -> Self {
        Self::credentials("Authentication failed")
    }

    /// `NoSuchUserException`.
    pub fn no_user(text: impl Into<String>) -> Self {
        Self::new(Exception::NoSuchUser, text)
    }

    /// `NoSuchContextException`.
    pub fn no_context(text: impl Into<String>) -> Self {
        Self::new(Exception::NoSuchContext, text)
    }

    /// "Not found" for an object addressed by name only: wrapped twice on its way out.
    pub fn not_found_by_name(exception: Exception, text: &str) -> Self {
        let text = format!(
            "com.openexchange.admin.rmi.exceptions.NoSuchObjectException: \
             com.openexchange.admin.rmi.exceptions.{exception}: {text}"
        );
        Self { suffixes: 3, ..Self::new(exception, text) }
    }

    /// The fault as `StorageException` around it, as the storage layer of contexts does it.
    pub fn in_storage(self) -> Self {
        match self.exception {
            Some(exception @ Exception::InvalidData) => {
                let text = format!("com.openexchange.admin.rmi.exceptions.{exception}: {}", self.text);
                Self { suffixes: self.suffixes + 1, ..Self::storage(text) }
            }
            _ => self,
        }
    }

    /// Short name for counters.
    pub fn outcome(&self) -> &'static str {
        match (self.exception, self.code) {
            (Some(exception), _) => exception.into(),
            (None, Code::Client) => "soap:Client",
            (None, Code::Server) => "soap:Server",
            (None, Code::VersionMismatch) => "soap:VersionMismatch",
        }
    }

    /// Writes the whole envelope.
    pub fn write(&self, style: &Style, ids: &ExceptionIds, out: &mut Vec<u8>) {
        let code = match self.code {
            Code::Server => "Server",
            Code::Client => "Client",
            Code::VersionMismatch => "VersionMismatch",
        };
        let mut text = self.text.clone();
        while text.contains(OX_ID) {
            text = text.replacen(OX_ID, &format!("exceptionID={}", ids.next()), 1);
        }
        for _ in 0..self.suffixes {
            text.push_str("; exceptionId ");
            text.push_str(&ids.next());
        }
        out.extend_from_slice(
            b"<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>",
        );
        out.extend_from_slice(format!("<faultcode>soap:{code}</faultcode><faultstring>").as_bytes());
        escape(&text, out);
        out.extend_from_slice(b"</faultstring>");
        if let Some(exception) = self.exception {
            detail(exception, &text, style, out);
        }
        out.extend_from_slice(b"</soap:Fault></soap:Body></soap:Envelope>");
    }
}

const NIL: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"";

fn detail(exception: Exception, text: &str, style: &Style, out: &mut Vec<u8>) {
    let (op, x, java) = (style.operation_prefix, style.exception_prefix, style.java_prefix);
    let mut inner = format!("<{op}Exception {NIL}></{op}Exception>");
    // Writing to a text cannot fail.
    if exception == Exception::InvalidData {
        if style.copy {
            let _ = write!(inner, "<{x}fieldnames {NIL}></{x}fieldnames>");
        }
        let _ = write!(inner, "<{x}objectname {NIL}></{x}objectname>");
    }
    out.extend_from_slice(
        format!("<detail><{op}{exception}{}><{op}{exception}>{inner}", style.fault_namespaces).as_bytes(),
    );
    if exception == Exception::Remote {
        if style.copy {
            out.extend_from_slice(format!("<{java}cause {NIL}></{java}cause>").as_bytes());
        }
        out.extend_from_slice(format!("<{java}message>").as_bytes());
        escape(text, out);
        out.extend_from_slice(format!("</{java}message>").as_bytes());
    }
    out.extend_from_slice(format!("</{op}{exception}></{op}{exception}></detail>").as_bytes());
}

/// The numbers of exceptions: one signed number per server process and a counter.
#[derive(Debug)]
pub struct ExceptionIds {
    process: i32,
    counter: AtomicU64,
}

impl ExceptionIds {
    /// Numbers of a process.
    pub const fn new(process: i32) -> Self {
        Self { process, counter: AtomicU64::new(0) }
    }

    /// The next number.
    pub fn next(&self) -> String {
        format!("{}-{}", self.process, self.counter.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
