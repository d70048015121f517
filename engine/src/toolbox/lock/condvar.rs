//! Waiting for what another process does under a lock.

use super::guard::{Guard, LockError, LockResult};
use crate::error::Result;
use crate::memory::Region;
use crate::shared::exchange::Gate;
use crate::shared::seat::Gone;
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where threads of any process wait, without a lock that they have, until another notifies them:
/// [`Engine::condvar`](crate::Engine::condvar).
///
/// It goes with guards of [`Mutex`](crate::Mutex), [`Shared`](crate::Shared) and
/// [`LockedArray`](crate::LockedArray). For a condition on the value of a `Shared`,
/// [`Shared::wait_until`](crate::Shared::wait_until) needs no condvar, and no notification that could be
/// forgotten.
///
/// As with std's, and Python's `Condition`, a wait may end without a notification: look at the condition
/// again, or use [`wait_while`](Self::wait_while). **Deaths:** notifying needs no lock and cannot be
/// interrupted half-way for good: whenever a process of the engine dies, everybody is woken, so that
/// none sleeps through a notification that the dead took with it. (A CPython process that is killed in
/// `wait` leaves counts by which a later `notify` waits for ever.)
///
/// ```
/// use gristmill::{Condvar, Engine, Shared};
///
/// fn produce((stock, changed): (Shared<u32>, Condvar)) {
///     *stock.lock().unwrap() += 5;
///     changed.notify_one();
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let (stock, changed) = (engine.shared(0u32)?, engine.condvar()?);
/// let child = engine.spawn(produce, (stock.clone(), changed.clone()))?;
/// let mut guard = changed.wait_while(stock.lock()?, |stock| **stock < 5)?;
/// *guard -= 5;
/// drop(guard);
/// child.join()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Condvar {
    anchor: Anchor,
}

fn bury(region: &Region, offset: usize, _: Gone) {
    region.at::<Gate>(offset).ring();
}

impl Condvar {
    pub(crate) fn make(commons: &Arc<Commons>) -> Result<Condvar> {
        let spec = Spec {
            kind: Kind::Condvar,
            purpose: "a condvar",
            bytes: size_of::<Gate>(),
            type_name: std::any::type_name::<Self>(),
            bury,
        };
        commons.make(spec, |_, _| Ok(())).map(Condvar::over)
    }

    fn over(anchor: Anchor) -> Condvar {
        Condvar { anchor }
    }

    fn gate(&self) -> &Gate {
        self.anchor.words()
    }

    /// Releases the lock, waits for a notification, and takes the lock again.
    ///
    /// # Errors
    ///
    /// As for taking the lock.
    pub fn wait<G: Guard>(&self, guard: G) -> LockResult<G> {
        self.wait_in(guard, None).map(|(guard, _)| guard)
    }

    /// The same for so long at most, not counted what taking the lock takes; false if the time was up.
    ///
    /// # Errors
    ///
    /// As for taking the lock.
    pub fn wait_timeout<G: Guard>(
        &self,
        guard: G,
        timeout: Duration,
    ) -> Result<(G, bool), LockError<G>> {
        self.wait_in(guard, Instant::now().checked_add(timeout))
    }

    /// Waits as long as a condition holds, which is looked at under the lock.
    ///
    /// # Errors
    ///
    /// As for taking the lock.
    pub fn wait_while<G: Guard>(
        &self,
        mut guard: G,
        mut condition: impl FnMut(&mut G) -> bool,
    ) -> LockResult<G> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// The same for so long at most; false if the condition still holds then.
    ///
    /// # Errors
    ///
    /// As for taking the lock.
    pub fn wait_while_timeout<G: Guard>(
        &self,
        mut guard: G,
        timeout: Duration,
        mut condition: impl FnMut(&mut G) -> bool,
    ) -> Result<(G, bool), LockError<G>> {
        let until = Instant::now().checked_add(timeout);
        let mut is_in_time = true;
        while condition(&mut guard) {
            if !is_in_time {
                return Ok((guard, false));
            }
            (guard, is_in_time) = self.wait_in(guard, until)?;
        }
        Ok((guard, true))
    }

    /// Wakes one of those that wait, if any do. It takes no lock; whoever changes what is waited for
    /// under the lock, and notifies then, is heard.
    pub fn notify_one(&self) {
        self.gate().wake_one();
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.gate().wake_all();
    }

    fn wait_in<G: Guard>(
        &self,
        guard: G,
        until: Option<Instant>,
    ) -> Result<(G, bool), LockError<G>> {
        let gate = self.gate();
        let registered = gate.register();
        guard.pause(|| gate.sleep(registered, until))
    }
}

travels!([] Condvar, Kind::Condvar);
