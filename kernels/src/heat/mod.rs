//! The heat equation on a 2-D grid, by explicit steps.

mod row;
mod sweeps;

use crate::grain::cheap_grain;
use gristmill::{Array, Chunk, Engine, Halo, HaloView, Kernel, Max, Out, Result, Shapes, greater};
use ndarray::{ArrayViewMut2, Ix2};
pub(crate) use row::FLOPS_PER_CELL;
use row::{advance, greatest_change};
use serde::{Deserialize, Serialize};
use sweeps::{STEPS, Sweeps};

/// One explicit step of the heat equation: each inner cell gains `rate` times the differences from
/// its four neighbours; the first and last row and column keep their values.
///
/// `new = old + rate * (north + south + west + east - 4 old)`, where `rate` is diffusivity times
/// time step by the square of the cell's size. Arrays: old, new, of one shape. It yields the
/// greatest absolute change of a cell; NaN if there is any.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Heat;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut old = engine.zeros((3, 3))?;
/// old.view_mut()[[0, 1]] = 8.0;
/// let mut new = engine.zeros((3, 3))?;
/// assert_eq!(engine.run(&Heat { rate: 0.25 }, (&old, &mut new))?, 2.0);
/// assert_eq!((new.view()[[1, 1]], new.view()[[0, 1]]), (2.0, 8.0));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Heat {
    /// Between 0 and 1/4, beyond which the steps would be unstable.
    pub rate: f64,
}

impl Kernel for Heat {
    type Args = (Halo<f64, Ix2>, Out<f64, Ix2>);
    type Output = Max<f64>;

    fn run(
        &self,
        chunk: Chunk,
        (old, mut new): (HaloView<'_, f64, Ix2>, ArrayViewMut2<'_, f64>),
    ) -> f64 {
        let mut change = 0.0;
        for (row, mut new) in new.rows_mut().into_iter().enumerate() {
            let new = new.as_slice_mut().expect("rows are contiguous");
            let at = chunk.start() + row;
            let row = row as isize;
            if at == 0 || at + 1 == chunk.extent() {
                new.copy_from_slice(old.row(row));
            } else {
                let around = [old.row(row - 1), old.row(row), old.row(row + 1)];
                advance(self.rate, around, 0..new.len(), new);
                change = greater(change, greatest_change(old.row(row), new));
            }
        }
        change
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        check_grids(self.rate, shapes)
    }
}

/// Refuses rates that are unstable, and grids of different shapes.
fn check_grids(rate: f64, shapes: &Shapes) -> Result<(), String> {
    if !(0.0..=0.25).contains(&rate) {
        return Err(format!(
            "a rate of {rate} is unstable: it must lie between 0 and 0.25; take shorter time steps"
        ));
    }
    if shapes.of(0) != shapes.of(1) {
        return Err(format!("the grids differ: {:?}, {:?}", shapes.of(0), shapes.of(1)));
    }
    Ok(())
}

/// How a run of [`heat`] ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cooled {
    /// How many steps were made.
    pub sweeps: u64,
    /// The greatest absolute change in the last one; infinity if none was made,
    /// 0 for a grid without cells.
    pub change: f64,
}

/// Lets a grid settle: steps of [`Heat`] until no cell changes by `tolerance` or more, or until
/// `sweeps_max` steps are made. A grid without cells has settled. The workers run the loop by
/// themselves, eight steps at a time; what is left over takes a launch or two.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::heat;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut grid = engine.from_fn((20, 20), |(row, _)| if row == 0 { 100.0 } else { 0.0 })?;
/// let end = heat(&engine, &mut grid, 0.25, 1e-3, 10_000)?;
/// assert!(end.change < 1e-3 && end.sweeps < 1000);
/// assert!(grid.view()[[1, 10]] > 80.0);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`Engine::run`]; [`Error::OutOfMemory`](gristmill::Error::OutOfMemory) for a second grid.
pub fn heat(
    engine: &Engine,
    grid: &mut Array<f64, Ix2>,
    rate: f64,
    tolerance: f64,
    sweeps_max: u64,
) -> Result<Cooled> {
    if grid.is_empty() {
        return Ok(Cooled { sweeps: 0, change: 0.0 });
    }
    if sweeps_max == 0 {
        return Ok(Cooled { sweeps: 0, change: f64::INFINITY });
    }
    let mut next = engine.zeros(grid.dim())?;
    let blocks = sweeps_max / STEPS as u64;
    let mut end = Cooled { sweeps: 0, change: f64::INFINITY };
    if blocks > 0 {
        let (done, changes) = engine.plan(|p| {
            let (mut old, mut new) = (p.write(grid), p.write(&mut next));
            p.repeat(blocks, |p| {
                let changes = p.step(&heat_block(rate, tolerance), (&old, &mut new));
                p.swap(&mut old, &mut new);
                p.until((changes, tolerance), |(changes, tolerance)| {
                    changes.settled(tolerance).is_some()
                });
                changes
            })
        })?;
        let steps = changes.settled(tolerance).unwrap_or(STEPS);
        if steps < STEPS {
            // The grid before this block is still there.
            engine.run(&Sweeps { rate, steps, every: false }, (&next, grid))?;
        }
        let sweeps = (done - 1) * STEPS as u64 + steps as u64;
        end = Cooled { sweeps, change: changes.0[steps - 1] };
    }
    if end.change < tolerance || end.sweeps == sweeps_max {
        return Ok(end);
    }
    let steps = (sweeps_max - end.sweeps) as usize;
    let rest = Sweeps { steps, ..heat_block(rate, tolerance) };
    let changes = engine.run(&rest, (&*grid, &mut next))?;
    let settled = changes.settled(tolerance).unwrap_or(steps).min(steps);
    if settled < steps {
        engine.run(&Sweeps { steps: settled, every: false, ..rest }, (&*grid, &mut next))?;
    }
    std::mem::swap(grid, &mut next);
    Ok(Cooled { sweeps: end.sweeps + settled as u64, change: changes.0[settled - 1] })
}

/// What [`heat`] repeats. The changes of all its steps are wanted only where one may be small enough.
pub(crate) fn heat_block(rate: f64, tolerance: f64) -> Sweeps {
    Sweeps { rate, steps: STEPS, every: tolerance > 0.0 }
}

/// How many blocks and parts of blocks [`heat`] makes at most.
pub(crate) fn heat_launches_max(sweeps_max: u64) -> u64 {
    sweeps_max / STEPS as u64 + 2
}
