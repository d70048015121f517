//! A whole job as work that can be measured: its steps one by one, and all of them. Files are read
//! before anything is timed, and none is written.

use super::failure;
use super::job::Run;
use crate::batch::check::checked::{CheckedJob, CheckedStep, Source};
use crate::batch::kernels::catalogue::ArrayMeta;
use crate::batch::kernels::registry::Registry;
use crate::batch::kernels::underway::Underway;
use crate::batch::kernels::work::Work;
use crate::batch::kernels::workload::{Own, Part, Prepare, Ready, Workload};
use crate::error::{Error, Result};
use crate::report::Progress;
use crate::roles::Engine;
use std::time::Duration;

/// What is measured of a job: each step, if there are several, and all steps together.
pub(crate) fn workload<'r>(mut job: CheckedJob, registry: &'r Registry) -> Workload<'r> {
    for step in &mut job.steps {
        (step.save, step.picture) = (None, None);
    }
    let name = job.name.clone();
    // Another job of this name is other work.
    let words = format!("job file {}", job.sha256.chars().take(8).collect::<String>());
    let measured = Measured { job, registry, silent: Progress::new(true) };
    Workload::own(name, Own::One(words), Box::new(measured))
}

struct Measured<'r> {
    job: CheckedJob,
    registry: &'r Registry,
    silent: Progress,
}

impl Measured<'_> {
    fn meta(&self, source: Source) -> &ArrayMeta {
        match source {
            Source::Input(input) => &self.job.inputs[input].meta,
            Source::Step(step) => {
                let result = self.job.steps[step].result.as_ref();
                result.expect("the check found that the step that is read has an array")
            }
        }
    }

    fn work(&self, step: &CheckedStep) -> Work {
        let runs = step.runs.iter().map(|bindings| {
            let metas: Vec<_> =
                bindings.iter().map(|binding| self.meta(binding.source).clone()).collect();
            let elements: Vec<_> = metas.iter().map(|meta| meta.element).collect();
            let operation = self.registry.find(&step.kernel, &elements);
            operation.expect("the check found the kernel").work(&step.params, &metas)
        });
        together(runs)
    }

    fn failed(&self, reason: String) -> Error {
        Error::Refused { kernel: self.job.name.clone(), reason }
    }
}

fn together(works: impl Iterator<Item = Work>) -> Work {
    let none = Work { flops: Some(0.0), ..Work::default() };
    works.fold(none, |sum, work| Work {
        bytes_read: sum.bytes_read + work.bytes_read,
        bytes_written: sum.bytes_written + work.bytes_written,
        footprint: None,
        flops: sum.flops.zip(work.flops).map(|(a, b)| a + b),
        units: sum.units + work.units,
    })
}

impl Prepare for Measured<'_> {
    fn prepare<'e>(&'e self, engine: &'e Engine, _: u64) -> Result<Ready<'e>> {
        let mut run = Run::new(&self.job, self.registry, engine, None, &self.silent);
        if run.load_inputs().is_err() {
            return Err(self.failed(run.failures.join("\n")));
        }
        Ok(Box::new(move |times| {
            let mut whole = Duration::ZERO;
            for step in &self.job.steps {
                let underway = Underway::default();
                let mut result = None;
                for made in run.launch(step, &underway) {
                    let made = made.map_err(|error| self.failed(failure::of_step(step, error)))?;
                    result = made.1.result.or(result);
                }
                run.results.push(result);
                let took = Duration::from_secs_f64(underway.seconds());
                whole += took;
                if self.job.steps.len() > 1 {
                    times.push(took);
                }
            }
            run.results.clear();
            times.push(whole);
            Ok(())
        }))
    }

    fn parts(&self, _: u64) -> Result<Vec<Part>> {
        let steps = self.job.steps.iter();
        let mut parts: Vec<Part> =
            steps.map(|step| Part { name: step.name.clone(), work: self.work(step) }).collect();
        let whole = Part { name: String::new(), work: together(parts.iter().map(|p| p.work)) };
        if parts.len() == 1 {
            parts.clear();
        }
        parts.push(whole);
        Ok(parts)
    }
}
