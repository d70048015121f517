//! Folds of slices in a fixed number of lanes: the same bits on every CPU, and loops that
//! vectorise.
//!
//! A compiler may not reorder float operations, so a plain running sum waits for each addition.
//! Here lane k takes elements k, k + 32, …; the lanes are then folded pairwise, the upper half
//! onto the lower. The order is part of what a kernel promises: it decides the bits.

/// Lanes of a fold: enough independent operations to hide their latency in any vector width.
pub const LANES: usize = 32;

/// Folds a slice in [`LANES`] lanes, all of which begin with `start`: lane k takes elements k,
/// k + 32, … by `take`, and the lanes are folded by [`fold_lanes`].
///
/// So the bits depend on the elements alone, on every CPU, and the loop is as fast as memory.
/// [`Engine::sum`](crate::Engine::sum) adds floats up like this within each chunk.
///
/// ```
/// use gristmill::in_lanes;
///
/// let x: Vec<f32> = (0..1000).map(|i| i as f32).collect();
/// let squares = in_lanes(&x, 0.0, |sum, x| sum + f64::from(x * x), |a, b| a + b);
/// assert_eq!(squares, 332_833_500.0);
/// let product = |a: f64, b: f64| a * b;
/// assert_eq!(in_lanes(&[2.0, 3.5], 1.0, product, product), 7.0);
/// ```
#[inline]
pub fn in_lanes<T: Copy, A: Copy>(
    x: &[T],
    start: A,
    take: impl Fn(A, T) -> A,
    combine: impl Fn(A, A) -> A,
) -> A {
    let mut lanes = [start; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane = take(*lane, *x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = take(*lane, *x);
    }
    fold_lanes(lanes, combine)
}

/// As [`in_lanes`], over the pairs of two slices of equal length.
///
/// ```
/// use gristmill::pairs_in_lanes;
///
/// let (x, y) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
/// let dot = pairs_in_lanes(&x, &y, 0.0, |sum, x, y| sum + x * y, |a, b| a + b);
/// assert_eq!(dot, 32.0);
/// ```
///
/// # Panics
///
/// If the lengths differ.
#[inline]
pub fn pairs_in_lanes<T: Copy, U: Copy, A: Copy>(
    x: &[T],
    y: &[U],
    start: A,
    take: impl Fn(A, T, U) -> A,
    combine: impl Fn(A, A) -> A,
) -> A {
    assert_eq!(x.len(), y.len(), "slices of equal length");
    let mut lanes = [start; LANES];
    let (x_blocks, x_rest) = x.as_chunks::<LANES>();
    let (y_blocks, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in x_blocks.iter().zip(y_blocks) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane = take(*lane, *x, *y);
        }
    }
    for ((lane, x), y) in lanes.iter_mut().zip(x_rest).zip(y_rest) {
        *lane = take(*lane, *x, *y);
    }
    fold_lanes(lanes, combine)
}

/// Folds lanes pairwise, the upper half onto the lower, until one is left. `N` is a power of two.
///
/// ```
/// use gristmill::fold_lanes;
///
/// let text = |a: &'static str, b| if a < b { a } else { b };
/// assert_eq!(fold_lanes(["pear", "fig", "plum", "lime"], text), "fig");
/// assert_eq!(fold_lanes([1e16, 1.0, -1e16, 1.0], |a, b| a + b), 2.0);
/// ```
#[inline]
pub fn fold_lanes<A: Copy, const N: usize>(mut lanes: [A; N], combine: impl Fn(A, A) -> A) -> A {
    const { assert!(N.is_power_of_two()) };
    let mut width = N / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = combine(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The lanes as said, one at a time.
    fn naive(x: &[f64], start: f64, of: fn(f64, f64) -> f64) -> f64 {
        let lane = |k: usize| x.iter().skip(k).step_by(LANES).fold(start, |all, x| of(all, *x));
        let mut lanes: Vec<f64> = (0..LANES).map(lane).collect();
        while lanes.len() > 1 {
            let upper = lanes.split_off(lanes.len() / 2);
            lanes.iter_mut().zip(upper).for_each(|(low, up)| *low = of(*low, up));
        }
        lanes[0]
    }

    proptest! {
        #[test]
        fn lanes_are_folded_as_said(x in prop::collection::vec(-1e12f64..1e12, 0..300)) {
            let sum = |a: f64, b: f64| a + b;
            let expected = naive(&x, 0.0, sum).to_bits();
            prop_assert_eq!(in_lanes(&x, 0.0, sum, sum).to_bits(), expected);
            let ones = vec![1.0; x.len()];
            let pairs = pairs_in_lanes(&x, &ones, 0.0, |a, x, y| a + x * y, sum);
            prop_assert_eq!(pairs.to_bits(), expected);
            let product = |a: f64, b: f64| a * b;
            let own = in_lanes(&x, 1.0, product, product);
            prop_assert_eq!(own.to_bits(), naive(&x, 1.0, product).to_bits());
        }
    }
}
