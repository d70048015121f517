//! What all locks of the toolbox are made of: the robust lock, and beside it a word that says whether
//! what it guards lies open.
//!
//! Whoever changes what a lock guards in place sets `open` first, under the lock, and takes it back
//! last. So a death before any instruction in between leaves it set, a panic leaves it set as well (the
//! guard's drop sees it), and everybody who takes the lock from then on finds it, until somebody has
//! accepted. Deaths anywhere else leave nothing half done: values change by transactions, which work on
//! a copy and make it the current one by the store of one word, and a lock that was taken and nothing
//! more is released by the kernel. So the kernel's report of a dead owner says nothing by itself, and is
//! settled at once.
//!
//! Who waits for a change registers before it takes the lock to look; who changes looks for sleepers
//! while it holds the lock: of the two one is first, and no fence is needed. It wakes them after the
//! release; should it die before, the burial wakes.

use crate::error::{Error, Result};
use crate::machine::Until;
use crate::memory::{Region, Shareable};
use crate::shared::cell::Owner;
use crate::shared::damage::Damage;
use crate::shared::exchange::Gate;
use crate::shared::lock::{LockBytes, RobustLock};
use crate::shared::seat::Gone;
use crate::toolbox::anchor::Anchor;
use crate::toolbox::commons::{Commons, Spec};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};

/// What each lock begins with in the region. Only the lock's holder changes `open` and `current`.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Words {
    lock: LockBytes,
    /// Not 0 while what the lock guards is changed in place.
    open: AtomicU32,
    /// Which of the two copies of a value is the current one.
    pub(super) current: AtomicU32,
    /// Where those sleep who wait for a change.
    pub(super) changed: Gate,
}

// SAFETY: atomics, the lock's bytes and a gate, which are shareable, and padding.
unsafe impl Shareable for Words {}

/// A process's way to a lock.
#[derive(Debug)]
pub(super) struct Latch {
    pub(super) anchor: Anchor,
    /// None if somebody has written over it.
    lock: Option<RobustLock>,
    pub(super) what: &'static str,
}

impl Clone for Latch {
    fn clone(&self) -> Latch {
        Latch::over(self.anchor.clone(), self.what)
    }
}

/// Makes a lock; `spec.bytes` are those of what it guards, which `initialise` sets up.
pub(super) fn make(
    commons: &Arc<Commons>,
    spec: Spec,
    initialise: impl FnOnce(&Region, usize),
) -> Result<Anchor> {
    let bytes = spec.bytes.saturating_add(size_of::<Words>()).min(isize::MAX as usize / 2);
    commons.make(Spec { bytes, ..spec }, |region, offset| {
        initialise(region, offset + size_of::<Words>());
        region.at::<Words>(offset).lock.initialise()
    })
}

/// Sets a lock right after a participant's end: the kernel has released it.
pub(super) fn bury(region: &Region, offset: usize, _: Gone) {
    let words = region.at::<Words>(offset);
    words.lock.pass_on();
    words.changed.ring();
}

impl Latch {
    pub(super) fn over(anchor: Anchor, what: &'static str) -> Latch {
        let lock = RobustLock::over(&anchor.words::<Words>().lock).ok();
        Latch { anchor, lock, what }
    }

    /// The offset of what it guards.
    pub(super) fn guarded(&self) -> usize {
        self.anchor.offset() + size_of::<Words>()
    }

    pub(super) fn words(&self) -> &Words {
        self.anchor.words()
    }

    pub(super) fn broken(&self) -> Error {
        Error::Broken { what: self.what }
    }

    /// Takes the lock; none if the until has come to an end.
    ///
    /// # Panics
    ///
    /// If this thread holds it already.
    #[inline]
    pub(super) fn hold(&self, until: Until) -> Result<Option<Hold<'_>>> {
        self.refuse_holder();
        let lock = self.lock.as_ref().ok_or_else(|| self.broken())?;
        let taken = lock.lock_within(until).map_err(|_: Damage| self.broken())?;
        let Some(owner) = taken else { return Ok(None) };
        if owner == Owner::Died {
            lock.consistent();
        }
        let words = self.words();
        Ok(Some(Hold { latch: self, lock, words, has_changed: false, thread: PhantomData }))
    }

    /// Panics if this thread holds it.
    pub(super) fn refuse_holder(&self) {
        if self.lock.as_ref().is_some_and(RobustLock::is_held_here) {
            held_already(self.what);
        }
    }

    /// Whether somebody died or panicked while it was open, and nobody has accepted that; for whoever
    /// keeps others from opening it.
    pub(super) fn was_left(&self) -> bool {
        self.words().open.load(Relaxed) != 0
    }

    /// Takes it if nobody has left it open.
    #[inline]
    pub(super) fn hold_whole(&self, until: Until) -> Result<Option<Hold<'_>>> {
        match self.hold(until)? {
            Some(hold) if hold.was_left() => Err(Error::OwnerDied { what: self.what }),
            hold => Ok(hold),
        }
    }

    /// The same, without an end.
    #[inline]
    pub(super) fn hold_for_long(&self) -> Result<Hold<'_>> {
        self.hold_whole(Until::Forever).map(|hold| hold.expect("waiting has no end"))
    }
}

#[cold]
fn held_already(what: &str) -> ! {
    panic!(
        "this thread already holds {what} and would wait for itself: drop the guard first, and \
         within `update` and the like use the value that it passes"
    )
}

/// A lock that this thread holds.
#[derive(Debug)]
pub(super) struct Hold<'a> {
    pub(super) latch: &'a Latch,
    lock: &'a RobustLock,
    pub(super) words: &'a Words,
    /// Whether those who wait for a change are to look.
    pub(super) has_changed: bool,
    /// A pthread mutex is of a thread.
    thread: PhantomData<*const ()>,
}

impl Hold<'_> {
    /// Whether somebody died or panicked while it was open, and nobody has accepted that.
    pub(super) fn was_left(&self) -> bool {
        self.words.open.load(Relaxed) != 0
    }
}

impl Drop for Hold<'_> {
    #[inline]
    fn drop(&mut self) {
        let is_awaited = self.has_changed && self.words.changed.has_sleepers();
        self.lock.unlock();
        if is_awaited {
            self.words.changed.wake_all();
        }
    }
}

/// A lock that this thread holds to change in place what it guards.
#[derive(Debug)]
pub(super) struct Open<'a> {
    pub(super) hold: Hold<'a>,
    /// Whether all is well with what it guards, or this thread has said so.
    is_accepted: bool,
    /// Whether the thread was panicking before, so that a panic says nothing of this.
    was_panicking: bool,
}

impl<'a> Open<'a> {
    pub(super) fn new(mut hold: Hold<'a>) -> Open<'a> {
        let is_accepted = !hold.was_left();
        hold.has_changed = true;
        hold.words.open.store(1, Relaxed);
        // Every change comes after it.
        compiler_fence(Ordering::SeqCst);
        Open { hold, is_accepted, was_panicking: std::thread::panicking() }
    }

    pub(super) fn accept(&mut self) {
        self.is_accepted = true;
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// All changes are made; by who drops it next.
    pub(super) fn close(&self) {
        let panicked = !self.was_panicking && std::thread::panicking();
        if self.is_accepted && !panicked {
            compiler_fence(Ordering::SeqCst);
            self.hold.words.open.store(0, Relaxed);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.close();
    }
}
