//! Scenarios of an exchange: messages are put, taken or leased by processes that may die, and whoever
//! buries them gets what is left.

use super::super::Word64;
use super::Checker;
use super::exhaustive::{EXECUTIONS_MAX, Loom, check};
use super::repeated;
use super::schedule::explore;
use super::seeded::Seeded;
use super::threads::Threads;
use crate::shared::exchange::{Cells, Ends, Places, Ring, bury};
use crate::shared::seat::Seat;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

const SLOTS: u64 = 2;
/// How often a process looks for a message, at most.
const LOOKS: u32 = 4;

/// What an exchange is put through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) senders: u64,
    /// Of each sender.
    pub(super) messages: u64,
    pub(super) receivers: u64,
    pub(super) leases: bool,
    /// Receivers give the first message back that they lease.
    pub(super) hesitant: bool,
    /// Who leases message 0 puts message 1 before it is done with it.
    pub(super) fruitful: bool,
}

#[derive(Debug)]
pub(super) struct Words<C: Checker>(Vec<C::U64>);

impl<C: Checker> Places<C> for Words<C> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn word(&self, index: usize) -> &C::U64 {
        &self.0[index]
    }
}

#[derive(Debug)]
pub(super) struct World<C: Checker> {
    pub(super) how: Use,
    ends: Ends<C>,
    slots: Words<C>,
    cells: Words<C>,
    returned: C::U64,
    /// The messages: plain memory.
    in_slots: Vec<C::Cell>,
    in_cells: Vec<C::Cell>,
    /// How many messages each sender is told to have put.
    pub(super) put: Vec<C::U64>,
    /// How often each message is done with, by each process, the coordinator last.
    done: Vec<Vec<C::U64>>,
    /// Whether a process came to its end.
    pub(super) ended: Vec<C::U64>,
    /// Whether anybody got messages of one sender in another order.
    disorder: C::U64,
    pub(super) news: Arc<C::Bell>,
}

impl<C: Checker> World<C> {
    pub(super) fn new(how: Use) -> World<C> {
        let zero = || C::atomic(0);
        let words = |count: u64| (0..count).map(|_| zero()).collect::<Vec<_>>();
        let processes = how.senders + how.receivers;
        let cells = if how.leases { how.receivers + 1 } else { 0 };
        let world = World {
            how,
            ends: Ends::with(zero),
            slots: Words(words(SLOTS)),
            cells: Words(words(cells)),
            returned: zero(),
            in_slots: (0..SLOTS).map(|_| C::cell(0)).collect(),
            in_cells: (0..cells).map(|_| C::cell(0)).collect(),
            put: words(how.senders),
            done: (0..=how.receivers).map(|_| words(how.senders * how.messages)).collect(),
            ended: words(processes),
            disorder: zero(),
            news: Arc::new(C::bell()),
        };
        world.ring().begin();
        world
    }

    pub(super) fn ring(&self) -> Ring<'_, C, Words<C>> {
        Ring::over(&self.ends, &self.slots)
    }

    pub(super) fn lent(&self) -> Cells<'_, C, Words<C>> {
        Cells::over(&self.cells, &self.returned)
    }

    pub(super) fn send(&self, sender: u64) {
        for n in 0..self.how.messages {
            self.put(seat(sender), sender * self.how.messages + n);
            self.put[sender as usize].store(n + 1, Release);
        }
        self.ended[sender as usize].store(1, Release);
    }

    pub(super) fn put(&self, me: Seat, message: u64) {
        let ring = self.ring();
        let mut turn = 0;
        let position = loop {
            match ring.claim(me).unwrap() {
                Some(position) => break position,
                None => C::pause(turn),
            }
            turn += 1;
        };
        C::write(&self.in_slots[ring.index(position)], message);
        ring.fill(position);
        C::ring(&self.news);
    }

    pub(super) fn receive(&self, receiver: u64) {
        let me = seat(self.how.senders + receiver);
        let mut last = vec![None; self.how.senders as usize];
        if self.how.hesitant {
            self.hesitate(me);
        }
        for turn in 0..LOOKS {
            if let Some(message) = self.get(me, receiver) {
                self.check_order(&mut last, message);
            } else {
                C::pause(turn);
            }
        }
        self.ended[(self.how.senders + receiver) as usize].store(1, Release);
    }

    fn check_order(&self, last: &mut [Option<u64>], message: u64) {
        let last = &mut last[(message / self.how.messages) as usize];
        if last.is_some_and(|before| before > message) {
            self.disorder.store(1, Release);
        }
        *last = Some(message);
    }

    pub(super) fn get(&self, me: Seat, process: u64) -> Option<u64> {
        let message =
            if self.how.leases { self.lease(me, process) } else { self.take(me, process) };
        message.inspect(|_| C::ring(&self.news))
    }

    fn take(&self, me: Seat, process: u64) -> Option<u64> {
        let ring = self.ring();
        let position = ring.take(me).unwrap()?;
        let message = C::read(&self.in_slots[ring.index(position)]);
        ring.release(position);
        self.count(process, message);
        Some(message)
    }

    fn lease(&self, me: Seat, process: u64) -> Option<u64> {
        let (cell, _) = self.open(me)?;
        let message = C::read(&self.in_cells[cell]);
        if self.how.fruitful && message == 0 {
            self.put(me, 1);
        }
        self.count(process, message);
        self.lent().release(cell);
        Some(message)
    }

    fn hesitate(&self, me: Seat) {
        if let Some((cell, position)) = self.open(me) {
            self.lent().give_back(cell, position);
            C::ring(&self.news);
        }
    }

    fn open(&self, me: Seat) -> Option<(usize, u64)> {
        let (ring, cells) = (self.ring(), self.lent());
        cells.take(me).or_else(|| {
            let position = ring.take(me).unwrap()?;
            // There is one for each, which may not be seen free yet.
            let Some(cell) = cells.claim(me, position, 0) else {
                ring.fill(position);
                return None;
            };
            C::write(&self.in_cells[cell], C::read(&self.in_slots[ring.index(position)]));
            cells.lease(me, cell, position);
            ring.release(position);
            Some((cell, position))
        })
    }

    fn count(&self, process: u64, message: u64) {
        let done = &self.done[process as usize][message as usize];
        done.store(done.load(Acquire) + 1, Release);
    }

    pub(super) fn times_done(&self, message: u64) -> u64 {
        self.done.iter().map(|done| done[message as usize].load(Acquire)).sum()
    }

    /// The same by those who did not die.
    fn times_done_alive(&self, message: u64) -> u64 {
        let ended = self.ended[self.how.senders as usize..].iter().map(|ended| ended.load(Acquire));
        let alive = self.done.iter().zip(ended.chain([1])).filter(|(_, ended)| *ended == 1);
        alive.map(|(done, _)| done[message as usize].load(Acquire)).sum()
    }

    pub(super) fn bury(&self, process: usize) {
        let after = |position| self.ring().after(position);
        bury((&self.slots, &self.cells), seat(process as u64), after, |_| ());
        // Not for who ended well, which would make up for what others forget.
        if self.ended[process].load(Acquire) == 0 {
            self.lent().announce();
        }
    }
}

/// Each process's; the coordinator has a seat of its own.
pub(super) fn seat(process: u64) -> Seat {
    Seat::of_worker(process as usize)
}

/// Receives and buries, and looks in the end whether all came once.
fn run<C: Checker>(how: Use) {
    let world = Arc::new(World::<C>::new(how));
    let processes = (how.senders + how.receivers) as usize;
    let mut threads: Vec<_> = (0..processes)
        .map(|process| {
            let world = Arc::clone(&world);
            let news = Arc::clone(&world.news);
            Some(C::spawn(Some(&news), move || match process as u64 {
                sender if sender < how.senders => world.send(sender),
                receiver => world.receive(receiver - how.senders),
            }))
        })
        .collect();
    let mut last = vec![None; how.senders as usize];
    loop {
        let seen = C::look(&world.news);
        let mut got = false;
        for (process, thread) in threads.iter_mut().enumerate() {
            if let Some(ended) = thread.take_if(|thread| C::reap(thread)) {
                C::join(ended);
                world.bury(process);
                got = true;
            }
        }
        let message = world.get(Seat::COORDINATOR, how.receivers);
        message.inspect(|message| world.check_order(&mut last, *message));
        got |= message.is_some();
        if threads.iter().all(Option::is_none) && !got {
            break;
        }
        if !got {
            C::wait(&world.news, seen);
        }
    }
    assert!(!world.ring().has_any().unwrap() && world.lent().is_finished(&world.ring()).unwrap());
    check_messages(&world);
}

/// None is lost but for one in the hand of each dead receiver; none is doubled, but for what the dead had
/// leased and done.
pub(super) fn check_messages<C: Checker>(world: &World<C>) {
    let Use { senders, messages, .. } = world.how;
    let is_dead = |ended: &&C::U64| ended.load(Acquire) == 0;
    let dead = world.ended[senders as usize..].iter().filter(is_dead).count() as u64;
    let (mut lost, mut doubled) = (0, 0);
    for message in 0..senders * messages {
        let times = world.times_done(message);
        let was_put = message % messages < world.put[(message / messages) as usize].load(Acquire);
        lost += u64::from(was_put && times == 0);
        doubled += times.saturating_sub(1);
        assert!(world.times_done_alive(message) <= 1, "message {message} is done twice");
    }
    let (lost_max, doubled_max) = if world.how.leases { (0, dead) } else { (dead, 0) };
    // What the dead had begun to take comes again, perhaps after later ones.
    if dead == 0 && !world.how.leases {
        assert_eq!(world.disorder.load(Acquire), 0, "messages of a sender in another order");
    }
    assert!(lost <= lost_max, "{lost} lost, {dead} died");
    assert!(doubled <= doubled_max, "{doubled} doubled, {dead} died");
}

pub(super) const TAKEN: Use =
    Use { senders: 2, messages: 2, receivers: 1, leases: false, hesitant: false, fruitful: false };
pub(super) const LEASED: Use = Use { leases: true, ..TAKEN };

#[test]
fn seeds_an_exchange_whose_users_die() {
    explore(6000, 2, || run::<Seeded>(TAKEN));
}

#[test]
fn seeds_an_exchange_with_two_receivers() {
    explore(6000, 2, || run::<Seeded>(Use { senders: 1, messages: 3, receivers: 2, ..TAKEN }));
}

#[test]
fn seeds_leases_whose_owners_die() {
    explore(6000, 2, || run::<Seeded>(LEASED));
}

#[test]
fn seeds_leases_that_are_given_back() {
    explore(6000, 1, || {
        run::<Seeded>(Use { senders: 1, receivers: 2, hesitant: true, ..LEASED });
    });
}

#[test]
fn loom_an_exchange() {
    for leases in [false, true] {
        let how = Use { senders: 1, leases, ..TAKEN };
        let executions = check(1, EXECUTIONS_MAX, move || run::<Loom>(how));
        println!("{executions} executions, {how:?}");
        assert!(executions >= 1_000, "{how:?}: only {executions} executions");
    }
}

#[test]
fn threads_an_exchange() {
    for leases in [false, true] {
        for _ in 0..repeated(200) {
            run::<Threads>(Use { receivers: 2, messages: 3, leases, ..TAKEN });
        }
    }
}
