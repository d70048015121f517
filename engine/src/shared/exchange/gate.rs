//! Where processes sleep until something changes, and are woken only if somebody sleeps.

use crate::machine::{futex, looks_awake};
use crate::memory::Shareable;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};
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
/// Each sleeper adds one before it sleeps, wakers subtract: one for each that they wake. The bell and the
/// count are of one word, so who gives up (a waiter that found what it wanted after all, or whose time is
/// up) knows whether a waker has subtracted anything since it added its own: if nobody has, it takes that
/// back. So the count is never too small, and what is too large (a waiter gave up after somebody was
/// woken, or died) costs one wake of nobody and is gone. Nothing is to be set right after a death but
/// that everybody is woken: the dead may have been woken in another's stead.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Gate {
    /// The bell, which changes with every wake, and above its 32 bits the count of sleepers.
    word: AtomicU64,
}

// SAFETY: nothing but an atomic and padding.
unsafe impl Shareable for Gate {}

/// Where the count is in the word of a gate.
const COUNT: u32 = 32;
const SLEEPER: u64 = 1 << COUNT;

/// Which half of the word the bell is in memory.
const BELL: usize = if cfg!(target_endian = "little") { 0 } else { 1 };

/// The word with another bell, and so many sleepers.
fn rung(word: u64, sleepers: u64) -> u64 {
    sleepers << COUNT | u64::from((word as u32).wrapping_add(1))
}

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
        if self.has_sleepers() {
            self.wake(|sleepers| sleepers - 1, 1);
        }
    }

    /// Wakes all sleepers, if there are any.
    pub(crate) fn wake_all(&self) {
        fence(SeqCst);
        if self.has_sleepers() {
            self.wake(|_| 0, u32::MAX);
        }
    }

    #[cold]
    fn wake(&self, left: impl Fn(u64) -> u64, count: u32) {
        let less = |word: u64| {
            let sleepers = word >> COUNT;
            (sleepers != 0).then(|| rung(word, left(sleepers)))
        };
        if self.word.fetch_update(SeqCst, Relaxed, less).is_ok() {
            futex::wake(self.bell(), count);
        }
    }

    /// Wakes whoever sleeps, counted or not: after a death, as the dead may have counted sleepers as
    /// woken and not woken them.
    pub(crate) fn ring(&self) {
        let _ = self.word.fetch_update(SeqCst, Relaxed, |word| Some(rung(word, 0)));
        futex::wake_all(self.bell());
    }

    /// What the kernel lets sleepers sleep on.
    fn bell(&self) -> &AtomicU32 {
        // SAFETY: half of the word, aligned and alive as it is. It is given to the kernel alone, which
        // compares it; this code reads and writes the whole word.
        unsafe { AtomicU32::from_ptr(self.word.as_ptr().cast::<u32>().add(BELL)) }
    }

    fn has_rung(&self, registered: u32) -> bool {
        self.word.load(Acquire) as u32 != registered
    }

    /// Counts the caller as a sleeper; gives what `sleep` is to be told. Who wakes sleepers from here on
    /// wakes this one.
    pub(crate) fn register(&self) -> u32 {
        let before = self.word.fetch_add(SLEEPER, SeqCst);
        fence(SeqCst);
        before as u32
    }

    /// The caller, who registered, will not sleep; false if somebody has been woken since.
    fn leave(&self, registered: u32) -> bool {
        let without = |word: u64| {
            if word as u32 == registered { word.checked_sub(SLEEPER) } else { None }
        };
        let left = self.word.fetch_update(SeqCst, Relaxed, without);
        left.map_or_else(|word| word as u32 == registered, |_| true)
    }

    /// Sleeps until somebody has been woken since `register`; false if the time is up before.
    pub(crate) fn sleep(&self, registered: u32, until: Option<Instant>) -> bool {
        while !self.has_rung(registered) {
            let left = time_left(until);
            if left.is_zero() {
                return !self.leave(registered);
            }
            futex::wait(self.bell(), registered, Some(left));
        }
        true
    }

    /// Whether anybody may sleep here, for who has had a SeqCst fence since the change.
    #[inline]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.sleepers() != 0
    }

    /// How many sleep here at most.
    #[inline]
    pub(crate) fn sleepers(&self) -> u32 {
        (self.word.load(Relaxed) >> COUNT) as u32
    }

    /// What is left where a waker dies between counting sleepers as woken and waking them.
    #[cfg(test)]
    pub(crate) fn leave_half_woken(&self) {
        self.word.fetch_and(SLEEPER - 1, SeqCst);
    }
}

/// For how long to sleep at most.
fn time_left(until: Option<Instant>) -> Duration {
    let left = until.map(|end| end.saturating_duration_since(Instant::now()));
    left.map_or(SLEEP_MAX, |left| left.min(SLEEP_MAX))
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
        if time_left(until).is_zero() {
            return Ok(None);
        }
        let bell = gate.register();
        let tried = attempt();
        if matches!(tried, Ok(None)) {
            futex::wait(gate.bell(), bell, Some(time_left(until)));
        }
        gate.leave(bell);
        if !matches!(tried, Ok(None)) {
            return tried;
        }
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
        Gate { word: AtomicU64::new(u64::from(u32::MAX)) }
    }

    fn bell_and_sleepers(gate: &Gate) -> (u32, u32) {
        (gate.word.load(Relaxed) as u32, gate.sleepers())
    }

    #[test]
    fn where_nobody_sleeps_nothing_is_rung() {
        let gate = gate();
        gate.wake_one();
        gate.wake_all();
        assert_eq!(bell_and_sleepers(&gate), (u32::MAX, 0));
    }

    #[test]
    fn each_wake_answers_one_who_registered() {
        let gate = gate();
        let registered = [gate.register(), gate.register(), gate.register()];
        assert_eq!(registered, [u32::MAX; 3]);
        gate.wake_one();
        assert_eq!(bell_and_sleepers(&gate), (0, 2));
        gate.wake_all();
        assert_eq!(bell_and_sleepers(&gate), (1, 0));
    }

    /// Else each wait that came to nothing would cost a later waker a system call.
    #[test]
    fn who_waits_no_more_is_not_counted() {
        let gate = gate();
        let soon = || Some(Instant::now() + Duration::from_millis(1));
        assert_eq!(wait::<(), ()>(&gate, Some(Instant::now()), || Ok(None)), Ok(None));
        assert_eq!(wait::<(), ()>(&gate, soon(), || Ok(None)), Ok(None));
        assert!(!gate.sleep(gate.register(), soon()));
        // What comes once it has registered, as an error or not.
        for result in [Ok(Some(())), Err(())] {
            let attempt = || if gate.has_sleepers() { result } else { Ok(None) };
            assert_eq!(wait(&gate, None, attempt), result);
        }
        assert_eq!(bell_and_sleepers(&gate), (u32::MAX, 0));
        // Whom a waker has counted is not taken back twice: another may sleep.
        let registered = gate.register();
        gate.register();
        gate.wake_one();
        assert!(gate.sleep(registered, Some(Instant::now())) && !gate.leave(registered));
        assert_eq!(gate.sleepers(), 1);
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
        gate.leave_half_woken();
        gate.wake_all();
        assert!(!gate.sleep(registered, Some(Instant::now())));
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| gate.sleep(registered, None));
            gate.ring();
            assert!(sleeper.join().unwrap());
        });
        assert_eq!(gate.sleepers(), 0);
    }
}
