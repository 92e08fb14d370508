//! Faces: what other objects have to know of an object.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ContextId, OxState, Settings, access_profile, context, shared_permission};
use crate::ox::model::{GroupId, SharedRole, UserId};
use crate::ox::picture::hexadecimal;
use crate::ox::rights::Rights;
use crate::udm::{ObjectType, Properties};

/// What others know of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserFace {
    /// Its context.
    pub context: ContextId,
    /// Its number there.
    pub id: UserId,
    /// Fingerprint of its name and of the properties that logins of functional accounts are made of. When it changes, those
    /// who depend on the user are planned again.
    pub version: String,
    /// Since when it is only kept, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<i64>,
}

/// What others know of a group: its number in each context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupFace(pub BTreeMap<ContextId, GroupId>);

/// What others know of a context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextFace {
    /// Login name of its administrator.
    pub admin: String,
}

/// What others know of an access profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileFace {
    /// The rights that it grants.
    pub rights: Rights,
}

/// What others know of a functional account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFace {
    /// Its mail address.
    pub address: String,
}

/// What others know of a permission on shared accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PermissionFace {
    /// Role in the mailbox.
    pub mail: SharedRole,
    /// Role in the calendar.
    pub calendar: SharedRole,
    /// Granted capabilities.
    pub capabilities: BTreeSet<String>,
}

impl UserFace {
    /// Reads a face; none if the user is not in OX.
    pub fn read(face: &Value) -> Option<Self> {
        Self::deserialize(face).ok()
    }
}

impl ContextFace {
    /// Reads a face; none if the context is not in OX (yet).
    pub fn read(face: &Value) -> Option<Self> {
        Self::deserialize(face).ok()
    }
}

macro_rules! readable {
    ($($face:ty),*) => {$(
        impl $face {
            /// Reads a face.
            pub fn read(face: &Value) -> Self {
                read(face)
            }
        }
    )*};
}

readable!(GroupFace, ProfileFace, AccountFace, PermissionFace);

fn read<T: DeserializeOwned + Default>(face: &Value) -> T {
    T::deserialize(face).unwrap_or_default()
}

/// What others need to know of an object.
pub fn face(settings: &Settings, kind: ObjectType, desired: &Properties, state: &OxState) -> Value {
    let face = match (kind, state) {
        (ObjectType::User, OxState::User(user)) => serde_json::to_value(UserFace {
            context: user.context,
            id: user.id,
            version: version(settings, desired, &user.name),
            kept: user.kept.and_then(|kept| kept.since),
        }),
        (ObjectType::Group, OxState::Groups(held)) => {
            serde_json::to_value(GroupFace(held.groups.iter().map(|(context, group)| (*context, group.id)).collect()))
        }
        (ObjectType::Context, OxState::Context(held)) => {
            serde_json::to_value(ContextFace { admin: context::admin_name(settings, held.id, desired) })
        }
        (ObjectType::AccessProfile, _) => {
            serde_json::to_value(ProfileFace { rights: access_profile::rights(desired).unwrap_or_default() })
        }
        (ObjectType::FunctionalAccount, _) => {
            let address = desired.text("mailPrimaryAddress").ok().flatten().unwrap_or_default();
            serde_json::to_value(AccountFace { address })
        }
        (ObjectType::SharedAccountPermission, _) => {
            serde_json::to_value(shared_permission::read(desired).unwrap_or_default())
        }
        _ => return Value::Null,
    };
    face.unwrap_or_default()
}

/// A fingerprint instead of the values, because faces should hold no personal data.
fn version(settings: &Settings, user: &Properties, name: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(name);
    for property in settings.functional_account_login.properties() {
        digest.update([0]);
        digest.update(user.text(property).ok().flatten().unwrap_or_default());
    }
    let mut fingerprint = hexadecimal(&digest.finalize());
    fingerprint.truncate(16);
    fingerprint
}
