//! The stock kernels that yield numbers, as job files name them.

use crate::arithmetic::Real;
use crate::flops::for_each;
use crate::reduce::MOMENTS_FLOPS;
use crate::{
    ArgMax, ArgMin, Dot, Found, Histogram, Max, Mean, Min, Norm2, Outside, Prod, Statistics, Sum,
    SumExact, Summary, Variance,
};
use gristmill::{Error, JobKernel, JobScalar, Param, Result, Summand, Value};
use num_complex::Complex;

/// What a step yields, by name.
type Numbers = Vec<(&'static str, JobScalar)>;

/// Numbers as reports hold them.
trait Shown: Copy {
    /// Floating-point operations of a sum or a product.
    const FLOPS: usize;

    fn shown(self) -> JobScalar;
}

macro_rules! shown {
    ($variant:ident as $wide:ty, $flops:literal: $($number:ty)*) => {
        $(impl Shown for $number {
            const FLOPS: usize = $flops;

            fn shown(self) -> JobScalar {
                JobScalar::$variant(<$wide>::from(self))
            }
        })*
    };
}
shown!(Count as u64, 0: u8 u16 u32 u64);
shown!(Integer as i64, 0: i8 i16 i32 i64);
shown!(Real as f64, 1: f32 f64);

impl<T: Real + 'static> JobKernel for Histogram<T> {
    const SUMMARY: &'static str = "counts in equal bins; what lies outside is counted apart";
    const ARRAYS: &'static [&'static str] = &["values"];
    const STUDY_SIZE: u64 = 4 << 20;
    const STUDY_PARAMS: &'static str = "range = [0, 1]";

    /// Two to find a value's place, and one to see how near to an edge that is: of the few that are
    /// too near, and of what lies outside, it is not the number.
    fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
        for_each(inputs, 3)
    }

    fn params() -> Vec<Param> {
        vec![
            Param::integer("bins", "how many bins").at_least(1.0).or(256),
            Param::numbers(
                "range",
                2,
                "lower and upper end; the upper one belongs to the last bin",
            ),
        ]
    }

    fn result_shape(&self, _: &[&[usize]]) -> Vec<usize> {
        vec![self.bins]
    }

    fn numbers(outside: &Outside) -> Result<Numbers> {
        Ok(vec![
            ("below", outside.below.shown()),
            ("above", outside.above.shown()),
            ("nan", outside.nan.shown()),
        ])
    }
}

impl<T: Real + 'static> JobKernel for Summary<T> {
    const SUMMARY: &'static str = "count, NaN count, min, max, mean, standard deviation";
    const ARRAYS: &'static [&'static str] = &["values"];

    fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
        for_each(inputs, MOMENTS_FLOPS)
    }

    fn numbers(of: &Statistics) -> Result<Numbers> {
        Ok(vec![
            ("count", of.count().shown()),
            ("nan", of.nan_count().shown()),
            ("min", of.min().shown()),
            ("max", of.max().shown()),
            ("mean", of.mean().shown()),
            ("sd", of.standard_deviation().shown()),
        ])
    }
}

/// Elements that a study reduces: reading them is all there is to do.
const REDUCED: u64 = 16 << 20;

/// A kernel that reduces an array, or two, to numbers, for each of these element types. Of floats
/// it takes so many floating-point operations per element; comparisons are none.
macro_rules! reduction {
    (
        $kernel:ident, $elements:ident, $summary:literal, $arrays:expr, $flops:expr,
        $value:pat => $numbers:expr
    ) => {
        $elements!(reduction $kernel, $summary, $arrays, $flops, $value => $numbers);
    };
    (
        $kernel:ident, $summary:literal, $arrays:expr, $flops:expr,
        $value:pat => $numbers:expr; $($element:ty)*
    ) => {
        $(impl JobKernel for $kernel<$element> {
            const SUMMARY: &'static str = $summary;
            const ARRAYS: &'static [&'static str] = $arrays;
            const STUDY_SIZE: u64 = REDUCED;

            fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
                for_each(inputs, $flops * <$element as Shown>::FLOPS)
            }

            fn numbers($value: &Value<Self>) -> Result<Numbers> {
                Ok($numbers)
            }
        })*
    };
}

macro_rules! of_floats {
    (reduction $($rest:tt)*) => {
        reduction!($($rest)*; f32 f64);
    };
}

macro_rules! of_numbers {
    (reduction $($rest:tt)*) => {
        reduction!($($rest)*; f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);
    };
}

/// Where the extreme is; an array without elements has none.
fn found<T: Shown>(found: &Option<Found<T>>, which: &str) -> Result<Numbers> {
    let Some(found) = found else {
        return Err(Error::Refused {
            kernel: format!("the search for the {which} element"),
            reason: format!("the array has no elements, so none is the {which}"),
        });
    };
    Ok(vec![("index", (found.index as u64).shown()), ("value", found.value.shown())])
}

reduction!(Dot, of_floats, "inner product of x and y", &["x", "y"], 2,
    value => vec![("dot", value.shown())]);
// Integers do it.
reduction!(SumExact, of_floats, "sum, correctly rounded", &["x"], 0,
    value => vec![("sum", value.to_f64().shown())]);
// Chunks of which a square or the sum over- or underflows take more.
reduction!(Norm2, of_floats, "Euclidean norm, without overflow on the way", &["x"], 2,
    value => vec![("norm", value.norm().shown())]);
reduction!(Mean, of_floats, "mean", &["x"], 1,
    value => vec![("mean", value.mean().shown())]);
reduction!(Variance, of_floats, "mean, and variance of population and sample", &["x"],
MOMENTS_FLOPS,
value => vec![
    ("mean", value.mean().shown()),
    ("variance", value.variance().shown()),
    ("sample_variance", value.sample_variance().shown()),
]);
reduction!(Prod, of_numbers, "product; integers wrap", &["x"], 1,
    value => vec![("product", value.shown())]);
reduction!(Min, of_numbers, "least element; NaN if there is one", &["x"], 0,
    value => vec![("min", value.shown())]);
reduction!(Max, of_numbers, "greatest element; NaN if there is one", &["x"], 0,
    value => vec![("max", value.shown())]);
reduction!(ArgMin, of_numbers, "least element and its index in C order", &["x"], 0,
    value => found(value, "least")?);
reduction!(ArgMax, of_numbers, "greatest element and its index in C order", &["x"], 0,
    value => found(value, "greatest")?);

/// Totals as reports hold them.
trait Totalled {
    /// Floating-point operations of a sum.
    const FLOPS: usize;

    fn numbers(self) -> Numbers;
}

impl<T: Shown> Totalled for T {
    const FLOPS: usize = <T as Shown>::FLOPS;

    fn numbers(self) -> Numbers {
        vec![("sum", self.shown())]
    }
}

macro_rules! complex_total {
    ($($float:ty)*) => {
        $(impl Totalled for Complex<$float> {
            const FLOPS: usize = 2;

            fn numbers(self) -> Numbers {
                vec![("real", self.re.shown()), ("imaginary", self.im.shown())]
            }
        })*
    };
}
complex_total!(f32 f64);

impl<T: Summand<Total: Totalled> + 'static> JobKernel for Sum<T> {
    const SUMMARY: &'static str = "sum, with the same bits for any number of workers";
    const ARRAYS: &'static [&'static str] = &["x"];
    const STUDY_SIZE: u64 = REDUCED;

    fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
        for_each(inputs, T::Total::FLOPS)
    }

    fn numbers(value: &Value<Self>) -> Result<Numbers> {
        Ok(T::total(*value)?.numbers())
    }
}
