//! Reads the small text files of /proc and /sys below a root directory, so that a captured machine
//! reads like this one.
//!
//! A missing file is `None` and the caller decides what that means; anything else that goes wrong
//! is noted. Nothing here panics or returns an error, and nothing is written.

use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest file that is read; `mountinfo` on a host with thousands of containers stays below
/// it.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Where the notes end: a machine whose every file is odd should not fill a page per CPU.
const NOTES_MAX: usize = 50;

/// A directory that holds `proc` and `sys`, and what was odd about them.
#[derive(Debug)]
pub(crate) struct Tree {
    source: Source,
    notes: RefCell<Vec<String>>,
}

/// Where the files of a tree are.
#[derive(Debug)]
enum Source {
    /// In this directory.
    Below(PathBuf),
    #[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
    Given(std::collections::BTreeMap<String, String>),
}

impl Tree {
    /// The tree below `root`: "/" for this machine, a directory for a captured one.
    pub(crate) fn new(root: &Path) -> Tree {
        Tree { source: Source::Below(root.to_path_buf()), notes: RefCell::default() }
    }

    /// A tree of files that are given, each with its path.
    #[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
    pub(crate) fn of_files(files: std::collections::BTreeMap<String, String>) -> Tree {
        Tree { source: Source::Given(files), notes: RefCell::default() }
    }

    /// The file's text without the white space around it; `None` if it is missing.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        match self.read(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                self.note(format!("{path} cannot be read ({error}): taken as missing"));
                None
            }
        }
    }

    /// The same without a note of what goes wrong: for files that may vanish or refuse at any time.
    #[cfg(feature = "cli")]
    pub(crate) fn text_if_there(&self, path: &str) -> Option<String> {
        self.read(path).ok()
    }

    /// The names in a directory, in any order; none if there is no such directory.
    #[cfg(feature = "cli")]
    pub(crate) fn entries(&self, path: &str) -> Vec<String> {
        match &self.source {
            Source::Below(root) => {
                let entries = std::fs::read_dir(root.join(path.trim_start_matches('/')));
                let names = entries.into_iter().flatten().flatten();
                names.filter_map(|entry| entry.file_name().into_string().ok()).collect()
            }
            #[cfg(any(test, feature = "fuzzing"))]
            Source::Given(files) => {
                let start = format!("{path}/");
                let inside = files.keys().filter_map(|file| file.strip_prefix(&start));
                let names = inside.filter_map(|rest| rest.split('/').next());
                let names: std::collections::BTreeSet<&str> = names.collect();
                names.into_iter().map(str::to_owned).collect()
            }
        }
    }

    /// The file's content as a `T`; `None` if it is missing, and with a note if it is malformed.
    pub(crate) fn parsed<T>(&self, path: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(path)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.malformed(path, &text, &error);
                None
            }
        }
    }

    /// Notes that `path` holds `text`, which is not what the kernel writes there.
    pub(crate) fn malformed(&self, path: &str, text: &str, why: &dyn Display) {
        let start: String = text.chars().take(60).collect();
        self.note(format!("{path} holds {start:?} ({why}): taken as missing"));
    }

    /// Adds a note.
    pub(crate) fn note(&self, note: String) {
        let mut notes = self.notes.borrow_mut();
        match notes.len() {
            0..NOTES_MAX => notes.push(note),
            NOTES_MAX => notes.push("further notes are left out".to_owned()),
            _ => {}
        }
    }

    /// All notes, in the order in which they were made.
    pub(crate) fn into_notes(self) -> Vec<String> {
        self.notes.into_inner()
    }

    fn read(&self, path: &str) -> std::io::Result<String> {
        #[allow(clippy::infallible_destructuring_match, reason = "tests have another source")]
        let root = match &self.source {
            Source::Below(root) => root,
            #[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
            Source::Given(files) => {
                let text = files.get(path).ok_or(ErrorKind::NotFound)?;
                return Ok(text.trim().to_owned());
            }
        };
        let file = File::open(root.join(path.trim_start_matches('/')))?;
        // Nearly every file fits; growing would cost a system call at each step.
        let mut bytes = Vec::with_capacity(4096);
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }
}
