//! What kernels and plans say of themselves so that job files can name them.
//!
//! How a job runs them is not their concern, and how they are registered is the registry's.

use super::param::Param;
use crate::compute::{Args, Kernel, Shapes, Value, cut};
use crate::error::Result;
use crate::memory::{Array, Element};
use crate::report::Scalar;
use crate::roles::Engine;
use ndarray::Dimension;
use serde::de::DeserializeOwned;

/// A kernel that job files can name: what they need to know beyond [`Kernel`].
///
/// Its read arrays are the step's inputs, in order; the array that it writes, merges or updates is
/// the step's result (an updated one starts as a copy of its input). Its fields are filled from the
/// step's `params`, by serde. Kernels that only write have no input to take a shape from, so job
/// files cannot use them.
///
/// Where the text with which [`Kernel::check`] refuses names a parameter, the mistake is shown at
/// that parameter's value in the job file: at the first one named that the job gives. Names of one
/// letter count only in backticks.
pub trait JobKernel: Kernel + 'static {
    /// What it computes, in one line.
    const SUMMARY: &'static str;
    /// Names of the input arrays, in order.
    const ARRAYS: &'static [&'static str];
    /// Whether its field `cell` (metres per row and column) is filled from the first input, with
    /// which it travels.
    const CELL: bool = false;
    /// Elements of its first input in a scaling study that says nothing else.
    const STUDY_SIZE: u64 = 1 << 23;
    /// Its parameters in a scaling study that says nothing else, as a job file writes them, such as
    /// `range = [0, 1]`: those without which it does not run. Arrays are filled with numbers that
    /// look random, from 0 to below 1.
    const STUDY_PARAMS: &'static str = "";

    /// Its parameters: the fields that a job may give.
    fn params() -> Vec<Param> {
        vec![]
    }

    /// The result's shape; by default that of the first input.
    fn result_shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        inputs.first().map_or(vec![], |shape| shape.to_vec())
    }

    /// Floating-point operations of a run on inputs of these shapes, for scaling studies; by
    /// default not known.
    fn flops(&self, _inputs: &[&[usize]]) -> Option<f64> {
        None
    }

    /// What its output says in numbers, by name; by default nothing. An output that is no number
    /// (a sum that does not fit its type, say) is an error, which fails the step.
    ///
    /// # Errors
    ///
    /// Whatever fits; its text is shown.
    fn numbers(_output: &Value<Self>) -> Result<Vec<(&'static str, JobScalar)>> {
        Ok(vec![])
    }
}

/// A plan that job files can name: steps and loops that the workers run by themselves, over one
/// array.
///
/// Its fields are filled from the step's `params`, by serde. The step's result is an array of its
/// input's shape, which starts as a copy of it.
///
/// ```
/// use gristmill::{Array, Engine, JobPlan, JobScalar, Param, Registry, Result};
/// use ndarray::Ix1;
/// use serde::Deserialize;
///
/// /// Halves every value, again and again.
/// #[derive(Deserialize)]
/// struct Halve { times: u64 }
///
/// impl JobPlan for Halve {
///     type Element = f64;
///     type Dim = Ix1;
///     const SUMMARY: &'static str = "every value halved a number of times";
///     const ARRAY: &'static str = "x";
///     const SPARE_ARRAYS: usize = 1;
///
///     fn params() -> Vec<Param> {
///         vec![Param::integer("times", "how often").at_least(0.0).or(1)]
///     }
///
///     fn run(&self, engine: &Engine, x: &mut Array<f64, Ix1>) -> Result<Vec<JobScalar>> {
///         let mut half = engine.zeros(x.dim())?;
///         for _ in 0..self.times {
///             engine.map(x, &mut half, |x: f64| x / 2.0)?;
///             x.as_mut_slice().copy_from_slice(half.as_slice());
///         }
///         Ok(vec![])
///     }
/// }
///
/// let registry = Registry::new().add_plan::<Halve>("halve");
/// ```
pub trait JobPlan: DeserializeOwned + Send + Sync + 'static {
    /// The elements of its array.
    type Element: Element;
    /// The dimensions of its array; [`IxDyn`](type@ndarray::IxDyn) for any.
    type Dim: Dimension;
    /// What it computes, in one line.
    const SUMMARY: &'static str;
    /// The name of its input.
    const ARRAY: &'static str;
    /// How it reads its input, for listings.
    const ACCESS: &'static str = "whole";
    /// The names of the numbers that it yields.
    const NUMBERS: &'static [&'static str] = &[];
    /// How many arrays of the input's size it makes beside its result: a job that has no memory for
    /// them is refused before it starts.
    const SPARE_ARRAYS: usize;
    /// Elements of its array in a scaling study that says nothing else.
    const STUDY_SIZE: u64 = 1 << 22;
    /// As [`JobKernel::STUDY_PARAMS`].
    const STUDY_PARAMS: &'static str = "";

    /// Its parameters: the fields that a job may give.
    fn params() -> Vec<Param> {
        vec![]
    }

    /// Refuses what does not fit together, before anything runs; as [`JobKernel`] says of
    /// [`Kernel::check`].
    ///
    /// # Errors
    ///
    /// What does not fit, in words.
    fn check(&self, _shape: &[usize]) -> Result<(), String> {
        Ok(())
    }

    /// Into how many chunks its step with the most is cut, for the report; see [`chunks_of`].
    fn chunks(&self, _shape: &[usize]) -> u64 {
        0
    }

    /// How many steps it takes at most, for the progress bar. Those that a plan runs together count as
    /// one.
    fn steps_max(&self) -> u64 {
        1
    }

    /// Floating-point operations of a run on an array of this shape, for scaling studies; by
    /// default not known.
    fn flops(&self, _shape: &[usize]) -> Option<f64> {
        None
    }

    /// Runs it on `array`, which holds the input, and ends as the result. Gives the numbers of
    /// [`NUMBERS`](JobPlan::NUMBERS), in order.
    ///
    /// # Errors
    ///
    /// As [`Engine::run`].
    fn run(
        &self,
        engine: &Engine,
        array: &mut Array<Self::Element, Self::Dim>,
    ) -> Result<Vec<JobScalar>>;
}

/// Into how many chunks `kernel` cuts arrays of these shapes; 0 if they do not fit it.
pub fn chunks_of<K: Kernel>(kernel: &K, shapes: &[&[usize]]) -> u64 {
    let shapes = K::Args::SPECS.iter().zip(shapes).map(|(spec, shape)| {
        if spec.shaped { shape.to_vec() } else { vec![shape.iter().product()] }
    });
    let shapes = Shapes::new(K::Args::SPECS, shapes.collect());
    shapes.map_or(0, |shapes| chunks(kernel, &shapes))
}

pub(super) fn chunks<K: Kernel>(kernel: &K, shapes: &Shapes) -> u64 {
    cut(kernel, K::Args::SPECS, shapes).1.chunks() as u64
}

/// A number that a step yields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum JobScalar {
    /// A count.
    Count(u64),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
}

impl From<JobScalar> for Scalar {
    fn from(number: JobScalar) -> Scalar {
        match number {
            JobScalar::Count(count) => Scalar::Unsigned(count),
            JobScalar::Integer(integer) => Scalar::Signed(integer),
            JobScalar::Real(real) => Scalar::Float(real),
        }
    }
}
