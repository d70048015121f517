//! Which CPU each worker runs on.
//!
//! Decides, and claims the CPUs; pinning itself is the worker's first deed (`process/hygiene`).

use crate::error::{Error, Result};
use crate::machine::pin::CpuClaim;
use crate::machine::{CpuList, Machine, cpus_in_order};
use std::fmt;
use std::str::FromStr;

/// Where workers run.
///
/// As text it is what `gristmill run --pin` takes: `auto`, `no`, or CPUs such as `0,2-3`.
///
/// ```
/// use gristmill::Pin;
///
/// assert_eq!("auto".parse(), Ok(Pin::Auto));
/// assert_eq!("4,0-2".parse(), Ok(Pin::Cpus(vec![4, 0, 1, 2])));
/// assert!("some".parse::<Pin>().is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Pin {
    /// Each on a CPU of its own, physical cores first; over again if there are more workers than
    /// CPUs. If other engines have claimed so many that it would have to share one with them, no
    /// worker is pinned.
    #[default]
    Auto,
    /// Wherever the system puts them.
    No,
    /// On these CPUs, in this order, over again if there are more workers; also if another engine
    /// has claimed them. Engines that choose by themselves then keep off them.
    Cpus(Vec<usize>),
}

/// A text that is no [`Pin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write auto, no, or CPUs: {reason}")]
pub struct ParsePinError {
    reason: String,
}

impl FromStr for Pin {
    type Err = ParsePinError;

    fn from_str(text: &str) -> std::result::Result<Pin, ParsePinError> {
        match text {
            "auto" => Ok(Pin::Auto),
            "no" => Ok(Pin::No),
            list => cpus_in_order(list)
                .map(Pin::Cpus)
                .map_err(|error| ParsePinError { reason: error.to_string() }),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pin::Auto => write!(out, "auto"),
            Pin::No => write!(out, "no"),
            Pin::Cpus(list) => {
                let numbers: Vec<String> = list.iter().map(usize::to_string).collect();
                write!(out, "{}", numbers.join(","))
            }
        }
    }
}

impl Pin {
    /// CPUs that were asked for by number must be there.
    pub(crate) fn check(&self, machine: &Machine) -> Result<()> {
        let Pin::Cpus(list) = self else { return Ok(()) };
        let allowed: CpuList = machine.cpus.iter().map(|cpu| cpu.number).collect();
        let foreign: CpuList = list.iter().copied().filter(|cpu| !allowed.contains(*cpu)).collect();
        if foreign.is_empty() {
            return Ok(());
        }
        Err(Error::Start {
            reason: format!(
                "workers are to be pinned to CPUs {self}, but this process may not use {foreign}: \
                 it may use {allowed}; see `gristmill info`"
            ),
        })
    }

    /// The CPU of each worker, and the claims that keep other engines off them.
    pub(super) fn assign(
        &self,
        machine: &Machine,
        workers: usize,
    ) -> (Vec<CpuClaim>, Vec<Option<usize>>) {
        let nowhere = || (vec![], vec![None; workers]);
        match self {
            Pin::No => nowhere(),
            Pin::Cpus(list) if list.is_empty() => nowhere(),
            Pin::Cpus(list) => {
                // Whoever names CPUs means them, whoever else has claimed them.
                let claims = list.iter().take(workers).filter_map(|&cpu| CpuClaim::take(cpu));
                let cpus = list.iter().copied().cycle().take(workers).map(Some);
                (claims.collect(), cpus.collect())
            }
            Pin::Auto => {
                let order = machine.pin_order();
                let enough = workers.min(order.len()).max(1);
                let free = order.into_iter().filter_map(CpuClaim::take);
                let claims: Vec<CpuClaim> = free.take(workers).collect();
                // Some pinned and some not would let the free ones land on the pinned ones' CPUs.
                if claims.len() < enough {
                    return nowhere();
                }
                // Workers beyond the CPUs go round: unpinned, those that a launch wakes stay on one.
                let cpus = claims.iter().map(|claim| Some(claim.cpu())).cycle().take(workers);
                let cpus = cpus.collect();
                (claims, cpus)
            }
        }
    }
}

/// An error for a CPU that this process may not use.
pub(super) fn refuse_foreign_cpu(cpu: usize) -> Result<()> {
    Pin::Cpus(vec![cpu]).check(&Machine::for_start(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for pin in [Pin::Auto, Pin::No, Pin::Cpus(vec![7, 0, 1])] {
            assert_eq!(pin.to_string().parse(), Ok(pin));
        }
        for wrong in ["", "Auto", "yes", "0,", "1-", "-1", "3-1"] {
            let error = wrong.parse::<Pin>().unwrap_err().to_string();
            assert!(error.starts_with("write auto, no, or CPUs: "), "{error}");
        }
    }

    #[test]
    fn more_workers_than_named_cpus_go_round() {
        let machine = Machine::here();
        // Numbers that no machine has, so that no engine of another test has claimed them.
        let (_, cpus) = Pin::Cpus(vec![70_001, 70_000]).assign(&machine, 3);
        assert_eq!(cpus, [Some(70_001), Some(70_000), Some(70_001)]);
        let (claims, cpus) = Pin::Cpus(vec![]).assign(&machine, 2);
        assert_eq!((claims.len(), cpus), (0, vec![None, None]));
    }
}
