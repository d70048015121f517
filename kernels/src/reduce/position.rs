//! Where the least and the greatest element are.

use super::extremes::{greatest, least};
use crate::grain::cheap_grain;
use crate::stateless::stateless_kernel;
use gristmill::{Chunk, In, Kernel, Number, Output, Shapes};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Elements among which the extreme is found first, and then its place: few enough to stay in the
/// first cache.
const BLOCK: usize = 1024;

/// An element and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found<T> {
    /// Its index in C order.
    pub index: usize,
    /// Its value.
    pub value: T,
}

stateless_kernel!(
    /// The least element and its index in C order; the first of several. NaN counts as less than
    /// everything, as in NumPy: if there is one, the first one is found. `None` if there are no
    /// elements.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::{ArgMax, ArgMin};
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.array_from(&ndarray::arr2(&[[4, 9, 2], [2, 9, 5]]))?;
    /// assert_eq!(engine.run(&ArgMin::new(), &x)?.map(|found| found.index), Some(2));
    /// assert_eq!(engine.run(&ArgMax::new(), &x)?.map(|found| found.value), Some(9));
    /// # Ok(()) }
    /// ```
    pub ArgMin
);

stateless_kernel!(
    /// The greatest element and its index in C order; otherwise as [`ArgMin`], NaN counting as
    /// greater than everything.
    pub ArgMax
);

/// The output of [`ArgMin`]: of two finds the lesser one, the left one if they are equal.
#[derive(Debug)]
pub struct Least<T>(PhantomData<T>);

/// The output of [`ArgMax`]: of two finds the greater one, the left one if they are equal.
#[derive(Debug)]
pub struct Greatest<T>(PhantomData<T>);

macro_rules! position {
    ($kernel:ident, $output:ident, $extreme:ident, $better:expr) => {
        impl<T: Number> Kernel for $kernel<T> {
            type Args = In<T>;
            type Output = $output<T>;

            fn run(&self, chunk: Chunk, x: &[T]) -> Option<Found<T>> {
                let mut best: Option<Found<T>> = None;
                for (number, block) in x.chunks(BLOCK).enumerate() {
                    let found =
                        Found { index: chunk.start() + number * BLOCK, value: $extreme(block) };
                    best = $output::<T>::combine(best, Some(found));
                }
                best.map(|best| {
                    let from = best.index - chunk.start();
                    let block = &x[from..(from + BLOCK).min(x.len())];
                    place(block, best)
                })
            }

            fn grain(&self, shapes: &Shapes) -> usize {
                cheap_grain(shapes)
            }
        }

        impl<T: Number> Output for $output<T> {
            type Value = Option<Found<T>>;
            const BYTES: usize = size_of::<u64>() + size_of::<T>();

            fn identity() -> Self::Value {
                None
            }

            fn combine(left: Self::Value, right: Self::Value) -> Self::Value {
                let (Some(a), Some(b)) = (left, right) else {
                    return left.or(right);
                };
                let better: fn(T, T) -> bool = $better;
                let right_wins =
                    !a.value.is_nan() && (b.value.is_nan() || better(b.value, a.value));
                if right_wins { right } else { left }
            }

            fn write(value: &Self::Value, bytes: &mut [u8]) {
                write_found(value, bytes);
            }

            fn read(bytes: &[u8]) -> Self::Value {
                read_found(bytes)
            }
        }
    };
}
position!(ArgMin, Least, least, |a, b| a < b);
position!(ArgMax, Greatest, greatest, |a, b| a > b);

/// The first place of `found.value` in the block that begins at `found.index`.
fn place<T: Number>(block: &[T], found: Found<T>) -> Found<T> {
    let same = |x: &T| *x == found.value || (x.is_nan() && found.value.is_nan());
    let offset = block.iter().position(same).expect("the extreme of a block lies in it");
    Found { index: found.index + offset, value: block[offset] }
}

/// Stands for "none" among stored indices.
const NOWHERE: u64 = u64::MAX;

fn write_found<T: Number>(found: &Option<Found<T>>, bytes: &mut [u8]) {
    let (index, value) = bytes.split_at_mut(size_of::<u64>());
    index.copy_from_slice(&found.map_or(NOWHERE, |found| found.index as u64).to_ne_bytes());
    value.copy_from_slice(bytemuck::bytes_of(&found.map_or(T::ZERO, |found| found.value)));
}

fn read_found<T: Number>(bytes: &[u8]) -> Option<Found<T>> {
    let (index, value) = bytes.split_at(size_of::<u64>());
    let index: u64 = bytemuck::pod_read_unaligned(index);
    let value = bytemuck::pod_read_unaligned(value);
    (index != NOWHERE).then_some(Found { index: index as usize, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_survive_storage() {
        let mut bytes = [0; 9];
        for found in [None, Some(Found { index: 5, value: 7u8 })] {
            Least::write(&found, &mut bytes);
            assert_eq!(Least::<u8>::read(&bytes), found);
        }
    }

    #[test]
    fn ties_go_left_and_the_first_nan_wins() {
        let found = |index, value| Some(Found { index, value });
        let index = |a, b| Least::<f64>::combine(a, b).map(|found| found.index);
        assert_eq!(index(found(0, 1.0), found(9, 1.0)), Some(0));
        assert_eq!(index(found(0, 0.0), found(9, -0.0)), Some(0));
        assert_eq!(index(found(0, 1.0), found(9, f64::NAN)), Some(9));
        assert_eq!(index(found(0, f64::NAN), found(9, f64::NAN)), Some(0));
        assert_eq!(index(None, found(9, 1.0)), Some(9));
    }
}
