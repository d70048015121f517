//! An open directory, and what is done in it by single names that are never followed when they are
//! links.
//!
//! Working from descriptors rather than from paths leaves no moment in which someone could swap a
//! folder for a link between the look and the use.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::folder_error::FolderError;

/// An open directory and the path that led to it.
#[derive(Debug)]
pub(crate) struct Directory {
    descriptor: OwnedFd,
    /// For messages only.
    path: PathBuf,
}

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// Device and inode: the file itself, whatever its name.
    File {
        device: u64,
        inode: u64,
    },
    Folder,
    Link,
    Other,
}

impl Directory {
    /// Opens a folder, creating it and its parents if they are missing; see [`Directory::look`].
    pub(crate) fn create(path: &Path) -> Result<Directory, FolderError> {
        let path = Directory::look(path)?;
        std::fs::create_dir_all(&path)
            .map_err(|error| FolderError::system("create the folder", &path, error))?;
        Directory::open(&path)
    }

    /// The folders that [`Directory::create`] would make, innermost first.
    pub(crate) fn missing(path: &Path) -> Vec<PathBuf> {
        let parts = path.ancestors().filter(|part| !part.as_os_str().is_empty());
        let missing = parts.take_while(|part| part.symlink_metadata().is_err());
        missing.map(Path::to_path_buf).collect()
    }

    /// The path as it is opened, if it is a folder's or nothing's yet. A relative path may pass no
    /// link; of an absolute one only the last component is looked at, since a home folder or a disk
    /// is often reached through one.
    pub(crate) fn look(path: &Path) -> Result<PathBuf, FolderError> {
        // Without a trailing slash, behind which the system would follow a link.
        let mut path: PathBuf = path.components().collect();
        if path.as_os_str().is_empty() {
            path.push(Component::CurDir);
        }
        let looked_at = if path.is_absolute() { 1 } else { usize::MAX };
        for part in path.ancestors().take(looked_at).filter(|part| !part.as_os_str().is_empty()) {
            if part.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
                return Err(FolderError::Link { path: part.to_path_buf() });
            }
        }
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(FolderError::InTheWay { path, wanted: "folder" });
        }
        Ok(path)
    }

    /// Opens a folder that is there.
    pub(crate) fn open(path: &Path) -> Result<Directory, FolderError> {
        let descriptor = nix::fcntl::open(path, FOLDER, Mode::empty())
            .map_err(|error| FolderError::system("open the folder", path, error))?;
        Ok(Directory { descriptor, path: path.to_path_buf() })
    }

    /// Opens a folder inside, creating it if it is missing and `create` says so.
    pub(crate) fn enter(&self, name: &str, create: bool) -> Result<Directory, FolderError> {
        let path = self.path_of(name);
        if create {
            match mkdirat(&self.descriptor, name, Mode::from_bits_truncate(0o777)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(FolderError::system("create the folder", &path, error)),
            }
        }
        match openat(&self.descriptor, name, FOLDER, Mode::empty()) {
            Ok(descriptor) => Ok(Directory { descriptor, path }),
            Err(Errno::ELOOP | Errno::ENOTDIR) => Err(match self.find(name)? {
                Found::Link => FolderError::Link { path },
                _ => FolderError::InTheWay { path, wanted: "folder" },
            }),
            Err(error) => Err(FolderError::system("open the folder", &path, error)),
        }
    }

    /// What stands under the name; links are not followed.
    pub(crate) fn find(&self, name: &str) -> Result<Found, FolderError> {
        match fstatat(&self.descriptor, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(found(&status)),
            Err(Errno::ENOENT) => Ok(Found::Nothing),
            Err(error) => Err(FolderError::system("look at", &self.path_of(name), error)),
        }
    }

    /// Opens a regular file; `flags` say how. Links and pipes are refused.
    pub(crate) fn file(&self, name: &str, flags: OFlag) -> Result<File, FolderError> {
        let path = self.path_of(name);
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        match openat(&self.descriptor, name, flags, Mode::from_bits_truncate(0o666)) {
            Ok(descriptor) => match self.find(name)? {
                Found::File { .. } => Ok(File::from(descriptor)),
                _ => Err(FolderError::InTheWay { path, wanted: "regular file" }),
            },
            Err(Errno::ELOOP) => Err(FolderError::Link { path }),
            Err(Errno::EISDIR) => Err(FolderError::InTheWay { path, wanted: "regular file" }),
            Err(error) => Err(FolderError::system("open", &path, error)),
        }
    }

    /// Begins a file without a name, which goes with the process that writes it; `None` where the
    /// file system has no such files.
    pub(crate) fn nameless_file(&self) -> Result<Option<File>, FolderError> {
        let flags = OFlag::O_RDWR | OFlag::O_TMPFILE | OFlag::O_CLOEXEC;
        match openat(&self.descriptor, ".", flags, Mode::from_bits_truncate(0o666)) {
            Ok(descriptor) => Ok(Some(File::from(descriptor))),
            Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::ENOENT | Errno::EINVAL) => Ok(None),
            Err(error) => Err(FolderError::system("write into", &self.path, error)),
        }
    }

    /// Gives a name to a file that has none.
    pub(crate) fn link(&self, file: &File, name: &str) -> Result<(), FolderError> {
        let own = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(AT_FDCWD, own.as_str(), &self.descriptor, name, AtFlags::AT_SYMLINK_FOLLOW)
            .map_err(|error| FolderError::system("write", &self.path_of(name), error))
    }

    /// Gives a file another name, replacing whatever file has it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), FolderError> {
        renameat(&self.descriptor, from, &self.descriptor, to)
            .map_err(|error| FolderError::system("write", &self.path_of(to), error))
    }

    /// Removes a file; that it is gone already is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), FolderError> {
        match unlinkat(&self.descriptor, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(FolderError::system("remove", &self.path_of(name), error)),
        }
    }

    /// Waits until names created and removed here are on the disk.
    pub(crate) fn sync(&self) -> Result<(), FolderError> {
        nix::unistd::fsync(&self.descriptor)
            .map_err(|error| FolderError::system("write", &self.path, error))
    }

    /// The path of a name inside, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path that led here.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

const FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

fn found(status: &FileStat) -> Found {
    match SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG => Found::File { device: status.st_dev, inode: status.st_ino },
        SFlag::S_IFDIR => Found::Folder,
        SFlag::S_IFLNK => Found::Link,
        _ => Found::Other,
    }
}
