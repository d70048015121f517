//! Real threads in place of processes: the machine's own atomics, plain memory, futexes, and deaths
//! at points that a seed draws. Under ThreadSanitizer (`.ci/sanitizers`) each race is an error; without
//! it this is the model's host against real hardware.

use super::super::Atomics;
use super::super::CrashPoint;
use super::Checker;
use super::coordinate::{Coordinator, Ended};
use super::repeated;
use super::world::{Fate, Plan};
use crate::machine::futex;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, fence};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Some thread of some test has panicked: whoever waits for it must not wait for ever.
static FAILED: OnceLock<String> = OnceLock::new();

/// A sleep ends after this time at the latest, to look whether somebody has failed.
const LOOK_UP: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Threads;

impl Atomics for Threads {
    type U64 = AtomicU64;
    const TAG_BITS: u32 = 2;
    const HAND_SHIFT: u32 = 1;
    const HAND_MAX: u64 = 2;
    type Pending = Vec<AtomicU64>;
    type Slots<T: std::fmt::Debug + Send + Sync> = Vec<T>;

    /// ThreadSanitizer knows no fences. A read-modify-write of one word orders all that a SeqCst
    /// fence does, and in that order joins what each thread has seen: so what only a fence keeps
    /// apart is for the model checkers to find.
    fn fence_seq_cst() {
        static COMMON: AtomicU64 = AtomicU64::new(0);
        fence(std::sync::atomic::Ordering::SeqCst);
        COMMON.fetch_add(1, AcqRel);
        fence(std::sync::atomic::Ordering::SeqCst);
    }

    fn fence_compiler() {
        std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    }

    fn pause(_: u32) {
        std::thread::yield_now();
    }
}

/// Plain memory, as arrays are: a race is for the sanitizer to see.
#[derive(Debug)]
pub(super) struct Plain(UnsafeCell<u64>);

// SAFETY: not sound by itself; the protocol under test keeps accesses apart, and where it does not
// the sanitizer says so.
unsafe impl Sync for Plain {}

#[derive(Debug)]
pub(super) struct Process {
    ended: Arc<AtomicBool>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for Process {
    /// The sanitizer must see that the thread was over, and that is all it sees of shared ownership.
    fn drop(&mut self) {
        let joined = self.handle.take().map(JoinHandle::join);
        assert!(joined.is_none_or(|end| end.is_ok()), "panics are caught in the thread");
    }
}

impl Checker for Threads {
    type Cell = Plain;
    type Bell = AtomicU32;
    type Thread = Process;
    const STEPPED: bool = false;

    fn atomic(value: u64) -> AtomicU64 {
        AtomicU64::new(value)
    }

    fn slots<T: std::fmt::Debug + Send + Sync>(mut make: impl FnMut() -> T) -> Vec<T> {
        (0..2).map(|_| make()).collect()
    }

    fn cell(value: u64) -> Plain {
        Plain(UnsafeCell::new(value))
    }

    fn read(cell: &Plain) -> u64 {
        // SAFETY: the cell lives as long as the reference; see `Plain` for races.
        unsafe { cell.0.get().read() }
    }

    fn write(cell: &Plain, value: u64) {
        // SAFETY: as above.
        unsafe { cell.0.get().write(value) }
    }

    fn bell() -> AtomicU32 {
        AtomicU32::new(0)
    }

    fn look(bell: &AtomicU32) -> u64 {
        bell.load(Acquire).into()
    }

    fn ring(bell: &AtomicU32) {
        bell.fetch_add(1, AcqRel);
        futex::wake_all(bell);
    }

    fn wait(bell: &AtomicU32, seen: u64) {
        futex::wait(bell, seen as u32, Some(LOOK_UP));
        if let Some(failure) = FAILED.get() {
            panic!("another thread failed: {failure}");
        }
    }

    fn fence_acquire() {
        fence(Acquire);
    }

    fn fence_release() {
        fence(Release);
    }

    fn spawn(obituary: Option<&Arc<AtomicU32>>, body: impl FnOnce() + Send + 'static) -> Process {
        let ended = Arc::new(AtomicBool::new(false));
        let (over, obituary) = (Arc::clone(&ended), obituary.cloned());
        let handle = std::thread::spawn(move || {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
                let text = payload.downcast_ref::<String>().cloned();
                FAILED.get_or_init(|| text.unwrap_or_else(|| "a panic".into()));
            }
            over.store(true, Release);
            if let Some(obituary) = obituary {
                Threads::ring(&obituary);
            }
        });
        Process { ended, handle: Some(handle) }
    }

    fn reap(process: &Process) -> bool {
        process.ended.load(Acquire)
    }

    fn join(process: Process) {
        drop(process);
    }
}

/// Runs the plan so many times, with 0 to 2 deaths of worker 0 (or its replacement) at random
/// points. `GRISTMILL_MODEL_TIMES` multiplies the runs.
pub(super) fn stress(runs: u64, plan: &Plan, points: &[CrashPoint], then: fn(&Ended)) {
    let runs = repeated(runs);
    let mut deaths = 0;
    for seed in 1..=runs {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut draw = |below: usize| {
            // Marsaglia's xorshift64.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as usize % below
        };
        let fates: Vec<Fate> = (0..draw(3))
            .map(|_| {
                let (point, passage) = (points[draw(points.len())], draw(4) as u32);
                Fate { point, passage, torn: false }
            })
            .collect();
        let plan = Plan { launch_first: seed % 2 == 0, ..plan.clone() };
        let ended = Coordinator::<Threads>::run(plan, &fates);
        then(&ended);
        deaths += ended.deaths;
        if let Some(failure) = FAILED.get() {
            panic!("seed {seed}, {fates:?}: {failure}");
        }
    }
    println!("{runs} runs, {deaths} deaths");
    assert!(deaths > 0, "no run had a death");
}
