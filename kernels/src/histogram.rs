//! Counting values in equal bins.

use crate::arithmetic::Real;
use crate::grain::cheap_grain;
use bytemuck::{Pod, Zeroable};
use gristmill::{Add, Chunk, In, Kernel, Merge, Reduce, Shapes};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Counts of equal bins over a range; what lies outside is counted apart.
///
/// Bin i begins at `edge(i) = lo + i * (hi - lo) / bins`, computed in `f64` from left to right but
/// for `edge(0) = lo` and `edge(bins) = hi`. It holds `edge(i) <= x < edge(i + 1)`; the last bin
/// holds `x = hi` too. This is exact: a value on an edge belongs to the upper bin, whatever the
/// rounding of the division that finds its bin.
///
/// Arrays: the values, of any type in [`Real`], and the counts, `u64`, one per bin. They are
/// merged exactly, so they are the same for any number of workers. An array that was counted into
/// before is begun anew.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Histogram;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.array_from(&ndarray::arr1(&[0.0, 0.3, 0.5, 1.0, 1.5, f64::NAN]))?;
/// let mut counts = engine.zeros(2)?;
/// let outside = engine.run(&Histogram::new(2, [0.0, 1.0]), (&x, &mut counts))?;
/// assert_eq!(counts.as_slice(), [2, 2]);
/// assert_eq!((outside.below, outside.above, outside.nan), (0, 1, 1));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Histogram<T> {
    /// Number of bins, at least 1.
    pub bins: usize,
    /// Lower and upper end; finite, and the lower one less. Their difference times the number of
    /// bins must be finite too, as edges are computed by it.
    pub range: [f64; 2],
    #[serde(skip)]
    element: PhantomData<fn() -> T>,
}

/// How many values lie in no bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable, Serialize, Deserialize)]
#[repr(C)]
pub struct Outside {
    /// Values below the range, -infinity included.
    pub below: u64,
    /// Values above the range, infinity included.
    pub above: u64,
    /// Values that are not numbers.
    pub nan: u64,
}

impl Reduce for Outside {
    fn identity() -> Outside {
        Outside { below: 0, above: 0, nan: 0 }
    }

    fn combine(self, right: Outside) -> Outside {
        Outside {
            below: self.below + right.below,
            above: self.above + right.above,
            nan: self.nan + right.nan,
        }
    }
}

impl<T> Histogram<T> {
    /// The kernel for `bins` equal bins over `range`.
    pub const fn new(bins: usize, range: [f64; 2]) -> Histogram<T> {
        Histogram { bins, range, element: PhantomData }
    }
}

impl<T: Real> Kernel for Histogram<T> {
    type Args = (In<T>, Merge<u64, Add>);
    type Output = Outside;

    fn run(&self, _: Chunk, (x, counts): (&[T], &mut [u64])) -> Outside {
        let bins = Bins::new(self.bins, self.range);
        let mut outside = Outside::identity();
        for x in x {
            let x = x.to_f64();
            if bins.low <= x && x <= bins.high {
                counts[bins.of(x)] += 1;
            } else if x < bins.low {
                outside.below += 1;
            } else if x > bins.high {
                outside.above += 1;
            } else {
                outside.nan += 1;
            }
        }
        outside
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        let [low, high] = self.range;
        if self.bins == 0 {
            return Err("there must be at least one bin".into());
        }
        if !(low < high && (high - low).is_finite()) {
            return Err(format!(
                "the range [{low}, {high}] must be finite, and its lower end the lesser one"
            ));
        }
        if !(self.bins as f64 * (high - low)).is_finite() {
            return Err(format!(
                "the edges of {} bins over [{low}, {high}] overflow: bins times width must be \
                 finite; take a narrower range or fewer bins",
                self.bins
            ));
        }
        match shapes.of(1) {
            [counts] if *counts == self.bins => Ok(()),
            counts => Err(format!("{} bins need as many counts, not {counts:?}", self.bins)),
        }
    }
}

/// The bins, ready for use.
struct Bins {
    low: f64,
    high: f64,
    count: usize,
    /// Bins per unit.
    scale: f64,
    /// How near to an edge, in bins, rounding may have put a value on the wrong side of it.
    doubt: f64,
}

impl Bins {
    fn new(count: usize, [low, high]: [f64; 2]) -> Bins {
        let (width, bins) = (high - low, count as f64);
        // A few roundings of the quotient, each of up to `bins`, and those of the edges, each of
        // the size of the range's ends.
        let doubt = f64::EPSILON * bins * (8.0 + 8.0 * (low.abs().max(high.abs()) / width));
        Bins { low, high, count, scale: bins / width, doubt }
    }

    /// Where bin `bin` begins, and the one before it ends.
    fn edge(&self, bin: usize) -> f64 {
        match bin {
            0 => self.low,
            _ if bin == self.count => self.high,
            _ => self.low + bin as f64 * (self.high - self.low) / self.count as f64,
        }
    }

    /// The bin of a value inside the range.
    #[inline]
    fn of(&self, x: f64) -> usize {
        let place = (x - self.low) * self.scale;
        let bin = (place as usize).min(self.count - 1);
        let inside = place - bin as f64;
        if inside > self.doubt && inside < 1.0 - self.doubt {
            return bin;
        }
        self.settle(x, bin)
    }

    /// The bin of a value that may lie on an edge, from a guess.
    #[cold]
    fn settle(&self, x: f64, mut bin: usize) -> usize {
        while bin > 0 && x < self.edge(bin) {
            bin -= 1;
        }
        while bin + 1 < self.count && x >= self.edge(bin + 1) {
            bin += 1;
        }
        bin
    }
}
