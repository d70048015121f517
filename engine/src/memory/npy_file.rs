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

/// The shape of the array in a file, if it is one of elements `T` with as many axes as `D` has.
pub(crate) fn shape_of<T: Element, D: Dimension>(path: &Path) -> Result<(NpyHeader, D)> {
    let header = NpyHeader::of_file(path)
        .map_err(|error| failed(path, format!("{}; {}", error.message, error.help)))?;
    let wanted = std::any::type_name::<T>();
    if header.element.rust_name() != wanted {
        let held = header.element.name();
        return Err(failed(
            path,
            format!("it holds {held}, not {wanted}; ask for {held}, or convert the file"),
        ));
    }
    let axes = header.shape.len();
    if D::NDIM.is_some_and(|wanted| wanted != axes) {
        let shape = &header.shape;
        let reason = format!("its shape {shape:?} has {axes} axes, not {:?}", D::NDIM.unwrap_or(0));
        return Err(failed(path, reason));
    }
    let mut dim = D::zeros(axes);
    dim.slice_mut().copy_from_slice(&header.shape);
    Ok((header, dim))
}

/// An error for a file whose elements could not be read.
pub(crate) fn unread(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => failed(path, "it became shorter while it was read"),
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
