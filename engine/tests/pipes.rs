//! Pipes between processes, and deaths before any instruction of sending and receiving. The cases of
//! CPython's `_TestConnection` and `_TestPoll` (test/_test_multiprocessing.py) are named where they
//! are mirrored.

mod support;

use gristmill::{Cause, Engine, Error, Plain, Process, ProcessFailure, Receiver, Sender};
use std::time::{Duration, Instant};
use support::engine;
use support::stepping::{deadly_steps, die_at};

/// More than any wait of a test takes.
const LONG: Duration = Duration::from_secs(60);

/// test_connection: what is sent comes back, of any size, also larger than the pipe.
#[test]
fn messages_of_any_size_go_both_ways() {
    let engine = engine(0);
    let (mut near, far) = engine.duplex::<Vec<u8>, Vec<u8>>(4096).unwrap();
    let echo = engine.spawn(
        |mut far: gristmill::Duplex<Vec<u8>, Vec<u8>>| {
            while let Ok(message) = far.recv() {
                far.send(&message).unwrap();
            }
        },
        far,
    );
    let echo = echo.unwrap();
    for bytes in [0, 1, 7, 8, 4000, 4096, 4097, 100_000, 3_000_000] {
        let message: Vec<u8> = (0..bytes).map(|at: usize| (at * 7) as u8).collect();
        near.send(&message).unwrap();
        assert!(near.recv().unwrap() == message, "{bytes} bytes");
    }
    drop(near);
    echo.join().unwrap();
}

/// _TestPoll.test_many_small, test_boundaries: nothing is lost, doubled or out of order.
#[test]
fn many_small_messages_arrive_in_order() {
    let engine = engine(0);
    let (tx, mut rx) = engine.pipe::<u64>(512).unwrap();
    let sender = engine.spawn(
        |mut tx: Sender<u64>| {
            (0..100_000).for_each(|n| tx.send(&n).unwrap());
        },
        tx,
    );
    for n in 0..100_000 {
        assert_eq!(rx.recv().unwrap(), n);
    }
    sender.unwrap().join().unwrap();
    assert!(matches!(rx.recv(), Err(Error::PeerClosed)));
}

#[test]
fn batches_and_plain_data() {
    let engine = engine(0);
    let (tx, mut rx) = engine.plain_pipe::<[f64]>(1 << 16).unwrap();
    let sender = engine.spawn(
        |mut tx: Sender<[f64], Plain>| {
            for n in 0..200usize {
                tx.send(&vec![n as f64; n * 100]).unwrap();
            }
        },
        tx,
    );
    for n in 0..200usize {
        assert_eq!(rx.recv().unwrap(), vec![n as f64; n * 100]);
    }
    sender.unwrap().join().unwrap();
    let (mut tx, mut rx) = engine.plain_pipe::<u32>(1 << 12).unwrap();
    assert_eq!(tx.send_all([1, 2, 3, 4]).unwrap(), 4);
    let mut got = vec![];
    assert_eq!(rx.recv_many(&mut got, 3).unwrap(), 3);
    assert_eq!((got, rx.recv().unwrap(), rx.try_recv().unwrap()), (vec![1, 2, 3], 4, None));
}

/// _TestPoll.test_empty_string, test_strings, _TestConnection.test_recv_into's time limits.
#[test]
fn nothing_there_is_no_error() {
    let engine = engine(0);
    let (mut tx, mut rx) = engine.pipe::<String>(256).unwrap();
    assert!(!rx.is_ready().unwrap());
    assert_eq!(rx.try_recv().unwrap(), None);
    assert_eq!(rx.recv_timeout(Duration::from_millis(10)).unwrap(), None);
    tx.send(&String::new()).unwrap();
    assert!(rx.poll(LONG).unwrap());
    assert_eq!(rx.try_recv().unwrap(), Some(String::new()));
    while tx.try_send(&"much".into()).unwrap() {}
    assert!(!tx.send_timeout(&"more".into(), Duration::from_millis(10)).unwrap());
    // A message that found no room in time, half of it sent, is none.
    let long = "x".repeat(10_000);
    assert!(!tx.send_timeout(&long, Duration::from_millis(10)).unwrap());
    drop(tx);
    while let Ok(message) = rx.recv() {
        assert_eq!(message, "much");
    }
}

/// _TestConnection.test_spawn_close, test_duplex_false: closing is a value on both sides.
#[test]
fn a_closed_end_is_told() {
    let engine = engine(0);
    let (tx, mut rx) = engine.pipe::<u8>(256).unwrap();
    drop(tx);
    assert!(matches!(rx.recv(), Err(Error::PeerClosed)));
    let (mut tx, rx) = engine.pipe::<u8>(256).unwrap();
    drop(rx);
    assert!(matches!(tx.send(&1), Err(Error::PeerClosed)));
}

/// An end moves; where it cannot, the error says why. (CPython: two readers, lost data.)
#[test]
fn an_end_goes_to_one_process_only() {
    let engine = Engine::builder().workers(1).build().unwrap();
    let (tx, rx) = engine.pipe::<u8>(256).unwrap();
    let mut results = engine.tasks().map(|mut tx: Sender<u8>| tx.send(&1).is_ok(), [tx]).unwrap();
    let told = results.next().unwrap().unwrap_err().to_string();
    assert!(told.contains("queue"), "{told}");
    drop((results, rx));
    let other = Engine::builder().workers(0).build().unwrap();
    let (tx, mut rx) = engine.pipe::<u8>(256).unwrap();
    assert!(other.spawn(|tx: Sender<u8>| drop(tx), tx).is_err(), "of another engine");
    assert!(matches!(rx.recv(), Err(Error::PeerClosed)), "what could not be passed is closed");
}

/// What the victim had sent as a whole arrives, then its death.
#[test]
fn a_death_is_told_to_the_other_side() {
    let engine = engine(0);
    let (tx, mut rx) = engine.pipe::<u32>(256).unwrap();
    let sender = engine.spawn(
        |mut tx: Sender<u32>| -> () {
            tx.send(&7).unwrap();
            support::die();
        },
        tx,
    );
    assert_eq!(rx.recv().unwrap(), 7);
    assert!(matches!(rx.recv(), Err(Error::PeerDied)));
    assert!(sender.unwrap().join().is_err());
    let (mut tx, rx) = engine.pipe::<u32>(256).unwrap();
    let receiver = engine.spawn(
        |rx: Receiver<u32>| -> () {
            std::mem::forget(rx);
            support::die();
        },
        rx,
    );
    let error = loop {
        if let Err(error) = tx.send(&1) {
            break error;
        }
    };
    assert!(matches!(error, Error::PeerDied), "{error}");
    assert!(receiver.unwrap().join().is_err());
}

fn died<R: std::fmt::Debug + gristmill::Portable>(process: Process<R>) -> bool {
    match process.join() {
        Ok(_) => false,
        Err(Error::Process { reason: ProcessFailure::Died(_), .. }) => true,
        Err(other) => panic!("{other}"),
    }
}

/// Killed before any instruction of sending: what arrives is a prefix of what it sent, whole messages,
/// then its end.
#[test]
fn killed_while_sending() {
    for message in ["short".to_owned(), "longer than the pipe. ".repeat(100)] {
        let engine = engine(0);
        let run = |(mut tx, message, deadly): (Sender<String>, String, u64)| {
            tx.send(&"before".into()).unwrap();
            die_at(deadly, || tx.send(&message).unwrap()).1
        };
        let sweep = |deadly| {
            let (tx, mut rx) = engine.pipe::<String>(256).unwrap();
            let process = engine.spawn(run, (tx, message.clone(), deadly)).unwrap();
            assert_eq!(rx.recv_timeout(LONG).unwrap().unwrap(), "before");
            let mut got = 0;
            let end = loop {
                match rx.recv_timeout(LONG) {
                    Ok(Some(text)) => assert_eq!((text == message, got), (true, 0)),
                    Ok(None) => panic!("neither a message nor an end"),
                    Err(error) => break error,
                }
                got += 1;
            };
            (process, got, end)
        };
        let (process, got, end) = sweep(u64::MAX);
        assert!(got == 1 && matches!(end, Error::PeerClosed));
        let steps = process.join().unwrap();
        for deadly in deadly_steps(steps.min(20_000)) {
            let (process, got, end) = sweep(deadly);
            // It may have waited less this time, with fewer instructions, and ended well.
            let is_dead = matches!(end, Error::PeerDied);
            assert_eq!(died(process), is_dead, "at {deadly}: {end}");
            assert!(is_dead || got == 1, "what was sent in good order is there");
        }
    }
}

/// Killed before any instruction of receiving: the sender is told, and blocks no longer.
#[test]
fn killed_while_receiving() {
    let engine = engine(0);
    let run = |(mut rx, deadly): (Receiver<String>, u64)| {
        die_at(deadly, || rx.recv().unwrap() + &rx.recv().unwrap()).1
    };
    let sweep = |deadly| {
        let (mut tx, rx) = engine.pipe::<String>(256).unwrap();
        let process = engine.spawn(run, (rx, deadly)).unwrap();
        let _ = tx.send(&"first".into());
        let _ = tx.send(&"second, longer than the pipe. ".repeat(50));
        let end = loop {
            match tx.send_timeout(&"more".into(), LONG) {
                Ok(true) => {}
                Ok(false) => panic!("the sender waits for the dead"),
                Err(error) => break error,
            }
        };
        (process, end)
    };
    let (process, end) = sweep(u64::MAX);
    assert!(matches!(end, Error::PeerClosed), "{end}");
    let steps = process.join().unwrap();
    for deadly in deadly_steps(steps.min(20_000)) {
        let (process, end) = sweep(deadly);
        // It may have had fewer instructions this time, and ended well.
        assert_eq!(died(process), matches!(end, Error::PeerDied), "at {deadly}: {end}");
    }
}

/// A stream that a panic cuts short is not taken for whole.
#[test]
fn a_panic_is_not_the_end_of_a_stream() {
    let engine = engine(0);
    let (sender, mut receiver) = engine.pipe::<u32>(4096).unwrap();
    let count = |mut sender: Sender<u32>| {
        sender.send(&1).unwrap();
        assert!(std::process::id() == 0, "no more of them");
    };
    let process = engine.spawn(count, sender).unwrap();
    assert_eq!(receiver.recv().unwrap(), 1);
    assert!(matches!(receiver.recv(), Err(Error::PeerDied)));
    process.join().unwrap_err();
}

/// test_connection: a really big message, 16 MiB through 64 KiB.
#[test]
fn a_really_big_message() {
    let engine = engine(0);
    let (mut sender, receiver) = engine.plain_pipe::<[u8]>(1 << 16).unwrap();
    let child = engine.spawn(
        |mut receiver: Receiver<[u8], Plain>| -> (usize, bool) {
            let bytes = receiver.recv().unwrap();
            (bytes.len(), bytes.iter().enumerate().all(|(at, byte)| *byte == (at / 100) as u8))
        },
        receiver,
    );
    let big: Vec<u8> = (0..16 << 20).map(|at| (at / 100) as u8).collect();
    sender.send(&big).unwrap();
    assert_eq!(child.unwrap().join().unwrap(), (16 << 20, true));
}

/// test_sendbytes, _TestPoll.test_strings: many messages in order, batched and one by one.
#[test]
fn many_in_order_and_batched() {
    let engine = engine(0);
    let (numbers, mut received) = engine.plain_pipe::<i64>(4096).unwrap();
    let (texts, mut read) = engine.pipe::<(u32, String)>(4096).unwrap();
    type Ends = (Sender<i64, Plain>, Sender<(u32, String)>);
    let child = engine.spawn(
        |(mut numbers, mut texts): Ends| {
            assert_eq!(numbers.send_all(0..100_000).unwrap(), 100_000);
            for n in 0..2_000 {
                texts.send(&(n, "x".repeat(n as usize))).unwrap();
            }
        },
        (numbers, texts),
    );
    let mut all = vec![];
    while all.len() < 100_000 {
        received.recv_many(&mut all, 777).unwrap();
    }
    assert!(all.into_iter().eq(0..100_000));
    for n in 0..2_000 {
        assert_eq!(read.recv().unwrap(), (n, "x".repeat(n as usize)));
    }
    child.unwrap().join().unwrap();
}

fn send_for_ever(mut sender: Sender<Vec<u64>>) {
    for n in 0.. {
        sender.send(&vec![n; 5_000]).unwrap();
    }
}

/// Killed while it sends, waiting for room or not: what was sent as a whole arrives, then its death.
#[test]
fn a_sender_that_is_killed() {
    let engine = engine(0);
    for wait in 0..20 {
        // Larger than a message, or smaller.
        let (sender, mut receiver) =
            engine.pipe(if wait % 2 == 0 { 4096 } else { 1 << 20 }).unwrap();
        let child = engine.spawn(send_for_ever, sender).unwrap();
        let mut next = 0;
        let end = loop {
            if next == wait {
                child.kill();
            }
            match receiver.recv_timeout(LONG) {
                Ok(Some(message)) => assert_eq!(message, vec![next; 5_000]),
                Ok(None) => panic!("its death is not told"),
                Err(end) => break end,
            }
            next += 1;
        };
        assert!(matches!(end, Error::PeerDied), "{end}");
        assert!(next >= wait);
    }
}

/// Killed while it receives, or sleeps with a full pipe: the sender is told.
#[test]
fn a_receiver_that_is_killed() {
    let engine = engine(0);
    for wait in 0..20u64 {
        let (mut sender, receiver) = engine.plain_pipe::<[u64]>(4096).unwrap();
        let receive = |(mut receiver, many): (Receiver<[u64], Plain>, u64)| {
            (0..many).for_each(|n| assert_eq!(receiver.recv().unwrap()[0], n));
            std::thread::sleep(LONG);
        };
        let child = engine.spawn(receive, (receiver, wait * 100)).unwrap();
        let started = Instant::now();
        let end = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(wait));
                child.kill();
            });
            (0..).find_map(|n| sender.send(&[n; 100]).err()).unwrap()
        });
        assert!(matches!(end, Error::PeerDied), "{end}");
        assert!(started.elapsed() < LONG);
        let Err(Error::Process { reason: ProcessFailure::Died(death), .. }) = child.join() else {
            panic!("it was killed")
        };
        assert!(matches!(death.cause, Cause::Signal { number: 9, .. }), "{death}");
    }
}

/// test_fd_transfer's kin: a process that is started in vain, and one that the engine's end kills.
#[test]
fn ends_of_processes_that_never_ran_or_outlived_the_engine() {
    let engine = engine(0);
    let (sender, mut receiver) = engine.pipe::<u8>(4096).unwrap();
    let vain = engine.process().pin(100_000).spawn(|_: Sender<u8>| (), sender);
    assert!(vain.is_err());
    assert!(matches!(receiver.recv(), Err(Error::PeerClosed)));
    let (sender, mut receiver) = engine.pipe::<Vec<u64>>(4096).unwrap();
    let child = engine.spawn(send_for_ever, sender).unwrap();
    receiver.recv().unwrap();
    drop(engine);
    child.wait();
    let end = loop {
        if let Err(end) = receiver.recv() {
            break end;
        }
    };
    assert!(matches!(end, Error::PeerDied), "{end}");
}

/// An end is the holder's alone: it comes back in no result, and goes to no task.
#[test]
fn ends_go_to_children_only() {
    let engine = engine(0);
    let (sender, mut receiver) = engine.pipe::<u8>(4096).unwrap();
    let returned = engine.spawn(|sender: Sender<u8>| sender, sender).unwrap().join();
    let Err(Error::Process { reason: ProcessFailure::NotPortable(reason), .. }) = returned else {
        panic!("it must not come back")
    };
    assert!(reason.contains("queue"), "{reason}");
    assert!(receiver.recv().unwrap_err().to_string().contains("the pipe"));
}
