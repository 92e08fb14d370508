//! What handles led to lately: most tasks ask for the same few objects, their context and their access profile.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::state::{Found, Handle, Outcome};

/// Questions for more handles than this come from groups and the like, whose members nobody else asks for.
const FEW: usize = 16;
/// How many handles are kept.
const MOST: usize = 1_024;

/// A memory of handles that only this process writes. What a commit changes is forgotten before the tasks that wait for
/// it may start.
#[derive(Debug, Default)]
pub(super) struct Faces(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    found: HashMap<Handle, Option<Found>>,
    commits: Moment,
}

/// The number of commits before a question.
pub(super) type Moment = u64;

impl Faces {
    /// The answer if all of it is known; else the moment of the question.
    pub(super) fn get(&self, handles: &[Handle]) -> Result<Vec<Found>, Moment> {
        let inner = self.inner();
        if handles.len() > FEW {
            return Err(inner.commits);
        }
        let known = handles.iter().map(|handle| inner.found.get(handle).ok_or(inner.commits));
        Ok(known.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().cloned().collect())
    }

    /// Keeps what the store answered, unless it may be outdated already.
    pub(super) fn keep(&self, asked: Moment, handles: &[Handle], found: &[Found]) {
        let mut inner = self.inner();
        if handles.len() > FEW || inner.commits != asked {
            return;
        }
        if inner.found.len() + handles.len() > MOST {
            inner.found.clear();
        }
        for handle in handles {
            let answer = found.iter().find(|found| found.handle == *handle).cloned();
            inner.found.insert(handle.clone(), answer);
        }
    }

    /// Forgets whatever a commit may have changed.
    pub(super) fn forget(&self, outcomes: &[Outcome]) {
        let objects: HashSet<_> = outcomes.iter().map(|outcome| &outcome.object).collect();
        let mut inner = self.inner();
        inner.commits += 1;
        inner.found.retain(|_, found| found.as_ref().is_none_or(|found| !objects.contains(&found.object)));
        for handle in outcomes.iter().flat_map(Outcome::handles) {
            inner.found.remove(handle);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut inner = self.inner();
        inner.commits += 1;
        inner.found.clear();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
