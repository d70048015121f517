//! Private accumulators: what a worker merges into before it is merged into a reduction cell.

use super::access::{Kind, Located};
use super::failure::{Failure, guarded};
use super::program::{ArgSpec, StepSpec};
use super::table::Runner;
use std::time::{Duration, Instant};

/// Private accumulators of a worker, one behind the other in one buffer.
#[derive(Default)]
pub(crate) struct Private {
    buffer: Vec<Aligned>,
    at: Vec<Located>,
    state: Accumulated,
    merging_takes: Duration,
}

/// What a private accumulator holds.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Accumulated {
    /// Leftovers; to be reset before use.
    #[default]
    Stale,
    /// Chunks since this moment.
    Since(Instant),
}

#[derive(Clone, Copy)]
#[repr(C, align(128))]
struct Aligned([u8; 128]);

impl Private {
    /// Lays out accumulators for a step that is bound to arrays at `bound`, and resets them if they
    /// are stale.
    pub(super) fn prepare(
        &mut self,
        spec: &StepSpec,
        bound: &[Located],
        runner: &dyn Runner,
    ) -> Result<(), Failure> {
        if self.state != Accumulated::Stale {
            return Ok(());
        }
        let bytes = |(at, arg): (&Located, &ArgSpec)| {
            (at.len * arg.element_bytes).next_multiple_of(size_of::<Aligned>())
        };
        let total: usize = merged(spec, bound).map(bytes).sum();
        let lines = total / size_of::<Aligned>();
        let missing = lines.saturating_sub(self.buffer.len());
        self.buffer.try_reserve_exact(missing).map_err(|e| {
            Failure::Refused(format!("no memory for an accumulator of {total} bytes: {e}"))
        })?;
        self.buffer.resize(lines.max(self.buffer.len()), Aligned([0; 128]));
        self.at = bound.to_vec();
        let mut used = 0;
        for (at, arg) in self.at.iter_mut().zip(&spec.args) {
            if arg.kind == Kind::Merge {
                at.base = self.buffer[used..].as_mut_ptr().cast();
                used += bytes((at, arg)) / size_of::<Aligned>();
            }
        }
        // SAFETY: accumulators lie one behind the other in a buffer of this process alone.
        guarded(|| unsafe { runner.reset(&self.at) })?;
        self.state = Accumulated::Since(Instant::now());
        Ok(())
    }

    /// Where the arguments of the step lie: accumulators here, all others in the region.
    pub(super) fn at(&self) -> &[Located] {
        &self.at
    }

    /// What was accumulated has been merged, which began at `started`.
    pub(super) fn set_merged(&mut self, started: Instant) {
        self.state = Accumulated::Stale;
        self.merging_takes = started.elapsed();
    }

    /// Whether something was accumulated that is not merged yet.
    #[cfg(feature = "cli")]
    pub(super) fn holds(&self) -> bool {
        self.state != Accumulated::Stale
    }

    /// Throws away what was accumulated.
    pub(crate) fn discard(&mut self) {
        self.state = Accumulated::Stale;
    }

    /// Whether it has been held long enough: a commit then costs little beside the work that a
    /// death would lose.
    pub(crate) fn is_due(&self) -> bool {
        let held_max = Duration::from_millis(50).max(20 * self.merging_takes);
        matches!(self.state, Accumulated::Since(start) if start.elapsed() > held_max)
    }
}

/// The arguments that are merged, with their arrays.
pub(super) fn merged<'a>(
    spec: &'a StepSpec,
    bound: &'a [Located],
) -> impl Iterator<Item = (&'a Located, &'a ArgSpec)> {
    bound.iter().zip(&spec.args).filter(|(_, arg)| arg.kind == Kind::Merge)
}
