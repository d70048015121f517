//! The arguments of a kernel: one access kind, or a tuple of them.

use super::{Access, AccessSpec, InPlan, Located, Place, Window};
use crate::error::Result;

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// One access kind, or a tuple of up to eight.
///
/// Users name tuples of markers and never implement this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a kernel reaches its arrays",
    note = "use an access kind (`In`, `Out`, `InOut`, `Whole`, `Halo`, `Merge`) or a tuple of them"
)]
pub trait Args: Sealed + 'static {
    /// What `run` gets.
    type Views<'a>;
    /// What a launch gets.
    type Arrays<'a>;
    /// What a step of a plan gets.
    type Slots<'a>;
    #[doc(hidden)]
    const SPECS: &'static [AccessSpec];
    #[doc(hidden)]
    fn places(arrays: &Self::Arrays<'_>) -> Vec<Place>;
    #[doc(hidden)]
    fn slots(slots: &Self::Slots<'_>) -> Vec<InPlan>;
    #[doc(hidden)]
    fn foldings() -> Vec<Option<Result<u64>>>;
    /// # Safety
    ///
    /// As for [`Access::view`], for each; no two arguments may be the same array if one is written.
    #[doc(hidden)]
    unsafe fn views<'a>(at: &'a [Located], window: &Window) -> Self::Views<'a>;
    /// # Safety
    ///
    /// As for [`Access::reset`], for each.
    #[doc(hidden)]
    unsafe fn reset(at: &[Located]);
    /// # Safety
    ///
    /// As for [`Access::merge`], for each.
    #[doc(hidden)]
    unsafe fn merge(into: &[Located], from: &[Located]);
}

impl<A: Access> Sealed for A {}

#[diagnostic::do_not_recommend]
impl<A: Access> Args for A {
    type Views<'a> = A::View<'a>;
    type Arrays<'a> = A::Array<'a>;
    type Slots<'a> = A::Slot<'a>;
    const SPECS: &'static [AccessSpec] = &[A::SPEC];

    fn places(array: &Self::Arrays<'_>) -> Vec<Place> {
        vec![A::place(array)]
    }

    fn slots(slot: &Self::Slots<'_>) -> Vec<InPlan> {
        vec![A::slot(slot)]
    }

    fn foldings() -> Vec<Option<Result<u64>>> {
        vec![A::folding()]
    }

    #[inline]
    unsafe fn views<'a>(at: &'a [Located], window: &Window) -> Self::Views<'a> {
        // SAFETY: the caller's promise.
        unsafe { A::view(&at[0], window) }
    }

    unsafe fn reset(at: &[Located]) {
        // SAFETY: the caller's promise.
        unsafe { A::reset(&at[0]) }
    }

    unsafe fn merge(into: &[Located], from: &[Located]) {
        // SAFETY: the caller's promise.
        unsafe { A::merge(&into[0], &from[0]) }
    }
}

macro_rules! tuple_args {
    ($($access:ident $index:tt),+) => {
        impl<$($access: Access),+> Sealed for ($($access,)+) {}
        impl<$($access: Access),+> Args for ($($access,)+) {
            type Views<'a> = ($($access::View<'a>,)+);
            type Arrays<'a> = ($($access::Array<'a>,)+);
            type Slots<'a> = ($($access::Slot<'a>,)+);
            const SPECS: &'static [AccessSpec] = &[$($access::SPEC),+];

            fn places(arrays: &Self::Arrays<'_>) -> Vec<Place> {
                vec![$($access::place(&arrays.$index)),+]
            }

            fn slots(slots: &Self::Slots<'_>) -> Vec<InPlan> {
                vec![$($access::slot(&slots.$index)),+]
            }

            fn foldings() -> Vec<Option<Result<u64>>> {
                vec![$($access::folding()),+]
            }

            #[inline]
            unsafe fn views<'a>(at: &'a [Located], window: &Window) -> Self::Views<'a> {
                // SAFETY: the caller's promise.
                unsafe { ($($access::view(&at[$index], window),)+) }
            }

            unsafe fn reset(at: &[Located]) {
                // SAFETY: the caller's promise.
                unsafe { $($access::reset(&at[$index]);)+ }
            }

            unsafe fn merge(into: &[Located], from: &[Located]) {
                // SAFETY: the caller's promise.
                unsafe { $($access::merge(&into[$index], &from[$index]);)+ }
            }
        }
    };
}
tuple_args!(A 0);
tuple_args!(A 0, B 1);
tuple_args!(A 0, B 1, C 2);
tuple_args!(A 0, B 1, C 2, D 3);
tuple_args!(A 0, B 1, C 2, D 3, E 4);
tuple_args!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple_args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
