//! The handles of this target. Whoever makes or looks up a name does it here, so that both sides spell it alike.

use super::model::{ContextId, GroupId, ResourceId, SharedAccountId, UserId};
use crate::state::Handle;

/// The access profile of this name.
pub fn profile(name: &str) -> Handle {
    Handle::new("profile", name)
}

/// The context with this number.
pub fn context(context: ContextId) -> Handle {
    Handle::new("context", context)
}

/// What the handles of all contexts begin with.
pub fn contexts() -> Handle {
    Handle::new("context", "")
}

/// What the handles of all users (`user`), groups, resources, functional accounts (`account`) or shared accounts (`shared`)
/// of a context begin with.
pub fn all(context: ContextId, what: &str) -> Handle {
    Handle::new("ox", format_args!("{context}/{what}/"))
}

/// The object whose user in OX has this number.
pub fn user(context: ContextId, user: UserId) -> Handle {
    Handle::new("ox", format_args!("{context}/user/{user}"))
}

/// The object whose group in OX has this number.
pub fn group(context: ContextId, group: GroupId) -> Handle {
    Handle::new("ox", format_args!("{context}/group/{group}"))
}

/// The object whose resource in OX has this number.
pub fn resource(context: ContextId, resource: ResourceId) -> Handle {
    Handle::new("ox", format_args!("{context}/resource/{resource}"))
}

/// The object whose shared account in OX has this number.
pub fn shared(context: ContextId, account: SharedAccountId) -> Handle {
    Handle::new("ox", format_args!("{context}/shared/{account}"))
}

/// The functional account that has the secondary accounts with this address.
pub fn account(context: ContextId, address: &str) -> Handle {
    Handle::new("ox", format_args!("{context}/account/{}", address.to_lowercase()))
}

/// The user who has this primary mail address.
pub fn primary(context: ContextId, address: &str) -> Handle {
    Handle::new("primary", format_args!("{context}/{}", address.to_lowercase()))
}

/// Claim: the login name of a user, which compares with case.
pub fn user_name(context: ContextId, name: &str) -> Handle {
    Handle::new("name", format_args!("{context}/user/{name}"))
}

/// Claim: the name of a group in a context; `None` while its contexts are not known yet.
pub fn group_name(context: Option<ContextId>, name: &str) -> Handle {
    let name = name.to_lowercase();
    match context {
        Some(context) => Handle::new("name", format_args!("{context}/group/{name}")),
        None => Handle::new("name", format_args!("*/group/{name}")),
    }
}

/// Claim: the name of a resource.
pub fn resource_name(context: ContextId, name: &str) -> Handle {
    Handle::new("name", format_args!("{context}/resource/{}", name.to_lowercase()))
}

/// Claim: the name of a shared account.
pub fn shared_name(context: ContextId, name: &str) -> Handle {
    Handle::new("name", format_args!("{context}/shared/{}", name.to_lowercase()))
}

/// Claim: a mail address; `None` while the contexts of its owner are not known yet.
pub fn mail(context: Option<ContextId>, address: &str) -> Handle {
    let address = address.to_lowercase();
    match context {
        Some(context) => Handle::new("mail", format_args!("{context}/{address}")),
        None => Handle::new("mail", format_args!("*/{address}")),
    }
}

/// Claim: a display name, which OX compares without case and outer blanks when it makes a user's folder.
pub fn display(context: ContextId, name: &str) -> Handle {
    Handle::new("display", format_args!("{context}/{}", name.trim().to_lowercase()))
}

/// The lane of user writes: OX lets only one at a time into a context and makes a second one sleep.
pub fn user_lane(context: ContextId) -> Handle {
    Handle::new("lane", format_args!("user/{context}"))
}

/// The lane of copies between two contexts, in either direction.
pub fn copy_lane(from: ContextId, to: ContextId) -> Handle {
    Handle::new("lane", format_args!("copy/{}/{}", from.min(to), from.max(to)))
}
