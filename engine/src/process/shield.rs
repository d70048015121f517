//! Keeps user code from writing what is the engine's own: with fences, for as long as user code runs
//! nothing can be written through the engine's mapping of the region in this process.
//!
//! Where the CPU has protection keys that mapping carries one, and lowering the shield is an
//! instruction; else its pages are made read-only and writable again, which takes two system calls
//! each. (They are quick: of the arrays a worker with fences touches next to nothing there.) It
//! belongs to fences because even the instruction, twice a chunk, costs more than the claiming of a
//! small chunk.

use crate::error::{Error, Result};
use crate::memory::Region;
use std::ffi::{c_int, c_uint, c_void};
use std::sync::OnceLock;

static SHIELD: OnceLock<Shield> = OnceLock::new();

#[derive(Debug)]
enum Shield {
    /// A protection key.
    Key(c_int),
    /// The protection of pages.
    Pages(&'static Region),
}

const DISABLE_WRITE: c_uint = 2;

// Of glibc, since 2.27; where the CPU or the kernel has no keys, `pkey_alloc` fails.
unsafe extern "C" {
    fn pkey_alloc(flags: c_uint, rights: c_uint) -> c_int;
    fn pkey_free(key: c_int) -> c_int;
    fn pkey_mprotect(address: *mut c_void, len: usize, protection: c_int, key: c_int) -> c_int;
    fn pkey_set(key: c_int, rights: c_uint) -> c_int;
}

/// Whether CPU and kernel have protection keys.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "for `gristmill info`"))]
pub(crate) fn has_keys() -> bool {
    // SAFETY: takes a key that nobody has, and gives it back.
    unsafe {
        let key = pkey_alloc(0, 0);
        key >= 0 && pkey_free(key) == 0
    }
}

/// From now on [`shielded`] shields `region`, the engine's own mapping.
pub(crate) fn set_up(region: &'static Region) -> Result<()> {
    // SAFETY: takes a key that nobody has; it permits everything until it is set.
    let key = unsafe { pkey_alloc(0, 0) };
    let shield = if key < 0 { Shield::Pages(region) } else { Shield::Key(key) };
    if let Shield::Key(key) = shield {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        for range in region.between_guards() {
            let start = region.bytes(range.start, range.len());
            // SAFETY: parts of our own mapping, whose protection stays as it is beside the key.
            let code =
                unsafe { pkey_mprotect(start.as_ptr().cast(), range.len(), protection, key) };
            if code != 0 {
                let reason = std::io::Error::last_os_error();
                return Err(Error::system("giving the region a protection key", reason));
            }
        }
    }
    SHIELD.set(shield).expect("a process becomes a worker once");
    Ok(())
}

/// Runs user code behind the shield, if there is one.
pub(crate) fn shielded<T>(user_code: impl FnOnce() -> T) -> T {
    let Some(shield) = SHIELD.get() else { return user_code() };
    shield.allow_writes(false);
    let _lift_again = Lift(shield);
    user_code()
}

/// Runs something of the engine's own in the middle of user code: a signal handler.
pub(super) fn lifted<T>(own: impl FnOnce() -> T) -> T {
    let Some(shield) = SHIELD.get() else { return own() };
    shield.allow_writes(true);
    let result = own();
    // A page that stayed writable would let the faulting write succeed when it is tried again. (A
    // key needs no such care: the end of the handler restores what the thread had.)
    if matches!(shield, Shield::Pages(_)) {
        shield.allow_writes(false);
    }
    result
}

/// Lifts the shield when user code ends, by a panic as well.
struct Lift(&'static Shield);

impl Drop for Lift {
    fn drop(&mut self) {
        self.0.allow_writes(true);
    }
}

impl Shield {
    fn allow_writes(&self, allow: bool) {
        let done = match self {
            // SAFETY: a key of this process; the rights are those of this thread alone.
            Shield::Key(key) => unsafe {
                pkey_set(*key, if allow { 0 } else { DISABLE_WRITE }) == 0
            },
            Shield::Pages(region) => region.allow_writes(allow),
        };
        if !done {
            eprintln!("a worker cannot shield the engine's memory from user code, and ends itself");
            super::entry::exit(1);
        }
    }
}
