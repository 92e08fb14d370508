//! What oxherd says to OX and hears from it, as plain data.
//!
//! [`Call`] is the only vocabulary between planning (pure) and execution (SOAP); [`Query`] and [`Fact`] are the questions
//! that planning may ask before it decides. Calls print as JSON in dry runs, so secrets never are part of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::attribute::Attribute;
use super::rights::Rights;

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numeric_id!(
    /// The number of an OX context.
    ContextId
);
numeric_id!(
    /// The number of a user in its context.
    UserId
);
numeric_id!(
    /// The number of a group in its context. Users, groups and resources share one sequence.
    GroupId
);
numeric_id!(
    /// The number of a resource in its context.
    ResourceId
);
numeric_id!(
    /// The number of a shared account in its context. A user that is converted keeps its number.
    SharedAccountId
);

impl GroupId {
    /// The group `users` that OX makes in each context, with all its users.
    pub const DEFAULT: Self = Self(1);
}

/// A user that a call is about: known by its number, or the very user that an earlier call of the same plan makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserRef {
    /// A user with this number.
    Id(UserId),
    /// The user that the plan creates, copies or has created: its number is known when the call runs.
    Planned,
}

/// A value of a user attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldValue {
    /// Text; the empty text clears the attribute.
    Text(String),
    /// A set of texts in order of preference.
    Texts(Vec<String>),
    /// A whole number.
    Number(i64),
    /// A truth value.
    Flag(bool),
    /// `YYYY-MM-DD`.
    Date(String),
    /// A picture.
    Picture(Picture),
    /// A random secret that the executor makes when it sends the call; it is stored nowhere.
    GeneratedSecret,
}

/// A picture that OX can read. In stored state the data are left out and only the fingerprint is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    /// Media type, for instance `image/jpeg`.
    pub media_type: String,
    /// SHA-256 of the data in the directory, in hexadecimal.
    pub fingerprint: String,
    /// SHA-256 of the data that are sent, if the picture had to be converted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// The data in base64; absent in stored state and in printed plans.
    #[serde(skip)]
    pub base64: Option<String>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}, sha256 {:.12})", self.media_type, self.fingerprint)
    }
}

/// Values of user attributes in schema order. What is absent stays as it is in OX.
pub type UserFields = BTreeMap<Attribute, FieldValue>;

/// Storage limit in MB; `-1` is unlimited.
pub type Megabytes = i64;

/// The administrator that OX creates together with a context. Its password is made and kept by the executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContextAdmin {
    /// Login name.
    pub name: String,
    /// Mail address (primary and `email1`).
    pub mail: String,
    /// Locale such as `de_DE`.
    pub language: String,
    /// IANA zone.
    pub timezone: String,
}

/// A group as OX holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    /// Name; compares without case.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Numbers of its members.
    pub members: BTreeSet<UserId>,
}

/// The fields of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceFields {
    /// Name; compares without case.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Description; empty clears it.
    pub description: String,
    /// Mail address.
    pub mail: String,
}

/// The fields of a shared account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedAccountFields {
    /// Name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Mail address.
    pub mail: String,
    /// Locale such as `de_DE`.
    pub language: String,
    /// IANA zone.
    pub timezone: String,
    /// IMAP server.
    pub imap: MailServer,
    /// SMTP server.
    pub smtp: MailServer,
}

/// A mail server as `scheme://host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailServer {
    /// Scheme without `://`: `imap`, `imaps`, `smtp` or `smtps`.
    pub scheme: String,
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// A text that is no mail server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give the mail server as scheme://host:port, for instance imap://mail.example.org:143")]
pub struct NoMailServer;

impl std::str::FromStr for MailServer {
    type Err = NoMailServer;

    fn from_str(text: &str) -> Result<Self, NoMailServer> {
        let (scheme, rest) = text.split_once("://").ok_or(NoMailServer)?;
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or(NoMailServer)?;
        let port = port.parse().map_err(|_| NoMailServer)?;
        if scheme.is_empty() || host.is_empty() || host.contains('/') {
            return Err(NoMailServer);
        }
        Ok(Self { scheme: scheme.to_owned(), host: host.to_owned(), port })
    }
}

/// What a member may do in one part (mail or calendar) of a shared account.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::AsRefStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SharedRole {
    /// Nothing.
    #[default]
    None,
    /// Read.
    Viewer,
    /// Read and write.
    Editor,
    /// Everything.
    Author,
}

/// One permission on a shared account: a role and capabilities for users and groups of one context.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedPermission {
    /// The context of the members.
    pub context: ContextId,
    /// Role in the mailbox.
    pub mail: SharedRole,
    /// Role in the calendar.
    pub calendar: SharedRole,
    /// Granted capabilities such as `sendAs`, sorted.
    pub capabilities: BTreeSet<String>,
    /// Users that have it.
    pub users: BTreeSet<UserId>,
    /// Groups that have it.
    pub groups: BTreeSet<GroupId>,
}

/// Five digits of an OX folder permission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModulePermission {
    /// Administration right.
    pub admin: bool,
    /// Folder permission level.
    pub folder: u8,
    /// Read permission level.
    pub read: u8,
    /// Write permission level.
    pub write: u8,
    /// Delete permission level.
    pub delete: u8,
}

impl ModulePermission {
    /// Whether the permission grants anything.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// What a deputy may do for its grantor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeputyPermission {
    /// May send mail on behalf of the grantor.
    pub send_on_behalf: bool,
    /// Rights in the mailbox.
    pub mail: ModulePermission,
    /// Rights in the calendar.
    pub calendar: ModulePermission,
}

/// A deputy as OX holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deputy {
    /// OX's name for this grant; needed to change or revoke it.
    pub grant: String,
    /// What it allows.
    pub permission: DeputyPermission,
}

/// Whether a user create may turn a guest with the same mail address into the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Guests {
    /// An existing guest makes the create fail.
    Refuse,
    /// An existing guest becomes the user (`convertguest`, OX 8.36 and newer; plain `create` only).
    Convert,
}

/// One call to OX.
#[allow(missing_docs, reason = "the types of the fields say what they are")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "call")]
pub enum Call {
    /// Context `create` (master). The executor makes the admin's password and stores it before it calls.
    ContextCreate { context: ContextId, name: String, quota: Megabytes, mappings: Vec<String>, admin: ContextAdmin },
    /// Context `change` (master).
    ContextChange { context: ContextId, name: Option<String>, quota: Option<Megabytes>, mappings: Option<Vec<String>> },
    /// Context `delete` (master), then its credentials.
    ContextDelete { context: ContextId },
    /// User `createByModuleAccess` with `rights`; plain `create` without rights or when a guest is to be converted.
    UserCreate { context: ContextId, fields: UserFields, rights: Option<Rights>, guests: Guests },
    /// User `change` of the given fields only.
    UserChange { context: ContextId, user: UserRef, fields: UserFields },
    /// User `changeByModuleAccess`, always with all flags.
    UserRights { context: ContextId, user: UserRef, rights: Rights },
    /// User `changeMailAddressPersonal`: the name in the From header.
    UserPersonal { context: ContextId, user: UserRef, personal: String },
    /// User `delete`.
    UserDelete { context: ContextId, user: UserId },
    /// User copy service `copyUser` (master). The source user stays.
    UserCopy { user: UserId, name: String, from: ContextId, to: ContextId },
    /// Group `create`.
    GroupCreate { context: ContextId, name: String, display_name: String, members: BTreeSet<UserId> },
    /// Group `change`; OX always replaces the members by those given.
    GroupChange { context: ContextId, group: GroupId, name: String, display_name: String, members: BTreeSet<UserId> },
    /// Group `addMember`.
    GroupAdd { context: ContextId, group: GroupId, members: Vec<UserRef> },
    /// Group `removeMember`.
    GroupRemove { context: ContextId, group: GroupId, members: Vec<UserRef> },
    /// Group `delete`.
    GroupDelete { context: ContextId, group: GroupId },
    /// Resource `create`.
    ResourceCreate { context: ContextId, fields: ResourceFields },
    /// Resource `change`.
    ResourceChange { context: ContextId, resource: ResourceId, fields: ResourceFields },
    /// Resource `delete`.
    ResourceDelete { context: ContextId, resource: ResourceId },
    /// Secondary account `create` for users that share one login, mail server copied from their own account.
    AccountCreate {
        context: ContextId,
        address: String,
        name: String,
        personal: Option<String>,
        login: String,
        users: BTreeSet<UserId>,
    },
    /// Secondary account `update` of the accounts of these users.
    AccountUpdate {
        context: ContextId,
        address: String,
        name: String,
        personal: Option<String>,
        login: String,
        users: BTreeSet<UserId>,
    },
    /// Secondary account `delete` for these users, never for group 0.
    AccountDelete { context: ContextId, address: String, users: BTreeSet<UserRef> },
    /// Shared account `create`.
    SharedCreate { context: ContextId, fields: SharedAccountFields },
    /// Shared account `change`.
    SharedChange { context: ContextId, account: SharedAccountId, fields: SharedAccountFields },
    /// Shared account `delete`.
    SharedDelete { context: ContextId, account: SharedAccountId, name: String },
    /// Shared account `convertUserToSharedAccount`; the number stays.
    SharedConvert { context: ContextId, user: UserId },
    /// Shared account `setSharedAccountPermissions`: replaces all. `account` is none for the account of this plan.
    SharedPermissions { context: ContextId, account: Option<SharedAccountId>, permissions: Vec<SharedPermission> },
    /// Deputy `grant`.
    DeputyGrant { context: ContextId, grantor: UserRef, deputy: UserId, permission: DeputyPermission },
    /// Deputy `update` of one grant.
    DeputyUpdate { context: ContextId, grantor: UserRef, grant: String, deputy: UserId, permission: DeputyPermission },
    /// Deputy `revoke` of one grant.
    DeputyRevoke { context: ContextId, grantor: UserRef, grant: String, deputy: UserId },
    /// Deputy `revokeAll` of a grantor.
    DeputyRevokeAll { context: ContextId, grantor: UserRef },
    /// Deputy `blockManual`: the user may not grant deputies himself.
    DeputyBlock { context: ContextId, grantor: UserRef },
    /// Deputy `unblockManual`.
    DeputyUnblock { context: ContextId, grantor: UserRef },
}

impl Call {
    /// A short constant name for reports, logs and metrics, for instance `UserCreate`.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// The context whose administrator makes the call; none for calls of the master.
    pub fn admin_of(&self) -> Option<ContextId> {
        match self {
            Self::ContextCreate { .. }
            | Self::ContextChange { .. }
            | Self::ContextDelete { .. }
            | Self::UserCopy { .. } => None,
            Self::UserCreate { context, .. }
            | Self::UserChange { context, .. }
            | Self::UserRights { context, .. }
            | Self::UserPersonal { context, .. }
            | Self::UserDelete { context, .. }
            | Self::GroupCreate { context, .. }
            | Self::GroupChange { context, .. }
            | Self::GroupAdd { context, .. }
            | Self::GroupRemove { context, .. }
            | Self::GroupDelete { context, .. }
            | Self::ResourceCreate { context, .. }
            | Self::ResourceChange { context, .. }
            | Self::ResourceDelete { context, .. }
            | Self::AccountCreate { context, .. }
            | Self::AccountUpdate { context, .. }
            | Self::AccountDelete { context, .. }
            | Self::SharedCreate { context, .. }
            | Self::SharedChange { context, .. }
            | Self::SharedDelete { context, .. }
            | Self::SharedConvert { context, .. }
            | Self::SharedPermissions { context, .. }
            | Self::DeputyGrant { context, .. }
            | Self::DeputyUpdate { context, .. }
            | Self::DeputyRevoke { context, .. }
            | Self::DeputyRevokeAll { context, .. }
            | Self::DeputyBlock { context, .. }
            | Self::DeputyUnblock { context, .. } => Some(*context),
        }
    }
}

/// What a successful call brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Done; nothing to remember beyond what the call says.
    Done,
    /// OX gave this number to what was created.
    Created(u32),
    /// OX gave this name to the deputy grant.
    Granted(String),
}

/// A question to OX that planning asks before it can decide.
#[allow(missing_docs, reason = "the types of the fields say what they are")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "query")]
pub enum Query {
    /// Does this context exist, and what is in it?
    Context { context: ContextId },
    /// The user of this name (compares with case).
    UserNamed { context: ContextId, name: String },
    /// The user with this number.
    UserById { context: ContextId, user: UserId },
    /// The group of this name (compares without case).
    GroupNamed { context: ContextId, name: String },
    /// The resource of this name (compares without case).
    ResourceNamed { context: ContextId, name: String },
    /// The shared account of this name.
    SharedNamed { context: ContextId, name: String },
    /// The secondary accounts with this address.
    Accounts { context: ContextId, address: String },
    /// The deputies of a user.
    Deputies { context: ContextId, grantor: UserId },
}

impl Query {
    /// The context whose administrator asks; none where the master can ask as well.
    pub fn admin_of(&self) -> Option<ContextId> {
        match self {
            Self::Context { .. } => None,
            Self::UserNamed { context, .. }
            | Self::UserById { context, .. }
            | Self::GroupNamed { context, .. }
            | Self::ResourceNamed { context, .. }
            | Self::SharedNamed { context, .. }
            | Self::Accounts { context, .. }
            | Self::Deputies { context, .. } => Some(*context),
        }
    }
}

/// A context as OX holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedContext {
    /// Its name.
    pub name: String,
    /// Storage limit; `-1` is unlimited.
    pub quota: Megabytes,
    /// Login mappings without the number itself.
    pub mappings: BTreeSet<String>,
}

/// The part of a user in OX that planning looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedUser {
    /// Its number.
    pub id: UserId,
    /// Its login name.
    pub name: String,
    /// All attributes that [`Attribute`] knows and that have a value; a picture without its data.
    pub fields: UserFields,
}

/// A resource as OX holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedResource {
    /// Its number.
    pub id: ResourceId,
    /// Its fields.
    pub fields: ResourceFields,
}

/// A secondary account of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedAccount {
    /// Whose account.
    pub user: UserId,
    /// Account name.
    pub name: String,
    /// Sender name.
    pub personal: Option<String>,
    /// Login.
    pub login: String,
}

/// What OX answered to a [`Query`], or what a refused call taught.
#[allow(missing_docs, reason = "the types of the fields say what they are")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Answer to [`Query::Context`].
    Context { context: ContextId, found: Option<ObservedContext> },
    /// Answer to [`Query::UserNamed`].
    UserNamed { context: ContextId, name: String, found: Option<ObservedUser> },
    /// Answer to [`Query::UserById`].
    UserById { context: ContextId, user: UserId, found: Option<ObservedUser> },
    /// Answer to [`Query::GroupNamed`].
    GroupNamed { context: ContextId, name: String, found: Option<Group> },
    /// Answer to [`Query::ResourceNamed`].
    ResourceNamed { context: ContextId, name: String, found: Option<ObservedResource> },
    /// Answer to [`Query::SharedNamed`].
    SharedNamed { context: ContextId, name: String, found: Option<SharedAccountId> },
    /// Answer to [`Query::Accounts`].
    Accounts { context: ContextId, address: String, found: Vec<ObservedAccount> },
    /// Answer to [`Query::Deputies`], by the number of the deputy.
    Deputies { context: ContextId, grantor: UserId, found: BTreeMap<UserId, Deputy> },
    /// A change or deletion showed that this user no longer exists.
    UserGone { context: ContextId, user: UserId },
    /// A change or deletion showed that this group no longer exists.
    GroupGone { context: ContextId, group: GroupId },
    /// A change or deletion showed that this resource no longer exists.
    ResourceGone { context: ContextId, resource: ResourceId },
    /// A change or deletion showed that this shared account no longer exists.
    SharedGone { context: ContextId, account: SharedAccountId },
    /// A change or deletion showed that this context no longer exists.
    ContextGone { context: ContextId },
    /// Adding or removing members was refused because OX holds other members than assumed: send the full list.
    MembersDiffer { context: ContextId, group: GroupId },
    /// The mail address of a new user is taken by a guest or another account.
    MailTaken { context: ContextId },
    /// The server does not let the quota of this user be changed.
    QuotaFixed { context: ContextId },
    /// The default sender or an alias that OX holds does not fit the aliases sent: read the user first.
    SenderUnknown { context: ContextId, user: UserId },
    /// The user copy service is not installed.
    CopyUnavailable,
}
