//! The transpose of a matrix, a tile at a time: both arrays are then touched by whole cache lines.

use crate::stateless::stateless_kernel;
use gristmill::{Chunk, Element, Kernel, Shapes, TileOut, Whole};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Ix2};

stateless_kernel! {
    /// `y[j, i] = x[i, j]`; y has as many rows as x has columns, and columns as x has rows.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::Transpose;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn((300, 200), |(i, j)| (i * 200 + j) as f64)?;
    /// let mut y = engine.zeros((200, 300))?;
    /// engine.run(&Transpose::new(), (&x, &mut y))?;
    /// assert_eq!(y.view(), x.view().t());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](gristmill::Error::Refused) if the shapes are not each other's transpose.
    pub Transpose
}

/// Rows and columns of a tile, and of the blocks in it, which stay in the innermost cache.
const TILE: usize = 128;
const BLOCK: usize = 16;

impl<T: Element> Kernel for Transpose<T> {
    type Args = (Whole<T, Ix2>, TileOut<T>);
    type Output = ();

    fn run(&self, tile: Chunk, (x, mut y): (ArrayView2<T>, ArrayViewMut2<T>)) {
        let (rows, columns) = y.dim();
        // The rows of y are columns of x.
        let (_, x) = x.split_at(Axis(0), tile.columns().start);
        let (_, x) = x.split_at(Axis(1), tile.range().start);
        for top in (0..rows).step_by(BLOCK) {
            for left in (0..columns).step_by(BLOCK) {
                for i in top..(top + BLOCK).min(rows) {
                    for j in left..(left + BLOCK).min(columns) {
                        y[[i, j]] = x[[j, i]];
                    }
                }
            }
        }
    }

    fn tile(&self, _: &Shapes) -> [usize; 2] {
        [TILE, TILE]
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        let (x, y) = (shapes.of(0), shapes.of(1));
        if x[0] == y[1] && x[1] == y[0] {
            return Ok(());
        }
        Err(format!("the transpose of an array of shape {x:?} has not the shape {y:?}"))
    }
}
