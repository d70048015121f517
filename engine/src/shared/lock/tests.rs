//! The robust lock: owners that die, are scribbled over, or are waited for in vain.

use super::*;
use crate::memory::{ARRAYS, Region};
use std::sync::atomic::AtomicU64;

/// Runs `body` in a thread that ends without unlocking. Robustness is a matter of threads: the
/// kernel walks the list of held locks whenever one ends, with its process or alone.
fn in_dying_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(body).join().unwrap())
}

fn bytes_in(region: &Region) -> &LockBytes {
    let bytes = region.at::<LockBytes>(ARRAYS);
    bytes.initialise().unwrap();
    bytes
}

#[test]
fn a_dead_owner_is_reported_once_and_the_lock_goes_on() {
    let region = Region::create(8 << 20).unwrap();
    let bytes = bytes_in(&region);
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
    let bytes = bytes_in(&region);
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
    let bytes = bytes_in(&region);
    let lock = RobustLock::over(bytes).unwrap();
    let word = bytes.word(FUTEX);
    word.store(0x1234_5678, Ordering::Relaxed);
    assert_eq!((lock.lock_free(), bytes.holder()), (Err(Damage::Lock), Some(0x1234_5678)));
    word.store(0, Ordering::Relaxed);
    bytes.word(KIND).store(0, Ordering::Relaxed);
    assert_eq!(lock.lock(), Err(Damage::Lock));
}

#[test]
fn who_tries_or_has_waited_long_enough_goes_without_it() {
    let region = Region::create(8 << 20).unwrap();
    let bytes = bytes_in(&region);
    let lock = RobustLock::over(bytes).unwrap();
    assert_eq!(lock.try_lock(), Ok(Some(Owner::Released)));
    assert!(lock.is_held_here());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(!lock.is_held_here());
            assert_eq!(lock.try_lock(), Ok(None));
            let (began, wait) = (Instant::now(), Duration::from_millis(30));
            assert_eq!(lock.lock_until(Some(began + wait)), Ok(None));
            assert!(began.elapsed() >= wait);
        });
    });
    lock.unlock();
    assert!(!lock.is_held_here());
    let later = Instant::now() + Duration::from_secs(100);
    assert_eq!(lock.lock_until(Some(later)), Ok(Some(Owner::Released)));
    lock.unlock();
}

#[test]
fn one_who_tries_learns_of_a_dead_owner_too() {
    let region = Region::create(8 << 20).unwrap();
    let bytes = bytes_in(&region);
    let lock = RobustLock::over(bytes).unwrap();
    in_dying_thread(|| lock.lock().unwrap());
    assert_eq!(lock.try_lock(), Ok(Some(Owner::Died)));
    lock.consistent();
    lock.unlock();
}

#[test]
fn increments_under_the_lock_all_count() {
    let region = Region::create(8 << 20).unwrap();
    let bytes = bytes_in(&region);
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
