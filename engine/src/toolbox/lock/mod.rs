//! Locks, the values that have one, and what is made of locks.

mod array;
mod condvar;
mod copies;
mod guard;
mod latch;
mod mutex;
mod once;
mod readers;
mod rwlock;
mod shared;

pub use array::{LockedArray, LockedArrayGuard};
pub use condvar::Condvar;
pub use guard::{Guard, LockError, LockResult, OwnerDied, TryLockResult};
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, RunBefore};
pub use rwlock::{ReadGuard, RwLock, WriteGuard};
pub use shared::{Shared, SharedGuard};
