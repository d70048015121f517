//! The reduction cell: large accumulators that several workers merge into, exactly once each.
//!
//! A worker accumulates privately over several chunks, then commits: it takes the robust lock,
//! keeps a pre-image, merges, marks those chunks done, and releases. If it dies with the lock, the
//! next owner puts the pre-image back, or, past the commit, redoes the marks.
//!
//! | record | means | repair |
//! |---|---|---|
//! | NONE | the cell is whole | nothing |
//! | SAVED | the pre-image is whole, the cell may be torn | put the pre-image back |
//! | COMMITTED | the cell is whole and holds the listed chunks, or their step has failed | mark them done |
//!
//! Merging must be exact and must not depend on order (integers, exact sums). The contents carry
//! the serial of their step: the first merger of a step starts from the identity, so nobody has to
//! clear the cell between steps.

use super::damage::{Damage, seal};
use super::protocol::{Atomics, Board, CrashPoint, Hardware, Held, Outcome, Surroundings, Word64};
use crate::memory::{Permit, Shareable};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

// Far from each other and from 0, so that a stray write makes none of them of another.
const NONE: u64 = 0x0BAD_CE11_00FA_1100;
const SAVED: u64 = 0x5A7E_D0C0_FFEE_1357;
const COMMITTED: u64 = 0xC033_17ED_B16B_00B5;

/// The words of a cell beside its data. All but `contents` are written by the lock's owner only.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Record<A: Atomics> {
    state: A::U64,
    /// Serial of the step whose chunks the data holds. Written with the data, under the lock.
    contents: A::U64,
    /// `contents` as the pre-image has it.
    contents_before: A::U64,
    /// Serial of the step whose chunks are being committed.
    serial: A::U64,
    len: A::U64,
    /// Of all that the state speaks of; stored before it.
    seal: A::U64,
    chunks: A::Pending,
}

// SAFETY: nothing but atomics.
unsafe impl Shareable for Record<Hardware> {}

/// What the previous owner of a cell's lock left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It released the lock.
    Released,
    /// It died with it: repair the record, then declare the lock consistent.
    Died,
}

/// What the cell asks of whoever repairs it.
pub(crate) trait CellRepairer<A: Atomics>: Surroundings {
    fn record(&self) -> &Record<A>;
    /// The mark of a chunk of the current step.
    fn cell_mark(&self, chunk: usize) -> Option<&A::U64>;
    fn lock(&mut self) -> Result<Owner, Self::Died>;
    /// Somebody has written over what the protocol relies on: ends the worker.
    fn damaged(&mut self, what: Damage) -> Self::Died;
    /// The record is repaired: the lock of the dead owner is in order again.
    fn consistent(&mut self);
    fn unlock(&mut self);
    /// Copies the pre-image back.
    fn put_pre_image_back(&mut self, permit: &Permit);
}

/// What the cell asks of whoever merges into it.
pub(crate) trait CellHost<A: Atomics>: CellRepairer<A> {
    /// Copies the cell's data to the pre-image.
    fn keep_pre_image(&mut self, permit: &Permit);
    /// Merges the private accumulator into the data, which counts as the identity if `first`.
    /// Where it fails the data may be torn.
    fn merge(&mut self, permit: &Permit, first: bool) -> Outcome;
    /// Whether the private accumulator has been held long enough.
    fn commit_is_due(&self) -> bool;
}

impl<A: Atomics> Record<A> {
    /// A record of the given words, for the model.
    #[cfg(test)]
    pub(crate) fn with(zero: impl Fn() -> A::U64, chunks: A::Pending) -> Record<A> {
        Record {
            state: zero(),
            contents: zero(),
            contents_before: zero(),
            serial: zero(),
            len: zero(),
            seal: zero(),
            chunks,
        }
    }

    /// Makes zeroed words those of a cell that holds nothing, of the serial `oldest`.
    pub(crate) fn begin(&self, oldest: u64) {
        self.contents.store(oldest, Relaxed);
        self.state.store(NONE, Relaxed);
    }

    /// Whether the data holds chunks of the step `serial`, the current one; damage if it can be of no
    /// step since `oldest`.
    pub(crate) fn holds_since(&self, oldest: u64, serial: u64) -> Result<bool, Damage> {
        let contents = self.contents.load(Acquire);
        let possible = (oldest..=serial).contains(&contents);
        if possible { Ok(contents == serial) } else { Err(Damage::Cell) }
    }

    fn list(&self) -> &[A::U64] {
        let chunks = self.chunks.as_ref();
        &chunks[..(self.len.load(Relaxed) as usize).min(chunks.len())]
    }

    fn is_sealed(&self) -> bool {
        self.seal.load(Relaxed) == self.sealed()
    }

    fn sealed(&self) -> u64 {
        let head = [&self.contents_before, &self.serial, &self.len];
        seal(head.into_iter().chain(self.list()).map(|word| word.load(Relaxed)))
    }

    /// Whether the data holds chunks of the step `serial`.
    #[cfg(test)]
    pub(crate) fn holds(&self, serial: u64) -> bool {
        self.contents.load(Acquire) == serial
    }

    /// Says that the data is the identity of the step `serial`: for a step that merged nothing.
    pub(crate) fn set_contents(&self, serial: u64) {
        self.contents.store(serial, Release);
    }
}

/// Takes the lock, repairing what a dead owner left.
pub(crate) fn lock_and_repair<A: Atomics, H: CellRepairer<A>>(host: &mut H) -> Result<(), H::Died> {
    if host.lock()? == Owner::Released {
        return host.at(CrashPoint::CellLocked);
    }
    let record = host.record();
    let state = record.state.load(Acquire);
    if state != NONE && !record.is_sealed() {
        return Err(host.damaged(Damage::Cell));
    }
    match state {
        SAVED => {
            host.put_pre_image_back(&Permit::granted_by_protocol());
            host.at(CrashPoint::PreImagePutBack)?;
            let record = host.record();
            record.contents.store(record.contents_before.load(Relaxed), Relaxed);
        }
        COMMITTED => {
            let serial = record.serial.load(Relaxed);
            for chunk in record.list() {
                if let Some(mark) = host.cell_mark(chunk.load(Relaxed) as usize) {
                    mark.store(serial, Release);
                }
            }
        }
        NONE => {}
        _ => return Err(host.damaged(Damage::Cell)),
    }
    A::fence_compiler();
    host.record().state.store(NONE, Release);
    A::fence_compiler();
    host.at(CrashPoint::Repaired)?;
    host.consistent();
    host.at(CrashPoint::CellLocked)
}

impl<A: Atomics> Board<'_, A> {
    /// Merges this worker's private accumulator; gives the weight of the chunks to count.
    pub(super) fn commit<H: CellHost<A>>(
        &self,
        host: &mut H,
        rank: usize,
        serial: u64,
        held: &mut Held,
    ) -> Result<u64, H::Died> {
        lock_and_repair(host)?;
        self.check_pending(rank, *held).map_err(|what| host.damaged(what))?;
        let permit = Permit::granted_by_protocol();
        host.keep_pre_image(&permit);
        let record = host.record();
        record.contents_before.store(record.contents.load(Relaxed), Relaxed);
        let mut len = 0;
        for (slot, chunk) in record.chunks.as_ref().iter().zip(self.pending(rank)) {
            slot.store(chunk as u64, Relaxed);
            len += 1;
        }
        record.len.store(len, Relaxed);
        record.serial.store(serial, Relaxed);
        record.seal.store(record.sealed(), Relaxed);
        host.at(CrashPoint::PreImageKept)?;
        A::fence_compiler();
        host.record().state.store(SAVED, Release);
        A::fence_compiler();
        host.at(CrashPoint::Saved)?;
        self.note_merge(rank, serial);
        host.at(CrashPoint::MergeNoted)?;
        let first = match host.record().holds_since(self.oldest(), serial) {
            Ok(holds) => !holds,
            Err(damage) => return Err(host.damaged(damage)),
        };
        let outcome = host.merge(&permit, first);
        host.at(CrashPoint::Merged)?;
        // Merging is user code: what the marks are made of may have been written over meanwhile.
        if !host.record().is_sealed() {
            return Err(host.damaged(Damage::Cell));
        }
        if outcome == Outcome::Done {
            host.record().set_contents(serial);
        } else {
            // The step has failed as a whole; the cell is left as it was before.
            host.put_pre_image_back(&permit);
            self.set_failed(serial);
        }
        host.at(CrashPoint::ContentsSet)?;
        self.clear_note(rank);
        host.at(CrashPoint::NoteCleared)?;
        host.record().state.store(COMMITTED, Release);
        A::fence_compiler();
        host.at(CrashPoint::Committed)?;
        for place in 0..len as usize {
            let chunk = host.record().chunks.as_ref()[place].load(Relaxed);
            if let Some(mark) = host.cell_mark(chunk as usize) {
                mark.store(serial, Release);
            }
            host.at(CrashPoint::CellMarked)?;
        }
        host.record().state.store(NONE, Release);
        A::fence_compiler();
        host.at(CrashPoint::RecordCleared)?;
        host.unlock();
        self.clear_pending(rank);
        let settled = std::mem::take(held).weight;
        host.at(CrashPoint::Released)?;
        Ok(settled)
    }
}
