//! Mode `DryRun`: the engine works on a shadow of the state, and OX is only read.
//!
//! Events go into the real journal, where they wait for mode `Live`, and from there into the shadow. A shadow is made anew at
//! each start, so a crash can leave nothing behind that matters.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::engine::EngineHandle;
use crate::state::sqlite::SqliteStore;
use crate::state::{NewTask, Seq, StateError, Store, TaskSort};

/// The cursors of the shadow: up to where it took the real journal over.
const JOURNAL: [(TaskSort, &str); 2] = [(TaskSort::Event, "journal events"), (TaskSort::Replan, "journal replans")];
/// How often the real journal is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The file with the shadow of a state file.
pub fn shadow_file(state: &Path) -> PathBuf {
    state.with_extension("dry-run.db")
}

/// Carries tasks from the real journal to the shadow.
pub(super) struct Mirror {
    real: Arc<SqliteStore>,
    shadow: Arc<SqliteStore>,
    engine: EngineHandle,
    waiting: AtomicU64,
    busy: Mutex<()>,
}

impl Mirror {
    pub(super) fn new(real: Arc<SqliteStore>, shadow: Arc<SqliteStore>, engine: EngineHandle) -> Self {
        Self { real, shadow, engine, waiting: AtomicU64::new(0), busy: Mutex::new(()) }
    }

    /// Takes over what is new in the real journal.
    pub(super) async fn catch_up(&self) -> Result<(), StateError> {
        let _one_at_a_time = self.busy.lock().await;
        for (sort, cursor) in JOURNAL {
            self.take_over(sort, cursor).await?;
        }
        Ok(())
    }

    async fn take_over(&self, sort: TaskSort, cursor: &str) -> Result<(), StateError> {
        const CHUNK: u32 = 500;
        let position = self.shadow.cursor(cursor).await?;
        let mut after = Seq(position.and_then(|text| text.parse().ok()).unwrap_or(0));
        loop {
            let entries = self.real.journal_after(after, sort, CHUNK).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            after = last.seq;
            let count = entries.len() as u64;
            let tasks: Vec<_> =
                entries.into_iter().map(|entry| NewTask { task: entry.task, origin: entry.origin }).collect();
            self.shadow.append(&tasks, Some((cursor, &after.to_string()))).await?;
            self.waiting.fetch_add(count, Ordering::Relaxed);
            self.engine.wake();
        }
    }

    /// How many tasks of the real journal wait for mode `Live`.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Follows the real journal until told to stop.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            if let Err(error) = self.catch_up().await {
                tracing::error!(%error, "the dry run cannot take events over: they are safe in the journal");
            }
            if stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                return;
            }
        }
    }
}
