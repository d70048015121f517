//! CG of the NAS Parallel Benchmarks: the smallest eigenvalue of a sparse matrix, by inverse iteration
//! with conjugate gradients. All of it is one plan, which the workers run by themselves.

use super::matrix::SparseMatrix;
use super::sliced::{Column, Multiply, Residual, Sliced};
use crate::grain::cheap_grain;
use crate::lanes::sum;
use gristmill::{Array, Chunk, Engine, In, InOut, Kernel, Out, Result, Shapes, Sum, with};
use ndarray::Ix1;
use serde::{Deserialize, Serialize};

/// Conjugate-gradient steps of an iteration.
const STEPS: u64 = 25;

/// Columns that two bytes can number.
const NARROW_MAX: usize = 1 << u16::BITS;

/// What the inverse iteration came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eigenvalue {
    /// The shift and the reciprocal of `x z` of the last iteration, added.
    pub zeta: f64,
    /// The norm of the last iteration's residual, `x - A z`.
    pub residual: f64,
}

/// A matrix whose smallest eigenvalue is sought, and what the search needs: the benchmark CG of the
/// NAS Parallel Benchmarks.
///
/// From x = (1, …, 1) on, each iteration takes 25 steps of conjugate gradients towards `A z = x`, and
/// then z by its norm for x. Rows and columns are renumbered alike beforehand, which changes the
/// order of additions and nothing else. Source: D. Bailey and others, NAS Technical Report 95-020,
/// section 2.2.3.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::npb::{InverseIteration, makea};
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let (n, nonzer, shift) = (1400, 7, 10.0); // class S
/// let mut search = InverseIteration::new(&engine, &makea(n, nonzer, shift))?;
/// let found = search.run(&engine, shift, 15)?;
/// assert!((found.zeta / 8.5971775078648 - 1.0).abs() < 1e-10);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct InverseIteration {
    matrix: Numbered,
    x: Vector,
    z: Vector,
    p: Vector,
    q: Vector,
    r: Vector,
}

type Vector = Array<f64, Ix1>;

/// The matrix, by how its columns are numbered.
#[derive(Debug)]
enum Numbered {
    Narrow(Sliced<u16>),
    Wide(Sliced<u32>),
}

impl InverseIteration {
    /// Prepares the search, which takes longer than a few products.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](gristmill::Error::OutOfMemory).
    ///
    /// # Panics
    ///
    /// If the matrix has more than 2^32 rows.
    pub fn new(engine: &Engine, matrix: &SparseMatrix) -> Result<InverseIteration> {
        let n = matrix.starts.len() - 1;
        let matrix = match n {
            0..=NARROW_MAX => Numbered::Narrow(Sliced::new(engine, matrix)?),
            _ => Numbered::Wide(Sliced::new(engine, matrix)?),
        };
        let vector = || engine.zeros(n);
        let (x, z, p, q, r) = (vector()?, vector()?, vector()?, vector()?, vector()?);
        Ok(InverseIteration { matrix, x, z, p, q, r })
    }

    /// Bytes that an iteration reads and writes, each array once in each step of the plan.
    pub(crate) fn moved(n: usize, nonzeros: usize) -> [f64; 2] {
        let column = if n <= NARROW_MAX { size_of::<u16>() } else { size_of::<u32>() };
        let matrix = (nonzeros * (size_of::<f64>() + column)) as f64;
        let vector = (n * size_of::<f64>()) as f64;
        let steps = STEPS as f64;
        // `Multiply` reads p and r, `Advance` p, q, z and r, `Turn` r and p; `Begin` reads x,
        // `Residual` z and x, `Scale` z.
        let read = (steps + 1.0) * matrix + (8.0 * steps + 4.0) * vector;
        // They write q; z and r; p; and then z, p and r; q; x.
        let written = (4.0 * steps + 5.0) * vector;
        [read, written]
    }

    /// Runs so many iterations, at least one, from (1, …, 1) on.
    ///
    /// # Errors
    ///
    /// As [`Engine::plan`].
    pub fn run(&mut self, engine: &Engine, shift: f64, iterations: u64) -> Result<Eigenvalue> {
        self.x.as_mut_slice().fill(1.0);
        let InverseIteration { matrix, x, z, p, q, r } = self;
        let vectors = [x, z, p, q, r];
        let (residual, xz) = match matrix {
            Numbered::Narrow(matrix) => iterate(engine, matrix, vectors, iterations),
            Numbered::Wide(matrix) => iterate(engine, matrix, vectors, iterations),
        }?;
        Ok(Eigenvalue { zeta: shift + 1.0 / xz, residual: residual.sqrt() })
    }
}

/// The whole plan; gives the square of the residual's norm, and `x z`, of the last iteration.
fn iterate<C: Column>(
    engine: &Engine,
    matrix: &Sliced<C>,
    vectors: [&mut Vector; 5],
    iterations: u64,
) -> Result<(f64, f64)> {
    let (_, (residual, xz, _)) = engine.plan(|plan| {
        let (starts, columns) = (plan.read(&matrix.starts), plan.read(&matrix.columns));
        let values = plan.read(&matrix.values);
        let [mut x, mut z, mut p, mut q, mut r] = vectors.map(|vector| plan.write(vector));
        plan.repeat(iterations, |plan| {
            plan.step(&Begin, (&x, &mut z, &mut p, &mut r));
            plan.repeat(STEPS, |plan| {
                let kernel = Multiply::<C>::new();
                let products = plan.step(&kernel, (&starts, &columns, &values, &p, &r, &mut q));
                let advance = with(products, |(pq, rr)| Advance { alpha: rr / pq });
                let residual = plan.step(&advance, (&p, &q, &mut z, &mut r));
                let turn = with((products, residual), |((_, old), new)| Turn { beta: new / old });
                plan.step(&turn, (&r, &mut p));
            });
            let kernel = Residual::<C>::new();
            let end = plan.step(&kernel, (&starts, &columns, &values, &z, &x, &mut q));
            plan.step(&with(end, |(_, _, zz)| Scale { by: 1.0 / zz.sqrt() }), (&z, &mut x));
            end
        })
    })?;
    Ok((residual, xz))
}

/// `z = 0`, `p = x`, `r = x`. Arrays: x, z, p, r.
#[derive(Debug, Serialize, Deserialize)]
struct Begin;

impl Kernel for Begin {
    type Args = (In<f64>, Out<f64>, Out<f64>, Out<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (x, z, p, r): (&[f64], &mut [f64], &mut [f64], &mut [f64])) {
        z.fill(0.0);
        p.copy_from_slice(x);
        r.copy_from_slice(x);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

/// `z += alpha p`, `r -= alpha q`; yields `r r`. Arrays: p, q, z, r.
#[derive(Debug, Serialize, Deserialize)]
struct Advance {
    alpha: f64,
}

impl Kernel for Advance {
    type Args = (In<f64>, In<f64>, InOut<f64>, InOut<f64>);
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, (p, q, z, r): (&[f64], &[f64], &mut [f64], &mut [f64])) -> f64 {
        z.iter_mut().zip(p).for_each(|(z, p)| *z += self.alpha * p);
        r.iter_mut().zip(q).for_each(|(r, q)| *r -= self.alpha * q);
        sum(r, |r| r * r)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

/// `p = r + beta p`. Arrays: r, p.
#[derive(Debug, Serialize, Deserialize)]
struct Turn {
    beta: f64,
}

impl Kernel for Turn {
    type Args = (In<f64>, InOut<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (r, p): (&[f64], &mut [f64])) {
        p.iter_mut().zip(r).for_each(|(p, r)| *p = r + self.beta * *p);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

/// `x = by z`. Arrays: z, x.
#[derive(Debug, Serialize, Deserialize)]
struct Scale {
    by: f64,
}

impl Kernel for Scale {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (z, x): (&[f64], &mut [f64])) {
        x.iter_mut().zip(z).for_each(|(x, z)| *x = self.by * z);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}
