//! Floor 5: what processes of an engine share beside arrays, as users hold it: values and their locks,
//! pipes, queues. Each is one block of the region; handles are its place there, and travel as that.

pub(crate) mod anchor;
mod codec;
mod commons;
mod frozen;
mod header;
mod loan;
mod lock;
mod moved;
mod namespace;
mod pipe;
mod queue;
mod sync;

pub(crate) use anchor::address;
pub use codec::{Codec, Plain, Serde};
pub(crate) use commons::Commons;
pub use frozen::Frozen;
pub use lock::{
    Condvar, Guard, LockError, LockResult, LockedArray, LockedArrayGuard, Mutex, MutexGuard, Once,
    OwnerDied, ReadGuard, RunBefore, RwLock, Shared, SharedGuard, TryLockResult, WriteGuard,
};
pub(crate) use moved::lent;
pub use namespace::{Namespace, Transaction};
pub use pipe::{Duplex, Receiver, Sender};
pub(crate) use pipe::{duplex, pipe};
pub use queue::{JoinableQueue, Lease, PriorityQueue, Queue};
pub use sync::{Barrier, BarrierWait, Event, Permit, Semaphore};
