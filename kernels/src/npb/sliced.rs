//! A sparse matrix in slices of rows, for products with vectors.
//!
//! Rows are sorted by length and cut into slices, which hold the first element of each of their rows,
//! then the second of each, and so on: a vector's lanes are rows, each adds up its own products, and no
//! lane waits for another. The columns of a row ascend, so the rows of a slice reach for the
//! vector's elements near each other, in the nearest cache. Slices of long and short rows alternate,
//! so that chunks take equally long. Source: M. Kreutzer and others, "A unified sparse matrix data format
//! for efficient general sparse matrix-vector multiplication on modern processors with wide SIMD
//! units", SIAM J. Sci. Comput. 36, 2014 (SELL-C-sigma).

use super::matrix::SparseMatrix;
use crate::lanes::{sum, sum_pairs};
use crate::stateless::stateless_kernel;
use gristmill::{Array, Chunk, Element, Engine, In, Kernel, Out, Result, Shapes, Sum, Whole};
use multiversion::multiversion;
use ndarray::Ix1;

/// Rows of a slice.
pub(crate) const ROWS: usize = 32;
/// Chunks of a product, about.
const CHUNKS: usize = 64;

/// How columns are numbered: in as few bytes as possible, since a product is as fast as its matrix can
/// be read.
pub(crate) trait Column: Element + TryFrom<usize> {
    fn index(self) -> usize;
}

impl Column for u16 {
    #[inline(always)]
    fn index(self) -> usize {
        self.into()
    }
}

impl Column for u32 {
    #[inline(always)]
    fn index(self) -> usize {
        self as usize
    }
}

/// A square matrix, its rows and columns renumbered alike.
#[derive(Debug)]
pub(crate) struct Sliced<C> {
    /// Where each slice begins, and where the last one ends.
    pub(crate) starts: Array<u32, Ix1>,
    pub(crate) columns: Array<[C; ROWS], Ix1>,
    pub(crate) values: Array<[f64; ROWS], Ix1>,
}

impl<C: Column> Sliced<C> {
    pub(crate) fn new(engine: &Engine, matrix: &SparseMatrix) -> Result<Sliced<C>> {
        let order = order(matrix);
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, old)| place[*old] = new);
        let (mut starts, mut columns, mut values) = (vec![0], vec![], vec![]);
        for rows in order.chunks(ROWS) {
            let begin = values.len();
            for (lane, row) in rows.iter().enumerate() {
                let own = matrix.starts[*row]..matrix.starts[row + 1];
                let renumbered = matrix.columns[own.clone()].iter().map(|c| place[*c as usize]);
                let mut row: Vec<_> = renumbered.zip(&matrix.values[own]).collect();
                row.sort_by_key(|(column, _)| *column);
                for (k, (column, value)) in row.into_iter().enumerate() {
                    if begin + k == values.len() {
                        // Rows that end earlier go on with zeros.
                        columns.push([C::zeroed(); ROWS]);
                        values.push([0.0; ROWS]);
                    }
                    let column = C::try_from(column).ok().expect("they are numbered in a C");
                    (columns[begin + k][lane], values[begin + k][lane]) = (column, *value);
                }
            }
            starts.push(values.len() as u32);
        }
        Ok(Sliced {
            starts: engine.array_from(&ndarray::aview1(&starts))?,
            columns: engine.array_from(&ndarray::aview1(&columns))?,
            values: engine.array_from(&ndarray::aview1(&values))?,
        })
    }
}

/// The rows in their new order: by length, in slices, which are then dealt out to as many hands as
/// there are chunks. The last slice stays so, as it may be of fewer rows.
fn order(matrix: &SparseMatrix) -> Vec<usize> {
    let n = matrix.starts.len() - 1;
    let mut sorted: Vec<usize> = (0..n).collect();
    sorted.sort_by_key(|&row| std::cmp::Reverse(matrix.starts[row + 1] - matrix.starts[row]));
    let (whole, rest) = sorted.as_chunks::<ROWS>();
    let hands = n.div_ceil(grain(n).max(1));
    let dealt = (0..hands).flat_map(|hand| whole.iter().skip(hand).step_by(hands).flatten());
    dealt.chain(rest).copied().collect()
}

/// Rows of a chunk: whole slices.
fn grain(rows: usize) -> usize {
    rows.div_ceil(CHUNKS).next_multiple_of(ROWS)
}

/// What a product reads of a matrix.
type Parts<'a, C> = (&'a [u32], &'a [[C; ROWS]], &'a [[f64; ROWS]]);

/// The products of a chunk's rows with `x`.
fn multiply<C: Column>(
    chunk: &Chunk,
    (starts, columns, values): Parts<C>,
    x: &[f64],
    y: &mut [f64],
) {
    let slices = &starts[chunk.start() / ROWS..];
    for (ends, y) in slices.windows(2).zip(y.chunks_mut(ROWS)) {
        let own = ends[0] as usize..ends[1] as usize;
        let products = slice(&columns[own.clone()], &values[own], x);
        y.copy_from_slice(&products[..y.len()]);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn slice<C: Column>(columns: &[[C; ROWS]], values: &[[f64; ROWS]], x: &[f64]) -> [f64; ROWS] {
    let mut sums = [0.0; ROWS];
    let Some(last) = x.len().checked_sub(1) else { return sums };
    for (columns, values) in columns.iter().zip(values) {
        for lane in 0..ROWS {
            // Every column is one of x. That it is seen here spares the checks, between which the
            // lanes would be worked on one by one.
            sums[lane] += values[lane] * x[columns[lane].index().min(last)];
        }
    }
    sums
}

stateless_kernel!(
    /// `q = A p`; yields `p q` and `r r`. Arrays: the matrix's, p, r, q.
    pub(crate) Multiply
);

impl<C: Column> Kernel for Multiply<C> {
    type Args = (Whole<u32>, Whole<[C; ROWS]>, Whole<[f64; ROWS]>, Whole<f64>, In<f64>, Out<f64>);
    type Output = (Sum<f64>, Sum<f64>);

    fn run(
        &self,
        chunk: Chunk,
        (starts, columns, values, p, r, q): (
            &[u32],
            &[[C; ROWS]],
            &[[f64; ROWS]],
            &[f64],
            &[f64],
            &mut [f64],
        ),
    ) -> (f64, f64) {
        multiply(&chunk, (starts, columns, values), p, q);
        (sum_pairs(&p[chunk.range()], q, |p, q| p * q), sum(r, |r| r * r))
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        grain(shapes.extent())
    }
}

stateless_kernel!(
    /// Yields the square of the norm of `x - A z`, `x z` and `z z`. Arrays: the matrix's, z, x, and
    /// A z.
    pub(crate) Residual
);

impl<C: Column> Kernel for Residual<C> {
    type Args = <Multiply<C> as Kernel>::Args;
    type Output = (Sum<f64>, Sum<f64>, Sum<f64>);

    fn run(
        &self,
        chunk: Chunk,
        (starts, columns, values, z, x, product): (
            &[u32],
            &[[C; ROWS]],
            &[[f64; ROWS]],
            &[f64],
            &[f64],
            &mut [f64],
        ),
    ) -> (f64, f64, f64) {
        multiply(&chunk, (starts, columns, values), z, product);
        let z = &z[chunk.range()];
        let square = |x, az| {
            let residual: f64 = x - az;
            residual * residual
        };
        (sum_pairs(x, product, square), sum_pairs(x, z, |x, z| x * z), sum(z, |z| z * z))
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        grain(shapes.extent())
    }
}
