//! An engine at rest does nothing at all: its supervisor sleeps, also when work would have a
//! deadline. (One test alone: other tests' supervisors would be counted.)

use std::time::{Duration, Instant};

/// How often the supervisor's thread has gone to sleep.
fn sleeps_of_supervisor() -> Option<u64> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let texts = threads.flatten().map(|thread| thread.path().join("status"));
    let mut texts = texts.filter_map(|path| std::fs::read_to_string(path).ok());
    let status = texts.find(|text| text.starts_with("Name:\tgristmill super"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

#[test]
fn a_supervisor_sleeps_as_long_as_nothing_runs() {
    let deadline = Duration::from_millis(20);
    let engine = gristmill::Engine::builder().workers(2).deadline(deadline).build().unwrap();
    let x = engine.from_fn(1000, |i| i as f64).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), 499_500.0);
    let doubled = engine.tasks().map(|n: u32| 2 * n, 0..9).unwrap();
    assert!(doubled.map(Result::unwrap).eq((0..9).map(|n| 2 * n)));
    // It may have to look once more to find that nothing is left.
    let mut last = (sleeps_of_supervisor().unwrap(), Instant::now());
    while last.1.elapsed() < 20 * deadline {
        std::thread::sleep(Duration::from_millis(1));
        let sleeps = sleeps_of_supervisor().unwrap();
        if sleeps != last.0 {
            last = (sleeps, Instant::now());
            assert!(sleeps < 10_000, "it does not come to rest");
        }
    }
}
