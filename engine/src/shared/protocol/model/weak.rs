//! Weak memory for the seeded checker: the view machine of the release/acquire fragment of C11 (as
//! in Kang et al., "A promising semantics for relaxed-memory concurrency", 2017, without promises).
//!
//! Each location keeps all its stores, each thread the oldest store of each location that it may
//! still see; a Release store carries its thread's view, an Acquire load joins it; SeqCst fences
//! join one common view. Vector clocks in the views find races on plain cells. Stores are appended
//! to the modification order.

use super::schedule::Run;
use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};

pub(super) const LOCATIONS: usize = 96;
pub(super) const THREADS: usize = 16;

#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) seen: [u16; LOCATIONS],
    pub(super) clock: [u16; THREADS],
}

impl View {
    pub(super) const NOTHING: View = View { seen: [0; LOCATIONS], clock: [0; THREADS] };

    pub(super) fn join(&mut self, other: &View) {
        // Plain loops, as this is most of the work, and is built without optimisation.
        let mut at = 0;
        while at < LOCATIONS {
            if self.seen[at] < other.seen[at] {
                self.seen[at] = other.seen[at];
            }
            at += 1;
        }
        at = 0;
        while at < THREADS {
            if self.clock[at] < other.clock[at] {
                self.clock[at] = other.clock[at];
            }
            at += 1;
        }
    }
}

pub(super) struct Message {
    pub(super) value: u64,
    pub(super) view: View,
}

#[derive(Default)]
pub(super) struct Plain {
    pub(super) value: u64,
    pub(super) written: (usize, u16),
    pub(super) read: [u16; THREADS],
}

impl Run {
    pub(super) fn tick(&mut self) -> usize {
        let me = self.current;
        self.threads[me].view.clock[me] += 1;
        me
    }

    pub(super) fn load(&mut self, location: usize, order: Ordering) -> u64 {
        let me = self.tick();
        let last = self.locations[location].len() - 1;
        let oldest = self.threads[me].view.seen[location] as usize;
        let stale = self.stale;
        let at = if oldest < last && self.chance(stale) {
            oldest + self.draw() as usize % (last - oldest + 1)
        } else {
            last
        };
        self.see(location, at, order)
    }

    pub(super) fn see(&mut self, location: usize, at: usize, order: Ordering) -> u64 {
        let message = &self.locations[location][at];
        let thread = &mut self.threads[self.current];
        thread.view.seen[location] = at as u16;
        match order {
            Acquire | AcqRel | SeqCst => thread.view.join(&message.view),
            _ => thread.loaded.join(&message.view),
        }
        message.value
    }

    pub(super) fn store(
        &mut self,
        location: usize,
        value: u64,
        order: Ordering,
        chain: Option<View>,
    ) {
        let me = self.tick();
        let thread = &mut self.threads[me];
        thread.view.seen[location] = self.locations[location].len() as u16;
        let mut view = match order {
            Release | AcqRel | SeqCst => thread.view,
            _ => thread.released,
        };
        if let Some(chain) = chain {
            view.join(&chain);
        }
        self.locations[location].push(Message { value, view });
    }

    pub(super) fn modify(
        &mut self,
        location: usize,
        change: impl FnOnce(u64) -> Option<u64>,
    ) -> (u64, bool) {
        let last = self.locations[location].len() - 1;
        let value = self.locations[location][last].value;
        match change(value) {
            Some(new) => {
                self.see(location, last, Acquire);
                let chain = self.locations[location][last].view;
                self.store(location, new, Release, Some(chain));
                (value, true)
            }
            None => {
                self.see(location, last, Relaxed);
                (value, false)
            }
        }
    }

    pub(super) fn fence(&mut self, order: Ordering) {
        let me = self.tick();
        let thread = &mut self.threads[me];
        if order != Release {
            let loaded = thread.loaded;
            thread.view.join(&loaded);
        }
        if order == SeqCst {
            thread.view.join(&self.common);
            self.common = thread.view;
        }
        if order != Acquire {
            thread.released = thread.view;
        }
    }

    pub(super) fn access(&mut self, cell: usize, write: Option<u64>) -> u64 {
        let me = self.tick();
        let view = &self.threads[me].view;
        let plain = &mut self.cells[cell];
        let (writer, when) = plain.written;
        let mut raced = when > view.clock[writer];
        if let Some(value) = write {
            raced |= plain.read.iter().zip(&view.clock).any(|(read, seen)| read > seen);
            plain.value = value;
            plain.written = (me, view.clock[me]);
        } else {
            plain.read[me] = view.clock[me];
        }
        let value = plain.value;
        assert!(!raced, "a race on cell {cell} between threads {me} and {writer}");
        value
    }
}
