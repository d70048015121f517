//! What can go wrong with the output folder, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use super::output_path::OutputPathError;

/// Why nothing could be written.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum FolderError {
    /// Another job is at work there.
    #[error("another job is writing to {path}{holder}", path = path.display(), holder = holder(pid))]
    #[diagnostic(help("wait for it to end, or choose another folder with `--out DIR`"))]
    Locked { path: PathBuf, pid: Option<u32> },
    /// An earlier run did not come to its end.
    #[error("{path} holds an unfinished run{of}", path = path.display(), of = of_job(job))]
    #[diagnostic(help(
        "start anew with `--fresh`, which removes what that run made, or choose another folder with `--out DIR`"
    ))]
    Unfinished { path: PathBuf, job: Option<String> },
    /// The marker of an unfinished run is not ours, or damaged.
    #[error("{path} was not written by this version of gristmill: {reason}", path = path.display())]
    #[diagnostic(help("look what it is, and remove it by hand if nobody needs it"))]
    Marker { path: PathBuf, reason: String },
    /// A path that must not lead elsewhere does.
    #[error("{path} is a symbolic link, and results are not written through links", path = path.display())]
    #[diagnostic(help("name the folder that it points to, or remove the link"))]
    Link { path: PathBuf },
    /// Something else stands where a folder or file should be.
    #[error("{path} is there already, and is not a {wanted}", path = path.display())]
    #[diagnostic(help("move it away, or choose another folder with `--out DIR`"))]
    InTheWay { path: PathBuf, wanted: &'static str },
    /// No room.
    #[error("the disk is full: cannot {action} {path}", path = path.display())]
    #[diagnostic(help("make room, or choose a folder on another disk with `--out DIR`"))]
    Full { action: &'static str, path: PathBuf, source: io::Error },
    /// No right to write.
    #[error("not allowed to {action} {path}: {source}", path = path.display())]
    #[diagnostic(help("choose a folder that you may write to with `--out DIR`"))]
    Denied { action: &'static str, path: PathBuf, source: io::Error },
    /// Anything else that the system says.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// Not a path below the folder.
    #[error(transparent)]
    #[diagnostic(help("name a file inside the output folder"))]
    Path(#[from] OutputPathError),
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(" (process {pid})"))
}

fn of_job(job: &Option<String>) -> String {
    job.as_ref().map_or(String::new(), |job| format!(" of job `{job}`"))
}

impl FolderError {
    /// Whether the machine is at fault, rather than the folder that was chosen.
    pub(crate) fn is_the_systems(&self) -> bool {
        matches!(self, FolderError::Full { .. } | FolderError::Io { .. })
    }

    /// Sorts what the system said while we tried to `action` the `path`.
    pub(crate) fn system(
        action: &'static str,
        path: &Path,
        source: impl Into<io::Error>,
    ) -> FolderError {
        let (path, source) = (path.to_path_buf(), source.into());
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                FolderError::Full { action, path, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                FolderError::Denied { action, path, source }
            }
            _ => FolderError::Io { action, path, source },
        }
    }
}
