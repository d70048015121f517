//! Floor 5: kernels and what they declare, reductions, and plans as programs in the region.

mod access;
mod apart;
mod array_slot;
mod bound;
mod chunk;
mod control;
mod failure;
mod fence;
mod fill;
mod frame;
mod fuse;
mod groups;
#[cfg(feature = "cli")]
mod hand;
mod hold;
mod kernel;
mod lanes;
#[cfg(feature = "cli")]
pub(crate) mod peak;
mod plan;
mod private;
mod program;
mod reduce;
mod scalar;
mod spoil;
mod step;
mod stock;
mod stream;
mod sum;
mod table;
#[cfg(feature = "cli")]
mod threads;

#[cfg(feature = "cli")]
pub(crate) use access::Place;
pub use access::{
    Access, AccessSpec, Add, Args, BitOr, Flat, Halo, HaloView, In, InOut, Kind, Largest, Merge,
    MergeOp, Out, Smallest, Tile, TileOut, Whole,
};
pub use array_slot::{FlatSlot, ReadSlot, Slot};
pub(crate) use bound::Loaded;
pub use chunk::Chunk;
#[cfg(test)]
pub(crate) use control::ControlBlock;
pub(crate) use control::{Control, IMAGE_WORDS, QUEUES, Start, WORKERS_MAX};
#[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
pub(crate) use failure::FailurePage;
pub(crate) use failure::{FailedAt, Failure, guarded, install_panic_hook};
pub(crate) use fill::Filled;
#[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
pub(crate) use frame::FrameWords;
pub(crate) use frame::{Ending, FRAME_WORDS, Frame, Issued, State};
#[cfg(feature = "cli")]
pub(crate) use hand::Job;
pub(crate) use hold::Part;
pub use kernel::{Kernel, Portable, Shapes, Value, Views};
pub use lanes::{LANES, fold_lanes, in_lanes, pairs_in_lanes};
pub use plan::Plan;
pub(crate) use plan::single;
#[cfg(feature = "cli")]
pub(crate) use plan::single_at;
pub(crate) use private::Private;
pub(crate) use program::{Areas, Next, Op, Program};
pub use reduce::{Count, Max, Min, Number, Output, Prod, Reduce, Sum, greater, smaller};
pub use scalar::{Operand, Operands, PlanResult, Scalar, StepKernel, With, with};
#[cfg(feature = "cli")]
pub(crate) use step::cut;
pub use stock::Total;
pub(crate) use stock::{Map, ReadFile, ReduceWith, ZipMap};
pub use stream::{fetch_ahead, stream};
pub use sum::Summand;
pub(crate) use table::{
    Alike, Named, Run, RunFn, Serve, ServeFn, conjure, encode, encode_into, slot_stride,
};
#[cfg(feature = "cli")]
pub(crate) use threads::Threads;
