//! A value under a lock, as two copies of which a word says which is the current one.

use super::latch::{self, Hold, Latch, Words};
use crate::error::Result;
use crate::memory::{Element, Region};
use crate::toolbox::anchor::Anchor;
use crate::toolbox::commons::{Commons, Spec};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// From one copy to the other: none shares a line with what others write meanwhile.
const fn stride<T>() -> usize {
    size_of::<T>().next_multiple_of(128)
}

/// Bytes of both copies.
pub(super) const fn bytes_of<T>() -> usize {
    const { assert!(size_of::<T>() > 0, "values of size 0 cannot be shared") };
    const { assert!(align_of::<T>() <= 128, "values aligned to more than 128 bytes") };
    2 * stride::<T>()
}

/// Makes a lock and its value; `spec.bytes` are those of what comes after the copies.
pub(super) fn make<T: Element>(commons: &Arc<Commons>, spec: Spec, value: T) -> Result<Anchor> {
    let bytes = spec.bytes + bytes_of::<T>();
    latch::make(commons, Spec { bytes, ..spec }, |region, offset| {
        let copy = address::<T>(region, offset, 0);
        // SAFETY: aligned and inside the region (`address`), of a thing that nobody else has yet.
        unsafe { copy.write(value) };
    })
}

/// The offset of what lies behind the copies, in a lock at this one.
pub(super) const fn behind<T>(lock: usize) -> usize {
    lock + size_of::<Words>() + bytes_of::<T>()
}

impl Latch {
    fn copy<T: Element>(&self, which: u32) -> *mut T {
        address(self.anchor.region(), self.guarded(), which)
    }

    /// The value, for one whom writers wait for.
    pub(super) fn value_of_readers<T: Element>(&self) -> &T {
        // SAFETY: aligned and inside the region (`address`), any bits are a `T`, and nobody changes it
        // while somebody is counted as a reader.
        unsafe { &*self.copy::<T>(self.words().current.load(Relaxed)) }
    }
}

fn address<T: Element>(region: &Region, guarded: usize, which: u32) -> *mut T {
    let offset = guarded + (which & 1) as usize * stride::<T>();
    let address = region.bytes(offset, size_of::<T>()).cast::<T>().as_ptr();
    debug_assert!(address.is_aligned());
    address
}

impl Hold<'_> {
    fn current(&self) -> u32 {
        self.words.current.load(Relaxed)
    }

    /// The value.
    #[inline]
    pub(super) fn value<T: Element>(&self) -> &T {
        // SAFETY: aligned and inside the region (`address`), any bits are a `T`, and the holder of the
        // lock, which this is, is alone in changing it.
        unsafe { &*self.latch.copy::<T>(self.current()) }
    }

    /// The value, to change in place: `open` is set.
    pub(super) fn value_mut<T: Element>(&mut self) -> &mut T {
        // SAFETY: as in `value`, and the borrow is exclusive; readers hold the lock as well.
        unsafe { &mut *self.latch.copy::<T>(self.current()) }
    }

    /// Makes what `change` makes of a copy of the value the current one, if it does not panic.
    #[inline]
    pub(super) fn change<T: Element, R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let current = self.current();
        let (from, to) = (self.latch.copy::<T>(current), self.latch.copy::<T>(current ^ 1));
        // SAFETY: as in `value`; the two copies do not overlap (`stride`), and nobody looks at the
        // one that is not the current one but the lock's holder.
        let copy = unsafe {
            to.copy_from_nonoverlapping(from, 1);
            &mut *to
        };
        let result = change(copy);
        self.words.current.store(current ^ 1, Release);
        self.has_changed = true;
        result
    }
}
