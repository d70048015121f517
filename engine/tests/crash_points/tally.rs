//! What came of all cases.

use gristmill::CrashPoint;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Tally {
    kills: u64,
    /// By the point that they are about.
    cases: BTreeMap<CrashPoint, Cases>,
    /// Those in which too few have died, although that was certain.
    pub(crate) missed: Vec<String>,
    slowest: Option<(Duration, String)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cases {
    tried: usize,
    /// As many have died as were to.
    complete: usize,
    /// That is so in any schedule.
    certain: usize,
}

/// What came of a case.
pub(crate) struct Outcome {
    pub(crate) point: CrashPoint,
    pub(crate) kills: u64,
    pub(crate) complete: bool,
    pub(crate) certain: bool,
    pub(crate) took: Duration,
    /// Which case.
    pub(crate) told: String,
}

impl Tally {
    /// Another case.
    pub(crate) fn count(&mut self, outcome: Outcome) {
        let Outcome { point, kills, complete, certain, took, told } = outcome;
        let cases = self.cases.entry(point).or_default();
        cases.tried += 1;
        cases.complete += usize::from(complete);
        cases.certain += usize::from(certain);
        self.kills += kills;
        if certain && !complete {
            self.missed.push(told.clone());
        }
        self.slowest = self.slowest.take().max(Some((took, told)));
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.kills += other.kills;
        for (point, cases) in other.cases {
            let sum = self.cases.entry(point).or_default();
            *sum = sum.and(cases);
        }
        self.missed.extend(other.missed);
        self.slowest = self.slowest.take().max(other.slowest);
    }

    pub(crate) fn died_at(&self, point: CrashPoint) -> bool {
        self.cases.get(&point).is_some_and(|cases| cases.complete > 0)
    }
}

impl Cases {
    fn and(self, other: Cases) -> Cases {
        Cases {
            tried: self.tried + other.tried,
            complete: self.complete + other.complete,
            certain: self.certain + other.certain,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.cases.values().fold(Cases::default(), |sum, &cases| sum.and(cases));
        let points = self.cases.iter().map(|(point, &cases)| (point.name(), cases));
        writeln!(f, "{:>20} {:>5} {:>8} {:>7}", "cases at", "tried", "complete", "certain")?;
        for (name, Cases { tried, complete, certain }) in points.chain([("all points", all)]) {
            writeln!(f, "{name:>20} {tried:5} {complete:8} {certain:7}")?;
        }
        writeln!(f, "{} kills", self.kills)?;
        match &self.slowest {
            Some((took, case)) => write!(f, "the slowest took {took:?}: {case}"),
            None => Ok(()),
        }
    }
}
