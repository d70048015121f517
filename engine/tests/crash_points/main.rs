//! A worker is killed at every named point of the protocol: on the first, the second and the last passage
//! in a launch (about the last, where their number varies), two in a row, two workers, and again during
//! the recovery, in every scenario and for 1 to 8 workers. Each time the launch returns in bounded
//! time, with the right bits.
//!
//! Which of these deaths come in any schedule is said beforehand (`passages.rs`), and they must have
//! come, each of them.

mod allocation;
mod cell;
mod fused;
mod meeting;
mod passages;
mod plans;
mod recovery;
mod repairs;
mod scenarios;
mod stage;
mod tally;
mod watchdog;

use gristmill::{Crash, CrashPlan, CrashPoint};
use passages::by_all;
use scenarios::{SCENARIOS, Scenario};
use stage::{Case, IN_TIME, Stage};
use tally::Tally;

const WORKERS: [usize; 4] = [1, 2, 4, 8];

#[test]
fn the_bits_are_right_whoever_dies_where() {
    let start = std::time::Instant::now();
    let mut tally = Tally::default();
    for scenario in SCENARIOS {
        for workers in WORKERS {
            tally.add(cases(scenario, workers));
        }
    }
    tally.add(allocation::cases());
    tally.add(repairs::cases());
    println!("{tally}\n{:?} in all", start.elapsed());
    let never: Vec<_> = CrashPoint::ALL.iter().filter(|p| !tally.died_at(**p)).collect();
    assert!(never.is_empty(), "nobody died at {never:?}");
    let missed = tally.missed;
    assert!(missed.is_empty(), "too few have died, in {} cases: {missed:#?}", missed.len());
}

fn cases(Scenario { name, shape, make }: Scenario, workers: usize) -> Tally {
    let mut stage = Stage::new(name, shape, workers, make);
    let passages = stage.passages();
    for (&point, &last) in &passages {
        stage.passage(point, 1, 1);
        if last > 1 {
            stage.passage(point, 2, 1);
        }
        if last > 2 {
            stage.passage(point, last, 1);
        }
        if workers > 1 && last > 1 {
            // Two in a row: two workers, or one and its replacement.
            stage.passage(point, 1, 2);
        }
    }
    if shape.merges > 0 && workers > 1 {
        by_all().into_iter().for_each(|point| two_workers(&mut stage, point));
    }
    recovery::cases(&mut stage, &passages);
    stage.tally
}

/// Two of the workers, which all pass this point in each launch, die there the first time.
fn two_workers(stage: &mut Stage<'_>, point: CrashPoint) {
    let of = |rank| Crash::at(point).rank(rank);
    let plan = CrashPlan::from(of(0)).and(of(stage.workers() - 1));
    stage.case(Case { point, plan, planned: 2, launches: IN_TIME, certain: true });
}
