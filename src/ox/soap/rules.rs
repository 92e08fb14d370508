//! The table of SOAP faults (`ox-soap.md` 1.5, 1.6, 5 and 6.2). The first row that fits counts.

use super::fault::{Category, Origin};
use super::operation::Service;

/// Where the cause of a fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// In the object.
    Object,
    /// In the moment: the same call may work at once.
    Busy,
    /// In the context that the call is about, for a while: another process writes, or its database is being updated.
    Locked,
    /// In the context that the call is about.
    Context,
    /// In the credentials of the call: the master's concern everybody, those of a context admin only his context.
    Login,
    /// In OX as a whole.
    World,
    /// In oxherd or in an unknown server.
    Protocol,
}

/// What the text of a fault must look like.
#[derive(Clone, Copy, Debug)]
enum Text {
    Any,
    Starts(&'static str),
    Holds(&'static str),
    /// Begins and ends so.
    Frame(&'static str, &'static str),
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Only for this service; all if none.
    service: Option<Service>,
    /// Only for this exception; all if `*`. Faults without detail have `""`, those of the client `Client`.
    detail: &'static str,
    text: Text,
    pub(super) category: Category,
    pub(super) seat: Seat,
    /// What it means and what to do.
    pub(super) says: &'static str,
}

impl Rule {
    /// Whether this row is about such a fault.
    pub(super) fn applies(&self, origin: &Origin, detail: &str, text: &str) -> bool {
        self.service.is_none_or(|service| service == origin.service)
            && (self.detail == "*"
                || self.detail == detail
                || self.detail == TALK && (detail == STORAGE || detail.is_empty()))
            && match self.text {
                Text::Any => true,
                Text::Starts(start) => text.starts_with(start),
                Text::Holds(part) => text.contains(part),
                Text::Frame(start, end) => text.starts_with(start) && text.ends_with(end),
            }
    }
}

const fn row(detail: &'static str, text: Text, category: Category, seat: Seat, says: &'static str) -> Rule {
    Rule { service: None, detail, text, category, seat, says }
}

const fn only(service: Service, rule: Rule) -> Rule {
    Rule { service: Some(service), ..rule }
}

const DATA: &str = "InvalidDataException";
const STORAGE: &str = "StorageException";
/// Where texts of the database come through: in storage exceptions, and in faults without detail.
const TALK: &str = "StorageException or none";
const CREDENTIALS: &str = "InvalidCredentialsException";
const USER: &str = "NoSuchUserException";

const DISPLAY_NAME: &str = "the display name is taken in OX (compared without case): make it unique in the directory, or \
    switch off com.openexchange.user.enforceUniqueDisplayName in OX";
const SENDER: &str =
    "primary address, email1 and default sender must all be among the aliases that OX holds or is sent";
const LANGUAGE: &str = "the language must look like de_DE: correct it in the directory or in the defaults";
const CHARACTERS: &str = "a name has characters that OX does not allow: rename the object, or widen the pattern in OX \
    (for users CHECK_USER_UID_REGEXP)";
const PICTURE: &str = "OX cannot read the picture: replace it in the directory by a JPEG or PNG file";
const MISMATCH: &str = "primary address and email1 differ: map both to the same property";
const LONG: &str = "is too long for OX: shorten it in the directory";
const MANDATORY: &str = "values that OX needs are missing: ";
const MAPPING: &str = "a login mapping of the context is in use by another context: remove it there or here";
const MAIL_TAKEN: &str = "the mail address is the primary address of another object in this context of OX: give one of \
    them another address";
const DATABASE: &str = "OX has trouble with its database";
const MISTAKE: &str = "OX did not understand the call: this is a mistake in oxherd or an unknown version of OX";
const GONE: &str = "OX does not have it (any more)";
const GROUP_GONE: &str = "OX does not have the group (any more)";
const COPY: &str = "OX could not copy the user: look into the log of OX";
const UNKNOWN_ELEMENT: &str = "this version of OX does not know the element";

/// All known faults.
pub(super) const RULES: &[Rule] = &[
    // Whatever the exception: other writers.
    row(
        "*",
        Text::Starts("User update conflict"),
        Category::UserLocked,
        Seat::Locked,
        "another process is changing users of this context",
    ),
    // By exception.
    row(
        "DatabaseUpdateException",
        Text::Any,
        Category::DatabaseUpdate,
        Seat::Locked,
        "OX is updating the database of the context",
    ),
    row(
        "RemoteException",
        Text::Starts("Filestore does not exist"),
        Category::Refused,
        Seat::Object,
        "the object belongs to a file store that OX does not have: repair it in OX",
    ),
    row(
        "RemoteException",
        Text::Any,
        Category::Overloaded,
        Seat::World,
        "OX has an internal problem: look into its log",
    ),
    row(
        CREDENTIALS,
        Text::Starts("Client sent invalid context data"),
        Category::Misunderstood,
        Seat::Protocol,
        MISTAKE,
    ),
    row(CREDENTIALS, Text::Any, Category::CredentialsRefused, Seat::Login, ""),
    row(
        "NoSuchContextException",
        Text::Any,
        Category::ContextMissing,
        Seat::Context,
        "does not exist in OX: create it, or correct the context of the object",
    ),
    row(
        "ContextExistsException",
        Text::Any,
        Category::ContextExists,
        Seat::Object,
        "OX already has a context of this number",
    ),
    row("UserExistsException", Text::Any, Category::UserExists, Seat::Object, "OX already has a user of this name"),
    row(USER, Text::Starts("No such group"), Category::GroupGone, Seat::Object, GROUP_GONE),
    row(
        USER,
        Text::Starts("Cannot add guest"),
        Category::GuestUser,
        Seat::Object,
        "a guest cannot be member of a group",
    ),
    only(
        Service::Group,
        row(
            USER,
            Text::Starts("No such user"),
            Category::UserGone,
            Seat::Object,
            "OX does not have a \
        member (any more), or one is listed twice",
        ),
    ),
    row(USER, Text::Any, Category::UserGone, Seat::Object, "OX does not have the user (any more)"),
    row("NoSuchGroupException", Text::Any, Category::GroupGone, Seat::Object, GROUP_GONE),
    row(
        "NoSuchResourceException",
        Text::Any,
        Category::ResourceGone,
        Seat::Object,
        "OX does not have the resource (any more)",
    ),
    // Storage: mostly codes of OX, else texts of the database.
    row(
        STORAGE,
        Text::Starts("ACC-0002"),
        Category::PrimaryAccountLost,
        Seat::Object,
        "the primary mail account of the \
        user is lost in OX and cannot be restored: delete the user in OX and let oxherd create him anew",
    ),
    row(
        STORAGE,
        Text::Starts("ACC-0017"),
        Category::AccountExists,
        Seat::Object,
        "the user already has a mail account with \
        this address or login",
    ),
    row(STORAGE, Text::Starts("FLD-0075"), Category::DisplayNameTaken, Seat::Object, DISPLAY_NAME),
    row(
        STORAGE,
        Text::Starts("FLD-0089"),
        Category::RightNotAllowed,
        Seat::Object,
        "the right publicFolderEditable is only \
        for context administrators: this is a mistake in oxherd, please report it",
    ),
    row(
        STORAGE,
        Text::Starts("UCP-0011"),
        Category::UserExists,
        Seat::Object,
        "the destination context already has a user \
        of this name",
    ),
    row(STORAGE, Text::Starts("UCP-"), Category::CopyFailed, Seat::Object, COPY),
    row(
        STORAGE,
        Text::Frame("User ", " already exists in this context"),
        Category::UserExists,
        Seat::Object,
        "OX already \
        has a user of this name",
    ),
    row(
        STORAGE,
        Text::Starts("Quota cannot be changed"),
        Category::QuotaFixed,
        Seat::Object,
        "the quota of a user without \
        own file store cannot be changed: set ALLOW_CHANGING_QUOTA_IF_NO_FILESTORE_SET=true in OX",
    ),
    row(
        STORAGE,
        Text::Starts("Global address book can not be disabled"),
        Category::IllegalRights,
        Seat::Object,
        "the \
        access profile disables the global address book and grants public or shared folders, WebDAV/XML or delegated \
        tasks: take one of them out",
    ),
    row(STORAGE, Text::Starts("Data too long for underlying storage"), Category::TooLong, Seat::Object, LONG),
    row(STORAGE, Text::Holds("Data too long for column"), Category::TooLong, Seat::Object, LONG),
    row(
        STORAGE,
        Text::Holds("Duplicate entry"),
        Category::DuplicateEntry,
        Seat::Object,
        "a value is there twice, perhaps \
        two aliases that differ only in case: remove one in the directory",
    ),
    row(STORAGE, Text::Starts("Cannot map "), Category::MappingTaken, Seat::Object, MAPPING),
    row(STORAGE, Text::Starts("A mapping with login info"), Category::MappingTaken, Seat::Object, MAPPING),
    row(STORAGE, Text::Starts("imageContentType must not be null"), Category::InvalidPicture, Seat::Object, PICTURE),
    row(STORAGE, Text::Holds("NoSuchImageReader"), Category::InvalidPicture, Seat::Object, PICTURE),
    row(STORAGE, Text::Starts("javax.imageio."), Category::InvalidPicture, Seat::Object, PICTURE),
    row(
        STORAGE,
        Text::Starts("Missing mail end-point data"),
        Category::NoMailServer,
        Seat::Object,
        "no mail server is known \
        for the account: this is a mistake in oxherd, please report it",
    ),
    row(STORAGE, Text::Starts("Invalid integer parameter"), Category::Misunderstood, Seat::Protocol, MISTAKE),
    // The database itself. After all texts that begin in a known way: those can quote a value, and a value can say anything.
    row(TALK, Text::Holds("Lock wait timeout exceeded"), Category::DatabaseLocked, Seat::Busy, DATABASE),
    row(TALK, Text::Holds("Deadlock found when trying to get lock"), Category::DatabaseLocked, Seat::Busy, DATABASE),
    row(
        TALK,
        Text::Holds("Database is locked or is now being updated"),
        Category::DatabaseUpdate,
        Seat::Locked,
        DATABASE,
    ),
    row(TALK, Text::Holds("Communications link failure"), Category::DatabaseTrouble, Seat::World, DATABASE),
    row(TALK, Text::Holds("Too many connections"), Category::DatabaseTrouble, Seat::World, DATABASE),
    row(TALK, Text::Holds("NonTransientConnectionException"), Category::DatabaseTrouble, Seat::World, DATABASE),
    row(TALK, Text::Holds("TransientConnectionException"), Category::DatabaseTrouble, Seat::World, DATABASE),
    row(TALK, Text::Holds("SQLRecoverableException"), Category::DatabaseTrouble, Seat::World, DATABASE),
    row(
        TALK,
        Text::Holds("No operations allowed after connection closed"),
        Category::DatabaseTrouble,
        Seat::World,
        DATABASE,
    ),
    row(TALK, Text::Holds("--read-only option"), Category::DatabaseTrouble, Seat::World, DATABASE),
    row(TALK, Text::Starts("DBP-"), Category::DatabaseTrouble, Seat::World, DATABASE),
    // Bad data.
    row(DATA, Text::Starts("The displayname is already used"), Category::DisplayNameTaken, Seat::Object, DISPLAY_NAME),
    row(
        DATA,
        Text::Starts("Changing username is disabled"),
        Category::UsernameFixed,
        Seat::Object,
        "OX does not allow \
        another login name: set USERNAME_CHANGEABLE=true in OX, or take the old name back in the directory",
    ),
    row(
        DATA,
        Text::Starts("primary mail must not be changed"),
        Category::MailFixed,
        Seat::Object,
        "OX does not allow another \
        primary address: set PRIMARY_MAIL_UNCHANGEABLE=false in OX",
    ),
    row(DATA, Text::Starts("Primary mail address "), Category::MailTaken, Seat::Object, MAIL_TAKEN),
    row(DATA, Text::Starts("Resource with this email address already"), Category::MailTaken, Seat::Object, MAIL_TAKEN),
    row(
        DATA,
        Text::Starts("primaryMail, Email1 and defaultSenderAddress"),
        Category::SenderUnknown,
        Seat::Object,
        SENDER,
    ),
    row(DATA, Text::Starts("primarymail must have the same"), Category::MailMismatch, Seat::Object, MISMATCH),
    row(DATA, Text::Starts("email1 not equal"), Category::MailMismatch, Seat::Object, MISMATCH),
    row(DATA, Text::Starts("email1 not sent"), Category::MailMismatch, Seat::Object, MISMATCH),
    row(
        DATA,
        Text::Starts("Invalid email address"),
        Category::InvalidMail,
        Seat::Object,
        "a mail address is malformed: \
        correct it in the directory",
    ),
    row(
        DATA,
        Text::Frame("Illegal chars", "in login mapping"),
        Category::IllegalCharacters,
        Seat::Object,
        "a login mapping \
        or the name of the context has characters that OX does not allow: only letters without accents, digits and $%.+_-",
    ),
    row(DATA, Text::Starts("Illegal chars"), Category::IllegalCharacters, Seat::Object, CHARACTERS),
    row(DATA, Text::Starts("Invalid group name"), Category::IllegalCharacters, Seat::Object, CHARACTERS),
    row(DATA, Text::Starts("Invalid resource name"), Category::IllegalCharacters, Seat::Object, CHARACTERS),
    row(DATA, Text::Starts("language must contain"), Category::InvalidLanguage, Seat::Object, LANGUAGE),
    row(DATA, Text::Starts("Language must contain"), Category::InvalidLanguage, Seat::Object, LANGUAGE),
    row(
        DATA,
        Text::Starts("The given timezone is invalid"),
        Category::InvalidTimezone,
        Seat::Object,
        "OX does not know the \
        time zone: use a name such as Europe/Berlin",
    ),
    row(
        DATA,
        Text::Starts("Empty password"),
        Category::EmptyPassword,
        Seat::Object,
        "OX needs a password for a new user: \
        map the password attribute to a generated one",
    ),
    row(DATA, Text::Starts("Mandatory fields"), Category::MandatoryMissing, Seat::Object, MANDATORY),
    row(
        DATA,
        Text::Starts("Member already exists in group"),
        Category::MemberExists,
        Seat::Object,
        "a new member already \
        is in the group",
    ),
    row(
        DATA,
        Text::Starts("Group already exists"),
        Category::GroupExists,
        Seat::Object,
        "OX already has a group of this name",
    ),
    row(
        DATA,
        Text::Frame("Group ", " already exists in this context"),
        Category::GroupExists,
        Seat::Object,
        "OX already has \
        a group of this name",
    ),
    row(
        DATA,
        Text::Frame("Resource ", " already exists in this context"),
        Category::ResourceExists,
        Seat::Object,
        "OX \
        already has a resource of this name",
    ),
    row(
        DATA,
        Text::Frame("User ", " already exists in this context"),
        Category::UserExists,
        Seat::Object,
        "OX already has a \
        user of this name",
    ),
    row(DATA, Text::Frame("Context ", " already exists!"), Category::ContextExists, Seat::Object, ""),
    row(
        DATA,
        Text::Holds("is a guest user"),
        Category::GuestUser,
        Seat::Object,
        "the user is a guest in OX: guests cannot \
        be provisioned; remove the guest, or use convertguest",
    ),
    row(
        DATA,
        Text::Starts("Admin delete not supported"),
        Category::AdminProtected,
        Seat::Object,
        "the administrator of a \
        context cannot be deleted",
    ),
    row(
        DATA,
        Text::Starts("Group with id 1 cannot be deleted"),
        Category::DefaultGroupProtected,
        Seat::Object,
        "the default \
        group of a context cannot be deleted",
    ),
    row(DATA, Text::Starts("Invalid data sent"), Category::Misunderstood, Seat::Protocol, MISTAKE),
    row(DATA, Text::Starts("One "), Category::Misunderstood, Seat::Protocol, MISTAKE),
    row(DATA, Text::Starts("Username and userid missing"), Category::Misunderstood, Seat::Protocol, MISTAKE),
    // Services whose faults were never seen: by the words that all others use.
    only(Service::SharedAccount, row("*", Text::Starts("No such "), Category::Gone, Seat::Object, GONE)),
    only(Service::SharedAccount, row("*", Text::Holds(" does not exist"), Category::Gone, Seat::Object, GONE)),
    only(
        Service::SharedAccount,
        row("*", Text::Holds(" already exists"), Category::Exists, Seat::Object, "OX already has it"),
    ),
    only(Service::Deputy, row("*", Text::Starts("No such "), Category::Gone, Seat::Object, GONE)),
    only(Service::Deputy, row("*", Text::Holds(" does not exist"), Category::Gone, Seat::Object, GONE)),
    only(
        Service::Deputy,
        row("*", Text::Holds(" already exists"), Category::Exists, Seat::Object, "OX already has it"),
    ),
    // Whatever else it is: after the services that have no exceptions of their own.
    row(STORAGE, Text::Any, Category::Refused, Seat::Object, "OX could not store it"),
    row(DATA, Text::Any, Category::Refused, Seat::Object, "OX does not accept a value"),
    // What is wrong with the call itself.
    row(
        "Client",
        Text::Starts("NO_PART_FOUND"),
        Category::UnknownOperation,
        Seat::Protocol,
        "this version of OX does not \
        know the operation",
    ),
    row("Client", Text::Holds("unexpected element (uri:"), Category::UnknownElement, Seat::Protocol, UNKNOWN_ELEMENT),
    row("Client", Text::Starts("Unexpected element "), Category::UnknownElement, Seat::Protocol, UNKNOWN_ELEMENT),
    row("Client", Text::Any, Category::Misunderstood, Seat::Protocol, MISTAKE),
    row("", Text::Any, Category::InternalError, Seat::Protocol, "OX failed with an internal error: look into its log"),
];
