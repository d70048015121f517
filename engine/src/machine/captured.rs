//! Reads whole machines from `trees/` and compares with what is plain to see in them. Nothing here
//! depends on the machine that runs the tests, but for one test that reads just that.

use proptest::prelude::*;

use super::trees::*;
use super::*;

const GIB: u64 = 1 << 30;

fn allowed(machine: &Machine) -> Vec<usize> {
    machine.cpus.iter().map(|cpu| cpu.number).collect()
}

fn count(machine: &Machine) -> String {
    machine.worker_count().to_string()
}

/// Level, KiB and CPUs of the caches that data goes through from this CPU.
fn data_caches(machine: &Machine, cpu: usize) -> Vec<(u8, u64, String)> {
    let caches = (1..=4).filter_map(|level| machine.data_cache(cpu, level));
    caches.map(|cache| (cache.level, cache.size_bytes / 1024, cache.cpus.to_string())).collect()
}

fn cache(level: u8, kib: u64, cpus: &str) -> (u8, u64, String) {
    (level, kib, cpus.to_owned())
}

#[test]
fn one_socket() {
    let machine = read(ONE_SOCKET, 0..4);
    assert_eq!(machine.notes, [""; 0]);
    assert_eq!(machine.pin_order(), [0, 1, 2, 3]);
    assert_eq!(count(&machine), "4: affinity mask allows CPUs 0-3");
    for cpu in &machine.cpus {
        assert_eq!((cpu.package, cpu.core, cpu.sibling_rank, cpu.node), (0, cpu.number, 0, 0));
        assert_eq!((cpu.kind, cpu.frequency_khz_max), (None, Some(3_600_000)));
    }
    assert_eq!(
        data_caches(&machine, 2),
        [cache(1, 32, "2"), cache(2, 256, "2"), cache(3, 6144, "0-3")]
    );
    assert_eq!(machine.caches.len(), 13);
    assert!(machine.caches.iter().all(|cache| cache.line_bytes == 64));
    assert_eq!(
        machine.memory_capacity().unwrap().to_string(),
        "16.00 GiB: the machine has no more"
    );
    assert_eq!(
        machine.memory_available().unwrap().to_string(),
        "12.00 GiB: the machine has no more free"
    );
    assert_eq!(machine.huge_pages.anonymous.as_deref(), Some("madvise"));
    assert_eq!(machine.huge_pages.shared.as_deref(), Some("never"));
    assert_eq!(machine.kernel, Some(KernelVersion { major: 6, minor: 1 }));
    assert!(machine.features().iter().all(|feature| feature.present));
}

#[test]
fn the_affinity_mask_restricts() {
    let machine = read(ONE_SOCKET, [1, 3, 77]);
    assert_eq!(allowed(&machine), [1, 3]);
    assert_eq!(count(&machine), "2: affinity mask allows CPUs 1,3");
    assert_eq!(machine.online.to_string(), "0-3");
}

#[test]
fn without_a_mask_an_empty_list_of_cpus_is_none() {
    let mut files = files(ONE_SOCKET);
    let online = files.iter_mut().find(|(path, _)| path.ends_with("cpu/online"));
    online.expect("the tree has one").1.clear();
    let machine = read_files(&files, &[], OtherCounts::default());
    assert_eq!(machine.pin_order(), [0]);
}

#[test]
fn other_counts_decide_if_they_are_least() {
    let with = |num_cpus, available_parallelism| {
        let counts = OtherCounts { num_cpus, available_parallelism };
        count(&read_files(&files(ONE_SOCKET), &[0, 1, 2, 3], counts))
    };
    assert_eq!(with(Some(4), Some(4)), "4: affinity mask allows CPUs 0-3");
    assert_eq!(with(Some(3), Some(4)), "3: num_cpus::get() says so");
    assert_eq!(with(Some(3), Some(2)), "2: std::thread::available_parallelism() says so");
    assert_eq!(with(Some(0), None), "1: num_cpus::get() says so");
}

#[test]
fn two_sockets_with_smt() {
    let machine = read(TWO_SOCKETS_SMT, 0..32);
    assert_eq!(machine.notes, [""; 0]);
    for cpu in &machine.cpus {
        let n = cpu.number;
        assert_eq!(
            (cpu.package, cpu.core, cpu.sibling_rank, cpu.node),
            (n % 16 / 8, n % 8, n / 16, n % 16 / 8)
        );
    }
    assert_eq!(machine.pin_order(), (0..32).collect::<Vec<_>>());
    assert_eq!(count(&machine), "32: affinity mask allows CPUs 0-31");
    let nodes: Vec<_> = machine
        .nodes
        .iter()
        .map(|node| (node.id, node.cpus.to_string(), node.memory_bytes))
        .collect();
    let expected = |id, cpus: &str| (id, cpus.to_owned(), Some(64 * GIB));
    assert_eq!(nodes, [expected(0, "0-7,16-23"), expected(1, "8-15,24-31")]);
    let level_3 = cache(3, 24 * 1024, "8-15,24-31");
    assert_eq!(data_caches(&machine, 25), [cache(1, 48, "9,25"), cache(2, 1280, "9,25"), level_3]);
    assert_eq!(machine.caches.len(), 3 * 16 + 2);
    let missing: Vec<_> =
        machine.features().into_iter().filter(|feature| !feature.present).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(
        (missing[0].name, missing[0].fallback),
        ("MADV_COLLAPSE", "touching pages one by one, without huge pages")
    );
}

#[test]
fn a_package_is_filled_before_the_next_one_and_cores_before_siblings() {
    let machine = read(TWO_SOCKETS_SMT, [31, 8, 24, 0, 1, 17, 16]);
    assert_eq!(machine.pin_order(), [0, 1, 8, 31, 16, 17, 24]);
}

#[test]
fn a_cpuset_restricts() {
    let machine = read(CPUSET, 0..8);
    assert_eq!(machine.notes, [""; 0]);
    assert_eq!(count(&machine), "4: cpuset of cgroup /pod allows CPUs 1-2,5,7");
    let ranks: Vec<_> = machine.cpus.iter().map(|cpu| (cpu.number, cpu.sibling_rank)).collect();
    assert_eq!(ranks, [(1, 0), (2, 0), (5, 1), (7, 0)]);
    assert_eq!(machine.pin_order(), [1, 2, 7, 5]);
}

#[test]
fn a_cpuset_and_the_affinity_mask_restrict_together() {
    let machine = read(CPUSET, [0, 1, 2, 3, 4]);
    assert_eq!(count(&machine), "2: affinity mask and cpusets together allow CPUs 1-2");
    assert_eq!(machine.pin_order(), [1, 2]);
}

#[test]
fn a_cpuset_that_excludes_the_whole_mask_is_not_believed() {
    let machine = read(CPUSET, [0, 4]);
    assert_eq!(allowed(&machine), [0, 4]);
    assert_eq!(machine.worker_count().workers, 2);
    assert!(machine.notes[0].contains("exclude each other"), "{:?}", machine.notes);
}

#[test]
fn an_ancestors_quota_and_memory_limit_count() {
    let machine = read(NESTED_QUOTA, 0..8);
    assert_eq!(
        count(&machine),
        "2: cgroup /a.slice/b.service allows 2.5 CPUs (cpu.max 250000 100000)"
    );
    assert_eq!(machine.cpus.len(), 8);
    let capacity = machine.memory_capacity().unwrap();
    assert_eq!(capacity.bytes, 4 * GIB);
    assert_eq!(
        capacity.to_string(),
        "4.00 GiB: cgroup /a.slice/b.service allows 4.00 GiB (memory.max)"
    );
    let available = machine.memory_available().unwrap();
    assert_eq!(available.bytes, GIB);
    let expected = "1.00 GiB: cgroup /a.slice allows 8.00 GiB (memory.max) and 7.00 GiB is in use";
    assert_eq!(available.to_string(), expected);
    let own: Vec<_> = machine.memory.available.iter().map(|bound| bound.bytes / GIB).collect();
    assert_eq!(own, [24, 2, 1], "a file page that nobody has used of late is not in use");
}

#[test]
fn a_container_under_version_1() {
    let machine = read(V1_CONTAINER, 0..8);
    assert_eq!(machine.notes, [""; 0]);
    assert_eq!(allowed(&machine), [0, 1, 2, 3, 4, 5]);
    let expected =
        "3: cgroup /docker/0001 allows 3.5 CPUs (cpu.cfs_quota_us 175000, cpu.cfs_period_us 50000)";
    assert_eq!(count(&machine), expected);
    let capacity = machine.memory_capacity().unwrap().to_string();
    let expected = "cgroup /docker/0001 allows 6.00 GiB (memory.stat: hierarchical_memory_limit)";
    assert_eq!(capacity, format!("6.00 GiB: {expected}"));
    assert_eq!(machine.memory_available().unwrap().bytes, 14 * GIB);
    let features = machine.features();
    let too_old: Vec<_> =
        features.iter().filter(|feature| !feature.present && feature.since <= KERNEL_MIN).collect();
    assert_eq!(too_old.len(), 2, "4.18 has neither pidfd_open nor waitid(P_PIDFD)");
}

#[test]
fn half_a_core_is_one_worker() {
    let quota = ("a.slice/b.service/cpu.max", "50000 100000");
    let mut files = files(NESTED_QUOTA);
    let file = files.iter_mut().find(|(path, _)| path.ends_with(quota.0)).expect(quota.0);
    file.1 = quota.1.into();
    let machine = read_files(&files, &[0, 1, 2, 3, 4, 5, 6, 7], OtherCounts::default());
    let said = "1: cgroup /a.slice/b.service allows 0.5 CPUs (cpu.max 50000 100000)";
    assert_eq!(count(&machine), said);
}

#[test]
#[cfg(feature = "cli")]
fn the_narrowest_quota_is_a_number_of_cpus() {
    assert_eq!(read(NESTED_QUOTA, 0..8).quota_cpus(), Some(2.5));
    assert_eq!(read(V1_CONTAINER, 0..8).quota_cpus(), Some(3.5));
    assert_eq!(read(CAPTURED_V1_AND_V2, 0..2).quota_cpus(), None);
}

#[test]
#[cfg(feature = "cli")]
fn last_caches_are_each_counted_once() {
    assert_eq!(read(ONE_SOCKET, 0..4).last_cache_bytes(), 6 << 20);
    assert_eq!(read(TWO_SOCKETS_SMT, 0..32).last_cache_bytes(), 2 * (24 << 20));
    assert_eq!(read(TWO_SOCKETS_SMT, 8..16).last_cache_bytes(), 24 << 20);
    assert_eq!(read(BARE, [0, 3]).last_cache_bytes(), 0);
}

#[test]
fn hybrid_cores() {
    let machine = read(HYBRID, 0..12);
    assert_eq!(machine.notes, [""; 0]);
    assert_eq!(machine.pin_order(), [0, 2, 4, 6, 8, 9, 10, 11, 1, 3, 5, 7]);
    for cpu in &machine.cpus {
        let kind = if cpu.number < 8 { CoreKind::Performance } else { CoreKind::Efficiency };
        assert_eq!(cpu.kind, Some(kind), "CPU {}", cpu.number);
    }
    assert_eq!(count(&machine), "12: affinity mask allows CPUs 0-11");
    assert_eq!(data_caches(&machine, 9)[1], cache(2, 2048, "8-11"));
    let capacity = machine.memory_capacity().unwrap().to_string();
    assert_eq!(capacity, "8.00 GiB: RLIMIT_AS allows 8.00 GiB of address space");
    let available = machine.memory_available().unwrap();
    assert_eq!(available.bytes, 8 * GIB - (128 << 20));
    assert!(
        available.to_string().ends_with(" of address space and 128.00 MiB is in use"),
        "{available}"
    );
}

#[test]
fn big_and_little_cores_tell_by_capacity() {
    let machine = read(BIG_LITTLE, 0..8);
    assert_eq!(machine.pin_order(), [4, 5, 6, 7, 0, 1, 2, 3]);
    assert_eq!(machine.cpus[3].kind, Some(CoreKind::Efficiency));
    assert_eq!(machine.cpus[7].kind, Some(CoreKind::Performance));
    let big = read(BIG_LITTLE, 4..8);
    assert!(
        big.cpus.iter().all(|cpu| cpu.kind.is_none()),
        "those that are allowed are of one kind"
    );
}

#[test]
fn without_sys_and_proc_the_affinity_mask_is_all_there_is() {
    let machine = read(BARE, [0, 3]);
    let cores: Vec<_> = machine
        .cpus
        .iter()
        .map(|cpu| (cpu.number, cpu.package, cpu.core, cpu.sibling_rank))
        .collect();
    assert_eq!(cores, [(0, 0, 0, 0), (3, 0, 3, 0)]);
    assert_eq!(machine.pin_order(), [0, 3]);
    assert_eq!(count(&machine), "2: affinity mask allows CPUs 0,3");
    assert_eq!((machine.nodes.len(), machine.nodes[0].cpus.to_string()), (1, "0,3".to_owned()));
    assert_eq!((machine.memory_capacity(), machine.memory_available()), (None, None));
    assert_eq!((machine.kernel, machine.caches.len()), (None, 0));
    assert_eq!(machine.notes.len(), 7, "{:#?}", machine.notes);
}

#[test]
fn without_anything_there_is_still_one_cpu() {
    let machine = read(BARE, []);
    assert_eq!(machine.pin_order(), [0]);
    assert_eq!(machine.worker_count().workers, 1);
}

#[test]
fn a_captured_machine_with_both_versions() {
    let machine = read(CAPTURED_V1_AND_V2, 0..2);
    assert_eq!(machine.notes, [""; 0]);
    assert_eq!(machine.pin_order(), [0, 1]);
    assert_eq!(count(&machine), "2: affinity mask allows CPUs 0-1");
    let expected = [cache(1, 32, "1"), cache(2, 1024, "1"), cache(3, 32768, "0-1")];
    assert_eq!(data_caches(&machine, 1), expected);
    assert_eq!(machine.memory_capacity().unwrap().bytes, 24_684_096 * 1024);
    assert_eq!(machine.memory_available().unwrap().bytes, 24_356_632 * 1024);
    assert_eq!(machine.memory.capacity.len(), 1, "the greatest number is no limit");
}

#[test]
fn this_machine_can_be_read() {
    let machine = Machine::here();
    let mut order = machine.pin_order();
    order.sort_unstable();
    assert_eq!(order, allowed(&machine));
    let workers = machine.worker_count().workers;
    assert!((1..=num_cpus::get()).contains(&workers), "{}", machine.worker_count());
    assert!(machine.memory_available().is_some() && Memory::here().capacity().is_some());
    assert!(machine.kernel >= Some(KERNEL_MIN));
}

/// What a broken, foreign or hostile file may hold.
fn odd_content() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("-1".to_owned()),
        Just("0 0".to_owned()),
        Just("18446744073709551615".to_owned()),
        Just("MemTotal: 99999999999999999999 kB".to_owned()),
        Just("0-4294967295".to_owned()),
        "\\PC{0,40}",
        "[0-9a-z:,/ \\-\\.\n]{0,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn odd_files_never_panic(
        tree in 0..ALL.len(),
        odd in prop::collection::vec((any::<prop::sample::Index>(), odd_content()), 1..20),
        affinity in prop::collection::vec(0_usize..40, 0..6),
    ) {
        let mut files = files(ALL[tree]);
        if !files.is_empty() {
            for (index, content) in odd {
                let index = index.index(files.len());
                files[index].1 = content;
            }
        }
        let machine = read_files(&files, &affinity, OtherCounts::default());
        prop_assert!(machine.worker_count().workers >= 1);
        prop_assert!(!machine.nodes.is_empty());
        let order = machine.pin_order();
        prop_assert!(!order.is_empty());
        prop_assert!(affinity.is_empty() || order.iter().all(|cpu| affinity.contains(cpu)));
        let _ = (machine.memory_capacity().map(ToString::to_string), machine.features());
    }
}
