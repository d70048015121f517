//! The check of what a job writes: names, clashes with inputs and with each other, and what lies on
//! the disk already.
//!
//! It only looks. The folder checks again, without a gap, when it creates the files.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::checked::CheckedStep;
use super::diagnose::Mistakes;
use super::input::CheckedInput;
use super::job::{Job, Step};
use crate::batch::kernels::catalogue::ArrayMeta;
use crate::batch::output::output_path::{OutputPath, REPORT};

struct Output {
    path: OutputPath,
    span: Range<usize>,
    what: String,
}

/// Checks every `save` and `picture`, fills them into the steps, and lists all outputs, the report
/// last.
pub(crate) fn check(
    job: &Job,
    inputs: &[Option<CheckedInput>],
    steps: &mut [Option<CheckedStep>],
    folder: Option<&Path>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<OutputPath> {
    let mut outputs: Vec<Output> = Vec::new();
    for (step, checked) in job.steps.iter().zip(steps) {
        let result = checked.as_ref().map(|checked| checked.result.as_ref());
        let save = saved(step, result, mistakes);
        let picture = pictured(step, result, save.as_ref(), mistakes);
        if let Some(checked) = checked {
            checked.save = save.as_ref().map(|output| output.path.clone());
            let palette = step.picture.as_ref().map(|palette| *palette.get_ref());
            checked.picture = palette.zip(picture.as_ref().map(|output| output.path.clone()));
        }
        outputs.extend(save.into_iter().chain(picture));
    }
    for (at, output) in outputs.iter().enumerate() {
        note_clash(output, &outputs[..at], mistakes);
        if let Some(folder) = folder {
            note_on_disk(output, folder, inputs, mistakes);
        }
    }
    outputs.into_iter().map(|output| output.path).chain([OutputPath::report()]).collect()
}

fn saved(
    step: &Step,
    result: Option<Option<&ArrayMeta>>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Output> {
    let save = step.save.as_ref()?;
    let name = step.name.get_ref();
    if result == Some(None) {
        mistakes.add_with_help(
            save.span(),
            format!("step `{name}` has no array to save: its result is scalars"),
            "expected no `save`",
            format!("scalars are printed and written to {REPORT}"),
        );
    }
    let mut wrong = |message: String, help: String| {
        mistakes.add_with_help(save.span(), message, "expected a name such as \"slope.npy\"", help);
    };
    let path = match OutputPath::new(save.get_ref()) {
        Ok(path) => path,
        Err(error) => {
            let help = "name a file inside the output folder; `--out DIR` chooses that folder";
            wrong(format!("`save`: {error}"), help.into());
            return None;
        }
    };
    if path.as_str() == REPORT {
        wrong(format!("`{REPORT}` is written by the engine itself"), "choose another name".into());
        return None;
    }
    if !path.as_str().ends_with(".npy") {
        let help = format!("write `save = \"{}\"`", path.with_extension("npy"));
        wrong(format!("`save` = \"{path}\": results are saved as .npy files only"), help);
        return None;
    }
    Some(Output { path, span: save.span(), what: format!("the result of step `{name}`") })
}

fn pictured(
    step: &Step,
    result: Option<Option<&ArrayMeta>>,
    save: Option<&Output>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Output> {
    let picture = step.picture.as_ref()?;
    let name = step.name.get_ref();
    let no_map = match result {
        None => None,
        Some(None) => Some("scalars".to_string()),
        Some(Some(meta)) => {
            let drawable =
                meta.shape.len() == 2 && !meta.element.is_complex() && !meta.shape.contains(&0);
            (!drawable).then(|| meta.describe())
        }
    };
    if let Some(no_map) = no_map {
        let message = format!("step `{name}` has no map to draw: its result is {no_map}");
        mistakes.add(
            picture.span(),
            message,
            "expected a 2-D result of real numbers, or no `picture`",
        );
    }
    // Beside the saved array, or under the step's name.
    let path = match save {
        Some(save) => Some(save.path.with_extension("png")),
        None => OutputPath::new(&format!("{name}.png")).ok(),
    };
    Some(Output {
        path: path?,
        span: picture.span(),
        what: format!("the picture of step `{name}`"),
    })
}

fn note_clash(output: &Output, earlier: &[Output], mistakes: &mut Mistakes<'_>) {
    for other in earlier {
        let (path, what) = (&output.path, &other.what);
        if path == &other.path {
            let message = format!("{} would overwrite {what}: both are `{path}`", output.what);
            mistakes.add(output.span.clone(), message, "expected a name of its own");
        } else if path.lies_under(&other.path) || other.path.lies_under(path) {
            let message = format!(
                "`{path}` and `{}` cannot both be: one is a folder of the other",
                other.path
            );
            mistakes.add(output.span.clone(), message, "expected another name");
        }
    }
    let report = OutputPath::report();
    if output.path.lies_under(&report) {
        let message = format!("`{REPORT}` is written by the engine itself and is no folder");
        mistakes.add(output.span.clone(), message, "expected another name");
    }
}

fn note_on_disk(
    output: &Output,
    folder: &Path,
    inputs: &[Option<CheckedInput>],
    mistakes: &mut Mistakes<'_>,
) {
    let target = resolved(&folder.join(&output.path));
    if let Some(input) = inputs.iter().flatten().find(|input| input.path == target) {
        mistakes.add_with_help(
            output.span.clone(),
            format!(
                "{} would overwrite input `{}`, {}",
                output.what,
                input.name,
                input.path.display()
            ),
            "expected another name",
            "choose another name, or another folder with `--out DIR`",
        );
        return;
    }
    let mut path = folder.to_path_buf();
    let mut components = output.path.components().peekable();
    while let Some(component) = components.next() {
        path.push(component);
        let Ok(metadata) = path.symlink_metadata() else {
            return;
        };
        let is_last = components.peek().is_none();
        let problem = if metadata.is_symlink() {
            "is a symbolic link, and results are not written through links"
        } else if is_last && !metadata.is_file() {
            "is there already, and is not a regular file"
        } else if !is_last && !metadata.is_dir() {
            "is there already, and is not a folder"
        } else {
            continue;
        };
        let message = format!("{}: {} {problem}", output.what, path.display());
        mistakes.add_with_help(
            output.span.clone(),
            message,
            "cannot be written",
            "remove it or choose another name",
        );
        return;
    }
}

/// The path with links resolved as far as it exists, and the rest as it is.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for ancestor in absolute.ancestors() {
        if let Ok(found) = ancestor.canonicalize() {
            let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() { found } else { found.join(rest) };
        }
    }
    absolute
}
