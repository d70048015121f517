//! Failures that are no deaths, and what the user reads of them.

mod support;

use gristmill::{Chunk, Error, In, Kernel, Merge, MergeOp, Sum};
use serde::{Deserialize, Serialize};
use support::engine;

/// Panics when it merges a three.
#[derive(Debug)]
struct Picky;

impl MergeOp<u64> for Picky {
    const EXACT: bool = true;

    fn identity() -> u64 {
        0
    }

    fn merge(into: &mut u64, from: u64) {
        assert!(from != 3, "picky about {from}");
        *into += from;
    }
}

/// Counts values.
#[derive(Serialize, Deserialize)]
struct Count;

impl Kernel for Count {
    type Args = (In<u64>, Merge<u64, Picky>);
    type Output = ();

    fn run(&self, _: Chunk, (x, counts): (&[u64], &mut [u64])) {
        x.iter().for_each(|x| counts[*x as usize] += 1);
    }
}

#[test]
fn a_panic_in_a_merge_is_an_error_and_no_death() {
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let x = engine.filled(3, 1u64).unwrap();
        let mut counts = engine.zeros::<u64, _>(4).unwrap();
        let error = engine.run(&Count, (&x, &mut counts)).unwrap_err();
        let Error::Panicked(panic) = &error else { panic!("{error}") };
        assert_eq!(panic.message, "picky about 3");
        assert!(panic.place.contains("failures.rs"), "{}", panic.place);
        // The engine and the cell go on.
        let x = engine.from_fn(4, |i| i as u64).unwrap();
        engine.run(&Count, (&x, &mut counts)).unwrap();
        assert_eq!((counts.as_slice(), engine.stats().deaths), (&[1, 1, 1, 1][..], 0));
    }
}

/// The number of elements.
#[derive(Serialize, Deserialize)]
struct Len;

impl Kernel for Len {
    type Args = In<f64>;
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, x: &[f64]) -> u64 {
        x.len() as u64
    }
}

#[test]
fn a_condition_that_panics_is_not_blamed_on_the_kernel_before_it() {
    let engine = engine(2);
    let x = engine.filled(10, 2.0).unwrap();
    let error = engine
        .plan(|p| {
            let x = p.read(&x);
            p.repeat(3, |p| {
                let len = p.step(&Len, &x);
                p.until(len, |len| panic!("len is {len}"));
            })
        })
        .unwrap_err()
        .to_string();
    assert!(error.contains("a condition of the plan") && error.contains("len is 10"), "{error}");
    assert!(!error.contains("Len"), "{error}");
    assert_eq!(engine.sum(&x).unwrap(), 20.0);
}

#[test]
fn loops_without_steps_can_be_cancelled() {
    let engine = engine(2);
    let empty = engine.zeros::<f64, _>(0).unwrap();
    let loops: [&(dyn Fn() -> Result<u64, Error> + Sync); 2] =
        [&|| engine.plan(|p| p.repeat(u64::MAX, |_| {}).0), &|| {
            engine.plan(|p| {
                let empty = p.read(&empty);
                p.repeat(u64::MAX, |p| {
                    p.step(&Len, &empty);
                })
                .0
            })
        }];
    for endless in loops {
        let (send, ended) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || send.send(endless()).unwrap());
            let result = loop {
                engine.cancel();
                match ended.try_recv() {
                    Ok(result) => break result,
                    Err(_) => std::thread::yield_now(),
                }
            };
            assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
        });
    }
    assert_eq!(engine.run(&Len, &empty).unwrap(), 0);
}

/// Sets a panic hook of its own, then panics.
#[derive(Serialize, Deserialize)]
struct Hooked;

impl Kernel for Hooked {
    type Args = In<f64>;
    type Output = ();

    fn run(&self, chunk: Chunk, _: &[f64]) {
        std::panic::set_hook(Box::new(|_| {}));
        panic!("chunk {}", chunk.index());
    }
}

#[test]
fn a_panic_under_a_hook_of_the_kernels_own_keeps_its_message() {
    let engine = engine(1);
    let x = engine.filled(10, 2.0).unwrap();
    let error = engine.run(&Hooked, &x).unwrap_err();
    assert!(matches!(&error, Error::Panicked(panic) if panic.message == "chunk 0"), "{error}");
}

/// Catches a panic of its own in the first chunk, and resumes one in the second.
#[derive(Serialize, Deserialize)]
struct Catching;

impl Kernel for Catching {
    type Args = In<f64>;
    type Output = ();

    fn run(&self, chunk: Chunk, _: &[f64]) {
        let caught = std::panic::catch_unwind(|| panic!("harmless")).unwrap_err();
        if chunk.index() == 1 {
            drop(caught);
            std::panic::resume_unwind(Box::new("the real one"));
        }
    }
}

#[test]
fn a_panic_that_was_caught_is_not_told_for_another() {
    let engine = engine(1);
    let x = engine.filled(1000, 2.0).unwrap();
    let error = engine.run(&Catching, &x).unwrap_err();
    let Error::Panicked(panic) = &error else { panic!("{error}") };
    assert_eq!(panic.message, "the real one");
    assert!(panic.place.contains("resumed"), "{}", panic.place);
}

#[test]
fn errors_are_read_as_sentences_where_main_returns_them() {
    let engine = engine(1);
    let (x, mut y) = (engine.filled(10, 2.0).unwrap(), engine.zeros::<f64, _>(9).unwrap());
    let error = engine.map(&x, &mut y, |v: f64| v).unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert_eq!(
        error.to_string(),
        "shapes do not fit in map: argument 1 has 9 elements where argument 0 has 10"
    );
}

#[test]
fn what_is_no_regular_file_is_not_replaced_by_an_array() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(1);
    let x = engine.filled(10, 2.0).unwrap();
    let (real, link) = (folder.path().join("real.npy"), folder.path().join("link.npy"));
    std::os::unix::fs::symlink(&real, &link).unwrap();
    for path in [folder.path(), &link] {
        let error = x.save_npy(path).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
    }
    x.save_npy(&real).unwrap();
    x.save_npy(&real).unwrap();
    assert!(link.is_symlink());
}

#[test]
fn frames_of_a_backtrace_are_the_kernels_own() {
    const PART: &str = "GRISTMILL_TEST_BACKTRACE";
    if std::env::var_os(PART).is_none() {
        let name = "frames_of_a_backtrace_are_the_kernels_own";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", name]).env(PART, "1").env("RUST_BACKTRACE", "1");
        let output = again.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let engine = engine(1);
    let x = engine.filled(3, 1u64).unwrap();
    let mut counts = engine.zeros::<u64, _>(4).unwrap();
    let Err(Error::Panicked(panic)) = engine.run(&Count, (&x, &mut counts)) else { panic!() };
    let first = panic.backtrace.lines().next().unwrap_or_default();
    assert!(first.contains("Picky") && first.contains("merge"), "{}", panic.backtrace);
    assert!(!panic.backtrace.contains("panicking"), "{}", panic.backtrace);
}
