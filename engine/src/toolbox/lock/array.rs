//! An array and its lock in one.

use super::guard::{LockError, LockResult, TryLockResult, guarded};
use super::latch::{self, Latch, Open};
use crate::error::{Error, Result};
use crate::machine::Until;
use crate::memory::{Element, Region, bytes_of_shape};
use crate::shared::damage::seal;
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use ndarray::{ArrayView, ArrayViewMut, Dimension, IntoDimension};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The most axes of an array with a lock.
const AXES_MAX: usize = 14;
/// Words before its elements: how many axes there are, how long they are, and the seal of all.
const WORDS: usize = AXES_MAX + 2;
const _: () = assert!(WORDS * 8 == 128, "elements are aligned");

/// An array that processes share, and its lock in one:
/// [`Engine::locked_array`](crate::Engine::locked_array).
///
/// Python's `Array` with `get_lock()`, which here nobody can forget: the elements are reached through a
/// guard alone. (Arrays on which kernels compute have no lock, as no two chunks overlap.)
///
/// ```
/// use gristmill::{Engine, LockedArray};
/// use ndarray::{Ix2, array};
///
/// fn double(rows: LockedArray<f64, Ix2>) {
///     rows.lock().unwrap().view_mut().mapv_inplace(|x| 2.0 * x);
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let rows = engine.locked_array_from(&array![[1.0, 2.0], [3.0, 4.0]].view())?;
/// engine.spawn(double, rows.clone())?.join()?;
/// assert_eq!(rows.lock()?.view(), array![[2.0, 4.0], [6.0, 8.0]]);
/// assert_eq!(rows.lock()?[3], 8.0); // or as a slice, in C order
/// # Ok(()) }
/// ```
///
/// **Deaths:** a guard changes the elements in place; a process that dies or panics with it may leave
/// them half changed, and the next ones are told, until somebody has accepted.
#[derive(Debug)]
pub struct LockedArray<T, D> {
    latch: Latch,
    #[allow(clippy::type_complexity, reason = "a name would say no more")]
    types: PhantomData<fn() -> (T, D)>,
}

impl<T, D> Clone for LockedArray<T, D> {
    fn clone(&self) -> Self {
        LockedArray { latch: self.latch.clone(), types: PhantomData }
    }
}

/// Has the lock of a [`LockedArray`], until it is dropped, and gives the elements in place: as a slice
/// in C order, or as views of `ndarray`.
#[must_use = "the lock is released at once"]
#[derive(Debug)]
pub struct LockedArrayGuard<'a, T, D> {
    open: Open<'a>,
    lock: &'a LockedArray<T, D>,
    dim: D,
}

const WHAT: &str = "an array with a lock";

fn sealed(axes: &[usize]) -> u64 {
    seal(axes.iter().map(|len| *len as u64))
}

impl<T: Element, D: Dimension> LockedArray<T, D> {
    /// An array of these elements, in C order; they are zeros where there are fewer.
    pub(crate) fn make(
        commons: &Arc<Commons>,
        dim: impl IntoDimension<Dim = D>,
        elements: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        const { assert!(size_of::<T>() > 0, "elements of size 0 cannot be stored") };
        const { assert!(align_of::<T>() <= 128, "elements aligned to more than 128 bytes") };
        let dim = dim.into_dimension();
        if dim.ndim() > AXES_MAX {
            return Err(Error::Limit {
                what: "the number of axes of an array with a lock",
                asked: dim.ndim() as u64,
                limit: AXES_MAX as u64,
                remedy: "join some of them",
            });
        }
        let len = bytes_of_shape(dim.slice(), size_of::<T>());
        let bytes =
            len.unwrap_or(usize::MAX).saturating_add(WORDS * 8).min(isize::MAX as usize / 2);
        let type_name = std::any::type_name::<Self>();
        let spec =
            Spec { kind: Kind::LockedArray, purpose: WHAT, bytes, type_name, bury: latch::bury };
        let anchor = latch::make(commons, spec, |region, offset| {
            let words = region.slice::<AtomicU64>(offset, WORDS);
            words[0].store(dim.ndim() as u64, Relaxed);
            for (word, len) in words[1..].iter().zip(dim.slice()) {
                word.store(*len as u64, Relaxed);
            }
            words[WORDS - 1].store(sealed(dim.slice()), Relaxed);
            let start = address::<T>(region, offset, dim.size());
            // SAFETY: aligned and inside the region (`address`), zeroed, any bits are a `T`, and
            // nobody else has the thing yet.
            let room = unsafe { std::slice::from_raw_parts_mut(start, dim.size()) };
            room.iter_mut().zip(elements).for_each(|(to, element)| *to = element);
        })?;
        Ok(Self::over(anchor))
    }

    fn over(anchor: Anchor) -> Self {
        LockedArray { latch: Latch::over(anchor, WHAT), types: PhantomData }
    }

    /// The shape, as `ndarray` gives it: `usize` in one dimension, a tuple in several.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`] if somebody wrote over it.
    pub fn dim(&self) -> Result<D::Pattern> {
        self.dimension().map(Dimension::into_pattern)
    }

    /// The shape, which never changes.
    fn dimension(&self) -> Result<D> {
        let words = self.latch.anchor.region().slice::<AtomicU64>(self.latch.guarded(), WORDS);
        let axes = words[0].load(Relaxed) as usize;
        let is_possible = axes <= AXES_MAX && D::NDIM.is_none_or(|of_type| of_type == axes);
        if !is_possible {
            return Err(self.latch.broken());
        }
        let mut dim = D::zeros(axes);
        for (len, word) in dim.slice_mut().iter_mut().zip(&words[1..]) {
            *len = word.load(Relaxed) as usize;
        }
        let is_sealed = words[WORDS - 1].load(Relaxed) == sealed(dim.slice());
        if is_sealed { Ok(dim) } else { Err(self.latch.broken()) }
    }

    fn lock_in(&self, until: Until) -> TryLockResult<LockedArrayGuard<'_, T, D>> {
        let dim = self.dimension().map_err(LockError::Broken)?;
        self.latch.open(until, |open| LockedArrayGuard { open, lock: self, dim })
    }

    fn start(&self, len: usize) -> *mut T {
        address(self.latch.anchor.region(), self.latch.guarded(), len)
    }
}

/// The first of so many elements.
fn address<T>(region: &Region, guarded: usize, len: usize) -> *mut T {
    region.bytes(guarded + WORDS * 8, len.saturating_mul(size_of::<T>())).cast::<T>().as_ptr()
}

guarded!([T: Element, D: Dimension] LockedArray<T, D>, LockedArrayGuard [T, D]);
travels!([T: Element, D: Dimension] LockedArray<T, D>, Kind::LockedArray, latch.anchor);

impl<T: Element, D: Dimension> LockedArrayGuard<'_, T, D> {
    /// An `ndarray` view, without a copy.
    pub fn view(&self) -> ArrayView<'_, T, D> {
        ArrayView::from_shape(self.dim.clone(), self).expect("C order fits its shape")
    }

    /// An `ndarray` view to write through, without a copy.
    pub fn view_mut(&mut self) -> ArrayViewMut<'_, T, D> {
        let dim = self.dim.clone();
        ArrayViewMut::from_shape(dim, self).expect("C order fits its shape")
    }
}

impl<T: Element, D: Dimension> Deref for LockedArrayGuard<'_, T, D> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let len = self.dim.size();
        // SAFETY: aligned and inside the region (`address`), any bits are a `T`, and the holder of the
        // lock, which this is, is alone in changing it.
        unsafe { std::slice::from_raw_parts(self.lock.start(len), len) }
    }
}

impl<T: Element, D: Dimension> DerefMut for LockedArrayGuard<'_, T, D> {
    fn deref_mut(&mut self) -> &mut [T] {
        let len = self.dim.size();
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lock.start(len), len) }
    }
}
