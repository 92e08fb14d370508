//! Which files are in the journal although they may still be in the folder.
//!
//! The list is the cursor that the sink keeps with the events. It tells after a crash or a cancelled pass which of the files
//! that lie there were delivered: to deliver them again would carry out their events behind newer ones.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use serde::{Deserialize, Serialize};

use super::folder::Mark;

/// Delivered files by name, each as it was then.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Delivered(BTreeMap<String, Mark>);

impl Delivered {
    /// Adds files.
    pub(super) fn add<'a>(&mut self, files: impl Iterator<Item = (&'a OsStr, Mark)>) {
        self.0.extend(files.map(|(name, mark)| (name.to_string_lossy().into_owned(), mark)));
    }

    /// Forgets the files up to this one that are not in the folder any more.
    pub(super) fn forget_until(&mut self, last: &OsStr, is_there: impl Fn(&OsStr) -> bool) {
        let last = last.to_string_lossy();
        self.0.retain(|name, _| **name > *last || is_there(OsStr::new(name)));
    }

    /// Reads a cursor. One that is none (a former version kept the name of the last file) names no files.
    pub(super) fn read(cursor: &str) -> Self {
        serde_json::from_str(cursor).unwrap_or_default()
    }

    /// The list as a cursor.
    pub(super) fn cursor(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether the file was delivered as it is now.
    pub(super) fn holds(&self, name: &OsStr, mark: Mark) -> bool {
        self.0.get(&*name.to_string_lossy()) == Some(&mark)
    }
}
