//! All that processes share, as a part of the arguments of child processes, and of the parameters of
//! tasks and kernels; and between all of these.

mod support;

use gristmill::{
    Barrier, Chunk, Condvar, Engine, Event, Frozen, InOut, JoinableQueue, Kernel, LockedArray,
    Mutex, Namespace, Once, PriorityQueue, Queue, RwLock, Semaphore, Shared, Value, Views,
};
use ndarray::Ix1;
use serde::{Deserialize, Serialize};
use support::engine;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct All {
    value: Shared<u64>,
    array: LockedArray<u64, Ix1>,
    mutex: Mutex,
    rw_lock: RwLock<u64>,
    changed: Condvar,
    begun: Event,
    permits: Semaphore,
    alone: Barrier,
    once: Once,
    queue: Queue<String>,
    jobs: JoinableQueue<u64>,
    urgent: PriorityQueue<u64>,
    names: Namespace,
    table: Frozen<u64, Ix1>,
}

impl All {
    fn of(engine: &Engine) -> gristmill::Result<All> {
        Ok(All {
            value: engine.shared(0)?,
            array: engine.locked_array(3)?,
            mutex: engine.mutex()?,
            rw_lock: engine.rw_lock(0)?,
            changed: engine.condvar()?,
            begun: engine.event()?,
            permits: engine.semaphore(2, 2)?,
            alone: engine.barrier(1)?,
            once: engine.once()?,
            queue: engine.queue(64)?,
            jobs: engine.joinable_queue(64)?,
            urgent: engine.priority_queue(64)?,
            names: engine.namespace(4096)?,
            table: engine.freeze(engine.from_fn(10, |i| i as u64 * 10)?)?,
        })
    }

    /// Uses each of them once; whoever does is number `n`.
    fn use_each(&self, n: u64) -> gristmill::Result<u64> {
        let permit = self.permits.acquire();
        self.once.call_once(|_| self.begun.set())?;
        self.begun.wait();
        let guard = self.mutex.lock().unwrap();
        self.value.update(|value| *value += n)?;
        self.array.lock().unwrap()[n as usize % 3] += 1;
        self.rw_lock.update(|value| *value += 1)?;
        self.changed.notify_all();
        drop(guard);
        self.alone.wait()?;
        self.queue.put(&format!("from {n}"))?;
        self.jobs.put(&n)?;
        self.urgent.put(-(n as i64), &n)?;
        self.names.update_or_default("users", |users: &mut Vec<u64>| users.push(n))?;
        drop(permit);
        Ok(self.table[n as usize])
    }

    /// After so many, numbered from 0, have used each.
    fn check(&self, users: u64) {
        assert_eq!(self.value.get().unwrap(), (0..users).sum::<u64>());
        assert_eq!(self.array.lock().unwrap().iter().sum::<u64>(), users);
        assert_eq!((*self.rw_lock.read().unwrap(), self.permits.available()), (users, 2));
        assert!(self.once.is_done() && self.begun.is_set());
        let all: Vec<u64> = (0..users).collect();
        let mut from: Vec<String> = all.iter().map(|_| self.queue.get().unwrap()).collect();
        from.sort();
        assert_eq!(from, all.iter().map(|n| format!("from {n}")).collect::<Vec<_>>());
        all.iter().for_each(|_| self.jobs.get().unwrap().done());
        self.jobs.join().unwrap();
        let mut urgent: Vec<u64> = all.iter().map(|_| self.urgent.get().unwrap().1).collect();
        urgent.sort_unstable();
        let mut users = self.names.get::<Vec<u64>>("users").unwrap().unwrap();
        users.sort_unstable();
        assert_eq!((urgent, users), (all.clone(), all));
    }
}

#[test]
fn child_processes_use_them() {
    let engine = engine(0);
    let all = All::of(&engine).unwrap();
    let child = |n| engine.spawn(|(all, n): (All, u64)| all.use_each(n).unwrap(), (all.clone(), n));
    let children: Vec<_> = (0..4).map(|n| child(n).unwrap()).collect();
    for (n, child) in (0..).zip(children) {
        assert_eq!(child.join().unwrap(), 10 * n);
    }
    all.check(4);
}

#[test]
fn tasks_use_them() {
    let engine = engine(2);
    let all = All::of(&engine).unwrap();
    let params = (0..10).map(|n| (all.clone(), n));
    let used = engine.tasks().map(|(all, n): (All, u64)| all.use_each(n).unwrap(), params).unwrap();
    assert!(used.map(|used| used.unwrap()).eq((0..10).map(|n| 10 * n)));
    all.check(10);
}

#[derive(Serialize, Deserialize)]
struct Using(All);

impl Kernel for Using {
    type Args = InOut<u64>;
    type Output = ();

    fn run(&self, _: Chunk, numbers: Views<'_, Self>) -> Value<Self> {
        for n in numbers {
            *n = self.0.use_each(*n).unwrap();
        }
    }
}

#[test]
fn kernels_use_them() {
    let engine = Engine::builder().workers(2).build().unwrap();
    let all = All::of(&engine).unwrap();
    let mut numbers = engine.from_fn(10, |n| n as u64).unwrap();
    engine.run(&Using(all.clone()), &mut numbers).unwrap();
    assert!(numbers.as_slice().iter().copied().eq((0..10).map(|n| 10 * n)));
    all.check(10);
}

/// A kernel behind fences writes its own chunk and nothing else: it is told so.
#[test]
fn behind_fences_kernels_may_not_change_them() {
    let engine = Engine::builder().workers(1).fence(true).build().unwrap();
    let all = All::of(&engine).unwrap();
    let mut numbers = engine.from_fn(10, |n| n as u64).unwrap();
    let told = engine.run(&Using(all), &mut numbers).unwrap_err().to_string();
    println!("{told}");
    assert!(told.contains("fence"), "{told}");
}
