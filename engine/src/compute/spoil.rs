//! Debug builds fill what a kernel is to write with a pattern first, so that reading it shows: a
//! kernel that read it could not be retried.

use super::access::{Kind, Located, Window};
use super::program::ArgSpec;
use super::table::{Around, Runner};

/// A runner whose outputs are spoilt before each chunk.
pub(crate) struct Spoiling {
    pub(crate) inner: Box<dyn Runner>,
    pub(crate) args: Vec<ArgSpec>,
}

impl Around for Spoiling {
    fn inner(&self) -> &dyn Runner {
        &*self.inner
    }

    unsafe fn run(&self, window: &Window, at: &[Located], slot: &mut [u8]) {
        for (at, arg) in at.iter().zip(&self.args) {
            // SAFETY: the caller holds the claim of this chunk, so its pieces are ours to write.
            unsafe { spoil(at, arg, window) };
        }
        // SAFETY: the caller's promise.
        unsafe { self.inner.run(window, at, slot) }
    }
}

/// # Safety
///
/// The piece of the window is the caller's to write.
unsafe fn spoil(at: &Located, arg: &ArgSpec, window: &Window) {
    let (rows, columns) = (&window.chunk.range, &window.chunk.columns);
    let stride = at.stride * arg.element_bytes;
    let start = rows.start * stride;
    match arg.kind {
        // SAFETY: the caller's promise; the rows lie inside the array.
        Kind::Write => unsafe { at.base.add(start).write_bytes(0xA5, rows.len() * stride) },
        Kind::TileOut => {
            let [first, bytes] = [columns.start, columns.len()].map(|n| n * arg.element_bytes);
            for row in 0..rows.len() {
                // SAFETY: as above, the columns of a row of the tile.
                unsafe { at.base.add(start + row * stride + first).write_bytes(0xA5, bytes) };
            }
        }
        _ => {}
    }
}
