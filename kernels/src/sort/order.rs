//! The order of elements, as that of unsigned integers of the same size.

use gristmill::{Element, Portable};

/// Elements that [`sort`](crate::sort) puts in order: all integers and floats.
///
/// Floats are in the total order of IEEE 754, as by [`f64::total_cmp`]: NaN with the sign bit, -inf,
/// the finite numbers with -0 before +0, inf, NaN without it. Elements that are equal in this order
/// have the same bits, so no sort of them can be told from a stable one.
pub trait Sortable: Element + Portable {
    /// An unsigned integer of the same size.
    type Key: Key;
    /// The integer that has its place.
    fn key(self) -> Self::Key;
    /// The element of an integer.
    fn of_key(key: Self::Key) -> Self;
}

/// The unsigned integers, which are each other's [`Sortable::Key`].
pub trait Key: Sortable<Key = Self> + Ord + Default {
    /// Its value.
    fn to_u64(self) -> u64;
}

macro_rules! sortable {
    ($($unsigned:ident $signed:ident)*) => {
        $(impl Sortable for $unsigned {
            type Key = $unsigned;
            #[inline]
            fn key(self) -> $unsigned {
                self
            }
            #[inline]
            fn of_key(key: $unsigned) -> $unsigned {
                key
            }
        }
        impl Key for $unsigned {
            #[inline]
            fn to_u64(self) -> u64 {
                self as u64
            }
        }
        impl Sortable for $signed {
            type Key = $unsigned;
            #[inline]
            fn key(self) -> $unsigned {
                (self ^ $signed::MIN) as $unsigned
            }
            #[inline]
            fn of_key(key: $unsigned) -> $signed {
                key as $signed ^ $signed::MIN
            }
        })*
    };
}
sortable!(u8 i8 u16 i16 u32 i32 u64 i64);

macro_rules! sortable_floats {
    ($($float:ident $unsigned:ident $signed:ident)*) => {
        // Negative numbers grow with their bits, so theirs are turned round.
        $(impl Sortable for $float {
            type Key = $unsigned;
            #[inline]
            fn key(self) -> $unsigned {
                let bits = self.to_bits() as $signed;
                (bits ^ ((bits >> ($signed::BITS - 1)) | $signed::MIN)) as $unsigned
            }
            #[inline]
            fn of_key(key: $unsigned) -> $float {
                let bits = key as $signed;
                let turned = bits ^ ((!bits >> ($signed::BITS - 1)) | $signed::MIN);
                <$float>::from_bits(turned as $unsigned)
            }
        })*
    };
}
sortable_floats!(f32 u32 i32 f64 u64 i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_total_order_and_lead_back() {
        let positive = [0.0, 5e-324, 1.0, 1.5, f64::MAX, f64::INFINITY, f64::NAN];
        let all: Vec<f64> = positive.iter().rev().map(|x| -x).chain(positive).collect();
        assert!(all.is_sorted_by(|a, b| a.total_cmp(b).is_lt()));
        assert!(all.is_sorted_by(|a, b| a.key() < b.key()));
        assert!(all.iter().all(|x| f64::of_key(x.key()).to_bits() == x.to_bits()));
        let integers = [i16::MIN, -2, -1, 0, 1, i16::MAX];
        assert!(integers.is_sorted_by(|a, b| a.key() < b.key()));
        assert!(integers.iter().all(|x| i16::of_key(x.key()) == *x));
    }
}
