//! The heat equation on a 2-D grid, by explicit steps.

use crate::grain::cheap_grain;
use gristmill::{Array, Chunk, Engine, Halo, HaloView, Kernel, Max, Out, Result, Shapes, greater};
use ndarray::{ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};

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
                change = greater(change, heat_row(self.rate, around, new));
            }
        }
        change
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        if !(0.0..=0.25).contains(&self.rate) {
            return Err(format!(
                "a rate of {} is unstable: it must lie between 0 and 0.25; take shorter time steps",
                self.rate
            ));
        }
        if shapes.of(0) != shapes.of(1) {
            return Err(format!("the grids differ: {:?}, {:?}", shapes.of(0), shapes.of(1)));
        }
        Ok(())
    }
}

/// Independent greatest changes. They are the same in any order, so no bits depend on it.
const WIDTH: usize = 16;

/// One inner row; gives the greatest absolute change, NaN if there is any.
fn heat_row(rate: f64, [north, here, south]: [&[f64]; 3], new: &mut [f64]) -> f64 {
    let columns = here.len();
    if columns < 3 {
        new.copy_from_slice(here);
        return 0.0;
    }
    new[0] = here[0];
    new[columns - 1] = here[columns - 1];
    let (west, east) = (&here[..columns - 2], &here[2..]);
    let inner = 1..columns - 1;
    let (north, south) = (&north[inner.clone()], &south[inner.clone()]);
    let (here, new) = (&here[inner.clone()], &mut new[inner]);
    for i in 0..new.len() {
        let around = (north[i] + south[i]) + (west[i] + east[i]);
        new[i] = here[i] + rate * (around - 4.0 * here[i]);
    }
    let mut greatest = [0.0; WIDTH];
    // 0 as long as all changes are finite, else NaN: NaN is lost in the comparisons.
    let mut trouble = [0.0; WIDTH];
    for (new, here) in new.chunks(WIDTH).zip(here.chunks(WIDTH)) {
        for (lane, (new, here)) in new.iter().zip(here).enumerate() {
            let change = (new - here).abs();
            greatest[lane] = if change > greatest[lane] { change } else { greatest[lane] };
            trouble[lane] += change * 0.0;
        }
    }
    if trouble != [0.0; WIDTH] {
        return new.iter().zip(here).map(|(n, h)| (n - h).abs()).fold(0.0, greater);
    }
    greatest.into_iter().fold(0.0, f64::max)
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
/// `sweeps_max` steps are made. A grid without cells has settled. The workers run the whole loop by themselves.
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
    let (sweeps, change) = engine.plan(|p| {
        let (mut old, mut new) = (p.write(grid), p.write(&mut next));
        p.repeat(sweeps_max, |p| {
            let change = p.step(&Heat { rate }, (&old, &mut new));
            p.swap(&mut old, &mut new);
            p.until((change, tolerance), |(change, tolerance)| change < tolerance);
            change
        })
    })?;
    Ok(Cooled { sweeps, change })
}
