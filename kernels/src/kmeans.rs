//! Clusters of points, by Lloyd's algorithm.

use gristmill::{
    Add, Array, Chunk, Engine, Error, In, InOut, Kernel, Merge, Out, Result, Shapes, Sum, Whole,
};
use multiversion::multiversion;
use ndarray::{ArrayView2, ArrayViewMut2, Ix1, Ix2};
use serde::{Deserialize, Serialize};

/// How a run of [`kmeans`] ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clustering {
    /// How often the centres were moved.
    pub iterations: u64,
    /// The sum of the squared distances by which they were moved last; infinity if never.
    pub shift: f64,
    /// The sum of the squared distances of points to their centres.
    pub inertia: f64,
}

/// Finds clusters: every point belongs to the nearest centre, and every centre moves to the mean
/// of its points, until the squared distances by which the centres move add up to `tolerance` or
/// less, or until they have moved `iterations_max` times. The workers run the whole loop by
/// themselves.
///
/// Arrays: `points`, n x d; `centres`, k x d, which holds where to begin (some of the points, say)
/// and then the centres found; `labels`, n, which becomes the number of each point's centre. Labels
/// and inertia belong to the centres that are returned. Of centres that are equally near a point
/// takes the first. A centre to which no point belongs stays where it is. Points and centres must
/// be finite: a point from which no distance is finite is counted to centre 0, and makes the
/// inertia infinite.
///
/// A squared distance is added up from the first coordinate to the last, by fused multiply-adds.
/// The sums of points are those of the engine's groups ([`Merge`]). So the bits are the same for
/// any number of workers and on every CPU; those without a fused multiply-add are slow at it.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::kmeans;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let points = ndarray::arr2(&[[0.0, 0.0], [8.0, 8.0], [0.0, 2.0], [8.0, 6.0]]);
/// let points = engine.array_from(&points)?;
/// let mut centres = engine.array_from(&ndarray::arr2(&[[0.0, 0.0], [8.0, 8.0]]))?;
/// let mut labels = engine.zeros(4)?;
/// let found = kmeans(&engine, &points, &mut centres, &mut labels, 0.0, 100)?;
/// assert_eq!(centres.view(), ndarray::arr2(&[[0.0, 1.0], [8.0, 7.0]]));
/// assert_eq!(labels.as_slice(), [0, 1, 0, 1]);
/// // It moves them once, and then by nothing.
/// assert_eq!((found.iterations, found.shift, found.inertia), (2, 0.0, 4.0));
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`Engine::run`]; [`Error::Refused`] if points or centres have no coordinates or not as many,
/// if there is no centre, or 2^32 or more, or if the tolerance is negative or NaN;
/// [`Error::Shape`] where there are not as many labels as points; [`Error::OutOfMemory`] for the
/// sums.
///
/// Source: S. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory
/// 28, 1982.
pub fn kmeans(
    engine: &Engine,
    points: &Array<f64, Ix2>,
    centres: &mut Array<f64, Ix2>,
    labels: &mut Array<u32, Ix1>,
    tolerance: f64,
    iterations_max: u64,
) -> Result<Clustering> {
    if tolerance.is_nan() || tolerance < 0.0 {
        let reason = format!("a tolerance of {tolerance} is not 0 or more");
        return Err(Error::Refused { kernel: "kmeans".into(), reason });
    }
    if iterations_max == 0 {
        let inertia = engine.run(&Label, (points, &*centres, labels))?;
        return Ok(Clustering { iterations: 0, shift: f64::INFINITY, inertia });
    }
    let (clusters, axes) = centres.dim();
    let mut sums = engine.zeros((clusters, axes + 1))?;
    let (iterations, shift, inertia) = engine.plan(|p| {
        let (points, mut centres) = (p.read(points), p.write(centres));
        let (mut labels, mut sums) = (p.write(labels), p.write(&mut sums));
        let (iterations, shift) = p.repeat(iterations_max, |p| {
            p.step(&SumNearest, (&points, &centres, &mut sums));
            let shift = p.step(&MoveToMean, (&sums, &mut centres));
            p.until((shift, tolerance), |(shift, tolerance)| shift <= tolerance);
            shift
        });
        let inertia = p.step(&Label, (&points, &centres, &mut labels));
        (iterations, shift, inertia)
    })?;
    Ok(Clustering { iterations, shift, inertia })
}

/// Refuses points and centres that do not fit together.
fn check_centres(points: &[usize], centres: &[usize]) -> Result<(), String> {
    if points[1] != centres[1] {
        return Err(format!(
            "points have {} coordinates and centres {}: they need as many",
            points[1], centres[1]
        ));
    }
    if points[1] == 0 {
        return Err("points without coordinates have no clusters".into());
    }
    if centres[0] == 0 || u32::try_from(centres[0]).is_err() {
        return Err(format!("there must be 1 to 2^32 - 1 centres, not {}", centres[0]));
    }
    Ok(())
}

/// For each centre the sum of the points to which it is the nearest, and then their number.
#[derive(Debug, Serialize, Deserialize)]
struct SumNearest;

impl Kernel for SumNearest {
    type Args = (In<f64, Ix2>, Whole<f64, Ix2>, Merge<f64, Add>);
    type Output = ();

    fn run(
        &self,
        _: Chunk,
        (points, centres, sums): (ArrayView2<f64>, ArrayView2<f64>, &mut [f64]),
    ) {
        let axes = centres.ncols();
        for_nearest(&points, &centres, |point, nearest, _| {
            let sum = &mut sums[nearest * (axes + 1)..][..axes + 1];
            sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
            sum[axes] += 1.0;
        });
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        check_centres(shapes.of(0), shapes.of(1))
    }
}

/// Moves the centres to the means of their points; yields the sum of the squares of their moves.
#[derive(Debug, Serialize, Deserialize)]
struct MoveToMean;

impl Kernel for MoveToMean {
    type Args = (In<f64, Ix2>, InOut<f64, Ix2>);
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, (sums, mut centres): (ArrayView2<f64>, ArrayViewMut2<f64>)) -> f64 {
        let mut shift = 0.0;
        for (sum, mut centre) in sums.rows().into_iter().zip(centres.rows_mut()) {
            let count = sum[centre.len()];
            if count == 0.0 {
                continue;
            }
            for (x, sum) in centre.iter_mut().zip(sum) {
                let mean = sum / count;
                shift += (mean - *x) * (mean - *x);
                *x = mean;
            }
        }
        shift
    }
}

/// The number of each point's centre; yields the sum of squared distances.
#[derive(Debug, Serialize, Deserialize)]
struct Label;

impl Kernel for Label {
    type Args = (In<f64, Ix2>, Whole<f64, Ix2>, Out<u32>);
    type Output = Sum<f64>;

    fn run(
        &self,
        _: Chunk,
        (points, centres, labels): (ArrayView2<f64>, ArrayView2<f64>, &mut [u32]),
    ) -> f64 {
        let mut labels = labels.iter_mut();
        let mut inertia = 0.0;
        for_nearest(&points, &centres, |_, nearest, square| {
            if let Some(label) = labels.next() {
                *label = nearest as u32;
            }
            inertia += square;
        });
        inertia
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        check_centres(shapes.of(0), shapes.of(1))
    }
}

/// Points that are compared with centres at once, and centres that are compared with them.
const LANES: usize = 8;
const CENTRES: usize = 4;

/// Calls `take` with each point in turn, the number of its nearest centre, and the square of their
/// distance.
fn for_nearest(
    points: &ArrayView2<'_, f64>,
    centres: &ArrayView2<'_, f64>,
    mut take: impl FnMut(&[f64], usize, f64),
) {
    let axes = centres.ncols();
    let slices = points.as_slice().zip(centres.as_slice());
    let (points, all) = slices.expect("arrays are in C order");
    let mut across = vec![[0.0; LANES]; axes];
    let mut squares = vec![[0.0; LANES]; centres.nrows()];
    for block in points.chunks(LANES * axes) {
        turn(block, &mut across);
        let near = nearest(&across, all, &mut squares);
        for (lane, point) in block.chunks_exact(axes).enumerate() {
            take(point, near.centres[lane] as usize, near.squares[lane]);
        }
    }
}

/// Puts the points of a block side by side, axis by axis.
fn turn(block: &[f64], across: &mut [[f64; LANES]]) {
    let axes = across.len();
    if block.len() == LANES * axes {
        let points: [&[f64]; LANES] = std::array::from_fn(|lane| &block[lane * axes..][..axes]);
        for (axis, across) in across.iter_mut().enumerate() {
            for lane in 0..LANES {
                across[lane] = points[lane][axis];
            }
        }
        return;
    }
    for (lane, point) in block.chunks_exact(axes).enumerate() {
        across.iter_mut().zip(point).for_each(|(across, x)| across[lane] = *x);
    }
}

/// Of points side by side: the nearest centre and the squared distance.
struct Nearest {
    centres: [u64; LANES],
    squares: [f64; LANES],
}

/// The nearest centres of the points of which `points` holds each coordinate, side by side.
/// `squares` has room for all distances: what is stored there keeps compilers to whole vectors.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn nearest(points: &[[f64; LANES]], centres: &[f64], squares: &mut [[f64; LANES]]) -> Nearest {
    let axes = points.len();
    let mut several = centres.chunks_exact(CENTRES * axes);
    let (squares_of_several, squares_of_rest) = squares.as_chunks_mut::<CENTRES>();
    for (several, squares) in (&mut several).zip(squares_of_several) {
        // Side by side, to hide the latency of additions and to load each coordinate once.
        let (a, rest) = several.split_at(axes);
        let (b, rest) = rest.split_at(axes);
        let (c, d) = rest.split_at(axes);
        let mut sums = [[0.0; LANES]; CENTRES];
        for ((((x, a), b), c), d) in points.iter().zip(a).zip(b).zip(c).zip(d) {
            let at = [*a, *b, *c, *d];
            for centre in 0..CENTRES {
                for lane in 0..LANES {
                    let distance = x[lane] - at[centre];
                    sums[centre][lane] = distance.mul_add(distance, sums[centre][lane]);
                }
            }
        }
        *squares = sums;
    }
    for (centre, squares) in several.remainder().chunks_exact(axes).zip(squares_of_rest) {
        let mut sums = [0.0; LANES];
        for (x, centre) in points.iter().zip(centre) {
            for lane in 0..LANES {
                let distance = x[lane] - centre;
                sums[lane] = distance.mul_add(distance, sums[lane]);
            }
        }
        *squares = sums;
    }
    least(squares)
}

/// The first of the least, lane by lane.
#[inline(always)]
fn least(squares: &[[f64; LANES]]) -> Nearest {
    let mut near = Nearest { centres: [0; LANES], squares: [f64::INFINITY; LANES] };
    for (number, squares) in squares.iter().enumerate() {
        for (lane, &new) in squares.iter().enumerate() {
            let old = near.squares[lane];
            // A mask, where a condition would become a branch.
            let nearer = u64::from(new < old).wrapping_neg();
            near.centres[lane] = (number as u64 & nearer) | (near.centres[lane] & !nearer);
            near.squares[lane] = if new < old { new } else { old };
        }
    }
    near
}
