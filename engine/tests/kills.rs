//! Workers are killed from outside at arbitrary moments. A test binary of its own: it kills any
//! child of its process.

use gristmill::{Add, Chunk, Engine, In, Kernel, Merge};
use serde::{Deserialize, Serialize};

/// Merging twice would show: each chunk adds 1.
#[derive(Serialize, Deserialize)]
struct CountChunks;

impl Kernel for CountChunks {
    type Args = (In<u8>, Merge<u64, Add>);
    type Output = ();

    fn run(&self, _: Chunk, (_, counts): (&[u8], &mut [u64])) {
        counts[0] += 1;
    }

    fn grain(&self, _: &gristmill::Shapes) -> usize {
        1
    }
}

const LAUNCHES: u64 = 100;

/// So many deaths are enough. They come at their own pace: where workers take long to start, under a
/// sanitizer, a launch takes more of them.
const DEATHS: u64 = 5_000;

#[test]
fn kills_from_outside_at_any_moment_change_nothing() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    let engine = Engine::builder().workers(3).attempts(u32::MAX).build().unwrap();
    let x = engine.zeros::<u8, _>(20_000).unwrap();
    let mut counts = engine.zeros(1).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                kill_a_worker();
                std::thread::sleep(std::time::Duration::from_micros(1500));
            }
        });
        let _ended = OnDrop(|| done.store(true, Relaxed));
        while engine.stats().launches < LAUNCHES && engine.stats().deaths < DEATHS {
            engine.run(&CountChunks, (&x, &mut counts)).unwrap();
            assert_eq!(counts[0], 20_000);
        }
    });
    println!("{:?}", engine.stats());
    assert!(engine.stats().deaths > 0);
}

/// Runs when dropped: the killer must end with a failing test as well.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Kills some child of this process: the workers of other tests survive that as well.
fn kill_a_worker() {
    let children = std::fs::read_dir("/proc/self/task").unwrap().flat_map(|task| {
        let path = task.unwrap().path().join("children");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()).collect::<Vec<_>>()
    });
    let children: Vec<i32> = children.collect();
    let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos() as usize;
    if let Some(&pid) = children.get(nanos / 1000 % children.len().max(1)) {
        let pid = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    }
}
