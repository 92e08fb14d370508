//! All types but the user.

use std::sync::LazyLock;

use super::{Absent, Field, Ns, Type, flag, int, long, object, text, texts};

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $wire:literal in $ns:ident [$($field:expr),* $(,)?];)*) => {
        $($(#[$doc])* pub static $name: LazyLock<Type> = LazyLock::new(|| Type::new($wire, Ns::$ns, vec![$($field),*]));)*
    };
}

types! {
    /// `D:Context`.
    CONTEXT = "Context" in Data [
        long("average_size"),
        flag("enabled"),
        int("filestoreId"),
        text("filestore_name"),
        int("id"),
        texts("loginMappings"),
        long("maxQuota"),
        text("name"),
        object("readDatabase", || &DATABASE),
        long("usedQuota"),
        object("userAttributes", || &STRING_MAP_MAP).absent(Absent::Empty),
        object("writeDatabase", || &DATABASE),
        text("gabMode"),
    ];
    /// `D:Group`.
    GROUP = "Group" in Data [text("displayname"), int("id"), int("members").many(), text("name")];
    /// `D:Resource`.
    RESOURCE = "Resource" in Data [
        flag("available"),
        text("description"),
        text("displayname"),
        text("email"),
        int("id"),
        text("name"),
        object("permissions", || &RESOURCE_PERMISSION).many(),
    ];
    /// `D:ResourcePermission`.
    RESOURCE_PERMISSION = "ResourcePermission" in Data [
        int("entity").absent(Absent::Omitted),
        flag("group").absent(Absent::Omitted),
        text("privilege").absent(Absent::Omitted),
    ];
    /// `R:Credentials`.
    CREDENTIALS = "Credentials" in Rmi [text("login"), text("password")];
    /// `R:Quota`.
    QUOTA = "Quota" in Rmi [text("module"), long("limit")];
    /// `D:Database`.
    DATABASE = "Database" in Data [
        int("currentUnits"),
        text("driver"),
        int("id"),
        text("login"),
        flag("master"),
        int("masterId"),
        int("maxUnits"),
        text("name"),
        text("password"),
        int("poolHardLimit"),
        int("poolInitial"),
        int("poolMax"),
        int("read_id"),
        text("scheme"),
        text("url"),
    ];
    /// `D:Filestore`.
    FILESTORE = "Filestore" in Data [
        int("currentContexts"),
        int("id"),
        int("maxContexts"),
        long("reserved"),
        long("size"),
        text("url"),
        long("used"),
    ];
    /// `D:Server`.
    SERVER = "Server" in Data [int("id"), text("name")];
    /// `D:SchemaSelectStrategy`.
    SCHEMA_STRATEGY = "SchemaSelectStrategy" in Data [text("schema_name"), text("strategy")];
    /// `D:SOAPStringMapMap`.
    STRING_MAP_MAP = "SOAPStringMapMap" in Data [object("entries", || &MAP_ENTRY).many()];
    /// `D:SOAPMapEntry`.
    MAP_ENTRY = "SOAPMapEntry" in Data [text("key"), object("value", || &STRING_MAP)];
    /// `D:SOAPStringMap`.
    STRING_MAP = "SOAPStringMap" in Data [object("entries", || &ENTRY).many()];
    /// `D:Entry`.
    ENTRY = "Entry" in Data [text("key"), text("value")];
    /// `D:Context`, `D:User` and `D:Group` of the services that know them by their id only.
    ID_ONLY = "Identifier" in Data [int("id")];
    /// `D:DeputyPermission`.
    DEPUTY = "DeputyPermission" in Data [
        int("userId"),
        flag("sendOnBehalfOf"),
        object("modulePermissions", || &MODULE_PERMISSION).many(),
    ];
    /// `D:ActiveDeputyPermission`.
    ACTIVE_DEPUTY = "ActiveDeputyPermission" in Data [
        text("deputyId"),
        int("contextId"),
        int("grantorId"),
        int("userId"),
        flag("sendOnBehalfOf"),
        object("modulePermissions", || &MODULE_PERMISSION).many(),
    ];
    /// `D:ModulePermission`.
    MODULE_PERMISSION = "ModulePermission" in Data [
        text("moduleId"),
        texts("folderIds"),
        flag("admin"),
        int("folderPermission"),
        int("readPermission"),
        int("writePermission"),
        int("deletePermission"),
    ];
    /// `D:SharedAccount`.
    SHARED = "SharedAccount" in Data [
        int("id"),
        text("name"),
        text("display_name"),
        text("primaryEmail"),
        text("email1"),
        text("password"),
        text("language"),
        text("timezone"),
        text("imapServer"),
        int("imapPort"),
        text("imapSchema"),
        text("smtpServer"),
        int("smtpPort"),
        text("smtpSchema"),
    ];
    /// The reference to a shared account.
    SHARED_REFERENCE = "SharedAccountReference" in Data [int("id"), text("name")];
    /// `mailConfig` and `calendarConfig`.
    SHARED_LEVEL = "PermissionConfig" in Data [text("permissionLevel")];
    /// `capabilities` of a permission on a shared account.
    SHARED_CAPABILITIES = "Capabilities" in Data [texts("grantedCapability")];
    /// An element of `sharedAccountPermissions`.
    SHARED_GRANT = "SharedAccountPermission" in Data [
        object("auth", || &CREDENTIALS),
        object("ctx", || &ID_ONLY),
        object("users", || &ID_ONLY).many(),
        object("groups", || &ID_ONLY).many(),
        object("mailConfig", || &SHARED_LEVEL),
        object("calendarConfig", || &SHARED_LEVEL),
        object("capabilities", || &SHARED_CAPABILITIES),
    ];
    /// A permission on a shared account as it is read.
    SHARED_PERMISSION = "Permission" in Data [
        int("sharedAccountId"),
        int("entity"),
        int("contextId"),
        flag("isGroup"),
        object("mailConfig", || &SHARED_LEVEL),
        object("calendarConfig", || &SHARED_LEVEL),
        object("capabilities", || &SHARED_CAPABILITIES).absent(Absent::Omitted),
    ];
}

/// `D:UserModuleAccess`.
pub static ACCESS: LazyLock<Type> = LazyLock::new(|| Type::new("UserModuleAccess", Ns::Data, access()));

/// `D:AccountDataOnCreate`.
pub static ACCOUNT_CREATE: LazyLock<Type> =
    LazyLock::new(|| Type::new("AccountDataOnCreate", Ns::Data, account(true, false)));

/// `D:AccountDataUpdate`.
pub static ACCOUNT_UPDATE: LazyLock<Type> =
    LazyLock::new(|| Type::new("AccountDataUpdate", Ns::Data, account(false, false)));

/// `D:Account`.
pub static ACCOUNT: LazyLock<Type> = LazyLock::new(|| Type::new("Account", Ns::Data, account(false, true)));

/// The 26 rights of a user in schema order.
pub const RIGHTS: [&str; 26] = [
    "OLOX20",
    "USM",
    "activeSync",
    "calendar",
    "collectEmailAddresses",
    "contacts",
    "delegateTask",
    "deniedPortal",
    "editGroup",
    "editPassword",
    "editPublicFolders",
    "editResource",
    "globalAddressBookDisabled",
    "ical",
    "infostore",
    "multipleMailAccounts",
    "publicFolderEditable",
    "publication",
    "readCreateSharedFolders",
    "subscription",
    "syncml",
    "tasks",
    "vcard",
    "webdav",
    "webdavXml",
    "webmail",
];

fn access() -> Vec<Field> {
    RIGHTS.into_iter().map(flag).collect()
}

/// The three account types share one table.
fn account(on_create: bool, answer: bool) -> Vec<Field> {
    let mut fields = Vec::new();
    if answer {
        fields.extend([int("contextId"), int("userId"), int("id")]);
    }
    fields.extend([text("login"), text("password"), text("name")]);
    if on_create || answer {
        fields.push(text("primaryAddress"));
    }
    fields.extend([text("personal"), text("replyTo")]);
    if on_create {
        fields.push(text("mailEndpointSource"));
    }
    fields.extend([
        text("mailServer"),
        int("mailPort"),
        text("mailProtocol"),
        flag("mailSecure"),
        flag("mailStartTls"),
        text("transportLogin"),
        text("transportPassword"),
    ]);
    if on_create {
        fields.push(text("transportEndpointSource"));
    }
    fields.extend([
        text("transportServer"),
        int("transportPort"),
        text("transportProtocol"),
        flag("transportSecure"),
        flag("transportStartTls"),
    ]);
    let folders = [
        "archiveFullname",
        "draftsFullname",
        "sentFullname",
        "spamFullname",
        "trashFullname",
        "confirmedSpamFullname",
        "confirmedHamFullname",
    ];
    fields.extend(folders.map(text));
    fields
}
