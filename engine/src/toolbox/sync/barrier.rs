//! Where all meet before any goes on.

use crate::error::{Error, Result};
use crate::memory::{Region, Shareable};
use crate::shared::seat::Gone;
use crate::shared::sync::{self, Ended, Entry, PARTIES_MAX};
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec, was_held};
use crate::toolbox::header::Kind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Where so many threads, of whatever processes, meet before any goes on:
/// [`Engine::barrier`](crate::Engine::barrier).
///
/// As Python's `Barrier` it breaks when a wait times out, on [`abort`](Self::abort), and until
/// [`reset`](Self::reset). **Deaths:** it breaks, too, when a process dies that has had a handle of it
/// (a child that returns has ended well, and is not missed), whether it had arrived or was still to
/// come, so nobody waits for the dead. In CPython they would.
///
/// ```
/// use gristmill::{Barrier, Engine};
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let barrier = engine.barrier(3)?;
/// let meet = |barrier: Barrier| barrier.wait().unwrap().is_leader();
/// let children = [engine.spawn(meet, barrier.clone())?, engine.spawn(meet, barrier.clone())?];
/// let mut leaders = u32::from(barrier.wait()?.is_leader());
/// for child in children {
///     leaders += u32::from(child.join()?);
/// }
/// assert_eq!(leaders, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Barrier {
    anchor: Anchor,
}

/// That one has passed a [`Barrier`].
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let barrier = engine.barrier(2)?;
/// let meet = |barrier: gristmill::Barrier| barrier.wait().unwrap().is_leader();
/// let process = engine.spawn(meet, barrier.clone())?;
/// let leads_here = barrier.wait()?.is_leader();
/// assert_ne!(leads_here, process.join()?); // one of them
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarrierWait {
    index: usize,
    is_leader: bool,
}

impl BarrierWait {
    /// Whether it is the one, of those that met, that is to do what one alone is to do.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }

    /// How many had arrived before.
    pub fn index(&self) -> usize {
        self.index
    }
}

#[derive(Debug)]
#[repr(C)]
struct Words {
    barrier: sync::Barrier,
    /// How many meet; never changes.
    parties: AtomicU64,
}

// SAFETY: an atomic and what is shareable.
unsafe impl Shareable for Words {}

fn bury(region: &Region, offset: usize, gone: Gone) {
    let is_missed = !gone.cleanly && was_held(region, offset, gone.seat);
    region.at::<Words>(offset).barrier.bury(is_missed);
}

impl Barrier {
    pub(crate) fn make(commons: &Arc<Commons>, parties: usize) -> Result<Barrier> {
        const PARTIES: &str = "the number of parties of a barrier";
        if parties == 0 {
            let remedy = "make it for one at least";
            return Err(Error::TooSmall { what: PARTIES, asked: 0, least: 1, remedy });
        }
        if parties > PARTIES_MAX {
            let (asked, limit) = (parties as u64, PARTIES_MAX as u64);
            let remedy = "let several threads meet first, and one of them here";
            return Err(Error::Limit { what: PARTIES, asked, limit, remedy });
        }
        let spec = Spec {
            kind: Kind::Barrier,
            purpose: "a barrier",
            bytes: size_of::<Words>(),
            type_name: std::any::type_name::<Self>(),
            bury,
        };
        let begin = |region: &Region, offset| {
            region.at::<Words>(offset).parties.store(parties as u64, Relaxed);
            Ok(())
        };
        commons.make(spec, begin).map(Barrier::over)
    }

    fn over(anchor: Anchor) -> Barrier {
        Barrier { anchor }
    }

    fn words(&self) -> &Words {
        self.anchor.words()
    }

    /// Waits until all have arrived.
    ///
    /// # Errors
    ///
    /// [`Error::BarrierBroken`] if it is or becomes broken, or is reset meanwhile.
    pub fn wait(&self) -> Result<BarrierWait> {
        self.wait_until(None).map(|passed| passed.expect("waiting has no end"))
    }

    /// Waits until all have arrived; none if they have not for so long: the barrier is broken then.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Option<BarrierWait>> {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    fn wait_until(&self, until: Option<Instant>) -> Result<Option<BarrierWait>> {
        let barrier = &self.words().barrier;
        match barrier.enter(self.parties()) {
            Entry::Broken => Err(Error::BarrierBroken),
            Entry::Passed { index } => Ok(Some(BarrierWait { index, is_leader: true })),
            Entry::Waits { index, generation } => match barrier.wait(generation, until) {
                Ended::Passed => Ok(Some(BarrierWait { index, is_leader: false })),
                Ended::Broken => Err(Error::BarrierBroken),
                Ended::TimedOut => Ok(None),
            },
        }
    }

    /// Breaks it: all that wait, and all that come, get an error.
    pub fn abort(&self) {
        self.words().barrier.abort();
    }

    /// Makes it whole again, with nobody there: those that wait get an error.
    pub fn reset(&self) {
        self.words().barrier.reset();
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        self.words().barrier.is_broken()
    }

    /// How many meet here.
    pub fn parties(&self) -> usize {
        self.words().parties.load(Relaxed) as usize
    }

    /// How many wait here at this moment.
    pub fn waiting(&self) -> usize {
        self.words().barrier.waiting()
    }
}

travels!([] Barrier, Kind::Barrier);
