//! The check of one step: its parameters and arrays against what its kernel takes, then the
//! kernel's own opinion.

use std::ops::Range;

use toml::Spanned;

use crate::batch::kernels::catalogue::{
    ArrayMeta, At, Catalogue, InputInfo, KernelInfo, NamedMeta, ResultKind,
};

use super::checked::{Binding, CheckedStep, Source};
use super::diagnose::{self, Mistakes};
use super::job::{In, Step};
use super::params;
use super::wire::Wired;
use crate::memory::ElementType;

/// A step and what is known around it.
pub(crate) struct Asked<'a> {
    pub(crate) step: &'a Step,
    pub(crate) kernel: Option<&'a KernelInfo>,
    pub(crate) wired: &'a Wired,
    /// The array of a source, where it is known.
    pub(crate) meta_of: &'a dyn Fn(Source) -> Option<ArrayMeta>,
}

/// Checks a step. `None` when it is wrong, or rests on what is wrong.
pub(crate) fn check(
    asked: &Asked<'_>,
    catalogue: &dyn Catalogue,
    mistakes: &mut Mistakes<'_>,
) -> Option<CheckedStep> {
    let (step, kernel) = (asked.step, asked.kernel?);
    let params = params::check(step, kernel, mistakes);
    let mut runs = Vec::new();
    let mut complete = asked.wired.complete && step.understood;
    for bindings in &asked.wired.runs {
        let metas = named_metas(asked, kernel, bindings, mistakes);
        complete &= metas.is_some();
        runs.extend(metas);
    }
    let params = params.filter(|_| complete)?;
    let (mut result, mut chunks, mut spare_bytes) = (None, 0, 0);
    for metas in &runs {
        match catalogue.prepare(&kernel.name, &params, metas) {
            Ok(prepared) if prepared.result.is_some() == (kernel.result != ResultKind::Scalars) => {
                result = prepared.result;
                chunks += prepared.chunks;
                spare_bytes = prepared.spare_bytes.max(spare_bytes);
            }
            Ok(_) => {
                // What rests on the result would otherwise be dropped without a word.
                let message =
                    format!("kernel `{}` is not what the catalogue says it is", kernel.name);
                let help = "this is a defect of the kernel's registration, not of the job file";
                mistakes.add_with_help(step.name.span(), message, "array or scalars?", help);
                complete = false;
            }
            Err(refusals) => {
                for refusal in refusals {
                    let span = place(step, &asked.wired.runs, metas, &refusal.at);
                    let message = format!("step `{}`: {}", step.name.get_ref(), refusal.message);
                    match refusal.help {
                        Some(help) => mistakes.add_with_help(span, message, "refused", help),
                        None => mistakes.add(span, message, "refused"),
                    }
                }
                complete = false;
            }
        }
    }
    complete.then(|| CheckedStep {
        name: step.name.get_ref().clone(),
        kernel: kernel.name.clone(),
        each: matches!(step.arrays.as_ref().map(Spanned::get_ref), Some(In::Each(_))),
        runs: asked.wired.runs.clone(),
        params,
        save: None,
        picture: None,
        deadline: step.deadline,
        result,
        chunks,
        spare_bytes,
    })
}

/// The arrays of one run, if all are known and each is what its input takes.
fn named_metas(
    asked: &Asked<'_>,
    kernel: &KernelInfo,
    bindings: &[Binding],
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<NamedMeta>> {
    let before = mistakes.count();
    let mut metas = Vec::new();
    let mut known = true;
    for binding in bindings {
        let input = kernel.inputs.iter().find(|input| input.name == binding.input);
        match (input, (asked.meta_of)(binding.source)) {
            (Some(input), Some(meta)) => {
                check_meta(kernel, input, binding, &meta, mistakes);
                let (input, array) = (binding.input.clone(), binding.array.clone());
                metas.push(NamedMeta { input, array, meta });
            }
            _ => known = false,
        }
    }
    (known && mistakes.count() == before).then_some(metas)
}

fn check_meta(
    kernel: &KernelInfo,
    input: &InputInfo,
    binding: &Binding,
    meta: &ArrayMeta,
    mistakes: &mut Mistakes<'_>,
) {
    let (name, array) = (&kernel.name, &binding.array);
    if let Some(ndim) = input.ndim
        && ndim != meta.shape.len()
    {
        mistakes.add(
            binding.span.clone(),
            format!(
                "kernel `{name}` takes an array of {}, `{array}` is {}",
                diagnose::counted(ndim, "dimension"),
                meta.describe()
            ),
            format!("expected {ndim}-D"),
        );
    }
    if !input.elements.is_empty() && !input.elements.contains(&meta.element) {
        let names: Vec<&str> = input.elements.iter().map(|element| element.name()).collect();
        let message = format!(
            "kernel `{name}` does not take {}, and `{array}` is {}",
            meta.element,
            meta.describe()
        );
        let expected = format!("expected {}", diagnose::one_of(&names));
        let castable = input.elements.iter().filter(|to| meta.element.cast_refused(**to).is_none());
        // f64 where it may be: that is what most maps want.
        let to = castable.max_by_key(|to| (**to == ElementType::F64, to.is_float()));
        match (binding.source, to) {
            (Source::Input(_), Some(to)) => {
                let help = format!("add `cast = \"{to}\"` to [inputs.{array}]");
                mistakes.add_with_help(binding.span.clone(), message, expected, help);
            }
            _ => mistakes.add(binding.span.clone(), message, expected),
        }
    }
}

/// Where in the job file a kernel's refusal points.
fn place(step: &Step, runs: &[Vec<Binding>], metas: &[NamedMeta], at: &At) -> Range<usize> {
    let found = match at {
        At::Params(names) => names.iter().find_map(|name| {
            let given = step.params.iter().find(|(key, _)| key.get_ref() == name);
            given.map(|(_, value)| value.span())
        }),
        At::Input(name) => metas.iter().find(|meta| meta.input == *name).and_then(|meta| {
            let mut bindings = runs.iter().flatten();
            bindings
                .find(|binding| binding.input == *name && binding.array == meta.array)
                .map(|binding| binding.span.clone())
        }),
        At::Step => None,
    };
    found.unwrap_or_else(|| step.name.span())
}
