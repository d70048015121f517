//! SIGINT and SIGTERM while a job runs.

use super::args::ExitStatus;
use crate::report::Progress;
use crate::roles::Engine;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Bytes of a thread's stack: little, as address space may be scarce.
const STACK: usize = 256 << 10;

/// How often a job that was interrupted is told so: between two launches nobody hears it.
const REPEAT: Duration = Duration::from_millis(20);

/// SIGINT and SIGTERM end the job: once, in order; twice, at once.
pub(super) struct Interrupts {
    pub(super) interrupted: Arc<AtomicBool>,
    /// The job has ended, so there is nothing left to cancel.
    over: Arc<AtomicBool>,
    /// The first signal.
    signal: Arc<AtomicI32>,
    signals: Mutex<Option<Signals>>,
}

impl Interrupts {
    /// From here on signals are kept, even before there is an engine to cancel.
    pub(super) fn watch() -> Result<Interrupts, String> {
        let failed = |error: std::io::Error| format!("signals: {error}");
        let signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        // By default it kills: caught, a file that grows beyond its limit is an error of the write.
        signal_hook::flag::register(SIGXFSZ, Arc::default()).map_err(failed)?;
        Ok(Interrupts {
            interrupted: Arc::default(),
            over: Arc::default(),
            signal: Arc::default(),
            signals: Mutex::new(Some(signals)),
        })
    }

    /// Whether a signal has come that nobody has heeded yet.
    pub(super) fn is_pending(&self) -> bool {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let first = signals.as_mut().and_then(|signals| signals.pending().next());
        first.inspect(|number| self.signal.store(*number, Ordering::Relaxed)).is_some()
    }

    /// Starts a thread that waits for signals as long as the process lives.
    pub(super) fn cancel_on_signal(
        &self,
        engine: &Arc<Engine>,
        progress: Progress,
    ) -> Result<(), String> {
        let signals = self.signals.lock().ok().and_then(|mut signals| signals.take());
        let Some(mut signals) = signals else { return Ok(()) };
        let (interrupted, signal) = (Arc::clone(&self.interrupted), Arc::clone(&self.signal));
        let (over, engine) = (Arc::clone(&self.over), Arc::downgrade(engine));
        let listen = move || {
            for number in &mut signals {
                if interrupted.swap(true, Ordering::Relaxed) {
                    // The workers end with this process.
                    std::process::exit(128 + number);
                }
                signal.store(number, Ordering::Relaxed);
                progress.end_with(
                    "gristmill: interrupted: finishing the chunks in flight (again to stop at once)",
                );
                let (over, engine) = (Arc::clone(&over), Weak::clone(&engine));
                let canceller = std::thread::Builder::new().stack_size(STACK);
                if canceller.spawn(move || cancel_until(&over, &engine)).is_err() {
                    // No room even for a thread: what runs could go on for ever.
                    std::process::exit(128 + number);
                }
            }
        };
        let listener = std::thread::Builder::new().stack_size(STACK);
        listener.spawn(listen).map(drop).map_err(|error| {
            let memory = crate::machine::Memory::here();
            let bound = memory.available().map_or("unknown".into(), ToString::to_string);
            format!("cannot start the thread that listens for signals: {error}; memory: {bound}")
        })
    }

    /// The job has ended: whoever still comes is too late to cancel anything.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub(super) fn exit_status(&self) -> ExitStatus {
        match self.signal.load(Ordering::Relaxed) {
            SIGTERM => ExitStatus::Terminated,
            _ => ExitStatus::Interrupted,
        }
    }
}

/// Cancels whatever runs, until the job is over.
fn cancel_until(over: &AtomicBool, engine: &Weak<Engine>) {
    while !over.load(Ordering::Acquire) {
        let Some(engine) = engine.upgrade() else { return };
        engine.cancel();
        drop(engine);
        std::thread::sleep(REPEAT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chunk, Error, In, Kernel, Shapes};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Slow;

    impl Kernel for Slow {
        type Args = In<f64>;
        type Output = ();
        fn run(&self, _: Chunk, _: &[f64]) {
            std::thread::sleep(Duration::from_millis(5));
        }
        fn grain(&self, _: &Shapes) -> usize {
            1
        }
    }

    /// All of it would take minutes.
    #[test]
    fn a_signal_between_two_launches_cancels_the_next() {
        let engine = Arc::new(Engine::builder().workers(1).build().unwrap());
        let x = engine.zeros::<f64, _>(40_000).unwrap();
        let (over, weak) = (AtomicBool::new(false), Arc::downgrade(&engine));
        std::thread::scope(|scope| {
            // The first call finds nothing to cancel.
            weak.upgrade().unwrap().cancel();
            scope.spawn(|| cancel_until(&over, &weak));
            for _ in 0..2 {
                assert!(matches!(engine.run(&Slow, &x), Err(Error::Cancelled)));
            }
            over.store(true, Ordering::Release);
        });
    }
}
