//! Claiming: from the front of one's own range, else the back half of somebody else's.

use super::atomics::{Atomics, Word64};
use super::crash_point::CrashPoint;
use super::words::{Board, Claim};
use super::worker::Surroundings;
use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Chunks that a worker has claimed and not yet settled: the next ones, in this order.
pub(super) type Hand = Range<u64>;

impl<A: Atomics> Board<'_, A> {
    /// Chunks of this worker's own range that are now its to settle in `issue`; none if there are
    /// none left. One by one where few are left, so that thieves find what there is to share.
    ///
    /// A word counts only if its tag is the issue's; the caller has seen the epoch, and publishers
    /// wait out whoever is still busy with an issue of the same tag.
    #[inline]
    pub(super) fn claim<H: Surroundings>(
        &self,
        host: &mut H,
        rank: usize,
        issue: u64,
    ) -> Result<Hand, H::Died> {
        let tag = Claim::tag::<A>(issue);
        let own = &self.posts[rank].claim.0;
        loop {
            let word = own.load(Acquire);
            let claim = Claim::unpack(word);
            if claim.tag != tag || claim.lo >= claim.hi {
                return Ok(0..0);
            }
            let share = (claim.hi - claim.lo) >> A::HAND_SHIFT;
            let lo = claim.lo + share.clamp(1, A::HAND_MAX);
            if own.exchange(word, Claim { lo, ..claim }.pack()) {
                host.at(CrashPoint::Claimed)?;
                return Ok(claim.lo..lo);
            }
        }
    }

    /// The same from somebody else's range, of which the rest of the loot becomes this worker's own;
    /// none if all chunks are claimed.
    ///
    /// It looks first where there was something last, at `passed` of the others: those before were
    /// empty. Else each theft of a worker among hundreds that sleep would look at all whom it has
    /// robbed already.
    #[cold]
    pub(super) fn steal<H: Surroundings>(
        &self,
        host: &mut H,
        rank: usize,
        issue: u64,
        passed: &mut usize,
    ) -> Result<Hand, H::Died> {
        let tag = Claim::tag::<A>(issue);
        let (workers, before) = (self.posts.len(), *passed);
        for others in (before..workers - 1).chain(0..before) {
            let victim = (rank + 1 + others) % workers;
            let target = &self.posts[victim].claim.0;
            loop {
                let word = target.load(Acquire);
                let claim = Claim::unpack(word);
                if claim.tag != tag || claim.lo >= claim.hi {
                    break;
                }
                let middle = claim.lo + (claim.hi - claim.lo) / 2;
                if target.exchange(word, Claim { hi: middle, ..claim }.pack()) {
                    host.at(CrashPoint::Stolen)?;
                    // The first chunk of the loot stays in hand, so that the issue cannot end and
                    // two thieves cannot steal the same loot back and forth for ever.
                    let rest = Claim { tag, lo: middle + 1, hi: claim.hi };
                    // A plain store: the word is empty, of which nobody else takes anything; whoever
                    // takes back what is unclaimed exchanges non-empty words alone, and finds this
                    // worker busy, before or after.
                    self.posts[rank].claim.0.store(rest.pack(), Release);
                    *passed = others;
                    host.at(CrashPoint::LootStored)?;
                    return Ok(middle..middle + 1);
                }
            }
        }
        Ok(0..0)
    }
}
