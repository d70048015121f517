//! The header of a `.npy` file: what array it holds, and where it begins.
//!
//! Only headers are read, with bounds on everything that they claim; the data are the engine's to
//! map. What the engine cannot map (foreign byte order, Fortran order, objects, …) is refused with
//! the line of Python that mends it.
//!
//! Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0, 2.0 and
//! 3.0.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::element_type::ElementType;
use super::npy_literal::{self, Entry, Literal};

/// The longest header that is read. numpy writes about 120 bytes and reads at most 10,000 by
/// default.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// The most dimensions that an array of the engine has.
const DIMENSIONS_MAX: usize = 6;

/// What a header says, checked against the file's length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NpyHeader {
    /// The type of the elements, in the machine's byte order.
    pub(crate) element: ElementType,
    /// 1 to 6 dimensions, C order.
    pub(crate) shape: Vec<usize>,
    /// Where the data begin.
    pub(crate) data_offset_bytes: u64,
    /// Bytes of the data.
    pub(crate) data_bytes: u64,
}

/// Why a file is not an array that the engine can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NpyError {
    /// What is wrong, with the offset in the file where that helps.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
}

fn refuse<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, NpyError> {
    Err(NpyError { message: message.into(), help: help.into() })
}

const SAVE_AGAIN: &str = "write it again with numpy.save(\"NAME.npy\", array)";

impl NpyHeader {
    /// Opens a file and reads its header. A folder, a pipe or a device is refused without waiting
    /// for it.
    pub(crate) fn of_file(path: &Path) -> Result<NpyHeader, NpyError> {
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        let (mut file, metadata) =
            match opened.and_then(|file| file.metadata().map(|data| (file, data))) {
                Ok(both) => both,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return refuse(
                        format!("there is no file {}", path.display()),
                        "a file is named relative to the job file",
                    );
                }
                Err(error) => {
                    return refuse(
                        format!("cannot open {}: {error}", path.display()),
                        "see its permissions",
                    );
                }
            };
        if !metadata.is_file() {
            return refuse(format!("{} is not a regular file", path.display()), "name a .npy file");
        }
        NpyHeader::read(&mut file as &mut File, metadata.len())
    }

    /// Reads the header at the start of `source`, whose whole length is `length_bytes`.
    pub(crate) fn read(source: &mut impl Read, length_bytes: u64) -> Result<NpyHeader, NpyError> {
        let (text, data_offset_bytes) = header_text(source, length_bytes)?;
        let text_offset = data_offset_bytes as usize - text.len();
        let entries = npy_literal::parse(&text).map_err(|error| NpyError {
            message: format!(
                "the header is damaged at byte {}: {}",
                text_offset + error.at,
                error.message
            ),
            help: SAVE_AGAIN.into(),
        })?;
        let (descr, fortran, shape) = three_entries(entries)?;
        let element = element_type(&descr)?;
        if fortran && shape.len() > 1 {
            return refuse(
                "the array is stored in Fortran order (columns first); C order (rows first) is read",
                "in Python: numpy.save(\"NAME.npy\", numpy.ascontiguousarray(array))",
            );
        }
        if shape.is_empty() || shape.len() > DIMENSIONS_MAX {
            return refuse(
                format!("the array has {} dimensions; 1 to {DIMENSIONS_MAX} are read", shape.len()),
                "in Python: array.reshape(...) before numpy.save",
            );
        }
        let data_bytes = data_bytes(&shape, element)?;
        let held_bytes = length_bytes - data_offset_bytes;
        if held_bytes < data_bytes {
            return refuse(
                format!(
                    "the file is cut short: its header declares {data_bytes} bytes of data from byte \
                     {data_offset_bytes} on, but only {held_bytes} follow"
                ),
                "copy or write it again",
            );
        }
        Ok(NpyHeader { element, shape, data_offset_bytes, data_bytes })
    }
}

/// The header's text, and the offset of the byte after it.
fn header_text(source: &mut impl Read, length_bytes: u64) -> Result<(Vec<u8>, u64), NpyError> {
    let cut_short = || NpyError {
        message: format!("the file ends inside the .npy header, at byte {length_bytes}"),
        help: "copy or write it again".into(),
    };
    let mut read = |bytes: &mut [u8]| match source.read_exact(bytes) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(cut_short()),
        Err(error) => {
            refuse(format!("cannot read the file: {error}"), "see the disk and its permissions")
        }
    };
    let mut start = [0; 8];
    if length_bytes >= 8 {
        read(&mut start)?;
    }
    if !start.starts_with(b"\x93NUMPY") {
        return refuse(
            "this is not a .npy file: it does not begin with the six bytes \\x93NUMPY",
            SAVE_AGAIN,
        );
    }
    let mut size = [0; 4];
    let size_bytes = match start[6..] {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        [major, minor, ..] => {
            return refuse(
                format!(
                    "version {major}.{minor} of the .npy format (bytes 6 and 7) is not known; 1.0 to 3.0 are"
                ),
                SAVE_AGAIN,
            );
        }
        _ => return Err(cut_short()),
    };
    read(&mut size[..size_bytes])?;
    let header_bytes = u32::from_le_bytes(size) as usize;
    let data_offset = (8 + size_bytes + header_bytes) as u64;
    if header_bytes > HEADER_BYTES_MAX {
        return refuse(
            format!(
                "the header claims {header_bytes} bytes (at byte 8); at most {HEADER_BYTES_MAX} are read"
            ),
            SAVE_AGAIN,
        );
    }
    if data_offset > length_bytes {
        return Err(cut_short());
    }
    let mut text = vec![0; header_bytes];
    read(&mut text)?;
    Ok((text, data_offset))
}

/// `descr`, `fortran_order` and `shape`, each there once and of its type.
fn three_entries(entries: Vec<Entry>) -> Result<(Literal, bool, Vec<usize>), NpyError> {
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    for Entry { key, value } in entries {
        let first = match (key.as_str(), value) {
            ("descr", value) => descr.replace(value).is_none(),
            ("fortran_order", Literal::Bool(value)) => fortran.replace(value).is_none(),
            ("shape", Literal::Integers(value)) => shape.replace(value).is_none(),
            (key @ ("fortran_order" | "shape"), value) => {
                return refuse(format!("the header's `{key}` is {}", value.describe()), SAVE_AGAIN);
            }
            (key, _) => {
                return refuse(format!("the header has an unknown entry `{key}`"), SAVE_AGAIN);
            }
        };
        if !first {
            return refuse(format!("the header has `{key}` twice"), SAVE_AGAIN);
        }
    }
    let missing = |name: &str| NpyError {
        message: format!("the header has no `{name}`"),
        help: SAVE_AGAIN.into(),
    };
    Ok((
        descr.ok_or_else(|| missing("descr"))?,
        fortran.ok_or_else(|| missing("fortran_order"))?,
        shape.ok_or_else(|| missing("shape"))?,
    ))
}

fn data_bytes(shape: &[usize], element: ElementType) -> Result<u64, NpyError> {
    let too_large = || NpyError {
        message: format!("the header declares an array of impossible size: {shape:?} of {element}"),
        help: SAVE_AGAIN.into(),
    };
    // Zeros must not hide an overflow of the others: strides are computed from all of them.
    let nonzero = shape.iter().filter(|&&length| length != 0);
    let elements = nonzero.copied().try_fold(1usize, usize::checked_mul).ok_or_else(too_large)?;
    let bytes = elements.checked_mul(element.size_bytes()).ok_or_else(too_large)?;
    if isize::try_from(bytes).is_err() {
        return Err(too_large());
    }
    Ok(if shape.contains(&0) { 0 } else { bytes as u64 })
}

fn element_type(descr: &Literal) -> Result<ElementType, NpyError> {
    let Literal::Text(descr) = descr else {
        return match descr {
            Literal::Nested => refuse(
                "the array is structured (several fields per element); plain numbers are read",
                "in Python, save one field: numpy.save(\"NAME.npy\", array[\"FIELD\"])",
            ),
            other => refuse(format!("the header's `descr` is {}", other.describe()), SAVE_AGAIN),
        };
    };
    let native = if cfg!(target_endian = "little") { '<' } else { '>' };
    let (order, kind) = match descr.chars().next() {
        Some(order @ ('<' | '>' | '|' | '=')) => (order, &descr[1..]),
        _ => ('|', descr.as_str()),
    };
    let known = match kind {
        "f4" => ElementType::F32,
        "f8" => ElementType::F64,
        "i1" => ElementType::I8,
        "i2" => ElementType::I16,
        "i4" => ElementType::I32,
        "i8" => ElementType::I64,
        "u1" => ElementType::U8,
        "u2" => ElementType::U16,
        "u4" => ElementType::U32,
        "u8" => ElementType::U64,
        "c8" => ElementType::C32,
        "c16" => ElementType::C64,
        _ => return foreign_kind(descr, kind),
    };
    if known.size_bytes() > 1 && order != native && order != '=' {
        return refuse(
            format!("the elements are stored in the other byte order ('{descr}')"),
            convert(&format!("{native}{kind}")),
        );
    }
    Ok(known)
}

fn foreign_kind(descr: &str, kind: &str) -> Result<ElementType, NpyError> {
    let (what, to) = match kind {
        "b1" => ("booleans", "uint8"),
        "f2" => ("half floats", "float32"),
        "f16" | "f12" => ("long doubles", "float64"),
        "c32" | "c24" => ("long complex numbers", "complex128"),
        _ => match kind.chars().next() {
            Some('O') => ("Python objects", "float64"),
            Some('S' | 'U' | 'a') => ("texts", "float64"),
            Some('M' | 'm') => ("dates or durations", "int64"),
            Some('V') => {
                let help = "in Python: numpy.save(\"NAME.npy\", array.view(\"uint8\"))";
                return refuse(format!("the elements are raw bytes ('{descr}')"), help);
            }
            _ => {
                return refuse(
                    format!("the elements are of an unknown type ('{descr}')"),
                    SAVE_AGAIN,
                );
            }
        },
    };
    refuse(format!("the elements are {what} ('{descr}'), which are not read"), convert(to))
}

fn convert(to: &str) -> String {
    format!("in Python: numpy.save(\"NAME.npy\", array.astype(\"{to}\"))")
}
