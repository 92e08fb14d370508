//! Notices at once when something happens in a folder.

use std::path::Path;
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches a folder as long as it lives.
pub(super) struct Watch {
    identity: Option<Identity>,
    // Dropping it ends the notifications.
    _watcher: RecommendedWatcher,
}

/// Which folder it is, whatever its name: a folder that was deleted and made again is another one.
type Identity = (u64, u64);

impl Watch {
    /// Starts to watch; `wake` is told of changes. The error says why that is impossible.
    pub(super) fn start(folder: &Path, wake: Arc<Notify>) -> Result<Self, String> {
        let handler = move |event: notify::Result<notify::Event>| {
            // An error means that events were lost, which is a reason to look as well.
            if event.is_ok_and(|event| !worth_a_look(event.kind)) {
                return;
            }
            wake.notify_one();
        };
        let mut watcher = notify::recommended_watcher(handler).map_err(|error| error.to_string())?;
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| error.to_string())?;
        Ok(Self { identity: identity(folder), _watcher: watcher })
    }

    /// Whether it still is the folder of this name that is watched.
    pub(super) fn is_current(&self, folder: &Path) -> bool {
        self.identity.is_some() && self.identity == identity(folder)
    }
}

/// Our own reading and removing must not wake us again.
fn worth_a_look(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Remove(_) => false,
        _ => true,
    }
}

#[cfg(unix)]
fn identity(folder: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> Option<Identity> {
    folder.is_dir().then_some((0, 0))
}
