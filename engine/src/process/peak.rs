//! The most memory that a worker has had in use, taken down by itself as it dies.
//!
//! What the system says of a reaped child includes what its parent had in use when it was started,
//! and so tells of the worker only where that had more.

use crate::machine::kilobytes;

/// `VmHWM` of this process, in bytes. Nothing but system calls and a buffer on the stack, so a signal
/// handler may call it.
pub(super) fn own_peak_bytes() -> Option<u64> {
    let file = c"/proc/self/status";
    let mut text = [0u8; 4096];
    // SAFETY: a file's name, a buffer with its length, and the descriptor that was just opened.
    let len = unsafe {
        let file = libc::open(file.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let len = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        len
    };
    peak_of(text.get(..usize::try_from(len).ok()?)?)
}

/// Its first line has the program's name, which may be anything.
fn peak_of(status: &[u8]) -> Option<u64> {
    let first_end = status.iter().position(|byte| *byte == b'\n')?;
    kilobytes(std::str::from_utf8(&status[first_end..]).ok()?, "VmHWM:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_found_in_the_text_and_is_that_of_this_process() {
        let text = b"Name:\t\xFF\nVmPeak:\t  900 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 7 kB\n";
        assert_eq!(peak_of(text), Some(1234 << 10));
        assert_eq!(peak_of(b"Name:\tx\n"), None);
        let before = own_peak_bytes().unwrap();
        std::hint::black_box(vec![1u8; before as usize + (16 << 20)]);
        assert!(own_peak_bytes().unwrap() >= before + (16 << 20));
    }
}
