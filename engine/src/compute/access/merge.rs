//! Merging private accumulators: the reduction cell as kernels see it.

use super::sealed::Sealed;
use super::{Access, AccessSpec, InPlan, Kind, Located, Merge, Place, Window, flat, place_of};
use crate::compute::array_slot::FlatSlot;
use crate::compute::groups::FoldGroups;
use crate::compute::table::KernelNamed;
use crate::error::Result;
use crate::memory::{Element, Elements};
use num_complex::{Complex32, Complex64};
use std::fmt::Debug;

/// How private accumulators are merged.
pub trait MergeOp<T>: Debug + 'static {
    /// Whether merging is exact, commutative and associative, so that its order does not show:
    /// integers and exact sums, not sums of floats. If you say so where it is not, the bits of the
    /// result depend on the schedule.
    const EXACT: bool;
    /// What merging leaves alone.
    fn identity() -> T;
    /// Merges one element.
    fn merge(into: &mut T, from: T);
}

/// Merges by addition; integers wrap, which is exact modulo the type's range. Floats are added in a
/// fixed order.
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
            const EXACT: bool = true;
            fn identity() -> $integer { 0 }
            #[inline]
            fn merge(into: &mut $integer, from: $integer) { *into = into.wrapping_add(from); }
        }
        impl MergeOp<$integer> for Largest {
            const EXACT: bool = true;
            fn identity() -> $integer { <$integer>::MIN }
            #[inline]
            fn merge(into: &mut $integer, from: $integer) { *into = (*into).max(from); }
        }
        impl MergeOp<$integer> for Smallest {
            const EXACT: bool = true;
            fn identity() -> $integer { <$integer>::MAX }
            #[inline]
            fn merge(into: &mut $integer, from: $integer) { *into = (*into).min(from); }
        }
        impl MergeOp<$integer> for BitOr {
            const EXACT: bool = true;
            fn identity() -> $integer { 0 }
            #[inline]
            fn merge(into: &mut $integer, from: $integer) { *into |= from; }
        })*
    };
}
merge_ops!(i8 i16 i32 i64 u8 u16 u32 u64);

macro_rules! float_merge_ops {
    ($($float:ty)*) => {
        $(impl MergeOp<$float> for Add {
            const EXACT: bool = false;
            fn identity() -> $float { <$float>::default() }
            #[inline]
            fn merge(into: &mut $float, from: $float) { *into += from; }
        })*
    };
}
float_merge_ops!(f32 f64 Complex32 Complex64);

impl<T, Op: MergeOp<T>> Merge<T, Op> {
    const KIND: Kind = if Op::EXACT { Kind::Merge } else { Kind::Accumulate };
}

impl<T, Op> Sealed for Merge<T, Op> {}
impl<T: Element, Op: MergeOp<T>> Access for Merge<T, Op> {
    type View<'a> = &'a mut [T];
    type Array<'a> = &'a mut Elements<T>;
    type Slot<'a> = &'a mut FlatSlot<T>;
    const SPEC: AccessSpec = flat::<T>(Self::KIND);

    fn place(array: &Self::Array<'_>) -> Place {
        place_of(array.as_slice(), &[array.len()])
    }

    fn slot(slot: &Self::Slot<'_>) -> InPlan {
        slot.at()
    }

    fn folding() -> Option<Result<u64>> {
        (!Op::EXACT).then(|| KernelNamed::<FoldGroups<T, Op>>::TABLE.offset())
    }

    unsafe fn view<'a>(at: &'a Located, window: &Window) -> &'a mut [T] {
        if Op::EXACT {
            // SAFETY: the caller's promise; the place is the private accumulator.
            return unsafe { std::slice::from_raw_parts_mut(at.base.cast(), at.len) };
        }
        let start = at.base.cast::<T>().wrapping_add(window.chunk.index * at.stride);
        // SAFETY: the caller's promise; the place holds one accumulator per chunk.
        let own = unsafe { std::slice::from_raw_parts_mut(start, at.stride) };
        own.fill_with(Op::identity);
        own
    }

    unsafe fn reset(at: &Located) {
        if !Op::EXACT {
            // No cell: each group's accumulator is reset when its chunk begins.
            return;
        }
        // SAFETY: the caller's promise.
        let elements = unsafe { std::slice::from_raw_parts_mut(at.base.cast::<T>(), at.len) };
        elements.fill_with(Op::identity);
    }

    unsafe fn merge(into: &Located, from: &Located) {
        if !Op::EXACT {
            return;
        }
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
