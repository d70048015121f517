//! Workers are killed by SIGKILL in the middle of things: the result has the same bits as without,
//! and the death is counted.

mod support;

use gristmill::{
    Cause, Chunk, Engine, Error, Halo, HaloView, In, Kernel, Max, Merge, Out, TaskFailure,
};
use ndarray::{ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};
use support::{Fuse, MapWithFuse, SumWithFuse, UpdateWithFuse, die, engine};

const N: usize = 50_000;

fn input(engine: &Engine) -> gristmill::Array<f64, ndarray::Ix1> {
    engine.from_fn(N, |i| ((i * 7919) % 10_007) as f64 * 1.000_1e-3 - 3.0).unwrap()
}

/// The middle chunk and the two ends.
fn chunks_to_try() -> [usize; 3] {
    [0, 100, N.div_ceil(208) - 1]
}

#[test]
fn in_a_map() {
    let folder = tempfile::tempdir().unwrap();
    for workers in [1, 2, 3] {
        for chunk in chunks_to_try() {
            let engine = engine(workers);
            let x = input(&engine);
            let mut y = engine.zeros(N).unwrap();
            let fuse = Fuse::new(&folder, &format!("map-{workers}-{chunk}"));
            engine.run(&MapWithFuse { fuse: fuse.clone(), chunk }, (&x, &mut y)).unwrap();
            assert_eq!(fuse.burnt(), 1);
            assert_eq!(engine.stats().deaths, 1);
            assert_eq!(engine.stats().retries, 1);
            for (x, y) in x.as_slice().iter().zip(y.as_slice()) {
                assert_eq!((3.0 * x + 1.0).to_bits(), y.to_bits());
            }
        }
    }
}

#[test]
fn in_an_in_place_step() {
    let folder = tempfile::tempdir().unwrap();
    for workers in [1, 2, 3] {
        for chunk in chunks_to_try() {
            let engine = engine(workers);
            let mut x = input(&engine);
            let expected: Vec<f64> = x.as_slice().iter().map(|x| x / 3.0 + 1.0).collect();
            let fuse = Fuse::of_times(&folder, &format!("place-{workers}-{chunk}"), 2);
            engine.run(&UpdateWithFuse { fuse: fuse.clone(), chunk }, &mut x).unwrap();
            assert_eq!((fuse.burnt(), engine.stats().deaths), (2, 2));
            assert_eq!(x.as_slice(), expected);
        }
    }
}

#[test]
fn in_a_reduction() {
    let folder = tempfile::tempdir().unwrap();
    let mut bits = vec![];
    for workers in [1, 2, 5] {
        let engine = engine(workers);
        let x = input(&engine);
        let burnt_out = Fuse::of_times(&folder, "none", 0);
        let whole = engine.run(&SumWithFuse { fuse: burnt_out, chunk: 0 }, &x).unwrap();
        for chunk in chunks_to_try() {
            let fuse = Fuse::new(&folder, &format!("sum-{workers}-{chunk}"));
            let sum = engine.run(&SumWithFuse { fuse, chunk }, &x).unwrap();
            assert_eq!(sum.to_bits(), whole.to_bits());
        }
        assert_eq!(engine.stats().deaths, 3);
        bits.push(whole.to_bits());
    }
    assert!(bits.iter().all(|b| *b == bits[0]));
}

/// Counts values modulo 8, and puts the number of the merge's fuse at the end of the cell.
#[derive(Serialize, Deserialize)]
struct Count {
    fuse: Fuse,
    chunk: usize,
    merge: u64,
}

impl Kernel for Count {
    type Args = (In<u64>, Merge<u64, support::AddWithFuse>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, counts): (&[u64], &mut [u64])) {
        for x in x {
            counts[(x % 8) as usize] += 1;
        }
        if chunk.index() == self.chunk {
            self.fuse.burn();
        }
        if chunk.index() == 0 {
            counts[8] = self.merge;
        }
    }
}

#[test]
fn in_a_cells_kernel_and_in_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    // With one worker its replacement repairs the cell, with several one that has survived.
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let x = engine.from_fn(N, |i| (i * 31 % 1009) as u64).unwrap();
        let mut counts = engine.filled(9, 77u64).unwrap();
        let merge = support::MERGE_FUSES + workers as u64;
        let merge_fuse = support::merge_fuse(std::process::id(), merge);
        merge_fuse.renew();
        let fuse = Fuse::new(&folder, &format!("cell-{workers}"));
        let kernel = Count { fuse: fuse.clone(), chunk: 40, merge };
        let run = engine.run(&kernel, (&x, &mut counts));
        let burnt = merge_fuse.burnt();
        merge_fuse.renew();
        run.unwrap();
        let mut expected = [0; 9];
        x.as_slice().iter().for_each(|x| expected[(x % 8) as usize] += 1);
        expected[8] = merge;
        assert_eq!(counts.as_slice(), expected);
        assert_eq!((fuse.burnt(), burnt, engine.stats().deaths), (1, 1, 2));
    }
}

/// One sweep of averaging a row with its neighbours; dies in the sweep whose fuse is left.
#[derive(Serialize, Deserialize)]
struct Smooth {
    fuse: Fuse,
    /// It dies where a value of the chunk's first row is below this.
    below: f64,
}

impl Kernel for Smooth {
    type Args = (Halo<f64, Ix2>, Out<f64, Ix2>);
    type Output = Max<f64>;

    fn run(&self, _: Chunk, (old, mut new): (HaloView<f64, Ix2>, ArrayViewMut2<f64>)) -> f64 {
        let mut change: f64 = 0.0;
        for (row, mut to) in new.rows_mut().into_iter().enumerate() {
            let [above, own, below] = [-1, 0, 1].map(|d| old.row(row as isize + d));
            for (column, to) in to.iter_mut().enumerate() {
                *to = (above[column] + 2.0 * own[column] + below[column]) / 4.0;
                change = change.max((*to - own[column]).abs());
            }
        }
        if change < self.below {
            self.fuse.burn();
        }
        change
    }
}

fn smooth(engine: &Engine, kernel: &Smooth) -> (u64, f64, Vec<f64>) {
    let shape = (60, 40);
    let mut now = engine.from_fn(shape, |(r, c)| ((r * 37 + c * 11) % 17) as f64).unwrap();
    let mut next = engine.zeros(shape).unwrap();
    let (sweeps, change) = engine
        .plan(|p| {
            let (mut a, mut b) = (p.write(&mut now), p.write(&mut next));
            p.repeat(500, |p| {
                let change = p.step(kernel, (&a, &mut b));
                p.swap(&mut a, &mut b);
                p.until((change, 0.02), |(change, tolerance)| change < tolerance);
                change
            })
        })
        .unwrap();
    (sweeps, change, now.as_slice().to_vec())
}

#[test]
fn in_a_plans_loop() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = Smooth { fuse: Fuse::of_times(&folder, "none", 0), below: 0.0 };
    let whole = smooth(&engine(1), &quiet);
    assert!(whole.0 > 10 && whole.0 < 500, "{} sweeps", whole.0);
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let fuse = Fuse::of_times(&folder, &format!("loop-{workers}"), 3);
        let kernel = Smooth { fuse: fuse.clone(), below: 0.1 };
        assert_eq!(smooth(&engine, &kernel), whole);
        assert_eq!((fuse.burnt(), engine.stats().deaths), (3, 3));
    }
}

fn square_with_fuse((n, fuse): (u64, Fuse)) -> u64 {
    if n == 11 {
        fuse.burn();
    }
    n * n
}

#[test]
fn in_a_task() {
    let folder = tempfile::tempdir().unwrap();
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let fuse = Fuse::new(&folder, &format!("task-{workers}"));
        let params = (0..600).map(|n| (n, fuse.clone()));
        let squares: Vec<u64> =
            engine.tasks().map(square_with_fuse, params).unwrap().map(Result::unwrap).collect();
        assert_eq!(squares, (0..600).map(|n| n * n).collect::<Vec<u64>>());
        assert_eq!((engine.stats().deaths, engine.stats().retries), (1, 1));
    }
}

/// Waits until a file is there.
fn wait_for(path: std::path::PathBuf) -> bool {
    let started = path.with_extension("started");
    std::fs::write(started, "").is_ok_and(|()| {
        while !path.exists() {
            std::thread::yield_now();
        }
        true
    })
}

#[test]
fn a_step_goes_on_after_a_death_while_a_worker_is_still_in_a_task() {
    let folder = tempfile::tempdir().unwrap();
    for workers in [2, 3] {
        let engine = engine(workers);
        let gate = folder.path().join(format!("gate-{workers}"));
        let mut queue = engine.tasks().queue(wait_for).unwrap();
        queue.put(&gate).unwrap();
        while !gate.with_extension("started").exists() {
            std::thread::yield_now();
        }
        let x = input(&engine);
        let mut y = engine.zeros(N).unwrap();
        let fuse = Fuse::new(&folder, &format!("task-beside-{workers}"));
        engine.run(&MapWithFuse { fuse: fuse.clone(), chunk: 100 }, (&x, &mut y)).unwrap();
        assert_eq!((fuse.burnt(), engine.stats().deaths), (1, 1));
        assert!(x.as_slice().iter().zip(y.as_slice()).all(|(x, y)| 3.0 * x + 1.0 == *y));
        // The task has waited all the time.
        std::fs::write(&gate, "").unwrap();
        assert!(queue.close().all(|(_, result)| result.unwrap()));
    }
}

#[test]
fn a_task_that_always_dies_fails_alone() {
    let engine = engine(2);
    let kill_three = |n: u32| if n == 3 { die() } else { n };
    let results: Vec<_> = engine.tasks().map(kill_three, 0..8).unwrap().collect();
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(value) => assert_eq!(value as usize, n),
            Err(Error::Task { index, reason: TaskFailure::Died(deaths), .. }) => {
                assert_eq!((n, index, deaths.len()), (3, 3, 3));
                assert!(matches!(deaths[0].cause, Cause::Signal { number: 9, .. }));
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(engine.stats().deaths, 3);
}

#[test]
fn a_chunk_that_always_dies_is_set_aside_and_named() {
    let folder = tempfile::tempdir().unwrap();
    for workers in [1, 2] {
        let engine = engine(workers);
        let x = input(&engine);
        let mut y = engine.zeros(N).unwrap();
        let fuse = Fuse::of_times(&folder, &format!("poison-{workers}"), 9);
        let error = engine.run(&MapWithFuse { fuse, chunk: 5 }, (&x, &mut y)).unwrap_err();
        let Error::Poisoned(poisoned) = error else { panic!("{error}") };
        assert!(poisoned.kernel.contains("MapWithFuse"));
        assert_eq!(poisoned.chunks.len(), 1);
        assert_eq!(poisoned.chunks[0].deaths.len(), 3);
        let place = poisoned.chunks[0].place;
        assert_eq!(place.chunk, 5);
        for (i, (x, y)) in x.as_slice().iter().zip(y.as_slice()).enumerate() {
            if !(place.start..place.end).contains(&i) {
                assert_eq!(3.0 * x + 1.0, *y, "element {i}");
            }
        }
        // The engine goes on.
        assert_eq!(engine.sum(&engine.filled(10, 1.5).unwrap()).unwrap(), 15.0);
    }
}
