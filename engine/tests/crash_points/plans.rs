//! What a crash plan says is what happens: by rank, as an attempt, and only where it was asked for.

use gristmill::{Cause, Crash, CrashPlan, CrashPoint, Engine, Error};

const LEN: usize = 10_000;

#[test]
fn only_the_worker_that_is_meant_dies() {
    let engine = Engine::builder().workers(3).crash_at(CrashPlan::new()).build().unwrap();
    let x = engine.filled(LEN, 2u32).unwrap();
    for rank in [2, 0, 1] {
        let crash = Crash::at(CrashPoint::Announced).rank(rank);
        engine.crash_at(crash).unwrap();
        let before = engine.stats().deaths;
        // A worker that sleeps through a launch announces itself in another one.
        while engine.crash_report().kills() == before {
            assert_eq!(engine.sum(&x).unwrap(), 2 * LEN as u64);
        }
        while engine.stats().deaths == before {
            std::thread::yield_now();
        }
        assert_eq!(engine.stats().deaths, before + 1);
    }
    // There is no such worker.
    engine.crash_at(Crash::at(CrashPoint::Announced).rank(3)).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), 2 * LEN as u64);
    assert_eq!(engine.crash_report().kills(), 3);
}

#[test]
fn deaths_by_plan_are_attempts() {
    let engine = Engine::builder().workers(1).attempts(2);
    let engine = engine.crash_at(Crash::at(CrashPoint::Ran).times(2)).build().unwrap();
    let x = engine.filled(10, 1.0).unwrap();
    let mut y = engine.zeros(10).unwrap();
    let Err(Error::Poisoned(poisoned)) = engine.map(&x, &mut y, |x: f64| x + 1.0) else {
        panic!("its one chunk has killed two workers")
    };
    let [chunk] = &poisoned.chunks[..] else { panic!("{poisoned}") };
    let killed = |cause: &Cause| matches!(cause, Cause::Signal { number: 9, .. });
    assert!(chunk.deaths.len() == 2 && chunk.deaths.iter().all(|death| killed(&death.cause)));
    engine.map(&x, &mut y, |x: f64| x + 1.0).unwrap();
    assert_eq!(y.as_slice(), [2.0; 10]);
}

#[test]
fn an_engine_that_was_not_built_for_it_refuses_plans() {
    let engine = Engine::builder().workers(1).build().unwrap();
    let refused = engine.crash_at(CrashPoint::Marked).unwrap_err().to_string();
    assert!(refused.contains("crash_at(CrashPlan::new())"), "{refused}");
    let x = engine.filled(LEN, 2u32).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), 2 * LEN as u64);
    assert_eq!(engine.crash_report().passages(CrashPoint::Marked), 0);
}
