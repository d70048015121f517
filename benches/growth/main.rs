//! What grows as the work grows: the time of a step with its chunks and with the workers, the
//! engine's memory with both, and the time of a start.
//!
//! ```text
//! cargo bench --bench growth
//! ```
//!
//! It takes half a minute, prints tables, and writes target/gristmill/growth.json. A model of a
//! step's time is fitted to what was measured, so that what it takes beyond the sizes at hand can
//! be told, and which of its terms would be the first to hurt.

mod memory;
mod model;
#[path = "../shared/mod.rs"]
mod shared;
mod steps;
mod workers;

use gristmill::{Engine, Pin};
use serde::Serialize;
use shared::{cpus, folder};

/// Numbers of workers that are looked at, on however many CPUs there are.
const WORKERS: [usize; 6] = [1, 2, 4, 16, 64, 256];

#[derive(Debug, Serialize)]
struct Document {
    cpus: usize,
    /// Steps of more and more chunks.
    chunks: Vec<steps::Step>,
    /// More and more workers.
    workers: Vec<workers::Workers>,
    worker_memory: Vec<memory::WorkerMemory>,
    chunk_memory: Vec<memory::ChunkMemory>,
    model: model::Model,
}

fn main() {
    let chunks = steps::measure();
    let workers = workers::measure();
    let worker_memory = memory::of_workers();
    let chunk_memory = memory::of_chunks();
    let all: Vec<_> = chunks.iter().chain(workers.iter().flat_map(|w| &w.steps)).collect();
    let model = model::fit(&all, cpus().len());
    let cpus = cpus().len();
    let document = Document { cpus, chunks, workers, worker_memory, chunk_memory, model };
    print(&document);
    let written = folder().and_then(|folder| {
        let file = std::fs::File::create(folder.join("growth.json"))?;
        Ok(serde_json::to_writer_pretty(file, &document)?)
    });
    if let Err(error) = written {
        eprintln!("target/gristmill/growth.json cannot be written: {error}");
        std::process::exit(1);
    }
}

fn print(document: &Document) {
    println!("{} CPUs", document.cpus);
    steps::print(&document.chunks);
    workers::print(&document.workers);
    memory::print(&document.worker_memory, &document.chunk_memory);
    model::print(&document.model);
}

/// An engine as it would be if it were the only one: its workers on the CPUs in turn.
fn engine(workers: usize) -> Engine {
    let builder = Engine::builder().workers(workers).pin(Pin::Cpus(cpus()));
    builder.build().expect("the engine starts")
}
