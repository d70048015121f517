//! Ten processes count to a hundred together: each adds 1 to a shared value ten times, and sleeps in
//! between. It prints 100, every time: the value cannot be reached without its lock.

use gristmill::{Engine, Result, Shared};
use std::time::Duration;

fn count(counter: Shared<u64>) {
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(10));
        counter.update(|n| *n += 1).expect("the lock is whole");
    }
}

fn main() -> Result<()> {
    let engine = Engine::builder().workers(0).build()?; // child processes alone
    let counter = engine.shared(0)?;
    let processes: Vec<_> =
        (0..10).map(|_| engine.spawn(count, counter.clone())).collect::<Result<_>>()?;
    processes.into_iter().try_for_each(|process| process.join())?;
    println!("{}", counter.get()?);
    Ok(())
}
