//! The parts of the specification of a connector.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{ConfigMapKeyRef, CredentialsRef, Duration, SecretKeyRef};
use super::rules;

/// How to reach Open-Xchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OxServer {
    /// Base URL of the SOAP services, without `/webservices`.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = &rules::HTTP_URL)]
    pub url: String,
    /// Credentials of the OX master administrator.
    pub credentials_ref: CredentialsRef,
    /// Administrators of contexts that oxherd did not create itself, as a `contexts.json` of the existing connector. A
    /// context of its own kind `OxContext` names its Secret instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_credentials_ref: Option<SecretKeyRef>,
    /// How to verify the server.
    #[serde(default)]
    pub tls: Tls,
    /// When to give up on a call.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How much to ask of the server at once.
    #[serde(default)]
    pub limits: Limits,
}

/// How to verify a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = &rules::CA_NEEDS_VERIFICATION)]
pub struct Tls {
    /// Whether to verify certificates.
    #[serde(default)]
    pub verification: TlsVerification,
    /// Certificates in PEM form that are trusted besides those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<ConfigMapKeyRef>,
}

/// Whether to verify certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVerification {
    /// Certificates must be valid and belong to the host.
    #[default]
    Full,
    /// Insecure: anybody in between can read and change everything, including passwords. For laboratories only.
    InsecureSkip,
}

/// When to give up on a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// For a connection to be made.
    #[serde(default = "connect_timeout")]
    pub connect: Duration,
    /// For an answer. Creating a context takes OX up to a minute.
    #[serde(default = "request_timeout")]
    pub request: Duration,
}

fn connect_timeout() -> Duration {
    Duration::constant("5s")
}

fn request_timeout() -> Duration {
    Duration::constant("2m")
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: connect_timeout(), request: request_timeout() }
    }
}

/// How much to ask of the server at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Objects worked on at the same time. Writes to users of one context still run one after the other, as OX wants it.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 256))]
    pub concurrency: i32,
    /// Calls started in a second; no limit if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub rate_per_second: Option<i32>,
}

fn concurrency() -> i32 {
    24
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: concurrency(), rate_per_second: None }
    }
}

/// Where changes of the directory come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = &rules::ONE_SOURCE)]
pub struct Source {
    /// A folder of files of the App Center listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spool: Option<SpoolSource>,
    /// The Provisioning API of Nubus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nubus: Option<NubusSource>,
}

/// A folder of files of the App Center listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpoolSource {
    /// The folder. In manifests that are read from files it may be relative to their folder.
    #[schemars(length(min = 1, max = 4096))]
    pub folder: String,
    /// How often to look when no notification comes.
    #[serde(default = "two_seconds")]
    pub poll_interval: Duration,
    /// How long a file that is no event must not change before it is rejected.
    #[serde(default = "two_seconds")]
    pub settle: Duration,
}

fn two_seconds() -> Duration {
    Duration::constant("2s")
}

/// The Provisioning API of Nubus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NubusSource {
    /// Base URL, for instance `http://nubus-provisioning-api`.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = &rules::HTTP_URL)]
    pub url: String,
    /// Name and password of the subscription.
    pub credentials_ref: CredentialsRef,
    /// Credentials that may create the subscription. Without them it must exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_credentials_ref: Option<CredentialsRef>,
    /// How to verify the server.
    #[serde(default)]
    pub tls: Tls,
    /// Whether a new subscription brings all objects that exist. Not needed with access to the UDM REST API.
    #[serde(default)]
    pub prefill: bool,
    /// How often to repeat an acknowledgement before the connection counts as broken.
    #[serde(default = "acknowledgement_retries")]
    #[schemars(range(min = 0, max = 100))]
    pub acknowledgement_retries: i32,
}

fn acknowledgement_retries() -> i32 {
    3
}

/// Values for what the directory does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Defaults {
    /// Number of the default context. Its administrator is named `oxadmin`.
    #[serde(default = "default_context")]
    #[schemars(range(min = 1))]
    pub context: i32,
    /// Language of new users and shared accounts.
    #[serde(default = "language")]
    #[schemars(length(min = 2, max = 10))]
    pub language: String,
    /// Time zone of new users, shared accounts and administrators of contexts.
    #[serde(default = "timezone")]
    #[schemars(length(min = 1, max = 128))]
    pub timezone: String,
    /// Mail domain of the administrators of contexts.
    #[schemars(length(min = 1, max = 253))]
    pub domain: String,
    /// IMAP server of users without a mail home server and of shared accounts; scheme and port hold for all.
    #[serde(default = "imap_server")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = &rules::IMAP_URL)]
    pub imap_server: String,
    /// SMTP server, likewise.
    #[serde(default = "smtp_server")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = &rules::SMTP_URL)]
    pub smtp_server: String,
}

fn default_context() -> i32 {
    10
}

fn language() -> String {
    "de_DE".to_owned()
}

fn timezone() -> String {
    "Europe/Berlin".to_owned()
}

fn imap_server() -> String {
    "imap://localhost:143".to_owned()
}

fn smtp_server() -> String {
    "smtp://localhost:587".to_owned()
}

/// Logins that OX uses at the mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginTemplates {
    /// Of users: `{}` is the mail address, `{property}` any property of the user. Empty: OX takes the mail address.
    #[serde(default = "imap_template")]
    #[schemars(length(max = 1024))]
    pub imap: String,
    /// Of functional accounts: `{{fa_entry_uuid}}`, `{{fa_email_address}}`, `{{entry_uuid}}`, `{{dn}}` and `{{property}}`
    /// for any property of the user.
    #[serde(default = "functional_account_template")]
    #[schemars(length(max = 1024))]
    pub functional_account: String,
}

fn imap_template() -> String {
    "{}".to_owned()
}

fn functional_account_template() -> String {
    "{{fa_entry_uuid}}{{username}}".to_owned()
}

impl Default for LoginTemplates {
    fn default() -> Self {
        Self { imap: imap_template(), functional_account: functional_account_template() }
    }
}

/// The UDM properties that become names in OX. `entryUUID` stands for the identifier of the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identifiers {
    /// Of users.
    #[serde(default = "username")]
    #[schemars(length(min = 1, max = 128))]
    pub user: String,
    /// Of groups.
    #[serde(default = "name")]
    #[schemars(length(min = 1, max = 128))]
    pub group: String,
    /// Of shared accounts.
    #[serde(default = "name")]
    #[schemars(length(min = 1, max = 128))]
    pub shared_account: String,
}

fn username() -> String {
    "username".to_owned()
}

fn name() -> String {
    "name".to_owned()
}

impl Default for Identifiers {
    fn default() -> Self {
        Self { user: username(), group: name(), shared_account: name() }
    }
}

/// Whether to use a part of OX that not every server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Feature {
    /// If the server has it.
    #[default]
    Auto,
    /// Yes; a server without it is an error.
    Enabled,
    /// No.
    Disabled,
}

/// Parts of OX that not every server has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Deputies of users (OX 8.35).
    #[serde(default)]
    pub deputy_permissions: Feature,
    /// Shared accounts (OX 8.49).
    #[serde(default)]
    pub shared_accounts: Feature,
    /// A guest with the mail address of a new user becomes that user (OX 8.36).
    #[serde(default)]
    pub convert_guest: Feature,
    /// A user that changes its context takes its data along.
    #[serde(default)]
    pub user_copy: Feature,
}

/// How to act when something is not plain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Policies {
    /// What a faulty object means for the others.
    #[serde(default)]
    pub error_policy: ErrorPolicy,
    /// What happens in OX when an object is deleted in the directory.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// How long `deletionPolicy: Disable` keeps what was deleted in the directory, for instance `720h`.
    #[serde(default = "retention")]
    pub retention: Duration,
    /// What happens when OX already has an object of the same name.
    #[serde(default)]
    pub adopt_policy: AdoptPolicy,
    /// Whether to change anything.
    #[serde(default)]
    pub mode: Mode,
    /// Stops all calls to OX; changes are still taken in.
    #[serde(default)]
    pub paused: bool,
    /// Protection against mass deletion.
    #[serde(default)]
    pub deletion_guard: DeletionGuard,
    /// Protection against changes of settings with more effect than was meant.
    #[serde(default)]
    pub change_guard: ChangeGuard,
    /// How long the audit trail is kept.
    #[serde(default = "audit_retention")]
    pub audit_retention: Duration,
}

fn audit_retention() -> Duration {
    Duration::constant("2160h")
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            error_policy: ErrorPolicy::default(),
            deletion_policy: DeletionPolicy::default(),
            retention: retention(),
            adopt_policy: AdoptPolicy::default(),
            mode: Mode::default(),
            paused: false,
            deletion_guard: DeletionGuard::default(),
            change_guard: ChangeGuard::default(),
            audit_retention: audit_retention(),
        }
    }
}

fn retention() -> Duration {
    Duration::constant("720h")
}

/// What a faulty object means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ErrorPolicy {
    /// It is parked, and only what depends on it waits.
    #[default]
    Continue,
    /// Everything waits until it is corrected.
    Stop,
}

/// What happens in OX when an object is deleted in the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// It is deleted.
    #[default]
    Delete,
    /// Users and contexts are disabled, and deleted after the time of retention. What cannot be disabled is deleted.
    Disable,
}

/// Whether objects that OX already has are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AdoptPolicy {
    /// Never: the directory's object is parked as a conflict.
    Never,
    /// If we know that they are ours by their number.
    MatchById,
    /// If they have the same name.
    #[default]
    MatchByName,
}

/// Whether to change anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Yes.
    #[default]
    Live,
    /// No: calls are planned and shown, and OX is only read.
    DryRun,
}

/// Holds deletions back when too many are asked for within a window. A user that is disabled counts as deleted, and a context
/// counts as many as it has users, resources and accounts. What is held back is released by an approval only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletionGuard {
    /// Deletions within the window, at most.
    #[serde(default = "max_count")]
    #[schemars(range(min = 0))]
    pub max_count: i32,
    /// Deletions of one context within the window, at most.
    #[serde(default = "max_count_per_context")]
    #[schemars(range(min = 0))]
    pub max_count_per_context: i32,
    /// Deletions within the window, at most, of a hundred objects of that type that OX has.
    #[serde(default = "max_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub max_percent: i32,
    /// Members taken out of one group or functional account within the window, at most, of a hundred. Members that are deleted
    /// do not count here.
    #[serde(default = "max_member_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub max_member_percent: i32,
    /// So few are never too many of a hundred: in a small organisation one person is a large share.
    #[serde(default = "percent_from")]
    #[schemars(range(min = 0))]
    pub percent_from: i32,
    /// The window.
    #[serde(default = "window")]
    pub window: Duration,
}

fn max_count() -> i32 {
    50
}

fn max_count_per_context() -> i32 {
    25
}

fn max_percent() -> i32 {
    10
}

fn max_member_percent() -> i32 {
    50
}

fn percent_from() -> i32 {
    10
}

fn window() -> Duration {
    Duration::constant("1h")
}

impl Default for DeletionGuard {
    fn default() -> Self {
        Self {
            max_count: max_count(),
            max_count_per_context: max_count_per_context(),
            max_percent: max_percent(),
            max_member_percent: max_member_percent(),
            percent_from: percent_from(),
            window: window(),
        }
    }
}

/// Holds changes of settings back when they would change too many objects. Meanwhile the former settings stay in force, and
/// events are planned with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeGuard {
    /// How many objects an edit of the mapping, an access profile or other settings may change without an approval. Absent:
    /// any number, and edits take effect without being examined.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_objects: Option<i32>,
}

/// Regular comparison of OX with the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Time between two comparisons, for instance `24h`. Absent: only when an `OxOperation` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// What to do about differences.
    #[serde(default)]
    pub mode: VerificationMode,
}

/// What to do about differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VerificationMode {
    /// Show them.
    #[default]
    Report,
    /// Show and correct them.
    Repair,
}

/// Where oxherd keeps its journal and what it knows of OX.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = &rules::POSTGRES_NEEDS_CONNECTION)]
pub struct StateStore {
    /// Which kind of store.
    #[serde(default)]
    pub backend: StateBackend,
    /// Connection URL of a PostgreSQL database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_ref: Option<SecretKeyRef>,
}

/// Which kind of store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StateBackend {
    /// A file on a volume.
    #[default]
    Sqlite,
    /// Objects of the cluster, for small installations without volumes.
    ConfigMap,
    /// A PostgreSQL database.
    Postgres,
}
