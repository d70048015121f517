//! Stock kernels of Gristmill.
#![forbid(unsafe_code)]
mod arithmetic;
mod elementwise;
mod heat;
mod histogram;
mod jobs;
mod lanes;
mod marker;
mod random;
mod reduce;
mod scan;
mod terrain;

pub use arithmetic::{Arithmetic, Real};
pub use elementwise::{Axpy, CopyTo, Fill, Triad};
pub use heat::{Cooled, Heat, heat};
pub use histogram::{Histogram, Outside};
pub use jobs::registry;
pub use random::{PiHits, Uniform};
pub use reduce::{
    ArgMax, ArgMin, Average, Dot, ExactSum, Factor, Found, Greatest, Least, Max, Mean, Min,
    Moments, Norm, Norm2, Prod, Statistics, Sum, SumExact, Summary, Variance,
};
pub use scan::{Scan, scan};
pub use terrain::{Hillshade, SkyView, Slope};
