//! Whole `.npy` files: read into an array, and written from one.

use super::array::Element;
use super::npy::NpyHeader;
use crate::error::{Error, Result};
use ndarray::{ArrayView, Dimension};
use ndarray_npy::{WritableElement, WriteNpyExt};
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::linkat;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

fn failed(path: &Path, reason: impl ToString) -> Error {
    Error::File { path: path.display().to_string(), reason: reason.to_string() }
}

/// Opens a file and reads its header, if it holds an array of elements `T` with as many axes as
/// `D` has; gives its shape too.
pub(crate) fn open<T: Element, D: Dimension>(path: &Path) -> Result<(File, NpyHeader, D)> {
    let (file, header) = NpyHeader::open(path)
        .map_err(|error| failed(path, format!("{}; {}", error.message, error.help)))?;
    let wanted = std::any::type_name::<T>();
    if header.element.rust_name() != wanted {
        let held = header.element.name();
        let held = match header.describe_layout() {
            Some(layout) => format!("{layout}, which are read as {held}"),
            None => held.into(),
        };
        let element = header.element.name();
        return Err(failed(
            path,
            format!("it holds {held}, not {wanted}; ask for {element}, or convert the file"),
        ));
    }
    let (axes, shape) = (header.shape.len(), &header.shape);
    if let Some(wanted) = D::NDIM.filter(|&wanted| wanted != axes) {
        let reason = format!(
            "its shape {shape:?} has {axes} axes, not {wanted}; ask for ndarray::Ix{axes} or IxDyn"
        );
        return Err(failed(path, reason));
    }
    let mut dim = D::zeros(axes);
    dim.slice_mut().copy_from_slice(shape);
    Ok((file, header, dim))
}

/// An error for a file whose elements could not be read although its header promised them.
pub(crate) fn unread(
    path: &Path,
    file: &File,
    header: &NpyHeader,
    error: &std::io::Error,
) -> Error {
    if error.kind() != ErrorKind::UnexpectedEof {
        return failed(path, error);
    }
    let (declared, offset) = (header.data_bytes, header.data_offset_bytes);
    let left = file.metadata().map_or(0, |file| file.len().saturating_sub(offset));
    failed(
        path,
        format!(
            "the file became shorter while it was read: its header declares {declared} bytes of \
             data from byte {offset} on, and {left} are left; write it again"
        ),
    )
}

/// Writes a file without a name, or beside its place where the file system has no nameless files,
/// then puts it in its place: whoever is killed meanwhile leaves no half file.
pub(crate) fn save<T: WritableElement, D: Dimension>(
    path: &Path,
    array: &ArrayView<'_, T, D>,
) -> Result<()> {
    if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(failed(path, "what is there is no regular file, and is not replaced"));
    }
    let name = path.file_name().ok_or_else(|| failed(path, "the path names no file"))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.partial", std::process::id()));
    let beside = path.with_file_name(beside);
    let nameless = nameless_beside(&beside);
    let named = nameless.is_none();
    let file =
        nameless.map_or_else(|| File::create_new(&beside), Ok).map_err(|e| failed(path, e))?;
    let written = write(&file, array)
        .and_then(|()| if named { Ok(()) } else { link(&file, &beside) })
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // Whatever went wrong, no half file stays; that it is gone already is no further error.
        let _ = std::fs::remove_file(&beside);
    }
    written.map_err(|e| failed(path, e))
}

fn write<T: WritableElement, D: Dimension>(
    file: &File,
    array: &ArrayView<'_, T, D>,
) -> io::Result<()> {
    let mut buffered = BufWriter::with_capacity(1 << 20, file);
    array.write_npy(&mut buffered).map_err(io::Error::other)?;
    buffered.flush()
}

/// A file in the folder of `path` that has no name yet, where there are such files.
fn nameless_beside(path: &Path) -> Option<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut options = OpenOptions::new();
    // Whatever forbids it is met again, and told, when a file with a name is made.
    options.write(true).custom_flags(libc::O_TMPFILE).open(folder).ok()
}

/// Gives a file that has no name this one.
fn link(file: &File, path: &Path) -> io::Result<()> {
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(AT_FDCWD, own.as_str(), AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW).map_err(Into::into)
}
