//! Whole `.npy` files: read into an array, and written from one.

use super::array::Element;
use super::npy::NpyHeader;
use crate::error::{Error, Result};
use ndarray::{ArrayView, Dimension};
use ndarray_npy::{WritableElement, WriteNpyExt};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
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
    match (error.kind(), file.metadata()) {
        (ErrorKind::UnexpectedEof, Ok(now)) => {
            let declared = header.data_offset_bytes + header.data_bytes;
            let reason = format!(
                "it became shorter while it was read: {declared} bytes were there, {} are left; \
                 write it again",
                now.len()
            );
            failed(path, reason)
        }
        _ => failed(path, error),
    }
}

/// Writes a file beside its place, then renames it.
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
    let written = File::create_new(&beside).map_err(|e| failed(path, e)).and_then(|file| {
        let mut buffered = BufWriter::with_capacity(1 << 20, file);
        array.write_npy(&mut buffered).map_err(|e| failed(path, e))?;
        buffered.flush().map_err(|e| failed(path, e))?;
        std::fs::rename(&beside, path).map_err(|e| failed(path, e))
    });
    if written.is_err() {
        // Whatever went wrong, no half file stays; that it is gone already is no further error.
        let _ = std::fs::remove_file(&beside);
    }
    written
}
