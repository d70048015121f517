//! Products of matrices: ours by bands, faer's by rayon's threads, OpenBLAS by its own.

use crate::measure::{Bench, Row, Unit, timed};
use crate::{engine, openmp, pool, together};
use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};
use gristmill::Element;
use gristmill_kernels::{Field, MatMul};

/// Rows, inner length, columns.
type Size = [usize; 3];

const SQUARE: [Size; 2] = [[512; 3], [2048; 3]];
const THIN: [Size; 2] = [[4096, 64, 4096], [64, 4096, 64]];
const LARGE: Size = [4096; 3];

pub(crate) fn gemm(bench: &Bench) -> Vec<Row> {
    let large = bench.full.then_some(LARGE);
    let sizes = || SQUARE.into_iter().chain(THIN).chain(large);
    let rows = together(bench).into_iter().flat_map(|workers| {
        let doubles = sizes().map(move |size| product::<f64>(bench, workers, "gemm f64", size));
        doubles.chain(sizes().map(move |size| product::<f32>(bench, workers, "gemm f32", size)))
    });
    rows.collect()
}

/// Elements of which the peers' matrices consist too: small whole numbers, so that every sum is exact
/// in any order.
trait Small: Field + ComplexField + Element + PartialEq {
    fn of(number: i16) -> Self;
    fn to_f64(self) -> f64;
}

macro_rules! small {
    ($($float:ty)*) => {
        $(impl Small for $float {
            fn of(number: i16) -> Self {
                number.into()
            }
            fn to_f64(self) -> f64 {
                self.into()
            }
        })*
    };
}
small!(f32 f64);

fn remainder<T: Small>(i: usize, modulus: usize) -> T {
    T::of((i % modulus) as i16 - (modulus / 2) as i16)
}

fn product<T: Small>(bench: &Bench, workers: usize, name: &str, size: Size) -> Row {
    let [rows, inner, columns] = size;
    let (engine, pool) = (engine(workers), pool(workers));
    let a = engine.from_fn((rows, inner), |(i, j)| remainder::<T>(i * inner + j, 11));
    let b = engine.from_fn((inner, columns), |(i, j)| remainder::<T>(i * columns + j, 13));
    let (a, b) = (a.expect("memory"), b.expect("memory"));
    let mut c = engine.zeros::<T, _>((rows, columns)).expect("memory");
    let (their_a, their_b) = (a.as_slice().to_vec(), b.as_slice().to_vec());
    let mut their_c = c.as_slice().to_vec();
    engine.run(&MatMul::new(), (&a, &b, &mut c)).expect("runs");
    let weighted = c.as_slice().iter().enumerate().map(|(i, c)| c.to_f64() * (i % 13) as f64);
    let expected = Some(weighted.sum());
    let peer = openmp::blas_side("OpenBLAS", workers, name, &size);
    let mut sides = vec![
        timed("ours", || engine.run(&MatMul::new(), (&a, &b, &mut c)).expect("runs")),
        timed("faer, rayon", || {
            pool.install(|| {
                let c = MatMut::from_row_major_slice_mut(&mut their_c, rows, columns);
                let a = MatRef::from_row_major_slice(&their_a, rows, inner);
                let b = MatRef::from_row_major_slice(&their_b, inner, columns);
                matmul(c, Accum::Replace, a, b, T::of(1), Par::rayon(workers));
            });
        }),
    ];
    sides.extend(peer.map(|peer| peer.checked(expected)));
    let title = format!("{name} {rows}x{inner}x{columns}");
    let unit = Unit::GigaflopsPerSecond(2.0 * (rows * inner * columns) as f64);
    let row = bench.compare(&title, workers, unit, Some(0.95), sides);
    assert!(c.as_slice() == their_c, "faer's product differs");
    row
}
