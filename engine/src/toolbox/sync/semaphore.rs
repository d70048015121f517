//! So many at once, and no more.

use crate::error::{Error, Result};
use crate::memory::{Region, Shareable};
use crate::shared::exchange::wait;
use crate::shared::seat::{Gone, Seat};
use crate::shared::sync::{Head, Permits, Place, Taken};
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The most permits of a semaphore.
const BOUND_MAX: usize = 1 << 16;

/// Permits, of which there are so many: [`Engine::semaphore`](crate::Engine::semaphore).
///
/// Python's `Semaphore` and `BoundedSemaphore` count how often they were acquired and released; a
/// process that is killed in between takes its count with it, and in the end nobody gets in. Here each
/// permit is a value, which is given back when it is dropped, and **the permit of a process that dies
/// returns**: the next one to have it can ask whether that is so
/// ([`Permit::holder_died`]). One cannot release what one does not have.
///
/// ```
/// use gristmill::{Engine, Semaphore};
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let licences = engine.semaphore(2, 2)?; // of a program, say, that may run twice
/// let work = |licences: Semaphore| {
///     let _licence = licences.acquire();
///     licences.available()
/// };
/// for child in [(); 4].map(|()| engine.spawn(work, licences.clone())) {
///     assert!(child?.join()? < 2);
/// }
/// assert_eq!(licences.available(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Semaphore {
    anchor: Anchor,
}

/// Lets its holder in, until it is dropped: of a [`Semaphore`].
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let semaphore = engine.semaphore(2, 2)?;
/// let permit = semaphore.acquire();
/// assert_eq!(semaphore.available(), 1);
/// drop(permit);
/// assert_eq!(semaphore.available(), 2);
/// # Ok(()) }
/// ```
#[must_use = "the permit is given back at once"]
#[derive(Debug)]
pub struct Permit {
    semaphore: Semaphore,
    /// None once it is forgotten.
    taken: Option<Taken>,
}

/// What a semaphore begins with; the permits' words follow.
#[derive(Debug)]
#[repr(C, align(128))]
struct Words {
    head: Head,
    /// How many permits there may be; never changes.
    bound: AtomicU64,
}

// SAFETY: an atomic, what is shareable, and padding.
unsafe impl Shareable for Words {}

fn permits(region: &Region, offset: usize) -> Permits<'_> {
    let words = region.at::<Words>(offset);
    // What somebody wrote over it: no more than any semaphore has, all of it inside the region.
    let bound = (words.bound.load(Relaxed) as usize).min(BOUND_MAX);
    let places = offset + size_of::<Words>();
    let fit = region.capacity().saturating_sub(places) / size_of::<Place>();
    Permits { head: &words.head, words: region.slice(places, bound.min(fit)) }
}

fn bury(region: &Region, offset: usize, gone: Gone) {
    permits(region, offset).bury(gone);
}

impl Semaphore {
    pub(crate) fn make(commons: &Arc<Commons>, permits: usize, bound: usize) -> Result<Semaphore> {
        let limit = |what, asked: usize, limit: usize, remedy| {
            let (asked, limit) = (asked as u64, limit as u64);
            if asked <= limit { Ok(()) } else { Err(Error::Limit { what, asked, limit, remedy }) }
        };
        limit("the bound of a semaphore", bound, BOUND_MAX, "let fewer in at once")?;
        limit(PERMITS, permits, bound, "raise the semaphore's bound")?;
        let spec = Spec {
            kind: Kind::Semaphore,
            purpose: "a semaphore",
            bytes: size_of::<Words>() + bound * size_of::<Place>(),
            type_name: std::any::type_name::<Self>(),
            bury,
        };
        let anchor = commons.make(spec, |region, offset| {
            region.at::<Words>(offset).bound.store(bound as u64, Relaxed);
            Ok(())
        })?;
        let semaphore = Semaphore::over(anchor);
        semaphore.add_permits(permits)?;
        Ok(semaphore)
    }

    fn over(anchor: Anchor) -> Semaphore {
        Semaphore { anchor }
    }

    fn permits(&self) -> Permits<'_> {
        permits(self.anchor.region(), self.anchor.offset())
    }

    /// Gets a permit; waits until one is to be had.
    pub fn acquire(&self) -> Permit {
        self.acquire_until(None).expect("waiting has no end")
    }

    /// Gets a permit if one is to be had now.
    pub fn try_acquire(&self) -> Option<Permit> {
        self.permits().try_take(Seat::here()).map(|taken| self.permit(taken))
    }

    /// Gets a permit; none if none was to be had for so long.
    pub fn acquire_timeout(&self, timeout: Duration) -> Option<Permit> {
        self.acquire_until(Instant::now().checked_add(timeout))
    }

    /// Adds permits: all of them, or none if that were more than the bound. With
    /// [`Permit::forget`], what is acquired in one process can be released in another.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] beyond the bound, where Python's `BoundedSemaphore` raises a `ValueError`.
    pub fn add_permits(&self, count: usize) -> Result<()> {
        let added = self.permits().add(Seat::here(), count);
        added.map_err(|too_many| Error::Limit {
            what: "the number of permits to be added",
            asked: count as u64,
            limit: too_many.left as u64,
            remedy: "make the semaphore with a higher bound, or add what was forgotten alone",
        })
    }

    /// How many permits are to be had at this moment.
    pub fn available(&self) -> usize {
        self.permits().available()
    }

    fn acquire_until(&self, until: Option<Instant>) -> Option<Permit> {
        let (permits, seat) = (self.permits(), Seat::here());
        let Ok(taken) =
            wait(&permits.head.gate, until, || Ok::<_, Infallible>(permits.try_take(seat)));
        taken.map(|taken| self.permit(taken))
    }

    fn permit(&self, taken: Taken) -> Permit {
        Permit { semaphore: self.clone(), taken: Some(taken) }
    }
}

const PERMITS: &str = "the number of permits to be added to a semaphore";

travels!([] Semaphore, Kind::Semaphore);

impl Permit {
    /// Whether the process that had it before died with it: what it did under it may be half done.
    pub fn holder_died(&self) -> bool {
        self.taken.is_some_and(|taken| taken.was_returned)
    }

    /// Takes the permit out of its semaphore for good, instead of giving it back.
    pub fn forget(mut self) {
        if let Some(taken) = self.taken.take() {
            self.semaphore.permits().forget(Seat::here(), taken.index);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(taken) = self.taken {
            self.semaphore.permits().give_back(Seat::here(), taken.index);
        }
    }
}
