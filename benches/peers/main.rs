//! Side-by-side measurements against the peers that a user would take instead, in one run.
//!
//! ```text
//! cargo bench --bench peers                    all rows
//! cargo bench --bench peers -- triad sum       rows whose name contains one of these
//! cargo bench --bench peers -- --quick         3 rounds each
//! ```
//!
//! Ours and theirs take turns, round by round, so that what else the machine does hits both. A
//! row's figures are medians; its ratio is the median of the rounds' own ratios, above 1 where we
//! are ahead, and "noisy" where the quartiles of the ratio lie over 10 % apart. It prints a table
//! and writes target/gristmill/peers.json. It fails no build: figures are for people to read.

mod measure;
mod memory;
mod openmp;
mod roof;
mod starts;
mod steps;
mod table;
mod terrain;

use gristmill::{Engine, Pin, Wait};
use measure::{Bench, Row};
use rayon::{ThreadPool, ThreadPoolBuilder};

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
    ("triad_cache", memory::triad_cache),
    ("dot_cache", memory::dot_cache),
    ("sum_exact", memory::sum_exact),
    ("map_sin", memory::map_sin),
    ("zeros", memory::zeros),
    ("start", starts::start),
    ("launch_passive", steps::launch_passive),
    ("launch_active", steps::launch_active),
    ("plan_step", steps::plan_step),
    ("plan_barrier", steps::plan_barrier),
    ("claims", steps::claims),
    ("balance", steps::balance),
    ("sky_view", terrain::sky_view),
];

fn main() {
    let mut bench = Bench::default();
    let mut filters = vec![];
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // Cargo says so itself.
            "--bench" => {}
            "--quick" => bench.quick = true,
            option if option.starts_with('-') => {
                eprintln!("unknown option {option}; there are names of rows, and --quick");
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
    if let Err(error) = table::write_json(&rows) {
        eprintln!("target/gristmill/peers.json cannot be written: {error}");
        std::process::exit(1);
    }
}

/// The CPUs that this process may use.
fn cpus() -> Vec<usize> {
    use nix::sched::{CpuSet, sched_getaffinity};
    let allowed = sched_getaffinity(nix::unistd::Pid::from_raw(0)).expect("a process has a mask");
    (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect()
}

/// Worker counts for rows that are worth measuring alone and together: 1, 2, and one per CPU, as
/// far as there are CPUs. The aims are for 2 workers, whatever the machine.
fn alone_and_together() -> Vec<usize> {
    let all = cpus().len();
    let mut counts: Vec<usize> = [1, 2, all].into_iter().filter(|count| *count <= all).collect();
    counts.dedup();
    counts
}

/// Worker counts for rows that are only worth measuring together: 2, and one per CPU.
fn together() -> Vec<usize> {
    let mut counts = alone_and_together();
    if counts.len() > 1 {
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
