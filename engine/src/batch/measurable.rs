//! What of a registry can be measured, by name: workloads, kernels and plans, benchmarks as
//! SUITE_NAME.

use super::check::diagnose::unknown;
use super::check::params::with_defaults;
use super::kernels::benchmark::Named;
use super::kernels::measured::{Measured, of_benchmark};
use super::kernels::registry::Registry;
use super::kernels::workload::Workload;

/// The names of all of it.
pub(crate) fn measurable(registry: &Registry) -> Vec<String> {
    let workloads = registry.workloads().iter().map(|workload| workload.name().to_string());
    let mut names: Vec<String> = workloads.collect();
    for name in registry.names() {
        // A workload hides a kernel of its name.
        if !names.iter().any(|other| other == name) {
            names.push(name.into());
        }
    }
    for suite in registry.suites() {
        let benchmarks = suite.benchmarks.iter();
        names.extend(benchmarks.map(|benchmark| name_of(suite.name, benchmark)));
    }
    names
}

fn name_of(suite: &str, benchmark: &Named) -> String {
    format!("{suite}_{}", benchmark.name)
}

/// What is measured under a name, with these parameters of its kernel in place of those that are
/// usual.
pub(crate) fn workload<'r>(
    registry: &'r Registry,
    name: &str,
    given: &toml::Table,
) -> Result<Workload<'r>, String> {
    if let Some(workload) = registry.workloads().iter().find(|workload| workload.name() == name) {
        return Ok(workload.borrowed());
    }
    if let Some(operation) = registry.first(name) {
        let info = operation.info(name);
        let usual: toml::Table = toml::from_str(operation.studied().params)
            .map_err(|error| format!("the parameters of `{name}` for studies: {error}"))?;
        let params = with_defaults(&info, given, &usual)?;
        return Measured { name: name.into(), info, operation, params }.workload();
    }
    for suite in registry.suites() {
        let mut benchmarks = suite.benchmarks.iter();
        if let Some(found) = benchmarks.find(|benchmark| name_of(suite.name, benchmark) == name) {
            return Ok(of_benchmark(name.into(), &found.classes));
        }
    }
    let names = measurable(registry);
    let (message, _) = unknown("kernel", name, names.iter().map(String::as_str));
    Err(format!("{message}\n  there are {}", names.join(", ")))
}

/// The names of a kernel's parameters; none of what is no kernel.
pub(crate) fn parameters(registry: &Registry, name: &str) -> Vec<String> {
    let info = registry.first(name).map(|operation| operation.info(name));
    info.map_or(vec![], |info| info.params.into_iter().map(|param| param.name).collect())
}
