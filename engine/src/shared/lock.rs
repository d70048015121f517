//! The robust lock: a pthread mutex in shared memory whose owner may die. The only module that
//! touches raw_sync.
//!
//! raw_sync's own mutex is not robust, so the pthread mutex is initialised here (ROBUST,
//! PROCESS_SHARED, RECURSIVE) and raw_sync's `Mutex` handle is laid over it with `from_existing`.
//! The lock is taken by pthread's own functions, because raw_sync's `lock` returns an error *while
//! holding the lock* when the owner died, and never gives up waiting; and released by raw_sync's
//! `release`, as the protocol's steps do not nest like the scope of a guard. (raw_sync's guard on top,
//! which the recursive kind would allow, cost two more calls and half the speed, and was only
//! forgotten.)
//!
//! Who waits looks for some tens of microseconds, as most locks are held for less, and sleeps then, on
//! the monotonic clock, for half a second at most at a time: a wake that was meant for somebody who
//! died is passed on by the burial, and seen without one all the same.

use super::cell::Owner;
use super::damage::Damage;
use crate::error::{Error, Result};
use crate::machine::{Until, looks_awake};
use crate::memory::Shareable;
use nix::time::ClockId;
use raw_sync::locks::{LockImpl, LockInit, Mutex};
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

unsafe extern "C" {
    /// Of glibc from 2.30 on; the crate libc does not have it.
    fn pthread_mutex_clocklock(
        mutex: *mut libc::pthread_mutex_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> i32;
}

/// Room for a `pthread_mutex_t`, which is 40 bytes on x86-64 and 48 on aarch64.
const MUTEX_BYTES: usize = 64;

/// Words of a `pthread_mutex_t` of glibc: what waiters sleep on, and its kind.
const FUTEX: usize = 0;
const KIND: usize = 4;

/// The longest sleep before a waiter looks again.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// Looks of a waiter before it sleeps, each after twice as many turns as the one before, up to so many.
/// So it waits for no more than about twice the time that it would have had to, and the holder's cache
/// line is left alone: two processes that take a lock in turn are twice as fast as with looks at every
/// microsecond.
const LOOKS: u32 = 13;
const TURNS_MAX: u32 = 4096;

/// The bytes of the lock in the region.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct LockBytes {
    mutex: UnsafeCell<[u8; MUTEX_BYTES]>,
}

// SAFETY: the bytes are only ever touched by pthread's mutex functions and by atomics.
unsafe impl Shareable for LockBytes {}
// SAFETY: as above: pthread's functions are made for concurrent use.
unsafe impl Sync for LockBytes {}

impl LockBytes {
    /// Makes the zeroed bytes a lock. Only the creator of the region does this, once.
    pub(crate) fn initialise(&self) -> Result<()> {
        let failed = |code: i32| {
            Error::system("initialising a lock", std::io::Error::from_raw_os_error(code))
        };
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: the attributes are initialised first and used here only; the mutex's bytes are
        // large enough (asserted), aligned to 64, and not yet in use by anybody.
        let codes = unsafe {
            const { assert!(size_of::<libc::pthread_mutex_t>() <= MUTEX_BYTES) };
            [
                libc::pthread_mutexattr_init(attributes),
                libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED),
                libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST),
                libc::pthread_mutexattr_settype(attributes, libc::PTHREAD_MUTEX_RECURSIVE),
                libc::pthread_mutex_init(self.raw(), attributes),
                libc::pthread_mutexattr_destroy(attributes),
            ]
        };
        codes.into_iter().find(|&code| code != 0).map_or(Ok(()), |code| Err(failed(code)))
    }

    /// Says that thread `tid`, which has been reaped, no longer owns the lock, if the kernel has
    /// not: a robust list that was scribbled over reports no death. True if it still owned it.
    ///
    /// One waiter is woken in any case: the dead may have been the one that was woken when the lock
    /// was last released, and Linux passes such a wake on only where the dead had taken it.
    pub(crate) fn disown(&self, tid: i32) -> bool {
        let owned = |bits: u32| {
            (bits & libc::FUTEX_TID_MASK == tid as u32)
                .then_some(bits & libc::FUTEX_WAITERS | libc::FUTEX_OWNER_DIED)
        };
        let word = self.word(FUTEX);
        let disowned = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, owned).is_ok();
        self.pass_on();
        disowned
    }

    /// Wakes one waiter, in case that the last wake went to somebody who has died.
    pub(crate) fn pass_on(&self) {
        crate::machine::futex::wake(self.word(FUTEX), 1);
    }

    /// The thread that holds it, or seems to; for looking at, it moves.
    pub(crate) fn holder(&self) -> Option<i32> {
        let owner = self.word(FUTEX).load(Ordering::Acquire) & libc::FUTEX_TID_MASK;
        (owner != 0).then_some(owner as i32)
    }

    /// What kind of lock it is, which never changes.
    pub(crate) fn kind(&self) -> u32 {
        self.word(KIND).load(Ordering::Relaxed)
    }

    /// A word of the mutex, in glibc's layout.
    fn word(&self, index: usize) -> &AtomicU32 {
        // SAFETY: inside the bytes, which live as long as `self` and are aligned to 64; every party
        // changes its futex word atomically, and its kind never.
        unsafe { AtomicU32::from_ptr(self.mutex.get().cast::<u32>().add(index)) }
    }

    fn raw(&self) -> *mut libc::pthread_mutex_t {
        self.mutex.get().cast()
    }
}

/// This process's handle of a robust lock. The thread that takes it is the one to release it.
pub(crate) struct RobustLock {
    handle: Box<dyn LockImpl>,
    kind: u32,
}

// SAFETY: the handle is an address, which pthread's functions may be given by any thread, and
// raw_sync's data pointer, which nobody uses. Released by another thread than its owner, a robust
// mutex stays as it is and says so.
unsafe impl Send for RobustLock {}
// SAFETY: as above.
unsafe impl Sync for RobustLock {}

impl std::fmt::Debug for RobustLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RobustLock").finish_non_exhaustive()
    }
}

impl RobustLock {
    /// A handle over bytes that were [initialised](LockBytes::initialise), which stay mapped for
    /// the life of the process or of the engine.
    pub(crate) fn over(bytes: &LockBytes) -> Result<RobustLock> {
        let address = bytes.raw().cast::<u8>();
        // SAFETY: the bytes hold an initialised pthread mutex; raw_sync's data pointer is not used.
        let (handle, _) = unsafe { Mutex::from_existing(address, address) }
            .map_err(|reason| Error::Start { reason: reason.to_string() })?;
        Ok(RobustLock { handle, kind: bytes.kind() })
    }

    /// Takes the lock. After [`Owner::Died`], repair what it guards, then call `consistent`.
    ///
    /// # Errors
    ///
    /// Where the mutex is beyond use: somebody scribbled over it.
    pub(crate) fn lock(&self) -> Result<Owner, Damage> {
        self.lock_until(None).map(|owner| owner.expect("waiting has no end"))
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub(crate) fn try_lock(&self) -> Result<Option<Owner>, Damage> {
        // SAFETY: an initialised mutex that outlives the handle.
        self.taken(|| unsafe { libc::pthread_mutex_trylock(self.raw()) })
    }

    /// Takes the lock; none if others hold it until that moment. Without an end, `until` is none.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub(crate) fn lock_until(&self, until: Option<Instant>) -> Result<Option<Owner>, Damage> {
        if let Some(owner) = self.spin()? {
            return Ok(Some(owner));
        }
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let sleep = left.map_or(SLEEP_MAX, |left| left.min(SLEEP_MAX));
            let now = ClockId::CLOCK_MONOTONIC.now().map_or(Duration::ZERO, Duration::from);
            let end = now + sleep;
            let end = libc::timespec {
                tv_sec: end.as_secs() as libc::time_t,
                tv_nsec: end.subsec_nanos().into(),
            };
            let clock = libc::CLOCK_MONOTONIC;
            // SAFETY: an initialised mutex that outlives the handle; the time is only read.
            let lock = || unsafe { pthread_mutex_clocklock(self.raw(), clock, &raw const end) };
            match self.taken(lock)? {
                Some(owner) => return Ok(Some(owner)),
                None if left.is_some_and(|left| left == sleep) => return Ok(None),
                None => {}
            }
        }
    }

    /// Takes the lock; none if others hold it for as long as that.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    #[inline]
    pub(crate) fn lock_within(&self, until: Until) -> Result<Option<Owner>, Damage> {
        match until {
            Until::Now => self.try_lock(),
            until => self.lock_until(until.end()),
        }
    }

    /// Looks for a short time whether it is free; takes it then.
    fn spin(&self) -> Result<Option<Owner>, Damage> {
        if let Some(owner) = self.try_lock()? {
            return Ok(Some(owner));
        }
        for look in 0..looks_awake(LOOKS) {
            (0..(1 << look.min(31)).min(TURNS_MAX)).for_each(|_| std::hint::spin_loop());
            if self.bytes().holder().is_none()
                && let Some(owner) = self.try_lock()?
            {
                return Ok(Some(owner));
            }
        }
        Ok(None)
    }

    /// Whether the calling thread holds it, which a recursive mutex would let it take once more.
    pub(crate) fn is_held_here(&self) -> bool {
        self.bytes().holder() == Some(thread_id())
    }

    /// The same by whoever knows that nobody holds it, or only the dead: waiting for long is damage.
    pub(crate) fn lock_free(&self) -> Result<Owner, Damage> {
        const WAITED_MAX: Duration = Duration::from_secs(1);
        self.lock_until(Instant::now().checked_add(WAITED_MAX))?.ok_or(Damage::Lock)
    }

    /// Calls one of pthread's functions that take the lock; none if it is not to be had yet.
    fn taken(&self, lock: impl FnOnce() -> i32) -> Result<Option<Owner>, Damage> {
        if self.bytes().kind() != self.kind {
            return Err(Damage::Lock);
        }
        match lock() {
            0 => Ok(Some(Owner::Released)),
            libc::EOWNERDEAD => Ok(Some(Owner::Died)),
            libc::EBUSY | libc::ETIMEDOUT => Ok(None),
            _ => Err(Damage::Lock),
        }
    }

    fn bytes(&self) -> &LockBytes {
        // SAFETY: the lock's bytes outlive the handle.
        unsafe { &*self.raw().cast::<LockBytes>() }
    }

    /// After a dead owner: what the lock guards has been repaired.
    pub(crate) fn consistent(&self) {
        // SAFETY: an initialised mutex, which this thread holds after EOWNERDEAD.
        let code = unsafe { libc::pthread_mutex_consistent(self.raw()) };
        assert_eq!(code, 0, "the lock was not left by a dead owner");
    }

    pub(crate) fn unlock(&self) {
        self.handle.release().expect("the lock is held by this thread");
    }

    fn raw(&self) -> *mut libc::pthread_mutex_t {
        self.handle.as_raw().cast()
    }
}

/// The calling thread, as a mutex names its owner.
fn thread_id() -> i32 {
    thread_local! {
        static ID: Cell<i32> = const { Cell::new(0) };
    }
    let mut id = ID.get();
    if id == 0 {
        id = nix::unistd::gettid().as_raw();
        ID.set(id);
    }
    id
}

#[cfg(test)]
mod tests;
