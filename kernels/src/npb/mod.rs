//! The kernels of the NAS Parallel Benchmarks EP, CG and IS, in the style of NPB, unofficial.
//!
//! | benchmark | work | here |
//! |---|---|---|
//! | EP | pairs of Gaussian deviates, summed and counted | [`Gaussian`] |
//! | CG | the smallest eigenvalue of a sparse matrix | [`InverseIteration`] of [`makea`] |
//! | IS | ranks of integer keys | [`Ranking`] of [`keys`] |
//!
//! Definitions and check values: D. Bailey and others, "The NAS Parallel Benchmarks", NAS Technical Report
//! 95-020, and the NPB 3.x reference implementations, <https://www.nas.nasa.gov/software/npb.html>. The
//! code is our own, the methods too where that is faster: what is computed is what is defined
//! there. Figures are not comparable with official results.
//!
//! `gristmill npb` runs and verifies them.

mod benchmarks;
mod cg;
mod ep;
mod is;
mod matrix;
mod random;
mod sliced;

pub(crate) use benchmarks::suite;
pub use benchmarks::{Cg, Ep, Is, out_of_order};
pub use cg::{Eigenvalue, InverseIteration};
pub use ep::{Deviates, Gaussian};
pub use is::{Population, Ranking, keys};
pub use matrix::{SparseMatrix, makea};
pub use random::Lcg;
