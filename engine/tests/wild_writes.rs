//! Kernels that write over the control block by address, as native code with a wild pointer might:
//! the launch ends with an error that says so, the others too, and the engine is dropped. (Word by
//! word, at random, the engine's own tests do it: src/roles/wild_writes.rs.)

mod support;

use gristmill::{Chunk, Engine, Error, Fault, FaultPlace, InOut, Kernel, Shapes, Sum};
use serde::{Deserialize, Serialize};
use std::sync::mpsc;
use std::time::Duration;

/// From one guard page to the other.
const BLOCK: std::ops::Range<usize> = 4096..(4 << 20) - 4096;

/// x = 2 x, and one chunk fills bytes of the region.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fills {
    bytes: std::ops::Range<usize>,
    value: u8,
    chunk: usize,
    /// And dies of something else then.
    dies: bool,
}

impl Kernel for Fills {
    type Args = InOut<u64>;
    type Output = Sum<u64>;

    fn run(&self, chunk: Chunk, x: &mut [u64]) -> u64 {
        x.iter_mut().for_each(|x| *x *= 2);
        if chunk.index() == self.chunk {
            let base = support::mappings_of_the_region()[0];
            let start = (base + self.bytes.start) as *mut u8;
            // SAFETY: none; the engine must survive it.
            unsafe { start.write_bytes(self.value, self.bytes.len()) };
            if self.dies {
                std::process::abort();
            }
        }
        x.iter().sum()
    }

    fn grain(&self, _: &Shapes) -> usize {
        100
    }
}

/// Runs what may hang, and says so if it does.
fn bounded(what: &str, run: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let running = std::thread::spawn(move || {
        run();
        let _ = ended.send(());
    });
    match end.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a hang: {what}"),
        _ => running.join().unwrap(),
    }
}

fn is_damaged(error: &Error) -> bool {
    matches!(error, Error::Damaged { .. })
}

#[test]
fn a_control_block_that_is_filled_is_reported_and_ends_the_engine() {
    let values = [0, 1, 0x7F, 0xFF];
    for (value, workers, dies) in
        values.iter().flat_map(|&value| [(value, 1, false), (value, 3, false), (value, 2, true)])
    {
        let kernel = Fills { bytes: BLOCK, value, chunk: 7, dies };
        bounded(&format!("{kernel:?} with {workers} workers"), move || {
            let engine = support::engine(workers);
            let mut x = engine.from_fn(2000, |i| i as u64).unwrap();
            let error = engine.run(&kernel, &mut x).unwrap_err();
            assert!(is_damaged(&error), "{error}");
            let told = error.to_string();
            assert!(told.contains("was written over while") && told.contains("Fills"), "{told}");
            assert!(told.contains("--fence"), "{told}");
            // Nothing else begins, and nothing hangs.
            let harmless = Fills { chunk: usize::MAX, ..kernel };
            assert!(is_damaged(&engine.run(&harmless, &mut x).unwrap_err()));
            let mut queue = engine.tasks().queue(|n: u32| n).unwrap();
            assert!(is_damaged(&queue.put(&1).unwrap_err()));
            queue.join();
        });
    }
}

#[test]
fn a_task_that_fills_the_control_block_is_reported() {
    for value in [0, 0xFF] {
        bounded(&format!("a task that fills with {value}"), move || {
            let engine = support::engine(2);
            let fill = |(n, value): (u64, u8)| {
                if n == 20 {
                    let start = support::mappings_of_the_region()[0] + BLOCK.start;
                    // SAFETY: none; the engine must survive it.
                    unsafe { (start as *mut u8).write_bytes(value, BLOCK.len()) };
                }
                n
            };
            let mut queue = engine.tasks().queue(fill).unwrap();
            let put = (0..40).try_for_each(|n| queue.put(&(n, value)).map(|_| ()));
            let mut results = queue.close().map(|(_, result)| result.map(|_| ()));
            let error = put.err().or_else(|| results.find_map(Result::err)).unwrap();
            assert!(is_damaged(&error), "{error}");
            assert!(error.to_string().contains("a task"), "{error}");
        });
    }
}

#[test]
fn an_overrun_of_the_arrays_stops_at_the_guard_page() {
    bounded("an overrun", || {
        let engine = Engine::builder().workers(2).attempts(1).build().unwrap();
        let mut x = engine.from_fn(2000, |i| i as u64).unwrap();
        let below = BLOCK.end..BLOCK.end + 4096;
        let kernel = Fills { bytes: below, value: 0, chunk: 3, dies: false };
        let Error::Poisoned(poisoned) = engine.run(&kernel, &mut x).unwrap_err() else { panic!() };
        let cause = &poisoned.chunks[0].deaths[0].cause;
        let gristmill::Cause::Signal { fault: Some(fault), .. } = cause else { panic!("{cause}") };
        let Fault { place, fenced, .. } = &**fault;
        assert_eq!((place, *fenced), (&FaultPlace::GuardPage, false));
        assert!(cause.to_string().contains("a guard page of the control block"), "{cause}");
        // The engine goes on.
        let harmless = Fills { chunk: usize::MAX, ..kernel };
        engine.run(&harmless, &mut x).unwrap();
    });
}
