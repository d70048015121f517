//! Steps of a plan that run together, chunk by chunk: the same bits as apart, and what goes wrong is
//! told of the step in which it did.

mod support;

use gristmill::{
    Activity, Array, Cause, Chunk, Engine, Error, FaultPlace, In, InOut, Kernel, Out, Sum, with,
};
use ndarray::Ix1;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use support::{Fuse, MapWithFuse, SumWithFuse, UpdateWithFuse, engine};

const N: usize = 50_000;

fn input(engine: &Engine) -> Array<f64, Ix1> {
    engine.from_fn(N, |i| ((i * 7919) % 10_007) as f64 * 1.000_1e-3 - 3.0).unwrap()
}

/// The three kernels with fuses, of which none is left.
fn three(folder: &tempfile::TempDir) -> (MapWithFuse, UpdateWithFuse, SumWithFuse) {
    let fuse = || Fuse::of_times(folder, "none", 0);
    (
        MapWithFuse { fuse: fuse(), chunk: 100 },
        UpdateWithFuse { fuse: fuse(), chunk: 100 },
        SumWithFuse { fuse: fuse(), chunk: 100 },
    )
}

/// y = 3 x + 1, z = z / 3 + 1 twice, and the sums of z and y.
fn together(
    engine: &Engine,
    (map, update, sum): &(MapWithFuse, UpdateWithFuse, SumWithFuse),
) -> gristmill::Result<(Vec<u64>, [u64; 3])> {
    let x = input(engine);
    let (mut y, mut z) = (engine.filled(N, 7.0)?, input(engine));
    let sums = engine.plan(|p| {
        let (x, mut y, mut z) = (p.read(&x), p.write(&mut y), p.write(&mut z));
        p.step(map, (&x, &mut y));
        p.step(update, &mut z);
        let of_z = p.step(update, &mut z);
        p.step(update, &mut y);
        (of_z, p.step(sum, &z), p.step(sum, &y))
    })?;
    let bits = y.as_slice().iter().chain(z.as_slice()).map(|v| v.to_bits()).collect();
    Ok((bits, [sums.0, sums.1, sums.2].map(f64::to_bits)))
}

/// The same by launches of one kernel each.
fn apart(
    engine: &Engine,
    (map, update, sum): &(MapWithFuse, UpdateWithFuse, SumWithFuse),
) -> (Vec<u64>, [u64; 3]) {
    let x = input(engine);
    let (mut y, mut z) = (engine.filled(N, 7.0).unwrap(), input(engine));
    engine.run(map, (&x, &mut y)).unwrap();
    engine.run(update, &mut z).unwrap();
    let of_z = engine.run(update, &mut z).unwrap();
    engine.run(update, &mut y).unwrap();
    let sums = [of_z, engine.run(sum, &z).unwrap(), engine.run(sum, &y).unwrap()];
    let bits = y.as_slice().iter().chain(z.as_slice()).map(|v| v.to_bits()).collect();
    (bits, sums.map(f64::to_bits))
}

#[test]
fn the_bits_are_those_of_steps_apart() {
    let folder = tempfile::tempdir().unwrap();
    let kernels = three(&folder);
    let expected = apart(&engine(1), &kernels);
    for workers in [1, 2, 3, 5, 8] {
        assert!(together(&engine(workers), &kernels).unwrap() == expected, "{workers} workers");
    }
}

#[test]
fn a_death_in_any_of_them_costs_a_retry_of_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let expected = apart(&engine(1), &three(&folder));
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let fuses =
            ["map", "update", "sum"].map(|name| Fuse::new(&folder, &format!("{name}-{workers}")));
        let (mut map, mut update, mut sum) = three(&folder);
        [map.fuse, update.fuse, sum.fuse] = fuses.clone();
        // One chunk of all three: each kernel has its own attempts.
        [map.chunk, update.chunk, sum.chunk] = [101; 3];
        assert!(together(&engine, &(map, update, sum)).unwrap() == expected, "{workers} workers");
        assert_eq!((fuses.map(|fuse| fuse.burnt()), engine.stats().deaths), ([1; 3], 3));
    }
}

#[test]
fn a_chunk_that_is_set_aside_is_that_of_the_kernel_which_died() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(2);
    let (mut map, update, mut sum) = three(&folder);
    sum.fuse = Fuse::of_times(&folder, "sum", 3);
    map.fuse = Fuse::of_times(&folder, "map", 2);
    let Err(Error::Poisoned(poisoned)) = together(&engine, &(map, update, sum)) else {
        panic!("a chunk killed three workers")
    };
    assert!(poisoned.kernel.contains("SumWithFuse"), "{poisoned}");
    assert_eq!((poisoned.chunks.len(), poisoned.chunks[0].place.chunk), (1, 100));
    assert!(
        poisoned.chunks[0]
            .deaths
            .iter()
            .all(|death| { matches!(death.cause, Cause::Signal { number: 9, .. }) })
    );
    // All five steps were one.
    assert_eq!(poisoned.steps_before, 0);
}

/// Panics.
#[derive(Serialize, Deserialize)]
struct Picky;

impl Kernel for Picky {
    type Args = In<f64>;
    type Output = Sum<f64>;

    fn run(&self, chunk: Chunk, _: &[f64]) -> f64 {
        panic!("picky about chunk {}", chunk.index());
    }
}

#[test]
fn a_panic_is_that_of_the_kernel_which_panicked() {
    let folder = tempfile::tempdir().unwrap();
    let (map, _, sum) = three(&folder);
    for workers in [1, 2] {
        let engine = engine(workers);
        let x = input(&engine);
        let mut y = engine.zeros(N).unwrap();
        let result = engine.plan(|p| {
            let (x, mut y) = (p.read(&x), p.write(&mut y));
            p.step(&map, (&x, &mut y));
            p.step(&Picky, &y);
            p.step(&sum, &y)
        });
        let Err(Error::Panicked(panic)) = result else { panic!("a kernel panicked") };
        assert!(panic.kernel.contains("Picky"), "{panic}");
        let chunk = panic.chunk.unwrap().chunk;
        assert_eq!(panic.message, format!("picky about chunk {chunk}"));
    }
}

#[test]
fn of_several_failures_that_of_the_first_step_is_told() {
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let x = input(&engine);
        let mut y = engine.zeros(N).unwrap();
        let result = engine.plan(|p| {
            let (x, mut y) = (p.read(&x), p.write(&mut y));
            p.step(&PickyAbout { chunk: 70 }, (&x, &mut y));
            p.step(&Picky, &y)
        });
        let Err(Error::Panicked(panic)) = result else { panic!("two kernels panicked") };
        assert!(panic.kernel.contains("PickyAbout"), "{panic}");
        assert_eq!(panic.chunk.unwrap().chunk, 70);
    }
}

/// Copies, and panics at one chunk.
#[derive(Serialize, Deserialize)]
struct PickyAbout {
    chunk: usize,
}

impl Kernel for PickyAbout {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, y): (&[f64], &mut [f64])) {
        assert!(chunk.index() != self.chunk, "picky about chunk {}", self.chunk);
        y.copy_from_slice(x);
    }
}

/// Multiplies in place.
#[derive(Serialize, Deserialize)]
struct Scale {
    by: f64,
}

impl Kernel for Scale {
    type Args = InOut<f64>;
    type Output = ();

    fn run(&self, _: Chunk, x: &mut [f64]) {
        x.iter_mut().for_each(|x| *x *= self.by);
    }
}

#[test]
fn a_scalar_that_was_never_set_is_missed_by_the_kernel_that_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let (map, _, sum) = three(&folder);
    let engine = engine(2);
    let x = input(&engine);
    let mut y = engine.zeros(N).unwrap();
    let result = engine.plan(|p| {
        let (x, mut y) = (p.read(&x), p.write(&mut y));
        let (_, never) = p.repeat(0, |p| p.step(&sum, &x));
        p.step(&map, (&x, &mut y));
        p.step(&with(never, |never| Scale { by: never }), &mut y);
    });
    let Err(Error::Refused { kernel, reason }) = result else { panic!("{result:?}") };
    assert!(kernel.contains("Scale") && reason.contains("before it is set"), "{kernel}: {reason}");
}

/// Writes what it may only read.
#[derive(Serialize, Deserialize)]
struct Stray;

impl Kernel for Stray {
    type Args = (In<f64>, InOut<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (from, to): (&[f64], &mut [f64])) {
        let stray = from.as_ptr().cast_mut();
        // SAFETY: there is none: behind fences it is a fault, and that is what the test is about.
        unsafe { stray.write_volatile(to[0]) };
    }
}

#[test]
fn a_fault_is_in_an_argument_of_the_kernel_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let (map, ..) = three(&folder);
    let engine = Engine::builder().workers(1).attempts(1).fence(true).build().unwrap();
    let x = input(&engine);
    let (mut y, mut z) = (engine.zeros(N).unwrap(), engine.zeros(N).unwrap());
    let result = engine.plan(|p| {
        let (x, mut y, mut z) = (p.read(&x), p.write(&mut y), p.write(&mut z));
        p.step(&map, (&x, &mut y));
        p.step(&Stray, (&y, &mut z));
    });
    let Err(Error::Poisoned(poisoned)) = result else { panic!("{result:?}") };
    let Cause::Signal { fault: Some(fault), .. } = &poisoned.chunks[0].deaths[0].cause else {
        panic!("{poisoned}")
    };
    let FaultPlace::Element(element) = &fault.place else { panic!("{poisoned}") };
    // In the step before it is the second.
    assert_eq!((element.argument, &element.access[..]), (0, "In<f64>"));
    assert!(poisoned.kernel.contains("Stray"), "{poisoned}");
}

#[test]
fn a_kernel_that_hangs_behind_another_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (map, ..) = three(&folder);
    let limit = std::time::Duration::from_millis(200);
    let engine = Engine::builder().workers(1).attempts(1).deadline(limit).build().unwrap();
    let x = engine.filled(10, 1.0).unwrap();
    let (mut y, mut z) = (engine.zeros(10).unwrap(), engine.zeros(10).unwrap());
    let never = Patient { file: folder.path().join("never") };
    let result = engine.plan(|p| {
        let (x, mut y, mut z) = (p.read(&x), p.write(&mut y), p.write(&mut z));
        p.step(&map, (&x, &mut y));
        p.step(&never, (&y, &mut z));
    });
    let Err(Error::Poisoned(poisoned)) = result else { panic!("{result:?}") };
    let cause = &poisoned.chunks[0].deaths[0].cause;
    assert!(poisoned.kernel.contains("Patient"), "{poisoned}");
    assert!(matches!(cause, Cause::Deadline { .. }), "{poisoned}");
}

/// Waits for a file.
#[derive(Serialize, Deserialize)]
struct Patient {
    file: PathBuf,
}

impl Kernel for Patient {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (x, y): (&[f64], &mut [f64])) {
        while !self.file.exists() {
            std::thread::yield_now();
        }
        y.copy_from_slice(x);
    }
}

#[test]
fn activities_tell_which_kernel_a_chunk_is_at() {
    let folder = tempfile::tempdir().unwrap();
    let (map, ..) = three(&folder);
    let engine = engine(1);
    let (x, file) = (input(&engine), folder.path().join("go on"));
    let (mut y, mut z) = (engine.zeros(N).unwrap(), engine.zeros(N).unwrap());
    let patient = Patient { file: file.clone() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let is_at_it = |activity: &Activity| match activity {
                Activity::Chunk { kernel, .. } => kernel.contains("Patient"),
                _ => false,
            };
            while !engine.activities().iter().any(|seen| is_at_it(&seen.activity)) {
                std::thread::yield_now();
            }
            std::fs::write(&file, "").unwrap();
        });
        engine.plan(|p| {
            let (x, mut y, mut z) = (p.read(&x), p.write(&mut y), p.write(&mut z));
            p.step(&map, (&x, &mut y));
            p.step(&patient, (&y, &mut z));
        })
    })
    .unwrap();
    assert_eq!(y.as_slice(), z.as_slice());
}
