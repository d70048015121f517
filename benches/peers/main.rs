//! Side-by-side measurements against the peers that a user would take instead, in one run.
//!
//! ```text
//! cargo bench --bench peers                    all rows
//! cargo bench --bench peers -- triad sum       rows whose name contains one of these
//! cargo bench --bench peers -- --quick         3 rounds each
//! cargo bench --bench peers -- --full          larger sizes, and 1 worker in each row
//! ```
//!
//! Ours and theirs take turns, round by round, so that what else the machine does hits both. A
//! row's figures are medians; its ratio is the median of the rounds' own ratios, above 1 where we
//! are ahead, and "noisy" where the quartiles of the ratio lie over 10 % apart. It prints a table
//! and writes target/gristmill/peers.json. It fails no build: figures are for people to read.

mod compute;
mod fresh;
mod gemm;
mod linear;
mod measure;
mod memory;
mod npb;
mod openmp;
mod plans;
mod rayon_compute;
mod recovery;
mod roof;
#[path = "../shared/mod.rs"]
mod shared;
mod sorting;
mod starts;
mod steps;
mod table;
mod terrain;

use gristmill::{Counters, Engine, Pin, Wait};
use measure::{Bench, Row};
use rayon::{ThreadPool, ThreadPoolBuilder};
use shared::cpus;
use std::cell::RefCell;

/// A row's name, and what measures it.
type Entry = (&'static str, fn(&Bench) -> Vec<Row>);

const ENTRIES: &[Entry] = &[
    ("roof", roof::roof),
    ("triad", memory::triad),
    ("copy", memory::copy),
    ("axpy", memory::axpy),
    ("dot", memory::dot),
    ("sum", memory::sum),
    ("max", memory::max),
    ("triad_cache", plans::triad_cache),
    ("dot_cache", plans::dot_cache),
    ("fused", plans::fused),
    ("sum_exact", memory::sum_exact),
    ("map_sin", memory::map_sin),
    ("zeros", fresh::zeros),
    ("alloc_fill", fresh::alloc_fill),
    ("gather", fresh::gather),
    ("start", starts::start),
    ("recovery_triad", recovery::triad),
    ("recovery_cg", recovery::conjugate),
    ("launch_passive", steps::launch_passive),
    ("launch_active", steps::launch_active),
    ("plan_step", steps::plan_step),
    ("plan_barrier", steps::plan_barrier),
    ("claims", steps::claims),
    ("balance", steps::balance),
    ("gemm", gemm::gemm),
    ("spmv", linear::spmv),
    ("transpose", linear::transpose),
    ("stencil", linear::stencil),
    ("scan", sorting::scan),
    ("histogram", sorting::histogram),
    ("sort", sorting::sort),
    ("sky_view", terrain::sky_view),
    ("kmeans", compute::kmeans_row),
    ("nbody", compute::nbody),
    ("mandelbrot", compute::mandelbrot),
    ("black_scholes", compute::black_scholes),
    ("npb_ep", npb::ep),
    ("npb_cg", npb::cg),
    ("npb_is", npb::is),
];

fn main() {
    // Before any engine: what is started later is counted too.
    let counters = RefCell::new(Counters::open());
    let mut bench = Bench { quick: false, full: false, counters };
    let mut filters = vec![];
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // Cargo says so itself.
            "--bench" => {}
            "--quick" => bench.quick = true,
            "--full" => bench.full = true,
            option if option.starts_with('-') => {
                eprintln!("unknown option {option}; there are names of rows, --quick and --full");
                std::process::exit(2);
            }
            filter => filters.push(filter.to_owned()),
        }
    }
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(f));
    let mut rows = vec![];
    for (name, measure) in ENTRIES.iter().filter(|(name, _)| wanted(name)) {
        eprintln!("measuring {name} …");
        rows.extend(measure(&bench));
    }
    table::print(&rows);
    table::print_counted(&rows);
    if let Err(error) = table::write_json(&rows) {
        eprintln!("target/gristmill/peers.json cannot be written: {error}");
        std::process::exit(1);
    }
}

/// Worker counts for rows that are worth measuring alone and together: 1, 2, and one per CPU, as
/// far as there are CPUs. The aims are for 2 workers, whatever the machine.
fn alone_and_together() -> Vec<usize> {
    let all = cpus().len();
    let mut counts: Vec<usize> = [1, 2, all].into_iter().filter(|count| *count <= all).collect();
    counts.dedup();
    counts
}

/// Worker counts for rows that take long: 2, and one per CPU; with `--full` 1 too.
fn together(bench: &Bench) -> Vec<usize> {
    let mut counts = alone_and_together();
    if counts.len() > 1 && !bench.full {
        counts.remove(0);
    }
    counts
}

/// An engine with one pinned worker per CPU for as many as there are. Several such engines share
/// their CPUs, of which all but one are idle at any time.
fn engine(workers: usize) -> Engine {
    engine_that(workers, Wait::default())
}

/// The same, of workers that wait in this way.
fn engine_that(workers: usize, wait: Wait) -> Engine {
    let builder = Engine::builder().workers(workers).pin(Pin::Cpus(cpus())).wait(wait);
    builder.build().expect("the engine starts")
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().expect("rayon starts")
}
