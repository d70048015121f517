//! One engine, one scenario: case after case, each a crash plan.

use crate::passages::{Passed, Shape, certain};
use crate::scenarios::Launch;
use crate::tally::{Outcome, Tally};
use crate::watchdog::{BOUND, Watchdog};
use gristmill::{Crash, CrashPlan, CrashPoint, Engine};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// More than any case has deaths: no chunk is to be set aside.
const ATTEMPTS: u32 = 8;

/// Each case is so many launches at least: an engine that survived must be whole. Recoveries come
/// within them or not at all.
pub(crate) const SOON: u64 = 2;

/// And up to so many, where those who are to die may pass by in one launch and not in another.
pub(crate) const IN_TIME: u64 = 20;

pub(crate) struct Stage<'a> {
    name: &'a str,
    engine: Engine,
    launch: Launch,
    watchdog: Watchdog,
    /// Deaths that were asked for so far.
    planned: u64,
    /// Passages in each launch, whatever the schedule.
    pub(crate) certain: BTreeMap<CrashPoint, Passed>,
    pub(crate) tally: Tally,
}

/// Deaths that are to come.
pub(crate) struct Case {
    /// The point that it is about.
    pub(crate) point: CrashPoint,
    pub(crate) plan: CrashPlan,
    /// How many are to die.
    pub(crate) planned: u64,
    /// Within so many launches.
    pub(crate) launches: u64,
    /// Whether that is so in any schedule.
    pub(crate) certain: bool,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        name: &'a str,
        shape: Shape,
        workers: usize,
        scenario: impl FnOnce(&Engine) -> Launch,
    ) -> Stage<'a> {
        let engine = Engine::builder().workers(workers).attempts(ATTEMPTS);
        let engine = engine.crash_at(CrashPlan::new()).build().unwrap();
        let launch = scenario(&engine);
        let (watchdog, tally) = (Watchdog::new(), Tally::default());
        let certain = certain(shape, workers);
        Stage { name, engine, launch, watchdog, planned: 0, certain, tally }
    }

    pub(crate) fn workers(&self) -> usize {
        self.engine.workers()
    }

    /// How often each point is passed in one launch without a death: at least, where that is certain;
    /// else about.
    pub(crate) fn passages(&mut self) -> BTreeMap<CrashPoint, u64> {
        const COUNTED: u64 = 4;
        self.watchdog.begin(self.name);
        self.engine.crash_at(CrashPlan::new()).unwrap();
        (0..COUNTED).for_each(|_| (self.launch)(&self.engine));
        let report = self.engine.crash_report();
        let mut passages = BTreeMap::new();
        for &point in CrashPoint::ALL {
            let (counted, certain) = (report.passages(point), self.certain.get(&point));
            let least = certain.map_or(0, |passed| passed.least());
            let told = format!("{counted} times {point} in {COUNTED} launches, {}", self.name);
            match certain {
                Some(Passed::Exactly(times)) => assert_eq!(counted, COUNTED * times, "{told}"),
                // Each worker may be late with one.
                _ => assert!(counted + self.workers() as u64 >= COUNTED * least, "{told}"),
            }
            passages.insert(point, least.max(counted / COUNTED));
        }
        passages.retain(|_, passages| *passages > 0);
        passages
    }

    /// Whether there is such a passage, in so many launches, in any schedule.
    pub(crate) fn comes(&self, point: CrashPoint, passage: u64, launches: u64) -> bool {
        let least = self.certain.get(&point).map_or(0, |passed| passed.least());
        passage <= least * launches
    }

    /// One case: a passage kills, and so do those that follow it if there are to be several deaths.
    pub(crate) fn passage(&mut self, point: CrashPoint, passage: u64, deaths: u64) {
        let plan = Crash::at(point).passage(passage).times(deaths).into();
        let certain = self.comes(point, passage + deaths - 1, IN_TIME);
        self.case(Case { point, plan, planned: deaths, launches: IN_TIME, certain });
    }

    /// One case. Each launch is compared.
    pub(crate) fn case(&mut self, case: Case) {
        let Case { point, plan, planned, launches, certain } = case;
        let told = format!("{}, {} workers, {:?}", self.name, self.workers(), plan.crashes());
        self.watchdog.begin(&told);
        let start = Instant::now();
        let before = self.kills();
        self.engine.crash_at(plan).unwrap();
        let mut launched = 0;
        while launched < SOON || (self.kills() < before + planned && launched < launches) {
            if catch_unwind(AssertUnwindSafe(|| (self.launch)(&self.engine))).is_err() {
                panic!("wrong: {told}; {:?}", self.engine.stats());
            }
            launched += 1;
        }
        // Whatever is launched: replacements start, and who is late passes a launch's last points.
        while certain && self.kills() < before + planned && start.elapsed() < BOUND / 2 {
            std::thread::yield_now();
        }
        let kills = self.deaths_noticed() - before;
        // Who is about to die as a launch ends may do so in the next case.
        self.planned += planned;
        assert!(before + kills <= self.planned, "more have died than were to: {told}");
        let (complete, took) = (kills >= planned, start.elapsed());
        self.tally.count(Outcome { point, kills, complete, certain, took, told });
    }

    fn kills(&self) -> u64 {
        self.engine.crash_report().kills()
    }

    /// Waits until the coordinator knows of all deaths by plan, which are all that there are.
    fn deaths_noticed(&self) -> u64 {
        loop {
            // In this order: whoever dies meanwhile is among the kills first.
            let deaths = self.engine.stats().deaths;
            let kills = self.kills();
            assert!(deaths <= kills, "{deaths} have died, and only {kills} by plan");
            if deaths == kills {
                return deaths;
            }
            std::thread::yield_now();
        }
    }
}
