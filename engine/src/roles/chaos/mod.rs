//! Chaos: workers are killed, stopped and slowed at random times while an engine works, for users to
//! attack their own kernels with. Results must stay the same.

mod agenda;
mod inflict;
mod schedule;

use super::engine::Engine;
use crate::error::{Error, Result};
use agenda::Agenda;
pub(crate) use schedule::Action;
use schedule::Schedule;
use std::fmt;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of the thread's stack: little, as address space may be scarce.
const STACK: usize = 256 << 10;

/// How much is to happen to the workers of an engine: see [`Engine::chaos`].
///
/// What happens to whom, and how long after the begin, is a function of the seed, the rate and the
/// number of workers. Where in the computation it falls is not: that is up to the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "nothing happens until `Engine::chaos`"]
pub struct Chaos {
    seed: u64,
    kills_per_second: f64,
}

impl Chaos {
    /// Kills per second, unless [`kills_per_second`](Chaos::kills_per_second) says otherwise.
    pub(crate) const KILLS_PER_SECOND: f64 = 5.0;
    /// The fewest and the most that may be asked for.
    pub(crate) const RATES: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

    /// 5 kills per second, and half as many stops (of up to 50 ms) and slow times (half speed for up
    /// to 100 ms).
    pub fn new(seed: u64) -> Chaos {
        Chaos { seed, kills_per_second: Chaos::KILLS_PER_SECOND }
    }

    /// How many workers are killed per second on average, from 0.001 to 1000. Stops and slow times
    /// come half as often, and last no longer than the longest gap between events.
    ///
    /// With W workers each lives W / kills seconds on average: chunks that take much longer than that are
    /// never done.
    pub fn kills_per_second(mut self, kills: f64) -> Chaos {
        self.kills_per_second = kills;
        self
    }

    #[cfg(feature = "cli")]
    pub(crate) fn seed(self) -> u64 {
        self.seed
    }

    #[cfg(feature = "cli")]
    pub(crate) fn rate(self) -> f64 {
        self.kills_per_second
    }
}

/// What was done to workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChaosTally {
    /// Killed.
    pub kills: u64,
    /// Stopped for a while.
    pub stops: u64,
    /// Slowed for a while.
    pub slowed: u64,
}

impl ChaosTally {
    fn count(&mut self, action: Action) {
        *match action {
            Action::Kill => &mut self.kills,
            Action::Stop(_) => &mut self.stops,
            Action::Slow(_) => &mut self.slowed,
        } += 1;
    }
}

impl fmt::Display for ChaosTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some =
            |count: u64, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        write!(
            f,
            "{}, {}, {} slowed",
            some(self.kills, "kill"),
            some(self.stops, "stop"),
            self.slowed
        )
    }
}

/// Something that was done to a worker.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command tells of each"))]
pub(crate) struct Inflicted {
    /// Since the begin.
    pub(crate) at: Duration,
    pub(crate) rank: usize,
    pub(crate) pid: i32,
    pub(crate) action: Action,
}

/// Chaos that goes on until this is dropped or ended: see [`Engine::chaos`].
#[derive(Debug)]
#[must_use = "it ends when this is dropped"]
pub struct ChaosGuard {
    tally: Arc<Mutex<ChaosTally>>,
    /// Dropped to end the thread.
    ended: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ChaosGuard {
    /// What has been done so far.
    pub fn tally(&self) -> ChaosTally {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, lets all workers go on, and says what was done.
    pub fn end(mut self) -> ChaosTally {
        self.stop();
        self.tally()
    }

    fn stop(&mut self) {
        drop(self.ended.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic but for whom it tells, and lets everybody go on even then.
            let _ = thread.join();
        }
    }
}

impl Drop for ChaosGuard {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Engine {
    /// Kills, stops and slows workers at random times, from now until the guard is dropped, to try
    /// whether results stay the same. Deaths that it causes are held against no chunk and no task,
    /// whatever the number of attempts; they are counted in [`stats`](Engine::stats). Nor are stops held
    /// against them by a deadline. No worker is left stopped.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::{Chaos, Engine};
    ///
    /// let engine = Engine::builder().workers(3).build()?;
    /// let x = engine.from_fn(300_000, |i| 1.0 / (1.0 + i as f64))?;
    /// let calm: f64 = engine.sum(&x)?;
    /// let chaos = engine.chaos(Chaos::new(7).kills_per_second(200.0))?;
    /// for _ in 0..20 {
    ///     assert_eq!(engine.sum(&x)?.to_bits(), calm.to_bits());
    /// }
    /// println!("{}", chaos.end()); // such as: 9 kills, 4 stops, 3 slowed
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a rate out of bounds; [`Error::InsideWorker`] and [`Error::Forked`] in
    /// other processes; [`Error::System`] if no thread can be started.
    pub fn chaos(&self, chaos: Chaos) -> Result<ChaosGuard> {
        self.chaos_told(chaos, |_, _| {})
    }

    /// The same, and `tell` is called after each thing that was done, with what that makes in all.
    pub(crate) fn chaos_told(
        &self,
        chaos: Chaos,
        tell: impl FnMut(&Inflicted, ChaosTally) + Send + 'static,
    ) -> Result<ChaosGuard> {
        self.core.refuse_other_processes()?;
        if !Chaos::RATES.contains(&chaos.kills_per_second) {
            let (kernel, kills) = ("chaos".into(), chaos.kills_per_second);
            let reason = format!("{kills} kills per second; it may be 0.001 to 1000");
            return Err(Error::Refused { kernel, reason });
        }
        let schedule = Schedule::new(chaos.seed, chaos.kills_per_second, self.workers());
        let agenda = Agenda::new(schedule);
        let core = Arc::clone(&self.core);
        let tally = Arc::default();
        let (ended, is_ended) = mpsc::channel();
        let counted = Arc::clone(&tally);
        let run = move || inflict::inflict(agenda, &core, &counted, &is_ended, tell);
        let thread = std::thread::Builder::new().name("gristmill chaos".into()).stack_size(STACK);
        let thread = thread.spawn(run).map_err(|e| Error::system("starting a thread", e))?;
        Ok(ChaosGuard { tally, ended: Some(ended), thread: Some(thread) })
    }
}
