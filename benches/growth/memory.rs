//! The engine's memory: for each worker, and for each chunk.

use crate::shared::Empty;
use crate::{WORKERS, engine};
use gristmill::{Chunk, Engine, In, InOut, Kernel, Shapes, Sum};
use serde::{Deserialize, Serialize};

/// What the processes of an engine have in memory, in KiB: the proportional set size, by which what
/// several processes share counts once in all.
#[derive(Debug, Serialize)]
pub(crate) struct WorkerMemory {
    workers: usize,
    /// The region, in all processes together.
    region: u64,
    /// Beyond it: a worker, on the average.
    worker: u64,
    /// The same, of what it alone has written.
    worker_private: u64,
    /// What the coordinator has gained that it alone has written.
    coordinator: i64,
}

/// What a step's chunks need of the region.
#[derive(Debug, Serialize)]
pub(crate) struct ChunkMemory {
    step: &'static str,
    chunks: usize,
    /// Bytes a chunk, measured.
    bytes: f64,
    /// What it is made of, in bytes: a mark of 8 for each chunk, and its partial result. (Of updates
    /// in place each worker keeps one chunk's copy, which does not grow with chunks.)
    formula: f64,
}

/// What a process has in memory, in KiB.
#[derive(Debug, Default, Clone, Copy)]
struct Memory {
    region: u64,
    rest: u64,
    rest_private: u64,
}

impl Memory {
    /// Of a process, as Linux tells it mapping by mapping.
    fn of(pid: i32) -> Memory {
        let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("of this user");
        let (mut memory, mut in_region) = (Memory::default(), false);
        for line in smaps.lines() {
            let mut words = line.split_ascii_whitespace();
            let (first, second) = (words.next().unwrap_or_default(), words.next());
            let kib = || second.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
            match first {
                "Pss:" if in_region => memory.region += kib(),
                "Pss:" => memory.rest += kib(),
                "Private_Dirty:" if !in_region => memory.rest_private += kib(),
                // The first line of a mapping, which begins with its addresses.
                first if !first.ends_with(':') => in_region = line.contains("/memfd:"),
                _ => {}
            }
        }
        memory
    }

    fn of_workers(engine: &Engine) -> Vec<Memory> {
        engine.activities().iter().filter_map(|worker| worker.pid).map(Memory::of).collect()
    }

    fn here() -> Memory {
        Memory::of(std::process::id() as i32)
    }
}

/// KiB of the region that are present.
fn region_kib(engine: &Engine) -> u64 {
    let workers = Memory::of_workers(engine);
    workers.iter().chain([&Memory::here()]).map(|memory| memory.region).sum()
}

pub(crate) fn of_workers() -> Vec<WorkerMemory> {
    let of_count = |&workers: &usize| {
        eprintln!("memory of {workers} workers …");
        let before = Memory::here();
        let engine = engine(workers);
        let bytes = engine.zeros(64 * workers).expect("memory");
        // Each has worked, so that it has what it needs for that.
        engine.run(&Empty, &bytes).expect("runs");
        let all = Memory::of_workers(&engine);
        let sum = |part: fn(&Memory) -> u64| all.iter().map(part).sum::<u64>();
        let here = Memory::here();
        WorkerMemory {
            workers,
            region: sum(|memory| memory.region) + here.region,
            worker: sum(|memory| memory.rest) / workers as u64,
            worker_private: sum(|memory| memory.rest_private) / workers as u64,
            coordinator: here.rest_private as i64 - before.rest_private as i64,
        }
    };
    WORKERS.iter().map(of_count).collect()
}

/// A chunk per element, each with a partial result.
#[derive(Debug, Serialize, Deserialize)]
struct Partial;

impl Kernel for Partial {
    type Args = In<u8>;
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, bytes: &[u8]) -> u64 {
        bytes[0].into()
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

/// A chunk per element, each updated in place.
#[derive(Debug, Serialize, Deserialize)]
struct Update;

impl Kernel for Update {
    type Args = InOut<u8>;
    type Output = ();

    fn run(&self, _: Chunk, bytes: &mut [u8]) {
        bytes[0] += 1;
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

pub(crate) fn of_chunks() -> Vec<ChunkMemory> {
    const CHUNKS: usize = 10_000_000;
    const MARK: f64 = 8.0;
    let measure = |step, formula, run: &dyn Fn(&Engine)| {
        eprintln!("memory of {CHUNKS} chunks: {step} …");
        let engine = engine(1);
        let before = region_kib(&engine);
        run(&engine);
        // The array of a byte per chunk is the program's own.
        let gained = (region_kib(&engine) - before) as f64 * 1024.0 - CHUNKS as f64;
        ChunkMemory { step, chunks: CHUNKS, bytes: gained / CHUNKS as f64, formula }
    };
    let array = |engine: &Engine| engine.zeros::<u8, _>(CHUNKS).expect("memory");
    vec![
        measure("no result", MARK, &|engine| engine.run(&Empty, &array(engine)).expect("runs")),
        measure("a sum of u64", MARK + size_of::<u64>() as f64, &|engine| {
            engine.run(&Partial, &array(engine)).map(|_| ()).expect("runs");
        }),
        measure("updated in place", MARK, &|engine| {
            engine.run(&Update, &mut array(engine)).expect("runs");
        }),
    ]
}

pub(crate) fn print(workers: &[WorkerMemory], chunks: &[ChunkMemory]) {
    println!("\nmemory in KiB: proportional, the region apart");
    println!(
        "{:>7} {:>10} {:>10} {:>12} {:>18}",
        "workers", "region", "a worker", "its private", "coordinator gained"
    );
    for WorkerMemory { workers, region, worker, worker_private, coordinator } in workers {
        println!("{workers:>7} {region:>10} {worker:>10} {worker_private:>12} {coordinator:>18}");
    }
    println!("\nbytes of the region for each chunk");
    println!("{:<18} {:>10} {:>10} {:>10}", "step", "chunks", "measured", "formula");
    for ChunkMemory { step, chunks, bytes, formula } in chunks {
        println!("{step:<18} {chunks:>10} {bytes:>10.2} {formula:>10.2}");
    }
}
