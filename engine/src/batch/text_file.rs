//! Texts that people hand over, job files and reports: read as a whole, but no more of them than is
//! sensible, and never waited for.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The text in a regular file of at most `bytes_max` bytes; an error says what is wrong with it.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<String, String> {
    let file = open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    let too_long = || format!("it is longer than {bytes_max} bytes");
    if metadata.len() > bytes_max {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // Files of /proc say that they have no bytes, and others may grow.
    let read = file.take(bytes_max + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_long());
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 text (byte {})", error.utf8_error().valid_up_to())
    })
}

/// Without waiting for whoever might write into a pipe.
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(path)
}
