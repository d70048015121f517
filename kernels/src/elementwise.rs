//! One pass over arrays, element by element. `map` and `zip_map` are methods of the engine.

use crate::arithmetic::Arithmetic;
use crate::grain::{cheap_grain, cheap_grain_in_place};
use crate::stateless::stateless_kernel;
use gristmill::{Chunk, Element, In, InOut, Kernel, Out, Portable, Shapes, fetch_ahead, stream};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

/// `y[i] = a * x[i] + y[i]`, as BLAS has it; product and sum are rounded each.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Axpy;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.from_fn(100, |i| i as f64)?;
/// let mut y = engine.filled(100, 1.0)?;
/// engine.run(&Axpy { a: 2.0 }, (&x, &mut y))?;
/// assert_eq!(y[99], 199.0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(bound = "T: Portable")]
pub struct Axpy<T> {
    /// The factor of x.
    pub a: T,
}

impl<T: Arithmetic> Kernel for Axpy<T> {
    type Args = (In<T>, InOut<T>);
    type Output = ();

    fn run(&self, _: Chunk, (x, y): (&[T], &mut [T])) {
        axpy(self.a, x, y);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain_in_place(shapes)
    }
}

/// `y[i] = value`.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Fill;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut y = engine.zeros((10, 10))?;
/// engine.run(&Fill { value: 7u16 }, &mut y)?;
/// assert!(y.view().iter().all(|y| *y == 7));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(bound = "T: Portable")]
pub struct Fill<T> {
    /// What every element becomes.
    pub value: T,
}

impl<T: Element + Portable> Kernel for Fill<T> {
    type Args = Out<T>;
    type Output = ();

    fn run(&self, chunk: Chunk, y: &mut [T]) {
        stream(&chunk, y, |y, _| y.fill(self.value));
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

stateless_kernel!(
    /// `y[i] = x[i]`.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::CopyTo;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(100, |i| i as u32)?;
    /// let mut y = engine.zeros(100)?;
    /// engine.run(&CopyTo::new(), (&x, &mut y))?;
    /// assert_eq!(x.view(), y.view());
    /// # Ok(()) }
    /// ```
    pub CopyTo
);

impl<T: Element> Kernel for CopyTo<T> {
    type Args = (In<T>, Out<T>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, y): (&[T], &mut [T])) {
        stream(&chunk, y, |y, first| {
            fetch_ahead(x, first, y.len());
            y.copy_from_slice(&x[first..first + y.len()]);
        });
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

/// `x[i] = b[i] + a * c[i]`, the triad of the STREAM benchmark; arrays in the order b, c, x.
///
/// Source: J. McCalpin, STREAM, 1995; there the factor is called q and the result a.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Triad;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let b = engine.from_fn(100, |i| i as f64)?;
/// let c = engine.filled(100, 0.5)?;
/// let mut x = engine.zeros(100)?;
/// engine.run(&Triad { a: 3.0 }, (&b, &c, &mut x))?;
/// assert_eq!(x[99], 100.5);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(bound = "T: Portable")]
pub struct Triad<T> {
    /// The factor of c.
    pub a: T,
}

impl<T: Arithmetic> Kernel for Triad<T> {
    type Args = (In<T>, In<T>, Out<T>);
    type Output = ();

    fn run(&self, chunk: Chunk, (b, c, x): (&[T], &[T], &mut [T])) {
        stream(&chunk, x, |x, first| {
            fetch_ahead(b, first, x.len());
            fetch_ahead(c, first, x.len());
            triad(self.a, &b[first..], &c[first..], x);
        });
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

// The inner loops, compiled for wider vectors too and chosen at run time; the bits are the same.

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn axpy<T: Arithmetic>(a: T, x: &[T], y: &mut [T]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = a.times(*x).plus(*y));
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn triad<T: Arithmetic>(a: T, b: &[T], c: &[T], x: &mut [T]) {
    x.iter_mut().zip(b).zip(c).for_each(|((x, b), c)| *x = b.plus(a.times(*c)));
}
