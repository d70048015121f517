//! Names resolved: the kernel of each step, and the arrays that its `in` names.
//!
//! Shapes and types are not looked at here; they are known only once the order of the steps is.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use toml::Spanned;

use super::checked::{Binding, Source};
use super::diagnose::{self, Mistakes};
use super::job::{In, Job, Step};
use crate::batch::kernels::catalogue::{KernelInfo, ResultKind};

/// Every name that a step may use.
#[derive(Debug)]
pub(crate) struct Names<'j> {
    arrays: HashMap<&'j str, Source>,
    /// For messages: the arrays in the order of the file.
    listed: Vec<&'j str>,
    /// The kernel of each step, where it is known.
    pub(crate) kernels: Vec<Option<&'j KernelInfo>>,
    /// Whether every kernel that there is works on at least one array.
    all_take_arrays: bool,
}

/// A step's `in`, resolved as far as it could be.
#[derive(Debug, Default)]
pub(crate) struct Wired {
    /// As in [`CheckedStep`](super::checked::CheckedStep).
    pub(crate) runs: Vec<Vec<Binding>>,
    /// Whether every array was found and every input of the kernel given.
    pub(crate) complete: bool,
}

impl Wired {
    /// The steps whose arrays it reads.
    pub(crate) fn steps_read(&self) -> Vec<usize> {
        let bindings = self.runs.iter().flatten();
        bindings
            .filter_map(|binding| match binding.source {
                Source::Step(at) => Some(at),
                Source::Input(_) => None,
            })
            .collect()
    }
}

impl<'j> Names<'j> {
    /// Collects the names; unknown kernels and names given twice are mistakes.
    pub(crate) fn of(
        job: &'j Job,
        kernels: &'j [KernelInfo],
        mistakes: &mut Mistakes<'_>,
    ) -> Names<'j> {
        let mut arrays = HashMap::new();
        let mut listed = Vec::new();
        for (at, input) in job.inputs.iter().enumerate() {
            arrays.insert(input.name.get_ref().as_str(), Source::Input(at));
            listed.push(input.name.get_ref().as_str());
        }
        let found: Vec<_> =
            job.steps.iter().map(|step| kernel_of(step, kernels, mistakes)).collect();
        for (at, step) in job.steps.iter().enumerate() {
            let name = step.name.get_ref().as_str();
            if arrays.contains_key(name) {
                mistakes.add_with_help(
                    step.name.span(),
                    format!("`{name}` is both an input and a step"),
                    "expected a name of its own",
                    "rename the step, and say `kernel = \"…\"` if it was the kernel's name",
                );
                continue;
            }
            arrays.insert(name, Source::Step(at));
            if found[at].is_none_or(|kernel| kernel.result != ResultKind::Scalars) {
                listed.push(name);
            }
        }
        let all_take_arrays = kernels.iter().all(|kernel| !kernel.inputs.is_empty());
        Names { arrays, listed, kernels: found, all_take_arrays }
    }

    /// Resolves a step's `in` to the kernel's inputs and the job's arrays.
    pub(crate) fn wire(&self, job: &Job, at: usize, mistakes: &mut Mistakes<'_>) -> Wired {
        let step = &job.steps[at];
        let before = mistakes.count();
        let Some(arrays) = &step.arrays else {
            let named = self.kernels[at].map(|kernel| kernel.inputs.as_slice()).unwrap_or_default();
            // Whatever kernel was meant, it takes an array.
            let any = self.kernels[at].is_none() && self.all_take_arrays;
            if step.understood && (any || !named.is_empty()) {
                let what = named
                    .first()
                    .map_or(String::new(), |first| format!(", the array for `{}`", first.name));
                mistakes.add_with_help(
                    step.name.span(),
                    format!("step `{}` names no array to work on", step.name.get_ref()),
                    "`in` is missing",
                    format!("add `in = \"…\"`{what}"),
                );
            }
            let complete = step.understood && named.is_empty();
            return Wired { runs: vec![Vec::new()], complete };
        };
        let pairs = pairs(step, arrays, self.kernels[at], mistakes);
        let run = |pairs: Vec<(String, Spanned<String>)>, mistakes: &mut Mistakes<'_>| {
            let bound = pairs.into_iter().filter_map(|(input, array)| {
                let source = self.source(&array, mistakes)?;
                let (span, array) = (array.span(), array.into_inner());
                Some(Binding { input, array, source, span })
            });
            bound.collect::<Vec<_>>()
        };
        let runs = pairs.into_iter().map(|pairs| run(pairs, mistakes)).collect();
        if let In::Each(list) = arrays.get_ref() {
            note_repeated(list, mistakes);
        }
        Wired { runs, complete: mistakes.count() == before && self.kernels[at].is_some() }
    }

    fn source(&self, array: &Spanned<String>, mistakes: &mut Mistakes<'_>) -> Option<Source> {
        let name = array.get_ref().as_str();
        let Some(&source) = self.arrays.get(name) else {
            let (message, expected) = diagnose::unknown("array", name, self.listed.iter().copied());
            mistakes.add(array.span(), message, expected);
            return None;
        };
        if let Source::Step(at) = source
            && let Some(kernel) = self.kernels[at]
            && kernel.result == ResultKind::Scalars
        {
            let kernel = &kernel.name;
            mistakes.add(
                array.span(),
                format!("step `{name}` has no array: the result of `{kernel}` is scalars"),
                diagnose::expected_one_of(&self.listed),
            );
        }
        Some(source)
    }
}

fn note_repeated(list: &[Spanned<String>], mistakes: &mut Mistakes<'_>) {
    let mut earlier = HashSet::new();
    for array in list {
        if !earlier.insert(array.get_ref()) {
            let message = format!("`{}` is listed twice", array.get_ref());
            mistakes.add(array.span(), message, "its scalars would have one name");
        }
    }
}

fn kernel_of<'k>(
    step: &Step,
    kernels: &'k [KernelInfo],
    mistakes: &mut Mistakes<'_>,
) -> Option<&'k KernelInfo> {
    let named = step.kernel.as_ref()?;
    let wanted = named.get_ref();
    let found = kernels.iter().find(|kernel| kernel.name == *wanted);
    if found.is_none() {
        let names: Vec<&str> = kernels.iter().map(|kernel| kernel.name.as_str()).collect();
        let (message, expected) = diagnose::unknown("kernel", wanted, names);
        let named_by_step = named.span() == step.name.span();
        let help = match named_by_step {
            true => {
                "the kernel is the step's name unless `kernel = \"…\"` says otherwise; \
                     `gristmill kernels` lists them"
            }
            false => "`gristmill kernels` lists them",
        };
        mistakes.add_with_help(named.span(), message, expected, help);
    }
    found
}

/// Which array goes to which input of the kernel, for each run of it. Without a known kernel,
/// inputs stay nameless.
fn pairs(
    step: &Step,
    arrays: &Spanned<In>,
    kernel: Option<&KernelInfo>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Vec<(String, Spanned<String>)>> {
    let Some(kernel) = kernel else {
        let nameless = |array: &Spanned<String>| (String::new(), array.clone());
        return vec![match arrays.get_ref() {
            In::One(array) => vec![nameless(array)],
            In::Named(named) => named.iter().map(|(_, array)| nameless(array)).collect(),
            In::Each(list) => list.iter().map(nameless).collect(),
        }];
    };
    let inputs = kernel.inputs.as_slice();
    let alone = |array: &Spanned<String>| {
        inputs.first().map(|input| vec![(input.name.clone(), array.clone())]).unwrap_or_default()
    };
    let only_named = match arrays.get_ref() {
        In::Named(named) => return vec![named_pairs(named, arrays.span(), kernel, mistakes)],
        In::One(_) => "one array",
        In::Each(_) => "a list of arrays",
    };
    if inputs.len() != 1 {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let (takes, expected) = match names.as_slice() {
            [] => ("no array".to_string(), "expected no `in`".to_string()),
            _ => (
                format!("{} arrays: {}", names.len(), names.join(", ")),
                format!("expected {}", as_table(kernel)),
            ),
        };
        let message = format!("kernel `{}` takes {takes}; `in` names {only_named}", kernel.name);
        mistakes.add(arrays.span(), message, expected);
    }
    match arrays.get_ref() {
        In::Each(list) => {
            if kernel.result != ResultKind::Scalars {
                mistakes.add_with_help(
                    arrays.span(),
                    format!("step `{}` lists several arrays, and its kernel yields an array", step.name.get_ref()),
                    "expected one array",
                    "a list is for kernels whose result is scalars, such as `summary`; write one step for each",
                );
            }
            list.iter().map(alone).collect()
        }
        In::One(array) => vec![alone(array)],
        In::Named(_) => Vec::new(),
    }
}

/// A table for `in` to fill in: `{ x = "…", y = "…" }`.
fn as_table(kernel: &KernelInfo) -> String {
    let each: Vec<String> =
        kernel.inputs.iter().map(|input| format!("{} = \"…\"", input.name)).collect();
    format!("{{ {} }}", each.join(", "))
}

fn named_pairs(
    named: &[(Spanned<String>, Spanned<String>)],
    span: Range<usize>,
    kernel: &KernelInfo,
    mistakes: &mut Mistakes<'_>,
) -> Vec<(String, Spanned<String>)> {
    let names = || kernel.inputs.iter().map(|input| input.name.as_str());
    for (input, _) in named {
        if !names().any(|name| name == input.get_ref()) {
            let (message, expected) = diagnose::unknown("input", input.get_ref(), names());
            mistakes.add(input.span(), format!("kernel `{}`: {message}", kernel.name), expected);
        }
    }
    let given = |name: &str| named.iter().find(|(input, _)| input.get_ref() == name);
    let missing: Vec<&str> = names().filter(|name| given(name).is_none()).collect();
    if !missing.is_empty() {
        let message =
            format!("kernel `{}` lacks its input {}", kernel.name, diagnose::all_of(&missing));
        mistakes.add(span, message, format!("expected {}", as_table(kernel)));
    }
    // In the kernel's order; what is unknown to it is kept last, so that its array's name is looked
    // up as well.
    let known = names().filter_map(given);
    let others = named.iter().filter(|(input, _)| !names().any(|name| name == input.get_ref()));
    known.chain(others).map(|(input, array)| (input.get_ref().clone(), array.clone())).collect()
}
