//! Locks and what else processes wait at for each other. The cases of CPython's `_TestLock`,
//! `_TestSemaphore`, `_TestCondition`, `_TestEvent`, `_TestBarrier`, `_TestValue`, `_TestArray` and
//! `_TestSharedCTypes` (test/_test_multiprocessing.py) are named where they are mirrored; `deaths.rs`
//! kills processes before any instruction of each operation.

mod arrays;
mod barriers;
mod condvars;
mod deaths;
mod events;
mod mutexes;
mod outlived;
mod rw_locks;
mod semaphores;
#[path = "../support/mod.rs"]
mod support;
mod values;

use gristmill::Engine;
use std::time::Duration;

/// Nothing takes so long, on a machine that is busy: who has waited for it fails.
pub(crate) const IN_TIME: Duration = Duration::from_secs(20);

/// What is to time out.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

pub(crate) fn engine() -> Engine {
    support::engine(0)
}

/// What a panic of `work` says.
pub(crate) fn panic_of(work: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into())).unwrap()
}

/// Dies by SIGKILL, in a function whose result is none.
pub(crate) fn die() {
    support::die()
}
