//! Scenarios of the step protocol.

use super::super::CrashPoint::{self, *};
use super::coordinate::{Coordinator, Ended};
use super::exhaustive::{EXECUTIONS_MAX, Loom, check};
use super::schedule::explore;
use super::seeded::Seeded;
use super::threads::stress;
use super::world::Kind::{Cell, InPlace, Map};
use super::world::{FOLD_DIED, Fate, Kind, Plan, Spec};

fn plan(steps: &[(Kind, usize)]) -> Plan {
    Plan {
        steps: steps.iter().map(|&(kind, chunks)| Spec::new(kind, chunks)).collect(),
        workers: 2,
        launches: 1,
        attempts_max: 3,
        launch_first: true,
    }
}

fn with(mut plan: Plan, step: usize, change: impl FnOnce(&mut Spec)) -> Plan {
    change(&mut plan.steps[step]);
    plan
}

/// One schedule of the seeded checker.
fn draw(plan: Plan) -> Ended {
    Coordinator::<Seeded>::run(Plan { launch_first: false, ..plan }, &[])
}

/// All schedules under loom: without a death, then with worker 0 dying at the first and at the
/// second passage of each point, and half-way through what comes before it. Gives the number of
/// executions, in which a scenario that has become trivial shows.
fn exhaust(preemptions: usize, plan: Plan, points: &[CrashPoint], then: fn(&Ended)) -> usize {
    let mut total = 0;
    let mut fates: Vec<Option<Fate>> = vec![None];
    for &point in points {
        let torn = [SlotWritten, UndoKept, FrameWritten, PreImageKept, Merged, PreImagePutBack]
            .contains(&point);
        for passage in 0..2 {
            fates.push(Some(Fate { point, passage, torn: false }));
        }
        if torn {
            fates.push(Some(Fate { point, passage: 0, torn }));
        }
    }
    for fate in fates {
        let plan = plan.clone();
        let died = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let saw = std::sync::Arc::clone(&died);
        let executions_max = if fate.is_some() { EXECUTIONS_MAX } else { 0 };
        let start = std::time::Instant::now();
        let executions = check(preemptions, executions_max, move || {
            let fates: Vec<Fate> = fate.into_iter().collect();
            let ended = Coordinator::<Loom>::run(plan.clone(), &fates);
            saw.fetch_or(ended.deaths > 0, std::sync::atomic::Ordering::Relaxed);
            then(&ended);
        });
        println!("{executions} executions, {:?}, {fate:?}", start.elapsed());
        total += executions;
        let first = fate.is_some_and(|fate| fate.passage == 0);
        let died = died.load(std::sync::atomic::Ordering::Relaxed);
        assert!(!first || died, "no execution passes {fate:?}");
    }
    println!("{total} executions in all");
    total
}

const CLAIM: [CrashPoint; 3] = [Announced, Claimed, Idle];
const LEAD: [CrashPoint; 6] = [Counted, Leading, FrameWritten, CountSet, WordsSet, Published];
const UNDO: [CrashPoint; 3] = [UndoKept, UndoValid, UndoCleared];
const CELL: [CrashPoint; 12] = [
    NoteCleared,
    CellLocked,
    PreImageKept,
    Saved,
    MergeNoted,
    Merged,
    ContentsSet,
    Committed,
    CellMarked,
    RecordCleared,
    Released,
    SlotWritten,
];

#[test]
fn loom_a_map_of_two_steps() {
    let points =
        [&CLAIM[..], &LEAD[..], &[Stolen, LootStored, Noted, SlotWritten, Marked]].concat();
    assert!(exhaust(1, plan(&[(Map, 2), (Map, 2)]), &points, Ended::finished) >= 60_000);
}

#[test]
fn loom_updates_in_place() {
    let points = [&UNDO[..], &[SlotWritten, Marked, Counted, FrameWritten]].concat();
    assert!(exhaust(1, plan(&[(InPlace, 2), (InPlace, 1)]), &points, Ended::finished) >= 35_000);
}

#[test]
fn loom_a_cell() {
    assert!(exhaust(1, plan(&[(Cell, 2)]), &CELL, Ended::finished) >= 45_000);
}

#[test]
fn loom_two_chunks_in_one_hand() {
    let points = [Claimed, Stolen, Noted, SlotWritten, Marked, Counted];
    assert!(exhaust(1, plan(&[(Map, 3)]), &points, Ended::finished) >= 10_000);
}

#[test]
fn seeds_several_chunks_in_one_hand() {
    explore(4000, 2, || draw(plan(&[(Map, 9), (InPlace, 8), (Cell, 8)])).finished());
    explore(2000, 2, || {
        draw(with(plan(&[(InPlace, 8)]), 0, |s| s.deadly = Some(1))).failed(&[1]);
    });
}

#[test]
fn seeds_maps() {
    explore(4000, 2, || draw(plan(&[(Map, 4), (Map, 3), (Map, 2)])).finished());
}

#[test]
fn seeds_maps_of_three_workers() {
    explore(4000, 2, || {
        let plan = plan(&[(Map, 4), (InPlace, 2), (Map, 1)]);
        draw(Plan { workers: 3, ..plan }).finished();
    });
}

#[test]
fn seeds_wrapping_tags() {
    explore(6000, 1, || draw(plan(&[(Map, 1); 9])).finished());
}

#[test]
fn seeds_updates_in_place() {
    explore(8000, 2, || draw(plan(&[(InPlace, 4), (InPlace, 3), (InPlace, 2)])).finished());
}

#[test]
fn seeds_cells() {
    explore(8000, 2, || draw(plan(&[(Cell, 4), (Map, 1), (Cell, 3)])).finished());
}

#[test]
fn seeds_plan_after_plan() {
    explore(4000, 2, || {
        let plan = plan(&[(InPlace, 3), (Cell, 2)]);
        draw(Plan { launches: 3, ..plan }).finished();
    });
}

#[test]
fn seeds_a_chunk_that_panics() {
    explore(3000, 2, || {
        draw(with(plan(&[(InPlace, 3), (InPlace, 3)]), 1, |s| s.fails = Some(1))).failed(&[]);
    });
    explore(3000, 2, || {
        draw(with(plan(&[(Map, 1), (Cell, 4)]), 1, |s| s.fails = Some(1))).failed(&[]);
    });
}

#[test]
fn seeds_a_merge_that_panics() {
    explore(4000, 2, || {
        draw(with(plan(&[(Map, 1), (Cell, 4)]), 1, |s| s.fails_merge = Some(2))).failed(&[]);
    });
}

#[test]
fn seeds_a_chunk_that_kills() {
    explore(3000, 1, || {
        draw(with(plan(&[(InPlace, 3), (Map, 1)]), 0, |s| s.deadly = Some(1))).failed(&[1]);
    });
    explore(3000, 1, || {
        draw(with(plan(&[(Cell, 3), (Map, 1)]), 0, |s| s.deadly = Some(1))).failed(&[1]);
    });
}

#[test]
fn seeds_a_merge_that_kills() {
    explore(4000, 1, || {
        draw(with(plan(&[(Cell, 4), (Map, 1)]), 0, |s| s.deadly_merge = Some(1))).failed(&[1]);
    });
}

#[test]
fn seeds_a_merge_that_kills_costs_no_other_chunk() {
    explore(3000, 0, || {
        let plan = with(plan(&[(Cell, 4), (Map, 1)]), 0, |s| s.deadly_merge = Some(1));
        draw(Plan { attempts_max: 1, ..plan }).failed(&[1]);
    });
}

#[test]
fn seeds_a_chunk_after_which_nothing_can_be_merged() {
    explore(3000, 1, || {
        let plan = with(plan(&[(Cell, 4), (Map, 1)]), 0, |s| s.deadly_commit = Some(1));
        draw(plan).failed(&[1]);
    });
}

#[test]
fn seeds_a_fold_that_kills() {
    explore(4000, 1, || {
        let ended = draw(with(plan(&[(Map, 2), (Map, 2)]), 0, |s| s.deadly_fold = true));
        assert_eq!(ended.issued, FOLD_DIED);
    });
}

/// Points that a worker passes without a cell.
fn points() -> Vec<CrashPoint> {
    [&CLAIM[..], &LEAD[..], &UNDO[..], &[Stolen, LootStored, Noted, Ran, Marked]].concat()
}

#[test]
fn threads_maps_and_updates_in_place() {
    let plan = plan(&[(Map, 4), (InPlace, 3), (Map, 2), (InPlace, 4)]);
    for workers in [2, 3] {
        let plan = Plan { workers, launches: 2, ..plan.clone() };
        stress(400, &plan, &points(), Ended::finished);
    }
}

#[test]
fn threads_cells() {
    let plan = plan(&[(Cell, 4), (Map, 1), (Cell, 3)]);
    let points = [&points()[..], &CELL[..]].concat();
    for workers in [2, 3] {
        stress(400, &Plan { workers, launches: 2, ..plan.clone() }, &points, Ended::finished);
    }
}

#[test]
fn threads_wrapping_tags() {
    let plan = Plan { workers: 3, ..plan(&[(Map, 1); 9]) };
    stress(400, &plan, &points(), Ended::finished);
}

#[test]
fn threads_a_merge_that_panics() {
    let plan = with(plan(&[(Map, 1), (Cell, 4)]), 1, |s| s.fails_merge = Some(2));
    stress(200, &plan, &CLAIM, |ended| ended.failed(&[]));
}
