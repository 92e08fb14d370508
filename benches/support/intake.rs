//! Intake alone: from listener files into the journal, without controller and OX.

use std::fs;
use std::time::{Duration, Instant};

use oxherd::source::{Sink, SinkError, Spool, SpoolConfig};
use oxherd::state::sqlite::SqliteStore;
use oxherd::state::{NewTask, Store, Task};
use oxherd::udm::Event;

use super::directory;
use super::process::cpu;

struct Journal(SqliteStore);

impl Sink for Journal {
    async fn append(&self, events: Vec<(String, Event)>, source: &str, cursor: &str) -> Result<(), SinkError> {
        let task = |(origin, event)| NewTask { task: Task::Event(event), origin };
        let tasks: Vec<_> = events.into_iter().map(task).collect();
        self.0.append(&tasks, Some((source, cursor))).await.map_err(SinkError::new)?;
        Ok(())
    }

    async fn cursor(&self, source: &str) -> Result<Option<String>, SinkError> {
        self.0.cursor(source).await.map_err(SinkError::new)
    }
}

/// Takes so many users in. Returns the time, and the processor time of all threads.
pub fn measure(users: u32) -> (Duration, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool");
    fs::create_dir(&spool).expect("a folder");
    for number in 0..users {
        let text = directory::user(number, 10, 0, 0).to_string();
        fs::write(spool.join(format!("2026-01-05-08-00-00-{number:06}.json")), text).expect("a listener file");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let journal = Journal(SqliteStore::open(&folder.path().join("state.db")).await.expect("a store"));
        let (started, before) = (Instant::now(), cpu("self").map_or(0.0, |(cpu, _)| cpu));
        let drained = Spool::new(SpoolConfig::new(&spool)).drain(&journal).await.expect("everything is taken in");
        assert_eq!(drained.accepted, users as usize);
        (started.elapsed(), cpu("self").map_or(0.0, |(cpu, _)| cpu) - before)
    })
}
