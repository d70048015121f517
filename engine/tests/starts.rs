//! Replacements that end before they are ready. A test binary of its own: something in it runs
//! before `main`, in every worker, and ends it as the test wants.

mod support;

use gristmill::{Disturbance, Error};
use std::os::unix::process::parent_id;
use std::path::PathBuf;

/// Run by the loader, before a worker begins.
#[used]
// SAFETY: the loader calls it once, with arguments that it does not look at, when the C library is
// usable. Its number makes it the first, before the engine's own entry.
#[unsafe(link_section = ".init_array.00001")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn end_if_wanted() {
        // Too early for `std::env::args`.
        let name = std::fs::read("/proc/self/cmdline").unwrap_or_default();
        let is_worker = name.starts_with(b"gristmill w");
        if is_worker && let Some(way) = next(parent_id()) {
            match way.as_str() {
                "kill" => support::die(),
                _ => std::process::exit(3),
            }
        }
    }
    end_if_wanted
};

/// What the next worker that the coordinator starts shall die of: a file of its folder, which is
/// used up.
fn next(coordinator: u32) -> Option<String> {
    let ways = std::fs::read_dir(folder(coordinator)).ok()?;
    let way = ways.flatten().next()?.path();
    std::fs::remove_file(&way).ok()?;
    Some(way.extension()?.to_str()?.into())
}

fn folder(coordinator: u32) -> PathBuf {
    std::env::temp_dir().join(format!("gristmill-test-starts-{coordinator}"))
}

/// The next so many workers shall end in this way.
fn want(times: u32, way: &str) {
    let folder = folder(std::process::id());
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    (0..times).for_each(|n| std::fs::write(folder.join(format!("{n}.{way}")), "").unwrap());
}

fn left() -> usize {
    std::fs::read_dir(folder(std::process::id())).unwrap().count()
}

#[test]
fn killed_starts_are_borne_with_and_failed_ones_are_not() {
    let engine = support::engine(1);
    let x = engine.from_fn(1000, |i| i as f64).unwrap();

    want(60, "kill");
    engine.disturb(0, Disturbance::Kill);
    assert_eq!(engine.sum(&x).unwrap(), 499_500.0);
    assert_eq!((left(), engine.stats().deaths), (0, 61));
    assert_eq!(engine.take_recoveries().len(), 1, "the last of them alone became ready");

    want(60, "exit");
    engine.disturb(0, Disturbance::Kill);
    let Err(Error::NoWorkers { reason }) = engine.sum(&x) else { panic!("it cannot have worked") };
    assert!(reason.contains("end as soon as they start"), "{reason}");
    assert_eq!(left(), 60 - 16);
    std::fs::remove_dir_all(folder(std::process::id())).unwrap();
}
