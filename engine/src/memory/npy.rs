//! The header of a `.npy` file: what array it holds, and where it begins.
//!
//! Nothing that a header claims is believed before it is checked against the file's length, and no
//! more than [`HEADER_BYTES_MAX`] of it are read. What the engine has no elements for (objects,
//! structures, texts, …) is refused with the line of Python that mends it.
//!
//! Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0, 2.0 and
//! 3.0.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::element_type::ElementType;
use super::npy_encoding::Encoding;
use super::npy_literal::{self, Entry, Literal};
use super::npy_type::{SAVE_AGAIN, element_type};

/// The longest header that is read. numpy writes about 120 bytes and reads at most 10,000 by
/// default.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// The most dimensions that an array of the engine has.
const DIMENSIONS_MAX: usize = 6;

/// Which elements of the file lie side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those of the last axis, as in memory.
    C,
    /// Those of the first axis.
    Fortran,
}

/// What a header says, checked against the file's length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NpyHeader {
    /// The type of the elements in memory.
    pub(crate) element: ElementType,
    /// How they are encoded in the file.
    pub(crate) encoding: Encoding,
    /// Which of them lie side by side there.
    pub(crate) order: Order,
    /// 0 to 6 dimensions.
    pub(crate) shape: Vec<usize>,
    /// Where the data begin.
    pub(crate) data_offset_bytes: u64,
    /// Bytes of the data in the file.
    pub(crate) data_bytes: u64,
}

/// Why a file is not an array that the engine can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NpyError {
    /// What is wrong, and at which byte of the file.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
    /// The byte again; none where no byte of the file is wrong.
    pub(crate) offset: Option<u64>,
}

impl NpyError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> NpyError {
        NpyError { message: message.into(), help: help.into(), offset: None }
    }

    fn at(offset: u64, message: impl std::fmt::Display, help: impl Into<String>) -> NpyError {
        let message = format!("{message} (at byte {offset})");
        NpyError { message, help: help.into(), offset: Some(offset) }
    }
}

impl NpyHeader {
    /// Opens a file and reads its header. A folder, a pipe or a device is refused without waiting
    /// for it.
    pub(crate) fn open(path: &Path) -> Result<(File, NpyHeader), NpyError> {
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        let metadata = opened.and_then(|file| file.metadata().map(|data| (file, data)));
        let (mut file, metadata) = metadata.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => NpyError::new(
                format!("there is no file {}", path.display()),
                "a file is named relative to the job file",
            ),
            _ => NpyError::new(
                format!("cannot open {}: {error}", path.display()),
                "see its permissions",
            ),
        })?;
        if !metadata.is_file() {
            let message = format!("{} is not a regular file", path.display());
            return Err(NpyError::new(message, "name a .npy file"));
        }
        let header = NpyHeader::read(&mut file, metadata.len())?;
        Ok((file, header))
    }

    /// Reads the header at the start of `source`, whose whole length is `length_bytes`. Bytes behind
    /// the array are left alone, as numpy leaves them: a file may hold several.
    pub(crate) fn read(source: &mut impl Read, length_bytes: u64) -> Result<NpyHeader, NpyError> {
        let (text, data_offset_bytes) = header_text(source, length_bytes)?;
        let start = data_offset_bytes - text.len() as u64;
        let entries = npy_literal::parse(&text).map_err(|error| {
            let message = format!("the header is damaged: {}", error.message);
            NpyError::at(start + error.at as u64, message, SAVE_AGAIN)
        })?;
        let [descr, fortran, shape] = three_entries(entries, start)?;
        let (element, encoding) = element_type(&descr.value)
            .map_err(|(message, help)| NpyError::at(start + descr.at as u64, message, help))?;
        let (Literal::Bool(fortran), Literal::Integers(lengths)) = (fortran.value, shape.value)
        else {
            unreachable!("`three_entries` has looked at their types");
        };
        let at_shape = start + shape.at as u64;
        if lengths.len() > DIMENSIONS_MAX {
            let dimensions = lengths.len();
            let message =
                format!("the array has {dimensions} dimensions; up to {DIMENSIONS_MAX} are read");
            let help = "in Python: array.reshape(...) before numpy.save";
            return Err(NpyError::at(at_shape, message, help));
        }
        let bytes = bytes_in_memory(&lengths, element).ok_or_else(|| {
            let message = format!(
                "the header declares an array of impossible size: {lengths:?} of {element}"
            );
            NpyError::at(at_shape, message, SAVE_AGAIN)
        })?;
        let data_bytes = encoding.stored_bytes(bytes);
        let held_bytes = length_bytes - data_offset_bytes;
        if held_bytes < data_bytes {
            let message = format!(
                "the file is cut short: its header declares {data_bytes} bytes of data from byte \
                 {data_offset_bytes} on, but only {held_bytes} follow"
            );
            return Err(NpyError::at(length_bytes, message, "copy or write it again"));
        }
        // numpy ends every header with a newline, and reads headers of others without one. There only
        // the file's length tells that the header's is right, and so where the data begin.
        if text.last() != Some(&b'\n') && held_bytes != data_bytes {
            let message = format!(
                "the header does not end with a newline, and {held_bytes} bytes follow it in place \
                 of {data_bytes}, so its length is not what it claims"
            );
            return Err(NpyError::at(data_offset_bytes, message, SAVE_AGAIN));
        }
        // Where one axis alone is longer than 1 there is only one order.
        let order = match fortran && lengths.iter().filter(|&&length| length != 1).count() > 1 {
            true => Order::Fortran,
            false => Order::C,
        };
        Ok(NpyHeader { element, encoding, order, shape: lengths, data_offset_bytes, data_bytes })
    }

    /// Number of elements.
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes of the array in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.elements() * self.element.size_bytes()
    }

    /// How the file differs from an array in memory, if it does.
    pub(crate) fn describe_layout(&self) -> Option<String> {
        let encoding = match self.encoding {
            Encoding::Native => None,
            Encoding::Bool => Some("booleans"),
            Encoding::Half { .. } => Some("half floats"),
            Encoding::Swapped(_) => Some(FOREIGN_ORDER),
        };
        let order = (self.order == Order::Fortran).then_some("Fortran order");
        let parts: Vec<&str> = encoding.into_iter().chain(order).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

const FOREIGN_ORDER: &str =
    if cfg!(target_endian = "little") { "big-endian" } else { "little-endian" };

/// The header's text, and the offset of the byte after it.
fn header_text(source: &mut impl Read, length_bytes: u64) -> Result<(Vec<u8>, u64), NpyError> {
    let cut_short = || {
        let message = "the file ends inside the .npy header";
        NpyError::at(length_bytes, message, "copy or write it again")
    };
    let mut read = |bytes: &mut [u8]| {
        source.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => cut_short(),
            _ => NpyError::new(
                format!("cannot read the file: {error}"),
                "see the disk and its permissions",
            ),
        })
    };
    const MAGIC: &[u8] = b"\x93NUMPY";
    let mut start = vec![0; length_bytes.min(8) as usize];
    read(&mut start)?;
    let same = start.iter().zip(MAGIC).take_while(|(byte, magic)| byte == magic).count();
    if length_bytes == 0 {
        return Err(NpyError::at(0, "the file is empty", SAVE_AGAIN));
    }
    if same < MAGIC.len().min(start.len()) {
        let message = "this is not a .npy file: it does not begin with the six bytes \\x93NUMPY";
        return Err(NpyError::at(same as u64, message, SAVE_AGAIN));
    }
    let mut size = [0; 4];
    let size_bytes = match start[same..] {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        [major, minor] => {
            let message =
                format!("version {major}.{minor} of the .npy format is not known; 1.0 to 3.0 are");
            return Err(NpyError::at(6, message, SAVE_AGAIN));
        }
        _ => return Err(cut_short()),
    };
    read(&mut size[..size_bytes])?;
    let header_bytes = u32::from_le_bytes(size) as usize;
    if header_bytes > HEADER_BYTES_MAX {
        let message =
            format!("the header claims {header_bytes} bytes; at most {HEADER_BYTES_MAX} are read");
        return Err(NpyError::at(8, message, SAVE_AGAIN));
    }
    let data_offset = (8 + size_bytes + header_bytes) as u64;
    if data_offset > length_bytes {
        return Err(cut_short());
    }
    let mut text = vec![0; header_bytes];
    read(&mut text)?;
    Ok((text, data_offset))
}

/// `descr`, `fortran_order` and `shape`, each there once and of its type. `start` is where the
/// header's text begins.
fn three_entries(entries: Vec<Entry>, start: u64) -> Result<[Entry; 3], NpyError> {
    let [mut descr, mut fortran, mut shape] = [None, None, None];
    for entry in entries {
        let at = |message: String| NpyError::at(start + entry.at as u64, message, SAVE_AGAIN);
        let place = match (entry.key.as_str(), &entry.value) {
            ("descr", _) => &mut descr,
            ("fortran_order", Literal::Bool(_)) => &mut fortran,
            ("shape", Literal::Integers(_)) => &mut shape,
            (key @ ("fortran_order" | "shape"), value) => {
                return Err(at(format!("the header's `{key}` is {}", value.describe())));
            }
            (key, _) => return Err(at(format!("the header has an unknown entry `{key}`"))),
        };
        if place.is_some() {
            return Err(at(format!("the header has `{}` twice", entry.key)));
        }
        *place = Some(entry);
    }
    let missing = |name| NpyError::at(start, format!("the header has no `{name}`"), SAVE_AGAIN);
    Ok([
        descr.ok_or_else(|| missing("descr"))?,
        fortran.ok_or_else(|| missing("fortran_order"))?,
        shape.ok_or_else(|| missing("shape"))?,
    ])
}

fn bytes_in_memory(shape: &[usize], element: ElementType) -> Option<u64> {
    // Zeros must not hide an overflow of the others: strides are computed from all of them.
    let mut nonzero = shape.iter().copied().filter(|&length| length != 0);
    let bytes = nonzero.try_fold(element.size_bytes(), usize::checked_mul)?;
    let bytes = isize::try_from(bytes).ok()?;
    Some(if shape.contains(&0) { 0 } else { bytes as u64 })
}
