//! CG with rayon, as the reference does it: the matrix row by row, and a pass over the vectors for each
//! product, sum and update.

use super::rows;
use crate::measure::{Bench, Row, timed};
use crate::openmp;
use crate::pool;
use gristmill_kernels::npb::{Cg, SparseMatrix, makea};
use rayon::prelude::*;

/// Rows and elements at least that a task is worth.
const ROWS: usize = 128;
const ELEMENTS: usize = 4096;

/// The vectors of the search.
struct Search {
    matrix: SparseMatrix,
    x: Vec<f64>,
    z: Vec<f64>,
    p: Vec<f64>,
    q: Vec<f64>,
    r: Vec<f64>,
}

fn product(matrix: &SparseMatrix, x: &[f64], y: &mut [f64]) {
    let rows = y.par_iter_mut().zip(matrix.starts.par_windows(2)).with_min_len(ROWS);
    rows.for_each(|(y, row)| {
        let row = row[0]..row[1];
        let elements = matrix.values[row.clone()].iter().zip(&matrix.columns[row]);
        *y = elements.map(|(value, column)| value * x[*column as usize]).sum();
    });
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.par_iter().zip(y).with_min_len(ELEMENTS).map(|(x, y)| x * y).sum()
}

impl Search {
    fn new(matrix: SparseMatrix) -> Search {
        let vector = || vec![0.0; matrix.starts.len() - 1];
        let (x, z, p, q, r) = (vector(), vector(), vector(), vector(), vector());
        Search { matrix, x, z, p, q, r }
    }

    /// Steps towards A z = x; gives the residual's norm.
    fn conjugate_gradients(&mut self) -> f64 {
        const STEPS: usize = 25;
        let Search { matrix, x, z, p, q, r } = self;
        z.fill(0.0);
        r.copy_from_slice(x);
        p.copy_from_slice(x);
        let mut rho = dot(r, r);
        for _ in 0..STEPS {
            product(matrix, p, q);
            let alpha = rho / dot(p, q);
            let updates = z.par_iter_mut().zip(r.par_iter_mut()).zip(p.par_iter().zip(&*q));
            let squares = updates.with_min_len(ELEMENTS).map(|((z, r), (p, q))| {
                *z += alpha * p;
                *r -= alpha * q;
                *r * *r
            });
            let before = std::mem::replace(&mut rho, squares.sum());
            let beta = rho / before;
            let updates = p.par_iter_mut().zip(&*r).with_min_len(ELEMENTS);
            updates.for_each(|(p, r)| *p = r + beta * *p);
        }
        product(matrix, z, r);
        let pairs = x.par_iter().zip(&*r).with_min_len(ELEMENTS);
        pairs.map(|(x, r)| (x - r) * (x - r)).sum::<f64>().sqrt()
    }

    /// Within the pool that it is called in; gives zeta.
    fn iterate(&mut self, shift: f64, iterations: u64) -> f64 {
        self.x.fill(1.0);
        let mut zeta = 0.0;
        for _ in 0..iterations {
            std::hint::black_box(self.conjugate_gradients());
            zeta = shift + 1.0 / dot(&self.x, &self.z);
            let by = 1.0 / dot(&self.z, &self.z).sqrt();
            let pairs = self.x.par_iter_mut().zip(&self.z).with_min_len(ELEMENTS);
            pairs.for_each(|(x, z)| *x = by * z);
        }
        zeta
    }
}

pub(crate) fn cg(bench: &Bench) -> Vec<Row> {
    rows(bench, "npb_cg", 1.3, |problem: &Cg, workers| {
        let Cg { n, nonzer, iterations, shift, zeta, .. } = *problem;
        let (pool, mut search) = (pool(workers), Search::new(makea(n, nonzer, shift)));
        let rayon = timed("rayon", move || {
            let found = pool.install(|| search.iterate(shift, iterations));
            assert!(((found - zeta) / zeta).abs() <= 1e-10, "{found} {zeta}");
        });
        let sizes = [n, nonzer, iterations as usize, shift as usize];
        let peer = openmp::checked_side(workers, "npb_cg", &sizes, Some(zeta));
        std::iter::once(rayon).chain(peer).collect()
    })
}
