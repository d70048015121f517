//! One engine, one scenario: case after case, each a crash plan.

use crate::recovery::Passages;
use crate::scenarios::Launch;
use crate::tally::Tally;
use crate::watchdog::Watchdog;
use gristmill::{CrashPlan, CrashPoint, Engine};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// More than any case has deaths: no chunk is to be set aside.
const ATTEMPTS: u32 = 8;

pub(crate) struct Stage<'a> {
    name: &'a str,
    engine: Engine,
    launch: Launch,
    watchdog: Watchdog,
    /// Deaths that were asked for so far.
    planned: u64,
    pub(crate) tally: Tally,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        name: &'a str,
        workers: usize,
        scenario: impl FnOnce(&Engine) -> Launch,
    ) -> Stage<'a> {
        let engine = Engine::builder().workers(workers).attempts(ATTEMPTS);
        let engine = engine.crash_at(CrashPlan::new()).build().unwrap();
        let launch = scenario(&engine);
        let (watchdog, tally) = (Watchdog::new(), Tally::default());
        Stage { name, engine, launch, watchdog, planned: 0, tally }
    }

    pub(crate) fn workers(&self) -> usize {
        self.engine.workers()
    }

    /// How often each point is passed in one launch without a death, about: who steals, and who
    /// waits, varies. Points that are passed at all are there.
    pub(crate) fn passages(&mut self) -> Passages {
        const LAUNCHES: u64 = 4;
        self.watchdog.begin(self.name);
        self.engine.crash_at(CrashPlan::new()).unwrap();
        (0..LAUNCHES).for_each(|_| (self.launch)(&self.engine));
        let report = self.engine.crash_report();
        let counted = CrashPoint::ALL.iter().map(|&point| (point, report.passages(point)));
        let passed = counted.filter(|(_, passages)| *passages > 0);
        passed.map(|(point, passages)| (point, passages.div_ceil(LAUNCHES))).collect()
    }

    /// One case: `planned` workers are to die. The launch is compared, and another one after it: an
    /// engine that survived must be whole.
    pub(crate) fn case(&mut self, plan: CrashPlan, planned: u64) {
        let case = format!("{}, {} workers, {:?}", self.name, self.workers(), plan.crashes());
        self.watchdog.begin(&case);
        let start = Instant::now();
        let before = self.engine.crash_report().kills();
        self.engine.crash_at(plan.clone()).unwrap();
        let launches = AssertUnwindSafe(|| (0..2).for_each(|_| (self.launch)(&self.engine)));
        if catch_unwind(launches).is_err() {
            panic!("wrong: {case}; {:?}", self.engine.stats());
        }
        let kills = self.deaths_noticed() - before;
        // Who is about to die as a launch ends may do so in the next case.
        self.planned += planned;
        assert!(before + kills <= self.planned, "more have died than were to: {case}");
        self.tally.count(plan.crashes(), planned, kills, (start.elapsed(), case));
    }

    /// Waits until the coordinator knows of all deaths by plan, which are all that there are.
    fn deaths_noticed(&self) -> u64 {
        loop {
            // In this order: whoever dies meanwhile is among the kills first.
            let deaths = self.engine.stats().deaths;
            let kills = self.engine.crash_report().kills();
            assert!(deaths <= kills, "{deaths} have died, and only {kills} by plan");
            if deaths == kills {
                return deaths;
            }
            std::thread::yield_now();
        }
    }
}
