//! Child processes. The cases of CPython's `_TestProcess`, `_TestSubclassingProcess`, `TestNoForkBomb`
//! and `TestStdinBadfiledescriptor` (test/_test_multiprocessing.py) are named where they are mirrored.

mod support;

use gristmill::{Cause, Engine, Error, Event, Namespace, ProcessFailure, Queue, Receiver, Shared};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::{Skipping, engine};

/// A sleep that no test waits for.
fn sleep_long(_: ()) {
    std::thread::sleep(Duration::from_secs(1000));
}

fn death(result: gristmill::Result<()>) -> gristmill::DeathRecord {
    match result {
        Err(Error::Process { reason: ProcessFailure::Died(death), .. }) => *death,
        other => panic!("{other:?}"),
    }
}

/// test_process, test_args_argument, test_process_mainthread_native_id.
#[test]
fn arguments_arrive_and_the_result_comes_back() {
    let engine = engine(0);
    let args: (String, Vec<u8>, BTreeMap<String, f64>) =
        ("name".into(), vec![1, 2, 3], BTreeMap::from([("x".into(), 1.5)]));
    let process = engine.spawn(
        |args: (String, Vec<u8>, BTreeMap<String, f64>)| (args, std::process::id()),
        args.clone(),
    );
    let process = process.unwrap();
    let pid = process.pid();
    assert_eq!(process.join().unwrap(), (args, pid as u32));
    assert_ne!(pid as u32, std::process::id());
}

extern "C" fn do_nothing(_: libc::c_int) {}

/// TestIgnoreEINTR.test_ignore, _TestPollEintr.test_poll_eintr: signals that are handled end no wait.
#[test]
fn a_signal_ends_no_wait() {
    let engine = engine(0);
    let (mut sender, receiver) = engine.pipe::<u32>(4096).unwrap();
    let (queue, event) = (engine.queue::<u32>(2).unwrap(), engine.event().unwrap());
    let [begun, turn] = [(); 2].map(|()| engine.shared(0u32).unwrap());
    type Waits = (Receiver<u32>, Queue<u32>, Event, Shared<u32>, Shared<u32>);
    let wait = |(mut receiver, queue, event, begun, turn): Waits| {
        let handler = nix::sys::signal::SigAction::new(
            nix::sys::signal::SigHandler::Handler(do_nothing),
            nix::sys::signal::SaFlags::empty(),
            nix::sys::signal::SigSet::empty(),
        );
        // SAFETY: the handler does nothing.
        unsafe { nix::sys::signal::sigaction(nix::sys::signal::Signal::SIGUSR1, &handler) }
            .unwrap();
        begun.set(1).unwrap();
        let got = receiver.recv().unwrap() + queue.get().unwrap();
        event.wait();
        got + turn.wait_until(|turn| *turn > 0).unwrap()
    };
    let args = (receiver, queue.clone(), event.clone(), begun.clone(), turn.clone());
    let process = engine.spawn(wait, args).unwrap();
    begun.wait_until(|begun| *begun == 1).unwrap();
    let pid = nix::unistd::Pid::from_raw(process.pid());
    let interrupt = || {
        for _ in 0..20 {
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGUSR1).unwrap();
            std::thread::sleep(Duration::from_micros(200));
        }
    };
    interrupt();
    sender.send(&1).unwrap();
    interrupt();
    queue.put(&10).unwrap();
    interrupt();
    event.set();
    interrupt();
    turn.set(100).unwrap();
    assert_eq!(process.join().unwrap(), 111);
}

/// What has another order in each process can be sent: as an argument, a message, a value, a result.
#[test]
fn hash_maps_arrive() {
    type Counts = HashMap<String, u64>;
    let engine = engine(0);
    let counts: Counts = (0..500).map(|n| (format!("word {n}"), n)).collect();
    let (queue, ns) = (engine.queue::<Counts>(2).unwrap(), engine.namespace(1 << 16).unwrap());
    queue.put(&counts).unwrap();
    ns.set("counts", &counts).unwrap();
    let compare = |(counts, queue, ns): (Counts, Queue<Counts>, Namespace)| {
        let set: HashSet<u64> = counts.values().copied().collect();
        (queue.get().unwrap() == counts && ns.get("counts").unwrap() == Some(counts), set)
    };
    let (alike, set) = engine.spawn(compare, (counts, queue, ns)).unwrap().join().unwrap();
    assert!(alike && set == (0..500).collect());
}

/// test_current, test_active_children, test_exitcode: what is known before, while and after.
#[test]
fn a_process_is_alive_until_it_has_ended() {
    let engine = engine(0);
    let process = engine.process().name("sleeper").spawn(sleep_long, ()).unwrap();
    assert_eq!(
        (process.name(), process.is_alive(), process.exit_status()),
        ("sleeper", true, None)
    );
    assert!(!process.wait_timeout(Duration::from_millis(20)));
    process.kill();
    process.wait();
    assert_eq!((process.is_alive(), process.exit_status()), (false, Some(-9)));
    let returned = engine.spawn(|()| (), ()).unwrap();
    returned.wait();
    assert_eq!(returned.exit_status(), Some(0));
    returned.join().unwrap();
}

/// test_terminate, test_kill, test_forkserver_sigkill, test_interrupt_main.
#[test]
fn it_can_be_ended_at_any_time() {
    let engine = engine(0);
    for (signal, number) in [("SIGTERM", 15), ("SIGKILL", 9)] {
        let process = engine.spawn(sleep_long, ()).unwrap();
        if number == 15 {
            process.terminate()
        } else {
            process.kill()
        }
        let death = death(process.join());
        assert!(matches!(&death.cause, Cause::Signal { name, .. } if name == signal), "{death}");
    }
}

/// test_many_processes: a hundred at once, killed one by one.
#[test]
fn many_at_once() {
    let engine = engine(0);
    let sleepers: Vec<_> = (0..20).map(|_| engine.spawn(sleep_long, ()).unwrap()).collect();
    let adders: Vec<_> = (0..20).map(|n: u32| engine.spawn(|n: u32| n + 1, n).unwrap()).collect();
    for (n, adder) in (0..).zip(adders) {
        assert_eq!(adder.join().unwrap(), n + 1);
    }
    sleepers.iter().for_each(gristmill::Process::terminate);
    for sleeper in sleepers {
        assert!(matches!(death(sleeper.join()).cause, Cause::Signal { number: 15, .. }));
    }
}

/// TestSubclassingProcess.test_sys_exit, test_child_fd_inflation: exit is told as what it is.
#[test]
fn a_call_of_exit_is_a_death_with_its_status() {
    let engine = engine(0);
    for status in [0, 1, 42] {
        let process = engine.spawn(|status: i32| -> () { std::process::exit(status) }, status);
        let process = process.unwrap();
        process.wait();
        assert_eq!(process.exit_status(), Some(status));
        assert_eq!(death(process.join()).cause, Cause::Exit { status });
    }
}

/// TestSubclassingProcess.test_stderr_flush: a traceback names the line.
#[test]
fn a_panic_comes_back_with_message_and_place() {
    let engine = engine(0);
    let process = engine.process().name("thrower").spawn(|n: u32| assert_eq!(n, 4), 3).unwrap();
    process.wait();
    assert_eq!(process.exit_status(), Some(1));
    let Err(Error::Process { name, reason: ProcessFailure::Panicked(panic) }) = process.join()
    else {
        panic!("it panicked")
    };
    assert_eq!((name.as_str(), panic.kernel.as_str()), ("thrower", "process thrower"));
    assert!(panic.message.contains("left: 3") && panic.place.contains("processes.rs"), "{panic}");
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// TestNoForkBomb, and the seed's third lesson: a child has nothing of its parent's but its arguments.
#[test]
fn nothing_is_inherited() {
    let engine = engine(0);
    COUNTER.store(7, Ordering::Relaxed);
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&file);
    let process = engine.spawn(
        |descriptor: i32| {
            let is_open = std::fs::read_link(format!("/proc/self/fd/{descriptor}"))
                .is_ok_and(|path| path.is_file());
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line).unwrap();
            (COUNTER.load(Ordering::Relaxed), is_open, read)
        },
        descriptor,
    );
    assert_eq!(process.unwrap().join().unwrap(), (0, false, 0));
}

/// A recursion as in test_recursion is refused in words: children are the engine's, which is held by
/// one process.
#[test]
fn a_child_cannot_make_an_engine() {
    let engine = engine(0);
    let process = engine.spawn(|()| Engine::new().map(|_| ()).unwrap_err().to_string(), ());
    let told = process.unwrap().join().unwrap();
    assert!(told.contains("a child process asked for an engine"), "{told}");
}

/// _TestConnection.test_missing_fd_transfer's kin: what cannot be sent is an error here, at once.
#[test]
fn what_cannot_be_sent_is_an_error_at_the_sender() {
    let engine = engine(0);
    let args = Skipping { maybe: None, other: 1 };
    let error = engine.spawn(|args: Skipping| args.other, args).unwrap_err();
    assert!(
        matches!(&error, Error::NotPortable { what, .. } if what.contains("Skipping")),
        "{error}"
    );
    let process = engine.spawn(|()| Skipping { maybe: None, other: 1 }, ()).unwrap();
    let Err(Error::Process { reason: ProcessFailure::NotPortable(reason), .. }) = process.join()
    else {
        panic!("such a result cannot be sent")
    };
    assert!(reason.contains("Skipping"), "{reason}");
    assert_eq!(engine.spawn(|x: u8| x, 5).unwrap().join().unwrap(), 5, "the next is not harmed");
}

/// Results of any size; large ones ask for room, whether somebody waits for them or not.
#[test]
fn results_of_any_size() {
    let engine = engine(0);
    let large = |bytes: usize| (0..bytes).map(|at| at as u8).collect::<Vec<u8>>();
    for bytes in [0, 1000, 1024, 1025, 5_000_000] {
        let process =
            engine.spawn(|bytes: usize| (0..bytes).map(|at| at as u8).collect::<Vec<u8>>(), bytes);
        let process = process.unwrap();
        while process.is_alive() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(process.join().unwrap() == large(bytes));
    }
}

#[test]
fn a_result_for_which_there_is_no_memory_is_told() {
    let engine = Engine::builder().workers(0).capacity(32 << 20).build().unwrap();
    let process = engine.spawn(|()| vec![1u8; 100 << 20], ()).unwrap();
    let Err(Error::Process { reason: ProcessFailure::NoRoom(reason), .. }) = process.join() else {
        panic!("it does not fit")
    };
    assert!(reason.contains("out of memory"), "{reason}");
}

#[test]
fn a_process_has_limits() {
    let engine = engine(0);
    let limit = Duration::from_millis(50);
    let late = engine.process().deadline(limit).spawn(sleep_long, ()).unwrap();
    let told = death(late.join());
    assert!(
        matches!(told.cause, Cause::Deadline { limit: l, ran } if l == limit && ran > l),
        "{told}"
    );
    let hungry = engine.process().memory(64 << 20).spawn(
        |()| {
            let block = vec![1u8; 256 << 20];
            std::hint::black_box(&block);
        },
        (),
    );
    let told = death(hungry.unwrap().join());
    assert!(matches!(told.cause, Cause::AllocationFailed { .. }), "{told}");
    let niceness = |()| -> i32 {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().parse().unwrap()
    };
    let nice = engine.process().nice(7).spawn(niceness, ()).unwrap().join().unwrap();
    let base = engine.spawn(niceness, ()).unwrap().join().unwrap();
    assert_eq!(nice, (base + 7).min(19));
    let Err(small) = engine.process().memory(1000).spawn(|()| (), ()) else { panic!("too small") };
    assert!(matches!(small, Error::TooSmall { least: 16_777_216, .. }), "{small}");
    let Err(foreign) = engine.process().pin(100_000).spawn(|()| (), ()) else { panic!("no CPU") };
    assert!(foreign.to_string().contains("100000"), "{foreign}");
}

#[test]
fn a_process_is_pinned() {
    let engine = engine(0);
    let allowed = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
    let cpus = (0..nix::sched::CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap());
    for cpu in cpus.take(4) {
        let process = engine.process().pin(cpu).spawn(
            |()| {
                let here = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
                (0..nix::sched::CpuSet::count()).filter(|cpu| here.is_set(*cpu).unwrap()).collect()
            },
            (),
        );
        let own: Vec<usize> = process.unwrap().join().unwrap();
        assert_eq!(own, [cpu]);
    }
}

/// test_daemon_argument: a process that nobody joins ends with the engine; one that is let go goes on.
#[test]
fn a_process_ends_with_the_engine() {
    let engine = engine(0);
    let held = engine.spawn(sleep_long, ()).unwrap();
    let let_go = engine.spawn(sleep_long, ()).unwrap().pid();
    assert!(std::path::Path::new(&format!("/proc/{let_go}")).exists());
    drop(engine);
    assert_eq!(death(held.join()).cause, Cause::EngineEnded);
    assert!(!std::path::Path::new(&format!("/proc/{let_go}")).exists());
}

/// Places are used again, also those of processes that were let go.
#[test]
fn more_in_a_row_than_fit_at_once() {
    let engine = engine(0);
    for n in 0..520 {
        let process = engine.spawn(|n: u32| n, n).unwrap();
        if n % 100 == 0 {
            assert_eq!(process.join().unwrap(), n);
        } else if n % 2 == 0 {
            process.wait();
        }
    }
}

#[test]
fn beside_workers() {
    let engine = Engine::builder().workers(2).build().unwrap();
    let x = engine.from_fn(100_000, |i| i as f64).unwrap();
    let process = engine.spawn(|n: u64| (0..n).sum::<u64>(), 1000).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), 4_999_950_000.0);
    assert_eq!(process.join().unwrap(), 499_500);
    let killed = engine.spawn(sleep_long, ()).unwrap();
    killed.kill();
    assert_eq!(engine.sum(&x).unwrap(), 4_999_950_000.0);
    killed.wait();
    assert_eq!(engine.stats().deaths, 0, "a child process is no worker");
}

#[test]
fn without_workers_launches_and_tasks_are_refused() {
    let engine = engine(0);
    let x = engine.filled(10, 1.0).unwrap();
    let told = engine.sum(&x).unwrap_err().to_string();
    assert!(told.contains("Builder::workers"), "{told}");
    let mut queue = engine.tasks().queue(|x: u32| x).unwrap();
    assert!(matches!(queue.put(&1), Err(Error::NoWorkers { .. })));
}

/// A killed process is noticed at once, not at some timeout.
#[test]
fn joins_do_not_wait_for_timeouts() {
    let engine = engine(0);
    let since = Instant::now();
    for _ in 0..20 {
        engine.spawn(|()| (), ()).unwrap().join().unwrap();
    }
    // Half a second is the timeout that covers lost wakes.
    assert!(since.elapsed() < Duration::from_millis(500 * 20), "{:?}", since.elapsed());
}

/// What `support::stepping` promises, by which other tests kill at each instruction.
#[test]
fn a_process_dies_before_any_instruction() {
    let engine = engine(0);
    let run = |deadly: u64| {
        support::stepping::die_at(deadly, || {
            (1..100u64).fold(1, |a, b| std::hint::black_box(a ^ b))
        })
    };
    let (value, steps) = engine.spawn(run, u64::MAX).unwrap().join().unwrap();
    assert_eq!(value, (1..100).fold(1, |a, b| a ^ b));
    assert!(steps > 100, "{steps} instructions");
    for deadly in support::stepping::deadly_steps(steps) {
        let process = engine.spawn(run, deadly).unwrap();
        process.wait();
        assert_eq!(process.exit_status(), Some(-9), "instruction {deadly} of {steps}");
    }
}
