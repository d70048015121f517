//! Deaths of those who use queues: at any instruction of an operation, with leases, and all the time.
//! CPython warns that `Process.terminate` may leave a queue "corrupted and unusable"; loky's crash matrix
//! kills workers while they get, work and answer.

mod support;

use gristmill::{Error, JoinableQueue, Plain, PriorityQueue, Process, Queue};
use std::time::Duration;
use support::engine;

/// Longer than anything here takes, unless it hangs.
const WATCHDOG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(20);

/// What comes within the watchdog's time.
fn got(queue: &Queue<u64>) -> u64 {
    queue.get_timeout(WATCHDOG).unwrap().expect("a message comes")
}

/// Waits until a process has got so far that it says so.
fn when_ready(ready: &Queue<u64>, process: &Process<()>) {
    assert_eq!(got(ready), 1);
    assert!(process.is_alive());
}

/// A process dies with leases: they come back, and a join ends.
#[test]
fn the_leases_of_the_dead_return() {
    let engine = engine(0);
    let jobs = engine.joinable_queue::<Vec<u8>>(10).unwrap();
    let ready = engine.queue::<u64>(1).unwrap();
    let messages = [vec![1; 3], vec![2; 9000], vec![3; 5]];
    messages.iter().for_each(|message| jobs.put(message).unwrap());
    let hold = |(jobs, ready): (JoinableQueue<Vec<u8>>, Queue<u64>)| {
        let held = jobs.get_many(2).unwrap();
        assert_eq!(held.len(), 2);
        ready.put(&1).unwrap();
        std::thread::sleep(WATCHDOG);
    };
    let holder = engine.spawn(hold, (jobs.clone(), ready.clone())).unwrap();
    when_ready(&ready, &holder);
    holder.kill();
    let mut got: Vec<_> = (0..3)
        .map(|_| jobs.get_timeout(WATCHDOG).unwrap().expect("they come back").into_inner())
        .collect();
    got.sort();
    assert_eq!(got, messages);
    assert!(jobs.join_timeout(WATCHDOG).unwrap());
}

/// A process that forgot a lease and ended well gives it back too.
#[test]
fn forgotten_leases_return() {
    let engine = engine(0);
    let jobs = engine.joinable_queue::<u64>(10).unwrap();
    jobs.put(&5).unwrap();
    let forget = |jobs: JoinableQueue<u64>| std::mem::forget(jobs.get().unwrap());
    engine.spawn(forget, jobs.clone()).unwrap().join().unwrap();
    assert_eq!(*jobs.get_timeout(WATCHDOG).unwrap().expect("it comes back"), 5);
}

/// A closed queue is over once nobody can give a message back to it any more: whoever gets waits for the
/// leases that are out.
#[test]
fn a_lease_that_comes_back_to_a_closed_queue_is_got() {
    let engine = engine(0);
    let jobs = engine.joinable_queue::<u64>(10).unwrap();
    let ready = engine.queue::<u64>(1).unwrap();
    jobs.put(&5).unwrap();
    let hold = |(jobs, ready): (JoinableQueue<u64>, Queue<u64>)| {
        let _held = jobs.get().unwrap();
        ready.put(&1).unwrap();
        std::thread::sleep(WATCHDOG);
    };
    let holder = engine.spawn(hold, (jobs.clone(), ready.clone())).unwrap();
    when_ready(&ready, &holder);
    jobs.close().unwrap();
    assert!(jobs.try_get().unwrap().is_none());
    assert!(jobs.get_timeout(SOON).unwrap().is_none());
    let work = |jobs: JoinableQueue<u64>| {
        let mut sum = 0;
        while let Ok(job) = jobs.get() {
            sum += *job;
        }
        sum
    };
    let workers = [0, 1].map(|_| engine.spawn(work, jobs.clone()).unwrap());
    holder.kill();
    assert!(jobs.join_timeout(WATCHDOG).unwrap());
    assert!(workers.iter().all(|worker| worker.wait_timeout(WATCHDOG)));
    assert_eq!(workers.map(|worker| worker.join().unwrap()).iter().sum::<u64>(), 5);
    assert!(matches!(jobs.get(), Err(Error::Closed { .. })));
}

/// Who panics over a job has not done it, as who is killed over it has not.
#[test]
fn a_lease_that_is_dropped_by_a_panic_returns() {
    let engine = engine(0);
    let jobs = engine.joinable_queue::<u64>(10).unwrap();
    jobs.put_all(&[5, 6]).unwrap();
    let fail = |jobs: JoinableQueue<u64>| {
        let job = jobs.get().unwrap();
        assert_eq!(*job, 0, "this fails");
    };
    assert!(engine.spawn(fail, jobs.clone()).unwrap().join().is_err());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fail(jobs.clone())));
    assert!(panicked.is_err());
    assert_eq!((jobs.len().unwrap(), jobs.unfinished().unwrap()), (2, 2));
    // What is leased while a panic is under way is done when it is dropped, as ever.
    struct Last<'a>(&'a JoinableQueue<u64>);
    impl Drop for Last<'_> {
        fn drop(&mut self) {
            self.0.get().unwrap().done();
        }
    }
    let unwinding = std::panic::AssertUnwindSafe(|| {
        let _last = Last(&jobs);
        panic!("on purpose");
    });
    assert!(std::panic::catch_unwind(unwinding).is_err());
    assert_eq!(jobs.get().unwrap().into_inner(), 6);
    assert!(jobs.join_timeout(WATCHDOG).unwrap());
}

/// Runs an operation in processes that die before one instruction of it after another; after each,
/// `check` looks whether all is well. `run` gets the number of the deadly instruction.
fn deaths(of: usize, run: impl Fn(u64) -> Process<u64>, check: impl Fn()) {
    let steps = run(u64::MAX).join().unwrap();
    check();
    let (mut tried, mut died) = (0, 0);
    for deadly in support::stepping::deadly_steps(steps).step_by(of) {
        let process = run(deadly);
        assert!(process.wait_timeout(WATCHDOG));
        // How many there are differs, as waits do. The last may not be reached.
        let status = process.exit_status();
        assert!(matches!(status, Some(-9 | 0)), "{status:?} at instruction {deadly} of {steps}");
        died += u32::from(status == Some(-9));
        tried += 1;
        check();
    }
    assert!(2 * died > tried, "only {died} of {tried} died");
}

/// All places of an empty queue can be used: those of the dead too.
fn is_whole(queue: &Queue<u64, Plain>) {
    let bound = queue.bound().unwrap() as u64;
    for n in 0..bound {
        assert!(queue.put_timeout(&n, WATCHDOG).unwrap());
    }
    assert!(!queue.try_put(&9).unwrap());
    for n in 0..bound {
        assert_eq!(queue.get_timeout(WATCHDOG).unwrap(), Some(n));
    }
    assert_eq!((queue.try_get().unwrap(), queue.len().unwrap()), (None, 0));
}

/// test_terminate and the seed's fourth lesson: a sender killed anywhere in a put harms nobody.
#[test]
fn senders_killed_while_putting() {
    let engine = engine(0);
    let queue = engine.plain_queue::<u64>(3).unwrap();
    let put = |(queue, deadly): (Queue<u64, Plain>, u64)| {
        support::stepping::die_at(deadly, || queue.put(&7).unwrap()).1
    };
    let check = || {
        assert!(queue.put_timeout(&1, WATCHDOG).unwrap());
        let first = queue.get_timeout(WATCHDOG).unwrap();
        if first == Some(7) {
            assert_eq!(queue.get_timeout(WATCHDOG).unwrap(), Some(1));
        } else {
            assert_eq!(first, Some(1));
        }
        is_whole(&queue);
    };
    deaths(1, |deadly| engine.spawn(put, (queue.clone(), deadly)).unwrap(), check);
}

/// A receiver killed anywhere in a get loses its own message at most.
#[test]
fn receivers_killed_while_getting() {
    let engine = engine(0);
    let queue = engine.plain_queue::<u64>(3).unwrap();
    let get = |(queue, deadly): (Queue<u64, Plain>, u64)| {
        support::stepping::die_at(deadly, || assert_eq!(queue.get().unwrap(), 7)).1
    };
    let run = |deadly| {
        queue.put_all(&[7, 8]).unwrap();
        engine.spawn(get, (queue.clone(), deadly)).unwrap()
    };
    let check = || {
        let first = queue.get_timeout(WATCHDOG).unwrap();
        if first == Some(7) {
            assert_eq!(queue.get_timeout(WATCHDOG).unwrap(), Some(8));
        } else {
            assert_eq!(first, Some(8));
        }
        is_whole(&queue);
    };
    deaths(1, run, check);
}

/// A message with pages of the heap: none leaks, wherever its sender or receiver is killed.
#[test]
fn users_killed_while_at_large_messages() {
    const LARGE: usize = 4 << 20;
    let engine = engine(0);
    let queue = engine.plain_queue::<[u8]>(3).unwrap();
    type Args = (Queue<[u8], Plain>, u64);
    let put = |(queue, deadly): Args| {
        let message = [5; 5000];
        support::stepping::die_at(deadly, || queue.put(&message).unwrap()).1
    };
    let get = |(queue, deadly): Args| {
        support::stepping::die_at(deadly, || assert_eq!(queue.get().unwrap().len(), 5000)).1
    };
    let check = || {
        let all = vec![1; LARGE];
        while let Some(left) = queue.try_get().unwrap() {
            assert_eq!(left, [5; 5000]);
        }
        assert!(queue.put_timeout(&all, WATCHDOG).unwrap());
        assert!(queue.try_get().unwrap().is_some_and(|got| got == all));
    };
    deaths(4, |deadly| engine.spawn(put, (queue.clone(), deadly)).unwrap(), check);
    let run = |deadly| {
        queue.put(&[5; 5000]).unwrap();
        engine.spawn(get, (queue.clone(), deadly)).unwrap()
    };
    deaths(4, run, check);
}

/// A worker killed anywhere in get and task_done, or in nack: its lease returns, and a join ends.
#[test]
fn lessees_killed_while_at_work() {
    let engine = engine(0);
    let jobs = engine.plain_joinable_queue::<u64>(3).unwrap();
    type Args = (JoinableQueue<u64, Plain>, u64);
    let settle =
        |(jobs, deadly): Args| support::stepping::die_at(deadly, || jobs.get().unwrap().done()).1;
    let give_back =
        |(jobs, deadly): Args| support::stepping::die_at(deadly, || jobs.get().unwrap().nack()).1;
    let check = || {
        let first = *jobs.get_timeout(WATCHDOG).unwrap().expect("7 or 8");
        if first == 7 {
            assert_eq!(*jobs.get_timeout(WATCHDOG).unwrap().expect("8 is left"), 8);
        } else {
            assert_eq!(first, 8);
        }
        assert!(jobs.join_timeout(WATCHDOG).unwrap());
        assert_eq!(jobs.unfinished().unwrap(), 0);
    };
    let args = |deadly| {
        jobs.put_all(&[7, 8]).unwrap();
        (jobs.clone(), deadly)
    };
    deaths(1, |deadly| engine.spawn(settle, args(deadly)).unwrap(), check);
    deaths(2, |deadly| engine.spawn(give_back, args(deadly)).unwrap(), check);
}

/// Workers are killed all the time while they lease, answer and settle: each job is answered.
#[test]
fn no_job_is_lost_with_its_worker() {
    const JOBS: u64 = 3000;
    const DEATHS: u64 = 20;
    let engine = engine(0);
    let jobs = engine.joinable_queue::<u64>(8).unwrap();
    let answers = engine.queue::<u64>(8).unwrap();
    let work = |(jobs, answers): (JoinableQueue<u64>, Queue<u64>)| {
        while let Ok(job) = jobs.get() {
            answers.put(&job).unwrap();
        }
    };
    let start = || engine.spawn(work, (jobs.clone(), answers.clone())).unwrap();
    let send = |(jobs, count): (JoinableQueue<u64>, u64)| {
        (0..count).for_each(|job| jobs.put(&job).unwrap());
    };
    let sender = engine.spawn(send, (jobs.clone(), JOBS)).unwrap();
    let mut workers = [start(), start()];
    let mut times = vec![0u64; JOBS as usize];
    let mut deaths = 0;
    let mut left = JOBS;
    while left > 0 {
        let job = got(&answers) as usize;
        left -= u64::from(times[job] == 0);
        times[job] += 1;
        if deaths < DEATHS && times.iter().sum::<u64>() % (JOBS / DEATHS / 2) == 0 {
            workers[deaths as usize % 2].kill();
            workers[deaths as usize % 2] = start();
            deaths += 1;
        }
    }
    sender.join().unwrap();
    // The last leases may still be open, and what the dead had leased is done once more.
    while !jobs.join_timeout(SOON).unwrap() {
        while let Some(job) = answers.try_get().unwrap() {
            times[job as usize] += 1;
        }
    }
    jobs.close().unwrap();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    while let Some(job) = answers.try_get().unwrap() {
        times[job as usize] += 1;
    }
    assert!(times.iter().all(|&times| times > 0));
    assert!(times.iter().sum::<u64>() <= JOBS + DEATHS, "more than the dead can have doubled");
}

/// Killed anywhere in a put and a get, also with the lock: nobody is blocked, no order is lost.
#[test]
fn users_killed_while_at_priorities() {
    let engine = engine(0);
    let queue = engine.priority_queue::<Vec<u8>>(3).unwrap();
    let both = |(queue, deadly): (PriorityQueue<Vec<u8>>, u64)| {
        let both = || {
            queue.put(1, &vec![1; 60]).unwrap();
            assert_eq!(queue.get().unwrap().0, 1);
        };
        support::stepping::die_at(deadly, both).1
    };
    let run = |deadly| {
        queue.put(5, &vec![5]).unwrap();
        queue.put(4, &vec![4; 70]).unwrap();
        engine.spawn(both, (queue.clone(), deadly)).unwrap()
    };
    let check = || {
        let mut got: Vec<_> = (0..2).map(|_| queue.get_timeout(WATCHDOG).unwrap()).collect();
        if got[0] == Some((1, vec![1; 60])) {
            got.remove(0);
            got.push(queue.get_timeout(WATCHDOG).unwrap());
        }
        assert_eq!(got, [Some((4, vec![4; 70])), Some((5, vec![5]))]);
        assert!(queue.is_empty().unwrap());
        // Nothing has leaked: a message as large as the heap fits.
        let all = vec![1; (4 << 20) - 4];
        assert!(queue.put_timeout(0, &all, WATCHDOG).unwrap());
        assert!(queue.try_get().unwrap().is_some_and(|(_, got)| got == all));
    };
    deaths(2, run, check);
}
