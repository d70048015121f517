//! A worker is killed at every named point of the protocol: on the first, the second and the last
//! passage, two at once, and again during the recovery, in every scenario and for 1 to 8 workers.
//! Each time the launch returns in bounded time, with the right bits.

mod allocation;
mod plans;
mod recovery;
mod repairs;
mod scenarios;
mod stage;
mod tally;
mod watchdog;

use gristmill::{Crash, CrashPoint};
use scenarios::{SCENARIOS, Scenario};
use stage::Stage;
use tally::Tally;

const WORKERS: [usize; 4] = [1, 2, 4, 8];

#[test]
fn the_bits_are_right_whoever_dies_where() {
    let start = std::time::Instant::now();
    let mut tally = Tally::default();
    for (name, scenario) in SCENARIOS {
        for workers in WORKERS {
            tally.add(cases(name, workers, scenario));
        }
    }
    tally.add(allocation::cases());
    tally.add(repairs::cases());
    println!("{tally}\n{:?} in all", start.elapsed());
    let never: Vec<_> = CrashPoint::ALL.iter().filter(|p| !tally.died_at(**p)).collect();
    assert!(never.is_empty(), "nobody died at {never:?}");
    assert!(tally.complete() >= 2000, "too few");
}

fn cases(name: &str, workers: usize, scenario: Scenario) -> Tally {
    let mut stage = Stage::new(name, workers, scenario);
    let passages = stage.passages();
    for (&point, &last) in &passages {
        let crash = Crash::at(point);
        stage.case(crash.into(), 1);
        if last > 1 {
            stage.case(crash.passage(2).into(), 1);
        }
        if last > 2 {
            stage.case(crash.passage(last).into(), 1);
        }
        if workers > 1 && last > 1 {
            // Two at once.
            stage.case(crash.times(2).into(), 2);
        }
    }
    recovery::cases(&mut stage, &passages);
    stage.tally
}
