//! The printed table, and the same as JSON.

use crate::measure::{Peer, Row};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What was measured on, without names and dates.
#[derive(Debug, Serialize)]
struct Machine {
    cpu: String,
    cpus: usize,
    kernel: String,
    huge_pages: String,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    machine: Machine,
    rows: Vec<RowReport<'a>>,
}

/// A row as it stands in the file.
#[derive(Debug, Serialize)]
struct RowReport<'a> {
    name: &'a str,
    workers: usize,
    ours: f64,
    /// The medians of the peers, by their names.
    peers: BTreeMap<&'static str, f64>,
    unit: &'static str,
    /// How many times as fast as the fastest of them.
    ratio: Option<f64>,
    /// Quartiles of that ratio.
    quartiles: Option<[f64; 2]>,
    noisy: bool,
    goal: Option<f64>,
    rounds: usize,
}

impl RowReport<'_> {
    fn of(row: &Row) -> RowReport<'_> {
        let Row { name, workers, ours, unit, peers, goal, rounds } = row;
        let best = peers.first();
        RowReport {
            name,
            workers: *workers,
            ours: *ours,
            peers: peers.iter().map(|peer| (peer.name, peer.theirs)).collect(),
            unit,
            ratio: best.map(|peer| peer.ratio),
            quartiles: best.map(|peer| peer.quartiles),
            noisy: best.is_some_and(|peer| peer.noisy),
            goal: *goal,
            rounds: *rounds,
        }
    }
}

impl Machine {
    fn here() -> Machine {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let cpuinfo = text("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.and_then(|rest| rest.split_once(':')).map_or("unknown", |(_, name)| name);
        // The version only: what follows names the builder.
        let kernel = text("/proc/sys/kernel/osrelease");
        Machine {
            cpu: model.trim().into(),
            cpus: crate::cpus().len(),
            kernel: kernel.split('-').next().unwrap_or_default().into(),
            huge_pages: text("/sys/kernel/mm/transparent_hugepage/enabled"),
        }
    }
}

/// Prints a line per row with its fastest peer, and one for each other peer.
pub(crate) fn print(rows: &[Row]) {
    let Machine { cpu, cpus, kernel, huge_pages } = Machine::here();
    println!("{cpus} CPUs ({cpu}), Linux {kernel}, transparent huge pages {huge_pages}\n");
    println!(
        "{:<16} {:>7} {:>10} {:<7}  {:<20} {:>10}  {:>6}  {:<13} {:>5} {:>6}",
        "row",
        "workers",
        "ours",
        "unit",
        "peers, fastest first",
        "theirs",
        "ratio",
        "quartiles",
        "goal",
        "rounds"
    );
    for row in rows {
        let ours =
            format!("{:<16} {:>7} {:>10.3} {:<7}", row.name, row.workers, row.ours, row.unit);
        let goal = row.goal.map_or("-".into(), |goal| format!("{goal:.2}"));
        if row.peers.is_empty() {
            println!("{ours}");
        }
        for (number, peer) in row.peers.iter().enumerate() {
            let Peer { name, theirs, ratio, quartiles: [low, high], noisy } = peer;
            let (ours, goal, rounds) = match number {
                0 => (&ours[..], &goal[..], row.rounds.to_string()),
                _ => ("", "", String::new()),
            };
            let quartiles = format!("{low:.2}..{high:.2}");
            let noisy = if *noisy { "  noisy" } else { "" };
            println!(
                "{ours:<43}  {name:<20} {theirs:>10.3}  {ratio:>6.2}  {quartiles:<13} {goal:>5} \
                 {rounds:>6}{noisy}"
            );
        }
    }
}

/// The folder for what the benchmark leaves: target/gristmill.
pub(crate) fn folder() -> std::io::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), Into::into);
    let folder = target.join("gristmill");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Writes peers.json there.
pub(crate) fn write_json(rows: &[Row]) -> std::io::Result<()> {
    let mut file = std::fs::File::create(folder()?.join("peers.json"))?;
    let rows = rows.iter().map(RowReport::of).collect();
    serde_json::to_writer_pretty(&mut file, &Document { machine: Machine::here(), rows })?;
    writeln!(file)
}
