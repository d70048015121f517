//! Products of matrices. The inner loops are those of the crate `faer`, on one thread; how the
//! product is cut and shared is ours.

use crate::arithmetic::Arithmetic;
use crate::stateless::stateless_kernel;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use faer_ext::IntoFaer;
use gristmill::{Chunk, InOut, Kernel, Portable, Shapes, TileOut, Whole};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Ix2};
use num_complex::Complex;
use serde::{Deserialize, Serialize};

/// Elements of matrices that can be multiplied: floats and complex floats.
pub trait Field: Arithmetic {
    #[doc(hidden)]
    const ZERO: Self;
    #[doc(hidden)]
    const ONE: Self;
    /// `c = alpha a b`, or `c += alpha a b`.
    #[doc(hidden)]
    fn multiply(adds: bool, c: MatMut<Self>, alpha: Self, a: MatRef<Self>, b: MatRef<Self>);
}

macro_rules! field {
    ($($number:ty, $zero:expr, $one:expr;)*) => {
        $(impl Field for $number {
            const ZERO: Self = $zero;
            const ONE: Self = $one;

            fn multiply(
                adds: bool,
                c: MatMut<Self>,
                alpha: Self,
                a: MatRef<Self>,
                b: MatRef<Self>,
            ) {
                let accumulate = if adds { Accum::Add } else { Accum::Replace };
                matmul(c, accumulate, a, b, alpha, Par::Seq);
            }
        })*
    };
}
field! {
    f32, 0.0, 1.0;
    f64, 0.0, 1.0;
    Complex<f32>, Complex::ZERO, Complex::ONE;
    Complex<f64>, Complex::ZERO, Complex::ONE;
}

stateless_kernel! {
    /// `c = a b`, the product of two matrices in row-major order; arrays in that order: a of m rows
    /// and k columns, b of k rows and n columns, c of m rows and n columns.
    ///
    /// Of `f32`, `f64` and complex numbers of these. Where k is 0 the product is 0. See [`Gemm`] for
    /// what the bits depend on.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::MatMul;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let a = engine.from_fn((200, 30), |(i, j)| (i + j) as f64)?;
    /// let b = engine.from_fn((30, 150), |(i, j)| (i * j % 7) as f64)?;
    /// let mut c = engine.zeros((200, 150))?;
    /// engine.run(&MatMul::new(), (&a, &b, &mut c))?;
    /// assert_eq!(c.view(), a.view().dot(&b.view()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](gristmill::Error::Refused) if the shapes do not fit together.
    pub MatMul
}

impl<T: Field> Kernel for MatMul<T> {
    type Args = (Whole<T, Ix2>, Whole<T, Ix2>, TileOut<T>);
    type Output = ();

    fn run(&self, tile: Chunk, (a, b, c): (ArrayView2<T>, ArrayView2<T>, ArrayViewMut2<T>)) {
        let a = a.slice_axis(Axis(0), tile.range().into());
        let b = b.slice_axis(Axis(1), tile.columns().into());
        T::multiply(false, c.into_faer(), T::ONE, a.into_faer(), b.into_faer());
    }

    /// For each tile `faer` packs its columns of b, and reads its rows of a: the more rows, the
    /// better they share what was packed.
    fn tile(&self, shapes: &Shapes) -> [usize; 2] {
        const ROWS_MIN: usize = 32;
        const TILES: usize = 8;
        let c = [shapes.of(2)[0], shapes.of(2)[1]];
        let mut tile = [256, 128];
        while tile[0] > ROWS_MIN && c[0].div_ceil(tile[0]) * c[1].div_ceil(tile[1]) < TILES {
            tile[0] /= 2;
        }
        [0, 1].map(|axis| evened(c[axis], tile[axis]))
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        check_product(shapes)
    }
}

/// `c = alpha a b + beta c`, as BLAS has it, of matrices in row-major order; arrays in the order
/// a (m rows, k columns), b (k rows, n columns), c (m rows, n columns).
///
/// Of `f32`, `f64` and complex numbers of these. Where beta is 0, c is not read: NaN in it do not
/// matter. [`MatMul`] does without the copy of c that an update in place makes for a retry.
///
/// # The bits
///
/// They are the same for any number of workers: c is cut by its shape alone (here into bands of
/// rows, with `MatMul` into tiles), and each piece is computed by one thread of `faer`. That adds
/// up with fused multiply-adds, in 512-bit or 256-bit vectors where the CPU has them, else without;
/// and the length of its partial sums follows from the CPU's caches. So CPUs of different types may
/// differ in the last places.
///
/// Source: K. Goto, R. van de Geijn, Anatomy of high-performance matrix multiplication, 2008,
/// for the loops of `faer`.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Gemm;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let a = engine.filled((50, 30), 2.0)?;
/// let b = engine.filled((30, 40), 3.0)?;
/// let mut c = engine.filled((50, 40), 1.0)?;
/// engine.run(&Gemm { alpha: 0.5, beta: 10.0 }, (&a, &b, &mut c))?;
/// assert!(c.view().iter().all(|c| *c == 0.5 * 30.0 * 6.0 + 10.0));
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`Error::Refused`](gristmill::Error::Refused) if the shapes do not fit together.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(bound = "T: Portable")]
pub struct Gemm<T> {
    /// The factor of the product.
    pub alpha: T,
    /// The factor of what c was.
    pub beta: T,
}

impl<T: Field + PartialEq> Kernel for Gemm<T> {
    type Args = (Whole<T, Ix2>, Whole<T, Ix2>, InOut<T, Ix2>);
    type Output = ();

    fn run(&self, band: Chunk, (a, b, mut c): (ArrayView2<T>, ArrayView2<T>, ArrayViewMut2<T>)) {
        let adds = self.beta != T::ZERO;
        if adds && self.beta != T::ONE {
            c.map_inplace(|c| *c = self.beta.times(*c));
        }
        let a = a.slice_axis(Axis(0), band.range().into());
        T::multiply(adds, c.into_faer(), self.alpha, a.into_faer(), b.into_faer());
    }

    /// Rows of a band: the more, the better they share what is read of b; the fewer, the better the
    /// workers share the bands.
    fn grain(&self, shapes: &Shapes) -> usize {
        const ROWS_MIN: usize = 32;
        const ROWS_MAX: usize = 256;
        const BANDS: usize = 8;
        let rows = shapes.extent().div_ceil(BANDS);
        rows.next_multiple_of(ROWS_MIN).clamp(ROWS_MIN, ROWS_MAX)
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        check_product(shapes)
    }
}

/// At most so many of `len` rows or columns, which then are about as many in each tile: a multiple of
/// what the inner loops take at once.
fn evened(len: usize, most: usize) -> usize {
    const AT_ONCE: usize = 16;
    len.div_ceil(len.div_ceil(most).max(1)).next_multiple_of(AT_ONCE)
}

fn check_product(shapes: &Shapes) -> Result<(), String> {
    let [a, b, c] = [0, 1, 2].map(|argument| shapes.of(argument));
    if a[1] == b[0] && c == [a[0], b[1]] {
        return Ok(());
    }
    Err(format!("a product of shapes {a:?} and {b:?} has not the shape {c:?}"))
}
