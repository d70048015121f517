//! The check of one step: its parameters and arrays against what its kernel takes, then the
//! kernel's own opinion.

use std::ops::Range;

use toml::Spanned;

use super::catalogue::{ArrayMeta, At, Catalogue, InputInfo, KernelInfo, NamedMeta, ResultKind};
use super::check::{Binding, CheckedStep, Source};
use super::check_param;
use super::diagnose::{self, Mistakes};
use super::element::ElementType;
use super::job::{In, Step};
use super::wire::Wired;

/// A step and what is known around it.
pub(crate) struct Asked<'a> {
    pub(crate) step: &'a Step,
    pub(crate) kernel: Option<&'a KernelInfo>,
    pub(crate) wired: &'a Wired,
    /// The array of a source, where it is known.
    pub(crate) meta_of: &'a dyn Fn(Source) -> Option<ArrayMeta>,
}

/// Which array goes to which input of the kernel, for each run of it. Without a known kernel,
/// inputs stay nameless.
pub(crate) fn pairs(
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
        inputs
            .first()
            .map(|input| vec![(input.name.clone(), array.clone())])
            .unwrap_or_default()
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
        let message = format!(
            "kernel `{}` takes {takes}; `in` names {only_named}",
            kernel.name
        );
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
    let each: Vec<String> = kernel
        .inputs
        .iter()
        .map(|input| format!("{} = \"…\"", input.name))
        .collect();
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
            mistakes.add(
                input.span(),
                format!("kernel `{}`: {message}", kernel.name),
                expected,
            );
        }
    }
    let given = |name: &str| named.iter().find(|(input, _)| input.get_ref() == name);
    let missing: Vec<&str> = names().filter(|name| given(name).is_none()).collect();
    if !missing.is_empty() {
        let message = format!(
            "kernel `{}` lacks its input {}",
            kernel.name,
            diagnose::one_of(&missing)
        );
        mistakes.add(
            span,
            message.replace(" or ", " and "),
            format!("expected {}", as_table(kernel)),
        );
    }
    // In the kernel's order; what is unknown to it is kept last, so that its array's name is looked
    // up as well.
    let known = names().filter_map(given);
    let others = named
        .iter()
        .filter(|(input, _)| !names().any(|name| name == input.get_ref()));
    known
        .chain(others)
        .map(|(input, array)| (input.get_ref().clone(), array.clone()))
        .collect()
}

/// Checks a step. `None` when it is wrong, or rests on what is wrong.
pub(crate) fn check(
    asked: &Asked<'_>,
    catalogue: &dyn Catalogue,
    mistakes: &mut Mistakes<'_>,
) -> Option<CheckedStep> {
    let (step, kernel) = (asked.step, asked.kernel?);
    let params = check_param::check(step, kernel, mistakes);
    let mut runs = Vec::new();
    let mut complete = asked.wired.complete && step.understood;
    for bindings in &asked.wired.runs {
        let metas = named_metas(asked, kernel, bindings, mistakes);
        complete &= metas.is_some();
        runs.extend(metas);
    }
    let params = params.filter(|_| complete)?;
    let mut result = None;
    for metas in &runs {
        match catalogue.prepare(&kernel.name, &params, metas) {
            Ok(meta) if meta.is_some() == (kernel.result != ResultKind::Scalars) => result = meta,
            Ok(_) => {
                // What rests on the result would otherwise be dropped without a word.
                let message = format!(
                    "kernel `{}` is not what the catalogue says it is",
                    kernel.name
                );
                let help = "this is a defect of the kernel's registration, not of the job file";
                mistakes.add_with_help(step.kernel.span(), message, "array or scalars?", help);
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
        each: matches!(
            step.arrays.as_ref().map(Spanned::get_ref),
            Some(In::Each(_))
        ),
        runs: asked.wired.runs.clone(),
        params,
        save: None,
        picture: None,
        result,
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
        let input = kernel
            .inputs
            .iter()
            .find(|input| input.name == binding.input);
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
                "kernel `{name}` takes an array of {ndim} dimension(s), `{array}` is {}",
                meta.describe()
            ),
            format!("expected {ndim}-D"),
        );
    }
    if !input.elements.is_empty() && !input.elements.contains(&meta.element) {
        let names: Vec<&str> = input
            .elements
            .iter()
            .map(|element| element.name())
            .collect();
        let message = format!(
            "kernel `{name}` does not take {}, and `{array}` is {}",
            meta.element,
            meta.describe()
        );
        let expected = format!("expected {}", diagnose::one_of(&names));
        let castable = input
            .elements
            .iter()
            .filter(|to| meta.element.cast_refused(**to).is_none());
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
        At::Param(name) => step
            .params
            .iter()
            .find(|(key, _)| key.get_ref() == name)
            .map(|(_, value)| value.span()),
        At::Input(name) => metas
            .iter()
            .find(|meta| meta.input == *name)
            .and_then(|meta| {
                let mut bindings = runs.iter().flatten();
                bindings
                    .find(|binding| binding.input == *name && binding.array == meta.array)
                    .map(|binding| binding.span.clone())
            }),
        At::Step => None,
    };
    found.unwrap_or_else(|| step.name.span())
}
