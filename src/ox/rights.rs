//! Rights of an OX user: the module access flags.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A module access flag of OX, in schema order (`ox-soap.md` 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
#[allow(missing_docs, reason = "the names are those of OX")]
pub enum Flag {
    Olox20,
    Usm,
    ActiveSync,
    Calendar,
    CollectEmailAddresses,
    Contacts,
    DelegateTask,
    DeniedPortal,
    EditGroup,
    EditPassword,
    EditPublicFolders,
    EditResource,
    GlobalAddressBookDisabled,
    Ical,
    Infostore,
    MultipleMailAccounts,
    PublicFolderEditable,
    Publication,
    ReadCreateSharedFolders,
    Subscription,
    Syncml,
    Tasks,
    Vcard,
    Webdav,
    WebdavXml,
    Webmail,
}

impl Flag {
    /// All flags in schema order.
    pub fn all() -> impl Iterator<Item = Self> {
        use strum::IntoEnumIterator;
        Self::iter()
    }

    /// The element name in the SOAP schema.
    pub const fn soap_name(self) -> &'static str {
        match self {
            Self::Olox20 => "OLOX20",
            Self::Usm => "USM",
            Self::ActiveSync => "activeSync",
            Self::Calendar => "calendar",
            Self::CollectEmailAddresses => "collectEmailAddresses",
            Self::Contacts => "contacts",
            Self::DelegateTask => "delegateTask",
            Self::DeniedPortal => "deniedPortal",
            Self::EditGroup => "editGroup",
            Self::EditPassword => "editPassword",
            Self::EditPublicFolders => "editPublicFolders",
            Self::EditResource => "editResource",
            Self::GlobalAddressBookDisabled => "globalAddressBookDisabled",
            Self::Ical => "ical",
            Self::Infostore => "infostore",
            Self::MultipleMailAccounts => "multipleMailAccounts",
            Self::PublicFolderEditable => "publicFolderEditable",
            Self::Publication => "publication",
            Self::ReadCreateSharedFolders => "readCreateSharedFolders",
            Self::Subscription => "subscription",
            Self::Syncml => "syncml",
            Self::Tasks => "tasks",
            Self::Vcard => "vcard",
            Self::Webdav => "webdav",
            Self::WebdavXml => "webdavXml",
            Self::Webmail => "webmail",
        }
    }

    /// The property of `oxmail/accessprofile` that grants it. `OLOX20` and `publication` are legacy and
    /// `publicFolderEditable` belongs to context admins only (`FLD-0089`): no profile can grant them.
    pub const fn udm_name(self) -> Option<&'static str> {
        match self {
            Self::Usm => Some("usm"),
            Self::ActiveSync => Some("activesync"),
            Self::Calendar => Some("calendar"),
            Self::CollectEmailAddresses => Some("collectemailaddresses"),
            Self::Contacts => Some("contacts"),
            Self::DelegateTask => Some("delegatetask"),
            Self::DeniedPortal => Some("deniedportal"),
            Self::EditGroup => Some("editgroup"),
            Self::EditPassword => Some("editpassword"),
            Self::EditPublicFolders => Some("editpublicfolders"),
            Self::EditResource => Some("editresource"),
            Self::GlobalAddressBookDisabled => Some("globaladdressbookdisabled"),
            Self::Ical => Some("ical"),
            Self::Infostore => Some("infostore"),
            Self::MultipleMailAccounts => Some("multiplemailaccounts"),
            Self::ReadCreateSharedFolders => Some("readcreatesharedfolders"),
            Self::Subscription => Some("subscription"),
            Self::Syncml => Some("syncml"),
            Self::Tasks => Some("tasks"),
            Self::Vcard => Some("vcard"),
            Self::Webdav => Some("webdav"),
            Self::WebdavXml => Some("webdavxml"),
            Self::Webmail => Some("webmail"),
            Self::Olox20 | Self::PublicFolderEditable | Self::Publication => None,
        }
    }
}

/// A complete set of rights. Sent to OX always as a whole: a missing flag would take the server's default, mostly true.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rights(u32);

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self(0);

    /// The rights with one more.
    #[must_use]
    pub const fn with(self, flag: Flag) -> Self {
        Self(self.0 | 1 << flag as u32)
    }

    /// Whether a right is granted.
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & 1 << flag as u32 != 0
    }

    /// The granted rights in schema order.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::all().filter(move |flag| self.has(*flag))
    }
}

impl FromIterator<Flag> for Rights {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        flags.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Flag::soap_name)).finish()
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Flag::soap_name))
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names
            .iter()
            .map(|name| {
                Flag::all()
                    .find(|flag| flag.soap_name() == name)
                    .ok_or_else(|| serde::de::Error::custom(format!("OX has no right '{name}'")))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_26_flags_of_which_profiles_grant_23() {
        assert_eq!(Flag::all().count(), 26);
        assert_eq!(Flag::all().filter_map(Flag::udm_name).count(), 23);
    }

    #[test]
    fn rights_read_back_from_their_names() {
        let rights = Rights::NONE.with(Flag::Webmail).with(Flag::Usm);
        let json = serde_json::to_string(&rights).unwrap();
        assert_eq!(json, r#"["USM","webmail"]"#);
        assert_eq!(serde_json::from_str::<Rights>(&json).unwrap(), rights);
        assert!(serde_json::from_str::<Rights>(r#"["nope"]"#).is_err());
    }
}
