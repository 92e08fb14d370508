//! The spool folder: blocking file operations and nothing else.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::failure_points::{FailurePoint, pass};
use crate::source::parse_listener_file;
use crate::udm::Event;

/// Where files go that are no usable event.
const REJECTED: &str = "rejected";
/// A listener file is some kilobytes, with a picture some hundred. More than this is no listener file.
const TOO_LARGE: u64 = 64 << 20;
/// How many files and bytes are read before they are handed on. Each batch is synced to disk, which takes milliseconds.
const BATCH_FILES: usize = 256;
const BATCH_BYTES: u64 = 16 << 20;

/// Size and time of the last change: when both stay, nobody writes to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    length: u64,
    modified: Option<SystemTime>,
}

impl Mark {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// What a look at a file brought.
pub(super) enum Look {
    /// It is as it was at the last look.
    Same,
    /// It vanished or is no file.
    Gone,
    /// An event.
    Event(Mark, Event),
    /// No usable event (yet).
    Problem(Mark, String),
}

/// The names of the event files in the order in which they were written. The listener's names are times.
pub(super) fn list(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if is_event_file(&name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn is_event_file(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.ends_with(b".json") && !bytes.starts_with(b".")
}

/// Looks at the next files, as many as fit into one batch. `known` is what each looked like the last time.
pub(super) fn look(folder: &Path, files: &[(OsString, Option<Mark>)]) -> Vec<Look> {
    let mut bytes = 0;
    let mut looks = Vec::new();
    for (name, known) in files.iter().take(BATCH_FILES) {
        if bytes >= BATCH_BYTES {
            break;
        }
        let look = look_at(&folder.join(name), *known);
        if let Look::Event(mark, _) | Look::Problem(mark, _) = &look {
            bytes += mark.length.min(TOO_LARGE);
        }
        looks.push(look);
    }
    looks
}

fn look_at(path: &Path, known: Option<Mark>) -> Look {
    let metadata = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata,
        _ => return Look::Gone,
    };
    let mark = Mark::of(&metadata);
    if known == Some(mark) {
        return Look::Same;
    }
    if mark.length > TOO_LARGE {
        return Look::Problem(mark, "the file is larger than 64 MB: no listener file is".to_owned());
    }
    let mut bytes = Vec::new();
    // A file that grows between the two calls has another mark at the next look and is read again.
    match File::open(path).and_then(|file| file.take(TOO_LARGE).read_to_end(&mut bytes)) {
        Ok(_) => match parse_listener_file(&bytes) {
            Ok(event) => Look::Event(mark, event),
            Err(error) => Look::Problem(mark, error.to_string()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Look::Gone,
        Err(error) => Look::Problem(mark, format!("the file cannot be read ({error}): give oxherd read access")),
    }
}

/// Removes a file that is in the journal, unless somebody wrote to it since.
pub(super) fn remove(folder: &Path, name: &OsStr, mark: Mark) -> io::Result<()> {
    let path = folder.join(name);
    match fs::metadata(&path) {
        Ok(metadata) if Mark::of(&metadata) != mark => Ok(()),
        Ok(_) => {
            fs::remove_file(&path).or_else(ignore_missing)?;
            pass(FailurePoint::FileRemoved);
            Ok(())
        }
        Err(error) => ignore_missing(error),
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Moves a file to `rejected/` and puts an explanation beside it. The explanation comes first, so that no file ever lies
/// there without one.
pub(super) fn reject(folder: &Path, name: &OsStr, problem: &str) -> io::Result<()> {
    let rejected = folder.join(REJECTED);
    fs::create_dir_all(&rejected)?;
    let target = free_name(&rejected, name);
    let explanation = with_suffix(&target, ".error");
    let text = format!(
        "File: {}\nProblem: {problem}\nWhat to do: correct the file and move it back to the folder above this one, or change \
         the object in the directory so that a new file is written. Then remove this text.\n",
        name.display()
    );
    File::create(&explanation)?.write_all(text.as_bytes())?;
    fs::rename(folder.join(name), &target).or_else(ignore_missing).inspect_err(|_| {
        // The file stays where it is; an explanation without a file would only confuse.
        let _ = fs::remove_file(&explanation);
    })
}

/// A name that no rejected file has: what was rejected before is kept. It still is that of an event file, so that it may be
/// moved back.
fn free_name(rejected: &Path, name: &OsStr) -> PathBuf {
    let mut target = rejected.join(name);
    let mut number = 2;
    while target.exists() {
        let mut other = Path::new(name).file_stem().unwrap_or(name).to_owned();
        other.push(format!("~{number}.json"));
        target = rejected.join(other);
        number += 1;
    }
    target
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
