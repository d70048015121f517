//! How long processes have run.

use super::tree::Tree;
use std::path::Path;

/// Nanoseconds that the threads of a process have run until now, those that have ended left out.
/// None where Linux does not tell, or there is no such process.
pub(crate) fn cpu_time_ns(pid: u32) -> Option<u64> {
    of_process(&Tree::new(Path::new("/")), pid)
}

fn of_process(tree: &Tree, pid: u32) -> Option<u64> {
    let folder = format!("/proc/{pid}/task");
    let threads = std::fs::read_dir(&folder).ok()?.flatten();
    let times = threads.filter_map(|thread| {
        let path = format!("{folder}/{}/schedstat", thread.file_name().to_string_lossy());
        tree.text_if_there(&path)?.split_whitespace().next()?.parse::<u64>().ok()
    });
    times.reduce(|sum, time| sum.saturating_add(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_while_a_process_computes() {
        let own = || cpu_time_ns(std::process::id());
        // Some kernels are built without it.
        let Some(before) = own() else { return };
        let mut turns = 0u64;
        while own().is_none_or(|now| now <= before) {
            turns = std::hint::black_box(turns + 1);
        }
        assert!(turns > 0 || own() > Some(before));
        assert_eq!(cpu_time_ns(u32::MAX), None);
    }
}
