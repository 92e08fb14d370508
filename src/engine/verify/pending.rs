//! Corrections of objects of which several sections hold a part: they are written as one, when all sections are known.

use std::collections::BTreeMap;

use crate::state::{Correction, Record, StateError, Store};
use crate::udm::ObjectId;

use super::Verification;

/// Corrections by object, with the positions of the sections that found something.
#[derive(Default)]
pub(super) struct Pending(BTreeMap<ObjectId, (Correction, Vec<usize>)>);

impl Pending {
    /// What the record will be, as far as is known.
    pub(super) fn after(&self, object: &ObjectId) -> Option<&Record> {
        self.0.get(object).map(|(correction, _)| &correction.after)
    }

    pub(super) fn add(&mut self, correction: Correction, section: usize) {
        let Correction { before, after } = correction;
        let object = before.object.clone();
        let (known, sections) =
            self.0.entry(object).or_insert_with(|| (Correction { before, after: after.clone() }, Vec::new()));
        known.after = after;
        sections.push(section);
    }

    /// Writes them all. What changed meanwhile is counted as not settled.
    pub(super) async fn write<S: Store>(
        self,
        store: &S,
        origin: &str,
        report: &mut Verification,
    ) -> Result<(), StateError> {
        for (correction, sections) in self.0.into_values() {
            let written = store.correct(std::slice::from_ref(&correction), origin).await?;
            for section in sections {
                match report.sections.get_mut(section) {
                    Some(section) if written > 0 => section.queued += 1,
                    Some(section) => section.unsettled += 1,
                    None => {}
                }
            }
        }
        Ok(())
    }
}
