//! Hostile surroundings: few CPUs, few descriptors, few processes, no files where they should be.
//! What can be borne is borne with the same bits; the rest is an error that says what to do.

mod support;

use gristmill::{Engine, Error};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::path::Path;
use support::processes::{
    as_nobody, children_of, copy_for_everybody, is_root, of_binary, part, skipped, succeeds,
    this_binary, wait_until,
};
use support::{Fuse, MapWithFuse, engine};

/// Works as ever: a map, and a death in the middle of another.
#[track_caller]
fn works(engine: &Engine) {
    let folder = tempfile::tempdir().unwrap();
    let x = engine.from_fn(100_000, |i| i as f64).unwrap();
    let mut y = engine.zeros(100_000).unwrap();
    for times in [0, 1] {
        let fuse = Fuse::of_times(&folder, "map", times);
        engine.run(&MapWithFuse { fuse: fuse.clone(), chunk: 1 }, (&x, &mut y)).unwrap();
        assert_eq!(fuse.burnt(), times);
        assert!(x.as_slice().iter().zip(y.as_slice()).all(|(x, y)| *y == 3.0 * x + 1.0));
    }
}

#[test]
fn one_cpu_allowed_is_one_worker_and_more_share_it() {
    if part().is_some() {
        let one = Engine::new().unwrap();
        assert_eq!(one.workers(), 1);
        works(&one);
        works(&engine(3));
        return;
    }
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let last = (0..CpuSet::count()).rfind(|&cpu| allowed.is_set(cpu).unwrap()).unwrap();
    let mut command = this_binary("one_cpu_allowed_is_one_worker_and_more_share_it", "run");
    // SAFETY: one system call, as is allowed between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let mut one = CpuSet::new();
            one.set(last)?;
            Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
        });
    }
    succeeds(&command.output().unwrap());
}

/// A cgroup of its own, of either version; removed when dropped.
struct Cgroup(std::path::PathBuf);

impl Cgroup {
    fn with_half_a_core() -> Option<Cgroup> {
        let name = format!("gristmill-test-{}", std::process::id());
        let versions: [(&str, &[(&str, &str)]); 2] = [
            ("/sys/fs/cgroup", &[("cpu.max", "50000 100000")]),
            (
                "/sys/fs/cgroup/cpu",
                &[("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "50000")],
            ),
        ];
        versions.into_iter().find_map(|(root, files)| {
            let group = Cgroup(Path::new(root).join(&name));
            std::fs::create_dir(&group.0).ok()?;
            // Without it this is a folder and no cgroup.
            let is_one = group.0.join("cgroup.procs").exists();
            let set =
                |(file, text): &(&str, &str)| std::fs::write(group.0.join(file), text).is_ok();
            (is_one && files.iter().all(set)).then_some(group)
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn half_a_core_of_a_cgroup_is_one_worker() {
    if part().is_some() {
        let one = Engine::new().unwrap();
        assert_eq!(one.workers(), 1);
        works(&one);
        works(&engine(2));
        return;
    }
    let Some(group) = Cgroup::with_half_a_core() else {
        return skipped("no cgroup with a quota of CPU time can be made here (it needs root)");
    };
    let mut command = this_binary("half_a_core_of_a_cgroup_is_one_worker", "run");
    let processes = std::fs::OpenOptions::new().write(true).open(group.0.join("cgroup.procs"));
    let processes = processes.unwrap();
    // SAFETY: one system call, as is allowed between fork and exec: 0 is the writing process.
    unsafe { command.pre_exec(move || Ok(nix::unistd::write(&processes, b"0").map(drop)?)) };
    succeeds(&command.output().unwrap());
}

#[test]
fn thirty_two_descriptors_are_raised_to_what_is_needed_where_the_hard_limit_allows() {
    if part().is_some() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        for workers in [2, 8] {
            setrlimit(Resource::RLIMIT_NOFILE, 32, hard).unwrap();
            works(&engine(workers));
            let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            assert!((32..128).contains(&soft) && soft <= hard, "{soft}");
        }
        return;
    }
    if getrlimit(Resource::RLIMIT_NOFILE).unwrap().1 < 256 {
        return skipped("the hard limit on descriptors is below 256 here");
    }
    let name = "thirty_two_descriptors_are_raised_to_what_is_needed_where_the_hard_limit_allows";
    succeeds(&this_binary(name, "run").output().unwrap());
}

#[test]
fn thirty_two_descriptors_and_no_more_are_enough_or_a_clear_error() {
    if part().is_some() {
        setrlimit(Resource::RLIMIT_NOFILE, 32, 32).unwrap();
        works(&engine(2));
        for workers in [8, 16] {
            match Engine::builder().workers(workers).build() {
                Ok(engine) if workers == 8 => works(&engine),
                Ok(_) => panic!("{workers} workers and 32 descriptors"),
                Err(error) => {
                    let error = error.to_string();
                    for said in ["may have 32 descriptors", "`ulimit -Hn`", "fewer workers"] {
                        assert!(error.contains(said), "{error}");
                    }
                }
            }
            assert_eq!(children_of("self"), [0; 0]);
        }
        works(&engine(2));
        return;
    }
    let name = "thirty_two_descriptors_and_no_more_are_enough_or_a_clear_error";
    succeeds(&this_binary(name, "run").output().unwrap());
}

/// This binary, run by a user whom limits on processes bind.
fn by_a_bound_user(test: &str, folder: &Path) -> std::process::Command {
    if !is_root() {
        return this_binary(test, "run");
    }
    let mut command = of_binary(&copy_for_everybody(folder), test, "run");
    as_nobody(&mut command);
    command.env("TMPDIR", "/tmp");
    command
}

fn limit_processes(soft: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NPROC).unwrap();
    setrlimit(Resource::RLIMIT_NPROC, soft.min(hard), hard).unwrap();
}

#[test]
fn too_few_processes_are_a_clear_error() {
    if part().is_some() {
        let mut refused = 0;
        // This user may have others.
        let enough = (1..100_000).find(|&limit| {
            limit_processes(limit);
            match Engine::builder().workers(2).build() {
                Ok(_) => return true,
                Err(Error::Start { reason }) => assert!(reason.contains("`ulimit -u`"), "{reason}"),
                Err(error) => panic!("{error}"),
            }
            refused += 1;
            assert_eq!(children_of("self"), [0; 0]);
            false
        });
        assert!(refused > 0 && enough.is_some());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = by_a_bound_user("too_few_processes_are_a_clear_error", folder.path());
    succeeds(&command.output().unwrap());
}

#[test]
fn where_no_replacement_can_be_started_the_others_go_on_and_the_last_death_is_an_error() {
    if part().is_some() {
        let engine = engine(2);
        let x = engine.filled(100_000, 1.0).unwrap();
        limit_processes(1);
        for (deaths, victim) in children_of("self").into_iter().enumerate() {
            assert_eq!(engine.sum(&x).unwrap(), 100_000.0);
            kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
            wait_until("the death", || engine.stats().deaths == deaths as u64 + 1);
        }
        let error = engine.sum(&x).unwrap_err();
        assert!(matches!(error, Error::NoWorkers { .. }), "{error}");
        assert!(error.to_string().contains("`ulimit -u`"), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name =
        "where_no_replacement_can_be_started_the_others_go_on_and_the_last_death_is_an_error";
    succeeds(&by_a_bound_user(name, folder.path()).output().unwrap());
}

#[test]
fn any_of_the_standard_descriptors_may_be_closed() {
    if part().is_some() {
        let engine = engine(2);
        works(&engine);
        let say = |n: u32| {
            println!("line {n}");
            (0..3).all(|fd| Path::new(&format!("/proc/self/fd/{fd}")).exists())
        };
        assert!(engine.tasks().map(say, 0..4).unwrap().all(Result::unwrap));
        return;
    }
    for closed in 1..8 {
        let mut command = this_binary("any_of_the_standard_descriptors_may_be_closed", "run");
        // SAFETY: close is allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                (0..3).filter(|fd| closed >> fd & 1 == 1).for_each(|fd| {
                    libc::close(fd);
                });
                Ok(())
            });
        }
        succeeds(&command.output().unwrap());
    }
}

#[test]
fn the_executable_may_be_deleted_or_replaced_while_it_runs() {
    let name = "the_executable_may_be_deleted_or_replaced_while_it_runs";
    if let Some(part) = part() {
        let engine = engine(2);
        let own = std::env::current_exe().unwrap();
        if part == "replaced" {
            let other = own.with_extension("other");
            std::fs::write(&other, "#!/bin/sh\nexit 9\n").unwrap();
            std::fs::rename(other, &own).unwrap();
        } else {
            std::fs::remove_file(&own).unwrap();
        }
        works(&engine);
        assert_eq!((engine.stats().deaths, children_of("self").len()), (1, 2));
        // Another engine, too.
        works(&self::engine(1));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for part in ["deleted", "replaced"] {
        let program = copy_for_everybody(folder.path());
        succeeds(&of_binary(&program, name, part).output().unwrap());
    }
}

#[test]
fn a_file_that_becomes_shorter_before_or_while_it_is_read_is_reported_with_both_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let engine = engine(2);
    const BYTES: u64 = 8 << 20;
    engine.filled(1 << 20, 1.0).unwrap().save_npy(&path).unwrap();
    let offset = path.metadata().unwrap().len() - BYTES;
    let cut = |len: u64| std::fs::OpenOptions::new().write(true).open(&path)?.set_len(len);
    // Nobody reads as long as the workers are stopped.
    let own = engine.tasks().map(
        |_: u32| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            std::process::id() as i32
        },
        0..40,
    );
    let workers: std::collections::BTreeSet<i32> = own.unwrap().map(Result::unwrap).collect();
    let all = |signal| workers.iter().for_each(|&pid| kill(Pid::from_raw(pid), signal).unwrap());
    all(Signal::SIGSTOP);
    let error = std::thread::scope(|scope| {
        let read = scope.spawn(|| engine.open_npy::<f64, ndarray::Ix1>(&path).unwrap_err());
        wait_until("reading", || engine.progress().is_some());
        cut(offset + 1000).unwrap();
        all(Signal::SIGCONT);
        read.join().unwrap().to_string()
    });
    let said = format!("declares {BYTES} bytes of data from byte {offset} on, and 1000 are left");
    assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
    assert!(error.contains("became shorter while it was read") && error.contains(&said), "{error}");
    // Before: already the header does not fit.
    let error = engine.open_npy::<f64, ndarray::Ix1>(&path).unwrap_err().to_string();
    assert!(error.contains(&BYTES.to_string()) && error.contains("1000"), "{error}");
    assert_eq!((engine.stats().deaths, workers.is_empty()), (0, false));
}
