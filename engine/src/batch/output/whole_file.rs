//! A file that appears whole or not at all: written without a name, or under another one where the
//! file system has no nameless files, then put in its place. Whoever writes it may be killed at any
//! moment: a nameless file goes with him.
//!
//! It knows nothing of what is written. It works in any process, as long as the folder's run is
//! under way.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::fcntl::OFlag;

use super::directory::{Directory, Found};
use super::folder_error::FolderError;
use super::marker::{self, TEMPORARY_SUFFIX};
use super::output_path::OutputPath;

/// A file under way. Dropped without [`WholeFile::finish`], it leaves no trace.
///
/// Writes go straight to the file: wrap it in a `BufWriter` for small ones. Their errors name the
/// path.
#[derive(Debug)]
pub(crate) struct WholeFile {
    file: File,
    folder: Directory,
    /// The folder that the file lies in, if it is not `folder` itself.
    inner: Option<Directory>,
    path: OutputPath,
    name: String,
    /// The name under which it lies, if only for a moment, before it has its own.
    temporary: String,
    stage: Stage,
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Nameless,
    /// It has its temporary name.
    Named,
    Finished,
}

impl WholeFile {
    /// Begins the file `path` in the output folder `folder`, in which a run must be under way.
    /// Folders between are created.
    pub(crate) fn create(folder: &Path, path: &OutputPath) -> Result<WholeFile, FolderError> {
        WholeFile::begin(folder, path, Directory::nameless_file)
    }

    #[cfg(test)]
    /// The same as where the file system has no nameless files.
    pub(crate) fn create_named(folder: &Path, path: &OutputPath) -> Result<WholeFile, FolderError> {
        WholeFile::begin(folder, path, |_| Ok(None))
    }

    fn begin(
        folder: &Path,
        path: &OutputPath,
        nameless: impl FnOnce(&Directory) -> Result<Option<File>, FolderError>,
    ) -> Result<WholeFile, FolderError> {
        // Distinguishes the files that one process writes at the same time.
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let folder = Directory::open(folder)?;
        let mut folders: Vec<&str> = path.components().collect();
        let name = folders.pop().unwrap_or_default().to_string();
        let mut inner: Option<Directory> = None;
        for each in &folders {
            inner = Some(inner.as_ref().unwrap_or(&folder).enter(each, true)?);
        }
        let directory = inner.as_ref().unwrap_or(&folder);
        match directory.find(&name)? {
            Found::Nothing | Found::File { .. } => {}
            Found::Link => {
                return Err(FolderError::Link { path: directory.path_of(&name) });
            }
            Found::Folder | Found::Other => {
                let path = directory.path_of(&name);
                return Err(FolderError::InTheWay { path, wanted: "regular file" });
            }
        }
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".{name}.{}-{number}{TEMPORARY_SUFFIX}", std::process::id());
        let listed: Vec<&str> = folders.iter().copied().chain([temporary.as_str()]).collect();
        marker::append(&folder, &format!("temporary {}", listed.join("/")))?;
        let (file, stage) = match nameless(directory)? {
            Some(file) => (file, Stage::Nameless),
            None => {
                let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
                (directory.file(&temporary, flags)?, Stage::Named)
            }
        };
        Ok(WholeFile { file, folder, inner, path: path.clone(), name, temporary, stage })
    }

    /// The file itself, for mapping it or setting its length.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where the file will be.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory().path_of(&self.name)
    }

    /// The file is complete: puts it in its place, replacing an earlier one. It is on the disk
    /// before it has its name, so that a power cut leaves no empty file under it.
    pub(crate) fn finish(mut self) -> Result<(), FolderError> {
        let synced = self.file.sync_all();
        synced.map_err(|error| FolderError::system("write", &self.path(), error))?;
        if self.stage == Stage::Nameless {
            self.directory().link(&self.file, &self.temporary)?;
            self.stage = Stage::Named;
        }
        let Found::File { device, inode } = self.directory().find(&self.temporary)? else {
            let path = self.directory().path_of(&self.temporary);
            let gone = io::Error::from(io::ErrorKind::NotFound);
            return Err(FolderError::system("find again", &path, gone));
        };
        marker::append(&self.folder, &format!("made {device} {inode} {}", self.path))?;
        self.directory().rename(&self.temporary, &self.name)?;
        self.stage = Stage::Finished;
        Ok(())
    }

    fn directory(&self) -> &Directory {
        self.inner.as_ref().unwrap_or(&self.folder)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let path = self.path();
        (&self.file).write(bytes).map_err(|error| {
            io::Error::new(error.kind(), FolderError::system("write", &path, error))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if self.stage == Stage::Named {
            // If it cannot be removed now, the marker lists it for the end of the run.
            let _ = self.directory().remove(&self.temporary);
        }
    }
}
