//! What disturbs a measurement: CPU time that a host took, waits for a CPU, frequencies, slowing
//! down to cool, and quotas that hold back.
//!
//! Counts only, and tells what was counted between two readings; what is too much is for who
//! measures to say. Whatever the system does not tell is `None`.
//!
//! Formats: proc(5) for /proc/stat; the kernel's Documentation, scheduler/sched-stats for
//! /proc/PID/schedstat, admin-guide/cgroup-v2 for cpu.stat.

use super::cgroup::{CgroupVersion, Cgroups, Group};
use super::processor;
use super::tree::Tree;
use super::workers;
use std::path::Path;

/// What /proc/stat counts in: USER_HZ is 100 on x86-64 and aarch64, whatever the kernel's own.
pub(crate) const TICK_S: f64 = 0.01;

/// What is read of some CPUs and processes, and where.
#[derive(Debug)]
pub(crate) struct Gauges {
    tree: Tree,
    cpus: Vec<usize>,
    pids: Vec<u32>,
    /// The cgroups with a quota, from our own up.
    quotas: Vec<Group>,
    frequency: Option<FrequencySource>,
}

/// Who tells the frequency at which a CPU runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrequencySource {
    Cpufreq,
    Cpuinfo,
}

/// A thread's number, and how long it has waited for a CPU.
type Waited = (u32, u64);

/// What had been counted at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Readings {
    stolen_ticks: Option<u64>,
    /// Of each thread.
    waited_ns: Option<Vec<Waited>>,
    frequency_hz: Option<[f64; 2]>,
    /// Of each CPU.
    throttled: Option<Vec<u64>>,
    quota_held_us: Option<u64>,
}

/// What happened between two readings, or more.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Disturbance {
    /// Seconds that the host of a virtual machine gave to others, of all the CPUs together.
    pub(crate) stolen_s: Option<f64>,
    /// Seconds in which threads of the processes were ready to run and did not, all together.
    pub(crate) waited_s: Option<f64>,
    /// The least and the greatest frequency at the later reading.
    pub(crate) frequency_hz: Option<[f64; 2]>,
    /// How often that CPU slowed down to cool that did so most often.
    pub(crate) throttled: Option<u64>,
    /// Seconds that quotas held processes back, summed over CPUs.
    pub(crate) quota_held_s: Option<f64>,
}

impl Gauges {
    /// Finds what this machine tells of these CPUs and processes.
    pub(crate) fn here(cpus: &[usize], pids: &[u32]) -> Gauges {
        Gauges::of_tree(Tree::new(Path::new("/")), cpus, pids)
    }

    /// The same of a tree.
    fn of_tree(tree: Tree, cpus: &[usize], pids: &[u32]) -> Gauges {
        let mut cpus = cpus.to_vec();
        cpus.sort_unstable();
        cpus.dedup();
        let mut quotas = Cgroups::read(&tree).ancestors("cpu");
        quotas.retain(|group| workers::quota(&tree, group).is_some());
        let frequency = if cpus.iter().any(|cpu| cpufreq_khz(&tree, *cpu).is_some()) {
            Some(FrequencySource::Cpufreq)
        } else {
            // Without this flag /proc/cpuinfo repeats what was found at boot.
            processor::has_flag(&tree, "aperfmperf").then_some(FrequencySource::Cpuinfo)
        };
        Gauges { tree, cpus, pids: pids.to_vec(), quotas, frequency }
    }

    /// What has been counted until now; frequencies only if asked for, as they mean something only
    /// right after work: a CPU that rests lowers its own.
    ///
    /// A dozen small files for two CPUs and two processes: some tens of µs.
    pub(crate) fn read(&self, with_frequency: bool) -> Readings {
        Readings {
            frequency_hz: with_frequency.then(|| self.frequency_hz()).flatten(),
            waited_ns: self.waited_ns(),
            stolen_ticks: self.stolen_ticks(),
            throttled: self.throttled(),
            quota_held_us: self.quota_held_us(),
        }
    }

    /// `cpu3 user nice system idle iowait irq softirq steal guest guest_nice`
    fn stolen_ticks(&self) -> Option<u64> {
        const STEAL: usize = 8;
        let text = self.tree.text("/proc/stat")?;
        let of_cpu = |line: &str| {
            let mut fields = line.strip_prefix("cpu")?.split(' ');
            let cpu: usize = fields.next()?.parse().ok()?;
            let stolen: u64 = fields.nth(STEAL - 1)?.parse().ok()?;
            self.cpus.contains(&cpu).then_some(stolen)
        };
        // The lines of CPUs come first; those of interrupts are long.
        let lines = text.lines().take_while(|line| line.starts_with("cpu"));
        lines.filter_map(of_cpu).reduce(|a, b| a.saturating_add(b))
    }

    /// `ran_ns waited_ns slices`, of every thread.
    fn waited_ns(&self) -> Option<Vec<Waited>> {
        let mut waited = vec![];
        for pid in &self.pids {
            let tasks = format!("/proc/{pid}/task");
            for thread in self.tree.entries(&tasks) {
                let Ok(number) = thread.parse() else { continue };
                // A thread may end at any moment.
                let text = self.tree.text_if_there(&format!("{tasks}/{thread}/schedstat"));
                let ns = text.and_then(|text| text.split(' ').nth(1)?.parse().ok());
                waited.extend(ns.map(|ns| (number, ns)));
            }
        }
        (!waited.is_empty()).then_some(waited)
    }

    fn frequency_hz(&self) -> Option<[f64; 2]> {
        let all: Vec<f64> = match self.frequency? {
            FrequencySource::Cpufreq => {
                let khz = self.cpus.iter().filter_map(|cpu| cpufreq_khz(&self.tree, *cpu));
                khz.map(|khz| khz as f64 * 1e3).collect()
            }
            FrequencySource::Cpuinfo => processor::frequencies_hz(&self.tree, &self.cpus),
        };
        let one = *all.first()?;
        Some(all.iter().fold([one; 2], |[low, high], hz| [low.min(*hz), high.max(*hz)]))
    }

    fn throttled(&self) -> Option<Vec<u64>> {
        let of_cpu = |cpu: &usize| {
            let count = |of: &str| {
                let folder = format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle");
                self.tree.parsed::<u64>(&format!("{folder}/{of}_throttle_count"))
            };
            let (core, package) = (count("core"), count("package"));
            core.or(package).map(|_| core.unwrap_or(0).saturating_add(package.unwrap_or(0)))
        };
        self.cpus.iter().map(of_cpu).collect()
    }

    fn quota_held_us(&self) -> Option<u64> {
        let of_group = |group: &Group| {
            let text = self.tree.text(&group.file("cpu.stat"))?;
            let (name, per_us) = match group.version {
                CgroupVersion::V2 => ("throttled_usec", 1),
                CgroupVersion::V1 => ("throttled_time", 1000),
            };
            let value = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(value.trim().parse::<u64>().ok()? / per_us)
        };
        self.quotas.iter().filter_map(of_group).reduce(|a, b| a.saturating_add(b))
    }
}

fn cpufreq_khz(tree: &Tree, cpu: usize) -> Option<u64> {
    // Some drivers have the file and refuse to tell.
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq");
    tree.text_if_there(&path)?.parse().ok()
}

impl Readings {
    /// What happened since an earlier reading of the same gauges.
    pub(crate) fn since(&self, earlier: &Readings) -> Disturbance {
        let between = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        // A thread that has begun meanwhile has waited since; one that has ended tells no more.
        let waited = |(now, then): (&Vec<Waited>, &Vec<Waited>)| {
            let before = |thread: u32| then.iter().find(|(other, _)| *other == thread);
            let of_thread = |&(thread, ns): &Waited| {
                ns.saturating_sub(before(thread).map_or(0, |(_, then)| *then))
            };
            now.iter().map(of_thread).sum::<u64>() as f64 * 1e-9
        };
        // Siblings, and all CPUs of a package, count the same event each: so not the sum.
        let throttled = |(now, then): (&Vec<u64>, &Vec<u64>)| {
            let of_cpu = |(now, then): (&u64, &u64)| now.saturating_sub(*then);
            now.iter().zip(then).map(of_cpu).max().unwrap_or(0)
        };
        Disturbance {
            stolen_s: between(self.stolen_ticks, earlier.stolen_ticks)
                .map(|ticks| ticks as f64 * TICK_S),
            waited_s: self.waited_ns.as_ref().zip(earlier.waited_ns.as_ref()).map(waited),
            frequency_hz: self.frequency_hz,
            throttled: self.throttled.as_ref().zip(earlier.throttled.as_ref()).map(throttled),
            quota_held_s: between(self.quota_held_us, earlier.quota_held_us)
                .map(|us| us as f64 * 1e-6),
        }
    }
}

impl Disturbance {
    /// This and what happened between two other readings. What is known of one only is kept.
    #[must_use]
    pub(crate) fn and(self, other: Disturbance) -> Disturbance {
        fn both<T>(a: Option<T>, b: Option<T>, join: impl Fn(T, T) -> T) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(join(a, b)),
                (a, b) => a.or(b),
            }
        }
        let sum = |a: f64, b: f64| a + b;
        Disturbance {
            stolen_s: both(self.stolen_s, other.stolen_s, sum),
            waited_s: both(self.waited_s, other.waited_s, sum),
            frequency_hz: both(self.frequency_hz, other.frequency_hz, |a, b| {
                [a[0].min(b[0]), a[1].max(b[1])]
            }),
            throttled: both(self.throttled, other.throttled, u64::saturating_add),
            quota_held_s: both(self.quota_held_s, other.quota_held_s, sum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trees::{self, CAPTURED_V1_AND_V2, NESTED_QUOTA, V1_CONTAINER};
    use super::*;

    /// One of the trees, and files beside it. What such files say is synthetic, their form that of
    /// Linux.
    fn with(tree: &str, more: &[(&str, &str)]) -> Tree {
        let more = more.iter().map(|(path, text)| (path.to_string(), text.to_string()));
        Tree::of_files(trees::files(tree).into_iter().chain(more).collect())
    }

    fn between(cpus: &[usize], pids: &[u32], trees: [Tree; 2]) -> Disturbance {
        let [earlier, later] = trees.map(|tree| Gauges::of_tree(tree, cpus, pids).read(true));
        later.since(&earlier)
    }

    #[test]
    fn stolen_time_is_that_of_the_cpus_that_are_asked_for() {
        let stat = |stolen: u64| {
            format!(
                "cpu  9 9 9 9 9 9 9 99 0 0\ncpu0 1 2 3 4 5 6 7 {stolen} 0 0\n\
                 cpu1 1 2 3 4 5 6 7 50 0 0\ncpu10 1 2 3 4 5 6 7 {} 0 0\nintr 5 0 0",
                10 * stolen
            )
        };
        let tree = |stolen| with(CAPTURED_V1_AND_V2, &[("/proc/stat", &stat(stolen))]);
        let stolen_s = |cpus| between(cpus, &[], [tree(4), tree(11)]).stolen_s;
        assert_eq!(stolen_s(&[0, 1]), Some(0.07));
        assert_eq!(stolen_s(&[10, 0, 0]), Some(0.77));
        assert_eq!(stolen_s(&[1]), Some(0.0));
        assert_eq!(stolen_s(&[5]), None);
    }

    #[test]
    fn waits_are_summed_over_threads_that_come_and_go() {
        let tree = |threads: &[(&str, &str)]| with(CAPTURED_V1_AND_V2, threads);
        let earlier = [
            ("/proc/7/task/7/schedstat", "100 5000000 3"),
            ("/proc/7/task/8/schedstat", "100 9000000 3"),
            ("/proc/77/task/77/schedstat", "100 1000000 3"),
        ];
        let later = [
            ("/proc/7/task/7/schedstat", "900 6000000 4"),
            ("/proc/7/task/9/schedstat", "900 20000000 4"),
            ("/proc/77/task/77/schedstat", "900 301000000 4"),
        ];
        let waited_s = |pids| between(&[0], pids, [tree(&earlier), tree(&later)]).waited_s;
        let is = |waited: Option<f64>, ms: f64| {
            let waited = waited.expect("the files are there");
            assert!((waited - ms * 1e-3).abs() < 1e-9, "{waited}");
        };
        is(waited_s(&[7]), 1.0 + 20.0);
        is(waited_s(&[77, 7]), 1.0 + 20.0 + 300.0);
        assert_eq!(waited_s(&[1]), None);
    }

    #[test]
    fn frequencies_come_from_who_measures_them() {
        let cpufreq =
            |cpu, khz| (format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"), khz);
        let files = [cpufreq(0, "3600000"), cpufreq(1, "2400000"), cpufreq(2, "800000")];
        let files: Vec<_> = files.iter().map(|(path, khz)| (path.as_str(), *khz)).collect();
        let hz = |tree: Tree| Gauges::of_tree(tree, &[0, 1], &[]).read(true).frequency_hz;
        assert_eq!(hz(with(CAPTURED_V1_AND_V2, &files)), Some([2.4e9, 3.6e9]));
        let gauges = Gauges::of_tree(with(CAPTURED_V1_AND_V2, &files), &[0, 1], &[]);
        assert_eq!(gauges.read(false).frequency_hz, None, "nobody asked");

        let cpuinfo = |flags: &str| {
            let text = format!("processor : 0\ncpu MHz : 2600.0\nflags : fpu {flags}\n");
            with(CAPTURED_V1_AND_V2, &[("/proc/cpuinfo", &text)])
        };
        assert_eq!(hz(cpuinfo("aperfmperf")), Some([2.6e9, 2.6e9]));
        assert_eq!(hz(cpuinfo("avx")), None, "a constant of the boot tells nothing");
    }

    #[test]
    fn an_event_that_several_cpus_count_is_one() {
        let count = |cpu, of, count| {
            (
                format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle/{of}_throttle_count"),
                count,
            )
        };
        let tree = |counts: [&'static str; 3]| {
            let files = [
                count(0, "core", counts[0]),
                count(1, "core", counts[1]),
                count(0, "package", counts[2]),
                count(1, "package", counts[2]),
            ];
            let files: Vec<_> = files.iter().map(|(path, count)| (path.as_str(), *count)).collect();
            with(CAPTURED_V1_AND_V2, &files)
        };
        let trees = [tree(["3", "1000", "7"]), tree(["5", "1001", "17"])];
        assert_eq!(between(&[0, 1], &[], trees).throttled, Some(12));
    }

    #[test]
    fn what_a_quota_holds_back_is_told_by_either_version() {
        let v2 = |us: &str| {
            let text = format!("usage_usec 9\nnr_periods 4\nnr_throttled 2\nthrottled_usec {us}");
            // The group inside has no quota of its own.
            let path = |group: &str| format!("/sys/fs/cgroup/a.slice/b.service{group}/cpu.stat");
            with(NESTED_QUOTA, &[(&path(""), &text), (&path("/inner"), "throttled_usec 1")])
        };
        assert_eq!(between(&[0], &[], [v2("1000"), v2("251000")]).quota_held_s, Some(0.25));
        let v1 = |ns: &str| {
            let text = format!("nr_periods 4\nnr_throttled 2\nthrottled_time {ns}");
            with(V1_CONTAINER, &[("/sys/fs/cgroup/cpu,cpuacct/cpu.stat", &text)])
        };
        assert_eq!(between(&[0], &[], [v1("0"), v1("500000000")]).quota_held_s, Some(0.5));
    }

    #[test]
    fn what_is_not_told_is_not_known() {
        let tree = || with(CAPTURED_V1_AND_V2, &[]);
        assert_eq!(between(&[0, 1], &[1], [tree(), tree()]), Disturbance::default());
    }

    #[test]
    fn odd_files_are_missing_ones() {
        let odd = [
            ("/proc/stat", "cpu0 1 2\ncpux 1 2 3 4 5 6 7 8\ncpu"),
            ("/proc/1/task/1/schedstat", "-"),
            ("/proc/1/task/x/schedstat", "1 2 3"),
            ("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "many"),
            ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "<unknown>"),
        ];
        let tree = || with(CAPTURED_V1_AND_V2, &odd);
        assert_eq!(between(&[0], &[1], [tree(), tree()]), Disturbance::default());
    }

    #[test]
    fn counts_that_go_back_are_no_time() {
        let stat = |stolen: &str| with(CAPTURED_V1_AND_V2, &[("/proc/stat", stolen)]);
        let trees = [stat("cpu0 1 2 3 4 5 6 7 8"), stat("cpu0 1 2 3 4 5 6 7 2")];
        assert_eq!(between(&[0], &[], trees).stolen_s, Some(0.0));
    }

    #[test]
    fn several_are_added_up() {
        let one = Disturbance {
            stolen_s: Some(0.5),
            frequency_hz: Some([2e9, 3e9]),
            throttled: Some(1),
            ..Disturbance::default()
        };
        let other = Disturbance {
            stolen_s: Some(0.25),
            waited_s: Some(2.0),
            frequency_hz: Some([1e9, 2e9]),
            throttled: Some(2),
            quota_held_s: None,
        };
        let both = one.and(other);
        assert_eq!((both.stolen_s, both.waited_s), (Some(0.75), Some(2.0)));
        assert_eq!((both.frequency_hz, both.throttled), (Some([1e9, 3e9]), Some(3)));
        assert_eq!(both.quota_held_s, None);
    }

    #[test]
    fn this_machine_tells_of_itself() {
        let gauges = Gauges::here(&[0], &[std::process::id()]);
        let earlier = gauges.read(true);
        let disturbance = gauges.read(true).since(&earlier);
        // Linux has told these since long before what the engine asks for.
        assert!(disturbance.stolen_s.is_some_and(|stolen| stolen >= 0.0), "{disturbance:?}");
        assert!(disturbance.waited_s.is_none_or(|waited| waited >= 0.0), "{disturbance:?}");
    }
}
