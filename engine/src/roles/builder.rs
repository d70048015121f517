//! Starting an engine.

use super::children::Children;
use super::coordinator::{Core, Counters, End, Running, SPINS_SHARED};
use super::engine::Engine;
use super::handle::Handle;
use super::launch::Launchpad;
use super::notifier::Notifier;
use super::pace::Paces;
use super::placement::Pin;
use super::recovery_times::Recoveries;
use super::supervisor::Supervisor;
use crate::compute::{Control, Start, WORKERS_MAX};
use crate::error::{Error, Result};
use crate::machine::{self, Machine};
use crate::memory::{self, Budget, Growth, Memory, Region};
use crate::process::{self, Limits};
use crate::shared::crash::CrashPlan;
use crate::toolbox::Commons;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

#[cfg(feature = "cli")]
mod on_threads;

/// How workers and the coordinator wait for each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wait {
    /// Spin for long: the fastest steps, and a burnt CPU per worker between launches.
    Active,
    /// Spin for some microseconds, then sleep.
    #[default]
    Balanced,
    /// Sleep at once.
    Passive,
}

impl Wait {
    fn spins(self, oversubscribed: bool) -> u32 {
        match self {
            // Whoever spins on a shared CPU keeps the others from working.
            _ if oversubscribed => 0,
            Wait::Active => 10_000_000,
            Wait::Balanced => 2_000,
            Wait::Passive => 0,
        }
    }
}

/// The least memory of its own that a worker may be limited to, in bytes.
pub(crate) const WORKER_MEMORY_MIN: u64 = 16 << 20;

/// How an engine is to be: see [`Engine::builder`].
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    workers: Option<usize>,
    capacity: Option<u64>,
    attempts: Option<u32>,
    deadline: Option<Duration>,
    limits: Limits,
    pin: Pin,
    wait: Wait,
    crashes: Option<CrashPlan>,
    fence: bool,
    #[cfg(feature = "cli")]
    on_threads: bool,
}

impl Builder {
    /// How many workers; by default one per CPU that affinity, cpusets and cgroup quotas allow.
    /// There may be more than cores: then they share them. With 0 there are child processes and what
    /// they share alone; launches and tasks give [`Error::NoWorkers`].
    pub fn workers(mut self, workers: usize) -> Builder {
        self.workers = Some(workers);
        self
    }

    /// The most bytes that arrays can take; by default what machine and cgroup have. It is address
    /// space only, until arrays are made.
    pub fn capacity(mut self, bytes: u64) -> Builder {
        self.capacity = Some(bytes);
        self
    }

    /// How often a chunk or task may kill its worker before it is set aside; 3 by default.
    pub fn attempts(mut self, attempts: u32) -> Builder {
        self.attempts = Some(attempts);
        self
    }

    /// How long one attempt at a chunk or task may take, and each fold, condition and merge (where a
    /// plan runs steps together, each step's part of a chunk); by default as long as it likes. It is measured from outside, in steps of a sixteenth (at least
    /// 1 ms, at most 1 s), and an attempt is ended after that time, never before. Then it counts as
    /// any other death: the chunk is tried again, and set aside after its last attempt. Time in which
    /// the whole program was stopped does not count. A worker that is stopped by SIGSTOP gets
    /// nowhere either, and is ended likewise.
    ///
    /// ```
    /// use gristmill::{Engine, Error};
    /// use std::time::Duration;
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let deadline = Duration::from_millis(50);
    /// let engine = Engine::builder().workers(2).attempts(2).deadline(deadline).build()?;
    /// let x = engine.from_fn(1000, |i| i as f64)?;
    /// let mut y = engine.zeros(1000)?;
    /// let run = engine.map(&x, &mut y, |v: f64| {
    ///     while std::hint::black_box(v) == 123.0 {}
    ///     2.0 * v
    /// });
    /// let Err(Error::Poisoned(poisoned)) = run else { panic!("{run:?}") };
    /// let place = poisoned.chunks[0].place;
    /// assert!(poisoned.chunks.len() == 1 && (place.start..place.end).contains(&123));
    /// assert_eq!(y[124.max(place.end)], 2.0 * 124.max(place.end) as f64); // all others are done
    /// # Ok(()) }
    /// ```
    pub fn deadline(mut self, deadline: Duration) -> Builder {
        self.deadline = Some(deadline);
        self
    }

    /// The most memory of its own that a worker may have, in bytes, at least 16 MiB: what
    /// kernels allocate and never give back counts, arrays do not. At the limit an allocation
    /// fails; in Rust that ends the worker, which counts as any other death and says so
    /// ([`Cause::AllocationFailed`](crate::Cause::AllocationFailed)), so that a kernel that
    /// leaks costs a retry now and then. By default there is no limit.
    ///
    /// It is RLIMIT_DATA, which the kernel counts in address space: memory that is mapped writable
    /// and private counts also where it was never touched. A worker itself takes some MiB.
    pub fn worker_memory(mut self, bytes: u64) -> Builder {
        self.limits.memory_bytes = Some(bytes);
        self
    }

    /// Whether workers that crash may leave core dumps, with all arrays in them; by default they do
    /// not. Where and how large then say `ulimit -c` and /proc/sys/kernel/core_pattern.
    pub fn core_dumps(mut self, core_dumps: bool) -> Builder {
        self.limits.core_dumps = core_dumps;
        self
    }

    /// Where workers run.
    pub fn pin(mut self, pin: Pin) -> Builder {
        self.pin = pin;
        self
    }

    /// How workers wait.
    pub fn wait(mut self, wait: Wait) -> Builder {
        self.wait = wait;
        self
    }

    /// Workers die as this plan says, at named points of their work: to try that a computation
    /// survives it. A death by plan is a death like any other, and counts as an attempt. The plan
    /// holds once all workers have started; later ones are told to [`Engine::crash_at`].
    ///
    /// Without this no worker looks at crash points, which then cost nothing.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::{Crash, CrashPoint, Engine};
    ///
    /// let engine = Engine::builder().workers(2).crash_at(CrashPoint::Marked).build()?;
    /// let mut x = engine.from_fn(10_000, |i| i as u32)?;
    /// let y = engine.from_fn(10_000, |i| i as u32)?;
    /// engine.map(&y, &mut x, |y: u32| y + 1)?; // whoever marks the first chunk dies
    /// assert!(x.as_slice().iter().zip(y.as_slice()).all(|(x, y)| *x == y + 1));
    /// assert_eq!(engine.crash_report().kills(), 1);
    ///
    /// engine.crash_at(Crash::at(CrashPoint::Leading).times(2))?; // and now two, one after the other
    /// assert_eq!(engine.sum(&y)?, 49_995_000);
    /// assert_eq!(engine.crash_report().kills(), 3);
    /// # Ok(()) }
    /// ```
    pub fn crash_at(mut self, plan: impl Into<CrashPlan>) -> Builder {
        self.crashes = Some(plan.into());
        self
    }

    /// Whether to fence kernels in, for finding a kernel that writes where it should not. While a
    /// chunk runs, of all arrays only the pages that hold what its kernel declared to write
    /// (`Out`, `InOut`, `TileOut` and `Merge` arguments, of this chunk alone) can be written, and
    /// the engine's control block cannot be written at all. A stray write kills the worker before
    /// it does harm, and the error names kernel, chunk, array and index.
    ///
    /// It stops at pages of 4 KiB: a write that strays less than that from the chunk's own piece
    /// may still hit a neighbour on the same page. It costs a few system calls per chunk, and twice
    /// the address space in each worker. Off, which is the default, it costs nothing.
    ///
    /// What a kernel changes of the things that processes share (values, queues, locks) is not its own
    /// either: such kernels run without fences.
    ///
    /// ```
    /// use gristmill::Engine;
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).fence(true).build()?;
    /// let x = engine.from_fn(10_000, |i| i as f64)?;
    /// let mut y = engine.zeros(10_000)?;
    /// engine.map(&x, &mut y, |x: f64| x.sqrt())?;
    /// assert_eq!(y[64], 8.0);
    /// # Ok(()) }
    /// ```
    pub fn fence(mut self, fence: bool) -> Builder {
        self.fence = fence;
        self
    }

    /// Starts the workers.
    ///
    /// Each costs this process up to four descriptors. Where the soft limit on them (`ulimit -n`)
    /// leaves too few it is raised, no higher than is needed and the hard limit allows.
    ///
    /// # Errors
    ///
    /// [`Error::InsideWorker`] in a kernel or task; [`Error::Limit`] for more than 256
    /// workers; [`Error::TooSmall`] for no attempts, a deadline of 0, or less than 16 MiB for a
    /// worker; [`Error::Start`] with the reason, if a worker cannot be started, if a CPU to pin to
    /// is not allowed, or if the program has privileges from its file (setuid and the like).
    pub fn build(self) -> Result<Engine> {
        refuse_processes_without_engines()?;
        let machine = Machine::for_start(self.workers.is_some());
        let computing = self.workers.unwrap_or_else(|| machine.worker_count().workers);
        self.check_numbers(computing)?;
        let workers = computing;
        #[cfg(feature = "cli")]
        let workers = self.processes(workers)?;
        self.pin.check(&machine)?;
        process::make_room_for_descriptors(workers);
        let spins = self.wait.spins(computing > machine.cpus.len());
        let region = self.create_region(&machine)?;
        let start = Start { nonce: draw_nonce(), workers, spins, fences: self.fence };
        let control = Control::of(&region, start);
        control.initialise()?;
        let lock_kind = control.lock.kind();
        if self.crashes.is_some() {
            control.crash.turn_on();
        }
        let (claims, cpus) = self.pin.assign(&machine, computing);
        let memory = Memory::new(region, budget());
        let core = Arc::new(Core {
            commons: Commons::new(Arc::clone(&memory)),
            memory,
            handle: Handle::new()?,
            workers,
            #[cfg(feature = "cli")]
            threads: self.start_threads(&cpus)?,
            start,
            lock_kind,
            found_damaged: AtomicU64::new(0),
            forks: process::forks::count(),
            attempts_max: self.attempts.unwrap_or(3),
            running: Mutex::new(Running::default()),
            deadline_ns: AtomicU64::default(),
            paces: Paces::new(workers),
            queues: Mutex::default(),
            wishes_answered: AtomicU64::new(0),
            notifier: Notifier::default(),
            children: Children::default(),
            children_asked: AtomicBool::new(false),
            counters: Counters::default(),
            buried: Mutex::default(),
            recoveries: Recoveries::new(workers),
            spins: if computing < machine.cpus.len() { spins } else { spins.min(SPINS_SHARED) },
            cpus,
        });
        core.set_deadline(self.deadline);
        if workers == 0 {
            let reason = match computing {
                0 => "the engine was built without any: `Builder::workers`",
                _ => {
                    "the engine runs its launches on threads, and has no workers for anything else"
                }
            };
            core.lock_running().end = Some(End::NoWorkers(reason.into()));
        }
        let supervisor = Supervisor::of(Arc::clone(&core), self.limits);
        let (thread, started) = supervise(supervisor)?;
        let engine = Engine {
            core,
            thread: Some(thread),
            launchpad: Mutex::new(Launchpad::default()),
            _claims: claims,
        };
        started?;
        self.crashes.map_or(Ok(()), |plan| engine.crash_at(plan)).map(|()| engine)
    }

    fn check_numbers(&self, workers: usize) -> Result<()> {
        if workers > WORKERS_MAX {
            return Err(Error::Limit {
                what: "the number of workers",
                asked: workers as u64,
                limit: WORKERS_MAX as u64,
                remedy: "ask for fewer, or leave it out for one per CPU",
            });
        }
        let too_small = |what, asked, least, remedy| {
            let refused = asked < least;
            if refused { Err(Error::TooSmall { what, asked, least, remedy }) } else { Ok(()) }
        };
        let deadline =
            self.deadline.map_or(u64::MAX, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
        too_small(
            "the deadline in nanoseconds",
            deadline,
            1,
            "give chunks some time, or leave it out",
        )?;
        refuse_small_memory(self.limits.memory_bytes.unwrap_or(u64::MAX))?;
        let attempts = self.attempts.unwrap_or(u32::MAX).into();
        too_small("the number of attempts that a chunk gets", attempts, 1, "ask for more")
    }

    fn create_region(&self, machine: &Machine) -> Result<Region> {
        const UNKNOWN: u64 = 1 << 30;
        let bound = memory::region_capacity(&machine.memory, self.fence);
        let bytes = bound.map_or(UNKNOWN, |bound| bound.bytes);
        let region = Region::create(self.capacity.unwrap_or(bytes).min(1 << 46) as usize)?;
        if self.limits.core_dumps {
            region.leave_in_dumps();
        }
        Ok(region)
    }
}

/// An error in a process that can start no workers.
fn refuse_processes_without_engines() -> Result<()> {
    if process::is_worker() {
        return Err(Error::InsideWorker);
    }
    process::refuse_privileges_of_the_file()?;
    process::refuse_inherited_handover()?;
    process::refuse_namespace_for_children()?;
    super::worker::check_entry()
}

/// An error where a process could not even start with so much memory of its own.
pub(super) fn refuse_small_memory(bytes: u64) -> Result<()> {
    if bytes >= WORKER_MEMORY_MIN {
        return Ok(());
    }
    Err(Error::TooSmall {
        what: "the memory that a process may have, in bytes,",
        asked: bytes,
        least: WORKER_MEMORY_MIN,
        remedy: "it needs some of it itself: give it more, or leave it out",
    })
}

/// Starts the supervisor's thread; says how its start of the workers went.
fn supervise(supervisor: Supervisor) -> Result<(JoinHandle<()>, Result<()>)> {
    let (ready, started) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("gristmill supervisor".into())
        .spawn(move || supervisor.run(&ready))
        .map_err(|e| Error::Start {
            reason: format!("starting the supervisor's thread: {e}; {}", process::remedy(&e)),
        })?;
    let ended = || Err(Error::Start { reason: "the supervisor's thread ended".into() });
    Ok((thread, started.recv().unwrap_or_else(|_| ended())))
}

/// What the machine has left, read anew at each growth.
fn budget() -> Budget {
    Box::new(|growth| {
        let memory = machine::Memory::here();
        let bound = match growth {
            Growth::Region => memory.available_to_mapped(),
            Growth::Elsewhere => memory.available(),
        };
        match bound {
            Some(bound) => (bound.bytes, bound.to_string()),
            None => (u64::MAX, "nothing is known of this machine's memory".into()),
        }
    })
}

/// A number that no other engine has: from the system's source of randomness.
fn draw_nonce() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}
