//! Arrays that move to a child process as its arguments, and back as its result, without a copy.
//!
//! The coordinator keeps the block as luggage until it comes back or the child is no more. What a child
//! may take is told it beside its arguments, and each array can be taken once: so an array has one
//! owner, whatever a type's own serialisation does.

use super::anchor::{FOREIGN, address};
use crate::memory::{Array, Block, Element, Region, bytes_of_shape};
use crate::shared::crossing::{self, Cargo, Departure, Luggage, Way};
use ndarray::Dimension;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::any::Any;
use std::sync::Arc;

/// Where the block is, and the array's shape.
#[derive(Serialize, Deserialize)]
struct Bill {
    place: u64,
    shape: Vec<usize>,
}

impl Cargo for Block {
    fn moved_bytes(&self) -> Option<usize> {
        Some(self.len())
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// An array moves to a child process, as an argument of [`Engine::spawn`](crate::Engine::spawn), and
/// back as its result: its place goes there, its elements stay where they are.
///
/// # Errors
///
/// In every other way: to tasks, kernels, pipes and queues it can go frozen
/// ([`Engine::freeze`](crate::Engine::freeze)), which all can read.
impl<T: Element, D: Dimension> Serialize for Array<T, D> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (block, place) = (self.block(), self.block().offset() as u64);
        match crossing::depart(address(block.region()), place, Some(Arc::clone(block) as _)) {
            Departure::Sent(Way::Process) => {}
            Departure::Sent(_) | Departure::Outside => {
                return Err(crossing::refuse(
                    "an array moves as an argument to a child process, and back as its result, and \
                     in no other way: freeze it (`Engine::freeze`) for others to read it, or save \
                     it as a file",
                ));
            }
            Departure::Foreign => return Err(crossing::refuse(FOREIGN)),
        }
        Bill { place, shape: self.shape().to_vec() }.serialize(to)
    }
}

impl<'de, T: Element, D: Dimension> Deserialize<'de> for Array<T, D> {
    fn deserialize<F: Deserializer<'de>>(from: F) -> Result<Self, F::Error> {
        let Bill { place, shape } = Bill::deserialize(from)?;
        let lost = || de::Error::custom("this array was not sent to this process");
        let block = crossing::arrive_moved::<Block>(place).ok_or_else(lost)?;
        over(block, &shape).ok_or_else(|| de::Error::custom("the array has another type"))
    }
}

/// An array of this shape, if the block is large enough, and the shape has its dimensions.
pub(super) fn over<T: Element, D: Dimension>(
    block: Arc<Block>,
    shape: &[usize],
) -> Option<Array<T, D>> {
    let bytes = bytes_of_shape(shape, size_of::<T>())?;
    if bytes > block.len() || D::NDIM.is_some_and(|axes| axes != shape.len()) {
        return None;
    }
    let mut dim = D::zeros(shape.len());
    dim.slice_mut().copy_from_slice(shape);
    Some(Array::over_shared(block, dim))
}

/// What a child process finds of the arrays that were moved to it.
pub(crate) fn lent(region: &'static Region, moved: &[(u64, u64)]) -> Option<Luggage> {
    let piece = |&(place, bytes): &(u64, u64)| {
        let block =
            Block::lent(region, usize::try_from(place).ok()?, usize::try_from(bytes).ok()?)?;
        Some((place, Arc::new(block) as Arc<dyn Cargo>))
    };
    Some(Luggage::of(moved.iter().map(piece).collect::<Option<Vec<_>>>()?))
}
