//! Death at any instruction: a process single-steps through an operation by the CPU's trap flag, and
//! kills itself before the instruction of a given number. Nothing of it is in the code that is tried.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Instructions stepped so far, and the number of the one before which to die.
static STEPPED: AtomicU64 = AtomicU64::new(0);
static DEADLY: AtomicU64 = AtomicU64::new(u64::MAX);

/// Runs an operation, and dies by SIGKILL before its instruction number `deadly`. Gives its result and
/// how many instructions it has.
pub fn die_at<T>(deadly: u64, operation: impl FnOnce() -> T) -> (T, u64) {
    // SAFETY: all zeroes are a valid `sigaction`; the handler uses atomics and two system calls.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as *const () as usize;
        libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut());
    }
    STEPPED.store(0, Relaxed);
    DEADLY.store(deadly, Relaxed);
    set_trap_flag(true);
    let result = operation();
    set_trap_flag(false);
    (result, STEPPED.load(Relaxed))
}

extern "C" fn count(_: libc::c_int) {
    if STEPPED.fetch_add(1, Relaxed) == DEADLY.load(Relaxed) {
        // SAFETY: two plain system calls, allowed in a handler.
        unsafe { libc::syscall(libc::SYS_kill, libc::syscall(libc::SYS_getpid), libc::SIGKILL) };
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn set_trap_flag(on: bool) {
    const TRAP: u64 = 1 << 8;
    // SAFETY: changes the trap flag alone; each trap is handled by `count`.
    unsafe {
        if on {
            std::arch::asm!("pushfq", "or qword ptr [rsp], {}", "popfq", const TRAP);
        } else {
            std::arch::asm!("pushfq", "and qword ptr [rsp], {}", "popfq", const !TRAP as i32);
        }
    }
}

/// Elsewhere nothing is stepped, and nobody dies: each sweep sees its operation done.
#[cfg(not(target_arch = "x86_64"))]
fn set_trap_flag(_: bool) {}

/// The instructions before which to die in a test, of an operation that has so many: spread evenly, the
/// first and the last among them, and fewer of long ones, as each step takes some microseconds; all of
/// them with `GRISTMILL_EVERY_STEP` set.
pub fn deadly_steps(of: u64) -> impl Iterator<Item = u64> {
    const TRIED: std::ops::RangeInclusive<u64> = 20..=60;
    const STEPPED: u64 = 2_000_000;
    let every = std::env::var_os("GRISTMILL_EVERY_STEP").is_some();
    let fitting = (STEPPED / of.max(1)).clamp(*TRIED.start(), *TRIED.end());
    let tried = if every { of } else { of.min(fitting) };
    (0..tried).map(move |n| if tried < 2 { n } else { n * (of - 1) / (tried - 1) })
}
