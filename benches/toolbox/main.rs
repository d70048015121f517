//! What processes share and say to each other, side by side with Python's multiprocessing and with the
//! crates that a user would take instead, in one run.
//!
//! ```text
//! cargo bench --bench toolbox                  all rows
//! cargo bench --bench toolbox -- pipe queue    rows whose name contains one of these
//! ```
//!
//! Ours and theirs take turns, so that what else the machine does hits both; starts are not counted
//! but where they are what is measured. Figures are medians of five turns; the ratio is the median of
//! the turns' own ratios, above 1 where we are ahead. Python's side are the scripts of
//! benches/peers/python, run by the `python3` that is there; where there is none the rows say so. It
//! prints a table and writes target/gristmill/toolbox.json, and fails no build.

mod ipc;
mod ours;
mod python;
#[path = "../shared/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other benchmarks have more in common")]
mod shared;
mod table;

use shared::quartiles;

/// Seconds that a message, task, process, computation or the like takes, or why that is not known.
type Turn = fn() -> Result<f64, String>;

/// What is measured.
struct Entry {
    name: &'static str,
    unit: Unit,
    ours: Turn,
    peer_name: &'static str,
    peer: Turn,
    /// What the ratio is to reach.
    goal: f64,
}

/// What seconds for each are shown as.
#[derive(Debug, Clone, Copy)]
enum Unit {
    MillionsPerSecond,
    /// Of messages of [`MESSAGE`] bytes.
    GigabytesPerSecond,
    Microseconds,
    /// Of the whole.
    Milliseconds,
}

/// Bytes of a large message.
const MESSAGE: usize = 1 << 20;

/// Below it primes are counted, as a function that only computes.
const PRIMES_BELOW: u32 = 300_000;

/// A measured row.
#[derive(Debug)]
struct Row {
    name: &'static str,
    unit: Unit,
    ours: Result<f64, String>,
    peer_name: &'static str,
    peer: Result<f64, String>,
    ratio: Option<f64>,
    goal: f64,
}

const ENTRIES: &[Entry] = &[
    Entry {
        name: "cpu_one",
        unit: Unit::Milliseconds,
        ours: || ours::primes(1),
        peer_name: "CPython, one thread",
        peer: || python::run("cpu_one", PRIMES_BELOW),
        goal: 10.0,
    },
    Entry {
        name: "cpu_threads",
        unit: Unit::Milliseconds,
        ours: || ours::primes(2),
        peer_name: "CPython, 2 threads",
        peer: || python::run("cpu_threads", PRIMES_BELOW),
        goal: 20.0,
    },
    Entry {
        name: "cpu_processes",
        unit: Unit::Milliseconds,
        ours: || ours::primes(2),
        peer_name: "CPython, Pool of 2",
        peer: || python::run("cpu_processes", PRIMES_BELOW),
        goal: 10.0,
    },
    Entry {
        name: "pipe",
        unit: Unit::MillionsPerSecond,
        ours: ours::pipe,
        peer_name: "CPython Pipe",
        peer: || python::run("pipe_ints", 50_000),
        goal: 100.0,
    },
    Entry {
        name: "pipe_ipc",
        unit: Unit::MillionsPerSecond,
        ours: ours::pipe,
        peer_name: "ipc-channel",
        peer: || ipc::small(50_000),
        goal: 10.0,
    },
    Entry {
        name: "pipe_bytes",
        unit: Unit::GigabytesPerSecond,
        ours: ours::pipe_bytes,
        peer_name: "CPython Pipe",
        peer: || python::run("pipe_bytes", 500),
        goal: 3.0,
    },
    Entry {
        name: "pipe_bytes_ipc",
        unit: Unit::GigabytesPerSecond,
        ours: ours::pipe_bytes,
        peer_name: "ipc-channel",
        peer: || ipc::bytes(500),
        goal: 1.5,
    },
    Entry {
        name: "queue",
        unit: Unit::MillionsPerSecond,
        ours: ours::queue,
        peer_name: "CPython Queue",
        peer: || python::run("queue_ints", 50_000),
        goal: 100.0,
    },
    Entry {
        name: "joinable",
        unit: Unit::MillionsPerSecond,
        ours: ours::joinable,
        peer_name: "CPython JoinableQueue",
        peer: || python::run("joinable_ints", 20_000),
        goal: 100.0,
    },
    Entry {
        name: "value",
        unit: Unit::MillionsPerSecond,
        ours: ours::value,
        peer_name: "CPython Value",
        peer: || python::run("value_increments", 50_000),
        goal: 50.0,
    },
    Entry {
        name: "pool_map",
        unit: Unit::Microseconds,
        ours: ours::pool_map,
        peer_name: "CPython Pool.map",
        peer: || python::run("pool_map", 1_000),
        goal: 50.0,
    },
    Entry {
        name: "pool_tasks",
        unit: Unit::MillionsPerSecond,
        ours: ours::pool_tasks,
        peer_name: "CPython ProcessPoolExecutor",
        peer: || python::run("executor_tasks", 20_000),
        goal: 100.0,
    },
    Entry {
        name: "process",
        unit: Unit::Microseconds,
        ours: ours::process,
        peer_name: "CPython spawn",
        peer: || python::run("spawn_process", 5),
        goal: 20.0,
    },
    Entry {
        name: "process_procspawn",
        unit: Unit::Microseconds,
        ours: ours::process,
        peer_name: "procspawn",
        peer: procspawned,
        goal: 1.5,
    },
];

fn main() {
    // In a child of procspawn's this runs it, and does not return.
    procspawn::init();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let Some(option) = arguments.iter().find(|argument| argument.starts_with('-')) {
        eprintln!("unknown option {option}; there are names of rows");
        std::process::exit(2);
    }
    let wanted =
        |name: &str| arguments.is_empty() || arguments.iter().any(|f| name.contains(&f[..]));
    let wanted = ENTRIES.iter().filter(|entry| wanted(entry.name));
    let rows: Vec<Row> = wanted.map(measure).collect();
    table::print(&rows);
    if let Err(error) = table::write_json(&rows) {
        eprintln!("target/gristmill/toolbox.json cannot be written: {error}");
        std::process::exit(1);
    }
}

/// Measures both sides in turns.
fn measure(entry: &Entry) -> Row {
    const TURNS: usize = 5;
    let Entry { name, unit, ours, peer_name, peer, goal } = *entry;
    eprintln!("measuring {name} …");
    let turns: Vec<_> = (0..TURNS).map(|_| (ours(), peer())).collect();
    let (ours, theirs): (Vec<_>, Vec<_>) = turns.into_iter().unzip();
    let ours = ours.into_iter().collect::<Result<Vec<f64>, String>>();
    let theirs = theirs.into_iter().collect::<Result<Vec<f64>, String>>();
    let ratio = ours.as_ref().ok().zip(theirs.as_ref().ok()).map(|(ours, theirs)| {
        median(ours.iter().zip(theirs).map(|(ours, theirs)| theirs / ours).collect())
    });
    let shown = |side: Result<Vec<f64>, String>| side.map(|seconds| unit.show(median(seconds)));
    Row { name, unit, ours: shown(ours), peer_name, peer: shown(theirs), ratio, goal }
}

fn median(values: Vec<f64>) -> f64 {
    quartiles(values)[1]
}

/// A process of procspawn's that runs nothing.
fn procspawned() -> Result<f64, String> {
    const PROCESSES: u32 = 20;
    let start = std::time::Instant::now();
    for _ in 0..PROCESSES {
        procspawn::spawn((), |()| ()).join().map_err(|error| error.to_string())?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(PROCESSES))
}

impl Unit {
    fn show(self, seconds: f64) -> f64 {
        match self {
            Unit::MillionsPerSecond => 1e-6 / seconds,
            Unit::GigabytesPerSecond => MESSAGE as f64 * 1e-9 / seconds,
            Unit::Microseconds => seconds * 1e6,
            Unit::Milliseconds => seconds * 1e3,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Unit::MillionsPerSecond => "M/s",
            Unit::GigabytesPerSecond => "GB/s",
            Unit::Microseconds => "us",
            Unit::Milliseconds => "ms",
        }
    }
}
