//! Permissions on resources: checked, never read back.

use std::collections::BTreeSet;

use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::Record;
use crate::simulator::ox::world::Context;

/// Checks the permissions of a request.
pub fn check(context: &Context, sent: &Record) -> Result<(), Fault> {
    let permissions: Vec<&Record> = sent.objects("permissions").collect();
    if permissions.is_empty() {
        return Ok(());
    }
    let mut seen = BTreeSet::new();
    let mut privileges = Vec::new();
    for permission in &permissions {
        let entity = permission.number("entity").ok_or_else(|| Fault::invalid("Permission without entity found."))?;
        let group = permission.flag("group").ok_or_else(|| Fault::invalid("Permission without group flag found."))?;
        let Some(privilege) = permission.filled("privilege") else {
            return Err(Fault::invalid(format!("Missing permission privilege for entity {entity}.")));
        };
        if !seen.insert((group, entity)) {
            return Err(Fault::invalid(format!("Duplicate permission entity {entity}.")));
        }
        check_entity(context, entity, group)?;
        let lower = privilege.to_lowercase();
        if !["none", "ask_to_book", "book_directly", "delegate"].contains(&lower.as_str()) {
            return Err(Fault::invalid(format!("Invalid permission privilege {privilege} for entity {entity}.")));
        }
        privileges.push((entity, group, lower));
    }
    let has = |wanted: &str| privileges.iter().any(|(_, _, privilege)| privilege == wanted);
    if has("ask_to_book") && !has("delegate") {
        return Err(Fault::invalid("Permission ASK_TO_BOOK without DELEGATE found."));
    }
    // The shipped server reads `com.openexchange.resource.simplePermissionMode` without a default: everything but the
    // standard permission ends here.
    match privileges.as_slice() {
        [(0, true, privilege)] if privilege == "book_directly" => Ok(()),
        _ => Err(Fault::bare("Cannot invoke \"java.lang.Boolean.booleanValue()\" because \"b\" is null")),
    }
}

fn check_entity(context: &Context, entity: i64, group: bool) -> Result<(), Fault> {
    if group && entity != 0 && context.groups.get(entity).is_none() {
        return Err(Fault::invalid(format!("Group with id {entity} not found.")));
    }
    if !group && context.users.guests().contains_key(&entity) {
        return Err(Fault::invalid(format!("User {entity} is a guest user.")));
    }
    if !group && context.users.get(entity).is_none() {
        return Err(Fault::invalid(format!("User with id {entity} not found.")));
    }
    Ok(())
}
