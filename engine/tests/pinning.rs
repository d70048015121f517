//! Where workers run: never two engines on one CPU, or where the user says.
//!
//! Claims on CPUs are seen within a network namespace, so each test is carried out in one of its
//! own: other engines on this machine have claims, too.

mod support;

use gristmill::{Engine, Error, Pin};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use support::processes::{
    children_of, in_namespaces, output_if_permitted, part, skipped, succeeds, this_binary,
};

/// The CPUs that a process may run on.
fn allowed(pid: i32) -> Vec<usize> {
    let mask = sched_getaffinity(Pid::from_raw(pid)).unwrap();
    (0..CpuSet::count()).filter(|&cpu| mask.is_set(cpu).unwrap()).collect()
}

fn with(workers: usize, pin: Pin) -> Engine {
    Engine::builder().workers(workers).pin(pin).build().unwrap()
}

/// The CPUs of this engine's workers, in the order of their ranks; asked of the system.
fn cpus_of(workers: &[i32]) -> Vec<Vec<usize>> {
    workers.iter().map(|&pid| allowed(pid)).collect()
}

/// Starts an engine, and says where its workers are: its process had no others before.
fn started(workers: usize, pin: Pin) -> (Engine, Vec<Vec<usize>>) {
    let before = children_of("self");
    let engine = with(workers, pin);
    let own: Vec<i32> =
        children_of("self").into_iter().filter(|pid| !before.contains(pid)).collect();
    assert_eq!(own.len(), workers);
    (engine, cpus_of(&own))
}

/// Runs `test` where no other engine is, given at least two CPUs.
fn alone(name: &str, test: impl FnOnce(&str, &[usize])) {
    let own = allowed(0);
    if own.len() < 2 {
        return skipped("only one CPU is allowed here");
    }
    match part() {
        Some(part) => test(&part, &own),
        None => {
            let mut command = this_binary(name, "first");
            in_namespaces(&mut command, libc::CLONE_NEWNET, || Ok(()));
            output_if_permitted(&mut command).iter().for_each(succeeds);
        }
    }
}

#[test]
fn two_engines_in_one_process_pin_to_different_cpus() {
    alone("two_engines_in_one_process_pin_to_different_cpus", |_, own| {
        let (first, a) = started(1, Pin::Auto);
        let (second, b) = started(1, Pin::Auto);
        assert!(a[0].len() == 1 && b[0].len() == 1 && a != b, "{a:?} {b:?}");
        // When none is free, nobody is pinned, rather than two to one.
        let rest: Vec<_> = (2..own.len()).map(|_| started(1, Pin::Auto)).collect();
        let (_more, c) = started(1, Pin::Auto);
        assert_eq!(c, [own]);
        // A CPU is free again when its engine is gone.
        drop((first, rest));
        let (_again, d) = started(1, Pin::Auto);
        assert!(d[0].len() == 1 && d != b, "{d:?}");
        drop(second);
    });
}

#[test]
fn two_engines_in_two_processes_pin_to_different_cpus() {
    let name = "two_engines_in_two_processes_pin_to_different_cpus";
    alone(name, |part, _| {
        let (engine, own) = started(1, Pin::Auto);
        if part == "second" {
            println!("\ncpus {own:?}");
            // As long as the first wants it.
            let _ = std::io::stdin().read_line(&mut String::new());
            return;
        }
        let mut second = this_binary(name, "second");
        let mut second = second.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(second.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let other = lines.find_map(|line| line.strip_prefix("cpus ").map(String::from)).unwrap();
        let expected = format!("{own:?}");
        assert!(own[0].len() == 1 && !other.contains(',') && other != expected, "{own:?} {other}");
        second.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(second.wait().unwrap().success());
        drop(engine);
    });
}

#[test]
fn workers_run_on_the_cpus_that_were_named_in_their_order_and_over_again() {
    let name = "workers_run_on_the_cpus_that_were_named_in_their_order_and_over_again";
    alone(name, |_, own| {
        let (_engine, cpus) = started(3, Pin::Cpus(vec![own[1], own[0]]));
        assert_eq!(cpus, [[own[1]], [own[0]], [own[1]]]);
    });
}

#[test]
fn engines_that_choose_by_themselves_keep_off_cpus_that_others_have_named() {
    let name = "engines_that_choose_by_themselves_keep_off_cpus_that_others_have_named";
    alone(name, |_, own| {
        let (_named, cpus) = started(1, Pin::Cpus(vec![own[0]]));
        let (_auto, others) = started(1, Pin::Auto);
        assert!(cpus == [[own[0]]] && others[0].len() == 1 && others != cpus, "{others:?}");
        // Whoever names a CPU means it.
        assert_eq!(started(1, Pin::Cpus(vec![own[0]])).1, [[own[0]]]);
    });
}

#[test]
fn workers_that_are_not_pinned_may_run_everywhere() {
    alone("workers_that_are_not_pinned_may_run_everywhere", |_, own| {
        assert_eq!(started(2, Pin::No).1, [own, own]);
    });
}

#[test]
fn more_workers_than_cpus_go_round_unless_another_engine_has_one() {
    alone("more_workers_than_cpus_go_round_unless_another_engine_has_one", |_, own| {
        let (engine, more) = started(own.len() + 1, Pin::Auto);
        let once = &more[..own.len()];
        assert!(own.iter().all(|&cpu| once.contains(&vec![cpu])), "{more:?}");
        assert_eq!(more.last(), more.first());
        drop(engine);
        let (_other, _) = started(1, Pin::Auto);
        let shared = started(own.len() + 1, Pin::Auto).1;
        assert!(shared.iter().all(|cpus| cpus == own), "{shared:?}");
    });
}

#[test]
fn a_replacement_runs_where_its_predecessor_did() {
    alone("a_replacement_runs_where_its_predecessor_did", |_, _| {
        let (engine, before) = started(1, Pin::Auto);
        let victim = Pid::from_raw(children_of("self")[0]);
        nix::sys::signal::kill(victim, nix::sys::signal::Signal::SIGKILL).unwrap();
        support::processes::wait_until("the death", || engine.stats().deaths == 1);
        let own = engine.tasks().map(|_: u32| std::process::id() as i32, 0..1).unwrap();
        let own: Vec<i32> = own.map(Result::unwrap).collect();
        assert_ne!(own, [victim.as_raw()]);
        assert_eq!(cpus_of(&own), before);
    });
}

#[test]
fn a_cpu_that_is_not_allowed_is_an_error_that_names_it_and_those_that_are() {
    let build = |cpus| Engine::builder().workers(1).pin(Pin::Cpus(cpus)).build();
    let own = allowed(0);
    let error = build(vec![own[0], 70_000, 70_001]).unwrap_err();
    assert!(matches!(error, Error::Start { .. }), "{error}");
    let said = format!("to CPUs {},70000,70001, but this process may not use 70000-70001", own[0]);
    assert!(error.to_string().contains(&said), "{error}");
    assert!(error.to_string().contains("it may use "), "{error}");
}
