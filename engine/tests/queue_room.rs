//! How much fits into a queue, what leases hold of it, and that all who use it get on.

mod support;

use gristmill::{Error, JoinableQueue, Process, Queue};
use std::time::Duration;
use support::engine;

/// Longer than anything here takes, unless it hangs.
const WATCHDOG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(20);
/// A message as long as any may be.
const LONGEST: usize = (4 << 20) - 5;

fn text(len: usize) -> String {
    "x".repeat(len)
}

/// What the documentation promises: 4 KiB each up to 1024, 256 bytes each of any number.
#[test]
fn as_many_messages_fit_as_a_queue_was_made_for() {
    let engine = engine(0);
    for (bound, len) in [(1, 4000), (1024, 4000), (1025, 2000), (10_000, 250), (20_000, 250)] {
        let message = text(len);
        let queue = engine.queue::<String>(bound).unwrap();
        assert!((0..bound).all(|_| queue.try_put(&message).unwrap()), "{bound} of {len} bytes");
        assert!(queue.is_full().unwrap() && !queue.try_put(&message).unwrap());
        assert_eq!(queue.get_many(usize::MAX).unwrap().len(), bound);
        let ranked = engine.priority_queue::<String>(bound).unwrap();
        assert!((0..bound).all(|_| ranked.try_put(0, &message).unwrap()), "{bound} of {len} bytes");
    }
}

/// Of these there is room for leases apart: so nobody waits for one.
#[test]
fn leases_of_short_messages_take_no_room_from_senders() {
    let engine = engine(0);
    let message = text(4000);
    let jobs = engine.joinable_queue::<String>(1024).unwrap();
    (0..1024).for_each(|_| jobs.put(&message).unwrap());
    let leases = jobs.get_many(1024).unwrap();
    assert_eq!(leases.len(), 1024);
    assert!((0..1024).all(|_| jobs.try_put(&message).unwrap()));
}

/// A queue whose room for long messages is used up counts as full, as long as it is.
#[test]
fn a_queue_without_room_for_long_messages_counts_as_full() {
    let engine = engine(0);
    let queue = engine.queue::<Vec<u8>>(50).unwrap();
    let ranked = engine.priority_queue::<Vec<u8>>(50).unwrap();
    assert!(queue.try_put(&vec![0; LONGEST]).unwrap());
    assert!(ranked.try_put(1, &vec![0; LONGEST]).unwrap());
    assert!(queue.is_full().unwrap() && ranked.is_full().unwrap());
    assert!(!queue.try_put(&vec![0; 100]).unwrap() && !ranked.try_put(1, &vec![0; 100]).unwrap());
    assert!(queue.try_put(&vec![0; 10]).unwrap() && ranked.try_put(1, &vec![0; 10]).unwrap());
    queue.get().unwrap();
    ranked.get().unwrap();
    assert!(!queue.is_full().unwrap() && !ranked.is_full().unwrap());
}

type Jobs = JoinableQueue<Vec<u8>>;

/// Whoever works on a long message may put another as long.
#[test]
fn a_lessee_can_put_what_is_as_long_as_its_lease() {
    let engine = engine(0);
    for bound in [4, 1500, 20_000] {
        let jobs = engine.joinable_queue::<Vec<u8>>(bound).unwrap();
        jobs.put(&vec![1; LONGEST]).unwrap();
        let job = jobs.get().unwrap();
        assert!(jobs.put_timeout(&vec![2; LONGEST], WATCHDOG).unwrap());
        job.done();
        assert_eq!(jobs.get().unwrap()[0], 2);
    }
}

/// Leases that take all the room.
fn lease_all(jobs: &Jobs) -> Vec<gristmill::Lease<Vec<u8>>> {
    let put_and_get = |_| {
        jobs.put(&vec![1; LONGEST]).unwrap();
        jobs.get().unwrap()
    };
    (0..2).map(put_and_get).collect()
}

fn is_told(put: Result<bool, Error>) -> bool {
    matches!(put, Err(Error::Limit { what, .. }) if what.contains("lease"))
}

/// A put that waits for a lease of its own process would wait for ever.
#[test]
fn who_would_wait_for_its_own_lease_is_told() {
    let engine = engine(0);
    let jobs = engine.joinable_queue::<Vec<u8>>(4).unwrap();
    let leases = lease_all(&jobs);
    assert!(is_told(jobs.put_timeout(&vec![3; 100], WATCHDOG)));
    assert!(!jobs.try_put(&vec![3; 100]).unwrap());
    assert!(jobs.put_timeout(&vec![3; 40], WATCHDOG).unwrap(), "it fits its place");
    drop(leases);
    assert!(jobs.put_timeout(&vec![3; LONGEST], WATCHDOG).unwrap());
}

fn put_one(jobs: Jobs) -> bool {
    jobs.put_timeout(&vec![4; LONGEST], WATCHDOG).unwrap()
}

/// Who has no lease waits for those of others, and holds up no lessee meanwhile.
#[test]
fn who_waits_for_the_leases_of_others_gets_their_room() {
    let engine = engine(0);
    let jobs = engine.joinable_queue::<Vec<u8>>(4).unwrap();
    let mut leases = lease_all(&jobs);
    let sender = engine.spawn(put_one, jobs.clone()).unwrap();
    assert!(!sender.wait_timeout(SOON), "there is no room for it");
    assert!(is_told(jobs.put_timeout(&vec![3; 100], WATCHDOG)));
    leases.pop().unwrap().done();
    assert!(sender.wait_timeout(WATCHDOG) && sender.join().unwrap());
    assert_eq!(jobs.get().unwrap()[0], 4);
}

/// Each of two processes leases as much as one may, and waits for room that the other has.
#[test]
fn two_lessees_do_not_wait_for_each_other() {
    let engine = engine(0);
    let jobs = engine.joinable_queue::<Vec<u8>>(4).unwrap();
    let ready = engine.queue::<u8>(2).unwrap();
    let work = |(jobs, ready): (Jobs, Queue<u8>)| {
        let job = jobs.get().unwrap();
        ready.put(&1).unwrap();
        let told = is_told(jobs.put_timeout(&vec![5; LONGEST], WATCHDOG));
        job.done();
        told
    };
    let start = |_| engine.spawn(work, (jobs.clone(), ready.clone())).unwrap();
    let workers: Vec<Process<bool>> = (0..2).map(start).collect();
    (0..2).for_each(|_| assert!(jobs.put_timeout(&vec![1; LONGEST], WATCHDOG).unwrap()));
    let ended = workers.into_iter().map(|worker| worker.join().unwrap());
    // The second may find that the first is done, and room.
    assert!(ended.filter(|&told| told).count() >= 1);
}

/// Senders and receivers all get on: nobody is stopped before each of them has done its share.
#[test]
fn nobody_starves() {
    const SHARE: usize = 300;
    let engine = engine(0);
    for bound in [1, 4] {
        let queue = engine.queue::<usize>(bound).unwrap();
        let done = engine.queue::<usize>(8).unwrap();
        let receive = |(queue, done, me): (Queue<usize>, Queue<usize>, usize)| {
            let mut from = [0; 3];
            let (mut got, mut is_told) = (0, false);
            while let Ok(sender) = queue.get() {
                (from[sender], got) = (from[sender] + 1, got + 1);
                if got >= SHARE && !is_told {
                    done.put(&me).unwrap();
                    is_told = true;
                }
            }
            from
        };
        let send = |(queue, done, me): (Queue<usize>, Queue<usize>, usize)| {
            let mut put = 0;
            while queue.put(&me).is_ok() {
                put += 1;
                if put == SHARE {
                    done.put(&(3 + me)).unwrap();
                }
            }
        };
        let args = |me| (queue.clone(), done.clone(), me);
        let receivers = [0, 1, 2].map(|me| engine.spawn(receive, args(me)).unwrap());
        let senders = [0, 1, 2].map(|me| engine.spawn(send, args(me)).unwrap());
        let who = (0..6).map(|_| done.get_timeout(WATCHDOG).unwrap().expect("all get on"));
        let mut who: Vec<usize> = who.collect();
        who.sort_unstable();
        assert_eq!(who, [0, 1, 2, 3, 4, 5]);
        queue.close().unwrap();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let from = receivers.map(|receiver| receiver.join().unwrap());
        let of = |sender: usize| from.iter().map(|from| from[sender]).sum::<usize>();
        assert!((0..3).all(|sender| of(sender) >= SHARE));
    }
}
