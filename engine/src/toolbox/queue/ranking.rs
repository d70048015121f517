//! Messages in order of their priorities, under a robust lock.
//!
//! The ranking is a permutation of all slots: the first of them, as many as there are messages, are a
//! binary heap by (priority, number of arrival), the others are free. What is there is said by the slots'
//! state words alone: a message is in the queue from the store that makes its slot FILLED until the store
//! that makes it FREE. Who takes the lock after its owner's death makes the ranking anew from these words,
//! and frees the pages of all that they do not name; so wherever the owner died, its message is either
//! there or not.

use super::layout::{Layout, Parts, Strided, Words};
use super::store::closed;
use crate::error::{Error, Result};
use crate::memory::{Region, Shareable};
use crate::shared::cell::Owner;
use crate::shared::exchange::{Broken, Phase, Places, State};
use crate::shared::lock::{LockBytes, RobustLock};
use crate::shared::protocol::Line;
use crate::shared::seat::Gone;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// The words of a ranking, behind those of the queue; its slots' priorities and the order follow.
#[derive(Debug)]
#[repr(C)]
struct RankingWords {
    lock: LockBytes,
    /// Messages that are there.
    count: Line<AtomicU64>,
    /// Messages that were put.
    arrivals: AtomicU64,
}

// SAFETY: nothing but atomics, a lock's bytes and padding.
unsafe impl Shareable for RankingWords {}

/// Bytes of the queue and its ranking.
pub(super) fn bytes(layout: &Layout) -> usize {
    words_at(layout) + size_of::<RankingWords>() + 2 * layout.bound * size_of::<AtomicU64>()
}

fn words_at(layout: &Layout) -> usize {
    layout.bytes().next_multiple_of(align_of::<RankingWords>())
}

/// After a participant's end: its lock is told by the system; whoever waits looks again.
pub(super) fn bury_ranking(region: &Region, offset: usize, _: Gone) {
    let words = region.at::<Words>(offset);
    if let Ok(layout) = Layout::load(words) {
        Ranking::at(region, offset, layout).words.lock.pass_on();
    }
    words.receivers.ring();
    words.senders.ring();
}

/// The queue's parts and its ranking, in this process's mapping.
#[derive(Debug)]
pub(super) struct Ranking<'r> {
    parts: Parts<'r>,
    words: &'r RankingWords,
    slots: Strided<'r>,
    priorities: &'r [AtomicU64],
    order: &'r [AtomicU64],
}

impl<'r> Ranking<'r> {
    pub(super) fn at(region: &'r Region, offset: usize, layout: Layout) -> Ranking<'r> {
        let parts = Parts::at(region, offset, layout);
        let words_at = offset + words_at(&layout);
        let arrays = words_at + size_of::<RankingWords>();
        let both = region.slice(arrays, 2 * layout.bound);
        let (priorities, order) = both.split_at(layout.bound);
        Ranking { parts, words: region.at(words_at), slots: parts.slots(), priorities, order }
    }

    /// Makes the zeroed words of a queue, and those behind them, an empty ranking.
    pub(super) fn begin(&self) -> Result<()> {
        self.parts.zero(words_at(&self.parts.layout), size_of::<RankingWords>());
        self.parts.layout.store(self.parts.words);
        self.order.iter().zip(0..).for_each(|(place, slot)| place.store(slot, Relaxed));
        self.words.lock.initialise()
    }

    /// Does something under the lock.
    fn locked<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let lock = RobustLock::over(&self.words.lock)?;
        if lock.lock().map_err(|_| Broken)? == Owner::Died {
            self.rebuild();
            lock.consistent();
        }
        let done = work();
        lock.unlock();
        done
    }

    /// Makes the ranking from the slots, after a death.
    fn rebuild(&self) {
        let is_filled = |state: State| state.phase == Phase::Filled;
        let (mut filled, free): (Vec<_>, Vec<_>) =
            self.slots.all().partition(|(_, state)| is_filled(*state));
        filled.sort_by_key(|&(slot, state)| (self.priority(slot), state.position));
        let all = filled.iter().chain(&free);
        self.order
            .iter()
            .zip(all)
            .for_each(|(place, (slot, _))| place.store(*slot as u64, Relaxed));
        self.words.count.0.store(filled.len() as u64, Relaxed);
        let kept: BTreeSet<u64> = filled.iter().map(|(_, state)| state.position).collect();
        self.parts.heap().sweep(|position| kept.contains(&position));
    }

    fn priority(&self, slot: usize) -> i64 {
        self.priorities.get(slot).map_or(0, |word| word.load(Relaxed) as i64)
    }

    fn count(&self) -> Result<usize, Broken> {
        let count = self.words.count.0.load(Relaxed) as usize;
        if count <= self.order.len() { Ok(count) } else { Err(Broken) }
    }

    /// The slot at a place of the order.
    fn slot(&self, place: usize) -> Result<usize, Broken> {
        let slot = self.order.get(place).ok_or(Broken)?.load(Relaxed) as usize;
        if slot < self.order.len() { Ok(slot) } else { Err(Broken) }
    }

    fn swap(&self, one: usize, other: usize) -> Result<(), Broken> {
        let slots = (self.slot(one)?, self.slot(other)?);
        self.order[one].store(slots.1 as u64, Relaxed);
        self.order[other].store(slots.0 as u64, Relaxed);
        Ok(())
    }

    /// Whether what is at a place comes before what is at another.
    fn is_before(&self, one: usize, other: usize) -> Result<bool, Broken> {
        let key = |place| -> Result<(i64, u64), Broken> {
            let slot = self.slot(place)?;
            Ok((self.priority(slot), self.slots.state(slot)?.position))
        };
        Ok(key(one)? < key(other)?)
    }

    fn rise(&self, mut place: usize) -> Result<(), Broken> {
        while place > 0 && self.is_before(place, (place - 1) / 2)? {
            self.swap(place, (place - 1) / 2)?;
            place = (place - 1) / 2;
        }
        Ok(())
    }

    fn sink(&self, count: usize) -> Result<(), Broken> {
        let mut place = 0;
        loop {
            let mut first = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < count && self.is_before(child, first)? {
                    first = child;
                }
            }
            if first == place {
                return Ok(());
            }
            self.swap(place, first)?;
            place = first;
        }
    }

    /// Puts a message if there is room now.
    pub(super) fn try_put(&self, priority: i64, bytes: &[u8]) -> Result<bool> {
        self.parts.check(bytes)?;
        let is_put = self.locked(|| self.put_locked(priority, bytes))?;
        if is_put {
            self.parts.words.receivers.wake_one();
        }
        Ok(is_put)
    }

    fn put_locked(&self, priority: i64, bytes: &[u8]) -> Result<bool> {
        if self.parts.is_closed() {
            return Err(closed());
        }
        let count = self.count()?;
        let heap = self.parts.heap();
        let has_pages = !self.parts.is_large(bytes) || heap.has_room(heap.pages_of(bytes.len()));
        if count == self.order.len() || !has_pages {
            return Ok(false);
        }
        let slot = self.slot(count)?;
        let arrival = self.words.arrivals.load(Relaxed);
        self.words.arrivals.store(arrival + 1, Relaxed);
        self.parts.write(&self.slots, slot, arrival, bytes)?;
        self.priorities[slot].store(priority as u64, Relaxed);
        // From here on it is there.
        self.slots.set(slot, State::filled(arrival));
        self.words.count.0.store(count as u64 + 1, Relaxed);
        self.rise(count)?;
        Ok(true)
    }

    /// Takes the message of the lowest priority out, if there is one now.
    pub(super) fn try_get(&self, into: &mut Vec<u8>) -> Result<Option<i64>> {
        let priority = self.locked(|| self.get_locked(into))?;
        if priority.is_some() {
            // Any of those who wait for pages may fit now.
            self.parts.words.senders.wake_all();
        }
        Ok(priority)
    }

    fn get_locked(&self, into: &mut Vec<u8>) -> Result<Option<i64>> {
        let Some(last) = self.count()?.checked_sub(1) else {
            return if self.parts.is_closed() { Err(closed()) } else { Ok(None) };
        };
        let slot = self.slot(0)?;
        let arrival = self.slots.state(slot)?.position;
        let read = self.parts.read(&self.slots, slot, arrival, into);
        let first_page = self.parts.first_page(&self.slots, slot);
        // From here on it is the caller's alone.
        self.slots.set(slot, State::free(0));
        first_page.inspect(|first| self.parts.heap().free(arrival, *first));
        self.swap(0, last)?;
        self.words.count.0.store(last as u64, Relaxed);
        self.sink(last)?;
        read?;
        Ok(Some(self.priority(slot)))
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> Result<usize> {
        self.locked(|| self.count().map_err(Error::from))
    }

    /// Whether there is no place for a message, or no page for one that does not fit its place.
    pub(super) fn is_full(&self) -> Result<bool> {
        self.locked(|| Ok(self.count()? == self.order.len() || !self.parts.has_page()))
    }

    pub(super) fn close(&self) -> Result<()> {
        self.locked(|| {
            self.parts.close();
            Ok(())
        })
    }

    pub(super) fn parts(&self) -> &Parts<'r> {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::ARRAYS;
    use crate::shared::seat::Seat;
    use std::time::Instant;

    fn with_ranking(bound: usize, work: impl FnOnce(&Ranking<'_>)) {
        let region = Region::create(16 << 20).unwrap();
        let layout = Layout::new(bound, None, 0).unwrap();
        let ranking = Ranking::at(&region, ARRAYS, layout);
        ranking.begin().unwrap();
        work(&ranking);
    }

    /// What a sorted list would give, of random puts and gets.
    #[test]
    fn it_is_a_sorted_list() {
        with_ranking(20, |ranking| {
            let mut model = BTreeSet::new();
            let mut random = 12_345u64;
            for step in 0..3000u64 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (priority, is_put) = ((random >> 33) as i64 % 7 - 3, random >> 62 < 2);
                if is_put {
                    let bytes = vec![step as u8; (random >> 40) as usize % 100];
                    let is_there = ranking.try_put(priority, &bytes).unwrap();
                    assert_eq!(is_there, model.len() < 20);
                    is_there.then(|| model.insert((priority, step, bytes)));
                } else {
                    let mut bytes = vec![];
                    let got =
                        ranking.try_get(&mut bytes).unwrap().map(|priority| (priority, bytes));
                    assert_eq!(
                        got,
                        model.pop_first().map(|(priority, _, bytes)| (priority, bytes))
                    );
                }
                assert_eq!(ranking.len().unwrap(), model.len());
            }
        });
    }

    /// An owner that died with a ranking of nonsense: it is made anew from the slots.
    #[test]
    fn the_ranking_is_made_anew_after_a_death() {
        with_ranking(5, |ranking| {
            assert!([3, 1, 2].iter().all(|&priority| ranking.try_put(priority, &[9; 60]).unwrap()));
            let die = || {
                RobustLock::over(&ranking.words.lock).unwrap().lock().unwrap();
                ranking.order.iter().for_each(|place| place.store(0, Relaxed));
                ranking.words.count.0.store(1, Relaxed);
                // A message whose slot was not filled yet.
                ranking.parts.heap().store(77, &[1; 9000]).unwrap();
            };
            std::thread::scope(|scope| scope.spawn(die).join().unwrap());
            let next = || ranking.try_get(&mut vec![]).unwrap();
            assert_eq!([next(), next(), next(), next()], [Some(1), Some(2), Some(3), None]);
            assert!(ranking.parts.heap().has_room(1024), "its pages are free");
            assert!((0..5).all(|priority| ranking.try_put(priority, &[]).unwrap()));
        });
    }

    /// Whom a dead waker has counted as woken, nobody else wakes.
    #[test]
    fn a_burial_wakes_all_who_sleep_counted_or_not() {
        let gone = Gone { seat: Seat::of_worker(3), cleanly: false };
        with_ranking(5, |ranking| {
            let words = ranking.parts.words;
            let registered = [&words.receivers, &words.senders].map(|gate| {
                let registered = gate.register();
                gate.leave_half_woken();
                (gate, registered)
            });
            bury_ranking(ranking.parts.region, ARRAYS, gone);
            for (gate, registered) in registered {
                assert!(gate.sleep(registered, Some(Instant::now())));
            }
        });
    }

    #[test]
    fn what_was_written_over_is_told() {
        with_ranking(5, |ranking| {
            ranking.try_put(1, &[1]).unwrap();
            for word in [&ranking.order[0], &ranking.words.count.0] {
                let before = word.swap(99, Relaxed);
                let told = ranking.try_get(&mut vec![]);
                assert!(matches!(told, Err(Error::Broken { .. })), "{told:?}");
                word.store(before, Relaxed);
            }
        });
    }
}
