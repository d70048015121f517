//! Where processes sleep until something changes, and are woken only if somebody sleeps.

use crate::machine::{futex, looks_awake};
use crate::memory::Shareable;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, fence};
use std::time::{Duration, Instant};

/// A sleep ends after this time at the latest: what a dying waker forgot is seen then.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// Looks of a waiter before it sleeps, and turns between them: a few microseconds, in which the other
/// side gets a batch done. With a look at each turn both sides would pull at the same cache line, and
/// pass on one message at a time (measured: half as many a second).
const LOOKS: u32 = 8;
const TURNS: u32 = 100;

/// A futex, and how many sleep on it at most.
///
/// Each sleeper adds one before it sleeps, wakers alone subtract: one for each that they wake. So the
/// count is never too small, and what is too large (a waiter found what it wanted after all, timed out
/// or died) costs one wake of nobody and is gone. Nothing is to be set right after a death but that
/// everybody is woken: the dead may have been woken in another's stead.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Gate {
    bell: AtomicU32,
    sleepers: AtomicU32,
}

// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for Gate {}

impl Gate {
    /// Wakes one sleeper, if there is one. The caller has changed what it waits for before.
    #[inline]
    pub(crate) fn wake_one(&self) {
        fence(SeqCst);
        self.wake_one_fenced();
    }

    /// The same by who has had a SeqCst fence since the change.
    #[inline]
    pub(crate) fn wake_one_fenced(&self) {
        if self.sleepers.load(Relaxed) != 0 {
            self.wake(|sleepers| sleepers.checked_sub(1), 1);
        }
    }

    /// Wakes all sleepers, if there are any.
    pub(crate) fn wake_all(&self) {
        fence(SeqCst);
        if self.sleepers.load(Relaxed) != 0 {
            self.wake(|sleepers| (sleepers != 0).then_some(0), u32::MAX);
        }
    }

    #[cold]
    fn wake(&self, left: impl Fn(u32) -> Option<u32>, count: u32) {
        if self.sleepers.fetch_update(SeqCst, Relaxed, left).is_ok() {
            self.bell.fetch_add(1, SeqCst);
            futex::wake(&self.bell, count);
        }
    }

    /// Wakes whoever sleeps, counted or not: after a death, as the dead may have counted sleepers as
    /// woken and not woken them.
    pub(crate) fn ring(&self) {
        self.bell.fetch_add(1, SeqCst);
        futex::wake_all(&self.bell);
    }

    /// Counts the caller as a sleeper; gives what `sleep` is to be told. Who wakes sleepers from here on
    /// wakes this one.
    pub(crate) fn register(&self) -> u32 {
        let bell = self.bell.load(Acquire);
        self.sleepers.fetch_add(1, SeqCst);
        fence(SeqCst);
        bell
    }

    /// Sleeps until somebody has been woken since `register`; false if the time is up before.
    pub(crate) fn sleep(&self, registered: u32, until: Option<Instant>) -> bool {
        while self.bell.load(Acquire) == registered {
            let left = until.map_or(SLEEP_MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            futex::wait(&self.bell, registered, Some(left.min(SLEEP_MAX)));
        }
        true
    }

    /// Whether anybody may sleep here, for who has had a SeqCst fence since the change.
    #[inline]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.sleepers.load(Relaxed) != 0
    }
}

/// Tries until something comes of it, or the time is up: then none. Without an end, `until` is none.
pub(crate) fn wait<T, E>(
    gate: &Gate,
    until: Option<Instant>,
    mut attempt: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    if let Some(done) = spin(&mut attempt)? {
        return Ok(Some(done));
    }
    loop {
        let bell = gate.register();
        if let Some(done) = attempt()? {
            return Ok(Some(done));
        }
        let left = until.map_or(SLEEP_MAX, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Ok(None);
        }
        futex::wait(&gate.bell, bell, Some(left.min(SLEEP_MAX)));
        if let Some(done) = attempt()? {
            return Ok(Some(done));
        }
    }
}

fn spin<T, E>(attempt: &mut impl FnMut() -> Result<Option<T>, E>) -> Result<Option<T>, E> {
    if let Some(done) = attempt()? {
        return Ok(Some(done));
    }
    for _ in 0..looks_awake(LOOKS) {
        (0..TURNS).for_each(|_| std::hint::spin_loop());
        if let Some(done) = attempt()? {
            return Ok(Some(done));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ARRAYS, Region};

    fn gate() -> Gate {
        Gate { bell: AtomicU32::new(0), sleepers: AtomicU32::new(0) }
    }

    #[test]
    fn where_nobody_sleeps_nothing_is_rung() {
        let gate = gate();
        gate.wake_one();
        gate.wake_all();
        assert_eq!(gate.bell.load(Relaxed), 0);
    }

    #[test]
    fn each_wake_answers_one_who_registered() {
        let gate = gate();
        gate.sleepers.store(3, Relaxed);
        gate.wake_one();
        assert_eq!((gate.bell.load(Relaxed), gate.sleepers.load(Relaxed)), (1, 2));
        gate.wake_all();
        assert_eq!((gate.bell.load(Relaxed), gate.sleepers.load(Relaxed)), (2, 0));
    }

    #[test]
    fn a_wait_has_an_end() {
        let gate = gate();
        let until = Instant::now() + Duration::from_millis(20);
        assert_eq!(wait::<(), ()>(&gate, Some(until), || Ok(None)), Ok(None));
        assert!(Instant::now() >= until);
        assert_eq!(wait::<(), _>(&gate, None, || Err(7)), Err(7));
    }

    /// Two threads pass a token to and fro, each asleep most of the time.
    #[test]
    fn no_wake_is_lost() {
        const ROUNDS: u32 = 2000;
        let (gates, token) = ([gate(), gate()], AtomicU32::new(0));
        let player = |own: u32| {
            for round in 0..ROUNDS {
                let turn = 2 * round + own;
                let mine = || Ok::<_, ()>((token.load(Acquire) == turn).then_some(()));
                wait(&gates[own as usize], None, mine).unwrap();
                token.store(turn + 1, SeqCst);
                gates[1 - own as usize].wake_one();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| player(1));
            player(0);
        });
        assert_eq!(token.into_inner(), 2 * ROUNDS);
    }

    #[test]
    fn a_burial_wakes_whom_a_dead_waker_has_counted_and_not_woken() {
        let region = Region::create(8 << 20).unwrap();
        let gate = region.at::<Gate>(ARRAYS);
        let registered = gate.register();
        gate.sleepers.store(0, SeqCst);
        gate.wake_all();
        assert!(!gate.sleep(registered, Some(Instant::now())));
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| gate.sleep(registered, None));
            gate.ring();
            assert!(sleeper.join().unwrap());
        });
    }
}
