//! Module access: 26 flags, and the named profiles of a shipped server (`ox-soap.md` 3.7, 5.3).

use std::sync::atomic::{AtomicU32, Ordering};

use super::fault::Fault;
use super::record::{Record, Value};
use super::schema::{ACCESS, RIGHTS};

/// The rights of a user as a bit set in schema order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(pub u32);

const fn bit(name: &str) -> u32 {
    let mut at = 0;
    while at < RIGHTS.len() {
        if equal(RIGHTS[at].as_bytes(), name.as_bytes()) {
            return 1 << at;
        }
        at += 1;
    }
    0
}

const fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn bits(names: &[&str]) -> u32 {
    let mut all = 0;
    let mut at = 0;
    while at < names.len() {
        all |= bit(names[at]);
        at += 1;
    }
    all
}

const ALL: u32 = (1 << RIGHTS.len()) - 1;
const PUBLIC_FOLDER_EDITABLE: u32 = bit("publicFolderEditable");
const PUBLICATION: u32 = bit("publication");
const GLOBAL_ADDRESS_BOOK_DISABLED: u32 = bit("globalAddressBookDisabled");
const NOT_BY_DEFAULT: u32 = bits(&["deniedPortal", "globalAddressBookDisabled", "publicFolderEditable"]);
/// Rights that cannot stand beside a disabled global address book.
const NEED_ADDRESS_BOOK: u32 = bits(&["editPublicFolders", "readCreateSharedFolders", "webdavXml", "delegateTask"]);

impl Rights {
    /// The rights a request gives: flags that are not sent have their default, which is "allowed" for most.
    pub fn from_request(record: &Record) -> Self {
        let mut rights = ALL & !NOT_BY_DEFAULT;
        for (position, value) in record.slots() {
            match value {
                Value::Flag(true) => rights |= 1 << position,
                Value::Flag(false) => rights &= !(1 << position),
                _ => {}
            }
        }
        Self(rights)
    }

    /// User calls do not store `publication`; it is always read back as allowed.
    pub const fn by_user_call(self) -> Self {
        Self(self.0 | PUBLICATION)
    }

    /// The rights without the one that only context admins may have.
    pub const fn for_ordinary_user(self) -> Self {
        Self(self.0 & !PUBLIC_FOLDER_EDITABLE)
    }

    /// Refuses combinations that the server refuses, in its order.
    pub fn check(self, is_admin: bool) -> Result<(), Fault> {
        if self.0 & GLOBAL_ADDRESS_BOOK_DISABLED != 0 && self.0 & NEED_ADDRESS_BOOK != 0 {
            return Err(Fault::storage("Global address book can not be disabled for non-PIM users."));
        }
        if self.0 & PUBLIC_FOLDER_EDITABLE != 0 && !is_admin {
            return Err(Fault::storage(
                "FLD-0089 Categories=PERMISSION_DENIED Message='Operation may only be performed for context \
                 administrator.' exceptionID=#",
            ));
        }
        Ok(())
    }

    /// Whether the global address book is disabled.
    pub const fn without_address_book(self) -> bool {
        self.0 & GLOBAL_ADDRESS_BOOK_DISABLED != 0
    }

    /// The rights as an answer.
    pub fn record(self) -> Record {
        let mut record = Record::new(&ACCESS);
        for (position, _) in (0_u16..).zip(RIGHTS) {
            record.set_at(position, Value::Flag(self.0 & (1 << position) != 0));
        }
        record
    }

    /// The names of the rights that are granted.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        RIGHTS.into_iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, name)| name)
    }

    /// The rights with these names.
    pub fn from_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().fold(0, |all, name| all | bit(name)))
    }
}

const PIM: u32 = bits(&["calendar", "contacts", "tasks", "webmail", "collectEmailAddresses", "multipleMailAccounts"])
    | bits(&["editPassword", "ical", "vcard", "subscription", "publication"]);
const GROUPWARE: u32 = PIM | bits(&["delegateTask", "editPublicFolders", "infostore", "readCreateSharedFolders"]);
const PREMIUM: u32 =
    GROUPWARE | bits(&["OLOX20", "USM", "activeSync", "editGroup", "editResource", "syncml", "webdav", "webdavXml"]);

/// The named profiles. Their contents differ between installations; `webmail_plus`, the profile of new contexts, is
/// the one that is known exactly.
const PROFILES: [(&str, u32); 13] = [
    ("webmail_plus", bits(&["contacts", "webmail"])),
    ("pim_plus", bits(&["contacts", "webmail", "calendar", "delegateTask", "tasks"])),
    (
        "groupware_plus",
        bits(&["contacts", "webmail", "calendar", "delegateTask", "tasks", "editPublicFolders", "infostore"])
            | bits(&["readCreateSharedFolders"]),
    ),
    ("premium", PREMIUM & !bits(&["editGroup", "editResource", "publication"])),
    ("groupware", GROUPWARE & !bits(&["publication"])),
    ("webmail", bits(&["contacts", "webmail", "globalAddressBookDisabled", "collectEmailAddresses", "editPassword"])),
    ("pim", PIM | GLOBAL_ADDRESS_BOOK_DISABLED),
    ("pim_infostore", PIM | GLOBAL_ADDRESS_BOOK_DISABLED | bits(&["infostore", "webdav"])),
    ("pim_mobility", PIM | GLOBAL_ADDRESS_BOOK_DISABLED | bits(&["USM", "activeSync", "syncml"])),
    ("groupware_standard", GROUPWARE),
    ("groupware_premium", PREMIUM),
    ("drive", bits(&["contacts", "infostore", "webdav", "readCreateSharedFolders", "editPassword"])),
    ("all", PREMIUM | PUBLIC_FOLDER_EDITABLE),
];

/// The profiles of a running server. They are not constant: the first ordinary user made with a profile takes
/// `publicFolderEditable` out of it.
#[derive(Debug)]
pub struct Profiles([AtomicU32; PROFILES.len()]);

impl Default for Profiles {
    fn default() -> Self {
        Self(PROFILES.map(|(_, rights)| AtomicU32::new(rights)))
    }
}

impl Profiles {
    /// The rights of a profile for a context admin.
    pub fn get(&self, name: &str) -> Result<Rights, Fault> {
        let unknown = || Fault::invalid(format!("No such access combination name \"{name}\""));
        let at = PROFILES.iter().position(|profile| profile.0 == name).ok_or_else(unknown)?;
        Ok(Rights(self.0[at].load(Ordering::Relaxed)))
    }

    /// The rights of a profile for an ordinary user.
    pub fn for_ordinary_user(&self, name: &str) -> Result<Rights, Fault> {
        let rights = self.get(name)?.for_ordinary_user();
        if let Some(at) = PROFILES.iter().position(|profile| profile.0 == name) {
            self.0[at].store(rights.0, Ordering::Relaxed);
        }
        Ok(rights)
    }

    /// The name of the profile with exactly these rights; `publication` does not count.
    pub fn name_of(&self, rights: Rights) -> Option<&'static str> {
        let wanted = rights.0 | PUBLICATION;
        let at = self.0.iter().rposition(|profile| profile.load(Ordering::Relaxed) | PUBLICATION == wanted)?;
        Some(PROFILES[at].0)
    }
}
