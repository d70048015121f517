//! Hardware counters, as far as the CPU has them and Linux lets this process read them.
//!
//! Each is asked for by itself, and where it is refused says why: in a virtual machine there is
//! often none, in a container none may be asked for. Nothing depends on them.

use perf_event::events::Hardware;
use perf_event::{Builder, Counter};
use std::io;

/// What a miss of the last cache moves.
const LINE_BYTES: u64 = 64;

/// Counts what this thread does from now on, and all threads and processes that it starts from now
/// on, and theirs: so the workers of an engine that is built later. Only what runs in user mode is
/// counted, which needs the fewest rights.
///
/// ```
/// use gristmill::{Counters, Engine};
///
/// # fn main() -> gristmill::Result<()> {
/// let mut counters = Counters::open();
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.from_fn(100_000, |i| i as f64)?;
/// let before = counters.read();
/// engine.sum(&x)?;
/// let counts = counters.read().since(&before);
/// match counts.instructions_per_cycle() {
///     Ok(ipc) => println!("{ipc:.2} instructions per cycle"),
///     Err(reason) => println!("not known: {reason}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Counters {
    instructions: Result<Counter, String>,
    cycles: Result<Counter, String>,
    misses: Result<Counter, String>,
}

/// What was counted, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Instructions that were completed.
    pub instructions: Result<u64, String>,
    /// Cycles of the CPU, at whatever clock.
    pub cycles: Result<u64, String>,
    /// Accesses that missed the last cache, as the CPU counts them; what is prefetched may be left
    /// out.
    pub misses: Result<u64, String>,
}

impl Counters {
    /// Begins to count; what is refused is known when it is [read](Counters::read).
    pub fn open() -> Counters {
        Counters {
            instructions: open(Hardware::INSTRUCTIONS),
            cycles: open(Hardware::CPU_CYCLES),
            misses: open(Hardware::CACHE_MISSES),
        }
    }

    /// What was counted until now.
    pub fn read(&mut self) -> Counts {
        Counts {
            instructions: read(&mut self.instructions),
            cycles: read(&mut self.cycles),
            misses: read(&mut self.misses),
        }
    }
}

impl Counts {
    /// What was counted since an earlier reading of the same counters.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let difference = |now: &Result<u64, String>, then: &Result<u64, String>| {
            Ok(now.clone()?.saturating_sub(then.clone()?))
        };
        Counts {
            instructions: difference(&self.instructions, &earlier.instructions),
            cycles: difference(&self.cycles, &earlier.cycles),
            misses: difference(&self.misses, &earlier.misses),
        }
    }

    /// Instructions for each cycle.
    ///
    /// # Errors
    ///
    /// Why one of them is not known.
    pub fn instructions_per_cycle(&self) -> Result<f64, String> {
        let (instructions, cycles) = (self.instructions.clone()?, self.cycles.clone()?);
        if cycles == 0 {
            Err("nothing ran".into())
        } else {
            Ok(instructions as f64 / cycles as f64)
        }
    }

    /// Bytes that were fetched into the last cache: a line for each miss.
    ///
    /// # Errors
    ///
    /// Why it is not known.
    pub fn missed_bytes(&self) -> Result<u64, String> {
        Ok(self.misses.clone()? * LINE_BYTES)
    }
}

fn open(event: Hardware) -> Result<Counter, String> {
    let opened = Builder::new(event).inherit(true).enabled(true).build();
    opened.map_err(|error| refusal(error.raw_os_error(), &error, paranoid()))
}

fn read(counter: &mut Result<Counter, String>) -> Result<u64, String> {
    let counter = counter.as_mut().map_err(|reason| reason.clone())?;
    let counted = counter.read_count_and_time().map_err(|error| error.to_string())?;
    if counted.time_running == 0 && counted.time_enabled > 0 {
        return Err("others hold the CPU's counters: it had no turn on them".into());
    }
    Ok(scaled(counted.count, counted.time_enabled, counted.time_running))
}

/// What a counter would have counted that had to share the CPU's counters with others, and ran for
/// a part of the time.
fn scaled(count: u64, enabled_ns: u64, running_ns: u64) -> u64 {
    match running_ns {
        0 => 0,
        _ => (u128::from(count) * u128::from(enabled_ns) / u128::from(running_ns)) as u64,
    }
}

/// The level from 3 on which Debian and others forbid even what a process does itself.
const PARANOID_FORBIDS: i32 = 3;

fn paranoid() -> Option<i32> {
    std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok()?.trim().parse().ok()
}

/// Why a counter is refused, and what can be done about it.
fn refusal(code: Option<i32>, error: &io::Error, paranoid: Option<i32>) -> String {
    match code {
        Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP) => {
            "Linux has no such counter here: a virtual machine that is not given the CPU's, most \
             likely"
                .into()
        }
        Some(libc::ENOSYS) => "this Linux was built without perf events".into(),
        Some(libc::EACCES | libc::EPERM) => match paranoid {
            Some(level @ PARANOID_FORBIDS..) => format!(
                "forbidden: kernel.perf_event_paranoid is {level}; \
                 `sysctl kernel.perf_event_paranoid=2` permits it"
            ),
            _ => "forbidden although kernel.perf_event_paranoid permits it: by the seccomp filter \
                  of a container, most likely; CAP_PERFMON or another filter permits it"
                .into(),
        },
        Some(libc::EMFILE | libc::ENFILE) => "too many files are open".into(),
        Some(libc::EBUSY) => "another program has the CPU's counters for itself".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(code: i32, paranoid: Option<i32>) -> String {
        let error = io::Error::from_raw_os_error(code);
        refusal(error.raw_os_error(), &error, paranoid)
    }

    #[test]
    fn a_refusal_says_what_can_be_done() {
        assert!(why(libc::ENOENT, Some(2)).contains("virtual machine"));
        assert!(why(libc::EOPNOTSUPP, None).contains("virtual machine"));
        let forbidden = why(libc::EACCES, Some(4));
        assert!(forbidden.contains("is 4") && forbidden.contains("paranoid=2"), "{forbidden}");
        assert!(why(libc::EPERM, Some(3)).contains("paranoid=2"));
        for paranoid in [Some(2), Some(-1), None] {
            assert!(why(libc::EPERM, paranoid).contains("seccomp"));
        }
        assert!(why(libc::ENOSYS, None).contains("without perf events"));
        assert_eq!(why(libc::EINVAL, None), io::Error::from_raw_os_error(22).to_string());
    }

    #[test]
    fn a_counter_that_ran_for_a_part_of_the_time_is_scaled() {
        assert_eq!(scaled(100, 10, 10), 100);
        assert_eq!(scaled(100, 30, 10), 300);
        assert_eq!(scaled(0, 10, 0), 0);
        assert_eq!(scaled(u64::MAX / 2, 4_000_000_000, 2_000_000_000), u64::MAX - 1);
    }

    fn counts(instructions: u64, cycles: u64, misses: u64) -> Counts {
        Counts { instructions: Ok(instructions), cycles: Ok(cycles), misses: Ok(misses) }
    }

    #[test]
    fn what_was_counted_between_two_readings() {
        let counted = counts(700, 300, 12).since(&counts(100, 100, 2));
        assert_eq!(counted, counts(600, 200, 10));
        assert_eq!(counted.instructions_per_cycle(), Ok(3.0));
        assert_eq!(counted.missed_bytes(), Ok(640));
        let none = Counts { misses: Err("no".into()), ..counts(1, 0, 0) };
        assert_eq!(none.since(&counts(0, 0, 0)).missed_bytes(), Err("no".into()));
        assert!(none.instructions_per_cycle().is_err());
    }

    #[test]
    fn this_process_counts_or_is_told_why_not() {
        let mut counters = Counters::open();
        let before = counters.read();
        let sum: u64 = std::hint::black_box((0..1_000_000u64).map(std::hint::black_box).sum());
        assert_eq!(sum, 499_999_500_000);
        match counters.read().since(&before).instructions {
            Ok(instructions) => assert!(instructions >= 1_000_000, "{instructions}"),
            Err(reason) => assert!(!reason.is_empty()),
        }
    }
}
