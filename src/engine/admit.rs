//! Intake of the schedule: which tasks of the journal are looked at ahead.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use crate::state::{Footprint, JournalEntry, ParkedFilter, Seq, StateError, Store, Task, TaskSort};
use crate::udm::ObjectId;

use super::schedule::{Begun, Keys, Urgency};
use super::session::Session;
use super::target::Target;

/// How many entries are read at once.
const CHUNK: u32 = 200;
/// Routine tasks may fill this part of the window, so that fresh ones always find room.
const ROUTINE_SHARE: usize = 4;
/// So many times the window may be admitted as a whole, when lanes stand still with more than their share.
const MOST: usize = 4;

/// Up to where the journal was admitted.
#[derive(Debug)]
pub(super) struct Admitted {
    events: Queue,
    replans: Queue,
}

/// Up to where the tasks of one sort were admitted.
#[derive(Debug)]
struct Queue {
    sort: TaskSort,
    last: Seq,
    /// Whether there may be more.
    more: bool,
}

impl Default for Admitted {
    fn default() -> Self {
        let queue = |sort| Queue { sort, last: Seq(0), more: true };
        Self { events: queue(TaskSort::Event), replans: queue(TaskSort::Replan) }
    }
}

impl Admitted {
    /// Whether the journal may hold more than was admitted.
    pub(super) fn is_behind(&self) -> bool {
        self.events.more || self.replans.more
    }

    fn queue(&mut self, urgency: Urgency) -> &mut Queue {
        match urgency {
            Urgency::Fresh => &mut self.events,
            Urgency::Routine => &mut self.replans,
        }
    }
}

impl<T: Target, S: Store> Session<T, S> {
    /// Admits new journal entries up to the window.
    pub(super) async fn look_at_journal(&mut self) {
        let wakes = self.wakes.load(Ordering::SeqCst);
        let result = async {
            self.halt_at_start().await?;
            self.replan_if_settings_changed().await?;
            self.admit().await?;
            if self.count_at <= Instant::now() || self.schedule.is_empty() {
                self.count().await?;
            }
            Ok(())
        };
        match result.await {
            Ok(()) => {
                self.seen_wakes = wakes;
                self.state_failure = None;
            }
            Err(error) => self.state_failed(&error),
        }
    }

    async fn replan_if_settings_changed(&mut self) -> Result<(), StateError> {
        let revision = self.target.revision();
        if self.revision.as_ref() != Some(&revision) {
            // Parked objects first: their failed task is newer than what is recorded of them and must not be lost to it.
            let parked = self.store.retry_parked(&ParkedFilter::All, &format!("settings {revision}")).await?;
            let queued = parked + self.store.replan_outdated(&revision).await?;
            if queued > 0 {
                tracing::info!(
                    queued,
                    revision,
                    "settings are new or changed: planning known and parked objects again"
                );
            }
            self.revision = Some(revision);
        }
        Ok(())
    }

    /// Whether the window has room again for what the journal holds.
    pub(super) fn wants_more(&self) -> bool {
        let half_empty = |urgency| self.room(urgency) > self.share(urgency) / 2;
        self.halted.is_none()
            && (self.admitted.events.more && half_empty(Urgency::Fresh)
                || self.admitted.replans.more && half_empty(Urgency::Routine))
    }

    fn share(&self, urgency: Urgency) -> usize {
        match urgency {
            Urgency::Fresh => self.options.window,
            Urgency::Routine => (self.options.window / ROUTINE_SHARE).max(1),
        }
    }

    /// How many more tasks may be admitted.
    fn room(&self, urgency: Urgency) -> usize {
        let taken = match urgency {
            Urgency::Fresh => self.schedule.load(),
            Urgency::Routine => self.schedule.routine(),
        };
        let most = (self.options.window * MOST).saturating_sub(self.schedule.len());
        self.share(urgency).saturating_sub(taken).min(most)
    }

    async fn admit(&mut self) -> Result<(), StateError> {
        for urgency in [Urgency::Fresh, Urgency::Routine] {
            self.admitted.queue(urgency).more = true;
            while self.halted.is_none() && self.room(urgency) > 0 {
                let queue = self.admitted.queue(urgency);
                let entries = self.store.journal_after(queue.last, queue.sort, CHUNK).await?;
                let Some(last) = entries.last() else {
                    queue.more = false;
                    break;
                };
                let last = last.seq;
                let objects: Vec<_> = entries.iter().map(|entry| entry.task.object().clone()).collect();
                let recorded = self.store.footprints(&objects).await?;
                for entry in &entries {
                    self.admit_one(entry, &recorded, urgency);
                }
                self.admitted.queue(urgency).last = last;
            }
        }
        Ok(())
    }

    fn admit_one(&mut self, entry: &JournalEntry, recorded: &HashMap<ObjectId, Footprint>, urgency: Urgency) {
        let object = entry.task.object();
        let after = match &entry.task {
            Task::Event(event) => {
                let state = T::State::default();
                Some(self.target.footprint(object, event.kind, &event.dn, event.desired(), &state))
            }
            // An event that has not started sees everything that a replan would.
            Task::Replan { .. } if self.schedule.has_waiting(object) => {
                self.absorbed(entry.seq, object.clone());
                return;
            }
            Task::Replan { .. } => None,
        };
        let mut keys = Keys::new(object, recorded.get(object).into_iter().chain(&after));
        if let Some((_, pending)) = self.claimed.remove(object) {
            // A task may be absorbed or fail, and then an earlier one decides which names the object still holds.
            keys = keys.with(&pending);
        }
        let names = keys.clone().names();
        let begun = if entry.received_at <= self.started_at { Begun::Perhaps } else { Begun::Never };
        if let Some(earlier) = self.schedule.admit(entry.seq, object, keys, begun, urgency) {
            self.absorbed(earlier, object.clone());
        }
        self.claimed.insert(object.clone(), (entry.seq, names));
    }
}
