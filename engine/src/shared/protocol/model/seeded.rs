//! The seeded checker: `schedule` over `weak` memory, as atomics, plain cells and bells.

use super::super::{Atomics, Word64};
use super::Checker;
use super::schedule::{Phase, Thread, give_way, step, step_exchange, with};
use super::weak::{LOCATIONS, Message, Plain};
use std::sync::Arc;
use std::sync::atomic::Ordering::{self, Acquire, Release, SeqCst};

/// An atomic of the current schedule.
#[derive(Debug)]
pub(super) struct Location(usize);

impl Word64 for Location {
    fn load(&self, order: Ordering) -> u64 {
        step();
        with(|run| run.load(self.0, order))
    }

    fn store(&self, value: u64, order: Ordering) {
        step();
        with(|run| run.store(self.0, value, order, None));
    }

    fn exchange(&self, current: u64, new: u64) -> bool {
        step_exchange();
        with(|run| run.modify(self.0, |value| (value == current).then_some(new)).1)
    }

    fn subtract(&self, amount: u64) -> u64 {
        step();
        with(|run| run.modify(self.0, |v| Some(v.wrapping_sub(amount))).0.wrapping_sub(amount))
    }
}

#[derive(Debug)]
pub(super) struct Seeded;

impl Atomics for Seeded {
    type U64 = Location;
    const TAG_BITS: u32 = 2;
    const HAND_SHIFT: u32 = 1;
    const HAND_MAX: u64 = 2;
    type Pending = Vec<Location>;
    type Slots<T: std::fmt::Debug + Send + Sync> = Vec<T>;

    fn fence_seq_cst() {
        step();
        with(|run| run.fence(SeqCst));
    }

    fn fence_compiler() {}

    fn pause(_: u32) {
        step();
        give_way(Phase::Yielded);
    }
}

impl Checker for Seeded {
    type Cell = usize;
    type Bell = Location;
    type Thread = usize;

    fn atomic(value: u64) -> Location {
        with(|run| {
            let view = run.threads[run.current].view;
            run.locations.push(vec![Message { value, view }]);
            assert!(run.locations.len() <= LOCATIONS, "too many locations");
            Location(run.locations.len() - 1)
        })
    }

    fn slots<T: std::fmt::Debug + Send + Sync>(mut make: impl FnMut() -> T) -> Vec<T> {
        (0..2).map(|_| make()).collect()
    }

    fn cell(value: u64) -> usize {
        with(|run| {
            run.cells.push(Plain { value, ..Plain::default() });
            run.cells.len() - 1
        })
    }

    fn read(cell: &usize) -> u64 {
        step();
        with(|run| run.access(*cell, None))
    }

    fn write(cell: &usize, value: u64) {
        step();
        with(|run| run.access(*cell, Some(value)));
    }

    fn bell() -> Location {
        Seeded::atomic(0)
    }

    fn look(bell: &Location) -> u64 {
        bell.load(Acquire)
    }

    fn ring(bell: &Location) {
        bell.subtract(1);
        step();
        with(|run| {
            for thread in &mut run.threads {
                if thread.phase == Phase::Waits(bell.0) {
                    thread.phase = Phase::Ready;
                }
            }
        });
    }

    fn wait(bell: &Location, seen: u64) {
        step();
        let blocks = with(|run| {
            let dead = |thread: &Thread| {
                thread.mortal
                    && !thread.reaped
                    && matches!(thread.phase, Phase::Killed | Phase::Ended)
            };
            let news = !run.threads[run.current].mortal && run.threads.iter().any(dead);
            run.locations[bell.0].last().is_some_and(|message| message.value == seen) && !news
        });
        if blocks {
            give_way(Phase::Waits(bell.0));
        }
    }

    fn fence_acquire() {
        step();
        with(|run| run.fence(Acquire));
    }

    fn fence_release() {
        step();
        with(|run| run.fence(Release));
    }

    fn spawn(obituary: Option<&Arc<Location>>, body: impl FnOnce() + Send + 'static) -> usize {
        with(|run| run.spawn(obituary.is_some(), Box::new(body)))
    }

    fn reap(thread: &usize) -> bool {
        step();
        with(|run| {
            let dead = &mut run.threads[*thread];
            if !matches!(dead.phase, Phase::Killed | Phase::Ended) {
                return false;
            }
            dead.reaped = true;
            let view = dead.view;
            run.threads[run.current].view.join(&view);
            true
        })
    }

    fn join(thread: usize) {
        while !Seeded::reap(&thread) {
            Seeded::pause(0);
        }
    }
}
