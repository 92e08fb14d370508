//! The object types that oxherd consumes and the containers they live in, as the recordings show them.

use std::fmt;

use super::schema::{
    ACCESS_PROFILES, CONTAINERS, CONTEXTS, FUNCTIONAL_ACCOUNTS, GROUPS, MAIL_DOMAINS, RESOURCES, ROOTS,
    SHARED_ACCOUNT_PERMISSIONS, SHARED_ACCOUNTS, UNITS, USERS,
};

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Switch,
    /// A list of texts.
    List,
    /// A list of objects or of lists.
    Objects,
    /// One object.
    Object,
    /// A password: taken, never shown.
    Secret,
    /// Computed from other objects.
    Computed,
    /// The `univentionObjectIdentifier`.
    Identifier,
    /// `objectFlag`: dropped without a word, always empty.
    Flags,
}

/// What is shown when nothing is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// `null`, or `[]` for a list.
    Nothing,
    /// `false`.
    No,
    /// `true`.
    Yes,
    /// A text.
    Text(&'static str),
    /// A number.
    Number(i64),
    /// The group of all users.
    PrimaryGroup,
    /// An activation date without date.
    NoActivation,
    /// `{}`.
    EmptyObject,
}

/// A property of an object type.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name in UDM.
    pub name: &'static str,
    /// Its name in LDAP, if it is another one that filters may use.
    pub ldap: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// What is shown when nothing is stored.
    pub shown: Shown,
    /// Whether it must be given at creation and cannot be cleared.
    pub required: bool,
    /// Whether it never changes once it is set.
    pub fixed: bool,
    /// Whether values that its list of choices does not have clear it.
    pub select: bool,
}

impl Property {
    const fn new(name: &'static str, shape: Shape) -> Self {
        let shown = Shown::Nothing;
        Self { name, ldap: name, shape, shown, required: false, fixed: false, select: false }
    }

    pub(super) const fn text(name: &'static str) -> Self {
        Self::new(name, Shape::Text)
    }

    pub(super) const fn number(name: &'static str) -> Self {
        Self::new(name, Shape::Number)
    }

    pub(super) const fn switch(name: &'static str) -> Self {
        Self::new(name, Shape::Switch)
    }

    pub(super) const fn list(name: &'static str) -> Self {
        Self::new(name, Shape::List)
    }

    pub(super) const fn objects(name: &'static str) -> Self {
        Self::new(name, Shape::Objects)
    }

    pub(super) const fn object(name: &'static str) -> Self {
        Self::new(name, Shape::Object)
    }

    pub(super) const fn secret(name: &'static str) -> Self {
        Self::new(name, Shape::Secret).required()
    }

    pub(super) const fn computed(name: &'static str) -> Self {
        Self::new(name, Shape::Computed)
    }

    pub(super) const fn identifier(name: &'static str) -> Self {
        Self::new(name, Shape::Identifier)
    }

    pub(super) const fn flags(name: &'static str) -> Self {
        Self::new(name, Shape::Flags)
    }

    pub(super) const fn shows(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }

    pub(super) const fn ldap(self, ldap: &'static str) -> Self {
        Self { ldap, ..self }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    pub(super) const fn select(self) -> Self {
        Self { select: true, ..self }
    }

    /// Whether it holds a list.
    pub const fn is_list(&self) -> bool {
        matches!(self.shape, Shape::List | Shape::Objects | Shape::Computed | Shape::Flags)
    }
}

/// An object type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `users/user`.
    User,
    /// `groups/group`.
    Group,
    /// `oxmail/oxcontext`.
    Context,
    /// `oxmail/accessprofile`.
    AccessProfile,
    /// `oxmail/functional_account`.
    FunctionalAccount,
    /// `oxmail/shared_account`.
    SharedAccount,
    /// `oxmail/shared_account_permission`.
    SharedAccountPermission,
    /// `oxresources/oxresources`.
    Resource,
    /// `container/cn`.
    Container,
    /// `container/ou`.
    Unit,
    /// `container/dc`: the root.
    Root,
    /// `mail/domain`.
    MailDomain,
}

/// What is known of an object type.
#[derive(Debug)]
pub struct Module {
    /// Its name in UDM.
    pub name: &'static str,
    /// Title of one object.
    pub title: &'static str,
    /// Title of the type.
    pub plural: &'static str,
    /// Attribute of the relative name.
    pub rdn: &'static str,
    /// Property that holds the name.
    pub naming: &'static str,
    /// Where new objects go, relative to the base.
    pub container: &'static str,
    /// Its properties in the order in which they are shown.
    pub properties: &'static [Property],
    /// `options` as shown.
    pub options: &'static [(&'static str, bool)],
    /// Names under `policies`.
    pub policies: &'static [&'static str],
}

impl Kind {
    /// All types.
    pub const ALL: [Self; 12] = [
        Self::User,
        Self::Group,
        Self::Context,
        Self::AccessProfile,
        Self::FunctionalAccount,
        Self::SharedAccount,
        Self::SharedAccountPermission,
        Self::Resource,
        Self::Container,
        Self::Unit,
        Self::Root,
        Self::MailDomain,
    ];

    /// The type of a UDM name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.module().name == name)
    }

    /// What is known of it.
    pub const fn module(self) -> &'static Module {
        match self {
            Self::User => &USERS,
            Self::Group => &GROUPS,
            Self::Context => &CONTEXTS,
            Self::AccessProfile => &ACCESS_PROFILES,
            Self::FunctionalAccount => &FUNCTIONAL_ACCOUNTS,
            Self::SharedAccount => &SHARED_ACCOUNTS,
            Self::SharedAccountPermission => &SHARED_ACCOUNT_PERMISSIONS,
            Self::Resource => &RESOURCES,
            Self::Container => &CONTAINERS,
            Self::Unit => &UNITS,
            Self::Root => &ROOTS,
            Self::MailDomain => &MAIL_DOMAINS,
        }
    }

    /// Its UDM name.
    pub const fn name(self) -> &'static str {
        self.module().name
    }

    /// Whether other objects may lie below one of this type.
    pub const fn is_container(self) -> bool {
        matches!(self, Self::Container | Self::Unit | Self::Root)
    }

    /// A property of it.
    pub fn property(self, name: &str) -> Option<&'static Property> {
        self.module().properties.iter().find(|property| property.name == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
