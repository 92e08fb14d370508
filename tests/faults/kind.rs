//! The types of objects: what is there before, and what happens during the fault.

use crate::directory::{Object, context, functional_account, group, profile, resource, user};
use crate::world::FULL;

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Context,
    User,
    Group,
    Account,
    Profile,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Context, Self::User, Self::Group, Self::Account, Self::Profile];

    pub fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::User => "user",
            Self::Group => "group",
            Self::Account => "account",
            Self::Profile => "profile",
        }
    }

    /// The service that is called for objects of this type; for profiles that of the users who have them.
    pub fn service(self) -> &'static str {
        match self {
            Self::Context => "OXContextService",
            Self::User | Self::Profile => "OXUserService",
            Self::Group => "OXGroupService",
            Self::Account => "OXSecondaryAccountService",
        }
    }

    /// The writes for what happens, one each.
    pub fn writes(self) -> &'static [&'static str] {
        match self {
            Self::Context => &["create", "change"],
            Self::User => &["createByModuleAccess", "change"],
            Self::Group => &["create", "addMember"],
            Self::Account => &["create", "create"],
            Self::Profile => &["changeByModuleAccess", "changeByModuleAccess"],
        }
    }

    /// One object is new and one changes.
    pub fn happens(self) -> Vec<Object> {
        match self {
            Self::Context => vec![context(40).with("oxQuota", 100), context(20).with("oxQuota", 500)],
            Self::User => vec![user("carl"), user("anna").with("title", "Boss")],
            Self::Group => vec![group("crew", &["berta"]), group("team", &["anna", "berta"])],
            Self::Account => {
                vec![functional_account("help", &["berta"]), functional_account("info", &["anna", "berta"])]
            }
            Self::Profile => vec![profile("small", &["webmail"]), user("berta").profile("small"), less()],
        }
    }

    /// Many of them at once.
    pub fn many(self) -> Vec<Object> {
        let names = (0..80).map(|n| format!("many{n:02}"));
        match self {
            Self::Context => (40..120).map(context).collect(),
            Self::User => names.map(|name| user(&name)).collect(),
            Self::Group => names.map(|name| group(&name, &["anna", "berta"])).collect(),
            Self::Account => names.map(|name| functional_account(&name, &["anna", "berta"])).collect(),
            Self::Profile => names.map(|name| user(&name)).chain([less()]).collect(),
        }
    }
}

/// The profile of nearly everybody with fewer rights.
fn less() -> Object {
    profile("full", &["webmail", "calendar"])
}

/// What is there before anything else.
pub fn ground() -> Vec<Object> {
    vec![context(10), context(20), context(30), profile("full", FULL)]
}

/// Who is there before the fault.
pub fn before() -> Vec<Object> {
    vec![user("anna"), user("berta"), group("team", &["anna"]), functional_account("info", &["anna"])]
}

/// Whom a fault of one service does not concern.
pub fn bystander() -> Object {
    resource("room")
}
