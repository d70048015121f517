//! What a kernel yields per chunk, and the fixed tree by which the pieces are folded.
//!
//! The tree is a function of the number of chunks alone: pieces are combined like the digits of a
//! binary counter, so `combine(a, b)` always sees neighbours in order, and the bits of the result
//! do not depend on who computed which piece, or when.

use bytemuck::Pod;
use std::marker::PhantomData;

/// A result that kernels yield per chunk and the engine folds.
///
/// Ready-made: `()`, [`Sum`], [`Prod`], [`Min`], [`Max`], and tuples of outputs. Your own: a plain
/// struct that implements [`Reduce`].
pub trait Output: 'static {
    /// What `run` returns, and what the launch returns.
    type Value: Copy + Send + Sync + 'static;
    /// Bytes of a stored value.
    const BYTES: usize;
    /// The value of no chunks at all.
    fn identity() -> Self::Value;
    /// Combines the values of neighbours, `left` before `right`.
    fn combine(left: Self::Value, right: Self::Value) -> Self::Value;
    /// Stores a value into `BYTES` bytes.
    fn write(value: &Self::Value, bytes: &mut [u8]);
    /// Reads a value from `BYTES` bytes.
    fn read(bytes: &[u8]) -> Self::Value;
}

/// A plain struct that is its own reduction.
///
/// ```
/// use gristmill::Reduce;
///
/// /// Least and greatest value seen.
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// #[repr(C)]
/// struct Range { min: f64, max: f64 }
///
/// impl Reduce for Range {
///     fn identity() -> Range {
///         Range { min: f64::INFINITY, max: f64::NEG_INFINITY }
///     }
///     fn combine(self, right: Range) -> Range {
///         Range { min: self.min.min(right.min), max: self.max.max(right.max) }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no output of a kernel",
    note = "use `()`, `Sum<T>`, `Min<T>`, `Max<T>`, `Prod<T>`, a tuple of these, or implement \
            `Reduce` for a plain struct of your own"
)]
pub trait Reduce: Pod + Send + Sync {
    /// The value of no chunks at all.
    fn identity() -> Self;
    /// Combines the values of neighbours, `self` before `right`.
    fn combine(self, right: Self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<R: Reduce> Output for R {
    type Value = R;
    const BYTES: usize = size_of::<R>();

    fn identity() -> R {
        R::identity()
    }

    fn combine(left: R, right: R) -> R {
        left.combine(right)
    }

    fn write(value: &R, bytes: &mut [u8]) {
        bytes.copy_from_slice(bytemuck::bytes_of(value));
    }

    fn read(bytes: &[u8]) -> R {
        bytemuck::pod_read_unaligned(bytes)
    }
}

impl Output for () {
    type Value = ();
    const BYTES: usize = 0;

    fn identity() {}
    fn combine((): (), (): ()) {}
    fn write((): &(), _: &mut [u8]) {}
    fn read(_: &[u8]) {}
}

/// A number that can be summed, multiplied and compared.
///
/// Integers wrap on overflow here; `engine.sum` and the stock kernels widen and check instead.
pub trait Number: Pod + Send + Sync + PartialOrd {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The least value: -inf for floats.
    const LEAST: Self;
    /// The greatest value: inf for floats.
    const GREATEST: Self;
    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
    /// Whether it is NaN; never for integers.
    fn is_nan(self) -> bool;
}

macro_rules! number {
    (integer: $($integer:ty)*; float: $($float:ty)*) => {
        $(impl Number for $integer {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LEAST: Self = <$integer>::MIN;
            const GREATEST: Self = <$integer>::MAX;
            #[inline]
            fn plus(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline]
            fn times(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline]
            fn is_nan(self) -> bool { false }
        })*
        $(impl Number for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LEAST: Self = <$float>::NEG_INFINITY;
            const GREATEST: Self = <$float>::INFINITY;
            #[inline]
            fn plus(self, other: Self) -> Self { self + other }
            #[inline]
            fn times(self, other: Self) -> Self { self * other }
            #[inline]
            fn is_nan(self) -> bool { self != self }
        })*
    };
}
number!(integer: i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 usize; float: f32 f64);

macro_rules! number_output {
    ($(#[$doc:meta])* $name:ident, $identity:expr, $combine:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<T>(PhantomData<T>);

        impl<T: Number> Output for $name<T> {
            type Value = T;
            const BYTES: usize = size_of::<T>();

            fn identity() -> T {
                $identity
            }

            #[inline]
            fn combine(left: T, right: T) -> T {
                $combine(left, right)
            }

            fn write(value: &T, bytes: &mut [u8]) {
                bytes.copy_from_slice(bytemuck::bytes_of(value));
            }

            fn read(bytes: &[u8]) -> T {
                bytemuck::pod_read_unaligned(bytes)
            }
        }
    };
}
number_output!(
    /// The sum of the chunks' values; 0 of none. Integers wrap.
    Sum, T::ZERO, T::plus);
number_output!(
    /// The product of the chunks' values; 1 of none. Integers wrap.
    Prod, T::ONE, T::times);
number_output!(
    /// The least of the chunks' values; the greatest value of the type of none. NaN wins, so that
    /// it cannot go unnoticed.
    Min, T::GREATEST, smaller);
number_output!(
    /// The greatest of the chunks' values; the least value of the type of none. NaN wins, so that
    /// it cannot go unnoticed.
    Max, T::LEAST, greater);

/// The smaller of two; NaN if either is.
#[inline]
pub fn smaller<T: Number>(a: T, b: T) -> T {
    if a.is_nan() || a < b {
        a
    } else if b.is_nan() || b < a {
        b
    } else {
        a
    }
}

/// The greater of two; NaN if either is.
#[inline]
pub fn greater<T: Number>(a: T, b: T) -> T {
    if a.is_nan() || a > b {
        a
    } else if b.is_nan() || b > a {
        b
    } else {
        a
    }
}

/// How often the body of a loop ran: the scalar that [`repeat`](crate::Plan::repeat) gives.
#[derive(Debug)]
pub struct Count;

impl Output for Count {
    type Value = u64;
    const BYTES: usize = 8;

    fn identity() -> u64 {
        0
    }

    fn combine(left: u64, right: u64) -> u64 {
        left + right
    }

    fn write(value: &u64, bytes: &mut [u8]) {
        bytes.copy_from_slice(&value.to_ne_bytes());
    }

    fn read(bytes: &[u8]) -> u64 {
        bytemuck::pod_read_unaligned(bytes)
    }
}

macro_rules! tuple_output {
    ($($output:ident $value:ident $other:ident),+) => {
        impl<$($output: Output),+> Output for ($($output,)+) {
            type Value = ($($output::Value,)+);
            const BYTES: usize = 0 $(+ $output::BYTES)+;

            fn identity() -> Self::Value {
                ($($output::identity(),)+)
            }

            #[allow(non_snake_case, reason = "one name for a type and its value")]
            fn combine(($($value,)+): Self::Value, ($($other,)+): Self::Value) -> Self::Value {
                ($($output::combine($value, $other),)+)
            }

            fn write(($($value,)+): &Self::Value, bytes: &mut [u8]) {
                let rest = bytes;
                $(let (own, rest) = rest.split_at_mut($output::BYTES);
                $output::write($value, own);)+
                debug_assert!(rest.is_empty());
            }

            fn read(bytes: &[u8]) -> Self::Value {
                let rest = bytes;
                $(let (own, rest) = rest.split_at($output::BYTES);
                let $value = $output::read(own);)+
                debug_assert!(rest.is_empty());
                ($($value,)+)
            }
        }
    };
}
tuple_output!(A a p, B b q);
tuple_output!(A a p, B b q, C c r);
tuple_output!(A a p, B b q, C c r, D d s);
tuple_output!(A a p, B b q, C c r, D d s, E e t);
tuple_output!(A a p, B b q, C c r, D d s, E e t, F f u);

/// Folds the values of `n` chunks, given by number, along the fixed tree.
pub(crate) fn fold<O: Output>(n: usize, value: impl FnMut(usize) -> O::Value) -> O::Value {
    fold_pairwise(n, value, O::combine).unwrap_or_else(O::identity)
}

/// The fixed tree itself, over values of any kind; none of none.
pub(crate) fn fold_pairwise<V>(
    n: usize,
    mut value: impl FnMut(usize) -> V,
    mut combine: impl FnMut(V, V) -> V,
) -> Option<V> {
    // One pending value per set bit of the number of values taken in so far.
    let mut pending: Vec<V> = Vec::with_capacity(usize::BITS as usize);
    for chunk in 0..n {
        let mut carry = value(chunk);
        for _ in 0..(chunk + 1).trailing_zeros() {
            let left = pending.pop().expect("one pending value per bit of the counter");
            carry = combine(left, carry);
        }
        pending.push(carry);
    }
    pending.into_iter().rev().reduce(|right, left| combine(left, right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same tree, said recursively: split at the largest power of two below n.
    fn tree(values: &[f64]) -> f64 {
        match values.len() {
            0 => 0.0,
            1 => values[0],
            n => {
                let split = n.next_power_of_two() / 2;
                tree(&values[..split]) + tree(&values[split..])
            }
        }
    }

    proptest! {
        #[test]
        fn folding_is_the_fixed_tree(values in prop::collection::vec(-1e9f64..1e9, 0..200)) {
            let folded = fold::<Sum<f64>>(values.len(), |i| values[i]);
            prop_assert_eq!(folded.to_bits(), tree(&values).to_bits());
        }
    }

    #[test]
    fn nan_wins_in_either_place() {
        assert!(smaller(f64::NAN, 1.0).is_nan() && smaller(1.0, f64::NAN).is_nan());
        assert!(greater(f64::NAN, 1.0).is_nan() && greater(1.0, f64::NAN).is_nan());
        assert_eq!((smaller(1, 2), greater(1, 2)), (1, 2));
    }

    #[test]
    fn tuples_are_stored_without_padding() {
        type Pair = (Sum<f64>, Max<i32>, Count);
        assert_eq!(<Pair as Output>::BYTES, 20);
        let mut bytes = [0; 20];
        Pair::write(&(1.5, -3, 9), &mut bytes);
        assert_eq!(Pair::read(&bytes), (1.5, -3, 9));
    }
}
