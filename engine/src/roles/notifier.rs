//! Wakes async code at the ends of the tasks that it awaits: one thread for all of an engine, started
//! with the first such task. It sleeps as any waiting thread of the coordinator does, so that a worker's
//! announcement wakes it at once; while nobody awaits anything it is parked, and costs nothing.
//!
//! A waker is registered under its ring's lock, after a look at the task's state that found it at work;
//! who looks after the ring next finds the waker with the task. So no end is missed, neither of a
//! task nor of the engine, which the thread outlives by one look.

use super::coordinator::Core;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

#[derive(Debug, Default)]
pub(crate) struct Notifier {
    /// Wakers that are registered, or due.
    wakers: AtomicUsize,
    thread: Mutex<Option<Thread>>,
}

impl Notifier {
    /// Another waker is registered, unless it takes the place of one.
    pub(super) fn expect_one_unless(&self, replaces: bool) {
        self.wakers.fetch_add(usize::from(!replaces), Ordering::AcqRel);
    }

    /// So many fewer.
    pub(super) fn forget(&self, wakers: usize) {
        self.wakers.fetch_sub(wakers, Ordering::AcqRel);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Thread>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        self.wakers.load(Ordering::Acquire) == 0
    }

    /// For a thread that is parked although the engine has ended.
    pub(super) fn unpark(&self) {
        self.lock().as_ref().inspect(|thread| thread.unpark());
    }
}

impl Core {
    /// A waker has been registered.
    pub(super) fn notify(self: &Arc<Core>) -> Result<()> {
        let mut thread = self.notifier.lock();
        if thread.is_none() {
            let core = Arc::clone(self);
            let named = std::thread::Builder::new().name("gristmill notifier".into());
            let started = named.spawn(move || core.notify_until_the_end());
            let started = started.map_err(|e| Error::system("starting the notifier", e))?;
            *thread = Some(started.thread().clone());
        }
        thread.as_ref().inspect(|thread| thread.unpark());
        Ok(())
    }

    fn notify_until_the_end(&self) {
        let is_over = || self.lock_running().end.is_some();
        while !is_over() {
            if self.notifier.is_idle() {
                std::thread::park();
                continue;
            }
            self.wait_until(|| {
                self.rings().iter().for_each(|ring| ring.tend_and_wake());
                (self.notifier.is_idle() || is_over()).then_some(())
            });
        }
        self.rings().iter().for_each(|ring| ring.tend_and_wake());
    }
}
