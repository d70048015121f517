//! Sums in a fixed number of lanes: the same bits on every CPU, and loops that vectorise.
//!
//! Lane k takes elements k, k + N, …; the lanes are then added pairwise, the upper half to the
//! lower. A compiler may not reorder float additions, so a plain running sum waits for each one.

/// Lanes of a sum of one array: enough independent additions to hide their latency.
pub(crate) const LANES: usize = 32;

/// Adds lanes pairwise: the upper half to the lower, until one is left. `N` is a power of two.
#[inline]
pub(crate) fn fold<const N: usize>(mut lanes: [f64; N]) -> f64 {
    const { assert!(N.is_power_of_two()) };
    let mut width = N / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The sum of `of(x)` over a slice.
#[inline]
pub(crate) fn sum<T: Copy>(x: &[T], of: impl Fn(T) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane += of(*x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += of(*x);
    }
    fold(lanes)
}

/// The sum of `of(x, y)` over two slices of equal length.
#[inline]
pub(crate) fn sum_pairs<T: Copy>(x: &[T], y: &[T], of: impl Fn(T, T) -> f64) -> f64 {
    debug_assert_eq!(x.len(), y.len());
    let mut lanes = [0.0; LANES];
    let (x_blocks, x_rest) = x.as_chunks::<LANES>();
    let (y_blocks, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in x_blocks.iter().zip(y_blocks) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += of(*x, *y);
        }
    }
    for ((lane, x), y) in lanes.iter_mut().zip(x_rest).zip(y_rest) {
        *lane += of(*x, *y);
    }
    fold(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The lanes as said, one at a time.
    fn naive(x: &[f64]) -> f64 {
        let lane = |k: usize| x.iter().skip(k).step_by(LANES).fold(0.0, |sum, x| sum + x);
        let mut lanes: Vec<f64> = (0..LANES).map(lane).collect();
        while lanes.len() > 1 {
            let upper = lanes.split_off(lanes.len() / 2);
            lanes.iter_mut().zip(upper).for_each(|(low, up)| *low += up);
        }
        lanes[0]
    }

    proptest! {
        #[test]
        fn lanes_add_as_said(x in prop::collection::vec(-1e12f64..1e12, 0..200)) {
            prop_assert_eq!(sum(&x, |x| x).to_bits(), naive(&x).to_bits());
            let ones = vec![1.0; x.len()];
            prop_assert_eq!(sum_pairs(&x, &ones, |x, y| x * y).to_bits(), naive(&x).to_bits());
        }
    }
}
