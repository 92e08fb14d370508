//! From a source into the journal.

use std::sync::Arc;

use crate::engine::{EngineHandle, Target};
use crate::source::{Sink, SinkError, directory};
use crate::state::{NewTask, Store, Task};
use crate::udm::{Event, ObjectId};

/// Reduces events to what planning needs and appends them to the journal of a connector.
pub struct JournalSink<T, S> {
    target: Arc<T>,
    store: Arc<S>,
    engine: EngineHandle,
}

impl<T: Target, S: Store> JournalSink<T, S> {
    /// A sink for the journal of this engine.
    pub fn new(target: Arc<T>, store: Arc<S>, engine: EngineHandle) -> Self {
        Self { target, store, engine }
    }
}

impl<T: Target, S: Store> Sink for JournalSink<T, S> {
    async fn append(&self, events: Vec<(String, Event)>, source: &str, cursor: &str) -> Result<(), SinkError> {
        let tasks: Vec<_> = events
            .into_iter()
            .map(|(origin, event)| NewTask { task: Task::Event(self.target.reduce(event)), origin })
            .collect();
        let taken =
            self.store.take_in(&tasks, (source, cursor), &self.target.revision()).await.map_err(SinkError::new)?;
        self.engine.settled(taken.settled);
        self.engine.wake();
        Ok(())
    }

    async fn cursor(&self, source: &str) -> Result<Option<String>, SinkError> {
        self.store.cursor(source).await.map_err(SinkError::new)
    }

    async fn is_newer_known(&self, object: &ObjectId, since: i64) -> Result<bool, SinkError> {
        self.store.came_from(object, directory::ORIGINS, since).await.map_err(SinkError::new)
    }

    async fn came_from(&self, object: &ObjectId, origin: &str) -> Result<bool, SinkError> {
        self.store.came_from(object, &[origin], 0).await.map_err(SinkError::new)
    }
}
