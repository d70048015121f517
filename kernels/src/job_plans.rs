//! Stock computations of several steps as job files name them: prefix sums, sorting and the heat
//! equation.

use crate::arithmetic::Arithmetic;
use crate::flops::for_each;
use crate::heat::{FLOPS_PER_CELL, heat_block, heat_launches_max};
use crate::scan::BLOCK;
use crate::sort::{self, IsSorted};
use crate::{CopyTo, Scan, Sortable, heat, scan};
use gristmill::{Array, Engine, JobPlan, JobScalar, Number, Param, Result, chunks_of};
use ndarray::{Ix2, IxDyn};
use serde::Deserialize;
use std::marker::PhantomData;

/// [`scan`] of an array of any shape, in C order.
#[derive(Deserialize)]
#[serde(bound = "")]
pub(crate) struct PrefixSum<T> {
    exclusive: bool,
    #[serde(skip)]
    element: PhantomData<fn() -> T>,
}

impl<T: Number + Arithmetic> JobPlan for PrefixSum<T> {
    type Element = T;
    type Dim = IxDyn;
    const SUMMARY: &'static str = "prefix sums in C order; integers wrap";
    const ARRAY: &'static str = "x";
    /// What is summed, while the result is written.
    const SPARE_ARRAYS: usize = 1;

    fn params() -> Vec<Param> {
        let doc = "whether each sum leaves its own element out, so that the first one is 0";
        vec![Param::flag("exclusive", doc).or(false)]
    }

    fn chunks(&self, shape: &[usize]) -> u64 {
        shape.iter().product::<usize>().div_ceil(BLOCK) as u64
    }

    fn steps_max(&self) -> u64 {
        4
    }

    /// As a loop does it. What is added twice so that blocks need not wait for each other does not
    /// count.
    fn flops(&self, shape: &[usize]) -> Option<f64> {
        for_each(&[shape], T::SUM_FLOPS)
    }

    fn run(&self, engine: &Engine, y: &mut Array<T, IxDyn>) -> Result<Vec<JobScalar>> {
        let mut x = engine.zeros(y.dim())?;
        engine.run(&CopyTo::new(), (y, &mut x))?;
        let kind = if self.exclusive { Scan::Exclusive } else { Scan::Inclusive };
        scan(engine, &x, y, kind)?;
        Ok(vec![])
    }
}

/// [`sort`] of an array of any shape, in C order.
#[derive(Deserialize)]
#[serde(bound = "")]
pub(crate) struct Sorting<T> {
    #[serde(skip)]
    element: PhantomData<fn() -> T>,
}

impl<T: Sortable> JobPlan for Sorting<T> {
    type Element = T;
    type Dim = IxDyn;
    const SUMMARY: &'static str = "all elements in C order, the least first; NaN at the ends";
    const ARRAY: &'static str = "x";
    /// The pieces; and, as they are in whole blocks and their ends are kept too, a little more.
    const SPARE_ARRAYS: usize = 2;
    const STUDY_SIZE: u64 = 2 << 20;

    fn chunks(&self, shape: &[usize]) -> u64 {
        let blocks = shape.iter().product::<usize>().div_ceil(sort::BLOCK) as u64;
        chunks_of(&IsSorted::<T>::new(), &[shape, shape]).max(blocks)
    }

    fn steps_max(&self) -> u64 {
        4
    }

    fn run(&self, engine: &Engine, x: &mut Array<T, IxDyn>) -> Result<Vec<JobScalar>> {
        sort::sort(engine, x)?;
        Ok(vec![])
    }
}

/// [`heat`] until the grid has settled.
#[derive(Deserialize)]
pub(crate) struct Cooling {
    r: f64,
    sweeps: u64,
    tolerance: f64,
}

impl JobPlan for Cooling {
    type Element = f64;
    type Dim = Ix2;
    const SUMMARY: &'static str = "heat spread over a grid whose edges keep their values";
    const ARRAY: &'static str = "grid";
    const ACCESS: &'static str = "in, with halo";
    const NUMBERS: &'static [&'static str] = &["sweeps", "change"];
    /// The grid of the sweep before.
    const SPARE_ARRAYS: usize = 1;
    const STUDY_SIZE: u64 = 2 << 20;
    const STUDY_PARAMS: &'static str = "sweeps = 16";

    fn params() -> Vec<Param> {
        vec![
            Param::number("r", "diffusivity times time step, by the square of the cell's size")
                .within(0.0, 0.25)
                .or(0.25),
            Param::integer("sweeps", "time steps at most").at_least(0.0).or(1000),
            Param::number("tolerance", "ends sooner, once no cell changes by as much; 0: never")
                .at_least(0.0)
                .or(0.0),
        ]
    }

    fn chunks(&self, shape: &[usize]) -> u64 {
        chunks_of(&heat_block(self.r, self.tolerance), &[shape, shape])
    }

    fn steps_max(&self) -> u64 {
        heat_launches_max(self.sweeps)
    }

    /// Of all steps, of which a tolerance may spare some. What neighbouring chunks both compute
    /// counts once.
    fn flops(&self, shape: &[usize]) -> Option<f64> {
        let inner: usize = shape.iter().map(|side| side.saturating_sub(2)).product();
        Some(self.sweeps as f64 * (FLOPS_PER_CELL * inner) as f64)
    }

    fn run(&self, engine: &Engine, grid: &mut Array<f64, Ix2>) -> Result<Vec<JobScalar>> {
        let end = heat(engine, grid, self.r, self.tolerance, self.sweeps)?;
        Ok(vec![JobScalar::Count(end.sweeps), JobScalar::Real(end.change)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_loops() {
        let cooling = Cooling { r: 0.25, sweeps: 10, tolerance: 0.0 };
        // Of 4 x 5 cells 2 x 3 are inner ones.
        assert_eq!(cooling.flops(&[4, 5]), Some(10.0 * 6.0 * 7.0));
        assert_eq!(cooling.flops(&[1, 5]), Some(0.0));
        let sums = |exclusive| PrefixSum::<f64> { exclusive, element: PhantomData };
        assert_eq!(sums(false).flops(&[3, 4]), Some(12.0));
        let whole = PrefixSum::<i32> { exclusive: false, element: PhantomData };
        assert_eq!(whole.flops(&[3, 4]), None);
    }
}
