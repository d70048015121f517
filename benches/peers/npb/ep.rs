//! EP with rayon, as the reference does it: a batch of numbers is drawn, then its pairs are gone
//! through.

use super::rows;
use crate::measure::{Bench, Row, timed};
use crate::openmp;
use crate::pool;
use gristmill_kernels::npb::{Ep, Lcg};
use rayon::prelude::*;

const BATCH: usize = 1 << 16;
const ANNULI: usize = 10;

/// Sums and counts.
#[derive(Clone, Default)]
struct Deviates {
    x: f64,
    y: f64,
    annuli: [u64; ANNULI],
}

impl Deviates {
    fn and(mut self, other: Deviates) -> Deviates {
        self.x += other.x;
        self.y += other.y;
        self.annuli.iter_mut().zip(other.annuli).for_each(|(own, other)| *own += other);
        self
    }

    fn take(&mut self, batch: u64, numbers: &mut [f64]) {
        let mut random = Lcg::new(271_828_183);
        random.skip(2 * BATCH as u64 * batch);
        numbers.iter_mut().for_each(|number| *number = random.uniform());
        for pair in numbers.as_chunks::<2>().0 {
            let [x, y] = pair.map(|number| 2.0 * number - 1.0);
            let t = x * x + y * y;
            if t <= 1.0 {
                let factor = (-2.0 * t.ln() / t).sqrt();
                let (x, y) = (x * factor, y * factor);
                self.annuli[x.abs().max(y.abs()) as usize] += 1;
                self.x += x;
                self.y += y;
            }
        }
    }
}

/// Of 2^m pairs, within the pool that it is called in.
fn deviates(m: u32) -> Deviates {
    let start = || (Deviates::default(), vec![0.0; 2 * BATCH]);
    let parts = (0..1u64 << m >> BATCH.trailing_zeros()).into_par_iter();
    let parts = parts.fold(start, |(mut own, mut numbers), batch| {
        own.take(batch, &mut numbers);
        (own, numbers)
    });
    parts.map(|(own, _)| own).reduce(Deviates::default, Deviates::and)
}

pub(crate) fn ep(bench: &Bench) -> Vec<Row> {
    rows(bench, "npb_ep", 3.0, |problem: &Ep, workers| {
        let Ep { m, sum_x, sum_y, .. } = *problem;
        let pool = pool(workers);
        let rayon = timed("rayon", move || {
            let found = pool.install(|| deviates(m));
            for (found, published) in [(found.x, sum_x), (found.y, sum_y)] {
                assert!(((found - published) / published).abs() <= 1e-8, "{found} {published}");
            }
        });
        let peer = openmp::checked_side(workers, "npb_ep", &[m as usize], Some(sum_x + sum_y));
        std::iter::once(rayon).chain(peer).collect()
    })
}
