//! The Mandelbrot set by escape times.

use gristmill::{Chunk, Kernel, Out, Shapes};
use multiversion::{multiversion, target::match_target};
use ndarray::{ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};

/// Escape times of z -> z^2 + c over a rectangle of the complex plane.
///
/// The array, `u32`, is the picture: its columns divide the real range into as many equal cells,
/// its rows the imaginary one, and c is the middle of a cell. Row 0 holds the least imaginary part
/// (the set is its own mirror image). Beginning with z = 0, an element becomes the number of steps
/// after which z still lies in the disc of radius 2, so 0 where c itself lies outside, and
/// `steps_max` where z has not left it in as many steps: those points may belong to the set.
///
/// Each step takes four roundings, by fused multiply-add: the real part is
/// `fma(-y, y, fma(x, x, re c))`, the imaginary one `fma(x + x, y, im c)`, and the square of the
/// distance `fma(x, x, y * y)`. So the bits are the same on every CPU; those without a fused
/// multiply-add are slow at it.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Mandelbrot;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut steps = engine.zeros((3, 5))?;
/// let set = Mandelbrot { real: [-2.5, 2.5], imaginary: [-1.5, 1.5], steps_max: 100 };
/// engine.run(&set, &mut steps)?;
/// // In the middle row c is -2, -1, 0, 1 and 2.
/// assert_eq!(steps.as_slice()[5..10], [100, 100, 100, 2, 1]);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`Error::Refused`](gristmill::Error::Refused) if an end of the rectangle is not finite or not
/// the lesser one.
///
/// Source: B. Mandelbrot, "Fractal aspects of the iteration of z -> l z (1 - z) for complex l and
/// z", Annals of the New York Academy of Sciences 357, 1980.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Mandelbrot {
    /// Ends of the range of real parts.
    pub real: [f64; 2],
    /// Ends of the range of imaginary parts.
    pub imaginary: [f64; 2],
    /// Steps at most.
    pub steps_max: u32,
}

impl Kernel for Mandelbrot {
    type Args = Out<u32, Ix2>;
    type Output = ();

    fn run(&self, chunk: Chunk, mut steps: ArrayViewMut2<'_, u32>) {
        for (row, mut steps) in chunk.range().zip(steps.rows_mut()) {
            let steps = steps.as_slice_mut().expect("rows are contiguous");
            let y = middle(self.imaginary, row, chunk.extent());
            escape_times(self.real, y, self.steps_max, steps);
        }
    }

    /// Rows differ much in work, so chunks are small.
    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.grain(1024, 128)
    }

    fn check(&self, _: &Shapes) -> Result<(), String> {
        for (name, [low, high]) in [("real", self.real), ("imaginary", self.imaginary)] {
            if !(low < high && (high - low).is_finite()) {
                return Err(format!(
                    "the {name} range [{low}, {high}] must be finite, and its lower end the \
                     lesser one"
                ));
            }
        }
        Ok(())
    }
}

/// The middle of cell `cell` of `cells` equal ones.
fn middle([low, high]: [f64; 2], cell: usize, cells: usize) -> f64 {
    low + (cell as f64 + 0.5) * (high - low) / cells as f64
}

/// Steps that are made without a look at whether a point has left the disc.
const BATCH: u32 = 8;
/// A point whose squared distance is below this has been in the disc throughout the batch. Outside,
/// the distance beyond 2 grows at least fourfold in each step but for its rounding, which cannot
/// bring a point farther back than some 1e-15, or 1e-10 once that has grown for a batch.
const SURELY_INSIDE: f64 = 3.99;

/// Points that are iterated side by side.
#[derive(Clone, Copy)]
struct Points<const LANES: usize> {
    x: [f64; LANES],
    y: [f64; LANES],
}

impl<const LANES: usize> Points<LANES> {
    const ZERO: Self = Points { x: [0.0; LANES], y: [0.0; LANES] };

    #[inline(always)]
    fn step(&mut self, c: &Self) {
        for lane in 0..LANES {
            let (x, y) = (self.x[lane], self.y[lane]);
            self.x[lane] = y.mul_add(-y, x.mul_add(x, c.x[lane]));
            self.y[lane] = (x + x).mul_add(y, c.y[lane]);
        }
    }

    /// The square of a point's distance from 0.
    #[inline(always)]
    fn square(&self, lane: usize) -> f64 {
        self.x[lane].mul_add(self.x[lane], self.y[lane] * self.y[lane])
    }

    #[inline(always)]
    fn surely_inside(&self) -> bool {
        (0..LANES).fold(true, |inside, lane| inside & (self.square(lane) < SURELY_INSIDE))
    }
}

/// The escape times of a row of points, all with imaginary part `y`.
///
/// As many points are iterated side by side as the registers hold: enough to hide the latency of the
/// operations.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn escape_times(real: [f64; 2], y: f64, steps_max: u32, row: &mut [u32]) {
    match_target! {
        "x86_64+avx512f+avx512vl" => blocks::<32>(real, y, steps_max, row),
        _ => blocks::<16>(real, y, steps_max, row),
    }
}

#[inline(always)]
fn blocks<const LANES: usize>(real: [f64; 2], y: f64, steps_max: u32, row: &mut [u32]) {
    let cells = row.len();
    for (block, times) in row.chunks_mut(LANES).enumerate() {
        let x = std::array::from_fn(|lane| middle(real, block * LANES + lane, cells));
        let mut c = Points { x, y: [y; LANES] };
        // Lanes that stand for no point stay in the set, as do those that have escaped.
        let mut all = [steps_max; LANES];
        for lane in times.len()..LANES {
            (c.x[lane], c.y[lane]) = (0.0, 0.0);
        }
        escape(c, steps_max, times.len() as u64, &mut all);
        times.copy_from_slice(&all[..times.len()]);
    }
}

/// Iterates points until all `left` of them have escaped or `steps_max` steps are made. `times`
/// must hold `steps_max`.
///
/// A batch of steps is made without looking. If some point may have escaped in it, the batch is
/// made again, with a look after each step.
#[inline(always)]
fn escape<const LANES: usize>(
    mut c: Points<LANES>,
    steps_max: u32,
    mut left: u64,
    times: &mut [u32; LANES],
) {
    let mut points = Points::ZERO;
    let mut done = 0;
    while done < steps_max && left > 0 {
        let batch = BATCH.min(steps_max - done);
        let before = points;
        if batch == BATCH {
            (0..BATCH).for_each(|_| points.step(&c));
            if points.surely_inside() {
                done += batch;
                continue;
            }
        }
        points = before;
        // 1 as long as a point is in the disc, and how many steps that was.
        let (mut inside, mut steps) = ([1u64; LANES], [0u64; LANES]);
        for _ in 0..batch {
            points.step(&c);
            for lane in 0..LANES {
                // False also for NaN, which may be all that is left of a point that overflows.
                inside[lane] = if points.square(lane) <= 4.0 { inside[lane] } else { 0 };
                steps[lane] += inside[lane];
            }
        }
        for lane in 0..LANES {
            if inside[lane] == 0 {
                times[lane] = done + steps[lane] as u32;
                (points.x[lane], points.y[lane]) = (0.0, 0.0);
                (c.x[lane], c.y[lane]) = (0.0, 0.0);
            }
            left -= 1 - inside[lane];
        }
        done += batch;
    }
}
