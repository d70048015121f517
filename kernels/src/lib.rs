//! Stock kernels of Gristmill: numeric kernels over shared-memory arrays, run by
//! [`Engine::run`](gristmill::Engine::run) or as steps of a [`Plan`](gristmill::Plan).
//!
//! They use only what every user can use, so each is also an example of a kernel. Those without
//! parameters are made by `new`; their element type follows from the array.
//!
//! ```
//! use gristmill::Engine;
//! use gristmill_kernels::{Axpy, SumExact, Variance};
//!
//! # fn main() -> gristmill::Result<()> {
//! let engine = Engine::builder().workers(2).build()?;
//! let x = engine.from_fn(1000, |i| i as f64)?;
//! let mut y = engine.zeros(1000)?;
//! engine.run(&Axpy { a: 0.1 }, (&x, &mut y))?;
//! assert_eq!(engine.run(&SumExact::new(), &y)?.to_f64(), 49950.0);
//! let moments = engine.run(&Variance::new(), &y)?;
//! assert!((moments.mean() - 49.95).abs() < 1e-12);
//! # Ok(()) }
//! ```
//!
//! | kernels | arrays | result |
//! |---|---|---|
//! | [`Axpy`], [`Triad`], [`Fill`], [`CopyTo`] | any shape, element by element | arrays |
//! | [`Sum`], [`SumExact`], [`Dot`], [`Prod`], [`Norm2`] | read | numbers |
//! | [`Mean`], [`Variance`], [`Summary`] | read | counts and moments |
//! | [`Min`], [`Max`], [`ArgMin`], [`ArgMax`] | read | elements, and their places |
//! | [`Histogram`] | read; counts are merged | counts, and what lies outside |
//! | [`Gather`] | whole array read at indices, any shape written | an array |
//! | [`BinCount`], [`bin_count`] | read; counts are merged, or written | counts, and what lies outside |
//! | [`scan`] | read and written | prefix sums |
//! | [`sort`] | updated in place | the elements in order |
//! | [`Transpose`] | whole matrix read, tiles written | a matrix |
//! | [`MatMul`], [`Gemm`] | whole matrices read, rows written | a matrix |
//! | [`Spmv`], [`Csr`] | a sparse matrix and a vector read | a vector |
//! | [`Slope`], [`Hillshade`] | rows with halo 1, rows written | maps |
//! | [`SkyView`] | whole grid read, rows written | a map |
//! | [`Heat`], [`heat`] | rows with halo, rows written | a grid, its greatest change |
//! | [`kmeans`] | points read, centres and labels written | clusters, and how near they are |
//! | [`Gravity`], [`Energy`], [`leapfrog`] | bodies read, or moved | accelerations, energies |
//! | [`Mandelbrot`] | rows written | escape times |
//! | [`BlackScholes`] | any shape, element by element | prices of options |
//! | [`Uniform`], [`PiHits`] | written | random numbers, counts of hits |
//! | [`npb`] | the NAS Parallel Benchmarks EP, CG and IS | verified figures |
//!
//! By their names in [`registry`] they are steps of job files, and scaling studies measure them.
//!
//! # The same bits
//!
//! Every result has the same bits for any number of workers, any schedule, and whatever crashes
//! on the way: sums run in a fixed number of lanes within a chunk, chunks are folded along the
//! engine's fixed tree, and their size depends on shapes alone. Where only `+ - * / sqrt` and
//! comparisons take part, the bits are also the same on every CPU; the C library's atan, sin and
//! cos, which slope, hillshade and the azimuths of the sky-view factor need, are not, nor are
//! products of matrices, whose loops are `faer`'s. What needs an exponential or a logarithm takes
//! those of [`elementary`], or one of its own, which are.
#![forbid(unsafe_code)]

mod arithmetic;
mod bin_count;
mod black_scholes;
pub mod elementary;
mod elementwise;
mod flops;
mod gather;
mod gemm;
mod grain;
mod heat;
mod histogram;
mod job_plans;
mod job_reductions;
mod jobs;
mod kmeans;
mod lanes;
mod mandelbrot;
mod nbody;
pub mod npb;
mod random;
mod reduce;
mod scan;
mod sort;
mod spmv;
mod stateless;
mod terrain;
mod transpose;
mod workloads;

pub use arithmetic::{Arithmetic, Integer, Real};
pub use bin_count::{BinCount, bin_count};
pub use black_scholes::BlackScholes;
pub use elementwise::{Axpy, CopyTo, Fill, Triad};
pub use gather::{Gather, Place};
pub use gemm::{Field, Gemm, MatMul};
pub use heat::{Cooled, Heat, heat};
pub use histogram::{Histogram, Outside};
pub use jobs::registry;
pub use kmeans::{Clustering, kmeans};
pub use mandelbrot::Mandelbrot;
pub use nbody::{Energies, Energy, Gravity, leapfrog};
pub use random::{PiHits, Uniform};
pub use reduce::{
    ArgMax, ArgMin, Average, Dot, Exact, ExactSum, Factor, Found, Greatest, Least, Max, Mean, Min,
    Moments, Norm, Norm2, Prod, Statistics, Sum, SumExact, Summary, Variance,
};
pub use scan::{Scan, scan};
pub use sort::{Key, Sortable, sort};
pub use spmv::{Csr, Spmv};
pub use terrain::{Hillshade, SkyView, Slope};
pub use transpose::Transpose;
