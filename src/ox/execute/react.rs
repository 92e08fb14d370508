//! What a refused call means for the plan.

use super::{Executor, Planned, Vault};
use crate::ox::attribute::Attribute;
use crate::ox::model::{Call, ContextId, Fact, FieldValue, Query, UserFields, UserId, UserRef};
use crate::ox::soap::{Category, OxFault};

/// What a refused call means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// It taught something: plan again with it.
    Learn(Fact),
    /// Ask this, then plan again.
    Ask(Query),
    /// It counts as done.
    Done,
    /// It is a failure.
    Fail,
}

/// Whether the thing that a call was about does not exist.
pub(super) fn is_gone(fault: &OxFault) -> bool {
    use Category::{Gone, GroupGone, ResourceGone, UserGone};
    matches!(fault.category(), Gone | UserGone | GroupGone | ResourceGone)
}

fn is_taken(fault: &OxFault) -> bool {
    use Category::{Exists, GroupExists, ResourceExists, UserExists};
    matches!(fault.category(), Exists | UserExists | GroupExists | ResourceExists)
}

impl<V: Vault> Executor<V> {
    /// Decides what a refused call means for the plan.
    pub fn react(call: &Call, fault: &OxFault, planned: Planned) -> Response {
        react(call, fault, planned)
    }
}

fn react(call: &Call, fault: &OxFault, planned: Planned) -> Response {
    match call {
        Call::ContextCreate { context, .. } if fault.category() == Category::ContextExists => {
            Response::Ask(Query::Context { context: *context })
        }
        Call::ContextChange { context, .. } if fault.category() == Category::ContextMissing => {
            Response::Learn(Fact::ContextGone { context: *context })
        }
        Call::ContextDelete { .. } if fault.category() == Category::ContextMissing => Response::Done,
        Call::UserCreate { context, fields, .. } => created_user(*context, fields, fault),
        Call::UserChange { context, user, .. }
        | Call::UserRights { context, user, .. }
        | Call::UserPersonal { context, user, .. } => changed_user(*context, *user, fault, planned),
        Call::UserDelete { .. } if fault.category() == Category::UserGone => Response::Done,
        Call::UserCopy { user, name, from, to } => match fault.category() {
            Category::UserExists => Response::Ask(Query::UserNamed { context: *to, name: name.clone() }),
            Category::UserGone => Response::Learn(Fact::UserGone { context: *from, user: *user }),
            Category::ServiceMissing => Response::Learn(Fact::CopyUnavailable),
            _ => Response::Fail,
        },
        Call::GroupCreate { .. }
        | Call::GroupChange { .. }
        | Call::GroupAdd { .. }
        | Call::GroupRemove { .. }
        | Call::GroupDelete { .. } => moved_group(call, fault),
        Call::ResourceCreate { context, fields } if fault.category() == Category::ResourceExists => {
            Response::Ask(Query::ResourceNamed { context: *context, name: fields.name.clone() })
        }
        Call::ResourceChange { context, resource, .. } if fault.category() == Category::ResourceGone => {
            Response::Learn(Fact::ResourceGone { context: *context, resource: *resource })
        }
        Call::ResourceDelete { .. } if fault.category() == Category::ResourceGone => Response::Done,
        Call::AccountCreate { context, address, .. } if fault.category() == Category::AccountExists => {
            Response::Ask(Query::Accounts { context: *context, address: address.clone() })
        }
        Call::AccountUpdate { context, address, .. } if fault.category() == Category::Gone => {
            Response::Ask(Query::Accounts { context: *context, address: address.clone() })
        }
        // The accounts of a deleted user went with him.
        Call::AccountDelete { context, address, .. } if fault.category() == Category::UserGone => {
            match fault.missing_user() {
                Some(user) => Response::Learn(Fact::UserGone { context: *context, user }),
                None => Response::Ask(Query::Accounts { context: *context, address: address.clone() }),
            }
        }
        Call::SharedCreate { .. }
        | Call::SharedChange { .. }
        | Call::SharedDelete { .. }
        | Call::SharedConvert { .. }
        | Call::SharedPermissions { .. } => moved_shared(call, fault, planned),
        Call::DeputyGrant { context, grantor, .. }
        | Call::DeputyUpdate { context, grantor, .. }
        | Call::DeputyRevoke { context, grantor, .. } => deputy(*context, *grantor, fault, planned),
        Call::DeputyRevokeAll { .. } | Call::DeputyUnblock { .. } if is_gone(fault) => Response::Done,
        Call::DeputyBlock { context, grantor } => match resolved(*grantor, planned) {
            Some(user) if fault.missing_user() == Some(user) => {
                Response::Learn(Fact::UserGone { context: *context, user })
            }
            _ => Response::Fail,
        },
        _ => Response::Fail,
    }
}

fn resolved(user: UserRef, planned: Planned) -> Option<UserId> {
    match user {
        UserRef::Id(id) => Some(id),
        UserRef::Planned => planned.user,
    }
}

fn created_user(context: ContextId, fields: &UserFields, fault: &OxFault) -> Response {
    match (fault.category(), fields.get(&Attribute::NAME)) {
        (Category::UserExists, Some(FieldValue::Text(name))) => {
            Response::Ask(Query::UserNamed { context, name: name.clone() })
        }
        (Category::MailTaken, _) => Response::Learn(Fact::MailTaken { context }),
        _ => Response::Fail,
    }
}

fn changed_user(context: ContextId, user: UserRef, fault: &OxFault, planned: Planned) -> Response {
    let Some(user) = resolved(user, planned) else {
        return Response::Fail;
    };
    match fault.category() {
        Category::UserGone => Response::Learn(Fact::UserGone { context, user }),
        Category::QuotaFixed => Response::Learn(Fact::QuotaFixed { context }),
        Category::MailTaken => Response::Learn(Fact::MailTaken { context }),
        Category::SenderUnknown => Response::Learn(Fact::SenderUnknown { context, user }),
        _ => Response::Fail,
    }
}

fn moved_group(call: &Call, fault: &OxFault) -> Response {
    match (call, fault.category()) {
        (Call::GroupCreate { context, name, .. }, Category::GroupExists) => {
            Response::Ask(Query::GroupNamed { context: *context, name: name.clone() })
        }
        (Call::GroupDelete { .. }, Category::GroupGone) => Response::Done,
        (
            Call::GroupChange { context, group, .. }
            | Call::GroupAdd { context, group, .. }
            | Call::GroupRemove { context, group, .. },
            Category::GroupGone,
        ) => Response::Learn(Fact::GroupGone { context: *context, group: *group }),
        (
            Call::GroupAdd { context, group, .. } | Call::GroupRemove { context, group, .. },
            Category::MemberExists | Category::UserGone,
        ) => Response::Learn(Fact::MembersDiffer { context: *context, group: *group }),
        _ => Response::Fail,
    }
}

fn moved_shared(call: &Call, fault: &OxFault, planned: Planned) -> Response {
    match call {
        Call::SharedCreate { context, fields } if is_taken(fault) => {
            Response::Ask(Query::SharedNamed { context: *context, name: fields.name.clone() })
        }
        Call::SharedDelete { .. } if is_gone(fault) => Response::Done,
        Call::SharedChange { context, account, .. } if is_gone(fault) => {
            Response::Learn(Fact::SharedGone { context: *context, account: *account })
        }
        Call::SharedConvert { context, user } if is_gone(fault) => {
            Response::Learn(Fact::UserGone { context: *context, user: *user })
        }
        // "No such user" or "no such group" is then about a member.
        Call::SharedPermissions { context, account, .. } if fault.category() == Category::Gone => {
            match account.or(planned.shared) {
                Some(account) => Response::Learn(Fact::SharedGone { context: *context, account }),
                None => Response::Fail,
            }
        }
        _ => Response::Fail,
    }
}

fn deputy(context: ContextId, grantor: UserRef, fault: &OxFault, planned: Planned) -> Response {
    let Some(grantor) = resolved(grantor, planned) else {
        return Response::Fail;
    };
    match fault.category() {
        Category::UserGone if fault.missing_user() == Some(grantor) => {
            Response::Learn(Fact::UserGone { context, user: grantor })
        }
        // The grant is there already, or no longer there: somebody else changed it.
        Category::Exists | Category::Gone => Response::Ask(Query::Deputies { context, grantor }),
        _ => Response::Fail,
    }
}
