//! Shared accounts and the permissions on them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    ContextId, GroupFace, OxPlan, OxState, PermissionFace, Planned, Rejection, Scope, UserFace, conflict,
    context_number, handles, required,
};
use crate::ox::mapping::{check_address, check_length};
use crate::ox::model::{Call, Fact, GroupId, Query, SharedAccountFields, SharedAccountId, SharedPermission, UserId};
use crate::ox::state::{SharedState, UserState};
use crate::state::Handle;
use crate::udm::{ObjectId, ObjectType, Properties};

pub(super) fn plan(scope: Scope<'_>) -> Planned<OxPlan> {
    if !scope.settings.features.shared_accounts.is_on() {
        return Ok(OxPlan::skipped(scope.input.state.clone(), "shared accounts are switched off"));
    }
    let Some(desired) = scope.input.desired else {
        return match scope.input.state {
            OxState::User(_) => super::user::plan(scope), // it was to be converted, but never was
            _ => Ok(remove(held(scope))),
        };
    };
    let context = context_number(desired, "oxContext")?
        .ok_or_else(|| Rejection::invalid("property 'oxContext' is empty: set it in the directory"))?;
    scope.context(context)?;
    let fields = fields(scope, desired)?;
    let permissions = permissions(scope, desired)?;

    let mut plan = OxPlan::default();
    let held = match (held(scope), scope.input.state) {
        (Some(held), _) => Some(held),
        (None, OxState::User(user)) if is_there(scope, user) => {
            if user.context != context {
                return Err(in_place_only().into());
            }
            plan.base = scope.input.state.clone();
            plan.calls.push(Call::SharedConvert { context, user: user.id });
            plan.changes(["kind"]);
            let id = SharedAccountId(user.id.0);
            Some(SharedState { context, id, fields: None, permissions: None })
        }
        _ => taken(scope, context, &fields.name)?,
    };
    let Some(held) = held else {
        let question = Query::SharedNamed { context, name: fields.name.clone() };
        scope.prepare(handles::shared_name(context, &fields.name), question)?;
        plan.calls.push(Call::SharedCreate { context, fields });
        plan.changes(["name", "displayName", "email"]);
        if !permissions.is_empty() {
            plan.calls.push(Call::SharedPermissions { context, account: None, permissions });
            plan.changes(["permissions"]);
        }
        return Ok(plan);
    };
    if held.context != context {
        return Err(in_place_only().into());
    }
    let account = held.id;
    if held.fields.as_ref() != Some(&fields) {
        plan.calls.push(Call::SharedChange { context, account, fields });
        plan.changes(["name", "displayName", "email"]);
    }
    let permissions = if permissions.is_empty() && !is_unrestricted(held.permissions.as_deref()) {
        vec![nobody(context)]
    } else {
        permissions
    };
    let same = held.permissions.as_ref().is_some_and(|held| *held == permissions);
    if !same {
        plan.calls.push(Call::SharedPermissions { context, account: Some(account), permissions });
        plan.changes(["permissions"]);
    }
    if plan.base == OxState::Nothing {
        plan.base = OxState::Shared(held);
    }
    Ok(plan)
}

/// Whether no permissions were ever given, so that there are none to take back.
fn is_unrestricted(held: Option<&[SharedPermission]>) -> bool {
    held.is_some_and(<[_]>::is_empty)
}

/// The permission of nobody to do nothing: OX takes it as "no permissions at all".
fn nobody(context: ContextId) -> SharedPermission {
    let PermissionFace { mail, calendar, capabilities } = PermissionFace::default();
    SharedPermission { context, mail, calendar, capabilities, users: BTreeSet::new(), groups: BTreeSet::new() }
}

fn in_place_only() -> Rejection {
    Rejection::invalid(
        "property 'oxContext' of a shared account cannot be changed: change it back, or make a new account",
    )
}

/// Whether the user that is to be converted still exists.
fn is_there(scope: Scope<'_>, user: &UserState) -> bool {
    let (context, user) = (user.context, user.id);
    !scope.facts().any(|fact| *fact == Fact::UserGone { context, user } || *fact == Fact::ContextGone { context })
}

/// What OX holds, corrected by what was learned.
fn held(scope: Scope<'_>) -> Option<SharedState> {
    let OxState::Shared(held) = scope.input.state else { return None };
    let (context, account) = (held.context, held.id);
    let gone = scope
        .facts()
        .any(|fact| *fact == Fact::SharedGone { context, account } || *fact == Fact::ContextGone { context });
    (!gone).then(|| held.clone())
}

fn fields(scope: Scope<'_>, desired: &Properties) -> Planned<SharedAccountFields> {
    let settings = scope.settings;
    let identifier = &settings.identifiers.shared_account;
    let name = identifier.name(scope.input.object, desired)?.ok_or_else(|| {
        Rejection::invalid(format!(
            "property '{identifier}' is empty, but it names the account in OX: set it in the directory"
        ))
    })?;
    check_length("name", identifier.property(), &name, 128)?;
    let display_name = required(desired, "displayName")?;
    check_length("display_name", "displayName", &display_name, 320)?;
    let mail = required(desired, "mailPrimaryAddress")?;
    check_address("mailPrimaryAddress", &mail)?;
    Ok(SharedAccountFields {
        name,
        display_name,
        mail,
        language: settings.language.clone(),
        timezone: settings.timezone.clone(),
        imap: settings.imap.clone(),
        smtp: settings.smtp.clone(),
    })
}

/// Who may do what. Members that are not in OX (yet) and permissions that are not known (yet) come later.
fn permissions(scope: Scope<'_>, desired: &Properties) -> Planned<Vec<SharedPermission>> {
    let mut lookups = scope.lookups();
    let mut granted: BTreeMap<(ContextId, PermissionFace), (BTreeSet<UserId>, BTreeSet<GroupId>)> = BTreeMap::new();
    for (member, permission) in pairs(desired, "users")?.into_iter().chain(pairs(desired, "groups")?) {
        let permission = lookups
            .face(Handle::object(&permission))
            .filter(|found| found.kind == ObjectType::SharedAccountPermission)
            .map(|found| PermissionFace::read(&found.face));
        let member = lookups.face(Handle::object(&member));
        let (Some(permission), Some(member)) = (permission, member) else { continue };
        match member.kind {
            ObjectType::User => {
                if let Some(user) = UserFace::read(&member.face) {
                    granted.entry((user.context, permission)).or_default().0.insert(user.id);
                }
            }
            ObjectType::Group => {
                for (context, group) in GroupFace::read(&member.face).0 {
                    granted.entry((context, permission.clone())).or_default().1.insert(group);
                }
            }
            _ => {}
        }
    }
    lookups.finish()?;
    Ok(granted
        .into_iter()
        .map(|((context, permission), (users, groups))| {
            let PermissionFace { mail, calendar, capabilities } = permission;
            SharedPermission { context, mail, calendar, capabilities, users, groups }
        })
        .collect())
}

/// Pairs of member and permission, as rows of two or, as the directory stores them, `member with permission`.
pub(super) fn pairs(desired: &Properties, property: &str) -> Result<Vec<(ObjectId, ObjectId)>, Rejection> {
    let error = || {
        Rejection::invalid(format!(
            "property '{property}' must be a list of pairs of member and permission: correct it in the directory"
        ))
    };
    let Some(value) = desired.raw(property) else { return Ok(Vec::new()) };
    let rows = value.as_array().ok_or_else(error)?;
    rows.iter()
        .map(|row| {
            let (member, permission) = match row {
                Value::Array(cells) => match cells.as_slice() {
                    [Value::String(member), Value::String(permission)] => (member.as_str(), permission.as_str()),
                    _ => return Err(error()),
                },
                Value::String(text) => text.split_once(" with ").ok_or_else(error)?,
                _ => return Err(error()),
            };
            ObjectId::new(member).zip(ObjectId::new(permission)).ok_or_else(error)
        })
        .collect()
}

/// The account of this name, if OX said that there is one. It is taken over unless it belongs to another object.
fn taken(scope: Scope<'_>, context: ContextId, name: &str) -> Planned<Option<SharedState>> {
    let found = scope.facts().rev().find_map(|fact| match fact {
        Fact::SharedNamed { context: c, name: n, found } if *c == context && n == name => Some(*found),
        _ => None,
    });
    let Some(id) = found.flatten() else { return Ok(None) };
    if scope.facts().any(|fact| *fact == Fact::SharedGone { context, account: id }) {
        return Ok(None);
    }
    let handle = handles::shared(context, id);
    if scope.belongs_to_another(handle.clone())? {
        return Err(conflict(
            format!("the name of this account is already used in OX context {context} by another object: change it"),
            vec![handle],
        )
        .into());
    }
    let recorded = matches!(scope.input.state, OxState::Shared(held) if (held.context, held.id) == (context, id));
    let property = scope.settings.identifiers.shared_account.property();
    scope.may_adopt(&handles::shared_name(context, name), recorded.into(), property)?;
    Ok(Some(SharedState { context, id, fields: None, permissions: None }))
}

fn remove(held: Option<SharedState>) -> OxPlan {
    let Some(held) = held else { return OxPlan::default() };
    let name = held.fields.as_ref().map(|fields| fields.name.clone()).unwrap_or_default();
    let call = Call::SharedDelete { context: held.context, account: held.id, name };
    OxPlan { base: OxState::Shared(held), calls: vec![call], ..OxPlan::default() }
}
