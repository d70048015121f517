//! `gristmill replay`, in a program with kernels of its own that crash: the chunk runs alone, on the
//! same data, in the foreground or under a debugger.
//!
//! Without a harness: started again by itself with a variable set, this program is the command.

use gristmill::{Array, Chunk, Engine, InOut, JobKernel, JobPlan, JobScalar, Kernel, Out, Param};
use gristmill::{In, Result, Shapes};
use ndarray::Ix2;
use serde::{Deserialize, Serialize};
use std::process::{Command, ExitCode};

const AS_COMMAND: &str = "REPLAY_IS_THE_COMMAND";
/// Set for runs in which nothing shall crash.
const CALM: &str = "REPLAY_IS_CALM";

/// Set for runs in which a chunk writes far beyond its own piece.
const STRAYS: &str = "REPLAY_STRAYS";

#[inline(never)]
fn fall_over(sum: f64) {
    println!("the sum is {sum}");
    eprintln!("about to fall over");
    if std::env::var_os(CALM).is_none() {
        std::process::abort();
    }
}

/// A copy; one chunk falls over.
#[derive(Serialize, Deserialize)]
struct Fragile {}

impl Kernel for Fragile {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (from, to): (&[f64], &mut [f64])) {
        to.copy_from_slice(from);
        if chunk.index() == 17 {
            if std::env::var_os(STRAYS).is_some() {
                // SAFETY: none; behind fences it is stopped, which is what the test looks for.
                unsafe { to.as_mut_ptr().add(20_000).write_volatile(0.0) };
            }
            fall_over(from.iter().sum());
        } else if std::env::var_os("REPLAY_TELLS").is_some() {
            println!("another chunk");
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        1000
    }
}

impl JobKernel for Fragile {
    const SUMMARY: &'static str = "a copy that falls over";
    const ARRAYS: &'static [&'static str] = &["x"];

    fn params() -> Vec<Param> {
        vec![]
    }
}

/// A copy; one chunk takes its time.
#[derive(Serialize, Deserialize)]
struct Slow {}

impl Kernel for Slow {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (from, to): (&[f64], &mut [f64])) {
        if chunk.index() == 5 {
            std::thread::sleep(std::time::Duration::from_secs(2));
        }
        to.copy_from_slice(from);
    }

    fn grain(&self, _: &Shapes) -> usize {
        1000
    }
}

impl JobKernel for Slow {
    const SUMMARY: &'static str = "a copy that takes its time";
    const ARRAYS: &'static [&'static str] = &["x"];

    fn params() -> Vec<Param> {
        vec![]
    }
}

/// x += 1; falls over at the seventh time, as the data say.
#[derive(Serialize, Deserialize)]
struct Grow;

impl Kernel for Grow {
    type Args = InOut<f64>;
    type Output = ();

    fn run(&self, chunk: Chunk, x: &mut [f64]) {
        if chunk.index() == 3 && x[0] == 6.0 {
            fall_over(x.iter().sum());
        }
        x.iter_mut().for_each(|x| *x += 1.0);
    }

    fn grain(&self, _: &Shapes) -> usize {
        1000
    }
}

/// Zeros that grow ten times: twice by launches of their own, then in a loop.
#[derive(Deserialize)]
struct Growth {}

impl JobPlan for Growth {
    type Element = f64;
    type Dim = Ix2;
    const SUMMARY: &'static str = "numbers that grow";
    const ARRAY: &'static str = "x";
    const SPARE_ARRAYS: usize = 0;

    fn chunks(&self, shape: &[usize]) -> u64 {
        shape.iter().product::<usize>().div_ceil(1000) as u64
    }

    fn steps_max(&self) -> u64 {
        10
    }

    fn run(&self, engine: &Engine, x: &mut Array<f64, Ix2>) -> Result<Vec<JobScalar>> {
        x.as_mut_slice().fill(0.0);
        engine.run(&Grow, &mut *x)?;
        engine.run(&Grow, &mut *x)?;
        engine.plan(|p| {
            let mut x = p.write(x);
            p.repeat(8, |p| p.step(&Grow, &mut x));
        })?;
        Ok(vec![])
    }
}

fn main() -> ExitCode {
    if std::env::var_os(AS_COMMAND).is_some() {
        let registry = gristmill_kernels::registry();
        let registry = registry.add::<Fragile>("fragile").add::<Slow>("slow");
        let registry = registry.add_plan::<Growth>("growth");
        return gristmill::cli::main(&registry);
    }
    let place = Place::after_a_run();
    the_chunk_runs_alone_and_its_death_is_told(&place);
    a_chunk_that_does_not_die_again_is_said_so(&place);
    a_chunk_that_was_slow_is_told_from_one_that_hangs(&place);
    a_plan_is_redone_up_to_the_very_step(&place);
    a_debugger_sees_the_chunk_fall_over(&place);
    a_debugger_that_does_not_attach_is_an_error(&place);
    what_cannot_be_replayed_is_refused(&place);
    a_fenced_run_is_replayed_behind_fences(&place);
    a_changed_input_is_replayed_on_demand(&place);
    a_changed_job_is_replayed_on_demand(&place);
    println!("replay: 10 scenarios passed");
    ExitCode::SUCCESS
}

/// A folder in which a job has run whose chunks were given up.
struct Place(tempfile::TempDir);

#[derive(Debug)]
struct Answer {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn after_a_run() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let terrain = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/terrain.npy");
        std::fs::copy(terrain, place.0.path().join("terrain.npy")).unwrap();
        let job = "format = 1\nname = \"t\"\n[inputs.e]\nfile = \"terrain.npy\"\ncast = \"f64\"\n\
             [steps.copy]\nin = \"e\"\nsave = \"copy.npy\"\n\
             [steps.unneeded]\nin = \"e\"\nkernel = \"copy\"\nsave = \"unneeded.npy\"\n\
             [steps.fragile]\nin = \"copy\"\nsave = \"fragile.npy\"\n\
             [steps.growth]\nin = \"copy\"\nsave = \"growth.npy\"\n\
             [steps.slow]\nin = \"copy\"\ndeadline = \"100ms\"\n";
        std::fs::write(place.0.path().join("job.toml"), job).unwrap();
        let answer = place.command("run job.toml --out o --workers 2", &[]);
        assert_eq!(answer.status, Some(1), "{answer:#?}");
        place
    }

    fn command(&self, words: &str, variables: &[&str]) -> Answer {
        let words: Vec<&str> = words.split(' ').collect();
        self.command_of(&words, variables)
    }

    fn command_of(&self, words: &[&str], variables: &[&str]) -> Answer {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(words).current_dir(self.0.path()).env(AS_COMMAND, "1");
        command.envs(variables.iter().map(|variable| (variable, "1")));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn the_chunk_runs_alone_and_its_death_is_told(place: &Place) {
    let before = std::fs::read_dir(place.0.path().join("o")).unwrap().count();
    for report in ["o", "o/report.json"] {
        let answer = place.command(&format!("replay {report} 17"), &["REPLAY_TELLS"]);
        assert_eq!(answer.status, Some(1), "{answer:#?}");
        // Straight from the worker: without its rank before it.
        assert!(answer.out.starts_with("the sum is "), "{answer:#?}");
        assert_eq!(answer.out.lines().count(), 1, "no other chunk ran: {answer:#?}");
        for said in [
            "chunk 17 (indices 17000..18000) of step `fragile` runs in worker ",
            "\nabout to fall over\n",
            "was killed by SIGABRT",
        ] {
            assert!(answer.err.contains(said), "{said}: {answer:#?}");
        }
    }
    let after = std::fs::read_dir(place.0.path().join("o")).unwrap().count();
    assert_eq!(before, after, "nothing is written");
}

fn a_chunk_that_does_not_die_again_is_said_so(place: &Place) {
    let answer = place.command("replay o 17 --step fragile --workers 1", &[CALM]);
    assert_eq!(answer.status, Some(0), "{answer:#?}");
    assert!(answer.err.contains("came to its end this time"), "{answer:#?}");
}

fn a_chunk_that_was_slow_is_told_from_one_that_hangs(place: &Place) {
    let answer = place.command("replay o 5", &[]);
    assert_eq!(answer.status, Some(0), "{answer:#?}");
    assert!(answer.err.contains("of step `slow` came to its end after 2."), "{answer:#?}");
    let said = " s, without the deadline of 0.1 s: it is slow, not hung";
    assert!(answer.err.contains(said), "{answer:#?}");
}

fn a_plan_is_redone_up_to_the_very_step(place: &Place) {
    let report = std::fs::read_to_string(place.0.path().join("o/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let growth = &report["poisoned"][1];
    assert_eq!((&growth["launches_before"], &growth["steps_before"]), (&2.into(), &4.into()));
    let answer = place.command("replay o 3", &[]);
    assert_eq!(answer.status, Some(1), "{answer:#?}");
    assert!(answer.out == "the sum is 6000\n" && answer.err.contains("SIGABRT"), "{answer:#?}");
}

fn a_debugger_sees_the_chunk_fall_over(place: &Place) {
    if Command::new("gdb").arg("--version").output().is_err() {
        eprintln!("replay: skipped: there is no gdb here");
        return;
    }
    let gdb = "gdb -batch -nx -ex continue -ex bt";
    let answer = place.command_of(&["replay", "o", "17", "--debugger", gdb], &[]);
    if answer.err.contains("ended without attaching") {
        eprintln!("replay: skipped: gdb cannot attach to processes here: {}", answer.err);
        return;
    }
    assert_eq!(answer.status, Some(0), "{answer:#?}");
    for shown in ["SIGABRT", "fall_over", "Fragile"] {
        assert!(answer.out.contains(shown), "{shown}: {answer:#?}");
    }
    assert!(answer.err.contains("the debugger has ended"), "{answer:#?}");
}

fn a_debugger_that_does_not_attach_is_an_error(place: &Place) {
    for debugger in ["true", "there-is-no-such-debugger"] {
        let answer = place.command_of(&["replay", "o", "17", "--debugger", debugger], &[]);
        assert_eq!(answer.status, Some(1), "{answer:#?}");
        assert!(answer.err.contains("ended without attaching"), "{answer:#?}");
        assert!(answer.out.is_empty(), "it was not run: {answer:#?}");
    }
}

fn what_cannot_be_replayed_is_refused(place: &Place) {
    for (words, said) in [
        ("replay o 16", "no such chunk was given up; those of the report are\n  17 --step fragile"),
        ("replay o 17 --step growth", "no such chunk was given up"),
        ("replay job.toml 17", "is no report"),
        ("replay nowhere 17", "cannot read nowhere"),
        ("replay o", "CHUNK"),
    ] {
        let answer = place.command(words, &[]);
        assert_eq!(answer.status, Some(2), "{answer:#?}");
        assert!(answer.err.contains(said), "{said}: {answer:#?}");
    }
}

fn a_fenced_run_is_replayed_behind_fences(place: &Place) {
    let run = place.command("run job.toml --out fenced --workers 2 --fence", &[STRAYS]);
    assert_eq!(run.status, Some(1), "{run:#?}");
    let answer = place.command("replay fenced 17", &[STRAYS]);
    assert_eq!(answer.status, Some(1), "{answer:#?}");
    assert!(answer.err.contains("a stray write stopped by the fence"), "{answer:#?}");
}

fn a_changed_input_is_replayed_on_demand(place: &Place) {
    let file = place.0.path().join("terrain.npy");
    std::fs::write(&file, std::fs::read(&file).unwrap()).unwrap();
    let answer = place.command("replay o 17", &[]);
    assert_eq!(answer.status, Some(2), "{answer:#?}");
    let said = answer.err.contains("terrain.npy has been changed since that run");
    assert!(said, "{answer:#?}");
    assert_eq!(place.command("replay o 17 --force", &[]).status, Some(1));
}

fn a_changed_job_is_replayed_on_demand(place: &Place) {
    let file = place.0.path().join("job.toml");
    let job = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, job + "# changed\n").unwrap();
    let answer = place.command("replay o 17", &[]);
    assert_eq!(answer.status, Some(2), "{answer:#?}");
    assert!(answer.err.contains("has been changed since that run"), "{answer:#?}");
    let answer = place.command("replay o 17 --force", &[]);
    assert_eq!(answer.status, Some(1), "{answer:#?}");
    assert!(answer.err.contains("SIGABRT"), "{answer:#?}");
}
