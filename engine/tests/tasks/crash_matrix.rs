//! loky's crash matrix (tests/test_reusable_executor.py, `TestExecutorDeadLock`): a worker dies, exits
//! or panics in the function, while it reads its parameters, and while it writes its result. There
//! the executor is broken then and all that it had is lost; here the task fails after its attempts, and
//! all others are done.

use crate::support::die;
use gristmill::{Cause, Engine, Error, TaskFailure};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::atomic::{AtomicBool, Ordering};

/// What happens when it is read or written by a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum How {
    Fine,
    /// `crash`: a segmentation fault.
    Segfault,
    /// `exit`: it calls exit.
    Exit,
    /// `kill_friend`, `ExitAtPickle` and others: somebody kills it.
    Kill,
    /// `raise_error`, `ErrorAtPickle`.
    Panic,
    /// An error of serde's.
    Error,
}

impl How {
    fn happen(self) -> Result<(), &'static str> {
        match self {
            How::Fine => Ok(()),
            How::Segfault => {
                // SAFETY: none, on purpose.
                unsafe { std::ptr::dangling_mut::<u8>().write_volatile(1) };
                Ok(())
            }
            How::Exit => std::process::exit(7),
            How::Kill => die(),
            How::Panic => panic!("it panics"),
            How::Error => Err("it refuses"),
        }
    }
}

/// Set in the program, which no worker inherits.
static IS_COORDINATOR: AtomicBool = AtomicBool::new(false);

fn is_worker() -> bool {
    !IS_COORDINATOR.load(Ordering::Relaxed)
}

fn engine(workers: usize) -> Engine {
    IS_COORDINATOR.store(true, Ordering::Relaxed);
    crate::support::engine(workers)
}

/// Makes it happen when it is read by a worker: `CrashAtUnpickle` and its kin.
struct AtReading(How);

impl Serialize for AtReading {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for AtReading {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AtReading, D::Error> {
        let how = How::deserialize(from)?;
        if how != How::Fine && is_worker() {
            how.happen().map_err(D::Error::custom)?;
        }
        Ok(AtReading(how))
    }
}

/// Makes it happen when it is written by a worker: `CrashAtPickle` and its kin.
struct AtWriting(How);

impl Serialize for AtWriting {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.happen().map_err(S::Error::custom)?;
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for AtWriting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AtWriting, D::Error> {
        How::deserialize(from).map(AtWriting)
    }
}

const ALL: [How; 5] = [How::Segfault, How::Exit, How::Kill, How::Panic, How::Error];

/// Whether a task failed as it should have.
fn check<R>(what: &str, how: How, result: Result<R, Error>) {
    let reason = match result {
        Err(Error::Task { reason, .. }) => reason,
        Err(error) => panic!("{what}, {how:?}: {error}"),
        Ok(_) => panic!("{what}, {how:?}: it has a result"),
    };
    let cause = match &reason {
        TaskFailure::Died(deaths) if deaths.len() == 3 => Some(&deaths[0].cause),
        _ => None,
    };
    let fits = match how {
        How::Fine => false,
        How::Segfault => matches!(cause, Some(Cause::Signal { number: libc::SIGSEGV, .. })),
        How::Exit => matches!(cause, Some(Cause::Exit { status: 7 })),
        How::Kill => matches!(cause, Some(Cause::Signal { number: libc::SIGKILL, .. })),
        How::Panic => matches!(reason, TaskFailure::Panicked(_)),
        // Postcard keeps serde's words to itself.
        How::Error => matches!(&reason, TaskFailure::NotPortable(why) if why.contains("Serde")),
    };
    assert!(fits, "{what}, {how:?}: {reason}");
}

#[test]
fn in_the_function_while_reading_and_while_writing() {
    for workers in [1, 2] {
        let engine = engine(workers);
        let pool = engine.tasks().pool().unwrap();
        let others: Vec<_> = (0..50).map(|n| pool.submit(|n: u32| n, &n).unwrap()).collect();
        let functions: Vec<_> =
            ALL.map(|how| pool.submit(|how: How| how.happen().unwrap(), &how).unwrap()).into();
        let reading = ALL.map(|how| pool.submit(|it: AtReading| it.0, &AtReading(how)).unwrap());
        let writing = ALL.map(|how| pool.submit(AtWriting, &how).unwrap());
        for (how, handle) in ALL.into_iter().zip(functions) {
            // What serde would say is in a function a panic.
            let how = if how == How::Error { How::Panic } else { how };
            check("in the function", how, handle.join());
        }
        for (how, handle) in ALL.into_iter().zip(reading) {
            check("while reading", how, handle.join());
        }
        for (how, handle) in ALL.into_iter().zip(writing) {
            check("while writing", how, handle.join());
        }
        for (n, handle) in others.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap() as usize, n);
        }
        let fine = pool.submit(|it: AtReading| AtWriting(it.0), &AtReading(How::Fine)).unwrap();
        assert_eq!(fine.join().unwrap().0, How::Fine);
    }
}

/// `ErrorAtUnpickle` of a result, in the caller: an error of that task alone.
#[test]
fn a_result_that_the_caller_cannot_read() {
    /// Is read by workers alone, who make sure that it can be.
    struct Shy;
    impl Serialize for Shy {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            1u8.serialize(to)
        }
    }
    impl<'de> Deserialize<'de> for Shy {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Shy, D::Error> {
            u8::deserialize(from)?;
            if is_worker() { Ok(Shy) } else { Err(D::Error::custom("not here")) }
        }
    }
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let shy = pool.submit(|(): ()| Shy, &()).unwrap();
    let Err(Error::Task { reason: TaskFailure::NotPortable(why), .. }) = shy.join() else {
        panic!("it was read")
    };
    assert!(why.contains("Deserialization"), "{why}");
    assert_eq!(pool.submit(|n: u32| n, &5).unwrap().join().unwrap(), 5);
}

/// `test_queue_full_deadlock`, `test_callback_crash_on_submit`: parameters that cannot be written are
/// the submitter's error, in a pool that is full of them too.
#[test]
fn parameters_that_cannot_be_written_are_the_submitters_error() {
    let engine = engine(1);
    let pool = engine.tasks().bound(2).pool().unwrap();
    for n in 0..100 {
        let refused = pool.submit(|it: AtWriting| it.0, &AtWriting(How::Error));
        assert!(matches!(refused, Err(Error::NotPortable { .. })));
        assert_eq!(pool.submit(|n: u32| n, &n).unwrap().join().unwrap(), n);
    }
}
