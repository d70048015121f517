//! The robust lock: a pthread mutex in shared memory whose owner may die. The only module that
//! touches raw_sync.
//!
//! raw_sync's own mutex is not robust, so the pthread mutex is initialised here (ROBUST,
//! PROCESS_SHARED, RECURSIVE) and raw_sync's `Mutex` handle is laid over it with `from_existing`.
//! Locking goes through `pthread_mutex_lock` first, because raw_sync's `lock` returns an error
//! *while holding the lock* when the owner died; then raw_sync's guard is taken on top, which the
//! recursive kind allows, and the raw lock is given back.

use super::cell::Owner;
use super::damage::Damage;
use crate::error::{Error, Result};
use crate::memory::Shareable;
use raw_sync::locks::{LockImpl, LockInit, Mutex};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};

/// Room for a `pthread_mutex_t`, which is 40 bytes on x86-64 and 48 on aarch64.
const MUTEX_BYTES: usize = 64;

/// Words of a `pthread_mutex_t` of glibc: what waiters sleep on, and its kind.
const FUTEX: usize = 0;
const KIND: usize = 4;

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
        let word = self.word(FUTEX);
        let owned = |bits: u32| {
            (bits & libc::FUTEX_TID_MASK == tid as u32)
                .then_some(bits & libc::FUTEX_WAITERS | libc::FUTEX_OWNER_DIED)
        };
        let disowned = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, owned).is_ok();
        crate::machine::futex::wake(word, 1);
        disowned
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

/// This process's handle of a robust lock, for one thread.
pub(crate) struct RobustLock {
    handle: Box<dyn LockImpl>,
    kind: u32,
}

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
        // SAFETY: an initialised mutex that outlives the handle.
        self.taken(|| unsafe { libc::pthread_mutex_lock(self.raw()) })
    }

    /// The same by whoever knows that nobody holds it, or only the dead: waiting for long is damage.
    pub(crate) fn lock_free(&self) -> Result<Owner, Damage> {
        const WAITED_S_MAX: libc::time_t = 1;
        let mut until = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: fills in the time, which `pthread_mutex_timedlock` takes by this clock.
        unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut until) };
        until.tv_sec += WAITED_S_MAX;
        // SAFETY: an initialised mutex that outlives the handle.
        self.taken(|| unsafe { libc::pthread_mutex_timedlock(self.raw(), &raw const until) })
    }

    fn taken(&self, lock: impl FnOnce() -> i32) -> Result<Owner, Damage> {
        // SAFETY: the lock's bytes outlive the handle.
        let bytes = unsafe { &*self.raw().cast::<LockBytes>() };
        if bytes.kind() != self.kind {
            return Err(Damage::Lock);
        }
        match lock() {
            0 => {
                self.take_guard();
                Ok(Owner::Released)
            }
            libc::EOWNERDEAD => Ok(Owner::Died),
            _ => Err(Damage::Lock),
        }
    }

    /// After a dead owner: what the lock guards has been repaired.
    pub(crate) fn consistent(&self) {
        // SAFETY: an initialised mutex, which this thread holds after EOWNERDEAD.
        let code = unsafe { libc::pthread_mutex_consistent(self.raw()) };
        assert_eq!(code, 0, "the lock was not left by a dead owner");
        self.take_guard();
    }

    pub(crate) fn unlock(&self) {
        self.handle.release().expect("the lock is held by this thread");
    }

    /// raw_sync's guard on top of the raw lock, which is then given back. The guard is released
    /// by `unlock`, as the protocol's steps do not nest like a scope.
    fn take_guard(&self) {
        std::mem::forget(self.handle.lock().expect("a recursive lock that this thread holds"));
        // SAFETY: held twice by this thread, as just taken.
        unsafe { libc::pthread_mutex_unlock(self.raw()) };
    }

    fn raw(&self) -> *mut libc::pthread_mutex_t {
        self.handle.as_raw().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ARRAYS, Region};
    use std::sync::atomic::AtomicU64;

    /// Runs `body` in a thread that ends without unlocking. Robustness is a matter of threads: the
    /// kernel walks the list of held locks whenever one ends, with its process or alone.
    fn in_dying_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| scope.spawn(body).join().unwrap())
    }

    #[test]
    fn a_dead_owner_is_reported_once_and_the_lock_goes_on() {
        let region = Region::create(8 << 20).unwrap();
        let bytes = region.at::<LockBytes>(ARRAYS);
        bytes.initialise().unwrap();
        in_dying_thread(|| {
            RobustLock::over(bytes).unwrap().lock().unwrap();
        });
        let lock = RobustLock::over(bytes).unwrap();
        assert_eq!(lock.lock(), Ok(Owner::Died));
        lock.consistent();
        lock.unlock();
        assert_eq!(lock.lock(), Ok(Owner::Released));
        lock.unlock();
    }

    #[test]
    fn an_owner_whose_robust_list_was_scribbled_over_is_disowned() {
        let region = Region::create(8 << 20).unwrap();
        let bytes = region.at::<LockBytes>(ARRAYS);
        bytes.initialise().unwrap();
        let tid = in_dying_thread(|| {
            RobustLock::over(bytes).unwrap().lock().unwrap();
            // SAFETY: forgets this thread's robust list, as a wild write would.
            unsafe { libc::syscall(libc::SYS_set_robust_list, 0, 24) };
            nix::unistd::gettid().as_raw()
        });
        assert!(bytes.disown(tid));
        let lock = RobustLock::over(bytes).unwrap();
        assert_eq!(lock.lock(), Ok(Owner::Died));
        lock.consistent();
        lock.unlock();
    }

    #[test]
    fn a_lock_that_was_scribbled_over_is_refused_and_not_waited_for() {
        let region = Region::create(8 << 20).unwrap();
        let bytes = region.at::<LockBytes>(ARRAYS);
        bytes.initialise().unwrap();
        let lock = RobustLock::over(bytes).unwrap();
        let word = bytes.word(FUTEX);
        word.store(0x1234_5678, Ordering::Relaxed);
        assert_eq!((lock.lock_free(), bytes.holder()), (Err(Damage::Lock), Some(0x1234_5678)));
        word.store(0, Ordering::Relaxed);
        bytes.word(KIND).store(0, Ordering::Relaxed);
        assert_eq!(lock.lock(), Err(Damage::Lock));
    }

    #[test]
    fn increments_under_the_lock_all_count() {
        let region = Region::create(8 << 20).unwrap();
        let bytes = region.at::<LockBytes>(ARRAYS);
        bytes.initialise().unwrap();
        let total = region.at::<AtomicU64>(ARRAYS + 128);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let lock = RobustLock::over(bytes).unwrap();
                    for _ in 0..1000 {
                        lock.lock().unwrap();
                        let value = total.load(Ordering::Relaxed);
                        total.store(value + 1, Ordering::Relaxed);
                        lock.unlock();
                    }
                });
            }
        });
        assert_eq!(total.load(Ordering::Acquire), 4000);
    }
}
