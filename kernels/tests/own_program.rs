//! A program with kernels of its own, used through the command line that the engine gives it: they
//! print, panic and crash.
//!
//! Without a harness: started again by itself with a variable set, this program is the command.

use std::process::{Command, ExitCode};

use gristmill::{
    Array, Benchmark, Check, Chunk, Engine, In, JobKernel, Kernel, Out, Outcome, Param, Suite,
};
use ndarray::Ix1;
use serde::{Deserialize, Serialize};

const AS_COMMAND: &str = "OWN_PROGRAM_IS_THE_COMMAND";

/// A copy, and what else happens in one chunk.
#[derive(Serialize, Deserialize)]
struct Eventful {
    what: String,
}

impl Kernel for Eventful {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (from, to): (&[f64], &mut [f64])) {
        to.copy_from_slice(from);
        match self.what.as_str() {
            "print" => println!("{{ \"chunk\": {} }}", chunk.index()),
            "panic" if chunk.index() == 1 => panic!("no chunk like this"),
            "abort" if chunk.index() == 1 => std::process::abort(),
            "exit" if chunk.index() == 1 => std::process::exit(7),
            "hang" if chunk.index() == 1 => loop {
                std::hint::spin_loop();
            },
            "slow" => std::thread::sleep(std::time::Duration::from_secs(3600)),
            "allocate" if chunk.index() == 1 => {
                std::hint::black_box(vec![1u8; 10 << 30]);
            }
            "stray" if chunk.index() == 1 => {
                let beyond = to.as_mut_ptr().wrapping_add(5000);
                // SAFETY: none; a stray write is what this is about.
                unsafe { beyond.write_volatile(1.0) };
            }
            _ => {}
        }
    }

    fn grain(&self, _: &gristmill::Shapes) -> usize {
        if self.what == "slow" { 10_000 } else { 1000 }
    }
}

impl JobKernel for Eventful {
    const SUMMARY: &'static str = "a copy, and an event";
    const ARRAYS: &'static [&'static str] = &["x"];

    fn params() -> Vec<Param> {
        vec![Param::choice(
            "what",
            &["print", "panic", "abort", "exit", "hang", "slow", "allocate", "stray"],
            "the event",
        )]
    }
}

/// The sum of so many ones, and what is said that it must be.
struct Ones {
    class: &'static str,
    published: f64,
}

impl Benchmark for Ones {
    type Ready = Array<f64, Ix1>;
    const SUMMARY: &'static str = "a sum of ones";
    const CLASSES: &'static [Ones] = &[
        Ones { class: "right", published: 1000.0 },
        Ones { class: "wrong", published: 999.0 },
        Ones { class: "refused", published: f64::NAN },
    ];

    fn class(&self) -> &'static str {
        self.class
    }

    fn size(&self) -> String {
        "1000 ones".into()
    }

    fn prepare(&self, engine: &Engine) -> gristmill::Result<Array<f64, Ix1>> {
        let refused = self.class == "refused";
        engine.filled(if refused { usize::MAX / 16 } else { 1000 }, 1.0)
    }

    fn run(&self, engine: &Engine, ones: &mut Array<f64, Ix1>) -> gristmill::Result<Outcome> {
        let start = std::time::Instant::now();
        let sum = engine.sum(ones)?;
        let time = start.elapsed();
        let checks = vec![Check::exact("sum", sum, self.published)];
        Ok(Outcome { iterations: 1, time, operations: 1000.0, checks })
    }
}

fn main() -> ExitCode {
    if std::env::var_os(AS_COMMAND).is_some() {
        let registry = gristmill_kernels::registry()
            .add::<Eventful>("eventful")
            .add_suite(Suite::new("sums", "Sums of one's own").add::<Ones>("ones"));
        return gristmill::cli::main(&registry);
    }
    what_a_kernel_prints_is_not_in_the_json();
    what_a_kernel_prints_goes_to_standard_error_even_when_quiet();
    a_kernel_that_panics_fails_the_job_with_its_place();
    a_chunk_that_kills_its_workers_is_given_up_and_named();
    a_chunk_that_hangs_or_wants_too_much_is_given_up_and_named();
    a_deadline_that_is_too_short_for_all_is_said_in_few_lines();
    all_that_does_not_need_the_chunk_is_finished_and_kept();
    a_fence_stops_a_stray_write_and_the_report_names_its_place();
    own_kernels_are_listed_among_the_others();
    own_benchmarks_are_a_command_and_fail_where_they_are_wrong();
    own_kernels_and_benchmarks_are_measured_and_fail_where_they_fail();
    println!("own_program: 11 scenarios passed");
    ExitCode::SUCCESS
}

struct Answer {
    folder: tempfile::TempDir,
    status: Option<i32>,
    out: String,
    err: String,
}

impl Answer {
    fn report(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.folder.path().join("o/report.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// Runs a job with a good step, then the event.
fn run(what: &str, options: &[&str]) -> Answer {
    run_with(what, "", options)
}

/// The same with more in the job file, after the event's own.
fn run_with(what: &str, more: &str, options: &[&str]) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let terrain = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/terrain.npy");
    let job = format!(
        "format = 1\nname = \"own\"\n[inputs.e]\nfile = \"{terrain}\"\ncast = \"f64\"\n\
         [steps.copy]\nin = \"e\"\nsave = \"copy.npy\"\n\
         [steps.eventful]\nin = \"copy\"\nparams = {{ what = \"{what}\" }}\nsave = \"own.npy\"\n{more}"
    );
    std::fs::write(folder.path().join("job.toml"), job).unwrap();
    let mut words = vec!["run", "job.toml", "--out", "o", "--workers", "2"];
    words.extend(options);
    let (status, out, err) = command(folder.path(), &words);
    Answer { folder, status, out, err }
}

fn command(folder: &std::path::Path, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words).current_dir(folder).env(AS_COMMAND, "1").env_remove("RUST_BACKTRACE");
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn what_a_kernel_prints_is_not_in_the_json() {
    let answer = run("print", &["--json"]);
    assert_eq!(answer.status, Some(0), "{}", answer.err);
    let document: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(document, answer.report());
    let chunks = document["steps"][1]["chunks"].as_u64().unwrap();
    assert_eq!(chunks, (344u64 * 403).div_ceil(1000));
    for chunk in 0..chunks {
        let printed = format!("] {{ \"chunk\": {chunk} }}");
        let line = answer.err.lines().find(|line| line.ends_with(&printed));
        assert!(line.is_some_and(|line| line.starts_with("[worker ")), "{chunk}: {}", answer.err);
    }
    assert_eq!(answer.err.lines().count() as u64, chunks);
}

fn what_a_kernel_prints_goes_to_standard_error_even_when_quiet() {
    let answer = run("print", &["--quiet"]);
    assert_eq!((answer.status, answer.out.as_str()), (Some(0), ""), "{}", answer.err);
    assert!(answer.err.contains("[worker "));
}

fn a_kernel_that_panics_fails_the_job_with_its_place() {
    let answer = run("panic", &[]);
    assert_eq!(answer.status, Some(1), "{}", answer.err);
    assert!(answer.err.contains("no chunk like this"), "{}", answer.err);
    let said = "gristmill: step `eventful`: eventful panicked in chunk 1 (indices 1000..2000) at ";
    assert!(answer.err.contains(said), "{}", answer.err);
    assert!(answer.err.contains("own_program.rs:"), "{}", answer.err);
    let report = answer.report();
    assert_eq!(
        (&report["status"], &report["poisoned"]),
        (&"failed".into(), &serde_json::json!([]))
    );
    // What was finished is kept, what was not is absent.
    assert!(answer.folder.path().join("o/copy.npy").exists());
    assert!(!answer.folder.path().join("o/own.npy").exists());
    assert_eq!(report["outputs"].as_array().unwrap().len(), 1);
}

fn a_chunk_that_kills_its_workers_is_given_up_and_named() {
    for (what, death) in [("abort", "SIGABRT"), ("exit", "7")] {
        let answer = run(what, &["--json"]);
        assert_eq!(answer.status, Some(1), "{}", answer.err);
        let report: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!(report["status"], "failed");
        let poisoned = &report["poisoned"].as_array().unwrap()[..];
        assert_eq!(poisoned.len(), 1, "{report}");
        assert_eq!(poisoned[0]["step"], "eventful");
        assert_eq!(poisoned[0]["chunk"], 1);
        assert_eq!(poisoned[0]["range"], serde_json::json!([1000, 2000]));
        let attempts = poisoned[0]["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 3);
        assert!(attempts[0]["death"].as_str().unwrap().contains(death), "{attempts:?}");
        let step = &report["steps"][1];
        assert_eq!((&step["deaths"], &step["retries"]), (&3.into(), &2.into()));
        assert_eq!(step["chunks"], (344 * 403_u64).div_ceil(1000));
        let said = "gristmill: step `eventful`: eventful: 1 chunk was set aside";
        assert!(answer.err.contains(said), "{}", answer.err);
        let notices = |what: &str| {
            let lines = answer.err.lines().filter(|line| line.starts_with("gristmill: worker "));
            lines.filter(|line| line.contains(what)).count()
        };
        assert_eq!(notices("in chunk 1 of step `eventful`; the chunk is tried again"), 2);
        assert_eq!(notices("in chunk 1 of step `eventful`; the chunk is set aside"), 1);
        assert!(!answer.folder.path().join("o/own.npy").exists());
    }
}

fn a_chunk_that_hangs_or_wants_too_much_is_given_up_and_named() {
    let cause = |answer: &Answer| {
        assert_eq!(answer.status, Some(1), "{}", answer.err);
        let poisoned = &answer.report()["poisoned"][0];
        assert_eq!((&poisoned["step"], &poisoned["chunk"]), (&"eventful".into(), &1.into()));
        let attempts = poisoned["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 3);
        attempts[2]["cause"].clone()
    };
    let by_job_file = run_with("hang", "deadline = \"300ms\"\n", &[]);
    let by_command = run("hang", &["--deadline", "300ms"]);
    for answer in [by_job_file, by_command] {
        let cause = cause(&answer);
        assert_eq!((&cause["kind"], &cause["limit_s"]), (&"deadline".into(), &0.3.into()));
        assert!(cause["ran_s"].as_f64().unwrap() > 0.3, "{cause}");
        assert_eq!(answer.report()["poisoned"][0]["deadline_s"], 0.3);
        assert!(
            answer.err.contains("was ended at its deadline of 0.3 s, after "),
            "{}",
            answer.err
        );
    }
    let answer = run("allocate", &["--worker-memory", "256 MiB"]);
    let expected = serde_json::json!({
        "kind": "allocation_failed", "bytes": 10u64 << 30, "limit_bytes": 256 << 20
    });
    assert_eq!(cause(&answer), expected);
    assert_eq!(answer.report()["worker_memory_bytes"], 256 << 20);
}

fn a_deadline_that_is_too_short_for_all_is_said_in_few_lines() {
    let answer = run("slow", &["--deadline", "20ms", "--quiet"]);
    assert_eq!(answer.status, Some(1), "{}", answer.err);
    let report = answer.report();
    assert_eq!(report["poisoned"].as_array().unwrap().len(), 14);
    assert_eq!(report["steps"][1]["deaths"], 3 * 14);
    let notices = answer.err.lines().filter(|line| line.starts_with("gristmill: worker "));
    assert_eq!(notices.count(), 6);
    for said in [
        "gristmill: and 36 more deaths during step `eventful`: see report.json",
        "14 of 14 chunks ended at their deadline: 0.02 s is less than a chunk takes",
    ] {
        assert!(answer.err.contains(said), "{said}: {}", answer.err);
    }
    let hung = run("hang", &["--deadline", "100ms", "--quiet"]);
    assert!(!hung.err.contains("less than a chunk takes"), "{}", hung.err);
}

fn all_that_does_not_need_the_chunk_is_finished_and_kept() {
    let more = "[steps.rest]\nkernel = \"summary\"\nin = [\"copy\", \"eventful\"]\n\
                [steps.summary]\nin = [\"copy\"]\n";
    let answer = run_with("abort", more, &[]);
    assert_eq!(answer.status, Some(1), "{}", answer.err);
    let left_out = "gristmill: step `rest` was left out: it reads `eventful`";
    assert!(answer.err.contains(left_out), "{}", answer.err);
    let report = answer.report();
    let steps = report["steps"].as_array().unwrap().iter();
    assert!(steps.map(|step| &step["name"]).eq(["copy", "eventful", "summary"]));
    assert_eq!(report["scalars"]["summary"]["copy"]["count"], 344 * 403);
    let outputs = report["outputs"].as_array().unwrap().iter();
    assert!(outputs.map(|output| &output["path"]).eq(["copy.npy", "own.partial.npy"]));

    let poisoned = &report["poisoned"][0];
    assert_eq!(poisoned["partial"], "own.partial.npy");
    assert_eq!((&poisoned["run"], &poisoned["steps_before"]), (&0.into(), &0.into()));
    assert_eq!(poisoned["arrays"], serde_json::json!({ "x": "copy" }));
    assert_eq!(poisoned["params"], serde_json::json!({ "what": "abort" }));
    let attempt = &poisoned["attempts"][0];
    assert_eq!(
        attempt["cause"],
        serde_json::json!({ "kind": "signal", "number": 6, "name": "SIGABRT" })
    );
    assert!(attempt["pid"].as_i64().unwrap() > 0 && attempt["stderr"].is_string(), "{attempt}");
    let job = std::fs::canonicalize(answer.folder.path().join("job.toml")).unwrap();
    assert_eq!(report["job_file"]["path"], job.to_str().unwrap());
    assert_eq!(report["job_file"]["sha256"].as_str().unwrap().len(), 64);

    let read = |name: &str| -> Vec<f64> {
        let path = answer.folder.path().join("o").join(name);
        let array: ndarray::Array2<f64> = ndarray_npy::read_npy(path).unwrap();
        array.into_iter().collect()
    };
    let (copy, partial) = (read("copy.npy"), read("own.partial.npy"));
    for (i, (whole, part)) in copy.iter().zip(&partial).enumerate() {
        assert!(if (1000..2000).contains(&i) { part.is_nan() } else { part == whole }, "{i}");
    }
}

fn a_fence_stops_a_stray_write_and_the_report_names_its_place() {
    let answer = run("stray", &["--fence", "--quiet"]);
    assert_eq!(answer.status, Some(1), "{}", answer.err);
    let place = "= index [6000] of `the result` (argument 1, `Out<f64>`)";
    assert!(answer.err.contains(place), "{}", answer.err);
    let report = answer.report();
    let attempts = report["poisoned"][0]["attempts"].as_array().unwrap();
    let death = attempts[0]["death"].as_str().unwrap();
    assert!(death.contains("a stray write stopped by the fence") && death.contains(place));
    // Of a kernel that writes what it may, the same bytes.
    let [with, without] = [&["--fence"][..], &[]].map(|options| run("print", options).report());
    let hashes = |report: &serde_json::Value| report["outputs"].to_string();
    assert_eq!(hashes(&with), hashes(&without));
}

fn own_kernels_are_listed_among_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, _) = command(folder.path(), &["kernels"]);
    assert!(status == Some(0) && out.contains("a copy, and an event") && out.contains("sky_view"));
    let (status, out, _) = command(folder.path(), &["kernels", "eventful"]);
    assert!(status == Some(0) && out.contains("must be given"), "{out}");
}

fn own_benchmarks_are_a_command_and_fail_where_they_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let sums = |class: &str| command(folder.path(), &["sums", "ones", class, "--workers", "1"]);
    let (status, out, err) = sums("right");
    assert_eq!((status, &err[..]), (Some(0), ""));
    assert!(out.starts_with("Sums of one's own\n") && out.ends_with("\nverified\n"), "{out}");
    let (status, out, err) = sums("wrong");
    assert_eq!(status, Some(1));
    assert!(out.ends_with("\nNOT verified\n"), "{out}");
    let said =
        "ones, class wrong, is not verified: sum is 1e3, 9.99e2 was published: off by 1.0e-3";
    assert!(err.contains(said), "{err}");
    let (status, out, err) = sums("refused");
    assert_eq!((status, &out[..]), (Some(1), ""));
    assert!(err.starts_with("gristmill: "), "{err}");
    let (_, out, _) = command(folder.path(), &["--help"]);
    assert!(out.contains("sums") && out.contains("npb"), "{out}");
}

fn own_kernels_and_benchmarks_are_measured_and_fail_where_they_fail() {
    let folder = tempfile::tempdir().unwrap();
    let measured = |what: &[&str]| {
        let words = ["scale", "--workers", "1", "--time", "0.1", "--out", "study"];
        command(folder.path(), &[&words[..], what].concat())
    };
    let (status, out, err) =
        measured(&["eventful:900", "sums_ones:right", "--set", "what=\"print\""]);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.contains("eventful, 900 f64") && out.contains("sums_ones, right"), "{out}");
    assert!(folder.path().join("study/scale.html").exists());
    for (what, said) in [
        (["eventful:3000", "--set", "what=\"panic\""], "no chunk like this"),
        (["eventful:3000", "--set", "what=\"abort\""], "SIGABRT"),
        (["sums_ones:wrong", "--set", "what=\"print\""], "no kernel that is to be measured"),
        (["eventful:900", "sums_ones:wrong", "--set=what=\"print\""], "9.99e2 was published"),
    ] {
        let (status, out, err) = measured(&what);
        assert!(matches!(status, Some(1 | 2)) && out.is_empty(), "{what:?}: {status:?} {out}");
        assert!(err.contains(said), "{what:?}: {err}");
    }
}
