//! Arrays reduced to a number or a small struct: one value per chunk, folded by the engine's fixed
//! tree. Inside a chunk the order is fixed too, so the bits are the same on every machine.

mod dot;
mod exact;
mod extremes;
mod mean;
mod moments;
mod norm;
mod position;
mod product;
mod statistics;
mod sum;

pub use dot::{Dot, Factor};
pub use exact::{Exact, ExactSum, SumExact};
pub use extremes::{Max, Min};
pub use mean::{Average, Mean};
pub(crate) use moments::MOMENTS_FLOPS;
pub use moments::{Moments, Variance};
pub use norm::{Norm, Norm2};
pub use position::{ArgMax, ArgMin, Found, Greatest, Least};
pub use product::Prod;
pub use statistics::{Statistics, Summary};
pub use sum::Sum;
