//! Claiming: from the front of one's own range, else the back half of somebody else's.

use super::atomics::{Atomics, Word64};
use super::crash_point::CrashPoint;
use super::words::{Board, Claim};
use super::worker::Surroundings;
use std::sync::atomic::Ordering::{Acquire, Release};

impl<A: Atomics> Board<'_, A> {
    /// A chunk of this worker's own range that is now its to settle in `issue`, or none if there are
    /// none left.
    ///
    /// A word counts only if its tag is the issue's; the caller has seen the epoch, and publishers
    /// wait out whoever is still busy with an issue of the same tag.
    #[inline]
    pub(super) fn claim<H: Surroundings>(
        &self,
        host: &mut H,
        rank: usize,
        issue: u64,
    ) -> Result<Option<usize>, H::Died> {
        let tag = Claim::tag::<A>(issue);
        let own = &self.posts[rank].claim.0;
        loop {
            let word = own.load(Acquire);
            let claim = Claim::unpack(word);
            if claim.tag != tag || claim.lo >= claim.hi {
                return Ok(None);
            }
            if own.exchange(word, Claim { lo: claim.lo + 1, ..claim }.pack()) {
                host.at(CrashPoint::Claimed)?;
                return Ok(Some(claim.lo as usize));
            }
        }
    }

    /// The same from somebody else's range, of which the rest of the loot becomes this worker's own;
    /// none if all chunks are claimed.
    #[cold]
    pub(super) fn steal<H: Surroundings>(
        &self,
        host: &mut H,
        rank: usize,
        issue: u64,
    ) -> Result<Option<usize>, H::Died> {
        let tag = Claim::tag::<A>(issue);
        let workers = self.posts.len();
        for victim in (1..workers).map(|distance| (rank + distance) % workers) {
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
                    host.at(CrashPoint::LootStored)?;
                    return Ok(Some(middle as usize));
                }
            }
        }
        Ok(None)
    }
}
