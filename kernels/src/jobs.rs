//! The stock kernels as job files name them: inputs, parameters with their defaults, and the
//! numbers that they yield.

use crate::arithmetic::{Arithmetic, Real};
use crate::job_plans::{Cooling, PrefixSum, Sorting};
use crate::npb;
use crate::{
    ArgMax, ArgMin, Axpy, CopyTo, Dot, Found, Hillshade, Histogram, Max, Mean, Min, Norm2, Outside,
    Prod, SkyView, Slope, Statistics, Sum, SumExact, Summary, Triad, Variance,
};
use gristmill::{
    Chunk, Element, Error, In, InOut, JobKernel, JobScalar, Kernel, Param, Portable, Registry,
    Result, Shapes, Summand, Value,
};
use num_complex::Complex;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// All stock kernels that a step of a job can be, by name, and the benchmarks of [`npb`].
///
/// `map` and `zip_map` are not among them, as a job file cannot hold their closures, nor are
/// [`Fill`](crate::Fill) and the random numbers, as they have no input to take a shape from.
/// [`Transpose`](crate::Transpose), [`BinCount`](crate::BinCount), [`Gather`](crate::Gather),
/// products of matrices, k-means, gravity, the Mandelbrot set and options are not among them yet.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     // Add kernels of your own: `.add::<Mine>("mine")`.
///     gristmill::cli::main(&gristmill_kernels::registry())
/// }
/// ```
pub fn registry() -> Registry {
    let registry = Registry::new()
        .add::<Slope>("slope")
        .add::<Hillshade>("hillshade")
        .add::<SkyView>("sky_view")
        .add::<Summary<f64>>("summary")
        .add::<Summary<f32>>("summary")
        .add::<Histogram<f64>>("histogram")
        .add::<Histogram<f32>>("histogram")
        .add::<SumExact<f64>>("sum_exact")
        .add::<SumExact<f32>>("sum_exact");
    macro_rules! add {
        ($registry:expr, $($kernel:ident)*; $($element:ty)*) => {
            add!(each $registry, [$($kernel)*]; $($element)*)
        };
        (each $registry:expr, $kernels:tt; $($element:ty)*) => {{
            let registry = $registry;
            $(let registry = add!(all registry, $element, $kernels);)*
            registry
        }};
        (all $registry:expr, $element:ty, [$($kernel:ident)*]) => {
            $registry$(.add::<$kernel<$element>>(name::$kernel))*
        };
    }
    macro_rules! add_plans {
        ($registry:expr, $plan:ident, $name:literal; $($element:ty)*) => {
            $registry$(.add_plan::<$plan<$element>>($name))*
        };
    }
    let registry = add!(registry, Axpy Triad Dot Norm2 Mean Variance; f64 f32);
    let registry = add!(registry, CopyTo Sum Prod Min Max ArgMin ArgMax;
        f64 f32 i8 i16 i32 i64 u8 u16 u32 u64);
    let registry = add!(registry, CopyTo Sum; Complex<f64> Complex<f32>);
    let registry = registry.add::<AxpyByReal<f64>>(name::Axpy).add::<AxpyByReal<f32>>(name::Axpy);
    let registry = add_plans!(registry, PrefixSum, "scan"; f64 f32 i8 i16 i32 i64 u8 u16 u32 u64);
    let registry = add_plans!(registry, Sorting, "sort"; f64 f32 i8 i16 i32 i64 u8 u16 u32 u64);
    registry.add_plan::<Cooling>("heat2d").add_suite(npb::suite())
}

/// The names of kernels that are registered for several element types.
#[allow(non_upper_case_globals, reason = "one name for a kernel and its name")]
mod name {
    pub(super) const Axpy: &str = "axpy";
    pub(super) const Triad: &str = "triad";
    pub(super) const Dot: &str = "dot";
    pub(super) const Norm2: &str = "norm2";
    pub(super) const Mean: &str = "mean";
    pub(super) const Variance: &str = "variance";
    pub(super) const CopyTo: &str = "copy";
    pub(super) const Sum: &str = "sum";
    pub(super) const Prod: &str = "prod";
    pub(super) const Min: &str = "min";
    pub(super) const Max: &str = "max";
    pub(super) const ArgMin: &str = "argmin";
    pub(super) const ArgMax: &str = "argmax";
}

/// What a step yields, by name.
type Numbers = Vec<(&'static str, JobScalar)>;

/// Numbers as reports hold them.
trait Shown: Copy {
    fn shown(self) -> JobScalar;
}

macro_rules! shown {
    ($variant:ident as $wide:ty: $($number:ty)*) => {
        $(impl Shown for $number {
            fn shown(self) -> JobScalar {
                JobScalar::$variant(<$wide>::from(self))
            }
        })*
    };
}
shown!(Count as u64: u8 u16 u32 u64);
shown!(Integer as i64: i8 i16 i32 i64);
shown!(Real as f64: f32 f64);

impl JobKernel for Slope {
    const SUMMARY: &'static str = "steepness in degrees, by Horn's formula over 3 x 3 cells";
    const ARRAYS: &'static [&'static str] = &["elevation"];
    const CELL: bool = true;
}

impl JobKernel for Hillshade {
    const SUMMARY: &'static str = "relief lit from one side, 1 (in shade) to 255";
    const ARRAYS: &'static [&'static str] = &["elevation"];
    const CELL: bool = true;

    fn params() -> Vec<Param> {
        vec![
            Param::number("azimuth", "where the light comes from, degrees clockwise from north")
                .finite()
                .or(315.0),
            Param::number("altitude", "the light's height above the horizon, degrees")
                .finite()
                .or(45.0),
            Param::number("z_factor", "what elevations are multiplied by").finite().or(1.0),
        ]
    }
}

impl JobKernel for SkyView {
    const SUMMARY: &'static str = "part of the sky that is seen from each cell, 0 to 1";
    const ARRAYS: &'static [&'static str] = &["elevation"];
    const CELL: bool = true;

    fn params() -> Vec<Param> {
        vec![
            Param::integer("azimuths", "directions in which the horizon is sought")
                .within(1.0, u32::MAX.into())
                .or(32),
            Param::integer("radius", "how far, in steps of one cell")
                .within(1.0, u32::MAX.into())
                .or(100),
        ]
    }
}

impl<T: Real + 'static> JobKernel for Histogram<T> {
    const SUMMARY: &'static str = "counts in equal bins; what lies outside is counted apart";
    const ARRAYS: &'static [&'static str] = &["values"];

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

impl<T: Arithmetic + Portable> JobKernel for Axpy<T> {
    const SUMMARY: &'static str = "a x + y, element by element";
    const ARRAYS: &'static [&'static str] = &["x", "y"];

    fn params() -> Vec<Param> {
        vec![Param::number("a", "the factor of x").or(1.0)]
    }
}

/// [`Axpy`] of complex arrays with a factor that a job file can write.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct AxpyByReal<F> {
    a: f64,
    #[serde(skip)]
    parts: PhantomData<fn() -> F>,
}

macro_rules! axpy_by_real {
    ($($float:ty)*) => {
        $(impl AxpyByReal<$float> {
            #[allow(clippy::unnecessary_cast, reason = "one of the two types needs it")]
            fn axpy(&self) -> Axpy<Complex<$float>> {
                Axpy { a: Complex::new(self.a as $float, 0.0) }
            }
        }

        impl Kernel for AxpyByReal<$float> {
            type Args = (In<Complex<$float>>, InOut<Complex<$float>>);
            type Output = ();

            fn run(
                &self,
                chunk: Chunk,
                arrays: (&[Complex<$float>], &mut [Complex<$float>]),
            ) {
                self.axpy().run(chunk, arrays);
            }

            fn grain(&self, shapes: &Shapes) -> usize {
                self.axpy().grain(shapes)
            }
        }

        impl JobKernel for AxpyByReal<$float> {
            const SUMMARY: &'static str = <Axpy<$float> as JobKernel>::SUMMARY;
            const ARRAYS: &'static [&'static str] = <Axpy<$float> as JobKernel>::ARRAYS;

            fn params() -> Vec<Param> {
                <Axpy<$float> as JobKernel>::params()
            }
        })*
    };
}
axpy_by_real!(f32 f64);

impl<T: Arithmetic + Portable> JobKernel for Triad<T> {
    const SUMMARY: &'static str = "b + a c, element by element";
    const ARRAYS: &'static [&'static str] = &["b", "c"];

    fn params() -> Vec<Param> {
        vec![Param::number("a", "the factor of c").or(1.0)]
    }
}

impl<T: Element + 'static> JobKernel for CopyTo<T> {
    const SUMMARY: &'static str = "a copy";
    const ARRAYS: &'static [&'static str] = &["x"];
}

/// A kernel that reduces an array, or two, to numbers, for each of these element types.
macro_rules! reduction {
    (
        $kernel:ident, $elements:ident, $summary:literal, $arrays:expr,
        $value:pat => $numbers:expr
    ) => {
        $elements!(reduction $kernel, $summary, $arrays, $value => $numbers);
    };
    (
        $kernel:ident, $summary:literal, $arrays:expr,
        $value:pat => $numbers:expr; $($element:ty)*
    ) => {
        $(impl JobKernel for $kernel<$element> {
            const SUMMARY: &'static str = $summary;
            const ARRAYS: &'static [&'static str] = $arrays;

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

reduction!(Dot, of_floats, "inner product of x and y", &["x", "y"],
    value => vec![("dot", value.shown())]);
reduction!(SumExact, of_floats, "sum, correctly rounded", &["x"],
    value => vec![("sum", value.to_f64().shown())]);
reduction!(Norm2, of_floats, "Euclidean norm, without overflow on the way", &["x"],
    value => vec![("norm", value.norm().shown())]);
reduction!(Mean, of_floats, "mean", &["x"],
    value => vec![("mean", value.mean().shown())]);
reduction!(Variance, of_floats, "mean, and variance of population and sample", &["x"],
value => vec![
    ("mean", value.mean().shown()),
    ("variance", value.variance().shown()),
    ("sample_variance", value.sample_variance().shown()),
]);
reduction!(Prod, of_numbers, "product; integers wrap", &["x"],
    value => vec![("product", value.shown())]);
reduction!(Min, of_numbers, "least element; NaN if there is one", &["x"],
    value => vec![("min", value.shown())]);
reduction!(Max, of_numbers, "greatest element; NaN if there is one", &["x"],
    value => vec![("max", value.shown())]);
reduction!(ArgMin, of_numbers, "least element and its index in C order", &["x"],
    value => found(value, "least")?);
reduction!(ArgMax, of_numbers, "greatest element and its index in C order", &["x"],
    value => found(value, "greatest")?);

/// Totals as reports hold them.
trait Totalled {
    fn numbers(self) -> Numbers;
}

impl<T: Shown> Totalled for T {
    fn numbers(self) -> Numbers {
        vec![("sum", self.shown())]
    }
}

macro_rules! complex_total {
    ($($float:ty)*) => {
        $(impl Totalled for Complex<$float> {
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

    fn numbers(value: &Value<Self>) -> Result<Numbers> {
        Ok(T::total(*value)?.numbers())
    }
}
