//! Arrays that all processes of an engine read, and nobody writes.
//!
//! The elements are freed, or can be written again, when no handle is left in any process.

use super::anchor::Anchor;
use super::commons::{Commons, Spec};
use super::header::Kind;
use super::moved::over;
use crate::error::{Error, Result};
use crate::memory::{Array, Block, Element};
use ndarray::Dimension;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// An array that is only read from now on, by any process of its engine, without a copy:
/// [`Engine::freeze`](crate::Engine::freeze).
///
/// Handles can be cloned, and passed to child processes, tasks and kernels as (a part of) their
/// arguments or parameters. One derefs to [`Array`], so that it can be read, and given to kernels, as
/// an array is.
///
/// ```
/// use gristmill::{Engine, Frozen};
/// use ndarray::Ix1;
///
/// fn dot((x, y): (Frozen<f64, Ix1>, Frozen<f64, Ix1>)) -> f64 {
///     x.view().dot(&y.view())
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.freeze(engine.from_fn(1000, |i| i as f64)?)?;
/// let ones = engine.freeze(engine.filled(1000, 1.0)?)?;
/// let process = engine.spawn(dot, (x.clone(), ones.clone()))?;
/// let pairs = [(x.clone(), ones.clone()), (ones.clone(), ones)];
/// let sums: Vec<f64> = engine.tasks().map(dot, pairs)?.collect::<Result<_, _>>().unwrap();
/// assert_eq!((process.join()?, sums), (499_500.0, vec![499_500.0, 1000.0]));
/// assert_eq!(engine.sum(&x)?, 499_500.0); // kernels read it as any array
///
/// // The only handle makes an array of it again.
/// let mut x = x.thaw().expect("nobody else has a handle");
/// x[0] = 0.5;
/// # Ok(()) }
/// ```
///
/// What would write it does not compile:
///
/// ```compile_fail,E0596
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let mut x = engine.freeze(engine.from_fn(1000, |i| i as f64)?)?;
/// x[0] = 0.5;
/// # Ok(()) }
/// ```
///
/// One that was sent through a pipe, a queue or a namespace is kept until the engine ends: nobody knows
/// who may receive it, and when.
pub struct Frozen<T, D> {
    array: Array<T, D>,
    anchor: Anchor,
}

/// What goes before the elements' own block: where that is.
const WORDS: usize = 2;

impl<T: Element, D: Dimension> Frozen<T, D> {
    pub(crate) fn make(commons: &Arc<Commons>, array: Array<T, D>) -> Result<Frozen<T, D>> {
        let block = Arc::clone(array.block());
        if !std::ptr::eq(block.region(), commons.region()) {
            return Err(Error::ForeignArray { kernel: "freeze".into(), argument: 0 });
        }
        let type_name = std::any::type_name::<Self>();
        let spec = Spec {
            kind: Kind::Frozen,
            purpose: "what keeps a frozen array",
            bytes: WORDS * 8,
            type_name,
            bury: |_, _, _| (),
        };
        let place = [block.offset(), block.len()];
        let anchor = commons.make_with(spec, block, |region, offset| {
            let words = region.slice::<AtomicU64>(offset, WORDS);
            words.iter().zip(place).for_each(|(word, value)| word.store(value as u64, Relaxed));
            Ok(())
        })?;
        Ok(Frozen { array, anchor })
    }

    /// The array, to write it again, if nobody else has a handle: none is in this process, and no child
    /// process, task or kernel has been given one that it may still read. (Workers keep the kernel that
    /// they ran last until they run another.)
    ///
    /// # Errors
    ///
    /// This handle again, if there are others.
    pub fn thaw(self) -> Result<Array<T, D>, Frozen<T, D>> {
        let Frozen { array, anchor } = self;
        match anchor.into_array() {
            Ok(_) => Ok(array),
            Err(anchor) => Err(Frozen { array, anchor }),
        }
    }

    /// As this process reaches the elements.
    fn over(anchor: Anchor, shape: &[usize]) -> Option<Frozen<T, D>> {
        let block = match anchor.lent_region() {
            None => anchor.array()?,
            Some(region) => {
                let words = region.slice::<AtomicU64>(anchor.offset(), WORDS);
                let word = |at: usize| words[at].load(Relaxed) as usize;
                Arc::new(Block::lent(region, word(0), word(1))?)
            }
        };
        Some(Frozen { array: over(block, shape)?, anchor })
    }
}

impl<T: Element, D: Dimension> Clone for Frozen<T, D> {
    fn clone(&self) -> Self {
        let block = Arc::clone(self.array.block());
        let array = over(block, self.shape()).expect("the same shape");
        Frozen { array, anchor: self.anchor.clone() }
    }
}

impl<T, D> Deref for Frozen<T, D> {
    type Target = Array<T, D>;

    fn deref(&self) -> &Array<T, D> {
        &self.array
    }
}

impl<T, D: fmt::Debug> fmt::Debug for Frozen<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frozen").field("anchor", &self.anchor).finish_non_exhaustive()
    }
}

/// A handle, without the shape.
struct Handle<A>(A);

impl Serialize for Handle<&Anchor> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.depart(to)
    }
}

impl<T: Element, D: Dimension> Serialize for Frozen<T, D> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (Handle(&self.anchor), self.shape()).serialize(to)
    }
}

/// The same on arrival, of a type whose name is that of the handles.
struct Arrived<F>(Anchor, PhantomData<F>);

impl<'de, F> Deserialize<'de> for Arrived<F> {
    fn deserialize<S: Deserializer<'de>>(from: S) -> Result<Self, S::Error> {
        let anchor = Anchor::arrive(Kind::Frozen, std::any::type_name::<F>(), from)?;
        Ok(Arrived(anchor, PhantomData))
    }
}

impl<'de, T: Element, D: Dimension> Deserialize<'de> for Frozen<T, D> {
    fn deserialize<S: Deserializer<'de>>(from: S) -> Result<Self, S::Error> {
        let (arrived, shape) = <(Arrived<Self>, Vec<usize>)>::deserialize(from)?;
        let frozen = Frozen::over(arrived.0, &shape);
        frozen.ok_or_else(|| de::Error::custom("what keeps a frozen array was written over"))
    }
}
