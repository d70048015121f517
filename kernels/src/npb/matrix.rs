//! The sparse matrix of CG, as published, and as it is multiplied by a vector here.

use super::random::{BITS, Lcg};

const SEED: u64 = 314_159_265;
/// The smallest eigenvalue of the matrix before it is shifted, and the ratio of the weights of the last
/// and the first outer product.
const RCOND: f64 = 0.1;

/// A sparse matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseMatrix {
    /// Where each row's elements begin, and where the last row's end.
    pub starts: Vec<usize>,
    /// The column of each element, ascending in a row.
    pub columns: Vec<u32>,
    /// The elements.
    pub values: Vec<f64>,
}

/// The matrix of benchmark CG of the NAS Parallel Benchmarks: the sum of `n` weighted outer products
/// of random vectors with `nonzer` random elements and 1/2 in place i, and 0.1 - `shift` on the
/// diagonal.
///
/// Source: D. Bailey and others, NAS Technical Report 95-020, section 2.2.3, routine `makea` of its
/// reference implementation: numbers are drawn, and products summed, in the same order.
///
/// ```
/// let matrix = gristmill_kernels::npb::makea(1400, 7, 10.0);
/// assert_eq!(matrix.starts.len(), 1401);
/// assert_eq!(matrix.values.len(), 78148);
/// ```
///
/// # Panics
///
/// If `nonzer` is not below `n`: so many different places are not to be had.
pub fn makea(n: usize, nonzer: usize, shift: f64) -> SparseMatrix {
    assert!(nonzer < n, "{nonzer} random places of a vector of {n}, and one more");
    let vectors = sparse_vectors(n, nonzer);
    let mut rows = vec![vec![]; n];
    let ratio = RCOND.powf(1.0 / n as f64);
    let mut size = 1.0;
    for (i, vector) in vectors.iter().enumerate() {
        for (row, element) in vector {
            let scale = size * element;
            rows[*row as usize].extend(vector.iter().map(|(column, element)| {
                let diagonal = *row as usize == i && column == row;
                let value = element * scale;
                (*column, if diagonal { value + RCOND - shift } else { value })
            }));
        }
        size *= ratio;
    }
    let mut matrix = SparseMatrix { starts: vec![0], columns: vec![], values: vec![] };
    for row in &mut rows {
        // Stable, so what falls onto one place is summed in the order in which it was made.
        row.sort_by_key(|(column, _)| *column);
        for same in row.chunk_by(|(column, _), (next, _)| column == next) {
            matrix.columns.push(same[0].0);
            matrix.values.push(same.iter().map(|(_, value)| value).sum());
        }
        matrix.starts.push(matrix.columns.len());
    }
    matrix
}

/// The vectors whose outer products make the matrix, as places and elements.
fn sparse_vectors(n: usize, nonzer: usize) -> Vec<Vec<(u32, f64)>> {
    let mut numbers = Lcg::new(SEED);
    // The reference draws one for a purpose of old.
    numbers.skip(1);
    let places = (n as u128).next_power_of_two().max(2);
    let mut vector = |i: usize| {
        let mut vector: Vec<(u32, f64)> = Vec::with_capacity(nonzer + 1);
        while vector.len() < nonzer {
            let element = numbers.uniform();
            let place = ((places * u128::from(numbers.bits())) >> BITS) as u32;
            if (place as usize) < n && vector.iter().all(|(other, _)| *other != place) {
                vector.push((place, element));
            }
        }
        match vector.iter_mut().find(|(place, _)| *place as usize == i) {
            Some((_, element)) => *element = 0.5,
            None => vector.push((i as u32, 0.5)),
        }
        vector
    };
    (0..n).map(&mut vector).collect()
}
