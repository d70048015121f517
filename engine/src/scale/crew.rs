//! Threads that run a loop together, pass by pass, each pass timed from the first one's begin to
//! the last one's end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Passes of each loop, of which the best counts: at least so many, however long they take, and at
/// most so many.
const PASSES: [u64; 2] = [3, 100];

/// A pass is repeated until it takes so long: then threads that begin some microseconds apart do
/// not show, and there are many passes, of which others disturb some.
const PASS_S: f64 = 0.002;

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Crew {
    threads: u64,
    /// What each loop may take, beside its fewest passes.
    loop_s: f64,
    /// How often threads have come to a meeting.
    arrived: AtomicU64,
    /// Somebody is missing: the others are not to wait.
    gave_up: AtomicBool,
    /// Of each loop, what the slowest thread needs for a sweep.
    slowest_ns: Vec<AtomicU64>,
}

/// One of the threads.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    crew: &'a Crew,
    meetings: u64,
    loops: usize,
}

/// What one thread saw of the passes of a loop.
#[derive(Debug)]
pub(crate) struct Passes {
    /// How often the loop ran in each.
    sweeps: u64,
    /// When each began and ended.
    times: Vec<(Instant, Instant)>,
}

impl Crew {
    /// Of so many threads, for at most so many loops, each of which may take so long.
    pub(crate) fn new(threads: usize, loops: usize, loop_s: f64) -> Crew {
        Crew {
            threads: threads as u64,
            loop_s,
            arrived: AtomicU64::new(0),
            gave_up: AtomicBool::new(false),
            slowest_ns: (0..loops).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// To be called once by each thread.
    pub(crate) fn member(&self) -> Member<'_> {
        Member { crew: self, meetings: 0, loops: 0 }
    }

    /// Somebody is missing, and nothing is to be had.
    pub(crate) fn give_up(&self) {
        self.gave_up.store(true, Ordering::Relaxed);
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.crew.give_up();
        }
    }
}

impl Member<'_> {
    /// The passes of the next loop, which `sweep` runs so many times; in the same order in all
    /// threads. None if somebody gave up.
    pub(crate) fn passes(&mut self, mut sweep: impl FnMut(u64)) -> Option<Passes> {
        let slowest_ns = &self.crew.slowest_ns[self.loops];
        self.loops += 1;
        let mut timed = |member: &mut Self, sweeps: u64| {
            member.meet()?;
            let begin = Instant::now();
            sweep(sweeps);
            Some((begin, Instant::now()))
        };
        // Once unseen: pages, caches and clocks are as they will be. All threads draw the same
        // conclusions from what the slowest took.
        let (begin, end) = timed(self, 1)?;
        slowest_ns.fetch_max((end - begin).as_nanos() as u64, Ordering::Relaxed);
        self.meet()?;
        let one_s = slowest_ns.load(Ordering::Relaxed).max(1) as f64 * 1e-9;
        let sweeps = (PASS_S / one_s).ceil().max(1.0) as u64;
        let [fewest, most] = PASSES;
        let passes = ((self.crew.loop_s / (one_s * sweeps as f64)) as u64).clamp(fewest, most);
        let times = (0..passes).map(|_| timed(self, sweeps)).collect::<Option<_>>()?;
        Some(Passes { sweeps, times })
    }

    /// Waits for all others. None if somebody gave up.
    ///
    /// `std::sync::Barrier` wakes its sleepers one after the other, which would show; each of these
    /// threads has a CPU, so they may spin.
    fn meet(&mut self) -> Option<()> {
        /// Then somebody else may have our CPU, or that of one who is late.
        const SPINS: u32 = 10_000;
        self.meetings += 1;
        let Crew { threads, arrived, gave_up, .. } = self.crew;
        arrived.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0;
        while arrived.load(Ordering::Acquire) < self.meetings * threads {
            if gave_up.load(Ordering::Relaxed) {
                return None;
            }
            if spins < SPINS {
                spins += 1;
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        Some(())
    }
}

/// Seconds of a sweep in the best pass of a loop, of which each thread saw its part.
pub(crate) fn sweep_s(threads: &[&Passes]) -> f64 {
    let pass = |pass: usize| {
        let times = || threads.iter().map(|thread| thread.times[pass]);
        let begin = times().map(|(begin, _)| begin).min();
        let end = times().map(|(_, end)| end).max();
        begin.zip(end).map_or(Duration::ZERO, |(begin, end)| end - begin)
    };
    let Some(first) = threads.first() else { return 0.0 };
    let best = (0..first.times.len()).map(pass).min().unwrap_or_default();
    best.as_secs_f64() / first.sweeps as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// What two threads come to, of which each does this.
    fn two<T: Send>(crew: &Crew, run: impl Fn(usize) -> T + Sync) -> Vec<Option<T>> {
        assert_eq!(crew.threads, 2);
        let run = &run;
        thread::scope(|scope| {
            let both: Vec<_> = (0..2).map(|number| scope.spawn(move || run(number))).collect();
            both.into_iter().map(|thread| thread.join().ok()).collect()
        })
    }

    #[test]
    fn all_threads_make_the_same_passes() {
        let crew = Crew::new(2, 2, 0.0);
        let of_thread = |number: usize| {
            let mut member = crew.member();
            let mut ran = 0;
            let first = member.passes(|sweeps| ran += sweeps).expect("nobody gives up");
            // One of them is slow: for both.
            let slow = Duration::from_millis(3 * number as u64);
            let second = member.passes(|_| thread::sleep(slow)).expect("nobody gives up");
            assert_eq!(ran, 1 + first.sweeps * first.times.len() as u64);
            [first, second].map(|passes| (passes.sweeps, passes.times.len()))
        };
        let seen = two(&crew, of_thread);
        assert_eq!(seen[0], seen[1]);
        let [(fast, _), (slow, passes)] = seen[0].expect("no panic");
        assert!(fast >= 1);
        assert_eq!((slow, passes), (1, 3));
    }

    #[test]
    fn a_pass_takes_until_the_last_one_is_done() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let passes = |times: [(u64, u64); 2]| Passes {
            sweeps: 2,
            times: times.map(|(begin, end)| (at(begin), at(end))).into(),
        };
        let (one, other) = (passes([(0, 10), (20, 32)]), passes([(5, 16), (21, 29)]));
        assert_eq!(sweep_s(&[&one, &other]), 0.006);
        assert_eq!(sweep_s(&[&one]), 0.005);
    }

    #[test]
    fn nobody_waits_for_one_who_is_gone() {
        let crew = Crew::new(2, 1, 0.0);
        let seen = two(&crew, |number| {
            let passes = |_| assert!(number == 0, "as it should");
            crew.member().passes(passes).is_none()
        });
        assert_eq!(seen, [Some(true), None]);
        let crew = Crew::new(2, 1, 0.0);
        crew.give_up();
        assert!(crew.member().passes(|_| ()).is_none());
    }
}
