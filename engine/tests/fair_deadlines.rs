//! Deadlines hold nobody to what is not theirs: not the task to the time of another, not the plan to the
//! deadline of tasks, not the chunk to what the one before it took.

use gristmill::{Chunk, Engine, Error, In, InOut, Kernel, Out, Shapes};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_millis(200);

#[test]
fn a_task_is_not_charged_with_the_time_of_one_in_an_earlier_queue() {
    let engine = Engine::builder().workers(1).deadline(3 * DEADLINE).attempts(1).build().unwrap();
    let nap = |()| std::thread::sleep(2 * DEADLINE);
    for _ in 0..4 {
        engine.tasks().map(nap, [()]).unwrap().for_each(Result::unwrap);
    }
}

/// y = x, after longer than `DEADLINE`.
#[derive(Serialize, Deserialize)]
struct Slow;

impl Kernel for Slow {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (x, y): (&[f64], &mut [f64])) {
        std::thread::sleep(3 * DEADLINE);
        y.copy_from_slice(x);
    }
}

#[test]
fn the_deadline_of_tasks_that_wait_is_none_for_a_plan() {
    let engine = Engine::builder().workers(1).build().unwrap();
    let x = engine.filled(1, 3.0).unwrap();
    let mut y = engine.zeros(1).unwrap();
    let square = |n: u64| n * n;
    let mut queue = engine.tasks().deadline(Some(DEADLINE)).queue(square).unwrap();
    for n in 0..3 {
        queue.put(&n).unwrap();
    }
    engine.run(&Slow, (&x, &mut y)).unwrap();
    assert_eq!((y.as_slice()[0], engine.stats().deaths), (3.0, 0));
    assert_eq!(queue.close().map(|(_, result)| result.unwrap()).sum::<u64>(), 5);
}

/// Every other chunk takes about as long as the deadline, those between them nothing.
#[derive(Serialize, Deserialize)]
struct OnTheVerge;

const VERGE: Duration = Duration::from_millis(16);

impl Kernel for OnTheVerge {
    type Args = InOut<f64>;
    type Output = ();

    fn run(&self, chunk: Chunk, _: &mut [f64]) {
        if chunk.index().is_multiple_of(2) {
            let part = (chunk.index() as u32 * 7919) % 2200;
            std::thread::sleep(VERGE + Duration::from_micros(part.into()) - VERGE / 100);
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

#[test]
fn who_got_on_in_the_last_moment_leaves_no_blame_on_what_came_next() {
    let engine = Engine::builder().workers(8).deadline(VERGE).attempts(1).build().unwrap();
    let mut x = engine.zeros(600).unwrap();
    for _ in 0..4 {
        let Err(Error::Poisoned(poisoned)) = engine.run(&OnTheVerge, &mut x) else { continue };
        let innocent = poisoned.chunks.iter().find(|chunk| chunk.place.chunk % 2 == 1);
        assert!(innocent.is_none(), "{}", innocent.unwrap().deaths[0]);
    }
}
