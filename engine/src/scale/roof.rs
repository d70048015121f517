//! Measures what the machine can do at most, for each number of threads: by plain pinned threads,
//! without the engine.
//!
//! Bytes per second are those of arrays that lie in memory, as STREAM has it: each several times
//! the last caches. Source: J. McCalpin, STREAM, 1995, and its rules for the size of arrays.

use super::crew::{Crew, Member, Passes, sweep_s};
use super::results::Roof;
use crate::compute::peak::{self, MultiplyAdd};
use crate::machine::Machine;
use crate::machine::pin::pin_current_thread;
use memmap2::{Advice, MmapMut};
use std::hint::black_box;
use std::thread;
use std::time::Duration;

/// What each loop may take, beside its fewest passes.
const LOOP_S: f64 = 0.3;

/// Turns of multiplications and additions that are one sweep: less than a millisecond.
const TURNS: u64 = 100_000;

/// Threads' shares of arrays are multiples of this, as pages are.
const HUGE_BYTES: usize = 2 << 20;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Roofs {
    /// One for each number of workers that could be measured, in their order.
    pub(crate) roofs: Vec<Roof>,
    /// What is wrong with them, in a sentence.
    pub(crate) finding: Option<String>,
}

/// Measures the roofs of these numbers of workers, which are pinned to the first so many `cpus`.
/// What more workers than CPUs can do at most is what as many as CPUs can do.
///
/// Takes some 1.5 s for each; longer where arrays are large and memory is slow, and less if what is
/// compared with it is measured for less `time`. `progress` is told what comes next.
pub(crate) fn roofs(
    cpus: &[usize],
    workers: &[usize],
    time: Duration,
    progress: &mut dyn FnMut(&str),
) -> Roofs {
    let size = ArraySize::of(&Machine::here(), time);
    measured(cpus, workers, size, LOOP_S.min(time.as_secs_f64() / 10.0), progress)
}

fn measured(
    cpus: &[usize],
    workers: &[usize],
    size: ArraySize,
    loop_s: f64,
    progress: &mut dyn FnMut(&str),
) -> Roofs {
    let mut roofs: Vec<Roof> = vec![];
    let mut failed = None;
    for &workers in workers {
        let threads = workers.min(cpus.len());
        let same = roofs.iter().find(|roof| roof.workers.min(cpus.len()) == threads).copied();
        let roof = same.or_else(|| {
            let plural = if threads == 1 { "" } else { "s" };
            progress(&format!("the roof of {threads} thread{plural}"));
            measure(&cpus[..threads], size.bytes, loop_s)
        });
        match roof {
            Some(roof) => roofs.push(Roof { workers, ..roof }),
            None => failed = Some(workers),
        }
    }
    let failed = failed.map(|workers| {
        format!(
            "The roof of {workers} workers is not known: the threads or the memory for it were not \
             to be had. Allow more of both."
        )
    });
    Roofs { roofs, finding: failed.or_else(|| size.finding()) }
}

/// How large the arrays are whose reading and writing is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ArraySize {
    /// Bytes of each of the three arrays, of all threads together.
    bytes: usize,
    /// Four times the last caches: what STREAM asks for.
    wanted_bytes: u64,
}

impl ArraySize {
    /// No array is larger: it would take longer than it tells.
    const BYTES_MAX: u64 = 512 << 20;
    /// Nor smaller, where nobody says how large caches are.
    const BYTES_MIN: u64 = 128 << 20;

    /// So many are allowed for each second that workloads are measured.
    const BYTES_PER_S: f64 = 2e8;

    /// All last caches count, as large as they say they are. A virtual machine of a few CPUs often
    /// shows the cache of the whole socket, some 480 MiB, of which others have the most; but nobody
    /// keeps it from having all of it, so 4 times a part of it would not do: arrays of 64 MiB are
    /// read from there, three times as fast as from memory (measured). So they are as large as time
    /// allows, and all three are gone through in turn: even of such a cache nearly nothing is left
    /// of one array when its turn comes again.
    fn of(machine: &Machine, time: Duration) -> ArraySize {
        let available = machine.memory_available().map_or(u64::MAX, |bound| bound.bytes);
        ArraySize::new(machine.last_cache_bytes(), available, time)
    }

    fn new(cache_bytes: u64, available_bytes: u64, time: Duration) -> ArraySize {
        let wanted_bytes = cache_bytes.saturating_mul(4);
        // A quarter of the memory for the three of them; and whoever measures for tenths of a second
        // does not want to wait for pages.
        let in_time = (time.as_secs_f64() * ArraySize::BYTES_PER_S) as u64;
        let allowed = (available_bytes / 12).min(ArraySize::BYTES_MAX).min(in_time);
        let bytes = wanted_bytes.max(ArraySize::BYTES_MIN).min(allowed);
        ArraySize { bytes: bytes as usize, wanted_bytes }
    }

    /// What is to be said if caches can have held a part of the arrays.
    fn finding(&self) -> Option<String> {
        let mib = |bytes: u64| bytes >> 20;
        ((self.bytes as u64) < self.wanted_bytes).then(|| {
            format!(
                "The roof of memory was measured with arrays of {} MiB, of which caches of {} MiB \
                 can hold a part: it is that of memory and caches together, if this machine has \
                 them to itself.",
                mib(self.bytes as u64),
                mib(self.wanted_bytes / 4)
            )
        })
    }
}

/// The roof of one thread on each of these CPUs; none if it cannot be had.
fn measure(cpus: &[usize], array_bytes: usize, loop_s: f64) -> Option<Roof> {
    let threads = cpus.len();
    if threads == 0 {
        return None;
    }
    let widths = MultiplyAdd::all();
    let crew = Crew::new(threads, 2 + widths.len(), loop_s);
    let share = array_bytes.div_ceil(threads).next_multiple_of(HUGE_BYTES);
    let all: Option<Vec<Vec<Passes>>> = thread::scope(|scope| {
        let mut started = vec![];
        for &cpu in cpus {
            let (crew, widths) = (&crew, &widths);
            let run = move || loops(crew, cpu, share, widths);
            match thread::Builder::new().spawn_scoped(scope, run) {
                Ok(thread) => started.push(thread),
                Err(_) => {
                    crew.give_up();
                    return None;
                }
            }
        }
        started.into_iter().map(|thread| thread.join().ok().flatten()).collect()
    });
    let all = all?;
    let per_s = |of: usize, amount: f64| {
        let seen: Vec<&Passes> = all.iter().map(|loops| &loops[of]).collect();
        threads as f64 * amount / sweep_s(&seen)
    };
    let flops = widths.iter().enumerate();
    let flops = flops.map(|(width, one)| per_s(2 + width, one.turn_flops * TURNS as f64));
    Some(Roof {
        workers: threads,
        read_bytes_per_s: per_s(0, share as f64),
        triad_bytes_per_s: per_s(1, 3.0 * share as f64),
        flops_per_s: flops.fold(0.0, f64::max),
    })
}

/// What one thread runs: reading, the triad, then multiplications in each width. Its arrays, of so
/// many bytes each, are its own, and it is the first to touch them, so that they lie on its node.
/// None if somebody gave up.
fn loops(crew: &Crew, cpu: usize, share: usize, widths: &[MultiplyAdd]) -> Option<Vec<Passes>> {
    // A CPU that has gone off line meanwhile: the system finds another.
    let _ = pin_current_thread(cpu);
    let mut member: Member = crew.member();
    let arrays = (array(share, 1.0), array(share, 2.0), array(share, 0.0));
    let (Some(mut b), Some(mut c), Some(mut x)) = arrays else {
        crew.give_up();
        return None;
    };
    let (b, c, x) = (elements(&mut b), elements(&mut c), elements(&mut x));
    let mut turn = 0;
    let reading = member.passes(|sweeps| {
        for _ in 0..sweeps {
            black_box(peak::read([&*b, &*c, &*x][turn % 3]));
            turn += 1;
        }
    })?;
    let triad = member.passes(|sweeps| {
        for _ in 0..sweeps {
            peak::triad(b, c, x);
            black_box(&x);
        }
    })?;
    let mut all = vec![reading, triad];
    for width in widths {
        all.push(member.passes(|sweeps| {
            black_box(width.run(sweeps * TURNS));
        })?);
    }
    Some(all)
}

/// Memory of a thread's own, in huge pages where the system gives some when asked, present and
/// filled.
fn array(bytes: usize, value: f64) -> Option<MmapMut> {
    let mut map = MmapMut::map_anon(bytes).ok()?;
    // Without them it is slower, and so is everybody's array.
    let _ = map.advise(Advice::HugePage);
    elements(&mut map).fill(value);
    Some(map)
}

/// A page's begin is aligned for anything.
fn elements(map: &mut MmapMut) -> &mut [f64] {
    bytemuck::cast_slice_mut(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for arrays of any size.
    const LONG: Duration = Duration::from_secs(20);

    const MIB: u64 = 1 << 20;

    #[test]
    fn arrays_exceed_the_caches_as_far_as_memory_allows() {
        let mib = |cache: u64, available: u64| {
            ArraySize::new(cache * MIB, available * MIB, LONG).bytes as u64 / MIB
        };
        assert_eq!(mib(36, 64 << 10), 144);
        assert_eq!(mib(0, 64 << 10), 128, "nobody says how large the caches are");
        assert_eq!(mib(480, 64 << 10), 512, "what a virtual machine shows of its host");
        assert_eq!(mib(480, 1200), 100);
    }

    #[test]
    fn arrays_that_caches_can_hold_are_told() {
        let finding =
            |cache, available| ArraySize::new(cache * MIB, available * MIB, LONG).finding();
        assert_eq!(finding(36, 64 << 10), None);
        let said = finding(480, 64 << 10).expect("4 times as much are wanted");
        assert!(said.contains("512 MiB") && said.contains("480 MiB"), "{said}");
    }

    /// On tiny arrays: the figures are those of caches, and of whatever else runs.
    #[test]
    fn more_workers_than_cpus_have_the_roof_of_all_cpus() {
        let cpus = Machine::here().pin_order();
        let cpus = &cpus[..cpus.len().min(2)];
        let size = ArraySize { bytes: 3 << 20, wanted_bytes: 0 };
        let mut said = vec![];
        let mut progress = |next: &str| said.push(next.to_owned());
        let all = measured(cpus, &[1, 2, 7], size, 0.0, &mut progress);
        assert_eq!(all.finding, None);
        let workers: Vec<usize> = all.roofs.iter().map(|roof| roof.workers).collect();
        assert_eq!(workers, [1, 2, 7]);
        assert_eq!(all.roofs[2], Roof { workers: 7, ..all.roofs[1] });
        for roof in &all.roofs {
            let rates = [roof.read_bytes_per_s, roof.triad_bytes_per_s, roof.flops_per_s];
            assert!(rates.iter().all(|rate| rate.is_finite() && *rate > 0.0), "{roof:?}");
        }
        assert_eq!(said.len(), cpus.len());
        assert_eq!(said[0], "the roof of 1 thread");
    }

    #[test]
    fn what_cannot_be_measured_is_said() {
        let size = ArraySize { bytes: 3 << 20, wanted_bytes: 0 };
        let none = measured(&[], &[4], size, 0.0, &mut |_| ());
        assert_eq!(none.roofs, []);
        assert!(none.finding.is_some_and(|said| said.contains("4 workers is not known")));
        // No address space has room for these.
        let size = ArraySize { bytes: 1 << 60, wanted_bytes: 0 };
        assert_eq!(measured(&[0, 1], &[2], size, 0.0, &mut |_| ()).roofs, []);
    }
}
