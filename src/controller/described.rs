//! Contexts and access profiles that are described by custom resources.

use crate::engine::Target;
use crate::state::{HeldFilter, NewTask, ParkedFilter, StateError, Store, Task};
use crate::udm::{Change, Event, ObjectId};

/// Journals described objects that are new or differ from what was applied, and profiles that are no longer described. A
/// context that is no longer described stays as it is. Returns how many.
pub(super) async fn describe<T: Target, S: Store>(
    target: &T,
    store: &S,
    objects: &[Event],
) -> Result<usize, StateError> {
    let mut events = Vec::new();
    for event in objects {
        let event = target.reduce(event.clone());
        let known = store.record(&event.object).await?;
        if known.is_none_or(|known| Some(&known.desired) != event.desired()) {
            events.push(event);
        }
    }
    for (object, kind, dn) in store.with_prefix("cr:oxaccessprofile/").await? {
        if let Ok(dn) = dn.parse()
            && !objects.iter().any(|event| event.object == object)
        {
            events.push(Event { object, kind, dn, change: Change::Deleted });
        }
    }
    let tasks: Vec<_> = events
        .into_iter()
        .map(|event| NewTask { task: Task::Event(event), origin: "custom resource".to_owned() })
        .collect();
    if !tasks.is_empty() {
        store.append(&tasks, None).await?;
    }
    Ok(tasks.len())
}

/// The identifier of a context that is described by a custom resource of this name.
pub(super) fn context_object(name: &str) -> Option<ObjectId> {
    ObjectId::new(&format!("cr:oxcontext/{name}"))
}

/// How far the removal of a described context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withdrawal {
    /// Nothing of it is in the target because of us.
    Done,
    /// It is queued, held back, or parked.
    Pending,
}

/// Asks for the removal of a described context, unless that was done before. It goes the way of every deletion.
pub(super) async fn withdraw<S: Store>(store: &S, name: &str) -> Result<Withdrawal, StateError> {
    let Some(object) = context_object(name) else { return Ok(Withdrawal::Done) };
    if store.oldest_task(&object).await?.is_some() {
        return Ok(Withdrawal::Pending);
    }
    let Some(record) = store.record(&object).await? else {
        // It may have failed before anything was made: then there is nothing to wait for.
        store.drop_parked(&ParkedFilter::Object(object), "custom resource").await?;
        return Ok(Withdrawal::Done);
    };
    let waits = !store.held(&HeldFilter::Object(object.clone())).await?.is_empty()
        || store.parked(&ParkedFilter::Object(object.clone())).await?.iter().any(|row| {
            // A failure of another kind must not keep the context for ever.
            row.task.as_ref().is_some_and(Task::removes)
        })
        || store.kept().await?.iter().any(|row| row.object == object);
    if !waits {
        let event = Event { object, kind: record.kind, dn: record.dn, change: Change::Deleted };
        store.append(&[NewTask { task: Task::Event(event), origin: "custom resource".to_owned() }], None).await?;
    }
    Ok(Withdrawal::Pending)
}
