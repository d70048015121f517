//! The words of a ring, with threads that play its sides and seats.

use super::frame::HEADER;
use super::*;
use crate::machine::Until;
use crate::memory::ARRAYS;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::thread;
use std::time::Instant;

const CAPACITY: usize = CAPACITY_MIN;
const HERE: Seat = Seat::COORDINATOR;

fn region(capacity: usize) -> Region {
    let region = Region::create(16 << 20).unwrap();
    Ring::initialise(&region, ARRAYS, capacity, HERE);
    region
}

/// The ring of a region, which must outlive it.
fn ring(region: &Region) -> Ring {
    // SAFETY: all tests keep the region to their ends.
    unsafe { Ring::over(region, ARRAYS) }.unwrap()
}

fn sides(region: &Region) -> (Producer, Consumer) {
    (Producer::over(ring(region)), Consumer::over(ring(region)))
}

fn take(from: &mut Consumer, len: usize, stride: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    // SAFETY: there is room for so many.
    unsafe { from.take(NonNull::new(bytes.as_mut_ptr()).unwrap(), len, stride) };
    bytes
}

/// The next frame's bytes of a message, and how many follow them; none if there is no frame.
fn take_frame(from: &mut Consumer) -> Option<(Vec<u8>, u64)> {
    match from.frame().unwrap()? {
        Frame::GivenUp => {
            from.skip_header();
            from.release();
            Some((vec![], u64::MAX))
        }
        Frame::Rest { left, here } => {
            let mut bytes = vec![0; here as usize];
            // SAFETY: there is room for so many.
            unsafe { from.take_frame(NonNull::new(bytes.as_mut_ptr()).unwrap(), here) };
            from.release();
            Some((bytes, left - here))
        }
    }
}

/// Waits until a side sleeps, or is about to.
fn until_asleep(ring: &Ring, side: Side) {
    let since = Instant::now();
    while ring.post(side).wants.load(SeqCst) == 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "{side:?} does not sleep");
        thread::yield_now();
    }
}

proptest! {
    /// Against a queue as oracle: nothing is lost, doubled or out of order at any fill of the ring,
    /// around its end, with messages of sizes around a piece and around the capacity.
    #[test]
    fn it_is_a_queue(
        steps in prop::collection::vec((any::<bool>(), prop_oneof![
            0usize..40,
            CAPACITY / 4 - 9..CAPACITY / 4 + 9,
            CAPACITY / 2 - 20..CAPACITY / 2 + 20,
            CAPACITY - 60..CAPACITY - 40,
        ]), 1..200),
    ) {
        let region = region(CAPACITY);
        let (mut producer, mut consumer) = sides(&region);
        let mut oracle: VecDeque<Vec<u8>> = VecDeque::new();
        for (n, (puts, len)) in steps.into_iter().enumerate() {
            if puts {
                let message: Vec<u8> = (0..len).map(|at| (at * 7 + n) as u8).collect();
                let has_put = producer.put_message(&message, Until::Now).unwrap();
                producer.publish();
                // One that fits an empty ring is refused only where others are in it.
                prop_assert!(has_put || !oracle.is_empty());
                if has_put {
                    oracle.push_back(message);
                }
            } else {
                let mut got: Option<Vec<u8>> = None;
                while let Some((bytes, left)) = take_frame(&mut consumer) {
                    got.get_or_insert_default().extend(bytes);
                    if left == 0 {
                        break;
                    }
                }
                prop_assert_eq!(got, oracle.pop_front());
            }
        }
    }

    /// Messages of one size that divides nothing.
    #[test]
    fn messages_of_one_size(
        stride in 1u64..300,
        steps in prop::collection::vec(any::<bool>(), 1..300),
    ) {
        let region = region(CAPACITY);
        let (mut producer, mut consumer) = sides(&region);
        let (mut put, mut taken) = (0u64, 0u64);
        for puts in steps {
            if puts && producer.has_room(stride).unwrap() {
                producer.put(&vec![put as u8; stride as usize], stride);
                producer.publish();
                put += 1;
            } else if !puts && consumer.has(stride).unwrap() {
                let bytes = take(&mut consumer, stride as usize, stride);
                prop_assert!(bytes.iter().all(|byte| *byte == taken as u8));
                consumer.release();
                taken += 1;
            }
            prop_assert_eq!(consumer.has(stride).unwrap(), put > taken);
        }
    }
}

/// Seeded threads: sizes, batches and pauses are drawn, and both sides come to sleep and are woken.
#[test]
fn threads_as_sides() {
    for seed in 0..8u64 {
        let region = region(CAPACITY);
        let (mut producer, mut consumer) = sides(&region);
        let sizes = |n: u64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ seed) >> 40) % 6000;
        thread::scope(|scope| {
            scope.spawn(move || {
                for n in 0..5_000 {
                    let message = vec![n as u8; sizes(n) as usize];
                    assert!(producer.put_message(&message, Until::Forever).unwrap());
                    if n % 3 == 0 {
                        producer.publish();
                    }
                    if n % 1_000 == seed {
                        thread::sleep(Duration::from_millis(2));
                    }
                }
                producer.publish();
            });
            for n in 0..5_000 {
                let mut len = 0;
                loop {
                    assert!(consumer.wait(Until::Forever).unwrap());
                    let (bytes, left) = take_frame(&mut consumer).unwrap();
                    assert!(bytes.iter().all(|byte| *byte == n as u8));
                    len += bytes.len() as u64;
                    if left == 0 {
                        break;
                    }
                }
                assert_eq!(len, sizes(n));
            }
            assert!(!consumer.has(1).unwrap());
        });
    }
}

#[test]
fn a_producer_is_woken_when_half_is_free() {
    let region = region(CAPACITY);
    let (mut producer, mut consumer) = sides(&region);
    producer.put(&[0; CAPACITY], CAPACITY as u64);
    producer.publish();
    assert!(!producer.wait_for_room(1, Until::Now).unwrap());
    let wish = wait::Wish {
        ring: ring(&region),
        side: Side::Producer,
        least: 1,
        awake: 512,
        asleep: CAPACITY as u64 / 2,
    };
    // Asleep for much longer than the test takes, unless it is woken.
    let bell = || ring(&region).post(Side::Producer).bell.load(Acquire);
    thread::scope(|scope| {
        scope.spawn(|| wish.ring.doze(wish.side, wish.asleep, Duration::from_secs(60)));
        until_asleep(&wish.ring, Side::Producer);
        assert!(consumer.has(1).unwrap());
        for _ in 0..15 {
            take(&mut consumer, 128, 128);
            consumer.release();
        }
        assert_eq!(bell(), 0, "less than half is free");
        take(&mut consumer, 128, 128);
        consumer.release();
        assert_eq!(bell(), 1, "half is free");
    });
    assert!(producer.wait_for_room(1, Until::Now).unwrap() || producer.has_room(1).unwrap());
}

#[test]
fn a_consumer_is_woken_by_the_first_message() {
    let region = region(CAPACITY);
    let (mut producer, _) = sides(&region);
    thread::scope(|scope| {
        scope.spawn(|| ring(&region).doze(Side::Consumer, 1, Duration::from_secs(60)));
        until_asleep(&ring(&region), Side::Consumer);
        producer.put(&[1], 1);
        producer.publish();
    });
}

#[test]
fn a_side_that_ends_wakes_the_other_and_says_how() {
    let child = Seat::of_child(3);
    let bury =
        |cleanly| move |region: &Region| Ring::bury(region, ARRAYS, Gone { seat: child, cleanly });
    let close = |region: &Region| ring(region).close(Side::Producer, child);
    type End<'a> = &'a dyn Fn(&Region);
    type Tells = fn(&Error) -> bool;
    let ends: [(End<'_>, Tells); 3] = [
        (&close, |error| matches!(error, Error::PeerClosed)),
        (&bury(true), |error| matches!(error, Error::PeerClosed)),
        (&bury(false), |error| matches!(error, Error::PeerDied)),
    ];
    for (end, tells) in ends {
        let region = region(CAPACITY);
        let (mut producer, mut consumer) = sides(&region);
        ring(&region).hand_over(Side::Producer, HERE, child);
        assert!(ring(&region).is_open_by(Side::Producer, child));
        producer.put(&[7], 1);
        thread::scope(|scope| {
            scope.spawn(|| ring(&region).doze(Side::Consumer, 100, Duration::from_secs(60)));
            until_asleep(&ring(&region), Side::Consumer);
            producer.publish();
            end(&region);
        });
        // What was put in before is there first.
        assert!(consumer.wait(Until::Forever).unwrap());
        assert_eq!(take(&mut consumer, 1, 1), [7]);
        let error = consumer.wait(Until::Forever).unwrap_err();
        assert!(tells(&error), "{error}");
        // The end is the last: neither closing nor another death changes it.
        ring(&region).close(Side::Producer, child);
        bury(true)(&region);
        assert!(tells(&consumer.refuse_closed().unwrap_err()));
        producer.refuse_closed().unwrap();
    }
}

/// A process that closes a side and dies before it has woken the other: its burial does.
#[test]
fn a_burial_wakes_for_a_closer_that_died() {
    let region = region(CAPACITY);
    let child = Seat::of_child(0);
    let ring = ring(&region);
    ring.hand_over(Side::Consumer, HERE, child);
    thread::scope(|scope| {
        scope.spawn(|| ring.doze(Side::Producer, 100, Duration::from_secs(60)));
        until_asleep(&ring, Side::Producer);
        assert!(ring.change(Side::Consumer, child, state(CLOSED, child)));
        Ring::bury(&region, ARRAYS, Gone { seat: child, cleanly: false });
    });
    assert!(matches!(ring.refuse_closed(Side::Consumer), Err(Error::PeerClosed)));
}

/// The burial of others leaves both sides as they are.
#[test]
fn only_the_dead_are_buried() {
    let region = region(CAPACITY);
    Ring::bury(&region, ARRAYS, Gone { seat: Seat::of_child(1), cleanly: false });
    assert!(ring(&region).is_open_by(Side::Producer, HERE));
    assert!(ring(&region).is_open_by(Side::Consumer, HERE));
}

#[test]
fn words_that_were_written_over_are_told_and_lead_nowhere() {
    let is_told = |result: Result<bool>| matches!(result, Err(Error::Broken { .. }));
    for wild in [u64::MAX, 1 << 40, CAPACITY as u64 + 1] {
        let region = region(CAPACITY);
        let (mut producer, mut consumer) = sides(&region);
        ring(&region).position(Side::Producer).store(wild, SeqCst);
        assert!(is_told(consumer.has(1)), "{wild:#x}");
        ring(&region).position(Side::Consumer).store(wild, SeqCst);
        assert!(is_told(producer.has_room(CAPACITY as u64 + 1)), "{wild:#x}");
        ring(&region).post(Side::Producer).state.store(wild, SeqCst);
        assert!(is_told(consumer.refuse_closed().map(|()| true)), "{wild:#x}");
        ring(&region).words().capacity.0.store(wild, SeqCst);
        // SAFETY: none is made, or it is dropped at once.
        assert!(unsafe { Ring::over(&region, ARRAYS) }.is_err(), "{wild:#x}");
        Ring::bury(&region, ARRAYS, Gone { seat: HERE, cleanly: false });
    }
}

/// A part of a unit, or of a header, is none that a producer has put in; who waited would find news for
/// ever.
#[test]
fn a_position_within_what_goes_in_as_a_whole_is_told() {
    for (stride, there) in [(24, 8), (24, 23), (HEADER, 1), (HEADER, 7)] {
        let region = region(CAPACITY);
        let (_, mut consumer) = sides(&region);
        ring(&region).position(Side::Producer).store(there, SeqCst);
        assert!(consumer.wait(Until::Now).unwrap(), "there is news");
        assert!(matches!(consumer.has(stride), Err(Error::Broken { .. })), "{there} of {stride}");
    }
}

#[test]
fn headers_that_were_written_over_are_told() {
    for header in [0, 3, frame::header(100), u64::MAX, frame::header(u64::MAX >> 2)] {
        let region = region(CAPACITY);
        let (mut producer, mut consumer) = sides(&region);
        producer.put(&header.to_ne_bytes(), HEADER);
        producer.publish();
        let told = consumer.frame();
        assert!(matches!(told, Err(Error::Broken { .. })), "{header:#x}: {told:?}");
    }
}

#[test]
fn a_message_that_runs_out_of_time_is_given_up() {
    let region = region(CAPACITY);
    let (mut producer, mut consumer) = sides(&region);
    let soon = Until::after(Duration::from_millis(5));
    assert!(!producer.put_message(&[1; 3 * CAPACITY], soon).unwrap());
    let frames: Vec<u64> =
        std::iter::from_fn(|| take_frame(&mut consumer)).map(|(_, left)| left).collect();
    assert_eq!(frames.last(), Some(&u64::MAX), "it says so behind what was put in: {frames:?}");
    assert!(frames.len() > 1);
    assert!(producer.put_message(&[2; 10], Until::Now).unwrap());
    producer.publish();
    assert_eq!(take_frame(&mut consumer), Some((vec![2; 10], 0)));
    let too_large = producer.put_message(&[3; CAPACITY], Until::Now);
    assert!(matches!(too_large, Err(Error::Limit { .. })));
}
