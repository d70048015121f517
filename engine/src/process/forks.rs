//! Tells a forked child from the process that started an engine, without a system call per launch.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static FORKS: AtomicU32 = AtomicU32::new(0);

/// How often this process and its forefathers were forked since the first call. An engine that was
/// started at another count is another process's.
pub(crate) fn count() -> u32 {
    static ONCE: Once = Once::new();
    extern "C" fn in_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    ONCE.call_once(|| {
        // SAFETY: the handler does only what is allowed in a forked child: one atomic operation.
        // Should it not be taken, a child is not told apart, as if nobody looked.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
    FORKS.load(Ordering::Relaxed)
}
