//! What a SOAP operation is: a value that can be written as a request and knows how to read its answer.

use crate::ox::model::ContextId;

use super::credentials::Login;
use super::envelope::{Envelope, Refusal};
use super::reader::{Answer, Unreadable};

/// A SOAP service of OX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum Service {
    /// Contexts.
    Context,
    /// Users.
    User,
    /// Groups.
    Group,
    /// Resources.
    Resource,
    /// Secondary mail accounts ("functional accounts").
    SecondaryAccount,
    /// Shared accounts (OX 8.49 and newer).
    SharedAccount,
    /// Copies users between contexts (an extra package).
    UserCopy,
    /// Deputy permissions (an extra package).
    Deputy,
    /// The installation itself.
    Util,
}

impl Service {
    /// Its name: the last part of the URL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Context => "OXContextService",
            Self::User => "OXUserService",
            Self::Group => "OXGroupService",
            Self::Resource => "OXResourceService",
            Self::SecondaryAccount => "OXSecondaryAccountService",
            Self::SharedAccount => "OXSharedAccountService",
            Self::UserCopy => "OXUserCopyService",
            Self::Deputy => "OXDeputyPermissionsService",
            Self::Util => "OXUtilService",
        }
    }

    /// The namespace of its operations. That of shared accounts and deputies is taken over from the others
    /// (`ox-soap.md` 2.8, 2.9: their interface was never seen).
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::UserCopy => "http://soap.copy.user.admin.openexchange.com",
            _ => "http://soap.admin.openexchange.com",
        }
    }

    /// Whether each OX has it. Where such a service answers 404, the server is starting or the address is wrong.
    pub const fn is_core(self) -> bool {
        matches!(self, Self::Context | Self::User | Self::Group | Self::Resource)
    }
}

/// Whether a call changes anything, and so whether the client may repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes nothing.
    Read,
    /// May have taken effect even when its answer got lost.
    Write,
}

/// One call of a SOAP operation.
pub trait Operation: Sync {
    /// What OX answers.
    type Answer;
    /// The service that has it.
    const SERVICE: Service;
    /// Whether it changes anything.
    const KIND: Kind;

    /// The name of the operation.
    fn name(&self) -> &'static str;

    /// The context that it is about, if any: what a fault "no such context" refers to.
    fn context(&self) -> Option<ContextId>;

    /// Writes the children of the operation element, in schema order.
    fn write(&self, out: &mut Envelope<'_>);

    /// Reads the answer.
    fn read(&self, answer: &mut Answer<'_>) -> Result<Self::Answer, Unreadable>;
}

/// The request of an operation as it goes over the wire.
pub fn encode<O: Operation>(operation: &O, login: &Login) -> Result<Vec<u8>, Refusal> {
    let mut out = Envelope::new(O::SERVICE, operation.name(), login);
    operation.write(&mut out);
    out.finish(operation.name())
}

/// The constant part of an operation that is about the context in its field `context`; without a type for the answer also
/// `read`, for an operation that answers nothing.
macro_rules! describe {
    ($kind:ident $service:ident $name:literal -> $answer:ty) => {
        type Answer = $answer;
        const SERVICE: $crate::ox::soap::Service = $crate::ox::soap::Service::$service;
        const KIND: $crate::ox::soap::Kind = $crate::ox::soap::Kind::$kind;

        fn name(&self) -> &'static str {
            $name
        }

        fn context(&self) -> Option<$crate::ox::model::ContextId> {
            Some(self.context)
        }
    };
    ($kind:ident $service:ident $name:literal) => {
        describe!($kind $service $name -> ());

        fn read(&self, _: &mut $crate::ox::soap::Answer<'_>) -> Result<(), $crate::ox::soap::Unreadable> {
            Ok(())
        }
    };
}
pub(super) use describe;
