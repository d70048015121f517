//! `gristmill kernels`: what steps can name.

use super::args::{ExitStatus, KernelsArgs};
use super::{print, say, width};
use crate::batch::{Catalogue, KernelInfo, Registry, ResultKind, unknown};
use crate::report::listing;

pub(super) fn kernels(args: &KernelsArgs, registry: &Registry) -> ExitStatus {
    let kernels = registry.kernels();
    let Some(name) = &args.name else {
        let rows = kernels.iter().map(|kernel| {
            let inputs: Vec<&str> = kernel.inputs.iter().map(|input| &input.name[..]).collect();
            let (name, summary) = (kernel.name.clone(), kernel.summary.clone());
            vec![name, inputs.join(", "), result(kernel).into(), summary]
        });
        let table = listing(&["kernel", "inputs", "result", "what"], rows, width());
        return print(&format!("{table}\n\nOne in full: gristmill kernels NAME\n"));
    };
    match kernels.iter().find(|kernel| kernel.name == *name) {
        Some(kernel) => print(&explained(kernel)),
        None => {
            let names = kernels.iter().map(|kernel| &kernel.name[..]);
            let (message, _) = unknown("kernel", name, names);
            say(&format!("{message}\n  `gristmill kernels` lists them"));
            ExitStatus::Wrong
        }
    }
}

fn result(kernel: &KernelInfo) -> &'static str {
    match kernel.result {
        ResultKind::Array => "array",
        ResultKind::Scalars => "scalars",
        ResultKind::Both => "array, scalars",
    }
}

fn explained(kernel: &KernelInfo) -> String {
    let rows = kernel.inputs.iter().map(|input| {
        let elements: Vec<&str> = input.elements.iter().map(|element| element.name()).collect();
        let axes = input.ndim.map_or("any".into(), |ndim| ndim.to_string());
        vec![input.name.clone(), input.access.into(), axes, elements.join(", ")]
    });
    let inputs = listing(&["input", "access", "axes", "elements"], rows, width());
    let rows = kernel.params.iter().map(|param| {
        let default = param.default.as_ref().map_or("must be given".into(), ToString::to_string);
        vec![param.name.clone(), param.describe(), default, param.doc.clone()]
    });
    let params = match kernel.params.is_empty() {
        true => "no parameters".into(),
        false => listing(&["parameter", "type", "default", "meaning"], rows, width()),
    };
    let (name, summary, result) = (&kernel.name, &kernel.summary, result(kernel));
    format!("{name}: {summary}\n\n{inputs}\n\nresult: {result}\n\n{params}\n")
}
