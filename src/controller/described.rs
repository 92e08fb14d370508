//! Contexts and access profiles that are described by custom resources.

use crate::engine::Target;
use crate::state::{NewTask, StateError, Store, Task};
use crate::udm::{Change, Event};

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
