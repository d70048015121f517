//! Events.

use crate::{IN_TIME, SHORT, engine};
use gristmill::{Event, Shared};
use std::time::Instant;

/// _TestEvent.test_event.
#[test]
fn set_and_cleared() {
    let engine = engine();
    let event = engine.event().unwrap();
    let began = Instant::now();
    assert!(!event.is_set() && !event.try_wait() && !event.wait_timeout(SHORT));
    assert!(began.elapsed() >= SHORT);
    event.set();
    assert!(event.is_set() && event.try_wait() && event.wait_timeout(SHORT));
    event.wait();
    event.clear();
    assert!(!event.is_set());
    let child = engine.spawn(|event: Event| event.set(), event.clone()).unwrap();
    assert!(event.wait_timeout(IN_TIME));
    child.join().unwrap();
}

/// What is set and cleared at once has released all that waited.
#[test]
fn a_pulse_releases_all_that_waited() {
    let engine = engine();
    let (event, waiting) = (engine.event().unwrap(), engine.shared(0u32).unwrap());
    let wait = |(event, waiting): (Event, Shared<u32>)| {
        waiting.update(|waiting| *waiting += 1).unwrap();
        event.wait();
    };
    let children = [(); 3].map(|()| engine.spawn(wait, (event.clone(), waiting.clone())).unwrap());
    waiting.wait_until(|waiting| *waiting == 3).unwrap();
    // They are about to wait, if they do not yet: some pulses later they do.
    while children.iter().any(gristmill::Process::is_alive) {
        event.set();
        event.clear();
        std::thread::sleep(SHORT / 20);
    }
    assert!(!event.is_set());
}

/// An automatic event releases as many as it was set for.
#[test]
fn an_automatic_event_releases_one_at_a_time() {
    let engine = engine();
    let (event, released) = (engine.auto_event().unwrap(), engine.shared(0u32).unwrap());
    let wait = |(event, released): (Event, Shared<u32>)| {
        event.wait();
        released.update(|released| *released += 1).unwrap();
    };
    let children = [(); 3].map(|()| engine.spawn(wait, (event.clone(), released.clone())).unwrap());
    for n in 1..=3 {
        event.set();
        released.wait_until(|released| *released == n).unwrap();
        assert!(!event.is_set());
    }
    for child in children {
        child.join().unwrap();
    }
}
