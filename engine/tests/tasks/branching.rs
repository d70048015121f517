//! Tasks that put tasks. In `multiprocessing` a worker of a pool can have no pool; in
//! `ProcessPoolExecutor` a task that waits for others of its own pool hangs once all workers do.

use crate::support::{die, engine};
use gristmill::{Branches, Crash, CrashPoint, Engine, Error, TaskFailure};

/// Puts two tasks of depth one less.
fn halve(depth: u32, branches: &Branches<u32>) -> u32 {
    for _ in 0..if depth > 0 { 2 } else { 0 } {
        branches.put(&(depth - 1)).unwrap();
    }
    depth
}

/// How many tasks of each depth, from 0 on.
fn tally(results: impl Iterator<Item = (u64, gristmill::Result<u32>)>) -> Vec<u64> {
    let mut tally = vec![];
    let mut numbers = std::collections::BTreeSet::new();
    for (number, depth) in results {
        let depth = depth.unwrap() as usize;
        tally.resize(tally.len().max(depth + 1), 0);
        tally[depth] += 1;
        assert!(numbers.insert(number), "two have the number {number}");
    }
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64));
    tally
}

/// `test_saturation`, from within: more tasks than slots, and than the bound, none of which waits.
#[test]
fn more_tasks_than_there_is_room_for() {
    let engine = engine(2);
    for bound in [1, 2, 256] {
        let mut queue = engine.tasks().bound(bound).branching(halve).unwrap();
        for _ in 0..3 {
            queue.put(&8).unwrap();
        }
        queue.join();
        assert_eq!(queue.len(), 3 * 511);
        let expected: Vec<u64> = (0..=8).rev().map(|depth| 3 << depth).collect();
        assert_eq!(tally(queue.close()), expected, "{bound}");
    }
}

/// Branches begin although nobody of the coordinator waits.
#[test]
fn branches_grow_although_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(2);
    let grow = |path: std::path::PathBuf, branches: &Branches<std::path::PathBuf>| {
        std::fs::create_dir(&path).unwrap();
        if path.iter().filter(|part| *part == "b").count() < 5 {
            branches.put(&path.join("b")).unwrap();
        }
    };
    let mut queue = engine.tasks().branching(grow).unwrap();
    queue.put(&folder.path().join("b")).unwrap();
    let last = folder.path().join("b/b/b/b/b");
    crate::support::processes::wait_until("the last branch", || last.exists());
    assert_eq!(queue.close().count(), 5);
}

/// Whoever dies where: each branch is put once.
#[test]
fn branches_are_put_once_whoever_dies() {
    let points = [
        CrashPoint::LeaseTaken,
        CrashPoint::TaskRan,
        CrashPoint::RoomWanted,
        CrashPoint::RoomGranted,
        CrashPoint::ResultStored,
        CrashPoint::LeaseSettled,
    ];
    // Too large for its slot, with what it puts.
    fn wide(depth: u32, branches: &Branches<(u32, Vec<u8>)>) -> u32 {
        for _ in 0..if depth > 0 { 3 } else { 0 } {
            branches.put(&(depth - 1, vec![1; 700])).unwrap();
        }
        depth
    }
    for point in points {
        let engine = Engine::builder().workers(2).crash_at(Crash::at(point).times(2)).build();
        let engine = engine.unwrap();
        let grow =
            |(depth, _): (u32, Vec<u8>), branches: &Branches<(u32, Vec<u8>)>| wide(depth, branches);
        let mut queue = engine.tasks().branching(grow).unwrap();
        queue.put(&(4, vec![])).unwrap();
        assert_eq!(tally(queue.close()), [81, 27, 9, 3, 1], "{point}");
        assert_eq!(engine.crash_report().kills(), 2, "{point}");
    }
}

/// A task that fails has put nothing; one that dies puts again what it had put.
#[test]
fn a_task_that_fails_has_put_nothing() {
    let engine = engine(2);
    let grow = |how: u32, branches: &Branches<u32>| {
        if how > 0 {
            branches.put(&0).unwrap();
        }
        match how {
            1 => panic!("after all"),
            2 => die(),
            _ => how,
        }
    };
    let mut queue = engine.tasks().branching(grow).unwrap();
    for how in [1, 2, 3] {
        queue.put(&how).unwrap();
    }
    let mut results: Vec<_> = queue.close().collect();
    results.sort_by_key(|(number, _)| *number);
    assert_eq!(results.len(), 4, "{results:?}");
    let reason = |n: usize| match &results[n].1 {
        Err(Error::Task { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(matches!(reason(0), TaskFailure::Panicked(_)));
    assert!(matches!(reason(1), TaskFailure::Died(deaths) if deaths.len() == 3));
    assert!(matches!((&results[2].1, &results[3].1), (Ok(3), Ok(0))));
}

/// Parameters that cannot be sent are an error within the task, which goes on.
#[test]
fn branches_that_cannot_be_sent_are_refused_at_the_put() {
    use std::collections::HashMap;
    let engine = engine(1);
    let grow = |map: HashMap<u32, u32>, branches: &Branches<HashMap<u32, u32>>| {
        let large = (0..1000).map(|n| (n, n)).collect();
        map.is_empty() && branches.put(&large).is_err()
    };
    let mut queue = engine.tasks().branching(grow).unwrap();
    queue.put(&HashMap::new()).unwrap();
    let results: Vec<_> = queue.close().map(|(_, refused)| refused.unwrap()).collect();
    assert_eq!(results, [true]);
}
