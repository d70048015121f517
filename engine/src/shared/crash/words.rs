//! The words of the crash plan, in the control block: passages are counted there, so that "the third
//! passage over all workers" is decided by one atomic addition, and nobody dies of it twice.
//!
//! | word | who writes | what |
//! |---|---|---|
//! | on | the coordinator, before any worker starts | whether workers look at the others at all |
//! | doomed\[w\] | whoever kills w, w itself or the coordinator, before it does; 0 again by the coordinator before a replacement starts | w dies of the plan: nobody dies of it twice |
//! | kills | whoever was the first to say `doomed` | deaths by plan since the start |
//! | passages\[p\] | whoever passes p | how often since the plan was made |
//! | rule.\* | the coordinator; what begins last to be valid is `times` | what is to happen |
//! | rule.passages | whoever passes its point and is meant | how often since the plan was made |
//!
//! A worker that is about to count while a new plan is made may count in that one. That is harmless:
//! plans are made between launches, and a death is a death.

use super::plan::{Crash, CrashPlan};
use crate::error::{Error, Result};
use crate::memory::Shareable;
use crate::shared::protocol::CrashPoint;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

const RULES: usize = 8;
const ANYBODY: u64 = u64::MAX;

/// The words of a crash plan.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct CrashWords {
    on: AtomicU64,
    doomed: [AtomicU64; CrashWords::RANKS],
    kills: AtomicU64,
    /// `kills` when the plan was made.
    kills_before: AtomicU64,
    passages: [AtomicU64; CrashPoint::ALL.len()],
    rules: [Rule; RULES],
}

/// A [`Crash`] in shared memory.
#[derive(Debug)]
#[repr(C)]
struct Rule {
    /// 0 where there is no rule.
    times: AtomicU64,
    point: AtomicU64,
    rank: AtomicU64,
    passage: AtomicU64,
    after: AtomicU64,
    passages: AtomicU64,
}

// SAFETY: nothing but atomics.
unsafe impl Shareable for CrashWords {}

impl CrashWords {
    /// Ranks that there can be.
    pub(crate) const RANKS: usize = 256;

    /// From now on workers look at crash points; before any is started.
    pub(crate) fn turn_on(&self) {
        self.on.store(1, Release);
    }

    pub(crate) fn are_on(&self) -> bool {
        self.on.load(Acquire) == 1
    }

    /// Deaths by plan since the engine's start.
    pub(crate) fn kills(&self) -> u64 {
        self.kills.load(Acquire)
    }

    /// Passages of a point since the plan was made.
    pub(crate) fn passages(&self, point: CrashPoint) -> u64 {
        self.passages[point as usize].load(Acquire)
    }

    /// Makes `plan` the one that holds, and begins to count anew.
    pub(crate) fn follow(&self, plan: &CrashPlan) -> Result<()> {
        let crashes = plan.crashes();
        if crashes.len() > RULES {
            return Err(Error::Limit {
                what: "the number of crashes in a plan",
                asked: crashes.len() as u64,
                limit: RULES as u64,
                remedy: "use `times` for deaths at passages one after the other, or several plans",
            });
        }
        self.rules.iter().for_each(|rule| rule.times.store(0, Release));
        self.passages.iter().for_each(|passages| passages.store(0, Relaxed));
        self.kills_before.store(self.kills(), Relaxed);
        self.rules.iter().zip(crashes).for_each(|(rule, crash)| rule.say(crash));
        Ok(())
    }

    /// Somebody passes a point. If a rule says that this passage kills, gives whom: anybody, or the
    /// worker of that rank. `may_be` says whether it could be that worker, or anybody.
    pub(super) fn pass(
        &self,
        point: CrashPoint,
        may_be: impl Fn(Option<usize>) -> bool,
    ) -> Option<Option<usize>> {
        self.passages[point as usize].fetch_add(1, Relaxed);
        let kills = self.kills().wrapping_sub(self.kills_before.load(Relaxed));
        let due = |rule: &&Rule| rule.is_of(point) && rule.is_due(kills, &may_be);
        // All of them count, also where one of them kills.
        let killer =
            self.rules.iter().filter(due).fold(None, |first, rule| first.or(Some(rule)))?;
        Some(killer.rank())
    }

    /// Worker `rank` is to die; false if that is so already.
    pub(super) fn doom(&self, rank: usize) -> bool {
        let first = self.doomed[rank].swap(1, AcqRel) == 0;
        if first {
            self.kills.fetch_add(1, Release);
        }
        first
    }

    pub(super) fn is_doomed(&self, rank: usize) -> bool {
        self.doomed[rank].load(Acquire) == 1
    }

    /// There is to be a worker of this rank again.
    pub(crate) fn revive(&self, rank: usize) {
        self.doomed[rank].store(0, Release);
    }
}

impl Rule {
    fn say(&self, crash: &Crash) {
        self.point.store(crash.point as u64, Relaxed);
        self.rank.store(crash.rank.map_or(ANYBODY, |rank| rank as u64), Relaxed);
        self.passage.store(crash.passage, Relaxed);
        self.after.store(crash.after, Relaxed);
        self.passages.store(0, Relaxed);
        self.times.store(crash.times, Release);
    }

    fn is_of(&self, point: CrashPoint) -> bool {
        self.times.load(Acquire) > 0 && self.point.load(Relaxed) == point as u64
    }

    fn rank(&self) -> Option<usize> {
        let rank = self.rank.load(Relaxed);
        (rank != ANYBODY).then_some(rank as usize)
    }

    /// Counts the passage, if it is one that counts; whether it kills.
    fn is_due(&self, kills: u64, may_be: impl Fn(Option<usize>) -> bool) -> bool {
        if kills < self.after.load(Relaxed) || !may_be(self.rank()) {
            return false;
        }
        let passage = self.passages.fetch_add(1, Relaxed) + 1;
        let first = self.passage.load(Relaxed);
        first <= passage && passage - first < self.times.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ARRAYS, Region};

    /// Which of 9 passages of `point` by these ranks in turn kill. Everybody is replaced at once.
    fn deadly(words: &CrashWords, point: CrashPoint, ranks: &[usize]) -> Vec<usize> {
        let dies = |own: usize| {
            let dies = words.pass(point, |rank| rank.is_none_or(|rank| rank == own)).is_some();
            assert!(!dies || (words.doom(own) && !words.doom(own)), "nobody dies twice");
            words.revive(own);
            dies
        };
        (1..10).filter(|passage| dies(ranks[(passage - 1) % ranks.len()])).collect()
    }

    #[test]
    fn passages_are_counted_and_those_that_are_meant_kill() {
        let region = Region::create(8 << 20).unwrap();
        let words = region.at::<CrashWords>(ARRAYS);
        let marked = Crash::at(CrashPoint::Marked);
        let tell = |crash: Crash, ranks: &[usize]| {
            words.follow(&crash.into()).unwrap();
            deadly(words, CrashPoint::Marked, ranks)
        };
        assert_eq!(tell(marked, &[0]), [1]);
        assert_eq!(tell(marked.passage(3).times(2), &[0, 1]), [3, 4]);
        assert_eq!(tell(marked.rank(1).passage(2), &[0, 1]), [4]);
        assert_eq!(tell(marked.after(1), &[0]), [0; 0]);
        assert_eq!(tell(Crash::at(CrashPoint::Claimed), &[0]), [0; 0]);
        assert_eq!(words.passages(CrashPoint::Marked), 9);
        assert_eq!(words.kills(), 4);
    }

    #[test]
    fn a_rule_may_wait_for_another() {
        let region = Region::create(8 << 20).unwrap();
        let words = region.at::<CrashWords>(ARRAYS);
        let marked = Crash::at(CrashPoint::Marked);
        let plan = CrashPlan::from(marked.passage(4)).and(marked.after(1).passage(2));
        words.follow(&plan).unwrap();
        assert_eq!(deadly(words, CrashPoint::Marked, &[0]), [4, 6]);
    }

    #[test]
    fn a_plan_of_too_many_is_refused() {
        let region = Region::create(8 << 20).unwrap();
        let words = region.at::<CrashWords>(ARRAYS);
        let plan = CrashPlan::from_iter([CrashPoint::Marked; RULES + 1]);
        let error = words.follow(&plan).unwrap_err().to_string();
        assert!(error.contains("9") && error.contains("8"), "{error}");
    }
}
