//! Messages that are no events: what is kept of them for an administrator.
//!
//! They have to be acknowledged, since nothing behind them comes otherwise. So a note stays of each, in a file beside the
//! state: what was wrong with which object. The notes are few and small, however many messages there are.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::message::Unusable;

/// How many notes are kept: the newest.
const MOST: usize = 1000;

/// The notes, one file each.
#[derive(Clone, Debug)]
pub(super) struct Aside(PathBuf);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Note<'a> {
    problem: &'a str,
    what_to_do: &'static str,
    topic: Option<&'a str>,
    dn: Option<&'a str>,
    written: Option<&'a str>,
    sequence_number: u64,
}

impl Aside {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Writes a note; it survives a power failure. `life` tells numbers of subscriptions apart that were created anew.
    pub(super) async fn put(&self, life: u32, number: u64, message: &Unusable) -> io::Result<PathBuf> {
        let note = Note {
            problem: &message.problem,
            what_to_do: "correct the object in the directory, or take the topic out of the subscription; then change the object \
                         so that it comes again, and remove this file",
            topic: message.topic.as_deref(),
            dn: message.dn.as_deref(),
            written: message.written.as_deref(),
            sequence_number: number,
        };
        let text = serde_json::to_vec_pretty(&note)?;
        // Names sort by age.
        let (folder, name) = (self.0.clone(), format!("{life:06}-{number:012}.json"));
        tokio::task::spawn_blocking(move || write(&folder, &name, &text))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn write(folder: &Path, name: &str, text: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut names: Vec<_> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.sort_unstable();
    for old in names.iter().take(names.len().saturating_sub(MOST - 1)) {
        fs::remove_file(folder.join(old))?;
    }
    let path = folder.join(name);
    // The name of an object is personal.
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::File::open(folder)?.sync_all()?;
    Ok(path)
}
