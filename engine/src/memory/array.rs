//! Typed arrays in the region, any dimension, C order.

use super::allocator::Block;
use bytemuck::Pod;
use ndarray::{ArrayView, ArrayViewMut, Dimension};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Index, IndexMut, Range};
use std::sync::Arc;

/// What an array can hold: plain data, so that any process may look at the same bytes.
///
/// Every [`bytemuck::Pod`] type is one: all integers and floats, `num_complex::Complex`, and your
/// own `#[repr(C)]` structs with `#[derive(Pod, Zeroable)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of an array",
    note = "give it `#[repr(C)]` and derive `bytemuck::Pod`, `bytemuck::Zeroable`, `Clone`, `Copy`"
)]
pub trait Element: Pod + Send + Sync {}

#[diagnostic::do_not_recommend]
impl<T: Pod + Send + Sync> Element for T {}

/// The greatest alignment of an element: that of a block of the region.
const ALIGN_MAX: usize = 128;

/// Bytes of an array of this shape; none if that fits no memory. Zeros must not hide an overflow of the
/// others: strides are computed from all of them.
pub(crate) fn bytes_of_shape(shape: &[usize], element_bytes: usize) -> Option<usize> {
    let axes = shape.iter().filter(|&&len| len > 0);
    let full = axes.copied().try_fold(element_bytes, usize::checked_mul)?;
    let is_empty = shape.contains(&0);
    (full <= isize::MAX as usize).then_some(if is_empty { 0 } else { full })
}

/// An array in shared memory, C order, made by an engine.
///
/// It is read and written through [`view`](Array::view) and [`view_mut`](Array::view_mut), which
/// are `ndarray` views of the very bytes that the workers see. Where only the order of the
/// elements counts it coerces to [`Elements`], a slice-like type that keeps no shape.
///
/// Dropping it gives its memory back to the engine; it may outlive the engine.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// let engine = gristmill::Engine::builder().workers(2).build()?;
/// let mut grid = engine.zeros::<f64, _>((3, 4))?;
/// grid.view_mut()[[2, 1]] = 5.0;
/// assert_eq!(grid.view().sum(), 5.0);
/// assert_eq!(grid.dim(), (3, 4));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Array<T, D> {
    /// Shared only while the array is on its way to another process, or frozen.
    block: Arc<Block>,
    dim: D,
    elements: PhantomData<T>,
}

/// The elements of an array in C order: `&Array<T, D>` coerces to `&Elements<T>`, and a range of
/// it is again one, so a kernel can run on a part of an array.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// let engine = gristmill::Engine::builder().workers(2).build()?;
/// let x = engine.from_fn(10, |i| i as f64)?;
/// assert_eq!(engine.sum(&x[2..5])?, 2.0 + 3.0 + 4.0);
/// # Ok(()) }
/// ```
#[derive(Debug, PartialEq)]
#[repr(transparent)]
pub struct Elements<T>([T]);

impl<T: Element, D: Dimension> Array<T, D> {
    /// Takes a block over as an array of this shape.
    pub(crate) fn new(block: Block, dim: D) -> Array<T, D> {
        Array::over_shared(Arc::new(block), dim)
    }

    /// The same of a block that others may keep or read as well.
    pub(crate) fn over_shared(block: Arc<Block>, dim: D) -> Array<T, D> {
        const { assert!(size_of::<T>() > 0, "elements of size 0 cannot be stored") };
        const { assert!(align_of::<T>() <= ALIGN_MAX, "elements aligned to more than 128 bytes") };
        assert!(dim.size() * size_of::<T>() <= block.len(), "the block is too small for {dim:?}");
        Array { block, dim, elements: PhantomData }
    }

    /// The shape, as `ndarray` gives it: `usize` in one dimension, a tuple in several.
    pub fn dim(&self) -> D::Pattern {
        self.dim.clone().into_pattern()
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        self.dim.slice()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.dim.size()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements in C order.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: the block is large enough (`over_shared`), aligned to 128 bytes, and any bits are a
        // `Pod` value. It is ours alone, or shared by those who only read. Workers write it only
        // during a launch that borrows it mutably.
        unsafe { std::slice::from_raw_parts(self.block.address().cast(), self.len()) }
    }

    /// All elements in C order, to write.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.refuse_shared();
        // SAFETY: as for `as_slice`, and the exclusive borrow excludes every launch.
        unsafe { std::slice::from_raw_parts_mut(self.block.address().cast(), self.len()) }
    }

    /// An `ndarray` view, without a copy.
    pub fn view(&self) -> ArrayView<'_, T, D> {
        ArrayView::from_shape(self.dim.clone(), self.as_slice()).expect("C order fits its shape")
    }

    /// An `ndarray` view to write through, without a copy.
    pub fn view_mut(&mut self) -> ArrayViewMut<'_, T, D> {
        let dim = self.dim.clone();
        ArrayViewMut::from_shape(dim, self.as_mut_slice()).expect("C order fits its shape")
    }

    /// Writes the array as a `.npy` file, which appears whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) if the file cannot be written.
    pub fn save_npy(&self, path: impl AsRef<std::path::Path>) -> crate::Result<()>
    where
        T: ndarray_npy::WritableElement,
    {
        super::npy_file::save(path.as_ref(), &self.view())
    }

    /// The elements as a copy that lives in ordinary memory.
    pub fn to_owned(&self) -> ndarray::Array<T, D> {
        self.view().to_owned()
    }

    /// The block again.
    pub(crate) fn into_block(self) -> Block {
        Arc::into_inner(self.block).expect("whoever has an array has its block alone")
    }

    /// The block, for whoever keeps it while the array is elsewhere.
    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// The block, to exchange contents with an array of the same shape.
    pub(crate) fn block_mut(&mut self) -> &mut Arc<Block> {
        self.refuse_shared();
        &mut self.block
    }

    /// Whoever writes has the block alone: it is shared by arrays that are frozen, which nobody has
    /// mutably, and while it is looked at whether an array can be sent.
    fn refuse_shared(&self) {
        assert!(Arc::strong_count(&self.block) == 1, "the array is about to be sent");
    }
}

impl Array<u8, ndarray::Ix1> {
    /// All bytes of a block.
    pub(crate) fn over(block: Block) -> Array<u8, ndarray::Ix1> {
        let dim = ndarray::Dim(block.len());
        Array::new(block, dim)
    }
}

impl<T> Elements<T> {
    fn new(slice: &[T]) -> &Elements<T> {
        // SAFETY: `Elements` is a transparent wrapper of a slice: same address, length, lifetime.
        unsafe { &*(std::ptr::from_ref(slice) as *const Elements<T>) }
    }

    fn new_mut(slice: &mut [T]) -> &mut Elements<T> {
        // SAFETY: as in `new`, and the borrow stays exclusive.
        unsafe { &mut *(std::ptr::from_mut(slice) as *mut Elements<T>) }
    }

    /// The elements as a slice.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// The elements as a slice to write.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.0
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Element, D: Dimension> Deref for Array<T, D> {
    type Target = Elements<T>;

    fn deref(&self) -> &Elements<T> {
        Elements::new(self.as_slice())
    }
}

impl<T: Element, D: Dimension> DerefMut for Array<T, D> {
    fn deref_mut(&mut self) -> &mut Elements<T> {
        Elements::new_mut(self.as_mut_slice())
    }
}

impl<T> Index<Range<usize>> for Elements<T> {
    type Output = Elements<T>;

    fn index(&self, range: Range<usize>) -> &Elements<T> {
        Elements::new(&self.0[range])
    }
}

impl<T> IndexMut<Range<usize>> for Elements<T> {
    fn index_mut(&mut self, range: Range<usize>) -> &mut Elements<T> {
        Elements::new_mut(&mut self.0[range])
    }
}

impl<T> Index<usize> for Elements<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.0[index]
    }
}

impl<T> IndexMut<usize> for Elements<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.0[index]
    }
}
