//! The transpose of a matrix, a tile at a time, by way of a copy that stays in the caches: both
//! arrays are then touched by whole rows of a tile.

use crate::stateless::stateless_kernel;
use gristmill::{Chunk, Element, Kernel, Shapes, TileOut, Whole, stream};
use ndarray::{ArrayView2, ArrayViewMut2, Ix2};

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

/// Rows and columns of a tile of y. The more columns, the longer its rows are written without a
/// pause; the more rows, the longer those of x are read.
const ROWS: usize = 128;
const COLUMNS: usize = 512;
/// Rows of x that are turned at once.
const BLOCK: usize = 8;
/// Elements between rows of what is turned: no power of two, by which they would share few sets of
/// the caches.
const STRIDE: usize = COLUMNS + 2 * BLOCK;

impl<T: Element> Kernel for Transpose<T> {
    type Args = (Whole<T, Ix2>, TileOut<T>);
    type Output = ();

    fn run(&self, tile: Chunk, (x, mut y): (ArrayView2<T>, ArrayViewMut2<T>)) {
        let width = x.ncols();
        let x = x.to_slice().expect("arrays are in C order");
        // The tile's transpose, by blocks of which rows and columns are a few lines each; then it is
        // written by whole rows.
        let (rows, columns) = y.dim();
        let mut turned = vec![T::zeroed(); rows * STRIDE];
        for left in (0..columns).step_by(BLOCK) {
            // The columns of y are rows of x.
            let height = BLOCK.min(columns - left);
            let from =
                |i: usize| &x[(tile.columns().start + left + i) * width + tile.start()..][..rows];
            if height == BLOCK {
                turn(&std::array::from_fn(from), &mut turned, left);
            } else {
                for i in 0..height {
                    for (j, x) in from(i).iter().enumerate() {
                        turned[j * STRIDE + left + i] = *x;
                    }
                }
            }
        }
        for (mut y, turned) in y.rows_mut().into_iter().zip(turned.chunks_exact(STRIDE)) {
            let y = y.as_slice_mut().expect("rows are contiguous");
            stream(&tile, y, |y, first| y.copy_from_slice(&turned[first..first + y.len()]));
        }
    }

    fn tile(&self, _: &Shapes) -> [usize; 2] {
        [ROWS, COLUMNS]
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        let (x, y) = (shapes.of(0), shapes.of(1));
        if x[0] == y[1] && x[1] == y[0] {
            return Ok(());
        }
        Err(format!("the transpose of an array of shape {x:?} has not the shape {y:?}"))
    }
}

/// Writes rows of x as columns of `turned`, from column `left` on.
fn turn<T: Element>(x: &[&[T]; BLOCK], turned: &mut [T], left: usize) {
    let (rows, blocks) = (x[0].len(), x.map(|x| x.as_chunks::<BLOCK>()));
    for block in 0..rows / BLOCK {
        let x: [&[T; BLOCK]; BLOCK] = blocks.map(|(blocks, _)| &blocks[block]);
        for j in 0..BLOCK {
            let to = &mut turned[(block * BLOCK + j) * STRIDE + left..][..BLOCK];
            for i in 0..BLOCK {
                to[i] = x[i][j];
            }
        }
    }
    for j in rows / BLOCK * BLOCK..rows {
        for i in 0..BLOCK {
            turned[j * STRIDE + left + i] = x[i][j];
        }
    }
}
