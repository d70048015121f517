//! What came of all cases.

use gristmill::{Crash, CrashPoint};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Tally {
    cases: usize,
    kills: u64,
    /// Cases in which fewer died than were to, by the points of their crashes: a passage that comes
    /// in some schedules only did not come.
    incomplete: BTreeMap<CrashPoint, usize>,
    /// The others.
    complete: BTreeMap<CrashPoint, usize>,
    /// Of these, each once.
    completed: usize,
    slowest: Option<(Duration, String)>,
}

impl Tally {
    /// Another case, in which `kills` of `planned` died.
    pub(crate) fn count(
        &mut self,
        crashes: &[Crash],
        planned: u64,
        kills: u64,
        took: (Duration, String),
    ) {
        self.cases += 1;
        self.kills += kills;
        self.completed += usize::from(kills >= planned);
        let of = if kills >= planned { &mut self.complete } else { &mut self.incomplete };
        crashes.iter().for_each(|crash| *of.entry(crash.point()).or_default() += 1);
        self.slowest = self.slowest.take().max(Some(took));
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.cases += other.cases;
        self.kills += other.kills;
        self.completed += other.completed;
        for (into, from) in
            [(&mut self.complete, other.complete), (&mut self.incomplete, other.incomplete)]
        {
            from.into_iter().for_each(|(point, cases)| *into.entry(point).or_default() += cases);
        }
        self.slowest = self.slowest.take().max(other.slowest);
    }

    /// Cases in which as many died as were to.
    pub(crate) fn complete(&self) -> usize {
        self.completed
    }

    pub(crate) fn died_at(&self, point: CrashPoint) -> bool {
        self.complete.contains_key(&point)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>20} cases, and those that missed a passage", "point")?;
        let of = |cases: &BTreeMap<_, usize>, point| cases.get(point).copied().unwrap_or(0);
        for point in CrashPoint::ALL {
            let (whole, missed) = (of(&self.complete, point), of(&self.incomplete, point));
            writeln!(f, "{point:>20} {whole:5} {missed:5}")?;
        }
        writeln!(f, "{} cases, {} as planned, {} kills", self.cases, self.completed, self.kills)?;
        match &self.slowest {
            Some((took, case)) => write!(f, "the slowest took {took:?}: {case}"),
            None => Ok(()),
        }
    }
}
