//! What a change of settings would do, read from the audit trail of a dry run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::state::{AuditRow, ParkedFilter, StateError, Store};
use crate::udm::{ObjectId, ObjectType};

/// How many objects are named.
const NAMED: usize = 20;
/// How many different texts are listed.
const TEXTS: usize = 20;
/// How many rows are read at once.
const PAGE: u32 = 500;

/// What a change of settings would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// How the changed settings are called.
    pub revision: String,
    /// Objects, of all types.
    #[serde(flatten)]
    pub total: Reach,
    /// The same by type.
    pub types: BTreeMap<String, Reach>,
    /// How many calls would be made, by name.
    pub calls: BTreeMap<String, u64>,
    /// How many objects would get another value, by attribute.
    pub attributes: BTreeMap<String, u64>,
    /// How many objects would bring about a warning, by its text; the first few texts.
    pub warnings: BTreeMap<String, u64>,
    /// How many objects would be parked, by cause; the first few causes.
    pub refusals: BTreeMap<String, u64>,
    /// The first objects that would change.
    pub first: Vec<Reached>,
}

/// How many objects a change would reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// Objects that would be planned again.
    pub examined: u64,
    /// Of these, objects for which a call would be made.
    pub changed: u64,
    /// Objects that would be parked and are not parked now.
    pub refused: u64,
}

/// An object that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// Which object.
    pub object: ObjectId,
    /// Its type.
    pub kind: ObjectType,
    /// Names of the calls.
    pub calls: Vec<String>,
    /// Names of the attributes.
    pub attributes: Vec<String>,
}

impl Impact {
    /// Reads the audit trail of a dry run page by page. `former` is the state that it began with.
    pub async fn read<S: Store>(revision: String, dry_run: &S, former: &S) -> Result<Self, StateError> {
        let mut impact = Self { revision, ..Self::default() };
        let mut position: Option<(ObjectId, i64)> = None;
        let mut rows: Vec<AuditRow> = Vec::new();
        loop {
            let page = dry_run.audit_by_object(position.as_ref(), PAGE).await?;
            let last = page.last().map(|(id, row)| (row.object.clone(), *id));
            for (_, row) in page {
                if rows.first().is_some_and(|first| first.object != row.object) {
                    impact.count(&rows, former).await?;
                    rows.clear();
                }
                rows.push(row);
            }
            match last {
                Some(last) => position = Some(last),
                None => break,
            }
        }
        impact.count(&rows, former).await?;
        Ok(impact)
    }

    /// Adds one object, of which these are all rows.
    async fn count<S: Store>(&mut self, rows: &[AuditRow], former: &S) -> Result<(), StateError> {
        let Some(last) = rows.last() else { return Ok(()) };
        let refused =
            last.outcome == "Parked" && former.parked(&ParkedFilter::Object(last.object.clone())).await?.is_empty();
        let calls: Vec<_> = rows.iter().flat_map(|row| row.calls.iter().cloned()).collect();
        let attributes: BTreeSet<_> = rows.iter().flat_map(|row| row.attributes.iter()).collect();
        let notes: BTreeSet<_> = rows.iter().flat_map(|row| row.notes.iter()).collect();
        for reach in [&mut self.total, self.types.entry(last.kind.to_string()).or_default()] {
            reach.examined += 1;
            reach.changed += u64::from(!calls.is_empty());
            reach.refused += u64::from(refused);
        }
        for name in &calls {
            *self.calls.entry(name.clone()).or_default() += 1;
        }
        if !calls.is_empty() {
            for name in &attributes {
                *self.attributes.entry((*name).clone()).or_default() += 1;
            }
            if self.first.len() < NAMED {
                let attributes = attributes.into_iter().cloned().collect();
                self.first.push(Reached { object: last.object.clone(), kind: last.kind, calls, attributes });
            }
        }
        match last.outcome.as_str() {
            "Parked" if !refused => {}
            "Parked" => notes.into_iter().for_each(|note| add(&mut self.refusals, note)),
            "Skipped" => {}
            _ => notes.into_iter().for_each(|note| add(&mut self.warnings, note)),
        }
        Ok(())
    }
}

/// Counts a text, unless there are too many different ones already.
fn add(texts: &mut BTreeMap<String, u64>, text: &str) {
    if let Some(count) = texts.get_mut(text) {
        *count += 1;
    } else if texts.len() < TEXTS {
        texts.insert(text.to_owned(), 1);
    }
}
