//! Making pages present, as huge pages where the kernel lets us.
//!
//! Touching one byte per 2 MiB and collapsing the range (`MADV_COLLAPSE`, Linux 6.1) is some three
//! times as fast as touching every page, and gives huge pages even where shmem's are set to
//! `never`. Where it is refused, pages are touched one by one.

use super::region::HUGE;

const PAGE: usize = 4096;

/// What making pages present came to, for `gristmill info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Collapsed into huge pages.
    Huge,
    /// Touched one by one.
    Small,
}

/// Makes the pages under `bytes` present without changing what they hold; safe to repeat.
pub(crate) fn make_present(bytes: &mut [u8]) -> Pages {
    let (mut pages, start) = (Pages::Huge, bytes.as_ptr() as usize);
    let mut done = 0;
    while done < bytes.len() {
        let to_boundary = HUGE - (start + done) % HUGE;
        let end = (done + to_boundary).min(bytes.len());
        let piece = &mut bytes[done..end];
        let whole = to_boundary == HUGE && piece.len() == HUGE;
        if !(whole && collapse(piece)) {
            piece.iter_mut().step_by(PAGE).for_each(touch);
            pages = Pages::Small;
        }
        done = end;
    }
    pages
}

/// Dirties a byte without changing it.
fn touch(byte: &mut u8) {
    // SAFETY: an exclusive reference; volatile, so that the idle write is not optimised away.
    unsafe { std::ptr::write_volatile(byte, std::ptr::read_volatile(byte)) }
}

fn collapse(huge: &mut [u8]) -> bool {
    touch(&mut huge[0]);
    // SAFETY: the range is one that we hold exclusively; collapsing moves its pages and keeps
    // their contents. Not in nix 0.31, hence libc.
    let answer =
        unsafe { libc::madvise(huge.as_mut_ptr().cast(), huge.len(), libc::MADV_COLLAPSE) };
    answer == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::region::{ARRAYS, Region};

    #[test]
    fn contents_survive() {
        let region = Region::create(16 << 20).unwrap();
        let len = 5 << 20;
        // SAFETY: this test alone uses the region.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(region.bytes(ARRAYS + 4096, len).as_ptr(), len)
        };
        bytes[1] = 1;
        bytes[len - 1] = 2;
        make_present(bytes);
        assert_eq!((bytes[0], bytes[1], bytes[len - 1]), (0, 1, 2));
    }
}
