//! Several steps of the heat equation at once, so that memory is read and written once for all of
//! them ("temporal blocking").
//!
//! A chunk is a band of rows of the last step. The step before is needed for one row more on either
//! side, and so on: neighbouring bands compute these rows twice, to the same bits. A band is worked
//! on in strips of columns, which overlap in the same way. Within a strip the steps follow each other
//! as a wave: as soon as a step has three rows, the next one makes a row of them, so that of all
//! steps between the first and the last only three rows are kept, in the nearest caches.
//!
//! Source: M. Wolf, More iteration space tiling, 1989; the wave is that of G. Wellein et al.,
//! Efficient temporal blocking for stencil computations, 2009, with overlap in place of shared rows.

use super::check_grids;
use super::row::{advance, greatest_change};
use bytemuck::{Pod, Zeroable};
use gristmill::{Chunk, Halo, HaloView, Kernel, Out, Reduce, Shapes, greater};
use ndarray::{ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Steps at once: more save little memory traffic, and compute more rows twice.
pub(super) const STEPS: usize = 8;
/// Columns of a strip: three rows of each step stay in the second cache, of one step in the first.
const STRIP: usize = 1024;

/// `steps` steps of [`Heat`](super::Heat), up to [`STEPS`], from the old grid to the new.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sweeps {
    pub(super) rate: f64,
    pub(super) steps: usize,
    /// Whether the changes of all steps are wanted, not those of the last one alone.
    pub(super) every: bool,
}

/// The greatest absolute change of a cell in each step, NaN if there is any; 0 where it is not
/// wanted.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Changes(pub(super) [f64; STEPS]);

impl Changes {
    /// How many steps there were when for the first time no cell changed by `tolerance` or more.
    pub(super) fn settled(&self, tolerance: f64) -> Option<usize> {
        self.0.iter().position(|change| *change < tolerance).map(|before| before + 1)
    }
}

impl Reduce for Changes {
    fn identity() -> Changes {
        Changes([0.0; STEPS])
    }

    fn combine(self, right: Changes) -> Changes {
        Changes(std::array::from_fn(|step| greater(self.0[step], right.0[step])))
    }
}

impl Kernel for Sweeps {
    type Args = (Halo<f64, Ix2>, Out<f64, Ix2>);
    type Output = Changes;

    fn run(
        &self,
        chunk: Chunk,
        (old, mut new): (HaloView<'_, f64, Ix2>, ArrayViewMut2<'_, f64>),
    ) -> Changes {
        let mut changes = Changes::identity();
        let columns = new.ncols();
        let mut between = vec![vec![0.0; columns.min(STRIP + 2 * self.steps)]; 3 * self.steps];
        for left in (0..columns).step_by(STRIP) {
            let strip = left..(left + STRIP).min(columns);
            let wave = Wave { sweeps: self, chunk: &chunk, strip, columns, old: &old };
            wave.run(&mut new, &mut between, &mut changes);
        }
        changes
    }

    fn halo(&self) -> usize {
        self.steps
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        const BANDS: usize = 32;
        shapes.extent().div_ceil(BANDS).clamp(4 * STEPS, 16 * STEPS)
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        check_grids(self.rate, shapes)
    }
}

/// A strip of a band.
struct Wave<'a, 'old> {
    sweeps: &'a Sweeps,
    chunk: &'a Chunk,
    /// Columns of the result.
    strip: Range<usize>,
    /// Of the whole grid.
    columns: usize,
    old: &'a HaloView<'old, f64, Ix2>,
}

impl Wave<'_, '_> {
    /// `between` has room for three rows of every step.
    fn run(&self, new: &mut ArrayViewMut2<f64>, between: &mut [Vec<f64>], changes: &mut Changes) {
        let (steps, halo) = (self.sweeps.steps as isize, self.sweeps.steps as isize - 1);
        // Rows are counted from the band's first one, in which the old grid's views count too.
        let end = self.chunk.len() as isize;
        for front in -halo..end + halo {
            for step in 1..=steps {
                let row = front - (step - 1);
                let beyond = steps - step;
                if (-beyond..end + beyond).contains(&row) && self.old.has_row(row) {
                    let change = self.row(step as usize, row, new, between);
                    let greatest = &mut changes.0[step as usize - 1];
                    *greatest = greater(*greatest, change);
                }
            }
        }
    }

    /// Makes a row of a step; gives its greatest change, if that is wanted.
    fn row(
        &self,
        step: usize,
        row: isize,
        new: &mut ArrayViewMut2<f64>,
        between: &mut [Vec<f64>],
    ) -> f64 {
        let held = self.held();
        let (earlier, own) = between.split_at_mut(3 * (step - 1));
        let before = |row: isize| match step {
            1 => &self.old.row(row)[held.clone()],
            _ => &earlier[3 * (step - 2) + slot(row)][..held.len()],
        };
        let columns = self.columns_of(step);
        let new = if step == self.sweeps.steps {
            let new = new.row_mut(row as usize).into_slice().expect("rows are contiguous");
            &mut new[self.strip.clone()]
        } else {
            &mut own[slot(row)][columns.clone()]
        };
        let here = before(row);
        if self.old.has_row(row - 1) && self.old.has_row(row + 1) {
            advance(
                self.sweeps.rate,
                [before(row - 1), here, before(row + 1)],
                columns.clone(),
                new,
            );
        } else {
            new.copy_from_slice(&here[columns.clone()]);
        }
        let wanted = self.sweeps.every || step == self.sweeps.steps;
        let belongs = (0..self.chunk.len() as isize).contains(&row);
        if wanted && belongs { greatest_change(&here[columns], new) } else { 0.0 }
    }

    /// The columns that are held of every row: those of the strip, and one more on either side for
    /// each step, as far as there are.
    fn held(&self) -> Range<usize> {
        let steps = self.sweeps.steps;
        self.strip.start.saturating_sub(steps)..(self.strip.end + steps).min(self.columns)
    }

    /// The columns that a step makes, counted from the first that is held: one fewer each step where
    /// the row goes on.
    fn columns_of(&self, step: usize) -> Range<usize> {
        let held = self.held();
        if step == self.sweeps.steps {
            return self.strip.start - held.start..self.strip.end - held.start;
        }
        let start = if held.start == 0 { 0 } else { step };
        let end = if held.end == self.columns { held.len() } else { held.len() - step };
        start..end
    }
}

/// Which of the three rows of a step it is in.
fn slot(row: isize) -> usize {
    row.rem_euclid(3) as usize
}
