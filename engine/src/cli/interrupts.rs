//! SIGINT and SIGTERM while a job runs.
//!
//! What must not fail needs no thread that could be held up: the second signal ends the process from
//! its handler, and the first is told only after it has cancelled, as standard error may be a pipe
//! that nobody reads.

use super::args::ExitStatus;
use crate::machine::{Memory, MemoryBound, MemoryReason};
use crate::process;
use crate::report::Progress;
use crate::roles::Engine;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    /// The last signal, 0 before there is one.
    signal: Arc<AtomicUsize>,
    signals: Mutex<Option<Signals>>,
}

impl Interrupts {
    /// From here on signals are kept, even before there is an engine to cancel.
    pub(super) fn watch() -> Result<Interrupts, String> {
        let interrupts = Interrupts {
            interrupted: Arc::default(),
            over: Arc::default(),
            signal: Arc::default(),
            signals: Mutex::default(),
        };
        interrupts.register().map_err(|error| format!("signals: {error}"))?;
        Ok(interrupts)
    }

    /// What is registered for a signal is done in this order.
    fn register(&self) -> std::io::Result<()> {
        for number in [SIGINT, SIGTERM] {
            // The workers end with this process.
            let again = Arc::clone(&self.interrupted);
            flag::register_conditional_shutdown(number, 128 + number, again)?;
            flag::register_usize(number, Arc::clone(&self.signal), number as usize)?;
            flag::register(number, Arc::clone(&self.interrupted))?;
        }
        // By default it kills: caught, a file that grows beyond its limit is an error of the write.
        flag::register(SIGXFSZ, Arc::default())?;
        let signals = Signals::new([SIGINT, SIGTERM])?;
        *self.signals.lock().unwrap_or_else(PoisonError::into_inner) = Some(signals);
        Ok(())
    }

    /// Whether one has come.
    pub(super) fn have_come(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// Starts a thread that waits for the first signal as long as the process lives.
    pub(super) fn cancel_on_signal(
        &self,
        engine: &Arc<Engine>,
        progress: Progress,
    ) -> Result<(), String> {
        let signals = self.signals.lock().ok().and_then(|mut signals| signals.take());
        let Some(mut signals) = signals else { return Ok(()) };
        let (over, engine) = (Arc::clone(&self.over), Arc::downgrade(engine));
        let listen = move || {
            let Some(number) = signals.forever().next() else { return };
            let canceller = std::thread::Builder::new().stack_size(STACK);
            if canceller.spawn(move || cancel_until(&over, &engine)).is_err() {
                // No room even for a thread: what runs could go on for ever.
                std::process::exit(128 + number);
            }
            progress.end_with(
                "gristmill: interrupted: finishing the chunks in flight (again to stop at once)",
            );
        };
        let listener = std::thread::Builder::new().stack_size(STACK);
        listener.spawn(listen).map(drop).map_err(|error| {
            let remedy = remedy(&error, Memory::here());
            format!("cannot start the thread that listens for signals: {error}; {remedy}")
        })
    }

    /// The job has ended: whoever still comes is too late to cancel anything.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub(super) fn exit_status(&self) -> ExitStatus {
        match self.signal.load(Ordering::Relaxed) {
            signal if signal == SIGTERM as usize => ExitStatus::Terminated,
            _ => ExitStatus::Interrupted,
        }
    }
}

/// What to do where a thread could not be started. For want of address space as well the error is
/// EAGAIN (glibc makes it of ENOMEM), so it is looked at whether there is any.
fn remedy(error: &std::io::Error, memory: Memory) -> String {
    let short = |bound: &MemoryBound| {
        let is_address_space = matches!(bound.reason, MemoryReason::AddressSpace { .. });
        is_address_space && bound.bytes < 2 * STACK as u64
    };
    match memory.available().filter(|bound| short(bound)) {
        Some(bound) => format!("memory: {bound}"),
        None => process::remedy(error),
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

    #[test]
    fn a_thread_that_cannot_start_has_a_remedy_for_the_limit_that_was_met() {
        let error = std::io::Error::from_raw_os_error(nix::errno::Errno::EAGAIN as i32);
        let reason = MemoryReason::AddressSpace { limit_bytes: 1 << 30, used_bytes: 1 << 30 };
        let bound = |bytes| MemoryBound { bytes, reason: reason.clone() };
        for (left, said) in [(4096, "RLIMIT_AS"), (1 << 29, "`ulimit -u`")] {
            let memory = Memory { available: vec![bound(left)], ..Memory::default() };
            assert!(remedy(&error, memory).contains(said), "{left}");
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
