//! report.json: what a run did, for programs to read. Keys always come in the order in which they
//! stand here.
//!
//! It is also what `gristmill run --json` prints. Times differ from run to run; all that rests on
//! the data does not.

use serde::{Deserialize, Serialize};

use super::poisoned::{Poisoned, PoisonedFile};
use super::scalar::{Ordered, Scalar};

/// The version of this document.
pub(crate) const SCHEMA: u32 = 2;

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    /// The job's name.
    pub(crate) job: String,
    /// The job file.
    pub(crate) job_file: JobFile,
    /// How it ended.
    pub(crate) status: Status,
    /// Where it ran.
    pub(crate) machine: Machine,
    /// Worker processes.
    pub(crate) workers: usize,
    /// The deadline of each attempt at a chunk, in seconds, in steps that have none of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_s: Option<f64>,
    /// The most memory of its own that a worker could have, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) worker_memory_bytes: Option<u64>,
    /// Kernels ran behind write fences.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fence: bool,
    /// The files that were read, in the order of the job file.
    #[serde(default)]
    pub(crate) inputs: Vec<InputReport>,
    /// In the order in which they ran.
    pub(crate) steps: Vec<StepReport>,
    /// Attempts beyond each first, of the whole run: of chunks, and of files.
    pub(crate) retries: u64,
    /// Workers that died in the whole run, also while they wrote files.
    pub(crate) deaths: u64,
    /// What was done to workers on purpose. Such deaths and the retries that they brought are not
    /// counted above; times are those of a disturbed run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chaos: Option<ChaosReport>,
    /// Numbers by step, by array, by name. A step that works on no array has its own name for the
    /// array's.
    pub(crate) scalars: Ordered<Ordered<Ordered<Scalar>>>,
    /// The files that were written, without the report itself.
    pub(crate) outputs: Vec<OutputReport>,
    /// Chunks that were given up after their last attempt; empty when all went well.
    pub(crate) poisoned: Vec<Poisoned>,
    /// Files whose every writer died; empty when all went well.
    pub(crate) poisoned_files: Vec<PoisonedFile>,
}

/// The job file that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobFile {
    /// Its absolute path.
    pub(crate) path: String,
    /// See [`super::sha256`].
    pub(crate) sha256: String,
}

/// An input file, as it was when the job was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputReport {
    /// The array's name.
    pub(crate) name: String,
    /// Its absolute path.
    pub(crate) path: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// When it was changed last, in nanoseconds since 1970.
    pub(crate) modified_ns: i64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// All results are there.
    Done,
    /// Some are not: see `poisoned`, or the message that the command printed.
    Failed,
    /// Stopped by SIGINT or SIGTERM.
    Interrupted,
}

/// What `--chaos` did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChaosReport {
    /// What it was drawn from.
    pub(crate) seed: u64,
    /// As many as were asked for.
    pub(crate) kills_per_second: f64,
    /// Workers killed.
    pub(crate) kills: u64,
    /// Workers stopped for a while.
    pub(crate) stops: u64,
    /// Workers slowed for a while.
    pub(crate) slowed: u64,
}

/// The machine, as far as it explains the figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's own name.
    pub(crate) cpu: String,
    /// CPUs that the engine was allowed to use.
    pub(crate) cpus_allowed: usize,
    /// Such as "x86_64".
    pub(crate) architecture: String,
    /// The Linux kernel's release.
    pub(crate) linux: String,
}

impl Machine {
    /// This machine.
    pub(crate) fn here() -> Machine {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
        let name = name.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
        Machine {
            cpu: name.into(),
            cpus_allowed: crate::machine::Machine::here().cpus.len(),
            architecture: std::env::consts::ARCH.into(),
            linux: read("/proc/sys/kernel/osrelease").trim().into(),
        }
    }
}

/// One step's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepReport {
    /// The step.
    pub(crate) name: String,
    /// Its kernel.
    pub(crate) kernel: String,
    /// Chunks that it was cut into, over all runs of the kernel.
    pub(crate) chunks: u64,
    /// From its first chunk to its last.
    pub(crate) seconds: f64,
    /// Bytes of its arrays, read and written once each, per second; 0 when it took no time that
    /// could be measured.
    pub(crate) bytes_per_s: f64,
    /// Attempts beyond each chunk's first.
    pub(crate) retries: u64,
    /// Workers that died during it, but for those that were writing files.
    pub(crate) deaths: u64,
}

impl StepReport {
    /// The throughput of `bytes` in `seconds`, finite in any case.
    pub(crate) fn throughput(bytes: u64, seconds: f64) -> f64 {
        if seconds > 0.0 { (bytes as f64 / seconds).min(f64::MAX) } else { 0.0 }
    }
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutputReport {
    /// Relative to the output folder.
    pub(crate) path: String,
    /// See [`super::sha256`].
    pub(crate) sha256: String,
}

impl Report {
    /// The document, indented, with a newline at its end. The same report gives the same bytes.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn example() -> Report {
        let numbers = |mean: f64| {
            Ordered(vec![
                ("count".to_string(), Scalar::Unsigned(138_632)),
                ("mean".to_string(), Scalar::Float(mean)),
                ("lowest".to_string(), Scalar::Signed(-5)),
            ])
        };
        let slope_then_aspect = Ordered(vec![
            ("slope".to_string(), numbers(12.345_678_901)),
            ("aspect".to_string(), numbers(f64::NAN)),
        ]);
        Report {
            schema: SCHEMA,
            job: "terrain".into(),
            job_file: JobFile { path: "/jobs/terrain.toml".into(), sha256: "cd".into() },
            status: Status::Done,
            machine: Machine {
                cpu: "Some CPU".into(),
                cpus_allowed: 2,
                architecture: "x86_64".into(),
                linux: "6.1.0".into(),
            },
            workers: 2,
            deadline_s: None,
            worker_memory_bytes: None,
            fence: false,
            inputs: vec![],
            steps: vec![StepReport {
                name: "slope".into(),
                kernel: "slope".into(),
                chunks: 64,
                seconds: 0.0125,
                bytes_per_s: StepReport::throughput(2_218_112, 0.0125),
                retries: 1,
                deaths: 0,
            }],
            retries: 1,
            deaths: 0,
            chaos: Some(ChaosReport {
                seed: 7,
                kills_per_second: 5.0,
                kills: 2,
                stops: 1,
                slowed: 0,
            }),
            scalars: Ordered(vec![("summary".into(), slope_then_aspect)]),
            outputs: vec![OutputReport { path: "slope.npy".into(), sha256: "ab".into() }],
            poisoned: vec![],
            poisoned_files: vec![],
        }
    }

    #[test]
    fn keys_come_in_the_order_of_the_document() {
        let json = example().to_json().unwrap();
        let keys = [
            "schema",
            "job",
            "job_file",
            "path",
            "sha256",
            "status",
            "machine",
            "workers",
            "steps",
            "name",
            "kernel",
            "chunks",
            "seconds",
            "bytes_per_s",
            "retries",
            "deaths",
            "chaos",
            "seed",
            "kills_per_second",
            "kills",
            "stops",
            "slowed",
            "scalars",
            "outputs",
            "poisoned",
            "poisoned_files",
        ];
        let places: Vec<usize> =
            keys.iter().map(|key| json.find(&format!("\"{key}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{json}");
        assert!(
            json.contains("\"status\": \"done\"") && json.contains("\"poisoned\": []"),
            "{json}"
        );
        assert!(json.find("\"slope\": {").unwrap() < json.find("\"aspect\": {").unwrap());
        assert!(json.contains("\"mean\": \"NaN\"") && !json.contains("null"), "{json}");
        assert_eq!(json, example().to_json().unwrap());
        let calm = Report { chaos: None, ..example() };
        assert!(!calm.to_json().unwrap().contains("chaos"));
    }

    #[test]
    fn it_reads_back() {
        let json = example().to_json().unwrap().replace("\"NaN\"", "\"-inf\"");
        let report: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(report.to_json().unwrap(), json);
        let broken = json.replace("\"-inf\"", "\"many\"");
        assert!(
            serde_json::from_str::<Report>(&broken).unwrap_err().to_string().contains("a number")
        );
    }

    #[test]
    fn numbers_keep_every_bit() {
        let bits = (0..10_000u64).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for number in bits.map(f64::from_bits).filter(|number| number.is_finite()) {
            let text = serde_json::to_string(&Scalar::Float(number)).unwrap();
            let Scalar::Float(read) = serde_json::from_str(&text).unwrap() else {
                panic!("{text}")
            };
            assert_eq!(read.to_bits(), number.to_bits(), "{text}");
        }
    }

    #[test]
    fn throughput_is_always_a_number() {
        assert_eq!(StepReport::throughput(5, 0.0), 0.0);
        assert_eq!(StepReport::throughput(5, f64::NAN), 0.0);
        assert!(StepReport::throughput(u64::MAX, f64::MIN_POSITIVE).is_finite());
    }
}
