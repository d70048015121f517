//! Starting an engine.

use super::coordinator::{Core, Counters, Running, SPINS_SHARED};
use super::engine::Engine;
use super::handle::Handle;
use super::launch::Launchpad;
use super::pace::Paces;
use super::recovery::Recoveries;
use super::supervisor::Supervisor;
use crate::compute::{Control, WORKERS_MAX};
use crate::error::{Error, Result};
use crate::machine::pin::CpuClaim;
use crate::machine::{self, Machine, MemoryReason, OomKills};
use crate::memory::{Budget, Memory, Region};
use crate::process::{self, Limits};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// Where workers run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Pin {
    /// Each on a CPU of its own, physical cores first, as long as there are enough that no other
    /// engine has claimed; workers beyond that are not pinned.
    #[default]
    Auto,
    /// Wherever the system puts them.
    No,
    /// On these CPUs, in this order, over again if there are more workers.
    Cpus(Vec<usize>),
}

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

/// The least memory of its own that a worker may be limited to.
const WORKER_MEMORY_MIN: u64 = 16 << 20;

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
}

impl Builder {
    /// How many workers; by default one per CPU that affinity, cpusets and cgroup quotas allow.
    /// There may be more than cores: then they share them.
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

    /// How long one attempt at a chunk or task may take, and each fold, condition and merge; by
    /// default as long as it likes. It is measured from outside, in steps of a sixteenth (at least
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

    /// The most memory of its own that a worker may have, in bytes: what kernels allocate and never
    /// give back counts, arrays do not. At the limit an allocation fails; in Rust that ends the
    /// worker, which counts as any other death and says so
    /// ([`Cause::AllocationFailed`](crate::Cause::AllocationFailed)), so that a kernel that leaks costs a retry now and then. By
    /// default there is no limit.
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

    /// Starts the workers.
    ///
    /// # Errors
    ///
    /// [`Error::InsideWorker`] in a kernel or task; [`Error::Limit`] for 0 or more than 256
    /// workers; [`Error::Start`] with the reason, if a worker cannot be started.
    pub fn build(self) -> Result<Engine> {
        if process::is_worker() {
            return Err(Error::InsideWorker);
        }
        process::refuse_inherited_handover()?;
        super::worker::check_entry()?;
        let machine = Machine::for_start(self.workers.is_some());
        let workers = self.workers.unwrap_or_else(|| machine.worker_count().workers);
        self.check_numbers(workers)?;
        self.check_pins(&machine)?;
        let oversubscribed = workers > machine.cpus.len();
        let spins = self.wait.spins(oversubscribed);
        let region = self.create_region(&machine)?;
        if self.limits.core_dumps {
            region.leave_in_dumps();
        }
        let nonce = draw_nonce();
        let control: &Control = region.control();
        control.spins.store(spins.into(), Ordering::Relaxed);
        control.initialise(nonce, workers)?;
        let (claims, cpus) = assign_cpus(&self.pin, &machine, workers);
        let core = Arc::new(Core {
            memory: Memory::new(region, budget()),
            workers,
            forks: process::forks::count(),
            attempts_max: self.attempts.unwrap_or(3),
            running: Mutex::new(Running::default()),
            deadline_ns: AtomicU64::default(),
            paces: Paces::new(workers),
            queues: Mutex::default(),
            wishes_answered: AtomicU64::new(0),
            counters: Counters::default(),
            buried: Mutex::default(),
            recoveries: Recoveries::new(workers),
            spins: if workers < machine.cpus.len() { spins } else { spins.min(SPINS_SHARED) },
            cpus,
        });
        core.set_deadline(self.deadline);
        let handle = Arc::new(Handle::new(workers)?);
        let supervisor = Supervisor {
            core: Arc::clone(&core),
            handle: Arc::clone(&handle),
            nonce,
            posts: vec![],
            recovering: None,
            looked: None,
            limits: self.limits,
            oom_kills: OomKills::default(),
            given_up: None,
        };
        let (ready, started) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("gristmill supervisor".into())
            .spawn(move || supervisor.run(&ready))
            .map_err(|e| Error::system("starting the supervisor's thread", e))?;
        let started = started.recv().unwrap_or_else(|_| {
            Err(Error::Start { reason: "the supervisor's thread ended".into() })
        });
        let engine = Engine {
            core,
            handle,
            thread: Some(thread),
            launchpad: Mutex::new(Launchpad::default()),
            _claims: claims,
        };
        started.map(|()| engine)
    }

    fn check_numbers(&self, workers: usize) -> Result<()> {
        if workers == 0 || workers > WORKERS_MAX {
            return Err(Error::Limit {
                what: "the number of workers",
                asked: workers as u64,
                limit: WORKERS_MAX as u64,
                remedy: "ask for at least 1, or leave it out for one per CPU",
            });
        }
        if self.deadline.is_some_and(|deadline| deadline.is_zero()) {
            return Err(Error::Limit {
                what: "the deadline in nanoseconds",
                asked: 0,
                limit: u64::MAX,
                remedy: "give chunks some time, or leave it out",
            });
        }
        if let Some(asked) = self.limits.memory_bytes.filter(|bytes| *bytes < WORKER_MEMORY_MIN) {
            return Err(Error::Limit {
                what: "the memory that a worker may have, in bytes,",
                asked,
                limit: u64::MAX,
                remedy: "give it at least 16 MiB, some of which it needs itself",
            });
        }
        if self.attempts == Some(0) {
            return Err(Error::Limit {
                what: "the number of attempts that a chunk gets",
                asked: 0,
                limit: u32::MAX.into(),
                remedy: "ask for at least 1",
            });
        }
        Ok(())
    }

    /// CPUs that were asked for by number must be there.
    fn check_pins(&self, machine: &Machine) -> Result<()> {
        let Pin::Cpus(list) = &self.pin else { return Ok(()) };
        let foreign = list.iter().find(|cpu| !machine.cpus.iter().any(|own| own.number == **cpu));
        foreign.map_or(Ok(()), |cpu| {
            Err(Error::Start {
                reason: format!(
                    "CPU {cpu} is not among those that this process may use; see `gristmill info`"
                ),
            })
        })
    }

    fn create_region(&self, machine: &Machine) -> Result<Region> {
        const UNKNOWN: u64 = 1 << 30;
        let bounds = machine.memory_capacity().map_or(UNKNOWN, |bound| match bound.reason {
            // The rest of the process needs address space as well.
            MemoryReason::AddressSpace { .. } => bound.bytes / 2,
            _ => bound.bytes,
        });
        let wanted = self.capacity.unwrap_or(bounds).min(1 << 46);
        Region::create(wanted as usize)
    }
}

/// What the machine has left, read anew at each growth.
fn budget() -> Budget {
    Box::new(|| match machine::Memory::here().available() {
        Some(bound) => (bound.bytes, bound.to_string()),
        None => (u64::MAX, "nothing is known of this machine's memory".into()),
    })
}

/// Which CPU each worker is pinned to, and the claims that keep other engines off them.
fn assign_cpus(
    pin: &Pin,
    machine: &Machine,
    workers: usize,
) -> (Vec<CpuClaim>, Vec<Option<usize>>) {
    match pin {
        Pin::No => (vec![], vec![None; workers]),
        Pin::Cpus(list) if list.is_empty() => (vec![], vec![None; workers]),
        Pin::Cpus(list) => {
            (vec![], (0..workers).map(|rank| Some(list[rank % list.len()])).collect())
        }
        Pin::Auto if workers > machine.cpus.len() => (vec![], vec![None; workers]),
        Pin::Auto => {
            let claims: Vec<CpuClaim> =
                machine.pin_order().into_iter().filter_map(CpuClaim::take).take(workers).collect();
            // Some pinned and some not would let the free ones land on the pinned ones' CPUs.
            if claims.len() < workers {
                return (vec![], vec![None; workers]);
            }
            let cpus = claims.iter().map(|claim| Some(claim.cpu())).collect();
            (claims, cpus)
        }
    }
}

/// A number that no other engine has: from the system's source of randomness.
fn draw_nonce() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}
