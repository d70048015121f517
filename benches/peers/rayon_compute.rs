//! The rayon peers of `compute`: the methods of the stock kernels as one writes them for slices,
//! compiled for wider vectors too.

use gristmill_kernels::elementary::{exp, ln, normal_cdf_pair, rsqrt};
use multiversion::multiversion;
use rayon::prelude::*;

/// Coordinates of a point.
pub(crate) const AXES: usize = 16;

/// Points that are compared with centres side by side, and bodies that are attracted.
const POINTS: usize = 8;
const BODIES: usize = 16;
type Lanes = [f64; BODIES];

/// Lloyd's algorithm; gives the sum of squared distances.
pub(crate) fn kmeans(points: &[f64], first: &[f64], iterations: usize) -> f64 {
    const PIECE: usize = 4096 * AXES;
    let mut centres = first.to_vec();
    let zeros = vec![0.0; centres.len() / AXES * (AXES + 1)];
    for _ in 0..iterations {
        let of_piece = |mut sums: Vec<f64>, piece: &[f64]| {
            for block in piece.chunks(POINTS * AXES) {
                let (nearest, _) = nearest(block, &centres);
                for (point, nearest) in block.chunks_exact(AXES).zip(nearest) {
                    let sum = &mut sums[nearest as usize * (AXES + 1)..][..AXES + 1];
                    sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
                    sum[AXES] += 1.0;
                }
            }
            sums
        };
        let add = |mut left: Vec<f64>, right: Vec<f64>| {
            left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
            left
        };
        let pieces = points.par_chunks(PIECE);
        let sums = pieces.fold(|| zeros.clone(), of_piece).reduce(|| zeros.clone(), add);
        for (centre, sum) in centres.chunks_exact_mut(AXES).zip(sums.chunks_exact(AXES + 1)) {
            if sum[AXES] > 0.0 {
                centre.iter_mut().zip(sum).for_each(|(x, total)| *x = total / sum[AXES]);
            }
        }
    }
    let pieces = points.par_chunks(PIECE);
    let of_block = |block: &[f64]| {
        let squares = nearest(block, &centres).1;
        squares[..block.len() / AXES].iter().sum::<f64>()
    };
    pieces.map(|piece| piece.chunks(POINTS * AXES).map(of_block).sum::<f64>()).sum()
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn nearest(block: &[f64], centres: &[f64]) -> ([u64; POINTS], [f64; POINTS]) {
    const AT_ONCE: usize = 4;
    let mut across = [[0.0; POINTS]; AXES];
    for (lane, point) in block.chunks_exact(AXES).enumerate() {
        across.iter_mut().zip(point).for_each(|(across, x)| across[lane] = *x);
    }
    let (mut labels, mut best) = ([0; POINTS], [f64::INFINITY; POINTS]);
    let mut all = [[[0.0; POINTS]; AT_ONCE]; 16];
    for (centres, squares) in centres.chunks_exact(AT_ONCE * AXES).zip(&mut all) {
        let mut sums = [[0.0; POINTS]; AT_ONCE];
        for axis in 0..AXES {
            for centre in 0..AT_ONCE {
                for lane in 0..POINTS {
                    let distance = across[axis][lane] - centres[centre * AXES + axis];
                    sums[centre][lane] = distance.mul_add(distance, sums[centre][lane]);
                }
            }
        }
        *squares = sums;
    }
    let count = centres.len() / AXES;
    for (number, squares) in all.as_flattened()[..count].iter().enumerate() {
        for lane in 0..POINTS {
            let (new, old) = (squares[lane], best[lane]);
            let nearer = u64::from(new < old).wrapping_neg();
            labels[lane] = (number as u64 & nearer) | (labels[lane] & !nearer);
            best[lane] = if new < old { new } else { old };
        }
    }
    (labels, best)
}

/// Bodies that attract each other; rows for x, y and z.
pub(crate) struct Bodies<'a> {
    masses: &'a [f64],
    softening: f64,
    x: [Vec<f64>; 3],
    v: [Vec<f64>; 3],
    a: [Vec<f64>; 3],
}

impl<'a> Bodies<'a> {
    pub(crate) fn new(masses: &'a [f64], x: &[f64], softening: f64) -> Bodies<'a> {
        let n = masses.len();
        let x = std::array::from_fn(|axis| x[axis * n..][..n].to_vec());
        let [v, a] = [(); 2].map(|()| [(); 3].map(|()| vec![0.0; n]));
        Bodies { masses, softening, x, v, a }
    }

    pub(crate) fn leapfrog(&mut self, step: f64, steps: usize) {
        self.accelerate();
        for _ in 0..steps {
            add(&mut self.v, 0.5 * step, &self.a);
            add(&mut self.x, step, &self.v);
            self.accelerate();
            add(&mut self.v, 0.5 * step, &self.a);
        }
    }

    pub(crate) fn squared_speeds(&self) -> f64 {
        self.v.iter().flatten().map(|v| v * v).sum()
    }

    fn accelerate(&mut self) {
        let [ax, ay, az] = self.a.each_mut().map(|a| a.par_chunks_exact_mut(BODIES));
        let (masses, x, softening) = (self.masses, &self.x, self.softening);
        ax.zip(ay).zip(az).enumerate().for_each(|(block, ((ax, ay), az))| {
            let at =
                x.each_ref().map(|x| *x[block * BODIES..].first_chunk().expect("whole blocks"));
            let pull = attraction(masses, x, at, softening);
            [ax, ay, az].iter_mut().zip(pull).for_each(|(a, pull)| a.copy_from_slice(&pull));
        });
    }
}

fn add(to: &mut [Vec<f64>; 3], factor: f64, from: &[Vec<f64>; 3]) {
    to.par_iter_mut().zip(from).for_each(|(to, from)| {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
    });
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn attraction(masses: &[f64], x: &[Vec<f64>; 3], at: [Lanes; 3], softening: f64) -> [Lanes; 3] {
    let mut pull = [[0.0; BODIES]; 3];
    for (((mass, x), y), z) in masses.iter().zip(&x[0]).zip(&x[1]).zip(&x[2]) {
        for lane in 0..BODIES {
            let (dx, dy, dz) = (x - at[0][lane], y - at[1][lane], z - at[2][lane]);
            let near = rsqrt(dx.mul_add(dx, dy.mul_add(dy, dz.mul_add(dz, softening))));
            let weight = mass * near * (near * near);
            pull[0][lane] = dx.mul_add(weight, pull[0][lane]);
            pull[1][lane] = dy.mul_add(weight, pull[1][lane]);
            pull[2][lane] = dz.mul_add(weight, pull[2][lane]);
        }
    }
    pull
}

/// The escape times of a row of `side`, over [-2, 0.5] and [-1.25, 1.25].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(crate) fn escape_times(row: usize, side: usize, steps_max: u32, times: &mut [u32]) {
    const WIDTH: usize = 32;
    let middle = |low: f64, cell: usize| low + (cell as f64 + 0.5) * 2.5 / side as f64;
    let (blocks, _) = times.as_chunks_mut::<WIDTH>();
    for (block, times) in blocks.iter_mut().enumerate() {
        let cx = std::array::from_fn(|lane| middle(-2.0, block * WIDTH + lane));
        escape([cx, [middle(-1.25, row); WIDTH]], steps_max, times);
    }
}

/// A step of points side by side.
#[inline(always)]
fn step<const N: usize>([x, y]: &mut [[f64; N]; 2], c: &[[f64; N]; 2]) {
    for i in 0..N {
        let (old, height) = (x[i], y[i]);
        x[i] = height.mul_add(-height, old.mul_add(old, c[0][i]));
        y[i] = (old + old).mul_add(height, c[1][i]);
    }
}

/// In batches of eight steps, each repeated with a look after each step if a point may have left
/// the disc in it.
#[inline(always)]
fn escape<const N: usize>(mut c: [[f64; N]; 2], max: u32, times: &mut [u32; N]) {
    const BATCH: u32 = 8;
    let mut z = [[0.0; N]; 2];
    times.fill(max);
    let (mut done, mut left) = (0, N as u64);
    while done < max && left > 0 {
        let before = z;
        (0..BATCH).for_each(|_| step(&mut z, &c));
        let mut all_inside = true;
        for (x, y) in z[0].iter().zip(&z[1]) {
            all_inside &= x.mul_add(*x, y * y) < 3.99;
        }
        if all_inside {
            done += BATCH;
            continue;
        }
        z = before;
        let (mut inside, mut steps) = ([1u64; N], [0u64; N]);
        for _ in 0..BATCH.min(max - done) {
            step(&mut z, &c);
            for i in 0..N {
                let square = z[0][i].mul_add(z[0][i], z[1][i] * z[1][i]);
                inside[i] = if square <= 4.0 { inside[i] } else { 0 };
                steps[i] += inside[i];
            }
        }
        for i in 0..N {
            if inside[i] == 0 {
                times[i] = done + steps[i] as u32;
                (z[0][i], z[1][i], c[0][i], c[1][i]) = (0.0, 0.0, 0.0, 0.0);
            }
            left -= 1 - inside[i];
        }
        done += BATCH;
    }
}

/// Prices of calls and puts.
pub(crate) fn prices(
    market: [f64; 2],
    [stock, strike, years]: [&Vec<f64>; 3],
    (call, put): (&mut [f64], &mut [f64]),
) {
    const PIECE: usize = 32 << 10;
    let inputs = stock.par_chunks(PIECE).zip(strike.par_chunks(PIECE));
    let inputs = inputs.zip(years.par_chunks(PIECE));
    let outputs = call.par_chunks_mut(PIECE).zip(put.par_chunks_mut(PIECE));
    inputs.zip(outputs).for_each(|(((stock, strike), years), (call, put))| {
        piece_prices(market, [stock, strike, years], [call, put]);
    });
}

/// Stage by stage, in blocks that stay in the nearest cache.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn piece_prices([rate, volatility]: [f64; 2], inputs: [&[f64]; 3], [call, put]: [&mut [f64]; 2]) {
    const BLOCK: usize = 64;
    let [stock, strike, years] = inputs.map(|input| input.as_chunks::<BLOCK>().0);
    let call = call.as_chunks_mut::<BLOCK>().0;
    let put = put.as_chunks_mut::<BLOCK>().0;
    let drift = (0.5 * volatility).mul_add(volatility, rate);
    let [mut logarithm, mut d1, mut d2, mut paid] = [[0.0; BLOCK]; 4];
    for block in 0..call.len() {
        let (stock, strike, years) = (&stock[block], &strike[block], &years[block]);
        let (call, put) = (&mut call[block], &mut put[block]);
        for i in 0..BLOCK {
            logarithm[i] = ln(stock[i] / strike[i]);
        }
        for i in 0..BLOCK {
            let deviation = volatility * years[i].sqrt();
            d1[i] = drift.mul_add(years[i], logarithm[i]) / deviation;
            d2[i] = d1[i] - deviation;
        }
        for i in 0..BLOCK {
            paid[i] = strike[i] * exp(-rate * years[i]);
        }
        for i in 0..BLOCK {
            let [held, not] = normal_cdf_pair(d1[i]);
            (call[i], put[i]) = (stock[i] * held, stock[i] * not);
        }
        for i in 0..BLOCK {
            let [due, not] = normal_cdf_pair(d2[i]);
            call[i] = paid[i].mul_add(-due, call[i]);
            put[i] = paid[i].mul_add(not, -put[i]);
        }
    }
}
