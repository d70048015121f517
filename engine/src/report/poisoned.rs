//! What report.json says of chunks and files that were given up: all that is known of each attempt,
//! and all that it takes to try again.

use super::scalar::Ordered;
use crate::error::{Cause, DeathRecord};
use crate::fault_place::{Fault, FaultPlace};
use serde::{Deserialize, Serialize};

/// A chunk that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Poisoned {
    /// The step.
    pub(crate) step: String,
    /// Its kernel.
    pub(crate) kernel: String,
    /// Which run of the kernel, from 0: a step that works on a list runs it for each array.
    pub(crate) run: usize,
    /// The arrays of that run, by input.
    pub(crate) arrays: Ordered<String>,
    /// All parameters, defaults included.
    pub(crate) params: serde_json::Value,
    /// Launches of that run that had been done; 0 for a kernel alone.
    #[serde(default)]
    pub(crate) launches_before: u64,
    /// Steps of the kernel's plan that had been done, loops counted each time; 0 for a kernel alone.
    pub(crate) steps_before: u64,
    /// The chunk's number.
    pub(crate) chunk: u64,
    /// The chunk's range of indices: first, and one past the last.
    pub(crate) range: [u64; 2],
    /// The deadline of each attempt, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_s: Option<f64>,
    /// The file with the rest of the result, if that was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partial: Option<String>,
    /// How each attempt ended.
    pub(crate) attempts: Vec<Attempt>,
}

/// A file that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PoisonedFile {
    /// The step.
    pub(crate) step: String,
    /// Relative to the output folder.
    pub(crate) path: String,
    /// How each attempt ended.
    pub(crate) attempts: Vec<Attempt>,
}

/// One attempt: the death record of the worker that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// The worker's rank.
    pub(crate) worker: usize,
    /// Its process id.
    pub(crate) pid: i32,
    /// In words, such as "was killed by SIGSEGV (signal 11) at address 0x0".
    pub(crate) death: String,
    /// The same for programs.
    pub(crate) cause: Death,
    /// The most memory that it had in use, the pages of arrays included; absent if that was less than
    /// the coordinator had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peak_bytes: Option<u64>,
    /// The last 4 KiB of its standard error; bytes that are no UTF-8 as `\xNN`.
    pub(crate) stderr: String,
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Death {
    Signal {
        number: i32,
        name: String,
        /// The address that it could not touch, in hexadecimal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        /// What it was to do there, and what lies there, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<FaultReport>,
    },
    StackOverflow {
        limit_bytes: u64,
    },
    Exit {
        status: i32,
    },
    Deadline {
        limit_s: f64,
        ran_s: f64,
    },
    AllocationFailed {
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_bytes: Option<u64>,
    },
    OutOfMemory {
        in_cgroup: bool,
    },
    Disturbed,
    Unknown,
}

/// What a faulting instruction was to do, and what lies at its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FaultReport {
    /// "reading", "writing", or "at" where the CPU does not tell.
    pub(crate) doing: String,
    /// A fence stopped it.
    pub(crate) fenced: bool,
    /// What lies there, in words.
    pub(crate) place: String,
    /// The element, where it is one of an array of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) element: Option<ElementReport>,
}

/// An element of an argument of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ElementReport {
    /// Position among the kernel's arguments, from 0.
    pub(crate) argument: usize,
    /// What the kernel calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) array: Option<String>,
    /// How the kernel declared to reach it, such as `Out<f64>`.
    pub(crate) access: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) index: Vec<usize>,
}

impl FaultReport {
    fn of(fault: &Fault) -> FaultReport {
        let element = match &fault.place {
            FaultPlace::Element(element) => Some(ElementReport {
                argument: element.argument,
                array: element.name.clone(),
                access: element.access.clone(),
                shape: element.shape.clone(),
                index: element.index.clone(),
            }),
            _ => None,
        };
        let (doing, place) = (fault.access.to_string(), fault.place.to_string());
        FaultReport { doing, fenced: fault.fenced, place, element }
    }
}

/// Parameters as JSON; numbers that are none there become texts.
pub(crate) fn params(table: &toml::Table) -> serde_json::Value {
    fn json(value: &toml::Value) -> serde_json::Value {
        match value {
            toml::Value::Float(number) if !number.is_finite() => number.to_string().into(),
            toml::Value::Array(values) => values.iter().map(json).collect(),
            toml::Value::Table(entries) => self::params(entries),
            toml::Value::String(text) => text.as_str().into(),
            toml::Value::Integer(number) => (*number).into(),
            toml::Value::Float(number) => (*number).into(),
            toml::Value::Boolean(value) => (*value).into(),
            toml::Value::Datetime(time) => time.to_string().into(),
        }
    }
    table.iter().map(|(name, value)| (name.clone(), json(value))).collect()
}

impl Attempt {
    /// What the record says.
    pub(crate) fn of(death: &DeathRecord) -> Attempt {
        Attempt {
            worker: death.rank,
            pid: death.pid,
            death: death.cause.to_string(),
            cause: Death::of(&death.cause),
            peak_bytes: death.peak_bytes,
            stderr: death.stderr_tail.clone(),
        }
    }
}

impl Death {
    fn of(cause: &Cause) -> Death {
        match cause {
            Cause::Signal { number, name, address, fault } => Death::Signal {
                number: *number,
                name: name.clone(),
                address: address.map(|address| format!("{address:#x}")),
                fault: fault.as_deref().map(FaultReport::of),
            },
            Cause::StackOverflow { limit_bytes } => {
                Death::StackOverflow { limit_bytes: *limit_bytes }
            }
            Cause::Exit { status } => Death::Exit { status: *status },
            Cause::Deadline { limit, ran } => {
                Death::Deadline { limit_s: limit.as_secs_f64(), ran_s: ran.as_secs_f64() }
            }
            Cause::AllocationFailed { bytes, limit_bytes } => {
                Death::AllocationFailed { bytes: *bytes, limit_bytes: *limit_bytes }
            }
            Cause::OutOfMemory { in_cgroup } => Death::OutOfMemory { in_cgroup: *in_cgroup },
            Cause::Disturbed => Death::Disturbed,
            Cause::TaskCancelled | Cause::EngineEnded | Cause::Unknown => Death::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn parameters_are_what_the_job_file_says() {
        let table = "a = 1\nb = [0.5, nan]\nc = \"x\"\nd = -inf\ne = true".parse().unwrap();
        let json = r#"{"a":1,"b":[0.5,"NaN"],"c":"x","d":"-inf","e":true}"#;
        assert_eq!(params(&table).to_string(), json);
    }

    #[test]
    fn every_cause_is_there_for_programs_too_and_reads_back() {
        let causes = [
            (
                Cause::Signal {
                    number: 11,
                    name: "SIGSEGV".into(),
                    address: Some(16),
                    fault: None,
                },
                r#"{"kind":"signal","number":11,"name":"SIGSEGV","address":"0x10"}"#,
            ),
            (
                Cause::Signal { number: 6, name: "SIGABRT".into(), address: None, fault: None },
                r#"{"kind":"signal","number":6,"name":"SIGABRT"}"#,
            ),
            (
                Cause::StackOverflow { limit_bytes: 8 },
                r#"{"kind":"stack_overflow","limit_bytes":8}"#,
            ),
            (Cause::Exit { status: 7 }, r#"{"kind":"exit","status":7}"#),
            (
                Cause::Deadline { limit: Duration::from_secs(5), ran: Duration::from_millis(5250) },
                r#"{"kind":"deadline","limit_s":5.0,"ran_s":5.25}"#,
            ),
            (
                Cause::AllocationFailed { bytes: 9, limit_bytes: Some(8) },
                r#"{"kind":"allocation_failed","bytes":9,"limit_bytes":8}"#,
            ),
            (
                Cause::OutOfMemory { in_cgroup: true },
                r#"{"kind":"out_of_memory","in_cgroup":true}"#,
            ),
            (Cause::Disturbed, r#"{"kind":"disturbed"}"#),
            (Cause::Unknown, r#"{"kind":"unknown"}"#),
        ];
        for (cause, json) in causes {
            let death = Death::of(&cause);
            assert_eq!(serde_json::to_string(&death).unwrap(), json);
            assert_eq!(serde_json::from_str::<Death>(json).unwrap(), death);
        }
    }
}
