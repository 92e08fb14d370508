//! `errorPolicy: Stop`: a faulty object halts everything until it is corrected, deleted or dropped.
//!
//! What is already under way comes to its end. Then only tasks of the faulty object run, whatever stands before them: its
//! correction stands behind everything that waits for it.

use crate::state::{Outcome, ParkedFilter, ParkedRow, StateError, Store, Verdict};

use super::run::OnError;
use super::session::Session;
use super::status::HaltStatus;
use super::target::Target;

/// Objects that only wait for another one are no fault: what they wait for may be the next task.
const HARMLESS: [&str; 2] = ["Waiting", "Dependency"];

fn halt_for(row: &ParkedRow) -> Option<HaltStatus> {
    let faulty = !HARMLESS.contains(&row.category.as_str());
    faulty.then(|| HaltStatus {
        object: row.object.clone(),
        kind: row.kind,
        category: row.category.clone(),
        cause: row.cause.clone(),
    })
}

impl<T: Target, S: Store> Session<T, S> {
    /// An engine that starts with a faulty object stays halted.
    pub(super) async fn halt_at_start(&mut self) -> Result<(), StateError> {
        if self.options.on_error == OnError::Halt && self.revision.is_none() {
            self.halted = self.store.parked(&ParkedFilter::All).await?.iter().find_map(halt_for);
        }
        Ok(())
    }

    /// Looks whether a task that ended halts everything, or lets everything go on.
    pub(super) fn halt_or_resume(&mut self, outcome: &Outcome) {
        if self.options.on_error == OnError::Continue {
            return;
        }
        let concerned = self.halted.as_ref().is_some_and(|halt| halt.object == outcome.object);
        let halt = match &outcome.verdict {
            Verdict::Parked(row) => halt_for(row),
            Verdict::Absorbed | Verdict::Unfinished => return,
            _ => None,
        };
        if halt.is_some() && self.halted.is_none() {
            tracing::error!(object = %outcome.object, "everything waits until this object is corrected or dropped");
        }
        if concerned || self.halted.is_none() {
            self.halted = halt;
        }
    }

    /// Starts the next task of the object for which everything waits.
    pub(super) async fn start_halted(&mut self) {
        let Some(halt) = &self.halted else { return };
        if self.schedule.running() > 0 || self.is_writing() || self.forced.is_some() {
            return;
        }
        match self.store.oldest_task(&halt.object).await {
            // One that is not admitted yet runs beside the schedule, which nobody else uses meanwhile.
            Ok(Some(seq)) if self.rests(seq) => {}
            Ok(Some(seq)) => {
                self.schedule.force(seq);
                self.forced = Some(seq);
                self.start_task(seq);
            }
            Ok(None) => {}
            Err(error) => self.state_failed(&error),
        }
    }

    /// Goes on if an administrator dropped the faulty object.
    pub(super) async fn end_halt_if_dropped(&mut self) {
        let Some(halt) = &self.halted else { return };
        match self.store.parked(&ParkedFilter::Object(halt.object.clone())).await {
            Ok(rows) if rows.is_empty() && !self.is_writing() && self.forced.is_none() => {
                tracing::info!(object = %halt.object, "the faulty object was dropped: everything goes on");
                self.halted = None;
            }
            Ok(_) => {}
            Err(error) => self.state_failed(&error),
        }
    }
}
