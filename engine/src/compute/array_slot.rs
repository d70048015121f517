//! Arrays' roles in a plan, as steps name them.

use super::program::InPlan;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// An array's role in a plan. A step borrows it as a launch borrows the array.
///
/// Exchange two with [`Plan::swap`](crate::Plan::swap); `std::mem::swap` exchanges only the names of the roles, which
/// compiles, and is not what a loop needs.
#[derive(Debug)]
pub struct Slot<T, D> {
    flat: FlatSlot<T>,
    dim: PhantomData<D>,
}

/// A [`Slot`] where only the order of the elements counts.
#[derive(Debug)]
pub struct FlatSlot<T> {
    at: InPlan,
    elements: PhantomData<T>,
}

/// A [`Slot`] that can be read only.
#[derive(Debug)]
pub struct ReadSlot<T, D>(pub(crate) Slot<T, D>);

impl<T> FlatSlot<T> {
    pub(crate) fn at(&self) -> InPlan {
        self.at
    }
}

impl<T, D> Deref for Slot<T, D> {
    type Target = FlatSlot<T>;

    fn deref(&self) -> &FlatSlot<T> {
        &self.flat
    }
}

impl<T, D> DerefMut for Slot<T, D> {
    fn deref_mut(&mut self) -> &mut FlatSlot<T> {
        &mut self.flat
    }
}

impl<T, D> Deref for ReadSlot<T, D> {
    type Target = Slot<T, D>;

    fn deref(&self) -> &Slot<T, D> {
        &self.0
    }
}

impl<T, D> Slot<T, D> {
    pub(crate) fn new(at: InPlan) -> Slot<T, D> {
        Slot { flat: FlatSlot { at, elements: PhantomData }, dim: PhantomData }
    }
}
