//! The machine, as results tell of it.

use super::results::StudiedMachine;
use crate::machine::processor::is_virtual;
use crate::machine::{CacheKind, Machine};
use crate::report;

pub(super) fn studied_machine(machine: &Machine) -> StudiedMachine {
    let named = report::Machine::here();
    let last_level = machine.caches.iter().map(|cache| cache.level).max();
    let last = machine
        .caches
        .iter()
        .filter(|cache| Some(cache.level) == last_level && cache.kind != CacheKind::Instruction);
    StudiedMachine {
        cpu: named.cpu,
        architecture: named.architecture,
        linux: named.linux,
        cpus: machine.pin_order(),
        cores: machine.cpus.iter().filter(|cpu| cpu.sibling_rank == 0).count(),
        nodes: machine.nodes.len(),
        last_cache_bytes: last.map(|cache| cache.own_bytes()).sum(),
        memory_bytes: machine.memory.physical_bytes().unwrap_or(0),
        is_virtual: is_virtual(),
    }
}
