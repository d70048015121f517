//! A lock of what lies outside the engine.

use super::guard::{LockResult, TryLockResult, guarded};
use super::latch::{self, Latch, Open};
use crate::error::Result;
use crate::machine::Until;
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::sync::Arc;

/// A lock between processes of what lies outside the engine, a file or a terminal:
/// [`Engine::mutex`](crate::Engine::mutex).
///
/// Python has `Lock` for this and for values; a value of the engine brings its lock with it
/// ([`Shared`](crate::Shared)), and cannot be reached without.
///
/// Clones are the same lock, and so is what arrives where a handle is passed to. **Deaths:** the lock
/// of a process that dies is released, and the next one to take it is told
/// ([`LockError::OwnerDied`](crate::LockError::OwnerDied)), and so is everybody after that until
/// somebody has accepted; a panic counts as a death. (In CPython everybody else waits for ever.) Unlike
/// Python's `RLock` it is not taken twice by one thread, which would see what it guards half changed:
/// that panics. Only the thread that has it can release it.
///
/// ```
/// # use gristmill::Mutex;
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let in_turn = engine.mutex()?;
/// let print = |(in_turn, lines): (Mutex, Vec<String>)| {
///     let _turn = in_turn.lock().unwrap();
///     lines.iter().for_each(|line| println!("{line}")); // and nobody else's between them
/// };
/// let process = engine.spawn(print, (in_turn.clone(), vec!["a".into(), "b".into()]))?;
/// drop(in_turn.lock()?);
/// process.join()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Mutex {
    latch: Latch,
}

/// Has a [`Mutex`], until it is dropped.
#[must_use = "the lock is released at once"]
#[derive(Debug)]
pub struct MutexGuard<'a> {
    open: Open<'a>,
    lock: &'a Mutex,
}

const WHAT: &str = "a mutex";

impl Mutex {
    pub(crate) fn make(commons: &Arc<Commons>) -> Result<Mutex> {
        let type_name = std::any::type_name::<Self>();
        let spec =
            Spec { kind: Kind::Mutex, purpose: WHAT, bytes: 0, type_name, bury: latch::bury };
        Ok(Mutex::over(latch::make(commons, spec, |_, _| {})?))
    }

    fn over(anchor: Anchor) -> Mutex {
        Mutex { latch: Latch::over(anchor, WHAT) }
    }

    fn lock_in(&self, until: Until) -> TryLockResult<MutexGuard<'_>> {
        self.latch.open(until, |open| MutexGuard { open, lock: self })
    }
}

guarded!([] Mutex, MutexGuard []);
travels!([] Mutex, Kind::Mutex, latch.anchor);
