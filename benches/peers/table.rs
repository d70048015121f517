//! The printed table, and the same as JSON.

use crate::measure::{Peer, Row};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

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
    /// What the machine can do at most, and ours as a part of that.
    roof: Option<f64>,
    of_roof: Option<f64>,
    goal: Option<f64>,
    rounds: usize,
    /// In our turns, where the machine counts them.
    instructions_per_cycle: Option<f64>,
    missed_bytes: Option<f64>,
}

impl RowReport<'_> {
    fn of(row: &Row) -> RowReport<'_> {
        let Row { name, workers, ours, unit, peers, roof, goal, rounds, counted } = row;
        let best = peers.first();
        RowReport {
            name,
            workers: *workers,
            ours: *ours,
            peers: peers.iter().map(|peer| (peer.name, peer.theirs)).collect(),
            unit,
            ratio: best.map(|peer| peer.ratio),
            roof: roof.as_ref().map(|roof| roof.theirs),
            of_roof: roof.as_ref().map(|roof| roof.ratio),
            quartiles: best.map(|peer| peer.quartiles),
            noisy: best.is_some_and(|peer| peer.noisy),
            goal: *goal,
            rounds: *rounds,
            instructions_per_cycle: counted.instructions_per_cycle.clone().ok(),
            missed_bytes: counted.missed_bytes.clone().ok(),
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
        "{:<24} {:>7} {:>10} {:<7}  {:<20} {:>10}  {:>6}  {:<13} {:>5} {:>6}",
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
            format!("{:<24} {:>7} {:>10.3} {:<7}", row.name, row.workers, row.ours, row.unit);
        if row.peers.is_empty() {
            println!("{ours}");
        }
        let goal = |goal: Option<f64>| goal.map_or("-".into(), |goal| format!("{goal:.2}"));
        for (number, peer) in row.peers.iter().enumerate() {
            let (ours, goal, rounds) = match number {
                0 => (&ours[..], goal(row.goal), row.rounds.to_string()),
                _ => ("", String::new(), String::new()),
            };
            print_peer(ours, peer, &goal, &rounds);
        }
        if let Some(roof) = &row.roof {
            print_peer("", roof, &goal(Some(OF_ROOF)), "");
        }
    }
}

/// The part of the roof that passes over memory are meant to reach.
const OF_ROOF: f64 = 0.95;

fn print_peer(ours: &str, peer: &Peer, goal: &str, rounds: &str) {
    let Peer { name, theirs, ratio, quartiles: [low, high], noisy } = peer;
    let quartiles = format!("{low:.2}..{high:.2}");
    let noisy = if *noisy { "  noisy" } else { "" };
    println!(
        "{ours:<51}  {name:<20} {theirs:>10.3}  {ratio:>6.2}  {quartiles:<13} {goal:>5} \
         {rounds:>6}{noisy}"
    );
}

/// Prints what the hardware counted in our turns, or once why it did not.
pub(crate) fn print_counted(rows: &[Row]) {
    println!();
    for Row { name, workers, counted, .. } in rows {
        match &counted.instructions_per_cycle {
            Ok(per_cycle) => {
                let missed = counted.missed_bytes.as_ref();
                let missed = missed.map_or("unknown".into(), |bytes| format!("{:.1}", bytes / 1e6));
                println!(
                    "{name:<24} {workers:>7} {per_cycle:>10.2} instructions a cycle, \
                     {missed:>10} MB fetched by misses in a round"
                );
            }
            Err(reason) => {
                println!("instructions a cycle, bytes fetched by misses: none: {reason}");
                break;
            }
        }
    }
}

/// Writes peers.json.
pub(crate) fn write_json(rows: &[Row]) -> std::io::Result<()> {
    let mut file = std::fs::File::create(crate::shared::folder()?.join("peers.json"))?;
    let rows = rows.iter().map(RowReport::of).collect();
    serde_json::to_writer_pretty(&mut file, &Document { machine: Machine::here(), rows })?;
    writeln!(file)
}
