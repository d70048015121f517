//! The stock kernels by name: maps and arrays as job files make them, with their parameters and
//! defaults. Those that yield numbers, and plans, have files of their own.

use crate::arithmetic::Arithmetic;
use crate::flops::for_each;
use crate::job_plans::{Cooling, PrefixSum, Sorting};
use crate::npb;
use crate::terrain::GRADIENT_FLOPS;
use crate::workloads::workloads;
use crate::{
    ArgMax, ArgMin, Axpy, CopyTo, Dot, Hillshade, Histogram, Max, Mean, Min, Norm2, Prod, SkyView,
    Slope, Sum, SumExact, Summary, Triad, Variance,
};
use gristmill::{Chunk, Element, In, InOut, JobKernel, Kernel, Param, Portable, Registry, Shapes};
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
/// Scaling studies measure these as well, each as work of its own name: `gemm`, `spmv`,
/// `transpose`, `gather`, `bin_count`, `kmeans`, `nbody`, `mandelbrot`, `black_scholes`, `uniform`
/// and `pi`; and the benchmarks as `npb_ep`, `npb_cg` and `npb_is`.
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
    let registry = registry.add_plan::<Cooling>("heat2d").add_suite(npb::suite());
    workloads().into_iter().fold(registry, Registry::add_workload)
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

impl JobKernel for Slope {
    const SUMMARY: &'static str = "steepness in degrees, by Horn's formula over 3 x 3 cells";
    const ARRAYS: &'static [&'static str] = &["elevation"];
    const CELL: bool = true;
    const STUDY_SIZE: u64 = 2 << 20;

    /// What is done with the gradient: it is divided by the cell's sides (2), squared and added up
    /// (3), then root, division and degrees (3). The arctangent is left out: how many it takes is
    /// up to the C library.
    fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
        for_each(inputs, GRADIENT_FLOPS + 8)
    }
}

impl JobKernel for Hillshade {
    const SUMMARY: &'static str = "relief lit from one side, 1 (in shade) to 255";
    const ARRAYS: &'static [&'static str] = &["elevation"];
    const CELL: bool = true;
    const STUDY_SIZE: u64 = 4 << 20;

    /// What is done with the gradient, at most: it is divided by the cell's sides (2); the light on
    /// it (4) by the length of the normal (3 for the squares, 2 to scale and to add 1, root and
    /// division), times 254 and 1 more (2), which is spared in the shade.
    fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
        for_each(inputs, GRADIENT_FLOPS + 15)
    }

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
    const STUDY_SIZE: u64 = 64 << 10;

    /// A difference and a product for each look at another cell; for each azimuth the sine (4) and
    /// its sum; a division and a difference for each cell.
    fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
        let shape = <[usize; 2]>::try_from(inputs[0]).ok()?;
        let cells = shape.iter().product::<usize>() as f64;
        Some(2.0 * self.looks(shape) + cells * (5.0 * f64::from(self.azimuths) + 2.0))
    }

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

impl<T: Arithmetic + Portable> JobKernel for Axpy<T> {
    const SUMMARY: &'static str = "a x + y, element by element";
    const ARRAYS: &'static [&'static str] = &["x", "y"];

    fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
        for_each(inputs, T::PRODUCT_FLOPS + T::SUM_FLOPS)
    }

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

            fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
                JobKernel::flops(&self.axpy(), inputs)
            }
        })*
    };
}
axpy_by_real!(f32 f64);

impl<T: Arithmetic + Portable> JobKernel for Triad<T> {
    const SUMMARY: &'static str = "b + a c, element by element";
    const ARRAYS: &'static [&'static str] = &["b", "c"];

    fn flops(&self, inputs: &[&[usize]]) -> Option<f64> {
        for_each(inputs, T::PRODUCT_FLOPS + T::SUM_FLOPS)
    }

    fn params() -> Vec<Param> {
        vec![Param::number("a", "the factor of c").or(1.0)]
    }
}

impl<T: Element + 'static> JobKernel for CopyTo<T> {
    const SUMMARY: &'static str = "a copy";
    const ARRAYS: &'static [&'static str] = &["x"];
}
