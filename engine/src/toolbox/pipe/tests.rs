//! The ends, within one process: threads send and receive, and burials are called by hand. What real
//! processes do is in engine/tests/pipes.rs.

use super::*;
use crate::compute::{Alike, encode};
use crate::memory::{Budget, Memory, Region};
use crate::shared::crossing::{Luggage, Way, sending};
use crate::shared::seat::Gone;
use crate::toolbox::address;
use crate::toolbox::codec::Plain;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

fn commons() -> Arc<Commons> {
    let budget: Budget = Box::new(|_| (64 << 20, "test".into()));
    Commons::new(Memory::new(Region::create(64 << 20).unwrap(), budget))
}

/// Sends a value to a child process at a seat, as far as the coordinator does that.
/// What it gives back, the coordinator keeps until the child's end.
fn hand_over<T: Portable>(commons: &Arc<Commons>, value: T, to: Seat) -> Result<Luggage> {
    let home = address(commons.region());
    let (bytes, luggage) = sending(Way::Process, home, || encode(&value, Alike::Length));
    bytes?;
    luggage.hand_over(to);
    drop(value);
    Ok(luggage)
}

#[derive(Debug, Clone)]
enum Operation {
    Send(usize),
    TrySend(usize),
    SendAll(Vec<usize>),
    TryRecv,
    RecvMany(usize),
    Poll,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let size = || prop_oneof![0usize..30, 900usize..1100, 3900usize..4200, 9000usize..9100];
    let single = prop_oneof![
        size().prop_map(Operation::Send),
        size().prop_map(Operation::TrySend),
        prop::collection::vec(size(), 0..6).prop_map(Operation::SendAll),
        Just(Operation::TryRecv),
        (0usize..9).prop_map(Operation::RecvMany),
        Just(Operation::Poll),
    ];
    prop::collection::vec(single, 1..80)
}

/// Runs operations against a queue as oracle. What waits may run out of time at once.
fn against_a_queue<C: Codec<[u8], Received = Vec<u8>>>(
    operations: Vec<Operation>,
) -> std::result::Result<(), TestCaseError> {
    let commons = commons();
    let (mut sender, mut receiver) = pipe::<[u8], C>(&commons, 4096).unwrap();
    let mut oracle = VecDeque::new();
    let mut has_given_up = false;
    for (n, operation) in operations.into_iter().enumerate() {
        let message = |len: usize| vec![n as u8; len];
        match operation {
            Operation::Send(len) => {
                if sender.send_timeout(&message(len), Duration::from_micros(10)).unwrap() {
                    oracle.push_back(message(len));
                } else {
                    has_given_up = true;
                }
            }
            Operation::TrySend(len) => match sender.try_send(&message(len)) {
                Ok(true) => oracle.push_back(message(len)),
                // What was given up may still be there.
                Ok(false) => prop_assert!(!oracle.is_empty() || has_given_up),
                Err(Error::Limit { .. }) => prop_assert!(len > 4000),
                Err(other) => panic!("{other}"),
            },
            // As many as surely fit.
            Operation::SendAll(lens) if oracle.is_empty() && lens.iter().sum::<usize>() < 3000 => {
                receiver.try_recv().unwrap();
                let sent = sender.send_all(lens.iter().map(|len| message(*len))).unwrap();
                prop_assert_eq!(sent, lens.len());
                oracle.extend(lens.into_iter().map(message));
            }
            Operation::SendAll(_) => {}
            Operation::TryRecv => prop_assert_eq!(receiver.try_recv().unwrap(), oracle.pop_front()),
            Operation::RecvMany(max) if oracle.is_empty() => prop_assert!(max < 9),
            Operation::RecvMany(max) => {
                let mut got = vec![];
                let count = receiver.recv_many(&mut got, max).unwrap();
                prop_assert_eq!(count, max.min(oracle.len()));
                prop_assert_eq!(got, oracle.drain(..count).collect::<Vec<_>>());
            }
            Operation::Poll => prop_assert_eq!(receiver.is_ready().unwrap(), !oracle.is_empty()),
        }
    }
    drop(sender);
    while let Some(message) = oracle.pop_front() {
        prop_assert_eq!(receiver.recv().unwrap(), message);
    }
    prop_assert!(matches!(receiver.recv(), Err(Error::PeerClosed)));
    Ok(())
}

proptest! {
    #[test]
    fn it_is_a_queue(operations in operations()) {
        against_a_queue::<Plain>(operations)?;
    }
}

/// _TestPoll.test_empty_string, test_boundaries, test_dont_merge: messages stay apart, empty ones too.
#[test]
fn messages_are_neither_merged_nor_split() {
    let (mut sender, mut receiver) = pipe::<[u8], Plain>(&commons(), 4096).unwrap();
    assert!(!receiver.is_ready().unwrap());
    assert!(!receiver.poll(Duration::from_millis(1)).unwrap());
    let messages: [&[u8]; 5] = [b"", b"first", b"", b"a much longer second", b""];
    messages.iter().for_each(|message| sender.send(message).unwrap());
    for message in messages {
        assert!(receiver.is_ready().unwrap(), "and being asked changes nothing");
        assert!(receiver.poll(Duration::ZERO).unwrap());
        assert_eq!(receiver.recv().unwrap(), message);
    }
    assert!(!receiver.is_ready().unwrap());
    drop(sender);
    assert!(receiver.is_ready().unwrap(), "the end is something to be told");
}

/// _TestConnection.test_connection: values of many kinds, and messages far larger than the pipe.
#[test]
fn large_messages_stream_through() {
    let (mut sender, mut receiver) = pipe::<Vec<u32>, Serde>(&commons(), 4096).unwrap();
    let large = |n: u32| (0..n * 1000).collect::<Vec<u32>>();
    thread::scope(|scope| {
        scope.spawn(|| (0..50).for_each(|n| sender.send(&large(n)).unwrap()));
        (0..50).for_each(|n| assert!(receiver.recv().unwrap() == large(n)));
    });
}

#[test]
fn plain_structs_of_any_size_and_nothing_at_all() {
    #[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    #[repr(C)]
    struct Odd([u8; 1001]);
    let commons = commons();
    let (mut sender, mut receiver) = pipe::<Odd, Plain>(&commons, 0).unwrap();
    let (mut units, mut counted) = pipe::<(), Plain>(&commons, 0).unwrap();
    let (mut huge, mut received) = pipe::<[[u64; 10_000]], Plain>(&commons, 0).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            sender.send_all((0..5000u32).map(|n| Odd([n as u8; 1001]))).unwrap();
            units.send_all(vec![(); 10_000]).unwrap();
            huge.send(&[[7; 10_000]; 3]).unwrap();
        });
        (0..5000u32).for_each(|n| assert_eq!(receiver.recv().unwrap(), Odd([n as u8; 1001])));
        (0..10_000).for_each(|_| counted.recv().unwrap());
        assert_eq!(counted.try_recv().unwrap(), None);
        assert!(received.recv().unwrap() == [[7; 10_000]; 3]);
    });
}

/// A message that ran out of time half-way is not received, and harms no other.
#[test]
fn what_ran_out_of_time_is_not_received() {
    let (mut sender, mut receiver) = pipe::<[u8], Plain>(&commons(), 4096).unwrap();
    let soon = Duration::from_millis(2);
    sender.send(b"before").unwrap();
    assert!(!sender.send_timeout(&[1; 100_000], soon).unwrap());
    assert_eq!(receiver.recv().unwrap(), b"before");
    assert_eq!(receiver.recv_timeout(soon).unwrap(), None);
    // Both sides run out of time in the middle, again and again.
    thread::scope(|scope| {
        let sends = scope.spawn(|| {
            let mut in_time = |n: u8| sender.send_timeout(&vec![n; 100_000], soon).unwrap();
            let sent: Vec<u8> = (2..40).filter(|n| in_time(*n)).collect();
            sender.send(b"").unwrap();
            sent
        });
        let mut got = vec![];
        loop {
            match receiver.recv_timeout(Duration::from_micros(300)).unwrap() {
                None => thread::sleep(Duration::from_millis(1)),
                Some(end) if end.is_empty() => break,
                Some(message) => {
                    assert!(message == [message[0]; 100_000]);
                    got.push(message[0]);
                }
            }
        }
        assert_eq!(got, sends.join().unwrap());
    });
}

/// _TestConnection.test_spawn_close: the end that is not here is closed by its process's end alone.
#[test]
fn the_end_of_a_process_is_the_end_of_its_ends() {
    let child = Seat::of_child(5);
    for cleanly in [true, false] {
        let is_told = |result: Result<()>| match result {
            Err(Error::PeerClosed) => cleanly,
            Err(Error::PeerDied) => !cleanly,
            other => panic!("{other:?}"),
        };
        let commons = commons();
        let (sender, mut receiver) = pipe::<u8, Serde>(&commons, 4096).unwrap();
        let _kept = hand_over(&commons, sender, child).unwrap();
        let (mut sender, mine) = pipe::<[u8], Plain>(&commons, 4096).unwrap();
        let ring = mine.end_ring();
        ring.hand_over(crate::shared::ring::Side::Consumer, Seat::here(), child);
        assert_eq!(receiver.try_recv().unwrap(), None, "it is open");
        thread::scope(|scope| {
            let waits = scope.spawn(|| receiver.recv().map(drop));
            let sends = scope.spawn(|| sender.send(&[0; 10_000]));
            thread::sleep(Duration::from_millis(3));
            commons.bury(Gone { seat: child, cleanly });
            assert!(is_told(waits.join().unwrap()) && is_told(sends.join().unwrap()));
        });
        assert!(is_told(sender.try_send(b"more").map(drop)));
        assert!(is_told(receiver.try_recv().map(drop)));
        assert!(is_told(receiver.recv_timeout(Duration::ZERO).map(drop)));
    }
}

/// A death in the middle of a message loses that one.
#[test]
fn a_message_that_its_sender_has_not_ended_is_lost() {
    let commons = commons();
    let (mut sender, mut receiver) = pipe::<[u8], Plain>(&commons, 4096).unwrap();
    let child = Seat::of_child(0);
    sender.end_ring().hand_over(crate::shared::ring::Side::Producer, Seat::here(), child);
    sender.send(b"whole").unwrap();
    thread::scope(|scope| {
        let halfway = scope.spawn(|| sender.send(&vec![1; 1 << 20]));
        assert_eq!(receiver.recv().unwrap(), b"whole");
        assert_eq!(receiver.try_recv().unwrap(), None);
        commons.bury(Gone { seat: child, cleanly: false });
        // What plays the dead goes on putting its message in, and may just come to its end.
        while !matches!(receiver.try_recv(), Err(Error::PeerDied)) {}
        drop(receiver);
        assert!(matches!(halfway.join().unwrap(), Ok(()) | Err(Error::PeerClosed)));
    });
}

/// _TestPicklingConnections, turned round: an end goes to one child, once, and nowhere else.
#[test]
fn ends_move_in_one_way() {
    let commons = commons();
    let home = address(commons.region());
    let (mut sender, mut receiver) = pipe::<u8, Serde>(&commons, 4096).unwrap();
    for way in [Way::Task, Way::Kernel, Way::Message] {
        let (sent, _) = sending(way, home, || encode(&sender, Alike::Length));
        let error = sent.unwrap_err().to_string();
        assert!(error.contains("Sender<u8>") && error.contains("queue"), "{way:?}: {error}");
    }
    assert!(encode(&receiver, Alike::Length).is_err(), "outside of a crossing");
    let (sent, _) = sending(Way::Process, home + 1, || encode(&receiver, Alike::Length));
    assert!(sent.unwrap_err().to_string().contains("another engine"));
    sender.send(&1).unwrap();
    assert_eq!(receiver.recv().unwrap(), 1, "neither has moved");
    // One that has moved is of no more use here, and cannot move again.
    let (sent, luggage) = sending(Way::Process, home, || encode(&sender, Alike::Length));
    sent.unwrap();
    luggage.hand_over(Seat::of_child(1));
    assert!(matches!(sender.send(&2), Err(Error::EndMoved)));
    let (again, _) = sending(Way::Process, home, || encode(&sender, Alike::Length));
    assert!(again.unwrap_err().to_string().contains("moved"));
    drop(sender);
    assert_eq!(receiver.try_recv().unwrap(), None, "the child has it open");
    // Nothing was started after all.
    drop(luggage);
    assert!(matches!(receiver.recv(), Err(Error::PeerClosed)));
}

#[test]
fn a_half_received_message_keeps_its_end_here() {
    let commons = commons();
    let (mut sender, mut receiver) = pipe::<[u8], Plain>(&commons, 4096).unwrap();
    thread::scope(|scope| {
        let sends = scope.spawn(|| sender.send(&[1; 100_000]));
        while !receiver.is_ready().unwrap() {}
        // Its sender may be anywhere in it.
        if receiver.try_recv().unwrap().is_none() {
            let error = hand_over(&commons, HalfReceived(receiver), Seat::of_child(1)).unwrap_err();
            assert!(error.to_string().contains("half received"), "{error}");
        }
        let _ = sends.join().unwrap();
    });
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct HalfReceived(Receiver<[u8], Plain>);

/// CPython's feeder raises PicklingError elsewhere; here the sender is told, and goes on.
#[test]
fn what_cannot_be_sent_is_told_to_its_sender() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Skipping {
        #[serde(skip_serializing_if = "Option::is_none")]
        maybe: Option<u8>,
        other: u8,
    }
    let (mut sender, mut receiver) = pipe::<Skipping, Serde>(&commons(), 4096).unwrap();
    let told = sender.send(&Skipping { maybe: None, other: 1 }).unwrap_err();
    assert!(
        matches!(&told, Error::NotPortable { what, .. } if what.contains("Skipping")),
        "{told}"
    );
    let fine = || Skipping { maybe: Some(1), other: 2 };
    let batch = [fine(), Skipping { maybe: None, other: 3 }, fine()];
    assert!(matches!(sender.send_all(&batch), Err(Error::NotPortable { .. })));
    assert_eq!(receiver.recv().unwrap(), fine(), "what came before is sent");
    assert_eq!(receiver.try_recv().unwrap(), None);
    sender.send(&fine()).unwrap();
    assert_eq!(receiver.recv().unwrap(), fine());
}

#[test]
fn sizes_beyond_memory_are_refused() {
    for bytes in [128 << 20, usize::MAX] {
        let error = pipe::<u8, Serde>(&commons(), bytes).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    }
}
