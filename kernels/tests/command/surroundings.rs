//! Strange environments: inherited variables, closed descriptors, low limits.

use super::place::{Answer, MINUTES, Place, may_start};
use super::started::Started;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::os::unix::process::CommandExt;

const SLOPE: &str = "[steps.slope]\nin = \"elevation\"\nsave = \"slope.npy\"\n";

#[test]
fn a_hand_over_that_is_not_for_this_process_is_refused() {
    let place = Place::with_steps(SLOPE);
    for value in ["", "x", "0", "0 1 abc -", "-1 0 0 0", "0 $$ 1234 -", "0 $PPID 1234 0"] {
        place
            .gristmill_after(&format!("export GRISTMILL_WORKER=\"{value}\""), "run job.toml")
            .ends_with(1)
            .prints_nothing()
            .says("GRISTMILL_WORKER is set, but this process did not become a worker")
            .says("unset it");
    }
    // What starts no worker works all the same.
    let garbage = "export GRISTMILL_WORKER=x";
    place.gristmill_after(garbage, "check job.toml").ends_with(0);
    place.gristmill_after(garbage, "kernels").ends_with(0);
    place.gristmill_after(garbage, "info").ends_with(0).says("GRISTMILL_WORKER");
}

/// Nobody learns from outside what a worker was handed, and with the region alone nobody is one.
#[test]
fn a_workers_environment_shows_no_hand_over_and_its_region_makes_no_worker() {
    let place = Place::with_steps(MINUTES);
    let mut job = Started::new(&place, "run job.toml --out o");
    let workers = job.computing_workers(2);
    let variables = std::fs::read(format!("/proc/{}/environ", workers[0])).unwrap();
    let text = String::from_utf8_lossy(&variables).into_owned();
    assert!(text.contains("OMP_NUM_THREADS=1") && !text.contains("GRISTMILL_WORKER"), "{text}");
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", workers[0])).unwrap().flatten();
    let leads_to_region = |path: &std::path::PathBuf| {
        std::fs::read_link(path).is_ok_and(|to| to.to_string_lossy().contains("memfd:gristmill"))
    };
    let region = descriptors.map(|entry| entry.path()).find(leads_to_region).unwrap();
    let forged = format!("export GRISTMILL_WORKER='1 {} 1 - - false 0'", job.pid());
    place
        .gristmill_after(&forged, "run job.toml --out p")
        .ends_with(1)
        .says("GRISTMILL_WORKER is set");
    // Ends as a worker of somebody else, which has nothing to do here, and runs no job.
    let with_region = format!("{forged}; exec <{}", region.display());
    place.gristmill_after(&with_region, "run job.toml --out p").ends_with(0).prints_nothing();
    assert!(!place.has("p/report.json"));
}

#[test]
fn closed_standard_descriptors_do_no_harm() {
    let place = Place::with_steps(SLOPE);
    place.gristmill("run job.toml --out whole").ends_with(0);
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        place.gristmill_after(&format!("exec {closed}"), "run job.toml --out o").ends_with(0);
        assert_eq!(place.hashes("o"), place.hashes("whole"), "{closed}");
    }
    place.gristmill_after("exec <&- >&- 2>&-", "run none.toml").ends_with(2);
}

#[test]
fn few_descriptors_are_a_clear_error_or_enough() {
    let place = Place::with_steps(SLOPE);
    let mut refused = 0;
    for limit in [6, 8, 10, 12, 14, 16, 20, 40] {
        let words = "run job.toml --out o --workers 2 --quiet";
        let answer = place.gristmill_after(&format!("ulimit -n {limit}"), words);
        if answer.err.is_empty() {
            answer.ends_with(0);
            continue;
        }
        refused += 1;
        let answer = answer.ends_with(1).prints_nothing().says("Too many open files");
        // A start that failed left nothing unfinished.
        let started = !answer.err.contains("cannot start");
        let fresh = if started { " --fresh" } else { "" };
        place.gristmill(&format!("{words}{fresh}")).ends_with(0);
    }
    assert!((1..8).contains(&refused), "{refused}");
}

/// How many are too few depends on what else this user runs.
#[test]
fn too_few_processes_are_a_clear_error_and_leave_nothing() {
    let place = Place::with_steps(SLOPE);
    let mut refused = 0;
    let enough = (1..100_000).find(|&limit| {
        let mut command = place.command_of_a_bound_user("run job.toml --out o --workers 2 --quiet");
        // SAFETY: system calls alone, as is allowed between fork and exec.
        unsafe { command.pre_exec(move || limit_processes(limit)) };
        let answer = Answer::of(&mut command);
        if answer.err.is_empty() {
            answer.ends_with(0);
            return true;
        }
        refused += 1;
        answer.ends_with(1).prints_nothing().says("`ulimit -u`");
        assert!(!place.has("o"), "{:?}", place.names("o"));
        false
    });
    assert!(refused > 0 && enough.is_some());
}

fn limit_processes(soft: u64) -> std::io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NPROC)?;
    Ok(setrlimit(Resource::RLIMIT_NPROC, soft.min(hard), hard)?)
}

/// How much the program itself needs changes with it, so the limit is sought just below which it
/// does not suffice.
#[test]
fn a_tight_limit_of_address_space_is_refused_before_anything_starts_or_is_enough() {
    let place = Place::with_steps(SLOPE);
    // The executable itself takes some, more without optimisation.
    let after = |limit: u32, words| place.gristmill_after(&format!("ulimit -v {limit}"), words);
    let mut limits = (40_000..200_000).step_by(1000);
    let starts = limits.find(|limit| after(*limit, "--version").out.starts_with("gristmill"));
    let starts = starts.expect("it starts in 200 MB of address space") + 5000;
    let mut refused = 0;
    let enough = (starts..200_000).step_by(1000).find(|limit| {
        let answer = after(*limit, "run job.toml --quiet");
        if answer.err.is_empty() {
            answer.ends_with(0);
            return true;
        }
        refused += 1;
        let answer = answer.ends_with(2).prints_nothing();
        answer.says("needs 6.12 MiB of memory").says("expected at most ").says("RLIMIT_AS");
        assert!(!place.has("out"));
        false
    });
    assert!(refused > 0 && enough.is_some());
}

/// Two arrays of 61 MiB take 62 each in huge pages, and the engine 4 and its control block 4 more: a
/// region of 132 MiB, which is half of the address space, or a quarter.
#[test]
fn a_limit_of_address_space_suffices_from_the_number_on_that_the_check_says() {
    let place = Place::with_steps("[inputs.x]\nfile = \"x.npy\"\n[steps.copy]\nin = \"x\"\n");
    place.sparse_array("x.npy", 61 << 20);
    for (words, enough) in [("", 132 * 2 * 1024), ("--fence", 132 * 4 * 1024)] {
        let words = format!("run job.toml --quiet --workers 2 {words}");
        for too_little in [enough - 1024, enough - 8000, enough - 20_000] {
            let setup = format!("ulimit -v {too_little}");
            let answer = place.gristmill_after(&setup, &words).ends_with(2).prints_nothing();
            let answer =
                answer.says("step `copy` needs 128 MiB of memory: 61.0 MiB for its inputs");
            answer.says("expected at most 1").says("MiB: RLIMIT_AS (`ulimit -v`) allows ");
            assert!(!place.has("out"));
        }
        // Of address space the allocator would otherwise take 64 MiB a thread.
        for limit in [enough, enough + 2048] {
            let setup = format!("export MALLOC_ARENA_MAX=1; ulimit -v {limit}");
            place.gristmill_after(&setup, &words).ends_with(0).says_nothing();
        }
        std::fs::remove_dir_all(place.path("out")).unwrap();
    }
}

/// The region does not take the whole limit: the rest of the process needs some of it.
#[test]
fn a_generous_limit_of_address_space_is_enough() {
    let place = Place::with_steps(SLOPE);
    place.gristmill_after("ulimit -v 4000000", "run job.toml").ends_with(0);
}

#[test]
fn an_environment_without_anything_is_enough() {
    let place = Place::with_steps(SLOPE);
    let mut command = place.command(&["run", "job.toml", "--out", "o", "--quiet"]);
    let status = command.env_clear().status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_program_may_be_deleted_while_it_runs() {
    // Workers are started from /proc/self/exe, so also those that replace dead ones.
    let place = Place::with_steps(super::place::SECONDS);
    let own = place.path("gristmill");
    std::fs::copy(env!("CARGO_BIN_EXE_gristmill"), &own).unwrap();
    let mut job = Started::of(&place, &own, "run job.toml --out o");
    let workers = job.computing_workers(2);
    std::fs::remove_file(&own).unwrap();
    super::started::send(workers[0], nix::sys::signal::Signal::SIGKILL);
    assert_eq!(job.end().code(), Some(0), "{}", job.messages());
    assert_eq!(place.report("o")["steps"][0]["deaths"], 1);
}

/// On one CPU, and by way of whoever starts it, the same files come out as ever.
#[test]
fn the_same_files_come_out_on_one_cpu_and_in_a_pid_namespace() {
    let place = Place::with_steps(super::place::SHORT);
    place.gristmill("run job.toml --out whole --workers 2").ends_with(0);
    let allowed = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = allowed.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    let first = list.trim().split([',', '-']).next().unwrap();
    let on_one = format!("taskset -c {first}");
    for starter in [on_one.as_str(), "unshare --pid --fork", "unshare --pid --fork --mount-proc"] {
        if !may_start(starter) {
            continue;
        }
        let out = starter.replace([' ', '-', ','], "");
        place.gristmill_under(starter, &format!("run job.toml --out {out}")).ends_with(0);
        assert_eq!(place.hashes(&out), place.hashes("whole"), "{starter}");
        if starter == on_one {
            assert_eq!(place.report(&out)["workers"], 1);
        }
    }
}

#[test]
fn without_proc_the_error_says_so_and_nothing_is_left() {
    let place = Place::with_steps(SLOPE);
    if may_start("unshare --mount") {
        place.file("bare.sh", "mount -t tmpfs none /proc && exec \"$@\"");
        place
            .gristmill_under("unshare --mount sh bare.sh", "run job.toml --out o")
            .ends_with(1)
            .prints_nothing()
            .says("/proc is not mounted")
            .says("mount -t proc proc /proc");
        assert!(!place.has("o"), "{:?}", place.names("o"));
    }
}

#[test]
fn thirty_two_descriptors_are_enough_for_two_workers_and_for_eight_a_clear_error_or_enough() {
    let place = Place::with_steps(SLOPE);
    // The soft limit alone is raised.
    for setup in ["ulimit -S -n 32", "ulimit -n 32"] {
        place.gristmill_after(setup, "run job.toml --out o --workers 2").ends_with(0);
    }
    place.gristmill_after("ulimit -S -n 32", "run job.toml --out o --workers 8").ends_with(0);
    let answer = place.gristmill_after("ulimit -n 32", "run job.toml --out p --workers 8 --quiet");
    if answer.err.is_empty() {
        answer.ends_with(0);
    } else {
        answer.ends_with(1).prints_nothing().says("Too many open files");
    }
}
