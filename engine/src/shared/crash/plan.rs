//! Which workers are to die where: what users say.

use crate::shared::protocol::CrashPoint;

/// Deaths at one point: which passages of it, by whom.
///
/// ```
/// use gristmill::{Crash, CrashPoint};
///
/// let third = Crash::at(CrashPoint::Marked).passage(3); // whoever marks the third chunk
/// let both = Crash::at(CrashPoint::Claimed).times(2); // whoever claims the first, and the second
/// let again = Crash::at(CrashPoint::Ran).rank(1).after(1); // worker 1, once somebody has died
/// # let _ = [third, both, again];
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    pub(super) point: CrashPoint,
    pub(super) rank: Option<usize>,
    pub(super) passage: u64,
    pub(super) times: u64,
    pub(super) after: u64,
}

impl Crash {
    /// One death, at the first passage of this point by any worker.
    pub fn at(point: CrashPoint) -> Crash {
        Crash { point, rank: None, passage: 1, times: 1, after: 0 }
    }

    /// At this passage, counted from 1, over all workers: one of them dies, and its replacement
    /// does not die again. 0 counts as 1.
    pub fn passage(self, passage: u64) -> Crash {
        Crash { passage: passage.max(1), ..self }
    }

    /// So many deaths, at as many passages one after the other.
    pub fn times(self, times: u64) -> Crash {
        Crash { times, ..self }
    }

    /// Only passages of the worker with this rank count. At points of the
    /// [recovery](CrashPoint::is_in_recovery): it is this worker that is killed, and passages while
    /// it is dead do not count.
    pub fn rank(self, rank: usize) -> Crash {
        Crash { rank: Some(rank), ..self }
    }

    /// Passages count only once this plan has killed so many workers.
    pub fn after(self, kills: u64) -> Crash {
        Crash { after: kills, ..self }
    }

    /// The point.
    pub fn point(&self) -> CrashPoint {
        self.point
    }
}

impl From<CrashPoint> for Crash {
    fn from(point: CrashPoint) -> Crash {
        Crash::at(point)
    }
}

/// What is to happen at crash points: up to 8 [`Crash`]es, each of which counts on its own.
///
/// ```
/// use gristmill::{Crash, CrashPlan, CrashPoint};
///
/// let nothing = CrashPlan::new(); // passages are counted, nobody dies
/// let one = CrashPlan::from(CrashPoint::Merged);
/// let two = one.clone().and(Crash::at(CrashPoint::Buried)); // and one more during its burial
/// assert_eq!((one.crashes().len(), two.crashes().len()), (1, 2));
/// # let _ = nothing;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CrashPlan {
    crashes: Vec<Crash>,
}

impl CrashPlan {
    /// Nobody is to die.
    pub fn new() -> CrashPlan {
        CrashPlan::default()
    }

    /// And this as well.
    #[must_use]
    pub fn and(mut self, crash: impl Into<Crash>) -> CrashPlan {
        self.crashes.push(crash.into());
        self
    }

    /// What is to happen.
    pub fn crashes(&self) -> &[Crash] {
        &self.crashes
    }
}

impl<C: Into<Crash>> From<C> for CrashPlan {
    fn from(crash: C) -> CrashPlan {
        CrashPlan::new().and(crash)
    }
}

impl<C: Into<Crash>> FromIterator<C> for CrashPlan {
    fn from_iter<I: IntoIterator<Item = C>>(crashes: I) -> CrashPlan {
        CrashPlan { crashes: crashes.into_iter().map(Into::into).collect() }
    }
}
