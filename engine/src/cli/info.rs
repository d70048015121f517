//! `gristmill info`: what the engine finds on this machine, and what it makes of it.

use super::args::{ExitStatus, InfoArgs};
use super::{counters, print, say, width};
use crate::machine::pin::CpuClaim;
use crate::machine::{CacheKind, KERNEL_MIN, Machine};
use crate::report::{bytes, listing};
use crate::roles::{Engine, Pin};

pub(super) fn info(args: &InfoArgs) -> ExitStatus {
    let machine = Machine::here();
    let mut rows = vec![];
    let mut row = |name: &str, text: String| rows.push(vec![name.into(), text]);
    row("gristmill", format!("{} on {}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH));
    row("CPUs allowed", cpus(&machine));
    let decided = machine.worker_count();
    row("workers", decided.to_string());
    for bound in machine.worker_bounds.iter().filter(|bound| **bound != decided) {
        row("", format!("bound: {bound}"));
    }
    row("pinning", pinning(&machine));
    row("caches of a core", caches(&machine));
    row("NUMA nodes", nodes(&machine));
    let bound = |bound: Option<&crate::machine::MemoryBound>| {
        bound.map_or("unknown".into(), ToString::to_string)
    };
    row("memory, most", bound(machine.memory_capacity()));
    row("memory, now", bound(machine.memory_available()));
    let setting = |setting: &Option<String>| setting.clone().unwrap_or("unknown".into());
    row("huge pages", huge_pages());
    row("", format!("setting for shared memory: {}", setting(&machine.huge_pages.shared)));
    row("", format!("setting for other memory: {}", setting(&machine.huge_pages.anonymous)));
    let version = machine.kernel.map_or("unknown".into(), |kernel| kernel.to_string());
    row("Linux", format!("{version}; at least {KERNEL_MIN} is needed"));
    let missing: Vec<_> = machine.features().into_iter().filter(|f| !f.present).collect();
    for feature in &missing {
        let (name, since) = (feature.name, feature.since);
        row("", format!("without {name} (since {since}): {}", feature.fallback));
    }
    if missing.is_empty() {
        row("", "no feature that would be used is missing".into());
    }
    row("write fences", fences().into());
    for note in &machine.notes {
        row("note", note.clone());
    }
    if args.counters {
        rows.extend(counters::rows().into_iter().map(Vec::from));
    }
    print(&format!("{}\n", listing(&[], rows.into_iter(), width())))
}

fn cpus(machine: &Machine) -> String {
    let cores = machine.cpus.iter().filter(|cpu| cpu.sibling_rank == 0).count();
    let numbers: Vec<String> = machine.cpus.iter().map(|cpu| cpu.number.to_string()).collect();
    let (allowed, online) = (machine.cpus.len(), machine.online.len());
    format!("{allowed} of {online} ({}), {cores} cores", numbers.join(" "))
}

/// What `--pin auto` would do now.
fn pinning(machine: &Machine) -> String {
    let order = machine.pin_order();
    let (free, claimed): (Vec<usize>, Vec<usize>) =
        order.into_iter().partition(|&cpu| CpuClaim::take(cpu).is_some());
    let others = match claimed.is_empty() {
        true => "no other engine has claimed one".into(),
        false => format!("other engines have claimed {}", Pin::Cpus(claimed)),
    };
    match free.is_empty() {
        true => format!("auto: none is free; {others}"),
        false => format!("auto: CPUs {}, in this order; {others}", Pin::Cpus(free)),
    }
}

fn caches(machine: &Machine) -> String {
    let first = machine.cpus.first().map_or(0, |cpu| cpu.number);
    let level = |level: u8| {
        let cache = machine.data_cache(first, level)?;
        let kind = if cache.kind == CacheKind::Data { "d" } else { "" };
        Some(format!("L{level}{kind} {}", bytes(cache.size_bytes)))
    };
    let found: Vec<String> = (1..=4).filter_map(level).collect();
    if found.is_empty() { "unknown".into() } else { found.join(", ") }
}

fn nodes(machine: &Machine) -> String {
    let node = |node: &crate::machine::Node| format!("{}: CPUs {}", node.id, node.cpus);
    let nodes: Vec<String> = machine.nodes.iter().map(node).collect();
    if nodes.is_empty() { "unknown".into() } else { nodes.join("; ") }
}

/// What keeps the control block from being written while a kernel runs behind fences.
fn fences() -> &'static str {
    match crate::process::shield::has_keys() {
        true => "with --fence the control block is guarded by a protection key of the CPU",
        false => "with --fence the control block is made read-only: the CPU has no protection keys",
    }
}

/// Tries it: makes an array and asks how its pages came out.
fn huge_pages() -> String {
    let tried = Engine::builder().workers(1).build().and_then(|engine| engine.try_huge_pages());
    match tried {
        Ok(true) => "got, by MADV_COLLAPSE".into(),
        Ok(false) => "not got: pages are touched one by one, which is slower at first use".into(),
        Err(error) => {
            say(&error.to_string());
            "unknown: no engine could be started".into()
        }
    }
}
