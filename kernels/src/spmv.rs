//! Sparse matrices in compressed rows, and their product with a vector.

use crate::arithmetic::Arithmetic;
use crate::stateless::stateless_kernel;
use gristmill::{Array, Chunk, Engine, Error, Kernel, Out, Result, Shapes, Whole};
use ndarray::Ix1;

/// Independent sums of a row.
const LANES: usize = 4;

stateless_kernel! {
    /// `y = a x`, where a is a sparse matrix in compressed rows; arrays in the order row offsets
    /// (one more than there are rows), columns and values of the elements, x, y. [`Csr`] holds the
    /// first three.
    ///
    /// Row `i` has the elements `offsets[i]..offsets[i + 1]`, their columns in any order; one that
    /// occurs twice counts twice. Each row is summed in 4 lanes by the place of its elements, and the
    /// lanes in a fixed order, so the bits are the same for any number of workers; integers wrap.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](gristmill::Error::Refused) if the shapes do not fit together.
    /// Offsets and columns are looked at when they are used: a column beyond x, or offsets that fall
    /// or lie beyond the values, end the launch with a panic's error.
    ///
    /// Source: Y. Saad, Iterative methods for sparse linear systems, 2003, section 3.4.
    pub Spmv
}

impl<T: Arithmetic + Default> Kernel for Spmv<T> {
    type Args = (Whole<u64>, Whole<u32>, Whole<T>, Whole<T>, Out<T>);
    type Output = ();

    fn run(
        &self,
        rows: Chunk,
        (offsets, columns, values, x, y): (&[u64], &[u32], &[T], &[T], &mut [T]),
    ) {
        let offsets = &offsets[rows.start()..=rows.range().end];
        for (y, bounds) in y.iter_mut().zip(offsets.windows(2)) {
            let row = bounds[0] as usize..bounds[1] as usize;
            *y = row_times(&columns[row.clone()], &values[row], x);
        }
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        // Chunks of some 64 Ki elements: many enough to be shared where rows differ in length.
        const ELEMENTS: usize = 64 << 10;
        let elements_per_row = shapes.of(2)[0].div_ceil(shapes.extent().max(1));
        (ELEMENTS / elements_per_row.max(1)).clamp(16, 16 << 10)
    }

    fn check(&self, shapes: &Shapes) -> std::result::Result<(), String> {
        let [offsets, columns, values] = [0, 1, 2].map(|argument| shapes.of(argument)[0]);
        if offsets != shapes.extent() + 1 {
            return Err(format!(
                "{} rows need {} row offsets, not {offsets}",
                shapes.extent(),
                shapes.extent() + 1
            ));
        }
        if columns != values {
            return Err(format!("there are {columns} columns and {values} values of elements"));
        }
        Ok(())
    }
}

#[inline]
fn row_times<T: Arithmetic + Default>(columns: &[u32], values: &[T], x: &[T]) -> T {
    let mut sums = [T::default(); LANES];
    let (columns, columns_rest) = columns.as_chunks::<LANES>();
    let (values, values_rest) = values.as_chunks::<LANES>();
    for (columns, values) in columns.iter().zip(values) {
        for lane in 0..LANES {
            sums[lane] = sums[lane].plus(values[lane].times(x[columns[lane] as usize]));
        }
    }
    for (lane, (column, value)) in columns_rest.iter().zip(values_rest).enumerate() {
        sums[lane] = sums[lane].plus(value.times(x[*column as usize]));
    }
    (sums[0].plus(sums[1])).plus(sums[2].plus(sums[3]))
}

/// A sparse matrix in compressed rows (CSR): of each row the columns and values of its elements.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Csr;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// // 2 0 1
/// // 0 0 3
/// let a = Csr::new(&engine, [2, 3], &[0, 2, 3], &[0, 2, 2], &[2.0, 1.0, 3.0])?;
/// let x = engine.array_from(&ndarray::arr1(&[1.0, 10.0, 100.0]))?;
/// let mut y = engine.zeros(2)?;
/// a.multiply(&engine, &x, &mut y)?;
/// assert_eq!(y.as_slice(), [102.0, 300.0]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Csr<T> {
    shape: [usize; 2],
    row_offsets: Array<u64, Ix1>,
    columns: Array<u32, Ix1>,
    values: Array<T, Ix1>,
}

impl<T: Arithmetic + Default> Csr<T> {
    /// Of `[rows, columns]`, with copies of these slices in the engine's memory.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if `row_offsets` does not have one more than there are rows, does not begin
    /// with 0, falls, or does not end with the number of elements; if `columns` and `values` differ in
    /// length; or if a column lies beyond the matrix.
    /// [`Error::OutOfMemory`] if there is no room.
    pub fn new(
        engine: &Engine,
        shape: [usize; 2],
        row_offsets: &[u64],
        columns: &[u32],
        values: &[T],
    ) -> Result<Csr<T>> {
        check_rows(shape, row_offsets, columns, values.len())
            .map_err(|reason| Error::Refused { kernel: "Csr".into(), reason })?;
        Ok(Csr {
            shape,
            row_offsets: engine.array_from(&ndarray::aview1(row_offsets))?,
            columns: engine.array_from(&ndarray::aview1(columns))?,
            values: engine.array_from(&ndarray::aview1(values))?,
        })
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Where each row's elements begin, and the last one's end.
    pub fn row_offsets(&self) -> &Array<u64, Ix1> {
        &self.row_offsets
    }

    /// The column of each element.
    pub fn columns(&self) -> &Array<u32, Ix1> {
        &self.columns
    }

    /// The elements.
    pub fn values(&self) -> &Array<T, Ix1> {
        &self.values
    }

    /// `y = a x`, by [`Spmv`].
    ///
    /// # Errors
    ///
    /// As [`Engine::run`]; [`Error::Refused`] where `x` has not as many elements as the matrix
    /// columns, or `y` as it has rows.
    pub fn multiply(
        &self,
        engine: &Engine,
        x: &Array<T, Ix1>,
        y: &mut Array<T, Ix1>,
    ) -> Result<()> {
        let [_, columns] = self.shape;
        if x.len() != columns {
            let reason = format!("a matrix of {columns} columns times {} elements", x.len());
            return Err(Error::Refused { kernel: Spmv::<T>::name().into(), reason });
        }
        engine.run(&Spmv::new(), (&self.row_offsets, &self.columns, &self.values, x, y))
    }
}

fn check_rows(
    [rows, width]: [usize; 2],
    row_offsets: &[u64],
    columns: &[u32],
    values: usize,
) -> std::result::Result<(), String> {
    if row_offsets.len() != rows + 1 {
        return Err(format!(
            "{rows} rows need {} row offsets, not {}",
            rows + 1,
            row_offsets.len()
        ));
    }
    if columns.len() != values {
        return Err(format!("there are {} columns and {values} values", columns.len()));
    }
    let (first, last) = (row_offsets[0], row_offsets[rows]);
    if first != 0 || last != values as u64 {
        return Err(format!(
            "row offsets go from {first} to {last}; they must go from 0 to {values}"
        ));
    }
    if let Some(row) = row_offsets.windows(2).position(|bounds| bounds[0] > bounds[1]) {
        return Err(format!("row {row} ends before it begins"));
    }
    if let Some(column) = columns.iter().find(|column| **column as usize >= width) {
        return Err(format!("column {column} lies beyond the {width} columns of the matrix"));
    }
    Ok(())
}
