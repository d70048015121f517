//! Waiting for and waking threads of any process that shares a mapping, by the `futex` system call.
//!
//! The calls are not `FUTEX_PRIVATE`, so the kernel finds a waiter by the page and not by the
//! address: two mappings of one memfd meet. Nothing here spins, and nothing here loops: the
//! caller's protocol decides what to check again.
//!
//! The wait loop that is right everywhere:
//!
//! ```text
//! loop {
//!     let seen = word.load(Acquire);
//!     if seen means go { break }
//!     wait(word, seen, timeout);   // returns at once if the word has changed since
//! }
//! ```
//!
//! A waker stores first and wakes then. See futex(2).

use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use nix::errno::Errno;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Woken, perhaps for no reason that concerns the caller: check the word again.
    Woken,
    /// The word did not hold the expected value: nobody slept.
    Changed,
    /// The time was up.
    TimedOut,
    /// A signal came: check the word again.
    Interrupted,
}

/// Sleeps while `word` holds `expected`, until woken, or for at most `timeout` on the monotonic
/// clock.
///
/// # Panics
///
/// If the kernel refuses the word, for instance because its mapping has lost its pages.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> Waited {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout: *const libc::timespec = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` is a live, aligned u32 that the kernel only compares, atomically; `timeout` is
    // null or points to a timespec that lives to the end of this function. FUTEX_WAIT takes a
    // relative time and ignores what follows.
    let result = unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, timeout)
    };
    match Errno::result(result) {
        Ok(_) => Waited::Woken,
        Err(Errno::EAGAIN) => Waited::Changed,
        Err(Errno::ETIMEDOUT) => Waited::TimedOut,
        Err(Errno::EINTR) => Waited::Interrupted,
        Err(errno) => panic!(
            "futex wait at {:p} was refused: {errno}; is the region still mapped?",
            word.as_ptr()
        ),
    }
}

/// Wakes up to `count` waiters in any process; says how many there were.
///
/// # Panics
///
/// As [`wait`].
pub(crate) fn wake(word: &AtomicU32, count: u32) -> usize {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    // SAFETY: `word` is a live, aligned u32; FUTEX_WAKE uses its address alone and ignores what
    // follows the count.
    let result = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
    match Errno::result(result) {
        Ok(woken) => usize::try_from(woken).unwrap_or(0),
        Err(errno) => panic!(
            "futex wake at {:p} was refused: {errno}; is the region still mapped?",
            word.as_ptr()
        ),
    }
}

/// Wakes all waiters in all processes; says how many there were.
///
/// # Panics
///
/// As [`wait`].
pub(crate) fn wake_all(word: &AtomicU32) -> usize {
    wake(word, u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::thread::JoinHandleExt;
    use std::sync::atomic::Ordering::{Acquire, Release};
    use std::thread;
    use std::time::Instant;

    use memmap2::MmapRaw;
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));

    /// Wakes until somebody was asleep, as the waiter may not have come that far yet.
    fn wake_once_asleep(word: &AtomicU32) {
        let start = Instant::now();
        while wake(word, 1) == 0 {
            assert!(start.elapsed() < Duration::from_secs(20), "nobody waits");
            thread::yield_now();
        }
    }

    #[test]
    fn a_changed_word_is_not_waited_for() {
        for timeout in [None, Some(Duration::ZERO), LONG, Some(Duration::MAX)] {
            assert_eq!(wait(&AtomicU32::new(1), 0, timeout), Waited::Changed);
        }
    }

    #[test]
    fn a_wait_times_out_not_before_its_time() {
        let start = Instant::now();
        assert_eq!(wait(&AtomicU32::new(0), 0, Some(Duration::from_millis(30))), Waited::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn nobody_to_wake_is_no_error() {
        assert_eq!(wake(&AtomicU32::new(0), 1), 0);
        assert_eq!(wake_all(&AtomicU32::new(0)), 0);
    }

    #[test]
    fn one_thread_wakes_another() {
        let word = AtomicU32::new(0);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| wait(&word, 0, LONG));
            wake_once_asleep(&word);
            assert_eq!(waiter.join().unwrap(), Waited::Woken);
        });
    }

    #[test]
    fn wake_all_wakes_everybody() {
        let word = AtomicU32::new(0);
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..3).map(|_| scope.spawn(|| wait(&word, 0, LONG))).collect();
            let start = Instant::now();
            let mut woken = 0;
            while woken < 3 && start.elapsed() < Duration::from_secs(20) {
                woken += wake_all(&word);
                thread::yield_now();
            }
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Waited::Woken);
            }
        });
    }

    #[test]
    fn two_mappings_of_one_memfd_meet() {
        let memory = File::from(memfd_create(c"futex test", MFdFlags::MFD_CLOEXEC).unwrap());
        memory.set_len(4096).unwrap();
        let (here, there) =
            (MmapRaw::map_raw(&memory).unwrap(), MmapRaw::map_raw(&memory).unwrap());
        assert_ne!(here.as_ptr(), there.as_ptr());
        // SAFETY: each mapping is a page that outlives the threads below, aligned, zeroed, and used
        // as atomics only.
        let (word, other) =
            unsafe { (&*here.as_ptr().cast::<AtomicU32>(), &*there.as_ptr().cast::<AtomicU32>()) };
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let waited = wait(other, 0, LONG);
                (waited, other.load(Acquire))
            });
            wake_once_asleep(word);
            assert_eq!(waiter.join().unwrap(), (Waited::Woken, 0));
            word.store(7, Release);
            assert_eq!(wait(other, 0, None), Waited::Changed);
            assert_eq!(other.load(Acquire), 7);
        });
    }

    #[test]
    fn a_signal_interrupts_a_wait() {
        extern "C" fn ignore(_: libc::c_int) {}
        let action = SigAction::new(SigHandler::Handler(ignore), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing, so it is safe at any point; no other test uses this
        // signal.
        unsafe { sigaction(Signal::SIGUSR2, &action) }.unwrap();
        let waiter = thread::spawn(|| wait(&AtomicU32::new(0), 0, LONG));
        while !waiter.is_finished() {
            // SAFETY: the thread has not been joined yet, so its handle is valid even if it has
            // ended, which makes the call an error that is no matter here.
            unsafe { libc::pthread_kill(waiter.as_pthread_t(), libc::SIGUSR2) };
            thread::yield_now();
        }
        assert_eq!(waiter.join().unwrap(), Waited::Interrupted);
    }
}
