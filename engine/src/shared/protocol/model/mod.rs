//! The protocol under two model checkers, and with real threads. `README.md` one folder up says
//! what was searched.
//!
//! The workers run the real `take_part`, the coordinator the real `issue`, `bury`, `poison`,
//! `quiet` and cell repair; only what a host supplies (frames, kernels, copies, the lock, waiting)
//! is the model's, in race-checked cells. [`exhaustive`] is loom: all schedules and all weak-memory
//! outcomes up to a number of preemptions. [`seeded`] draws schedules, weak-memory outcomes and
//! deaths at any access from a seed, with as many workers and deaths as one likes. [`threads`] are
//! real ones, for ThreadSanitizer to watch.

mod coordinate;
mod exchange;
mod exchange_ends;
mod exhaustive;
mod host;
mod queue;
mod scenarios;
mod schedule;
mod seeded;
mod threads;
mod weak;
mod world;

use super::Atomics;
use std::fmt::Debug;

/// How much longer to search than by default: `GRISTMILL_MODEL_TIMES`, else 1. 0 lifts the limits of
/// [`exhaustive`] searches; the others, which have no end of their own, take it for 1.
fn times() -> usize {
    let Ok(times) = std::env::var("GRISTMILL_MODEL_TIMES") else { return 1 };
    times.parse().expect("GRISTMILL_MODEL_TIMES is a whole number")
}

/// So many schedules or runs, so many times.
fn repeated(runs: u64) -> u64 {
    runs * times().max(1) as u64
}

/// What the model needs of a checker beside atomics.
trait Checker: Atomics<Pending = Vec<<Self as Atomics>::U64>> {
    /// Plain memory: every race on it is an error.
    type Cell: Debug + Send + Sync;
    /// A word to sleep on, as futexes are.
    type Bell: Debug + Send + Sync;
    type Thread;
    /// One thread runs at a time, and changes only between accesses to what is modelled.
    const STEPPED: bool = true;
    fn atomic(value: u64) -> Self::U64;
    fn pending() -> Self::Pending {
        (0..2).map(|_| Self::atomic(0)).collect()
    }
    fn slots<T: Debug + Send + Sync>(make: impl FnMut() -> T) -> Self::Slots<T>;
    fn cell(value: u64) -> Self::Cell;
    fn read(cell: &Self::Cell) -> u64;
    fn write(cell: &Self::Cell, value: u64);
    fn bell() -> Self::Bell;
    /// Its value, Acquire.
    fn look(bell: &Self::Bell) -> u64;
    /// Changes the value and wakes all who wait.
    fn ring(bell: &Self::Bell);
    /// Sleeps while the value is `seen`, until woken.
    fn wait(bell: &Self::Bell, seen: u64);
    fn fence_acquire();
    fn fence_release();
    /// A worker process, which may die and rings `obituary` when it ends, however that is; or,
    /// without an obituary, another thread of the coordinator.
    fn spawn(
        obituary: Option<&std::sync::Arc<Self::Bell>>,
        body: impl FnOnce() + Send + 'static,
    ) -> Self::Thread;
    /// Whether it has ended; if so all that it stored is visible.
    fn reap(thread: &Self::Thread) -> bool;
    /// Waits for its end.
    fn join(thread: Self::Thread);
}
