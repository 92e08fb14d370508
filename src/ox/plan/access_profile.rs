//! Access profiles: no calls of their own; their users take their rights from the face.

use super::{OxPlan, OxState, Planned, Scope, required};
use crate::ox::rights::{Flag, Rights};
use crate::udm::{Properties, PropertyError};

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    let mut plan = OxPlan::from(OxState::Nothing);
    if let Some(desired) = scope.input.desired {
        required(desired, "name")?;
        let rights = rights(desired)?;
        let excluded = [Flag::EditPublicFolders, Flag::ReadCreateSharedFolders, Flag::WebdavXml, Flag::DelegateTask];
        if rights.has(Flag::GlobalAddressBookDisabled) && excluded.iter().any(|flag| rights.has(*flag)) {
            plan.warn(
                "OX refuses users with 'globaladdressbookdisabled' together with 'editpublicfolders', \
                 'readcreatesharedfolders', 'webdavxml' or 'delegatetask': take one side out of this profile",
            );
        }
    }
    Ok(plan)
}

/// The rights that a profile grants.
pub(super) fn rights(profile: &Properties) -> Result<Rights, PropertyError> {
    let mut rights = Rights::NONE;
    for flag in Flag::all() {
        if let Some(property) = flag.udm_name()
            && profile.flag(property)?
        {
            rights = rights.with(flag);
        }
    }
    Ok(rights)
}
