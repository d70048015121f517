//! Merging private accumulators: the reduction cell as kernels see it.

use super::sealed::Sealed;
use super::{Access, AccessSpec, InPlan, Kind, Located, Merge, Place, Window, flat, place_of};
use crate::compute::plan::FlatSlot;
use crate::memory::{Element, Elements};
use std::fmt::Debug;

/// How private accumulators are merged. It must be exact, commutative and associative, or the
/// bits of the result would depend on the schedule: integers and exact sums, not floats.
pub trait MergeOp<T>: Debug + 'static {
    /// What merging leaves alone.
    fn identity() -> T;
    /// Merges one element.
    fn merge(into: &mut T, from: T);
}

/// Merges by addition; integers wrap, which is exact modulo the type's range.
#[derive(Debug)]
pub struct Add;
/// Merges by keeping the greater.
#[derive(Debug)]
pub struct Largest;
/// Merges by keeping the smaller.
#[derive(Debug)]
pub struct Smallest;
/// Merges by bitwise or.
#[derive(Debug)]
pub struct BitOr;

macro_rules! merge_ops {
    ($($integer:ty)*) => {
        $(impl MergeOp<$integer> for Add {
            fn identity() -> $integer { 0 }
            #[inline]
            fn merge(into: &mut $integer, from: $integer) { *into = into.wrapping_add(from); }
        }
        impl MergeOp<$integer> for Largest {
            fn identity() -> $integer { <$integer>::MIN }
            #[inline]
            fn merge(into: &mut $integer, from: $integer) { *into = (*into).max(from); }
        }
        impl MergeOp<$integer> for Smallest {
            fn identity() -> $integer { <$integer>::MAX }
            #[inline]
            fn merge(into: &mut $integer, from: $integer) { *into = (*into).min(from); }
        }
        impl MergeOp<$integer> for BitOr {
            fn identity() -> $integer { 0 }
            #[inline]
            fn merge(into: &mut $integer, from: $integer) { *into |= from; }
        })*
    };
}
merge_ops!(i8 i16 i32 i64 u8 u16 u32 u64);

impl<T, Op> Sealed for Merge<T, Op> {}
impl<T: Element, Op: MergeOp<T>> Access for Merge<T, Op> {
    type View<'a> = &'a mut [T];
    type Array<'a> = &'a mut Elements<T>;
    type Slot<'a> = &'a mut FlatSlot<T>;
    const SPEC: AccessSpec = flat::<T>(Kind::Merge);

    fn place(array: &Self::Array<'_>) -> Place {
        place_of(array.as_slice(), &[array.len()])
    }

    fn slot(slot: &Self::Slot<'_>) -> InPlan {
        slot.at()
    }

    unsafe fn view<'a>(at: &'a Located, _: &Window) -> &'a mut [T] {
        // SAFETY: the caller's promise; for a merged array the place is the private accumulator.
        unsafe { std::slice::from_raw_parts_mut(at.base.cast(), at.len) }
    }

    unsafe fn reset(at: &Located) {
        // SAFETY: the caller's promise.
        let elements = unsafe { std::slice::from_raw_parts_mut(at.base.cast::<T>(), at.len) };
        elements.fill_with(Op::identity);
    }

    unsafe fn merge(into: &Located, from: &Located) {
        // SAFETY: the caller's promise, for both; they are never the same array.
        let (into, from) = unsafe {
            (
                std::slice::from_raw_parts_mut(into.base.cast::<T>(), into.len),
                std::slice::from_raw_parts(from.base.cast::<T>(), from.len),
            )
        };
        into.iter_mut().zip(from).for_each(|(into, from)| Op::merge(into, *from));
    }
}
