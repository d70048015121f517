//! Elements picked by their places.

use gristmill::{Chunk, Element, In, Kernel, Out, Whole};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// An unsigned integer that says a place: `u32` or `u64`.
pub trait Place: Element {
    /// The place; one that no memory has where it is too large.
    fn place(self) -> usize;
}

impl Place for u32 {
    #[inline]
    fn place(self) -> usize {
        self as usize
    }
}

impl Place for u64 {
    #[inline]
    fn place(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }
}

/// `y[i] = x[index[i]]`, as `numpy.take` does; any shapes, in C order.
///
/// Arrays: x, the indices (`u32` or `u64`), y, of as many elements as there are indices.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Gather;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.from_fn(10, |i| i as f64 / 10.0)?;
/// let index = engine.array_from(&ndarray::arr1(&[9u32, 0, 9]))?;
/// let mut y = engine.zeros(3)?;
/// engine.run(&Gather::new(), (&x, &index, &mut y))?;
/// assert_eq!(y.as_slice(), [0.9, 0.0, 0.9]);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`Engine::run`](gristmill::Engine::run); [`Error::Panicked`](gristmill::Error::Panicked) where
/// an index is not less than the number of elements of x: it names index and place.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Gather<T, I> {
    #[serde(skip)]
    types: PhantomData<fn(T, I)>,
}

impl<T, I> Gather<T, I> {
    /// The kernel; its types follow from the arrays.
    pub const fn new() -> Gather<T, I> {
        Gather { types: PhantomData }
    }
}

impl<T, I> Default for Gather<T, I> {
    fn default() -> Gather<T, I> {
        Gather::new()
    }
}

impl<T: Element, I: Place> Kernel for Gather<T, I> {
    type Args = (Whole<T>, In<I>, Out<T>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, index, y): (&[T], &[I], &mut [T])) {
        for (i, (y, index)) in y.iter_mut().zip(index).enumerate() {
            let place = index.place();
            let Some(x) = x.get(place) else { out_of_reach(chunk.start() + i, place, x.len()) };
            *y = *x;
        }
    }
}

#[cold]
fn out_of_reach(at: usize, place: usize, len: usize) -> ! {
    panic!("index {at} is {place}, and x has {len} elements");
}
