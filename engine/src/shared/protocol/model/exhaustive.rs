//! loom as a checker: every schedule with at most so many preemptions, every outcome that weak
//! memory allows.

use super::super::{Atomics, Word64};
use super::Checker;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, fence};
use loom::sync::{Condvar, Mutex};
use loom::thread::JoinHandle;
use std::sync::Arc;
use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};

/// Executions after which a search with a death is cut off, unless `GRISTMILL_MODEL_TIMES` says
/// more; 0 is no limit.
pub(super) const EXECUTIONS_MAX: usize = 2_000;

/// Checks `body`, cut off after so many executions if that is not 0; gives their number.
pub(super) fn check(
    preemptions: usize,
    executions_max: usize,
    body: impl Fn() + Send + Sync + 'static,
) -> usize {
    let executions = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 5_000;
    // The limit is looked at this often.
    builder.checkpoint_interval = 500;
    let executions_max = executions_max * super::times();
    builder.max_permutations = Some(executions_max).filter(|&max| max > 0);
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        body();
    });
    executions.load(Relaxed)
}

impl Word64 for AtomicU64 {
    fn load(&self, order: Ordering) -> u64 {
        AtomicU64::load(self, order)
    }

    fn store(&self, value: u64, order: Ordering) {
        AtomicU64::store(self, value, order);
    }

    fn exchange(&self, current: u64, new: u64) -> bool {
        self.compare_exchange(current, new, AcqRel, Relaxed).is_ok()
    }

    fn subtract(&self, amount: u64) -> u64 {
        self.fetch_sub(amount, AcqRel).wrapping_sub(amount)
    }
}

#[derive(Debug)]
pub(super) struct Loom;

impl Atomics for Loom {
    type U64 = AtomicU64;
    const TAG_BITS: u32 = 2;
    const HAND_SHIFT: u32 = 0;
    const HAND_MAX: u64 = 2;
    type Pending = Vec<AtomicU64>;
    type Slots<T: std::fmt::Debug + Send + Sync> = Vec<T>;

    fn fence_seq_cst() {
        fence(SeqCst);
    }

    fn fence_compiler() {}

    fn pause(_: u32) {
        loom::thread::yield_now();
    }
}

/// Plain memory that loom watches.
#[derive(Debug)]
pub(super) struct Watched(UnsafeCell<u64>);

// SAFETY: loom runs one thread at a time and reports accesses that could race.
unsafe impl Sync for Watched {}

/// A futex: the kernel compares and enqueues under one lock, which wakers take too.
#[derive(Debug)]
pub(super) struct Futex {
    value: AtomicU64,
    queue: Mutex<()>,
    woken: Condvar,
}

#[derive(Debug)]
pub(super) struct Process {
    ended: Arc<AtomicU64>,
    handle: JoinHandle<()>,
}

impl Checker for Loom {
    type Cell = Watched;
    type Bell = Futex;
    type Thread = Process;

    fn atomic(value: u64) -> AtomicU64 {
        AtomicU64::new(value)
    }

    fn slots<T: std::fmt::Debug + Send + Sync>(mut make: impl FnMut() -> T) -> Vec<T> {
        (0..2).map(|_| make()).collect()
    }

    fn cell(value: u64) -> Watched {
        Watched(UnsafeCell::new(value))
    }

    fn read(cell: &Watched) -> u64 {
        // SAFETY: one thread runs at a time, and loom reports accesses that could race.
        cell.0.with(|value| unsafe { *value })
    }

    fn write(cell: &Watched, value: u64) {
        // SAFETY: as above.
        cell.0.with_mut(|place| unsafe { *place = value });
    }

    fn bell() -> Futex {
        Futex { value: AtomicU64::new(0), queue: Mutex::new(()), woken: Condvar::new() }
    }

    fn look(bell: &Futex) -> u64 {
        bell.value.load(Acquire)
    }

    fn ring(bell: &Futex) {
        bell.value.fetch_add(1, AcqRel);
        let queue = bell.queue.lock().unwrap();
        bell.woken.notify_all();
        drop(queue);
    }

    fn wait(bell: &Futex, seen: u64) {
        let queue = bell.queue.lock().unwrap();
        if bell.value.fetch_add(0, Relaxed) == seen {
            drop(bell.woken.wait(queue).unwrap());
        }
    }

    fn fence_acquire() {
        fence(Acquire);
    }

    fn fence_release() {
        fence(Release);
    }

    fn spawn(obituary: Option<&Arc<Futex>>, body: impl FnOnce() + Send + 'static) -> Process {
        let ended = Arc::new(AtomicU64::new(0));
        let (over, obituary) = (Arc::clone(&ended), obituary.cloned());
        let handle = loom::thread::spawn(move || {
            body();
            over.store(1, Release);
            if let Some(obituary) = obituary {
                Loom::ring(&obituary);
            }
        });
        Process { ended, handle }
    }

    fn reap(process: &Process) -> bool {
        process.ended.load(Acquire) == 1
    }

    fn join(process: Process) {
        process.handle.join().unwrap();
    }
}
