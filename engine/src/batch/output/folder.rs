//! The output folder of a job: one job at a time, no mixing with an unfinished run, and files that
//! are whole or absent.
//!
//! | file in it | meaning |
//! |---|---|
//! | `.gristmill.lock` | locked (flock) while a job runs; holds its process number; stays, but after a run that made nothing else |
//! | `.gristmill-unfinished` | there while a run is under way, and after one that did not come to its end; see `marker` |
//! | `.NAME.….gristmill-tmp` | a file that is being written |
//!
//! A finished earlier run may be written over: files of the names that the new run will write are
//! removed when it begins to compute, so that whatever ends it early leaves nothing old beside the
//! new; files of other names are left alone. An unfinished run is refused, or removed when the
//! caller says `fresh`.
//!
//! It is the coordinator that opens the folder; tasks in other processes write by
//! [`WholeFile::create`].

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::directory::{Directory, Found};
use super::folder_error::FolderError;
use super::marker::{self, MARKER};
use super::output_path::{OutputPath, REPORT};
use super::whole_file::WholeFile;

/// The lock's name in the output folder.
const LOCK: &str = ".gristmill.lock";

/// An output folder, locked for one run.
///
/// When it is dropped without [`OutputFolder::finish`], the run counts as unfinished, unless it had
/// made nothing: then all is as it was before.
#[derive(Debug)]
pub(crate) struct OutputFolder {
    directory: Directory,
    finished: bool,
    /// The folders that were made for this run, innermost first.
    made: Vec<PathBuf>,
    /// The lock's file was.
    lock_is_new: bool,
    // Last: the lock is released after everything else is done.
    _lock: Lock,
}

/// The lock on a folder.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    /// Closing the file would not do while a process that is just being started still has it.
    fn drop(&mut self) {
        // Should it fail, the lock ends with the last of these processes' copies all the same.
        let _ = self.0.unlock();
    }
}

impl OutputFolder {
    /// Opens the folder for a run of `job`: creates it if it is missing, locks it, and refuses an
    /// unfinished earlier run in it, or removes what that made if `fresh`.
    pub(crate) fn open(path: &Path, job: &str, fresh: bool) -> Result<OutputFolder, FolderError> {
        let made = Directory::missing(path);
        let directory = Directory::create(path)?;
        let lock_is_new = directory.find(LOCK)? == Found::Nothing;
        let lock = lock(&directory).inspect_err(|_| remove_empty(&made))?;
        let mut folder = OutputFolder { directory, finished: true, made, lock_is_new, _lock: lock };
        match folder.begin(job, fresh) {
            Ok(()) => folder.finished = false,
            Err(error) => {
                folder.leave_no_trace();
                return Err(error);
            }
        }
        Ok(folder)
    }

    fn begin(&self, job: &str, fresh: bool) -> Result<(), FolderError> {
        let directory = &self.directory;
        look_for_report(directory)?;
        if let Some(earlier) = marker::read(directory)? {
            if !fresh {
                let path = directory.path().to_path_buf();
                return Err(FolderError::Unfinished { path, job: earlier.job });
            }
            marker::remove_leftovers(directory, &earlier, true)?;
            directory.remove(MARKER)?;
        }
        marker::begin(directory, job)?;
        directory.sync()
    }

    /// Removes what was made for a run that nothing comes of. Errors change nothing: it is in
    /// nobody's way.
    fn leave_no_trace(&self) {
        if self.lock_is_new {
            let _ = self.directory.remove(LOCK);
        }
        remove_empty(&self.made);
    }

    /// Whether [`OutputFolder::open`] would refuse this folder, as far as that can be seen without
    /// touching it: a lock that another job holds is not looked at, since it may be gone by then.
    pub(crate) fn look(path: &Path, fresh: bool) -> Result<(), FolderError> {
        let path = Directory::look(path)?;
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let directory = Directory::open(&path)?;
        look_for_report(&directory)?;
        match marker::read(&directory)?.filter(|_| !fresh) {
            Some(earlier) => Err(FolderError::Unfinished { path, job: earlier.job }),
            None => Ok(()),
        }
    }

    /// The folder's path as it was given.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Begins a file.
    pub(crate) fn create(&self, path: &OutputPath) -> Result<WholeFile, FolderError> {
        WholeFile::create(self.path(), path)
    }

    /// Removes what an earlier run has left under the names that this one will write.
    pub(crate) fn remove_earlier(&self, outputs: &[OutputPath]) -> Result<(), FolderError> {
        let partials = outputs.iter().filter(|path| path.as_str().ends_with(".npy"));
        let partials: Vec<_> = partials.map(OutputPath::partial).collect();
        let mut all = outputs.iter().chain(&partials);
        all.try_for_each(|path| marker::remove_file(&self.directory, path))
    }

    /// The run is complete: removes temporaries that killed tasks have left, and then the marker.
    pub(crate) fn finish(mut self) -> Result<(), FolderError> {
        if let Some(marker) = marker::read(&self.directory)? {
            marker::remove_leftovers(&self.directory, &marker, false)?;
        }
        self.directory.remove(MARKER)?;
        self.finished = true;
        self.directory.sync()
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // A run that stopped before it made anything leaves nothing that would need `--fresh`.
        // Errors change nothing: the marker then stays, and the next run is told of it.
        if let Ok(Some(marker)) = marker::read(&self.directory)
            && marker.made.is_empty()
            && marker::remove_leftovers(&self.directory, &marker, false).is_ok()
            && self.directory.remove(MARKER).is_ok()
        {
            self.leave_no_trace();
        }
    }
}

/// Removes folders, innermost first; those that are not empty have become somebody else's.
fn remove_empty(folders: &[PathBuf]) {
    let _ = folders.iter().try_for_each(std::fs::remove_dir);
}

/// Refuses what could not be replaced by the report when all the work is done.
fn look_for_report(directory: &Directory) -> Result<(), FolderError> {
    let path = directory.path_of(REPORT);
    match directory.find(REPORT)? {
        Found::Nothing | Found::File { .. } => Ok(()),
        Found::Link => Err(FolderError::Link { path }),
        Found::Folder | Found::Other => Err(FolderError::InTheWay { path, wanted: "regular file" }),
    }
}

fn lock(directory: &Directory) -> Result<Lock, FolderError> {
    let path = directory.path_of(LOCK);
    let system = |error: std::io::Error| FolderError::system("lock", &path, error);
    let mut file = loop {
        let file = directory.file(LOCK, OFlag::O_RDWR | OFlag::O_CREAT)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for the message; a holder that has not written its number yet is a holder
                // all the same.
                let _ = (&file).take(32).read_to_string(&mut text);
                let path = directory.path().to_path_buf();
                return Err(FolderError::Locked { path, pid: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(system(error)),
        }
        // Another run may have removed the file that it had made, after it was opened here.
        let own = file.metadata().map_err(system)?;
        if directory.find(LOCK)? == (Found::File { device: own.dev(), inode: own.ino() }) {
            break file;
        }
    };
    file.set_len(0).map_err(system)?;
    file.rewind().map_err(system)?;
    writeln!(file, "{}", std::process::id()).map_err(system)?;
    Ok(Lock(file))
}
