//! Capabilities of users and contexts.

use std::collections::BTreeMap;

use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::Record;
use crate::simulator::ox::schema::RIGHTS;

/// What a `changeCapabilities` asks for.
pub struct Change {
    add: Vec<String>,
    remove: Vec<String>,
    drop: Vec<String>,
}

impl Change {
    /// The comma lists of a request.
    pub fn of(body: &Record) -> Result<Self, Fault> {
        let list = |name| {
            let text = body.text(name).unwrap_or_default();
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_lowercase).collect::<Vec<_>>()
        };
        let change = Self { add: list("capsToAdd"), remove: list("capsToRemove"), drop: list("capsToDrop") };
        if change.add.is_empty() && change.remove.is_empty() && change.drop.is_empty() {
            return Err(Fault::invalid("No capabilities specified."));
        }
        Ok(change)
    }

    /// Refuses names of module rights.
    pub fn check(&self) -> Result<(), Fault> {
        let is_right = |name: &&String| RIGHTS.iter().any(|right| right.eq_ignore_ascii_case(name));
        let conflict: Vec<&str> = self.add.iter().chain(&self.remove).filter(is_right).map(String::as_str).collect();
        if conflict.is_empty() {
            return Ok(());
        }
        Err(Fault::invalid(format!(
            "PERM-0002 Categories=USER_INPUT Message='The capabilities '{}' are in conflict with permissions! \
             Permissions must not be defined as capabilities.' exceptionID=#",
            conflict.join(", ")
        )))
    }

    /// Does it.
    pub fn apply(&self, capabilities: &mut BTreeMap<String, bool>) {
        for name in &self.drop {
            capabilities.remove(name);
        }
        capabilities.extend(self.add.iter().map(|name| (name.clone(), true)));
        capabilities.extend(self.remove.iter().map(|name| (name.clone(), false)));
    }
}

/// The text that lists them; `None` without any.
pub fn text(capabilities: &BTreeMap<String, bool>) -> Option<String> {
    let mut names: Vec<String> =
        capabilities.iter().map(|(name, granted)| if *granted { name.clone() } else { format!("-{name}") }).collect();
    names.sort();
    (!names.is_empty()).then(|| names.join(", "))
}
