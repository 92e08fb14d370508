//! A real journal that writes into the same log as the queue, and can refuse.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use oxherd::source::{Sink, SinkError, directory};
use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{NewTask, Seq, Store, Task, TaskSort};
use oxherd::udm::{Event, ObjectId};
use tempfile::TempDir;

use crate::queue::Queue;

#[derive(Clone)]
pub struct Journal {
    pub store: Arc<SqliteStore>,
    pub refuses: Arc<AtomicBool>,
    /// Accepts, and says that it did not.
    pub lies: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<String>>>,
    folder: Arc<TempDir>,
}

impl Journal {
    pub async fn of(queue: &Queue) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let store = Arc::new(SqliteStore::open(&folder.path().join("state.db")).await.unwrap());
        Self { store, refuses: Arc::default(), lies: Arc::default(), log: Arc::clone(&queue.log), folder }
    }

    /// The folder for notes.
    pub fn notes(&self) -> std::path::PathBuf {
        self.folder.path().join("state.rejected")
    }

    /// Origin and last name (or `gone`) of everything that arrived.
    pub async fn events(&self) -> Vec<(String, String)> {
        let entries = self.store.journal_after(Seq(0), TaskSort::Event, 1000).await.unwrap();
        let name = |task: &Task| match task {
            Task::Event(event) => event.desired().map_or_else(
                || "gone".to_owned(),
                |properties| properties.text("lastname").unwrap().unwrap_or_default(),
            ),
            _ => panic!("no event"),
        };
        entries.iter().map(|entry| (entry.origin.clone(), name(&entry.task))).collect()
    }

    pub async fn origins(&self) -> Vec<String> {
        self.events().await.into_iter().map(|(origin, _)| origin).collect()
    }
}

impl Sink for Journal {
    async fn append(&self, events: Vec<(String, Event)>, source: &str, cursor: &str) -> Result<(), SinkError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(SinkError::new("the disk is full"));
        }
        let origins: Vec<_> = events.iter().map(|(origin, _)| origin.clone()).collect();
        let task = |(origin, event)| NewTask { task: Task::Event(event), origin };
        let tasks: Vec<_> = events.into_iter().map(task).collect();
        self.store.append(&tasks, Some((source, cursor))).await.map_err(SinkError::new)?;
        self.log.lock().unwrap().push(format!("journaled {}", origins.join(", ")));
        if self.lies.swap(false, Ordering::SeqCst) {
            return Err(SinkError::new("the answer was lost"));
        }
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
