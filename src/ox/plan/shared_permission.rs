//! Permissions on shared accounts: no calls of their own; the accounts that use them read the face.

use super::{OxPlan, OxState, PermissionFace, Planned, Rejection, Scope};
use crate::ox::model::SharedRole;
use crate::udm::Properties;

/// The capabilities that a permission can grant.
pub(super) const CAPABILITIES: [&str; 6] =
    ["sendAs", "sendOnBehalf", "snippets", "writeSnippets", "manageSieve", "writeJSlob"];

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    if let Some(desired) = scope.input.desired {
        read(desired)?;
    }
    Ok(OxPlan::from(OxState::Nothing))
}

/// What a permission grants.
pub(super) fn read(permission: &Properties) -> Result<PermissionFace, Rejection> {
    let mut face = PermissionFace {
        mail: role(permission, "mail")?,
        calendar: role(permission, "calendar")?,
        ..PermissionFace::default()
    };
    for capability in CAPABILITIES {
        if permission.flag(capability)? {
            face.capabilities.insert(capability.to_owned());
        }
    }
    Ok(face)
}

fn role(permission: &Properties, property: &str) -> Result<SharedRole, Rejection> {
    let Some(text) = permission.text(property)? else { return Ok(SharedRole::None) };
    text.parse().map_err(|_| {
        Rejection::invalid(format!(
            "property '{property}' must be none, viewer, editor or author: correct it in the directory"
        ))
    })
}
