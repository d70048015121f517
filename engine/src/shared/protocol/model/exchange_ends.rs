//! When all that was put into an exchange is done, and when a closed one is over: who joins does not
//! leave too early, nor do receivers while a message may come back.

use super::super::Word64;
use super::Checker;
use super::exchange::{LEASED, Use, World, check_messages, seat};
use super::repeated;
use super::schedule::explore;
use super::seeded::Seeded;
use super::threads::Threads;
use crate::shared::seat::Seat;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Whoever joins sees all that was done, and not before it is.
fn join<C: Checker>(how: Use) {
    let world = Arc::new(World::<C>::new(how));
    let sender = Arc::clone(&world);
    let sender = C::spawn(None, move || sender.send(0));
    let receivers: Vec<_> = (0..how.receivers)
        .map(|receiver| {
            let world = Arc::clone(&world);
            C::spawn(None, move || world.receive(receiver))
        })
        .collect();
    let before = world.put[0].load(Acquire);
    if world.lent().is_finished(&world.ring()).unwrap() {
        assert!((0..before).all(|message| world.times_done(message) == 1), "done too early");
    }
    while world.put[0].load(Acquire) < how.messages {
        world.get(Seat::COORDINATOR, how.receivers);
        C::pause(0);
    }
    while !world.lent().is_finished(&world.ring()).unwrap() {
        world.get(Seat::COORDINATOR, how.receivers);
        C::pause(0);
    }
    assert!((0..how.messages).all(|message| world.times_done(message) == 1));
    C::join(sender);
    receivers.into_iter().for_each(C::join);
}

/// Messages that are put by who has a lease are waited for as well.
fn join_fruitful<C: Checker>(how: Use) {
    let world = Arc::new(World::<C>::new(how));
    world.put(Seat::COORDINATOR, 0);
    let receivers: Vec<_> = (0..how.receivers)
        .map(|receiver| {
            let world = Arc::clone(&world);
            C::spawn(None, move || world.receive(receiver))
        })
        .collect();
    let is_finished = || world.lent().is_finished(&world.ring()).unwrap();
    while !is_finished() {
        C::pause(0);
        // They look so often only.
        if receivers.iter().all(C::reap) {
            world.get(Seat::COORDINATOR, how.receivers);
        }
    }
    assert!((0..2).all(|message| world.times_done(message) == 1), "done too early");
    receivers.into_iter().for_each(C::join);
}

/// Receivers of a closed exchange leave once it is over: none before a lease that is out is settled, or
/// given back by its owner's burial.
fn close<C: Checker>(how: Use) {
    let world = Arc::new(World::<C>::new(how));
    (0..how.messages).for_each(|message| world.put(Seat::COORDINATOR, message));
    world.put[0].store(how.messages, Release);
    let mut receivers: Vec<_> = (0..how.receivers)
        .map(|receiver| {
            let world = Arc::clone(&world);
            let news = Arc::clone(&world.news);
            Some(C::spawn(Some(&news), move || drain(&world, receiver)))
        })
        .collect();
    while receivers.iter().any(Option::is_some) {
        let seen = C::look(&world.news);
        let ended = receivers.iter_mut().enumerate().find_map(|(receiver, thread)| {
            thread.take_if(|thread| C::reap(thread)).map(|thread| (receiver, thread))
        });
        if let Some((receiver, thread)) = ended {
            C::join(thread);
            world.bury(how.senders as usize + receiver);
            C::ring(&world.news);
        } else {
            C::wait(&world.news, seen);
        }
    }
    assert!(world.lent().is_finished(&world.ring()).unwrap(), "all have left a message");
    check_messages(&world);
}

fn drain<C: Checker>(world: &World<C>, receiver: u64) {
    let process = world.how.senders + receiver;
    loop {
        let seen = C::look(&world.news);
        if world.get(seat(process), receiver).is_some() {
            continue;
        }
        if world.lent().is_over(&world.ring()).unwrap() {
            break;
        }
        C::wait(&world.news, seen);
    }
    world.ended[process as usize].store(1, Release);
}

#[test]
fn seeds_a_join_of_work_that_makes_work() {
    explore(6000, 0, || {
        join_fruitful::<Seeded>(Use { senders: 1, receivers: 2, fruitful: true, ..LEASED });
    });
}

#[test]
fn seeds_a_join() {
    explore(6000, 0, || join::<Seeded>(Use { senders: 1, receivers: 2, ..LEASED }));
}

const CLOSED: Use = Use { senders: 1, receivers: 2, ..LEASED };

#[test]
fn seeds_a_closed_exchange_whose_lessees_die() {
    explore(6000, 1, || close::<Seeded>(CLOSED));
    explore(6000, 1, || close::<Seeded>(Use { messages: 1, ..CLOSED }));
}

#[test]
fn threads_a_closed_exchange() {
    for _ in 0..repeated(200) {
        close::<Threads>(CLOSED);
    }
}
