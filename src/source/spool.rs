//! Events from a folder of listener files, as the App Center of a UCS host writes them.
//!
//! Files are taken in the order of their names, which are times. A file is removed only after the sink confirmed that its
//! event is durable. What a crash leaves in between is known from the cursor ([`delivered`]) and only removed.
//!
//! A file that is no usable event may still be being written. It waits until it has not changed for a while and then goes to
//! `rejected/`. Meanwhile later files pass it, but stay in the folder until it is decided: if it does become an event of an
//! object that a later file was already about, it is outdated and must not undo the later one, also after a crash.

mod delivered;
mod folder;
mod watch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch as state_watch};
use tokio_util::sync::CancellationToken;

use self::delivered::Delivered;
use self::folder::{Look, Mark};
use self::watch::Watch;
use super::{Counters, Drained, Monitor, Sink, SinkError, SourceState};
use crate::failure_points::{FailurePoint, pass as pass_point};
use crate::state::now_ms;
use crate::udm::ObjectId;

/// How we call ourselves towards the sink.
const SOURCE: &str = "spool";
/// The listener writes several files for one change in the directory: after the first sign, wait this long for the others.
const GATHER: Duration = Duration::from_millis(10);

/// Where the files are and how patient to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolConfig {
    /// The folder.
    pub folder: PathBuf,
    /// How often to look when no notification comes. Also a safety net, since notifications may get lost.
    pub poll_interval: Duration,
    /// How long a file that is no event must not change before it is rejected.
    pub settle: Duration,
}

impl SpoolConfig {
    /// The usual patience: two seconds each.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), poll_interval: Duration::from_secs(2), settle: Duration::from_secs(2) }
    }
}

/// Why a look at the folder brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The folder is missing or closed to us.
    #[error("spool folder {} cannot be read ({cause}): create it, or correct the spool folder of the connector", folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The journal refuses.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// A file that is still in the folder after we looked at it.
enum Seen {
    /// No usable event yet.
    Unfinished { mark: Mark, since: Instant, problem: String },
    /// No usable event, but it cannot be moved away.
    Stuck { mark: Mark, problem: String },
    /// In the journal, to be removed.
    Journaled { mark: Mark, object: ObjectId },
}

impl Seen {
    fn mark(&self) -> Mark {
        match self {
            Self::Unfinished { mark, .. } | Self::Stuck { mark, .. } | Self::Journaled { mark, .. } => *mark,
        }
    }
}

/// The source.
pub struct Spool {
    config: SpoolConfig,
    monitor: Monitor,
    counters: Arc<Counters>,
    seen: BTreeMap<OsString, Seen>,
    /// Files that the sink holds already; none if that is not known: at the start, and after an append that did not end well.
    delivered: Option<Delivered>,
    /// What went wrong with single files in the last pass.
    trouble: Option<String>,
    notifications: bool,
    watch: Result<Watch, String>,
    wake: Arc<Notify>,
}

impl Spool {
    /// Makes a source that has not looked yet.
    pub fn new(config: SpoolConfig) -> Self {
        let monitor = Monitor::default();
        Self {
            config,
            counters: monitor.counters(),
            monitor,
            seen: BTreeMap::new(),
            delivered: None,
            trouble: None,
            notifications: true,
            watch: Err("looks only when asked".to_owned()),
            wake: Arc::default(),
        }
    }

    /// Shows what it does there.
    #[must_use]
    pub fn shown_on(self, monitor: Monitor) -> Self {
        Self { counters: monitor.counters(), monitor, ..self }
    }

    /// What the source is doing, now and later.
    pub fn state(&self) -> state_watch::Receiver<SourceState> {
        self.monitor.state()
    }

    /// What it delivered since it started.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Delivers until shutdown. Troubles show in the state; they never end it.
    pub async fn run<S: Sink>(mut self, sink: S, shutdown: CancellationToken) {
        let wake = Arc::clone(&self.wake);
        let work = async {
            loop {
                // Before the look, so that what arrives during it wakes us again.
                self.keep_watching();
                let result = self.pass(&sink).await;
                self.show(result.err());
                tokio::select! {
                    () = wake.notified() => tokio::time::sleep(GATHER).await,
                    () = tokio::time::sleep(self.patience()) => {}
                }
            }
        };
        // Leaving in the middle of a pass is like a crash: safe, since files go only after their events are durable.
        shutdown.run_until_cancelled(work).await;
    }

    /// Delivers all that is there now.
    pub async fn drain<S: Sink>(&mut self, sink: &S) -> Result<Drained, SpoolError> {
        let mut sum = Drained::default();
        loop {
            let result = self.pass(sink).await;
            self.show(result.as_ref().err());
            let pass = result?;
            sum.accepted += pass.accepted;
            sum.rejected += pass.rejected;
            sum.left = pass.left;
            if pass.accepted + pass.rejected == 0 {
                return Ok(sum);
            }
        }
    }

    /// One look at the whole folder.
    async fn pass<S: Sink>(&mut self, sink: &S) -> Result<Drained, SpoolError> {
        self.trouble = None;
        let begun = now_ms();
        if self.delivered.is_none() {
            self.delivered =
                Some(sink.cursor(SOURCE).await?.map_or_else(Delivered::default, |cursor| Delivered::read(&cursor)));
        }
        let mut pass = Drained::default();
        let names = self.blocking(folder::list).await?;
        self.seen.retain(|name, _| names.binary_search(name).is_ok());
        let files: Vec<_> = names
            .into_iter()
            .map(|name| {
                let known = self.seen.get(&name).map(Seen::mark);
                (name, known)
            })
            .collect();
        let files: Arc<[_]> = files.into();
        let folder = self.config.folder.clone();
        let look = |start: usize| {
            let rest = Arc::clone(&files);
            blocking(&folder, move |folder| Ok(folder::look(folder, rest.get(start..).unwrap_or(&[]))))
        };
        let mut start = 0;
        let mut next = look(0);
        while start < files.len() {
            let looks = next.await?;
            let names = files.iter().skip(start).map(|(name, _)| name.clone());
            start += looks.len();
            // The next files are read while these are made durable.
            next = look(start);
            self.take(names.zip(looks), sink, &mut pass).await?;
        }
        self.remove_journaled().await?;
        pass.left = self.seen.values().filter(|seen| matches!(seen, Seen::Unfinished { .. })).count();
        // What was there when it began is in the journal.
        self.counters.drain(begun);
        Ok(pass)
    }

    /// Deals with the files of one batch.
    async fn take<S: Sink>(
        &mut self,
        looks: impl Iterator<Item = (OsString, Look)>,
        sink: &S,
        pass: &mut Drained,
    ) -> Result<(), SpoolError> {
        let mut events = Vec::new();
        let mut journaled = Vec::new();
        let mut last = None;
        for (name, look) in looks {
            last = Some(name.clone());
            match look {
                Look::Gone => {
                    self.seen.remove(&name);
                }
                Look::Same => pass.rejected += usize::from(self.reject_if_settled(&name).await?),
                Look::Problem(mark, problem) => {
                    self.seen.insert(name, Seen::Unfinished { mark, since: Instant::now(), problem });
                }
                Look::Event(mark, event) => {
                    self.seen.remove(&name);
                    let object = event.object.clone();
                    if self.delivered.as_ref().is_some_and(|delivered| delivered.holds(&name, mark)) {
                        tracing::info!(file = %name.display(), "is in the journal already");
                    } else if self.is_outdated(&name, &object) {
                        tracing::info!(file = %name.display(), "outdated: a later file of the same object came first");
                    } else {
                        events.push((format!("{SOURCE} {}", name.display()), event));
                    }
                    journaled.push((name, Seen::Journaled { mark, object }));
                }
            }
        }
        if !events.is_empty() {
            let count = events.len();
            let mut delivered = self.delivered.take().unwrap_or_default();
            delivered.add(journaled.iter().map(|(name, seen)| (name.as_os_str(), seen.mark())));
            pass_point(FailurePoint::EventsRead);
            sink.append(events, SOURCE, &delivered.cursor()).await?;
            self.delivered = Some(delivered);
            pass_point(FailurePoint::EventsJournaled);
            self.counters.accept(count);
            pass.accepted += count;
        }
        self.seen.extend(journaled);
        self.remove_journaled().await?;
        if let (Some(delivered), Some(last)) = (&mut self.delivered, last) {
            delivered.forget_until(&last, |name| self.seen.contains_key(name));
        }
        Ok(())
    }

    /// Whether a later file about the object is already in the journal.
    fn is_outdated(&self, name: &OsString, object: &ObjectId) -> bool {
        let later = (std::ops::Bound::Excluded(name), std::ops::Bound::Unbounded);
        self.seen
            .range::<OsString, _>(later)
            .any(|(_, seen)| matches!(seen, Seen::Journaled { object: other, .. } if other == object))
    }

    /// Removes the files that are in the journal, up to the first one that may still become an event.
    async fn remove_journaled(&mut self) -> Result<(), SpoolError> {
        let ready: Vec<_> = self
            .seen
            .iter()
            .take_while(|(_, seen)| !matches!(seen, Seen::Unfinished { .. }))
            .filter_map(|(name, seen)| match seen {
                Seen::Journaled { mark, .. } => Some((name.clone(), *mark)),
                _ => None,
            })
            .collect();
        if ready.is_empty() {
            return Ok(());
        }
        let results = self
            .blocking(move |folder| {
                Ok(ready
                    .into_iter()
                    .map(|(name, mark)| (folder::remove(folder, &name, mark), name))
                    .collect::<Vec<_>>())
            })
            .await?;
        for (result, name) in results {
            match result {
                Ok(()) => {
                    self.seen.remove(&name);
                }
                Err(error) => self.note_trouble(&format!("processed files cannot be removed ({error})")),
            }
        }
        Ok(())
    }

    /// Puts a file aside that is no event and to which nobody writes any more. Says whether it is newly rejected.
    async fn reject_if_settled(&mut self, name: &OsString) -> Result<bool, SpoolError> {
        let (mark, problem, new) = match self.seen.get(name) {
            Some(Seen::Unfinished { mark, since, problem }) if since.elapsed() >= self.config.settle => {
                (*mark, problem.clone(), true)
            }
            Some(Seen::Stuck { mark, problem }) => (*mark, problem.clone(), false),
            _ => return Ok(false),
        };
        if new {
            tracing::warn!(file = %name.display(), %problem, "rejected");
            self.counters.reject();
        }
        let (file, text) = (name.clone(), problem.clone());
        match self.blocking(move |folder| Ok(folder::reject(folder, &file, &text))).await? {
            Ok(()) => {
                self.seen.remove(name);
            }
            Err(error) => {
                self.seen.insert(name.clone(), Seen::Stuck { mark, problem });
                self.note_trouble(&format!("rejected files cannot be moved to rejected/ ({error})"));
            }
        }
        Ok(new)
    }

    fn note_trouble(&mut self, what: &str) {
        let folder = self.config.folder.display();
        self.trouble.get_or_insert(format!("{what}: give oxherd write access to {folder}"));
    }

    /// Watches the folder if it is there and not watched yet.
    fn keep_watching(&mut self) {
        if !self.notifications || self.watch.as_ref().is_ok_and(|watch| watch.is_current(&self.config.folder)) {
            return;
        }
        self.watch = Watch::start(&self.config.folder, Arc::clone(&self.wake));
    }

    fn show(&self, error: Option<impl ToString>) {
        let state = match (error, &self.trouble, &self.watch) {
            (Some(error), _, _) => SourceState::Failing { reason: error.to_string() },
            (None, Some(trouble), _) => SourceState::Failing { reason: trouble.clone() },
            (None, None, Ok(_)) => SourceState::Watching,
            (None, None, Err(reason)) => SourceState::Polling { reason: reason.clone() },
        };
        self.monitor.show(state);
    }

    /// How long to wait for a notification.
    fn patience(&self) -> Duration {
        let unfinished = self.seen.values().filter_map(|seen| match seen {
            Seen::Unfinished { since, .. } => Some(self.config.settle.saturating_sub(since.elapsed())),
            _ => None,
        });
        unfinished.chain([self.config.poll_interval]).min().unwrap_or(self.config.poll_interval).max(GATHER)
    }

    /// Runs file operations where they do not hold up others.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, SpoolError> {
        blocking(&self.config.folder, work).await
    }
}

/// Begins file operations where they do not hold up others.
fn blocking<T, W>(folder: &Path, work: W) -> impl Future<Output = Result<T, SpoolError>> + Send + use<T, W>
where
    T: Send + 'static,
    W: FnOnce(&Path) -> io::Result<T> + Send + 'static,
{
    let folder = folder.to_owned();
    let running = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || work(&folder)
    });
    async move {
        let result = running.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        result.map_err(|cause| SpoolError::Folder { folder, cause })
    }
}

#[cfg(test)]
mod tests;
