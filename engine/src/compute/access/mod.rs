//! How kernels reach their arrays: access kinds as marker types, plain slices and `ndarray` views
//! in `run`.
//!
//! | kind | `run` gets | the array is |
//! |---|---|---|
//! | `In<T>`, `In<T, D>` | `&[T]`, `ArrayView<T, D>` of its chunk | cut |
//! | `Out<T>`, `Out<T, D>` | `&mut [T]`, `ArrayViewMut<T, D>`, to be written whole | cut |
//! | `InOut<T>`, `InOut<T, D>` | the same, to be updated; kept for a retry | cut |
//! | `Halo<T, D>` | a [`HaloView`]: its rows, and neighbours up to the kernel's halo | cut |
//! | `Tile<T>`, `TileOut<T>` | `ArrayView2<T>`, `ArrayViewMut2<T>` of a rectangle | cut into tiles |
//! | `Whole<T>`, `Whole<T, D>` | `&[T]`, `ArrayView<T, D>` of all of it | read by all |
//! | `Merge<T, Op>` | `&mut [T]`: a private accumulator, merged exactly once | a reduction cell; of floats, one per group |
//!
//! Without a `D` an array of any dimension is cut by elements in C order; with a `D` it is cut by
//! rows (its first axis). All cut arrays of a kernel must have the same number of pieces to cut;
//! with tiles, the same shape.

mod args;
mod halo;
mod merge;
mod tile;

pub use args::Args;
pub use halo::HaloView;
pub use merge::{Add, BitOr, Largest, MergeOp, Smallest};

use super::array_slot::{FlatSlot, Slot};
use super::chunk::Chunk;
use super::program::InPlan;
use crate::error::Result;
use crate::memory::{Array, Element, Elements};
use ndarray::{ArrayView, ArrayViewMut, Dimension};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::ops::Range;

/// Stands for "any dimension, in C order" where an access kind takes a dimension.
#[derive(Debug)]
pub struct Flat;

/// Reads the elements (or rows) of its chunk.
#[derive(Debug)]
pub struct In<T, D = Flat>(PhantomData<(T, D)>);
/// Writes all elements (or rows) of its chunk. What it finds there is unspecified; debug builds
/// fill it with a pattern, as a kernel that read it could not be retried.
#[derive(Debug)]
pub struct Out<T, D = Flat>(PhantomData<(T, D)>);
/// Updates the elements (or rows) of its chunk in place. They are copied aside first, so that a
/// retry starts from the old values.
#[derive(Debug)]
pub struct InOut<T, D = Flat>(PhantomData<(T, D)>);
/// Reads any element of the array.
#[derive(Debug)]
pub struct Whole<T, D = Flat>(PhantomData<(T, D)>);
/// Reads its tile of a two-dimensional array: see [`Kernel::tile`](super::Kernel::tile).
#[derive(Debug)]
pub struct Tile<T>(PhantomData<T>);
/// Writes all of its tile, of which it finds the elements unspecified, as with [`Out`].
///
/// ```
/// use gristmill::{Chunk, Engine, Kernel, TileOut, Whole};
/// use ndarray::{ArrayView2, ArrayViewMut2, Ix2};
/// use serde::{Deserialize, Serialize};
///
/// /// c = a b
/// #[derive(Serialize, Deserialize)]
/// struct Product;
///
/// impl Kernel for Product {
///     type Args = (Whole<f64, Ix2>, Whole<f64, Ix2>, TileOut<f64>);
///     type Output = ();
///     fn run(
///         &self,
///         chunk: Chunk,
///         (a, b, mut c): (ArrayView2<f64>, ArrayView2<f64>, ArrayViewMut2<f64>),
///     ) {
///         let (rows, columns) = (chunk.range(), chunk.columns());
///         c.indexed_iter_mut().for_each(|((i, j), c)| {
///             *c = a.row(rows.start + i).dot(&b.column(columns.start + j));
///         });
///     }
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let a = engine.from_fn((200, 30), |(i, j)| (i + j) as f64)?;
/// let b = engine.from_fn((30, 150), |(i, j)| (i * j % 7) as f64)?;
/// let mut c = engine.zeros((200, 150))?;
/// engine.run(&Product, (&a, &b, &mut c))?;
/// assert_eq!(c.view(), a.view().dot(&b.view()));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TileOut<T>(PhantomData<T>);
/// Reads the rows of its chunk and their neighbours, up to [`Kernel::halo`](super::Kernel::halo).
#[derive(Debug)]
pub struct Halo<T, D>(PhantomData<(T, D)>);
/// Accumulates into a private copy of the array, which is merged into it by `Op`, each chunk
/// exactly once. The array's earlier contents are replaced. What a call finds in the accumulator is
/// unspecified (the identity, or what earlier chunks left): add to it, and read nothing from it.
/// A kernel that merges cannot update another array in place.
///
/// Where merging is exact (integers) that is a reduction cell: a worker accumulates over many
/// chunks. Where it is not (floats) each of a fixed number of groups of indices has an accumulator
/// of its own, and those are folded by the fixed tree; so the bits are the same in either case.
/// There are at most 256 such groups, and as many as take 256 MiB: an accumulator of more than
/// 128 MiB makes one group, and so one worker does the step.
#[derive(Debug)]
pub struct Merge<T, Op>(PhantomData<(T, Op)>);

/// What an access does with its array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Reads its chunk.
    Read,
    /// Reads its chunk with a halo of rows.
    Halo,
    /// Writes its chunk.
    Write,
    /// Updates its chunk in place.
    Update,
    /// Reads all of it.
    Whole,
    /// Merges into all of it, exactly, in any order.
    Merge,
    /// Accumulates in groups, which are then folded in order.
    Accumulate,
    /// Reads its tile.
    Tile,
    /// Writes its tile.
    TileOut,
}

impl Kind {
    /// Whether the array is cut into chunks.
    pub(crate) fn is_cut(self) -> bool {
        !matches!(self, Kind::Whole | Kind::Merge | Kind::Accumulate)
    }

    /// Whether it is merged from accumulators.
    pub(crate) fn is_merged(self) -> bool {
        matches!(self, Kind::Merge | Kind::Accumulate)
    }

    /// Whether it is cut into tiles.
    pub(crate) fn is_tiled(self) -> bool {
        matches!(self, Kind::Tile | Kind::TileOut)
    }

    /// Whether the array is changed.
    pub(crate) fn is_written(self) -> bool {
        !matches!(self, Kind::Read | Kind::Halo | Kind::Whole | Kind::Tile)
    }

    /// Whether what the array held before is lost: it is a result and no input.
    #[cfg(feature = "cli")]
    pub(crate) fn is_replaced(self) -> bool {
        matches!(self, Kind::Write | Kind::TileOut | Kind::Merge | Kind::Accumulate)
    }
}

/// An access, as data.
#[derive(Debug, Clone, Copy)]
pub struct AccessSpec {
    /// What it does.
    pub kind: Kind,
    /// Whether it is cut by rows and keeps its shape; else by elements, in C order.
    pub shaped: bool,
    /// Number of axes it asks for; none if any array will do.
    pub ndim: Option<usize>,
    /// The element type's name.
    pub element: fn() -> &'static str,
    /// Bytes of an element.
    pub element_bytes: usize,
}

impl AccessSpec {
    /// As a kernel's `Args` name it, the operation of a `Merge` left out.
    pub(crate) fn marker(&self) -> String {
        let marker = match self.kind {
            Kind::Read => "In",
            Kind::Halo => "Halo",
            Kind::Write => "Out",
            Kind::Update => "InOut",
            Kind::Whole => "Whole",
            Kind::Merge | Kind::Accumulate => "Merge",
            Kind::Tile => "Tile",
            Kind::TileOut => "TileOut",
        };
        let element = (self.element)();
        match (self.shaped && !self.kind.is_tiled(), self.ndim) {
            (false, _) => format!("{marker}<{element}>"),
            (true, Some(axes)) => format!("{marker}<{element}, Ix{axes}>"),
            (true, None) => format!("{marker}<{element}, IxDyn>"),
        }
    }
}

/// Where an array lies, as its owner sees it.
#[derive(Debug, Clone)]
pub struct Place {
    pub(crate) address: *const u8,
    pub(crate) len: usize,
    pub(crate) shape: Vec<usize>,
}

/// Where an array lies in this process, for the step at hand.
#[derive(Debug, Clone)]
pub struct Located {
    pub(crate) base: *mut u8,
    pub(crate) len: usize,
    pub(crate) shape: Vec<usize>,
    /// Elements per index of the first axis, or 1 if cut by elements.
    pub(crate) stride: usize,
}

impl Located {
    /// The address and the number of elements of some indices.
    fn piece<T>(&self, range: &Range<usize>) -> (*mut T, usize) {
        let (start, len) = (range.start * self.stride, range.len() * self.stride);
        debug_assert!(start + len <= self.len, "indices {range:?} lie outside the array");
        (self.base.cast::<T>().wrapping_add(start), len)
    }

    fn dim<D: Dimension>(&self, rows: usize) -> D {
        let mut dim = D::zeros(self.shape.len());
        dim.slice_mut().copy_from_slice(&self.shape);
        if let Some(first) = dim.slice_mut().first_mut() {
            *first = rows;
        }
        dim
    }
}

/// The part of the index space that views are made for.
#[derive(Debug, Clone)]
pub struct Window {
    pub(crate) chunk: Chunk,
    pub(crate) halo: usize,
}

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// An access kind: one of the marker types of this module.
///
/// Its items are the engine's own business; users name the markers and never implement this.
pub trait Access: Sealed + 'static {
    /// What `run` gets.
    type View<'a>;
    /// What a launch gets.
    type Array<'a>;
    /// What a step of a plan gets.
    type Slot<'a>;
    #[doc(hidden)]
    const SPEC: AccessSpec;
    #[doc(hidden)]
    fn place(array: &Self::Array<'_>) -> Place;
    #[doc(hidden)]
    fn slot(slot: &Self::Slot<'_>) -> InPlan;
    /// # Safety
    ///
    /// The place must hold an array of this element type that lives for `'a`; nobody may write
    /// what the view reads, or touch what it writes, while it lives.
    #[doc(hidden)]
    unsafe fn view<'a>(at: &'a Located, window: &Window) -> Self::View<'a>;
    /// The table of the kernel that folds accumulators of groups, where there are such.
    #[doc(hidden)]
    fn folding() -> Option<Result<u64>> {
        None
    }
    /// Fills a private accumulator with the identity, or merges it into the array.
    ///
    /// # Safety
    ///
    /// As for `view`, for the whole of both.
    #[doc(hidden)]
    unsafe fn reset(_at: &Located) {}
    /// # Safety
    ///
    /// As for `reset`.
    #[doc(hidden)]
    unsafe fn merge(_into: &Located, _from: &Located) {}
}

const fn flat<T>(kind: Kind) -> AccessSpec {
    let (element, element_bytes) = (std::any::type_name::<T>, size_of::<T>());
    AccessSpec { kind, shaped: false, ndim: None, element, element_bytes }
}

const fn shaped<T, D: Dimension>(kind: Kind) -> AccessSpec {
    AccessSpec { shaped: true, ndim: D::NDIM, ..flat::<T>(kind) }
}

fn place_of<T>(elements: &[T], shape: &[usize]) -> Place {
    Place { address: elements.as_ptr().cast(), len: elements.len(), shape: shape.to_vec() }
}

/// Implements an access kind for flat and for shaped arrays; `$borrow` is `&` or `&mut`.
macro_rules! access {
    (
        $marker:ident, $kind:expr, [$($borrow:tt)*], $slice:ident, $view:ident,
        $window:ident => $range:expr
    ) => {
        impl<T> Sealed for $marker<T, Flat> {}
        impl<T: Element> Access for $marker<T, Flat> {
            type View<'a> = &'a $($borrow)* [T];
            type Array<'a> = &'a $($borrow)* Elements<T>;
            type Slot<'a> = &'a $($borrow)* FlatSlot<T>;
            const SPEC: AccessSpec = flat::<T>($kind);

            fn place(array: &Self::Array<'_>) -> Place {
                place_of(array.as_slice(), &[array.len()])
            }

            fn slot(slot: &Self::Slot<'_>) -> InPlan {
                slot.at()
            }

            #[inline]
            unsafe fn view<'a>(at: &'a Located, $window: &Window) -> Self::View<'a> {
                let range = $range.unwrap_or(0..at.len / at.stride.max(1));
                let (start, len) = at.piece::<T>(&range);
                // SAFETY: the caller's promise; the piece lies inside the array.
                unsafe { std::slice::$slice(start, len) }
            }
        }

        impl<T, D: Dimension> Sealed for $marker<T, D> {}
        impl<T: Element, D: Dimension + 'static> Access for $marker<T, D> {
            type View<'a> = $view<'a, T, D>;
            type Array<'a> = &'a $($borrow)* Array<T, D>;
            type Slot<'a> = &'a $($borrow)* Slot<T, D>;
            const SPEC: AccessSpec = shaped::<T, D>($kind);

            fn place(array: &Self::Array<'_>) -> Place {
                place_of(array.as_slice(), array.shape())
            }

            fn slot(slot: &Self::Slot<'_>) -> InPlan {
                slot.at()
            }

            #[inline]
            unsafe fn view<'a>(at: &'a Located, $window: &Window) -> Self::View<'a> {
                let rows = at.shape.first().copied().unwrap_or(1);
                let range = $range.unwrap_or(0..rows);
                let (start, _) = at.piece::<T>(&range);
                // SAFETY: the caller's promise; these rows lie inside the array, in C order.
                unsafe { $view::from_shape_ptr(at.dim::<D>(range.len()), start) }
            }
        }
    };
}
access!(In, Kind::Read, [], from_raw_parts, ArrayView, window => Some(window.chunk.range.clone()));
access!(Whole, Kind::Whole, [], from_raw_parts, ArrayView, _window => None::<Range<usize>>);
access!(
    Out, Kind::Write, [mut], from_raw_parts_mut, ArrayViewMut,
    window => Some(window.chunk.range.clone())
);
access!(
    InOut, Kind::Update, [mut], from_raw_parts_mut, ArrayViewMut,
    window => Some(window.chunk.range.clone())
);
