//! The printed table, and the same as JSON.

use crate::measure::Row;
use serde::Serialize;
use std::io::Write;
use std::path::Path;

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
    rows: &'a [Row],
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

/// Prints a line per row and peer.
pub(crate) fn print(rows: &[Row]) {
    let Machine { cpu, cpus, kernel, huge_pages } = Machine::here();
    println!("{cpus} CPUs ({cpu}), Linux {kernel}, transparent huge pages {huge_pages}\n");
    println!(
        "{:<16} {:>7}  {:>9}  {:<18} {:>9} {:<5} {:>6}  {:<12} {:>6} {:>6}",
        "row",
        "workers",
        "ours",
        "peer",
        "theirs",
        "unit",
        "ratio",
        "quartiles",
        "target",
        "rounds"
    );
    for row in rows {
        for (number, peer) in row.peers.iter().enumerate() {
            let [low, high] = peer.quartiles;
            // The target is one against the first peer.
            let target = row.target.filter(|_| number == 0);
            let target = target.map_or("-".into(), |target| format!("{target:.1}"));
            println!(
                "{:<16} {:>7}  {:>9.3}  {:<18} {:>9.3} {:<5} {:>6.2}  {:<12} {target:>6} {:>6}{}",
                row.name,
                row.workers,
                row.ours,
                peer.name,
                peer.theirs,
                row.unit,
                peer.ratio,
                format!("{low:.2}..{high:.2}"),
                row.rounds,
                if peer.noisy { "  noisy" } else { "" },
            );
        }
    }
}

/// Writes target/gristmill/peers.json.
pub(crate) fn write_json(rows: &[Row]) -> std::io::Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), Into::into);
    let directory = target.join("gristmill");
    std::fs::create_dir_all(&directory)?;
    let mut file = std::fs::File::create(directory.join("peers.json"))?;
    serde_json::to_writer_pretty(&mut file, &Document { machine: Machine::here(), rows })?;
    writeln!(file)
}
