//! From the text of a job file to a [`Job`]: syntax, keys and the types of their values.
//!
//! Nothing is looked up here, neither files nor kernels nor arrays: that is `check`. TOML's own
//! tree is walked by hand rather than through serde, because serde stops at the first mistake and
//! all of them are wanted.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnose::{self, Mistakes};
use super::job::{FORMAT, In, Input, Job, PARTS_MAX, RESERVED_AT_TOP, RESERVED_IN_STEP, Step};
use super::quantity;
use super::value::{self, Value};
use crate::memory::ElementType;
use crate::report::Palette;

const KEYS_AT_TOP: [&str; 6] = ["format", "name", "deadline", "worker_memory", "inputs", "steps"];
const KEYS_OF_INPUT: [&str; 4] = ["file", "cast", "nodata", "cell"];
const KEYS_OF_STEP: [&str; 6] = ["kernel", "in", "params", "save", "picture", "deadline"];

/// Reads a job file's text. Mistakes are noted and left out of the result; `None` when the text is
/// no TOML, since whatever else could be said of it would be guesswork.
pub(crate) fn parse(text: &str, mistakes: &mut Mistakes<'_>) -> Option<Job> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut guesswork = false;
    for error in &errors {
        let duplicate = error.message().contains("duplicate key");
        guesswork |= !duplicate;
        let span = error.span().unwrap_or(0..0);
        if duplicate {
            let name = text.get(span.clone()).unwrap_or_default();
            mistakes.add(span, format!("`{name}` is there twice"), "the second one");
        } else {
            mistakes.add_with_help(
                span,
                format!("this is not TOML: {}", error.message()),
                "here",
                "job files are written in TOML, toml.io",
            );
        }
    }
    if guesswork { None } else { Some(job(root.get_ref(), mistakes)) }
}

fn job(root: &DeTable<'_>, mistakes: &mut Mistakes<'_>) -> Job {
    let mut job = Job {
        name: None,
        deadline: None,
        worker_memory: None,
        inputs: Vec::new(),
        steps: Vec::new(),
    };
    let (mut has_format, mut has_name, mut has_steps) = (false, false, false);
    for (key, value) in value::entries(root) {
        match *key.get_ref() {
            "format" => {
                has_format = true;
                format(value, mistakes);
            }
            "name" => {
                has_name = true;
                job.name = value::text("`name`", "the job's name in quotes", value, mistakes)
                    .filter(|name| named_well("the job", name.get_ref(), name.span(), mistakes));
            }
            "deadline" => job.deadline = deadline(value, mistakes),
            "worker_memory" => job.worker_memory = worker_memory(value, mistakes),
            "inputs" => job.inputs = inputs(value, mistakes),
            "steps" => {
                has_steps = true;
                job.steps = steps(value, mistakes);
            }
            _ => unknown_key(&key, "the job", &KEYS_AT_TOP, &RESERVED_AT_TOP, mistakes),
        }
    }
    if !has_format {
        let help = format!("begin the file with `format = {FORMAT}`");
        mistakes.add_with_help(0..0, "`format` is missing", "expected before all tables", help);
    }
    if !has_name {
        let help = "write `name = \"…\"` before the first table; results go to out/NAME";
        mistakes.add_with_help(0..0, "`name` is missing", "expected before all tables", help);
    }
    if !has_steps {
        let help = "add a table such as `[steps.slope]`; `gristmill init` writes an example";
        mistakes.add_with_help(0..0, "the job has no steps", "", help);
    }
    job
}

fn format(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) {
    let known = match value.get_ref() {
        DeValue::Integer(written) => written.as_str() == "1" && written.radix() == 10,
        other => {
            let message = format!("`format` is {}", value::kind(other));
            return mistakes.add(value.span(), message, format!("expected {FORMAT}"));
        }
    };
    if !known {
        mistakes.add_with_help(
            value.span(),
            "this version of the job format is not known",
            format!("expected {FORMAT}"),
            "a newer gristmill may know it",
        );
    }
}

fn named_well(what: &str, name: &str, span: Range<usize>, mistakes: &mut Mistakes<'_>) -> bool {
    let good = value::is_name(name);
    if !good {
        mistakes.add_with_help(
            span,
            format!("{what} cannot be called {name:?}"),
            "expected letters, digits, `_` and `-`, at most 64, a letter or digit first",
            "names of jobs, inputs and steps become names of files",
        );
    }
    good
}

fn unknown_key(
    key: &Spanned<&str>,
    of: &str,
    known: &[&str],
    reserved: &[&str],
    mistakes: &mut Mistakes<'_>,
) {
    let name = *key.get_ref();
    if reserved.contains(&name) {
        let message = format!(
            "`{name}` is reserved for a later version of the format; this one knows {}",
            diagnose::all_of(known)
        );
        return mistakes.add(key.span(), message, "reserved");
    }
    let (message, expected) = diagnose::unknown("key", name, known.iter().copied());
    mistakes.add(key.span(), format!("{of}: {message}"), expected);
}

fn inputs(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Vec<Input> {
    let tables = value::table("`inputs`", "tables such as `[inputs.elevation]`", value, mistakes);
    let tables = tables.unwrap_or_default();
    few_enough(tables.len(), "the job has", "inputs", value.span(), mistakes);
    tables.into_iter().take(PARTS_MAX).map(|(name, value)| input(name, value, mistakes)).collect()
}

fn input(name: Spanned<&str>, value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Input {
    let before = mistakes.count();
    let what = format!("input `{}`", name.get_ref());
    named_well("an input", name.get_ref(), name.span(), mistakes);
    let mut input = Input {
        name: Spanned::new(name.span(), name.get_ref().to_string()),
        file: None,
        cast: None,
        nodata: None,
        cell: None,
        understood: false,
    };
    let entries = value::table(&what, "a table `[inputs.NAME]` with `file`", value, mistakes);
    let has_file = entries.iter().flatten().any(|(key, _)| *key.get_ref() == "file");
    if !has_file && entries.is_some() {
        let help = "add `file = \"NAME.npy\"`, relative to the job file";
        mistakes.add_with_help(
            name.span(),
            format!("{what} names no file"),
            "`file` is missing",
            help,
        );
    }
    for (key, value) in entries.into_iter().flatten() {
        match *key.get_ref() {
            "file" => input.file = file(value, mistakes),
            "cast" => input.cast = element(value, mistakes),
            "nodata" => {
                input.nodata = value::number("`nodata`", "a number", value, mistakes)
                    .map(|number| Spanned::new(value.span(), number));
            }
            "cell" => input.cell = cell(value, mistakes),
            _ => unknown_key(&key, &what, &KEYS_OF_INPUT, &[], mistakes),
        }
    }
    input.understood = mistakes.count() == before;
    input
}

fn file(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Spanned<String>> {
    let file = value::text("`file`", "a path in quotes", value, mistakes)?;
    if file.get_ref().is_empty() {
        let expected = "expected a path such as \"elevation.npy\"";
        mistakes.add(value.span(), "`file` is empty", expected);
        return None;
    }
    Some(file)
}

fn element(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Spanned<ElementType>> {
    let name =
        value::text("`cast`", "an element type in quotes, such as \"f64\"", value, mistakes)?;
    let found = ElementType::from_name(name.get_ref());
    if found.is_none() {
        let names = ElementType::ALL.iter().map(|element| element.name());
        let (message, expected) = diagnose::unknown("element type", name.get_ref(), names);
        mistakes.add(name.span(), message, expected);
    }
    Some(Spanned::new(name.span(), found?))
}

fn cell(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Spanned<[f64; 2]>> {
    let wanted = "expected [metres per row, metres per column], both above 0, such as [92.6, 74.4]";
    let numbers: Option<Vec<f64>> = match value.get_ref() {
        DeValue::Array(list) if list.len() == 2 => {
            let numbers =
                list.iter().map(|each| value::number("`cell`", "a number", each, mistakes));
            Some(numbers.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?)
        }
        _ => None,
    };
    match numbers.as_deref() {
        Some(&[row, column]) if row > 0.0 && column > 0.0 && (row + column).is_finite() => {
            Some(Spanned::new(value.span(), [row, column]))
        }
        _ => {
            mistakes.add(value.span(), "`cell` is not the size of a cell", wanted);
            None
        }
    }
}

fn steps(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Vec<Step> {
    let tables = value::table("`steps`", "tables such as `[steps.slope]`", value, mistakes);
    if tables.as_ref().is_some_and(Vec::is_empty) {
        mistakes.add(value.span(), "the job has no steps", "expected at least one `[steps.NAME]`");
    }
    let tables = tables.unwrap_or_default();
    few_enough(tables.len(), "the job has", "steps", value.span(), mistakes);
    tables.into_iter().take(PARTS_MAX).map(|(name, value)| step(name, value, mistakes)).collect()
}

/// Notes a mistake where there are too many of something; the rest of them are left out.
fn few_enough(
    count: usize,
    whose: &str,
    what: &str,
    span: Range<usize>,
    mistakes: &mut Mistakes<'_>,
) {
    if count > PARTS_MAX {
        let message = format!("{whose} {count} {what}, the limit is {PARTS_MAX}");
        mistakes.add_with_help(span, message, "too many", "write several jobs");
    }
}

fn step(name: Spanned<&str>, value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Step {
    let before = mistakes.count();
    let what = format!("step `{}`", name.get_ref());
    named_well("a step", name.get_ref(), name.span(), mistakes);
    let name = Spanned::new(name.span(), name.get_ref().to_string());
    let mut step = Step {
        kernel: Some(name.clone()),
        name,
        arrays: None,
        params: Vec::new(),
        save: None,
        picture: None,
        deadline: None,
        understood: false,
    };
    let entries = value::table(&what, "a table `[steps.NAME]`", value, mistakes);
    for (key, value) in entries.into_iter().flatten() {
        match *key.get_ref() {
            "kernel" => {
                step.kernel = value::text("`kernel`", "a kernel's name in quotes", value, mistakes);
            }
            "in" => step.arrays = arrays(value, mistakes),
            "params" => step.params = params(value, mistakes),
            "save" => step.save = value::text("`save`", "a file name in quotes", value, mistakes),
            "picture" => step.picture = palette(value, mistakes),
            "deadline" => step.deadline = deadline(value, mistakes),
            _ => unknown_key(&key, &what, &KEYS_OF_STEP, &RESERVED_IN_STEP, mistakes),
        }
    }
    step.understood = mistakes.count() == before;
    step
}

fn deadline(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
    let text = value::text("`deadline`", "a time in quotes, such as \"30s\"", value, mistakes)?;
    let read = quantity::duration(text.get_ref());
    read.map_err(|reason| mistakes.add(text.span(), format!("`deadline`: {reason}"), "here")).ok()
}

fn worker_memory(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<u64> {
    let wanted = "a size in quotes, such as \"2 GiB\"";
    let text = value::text("`worker_memory`", wanted, value, mistakes)?;
    let read = quantity::worker_memory(text.get_ref());
    read.map_err(|reason| mistakes.add(text.span(), format!("`worker_memory`: {reason}"), "here"))
        .ok()
}

fn arrays(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Spanned<In>> {
    let wanted = "an array's name, a table `{ x = \"a\", y = \"b\" }` or a list of names";
    let before = mistakes.count();
    let count = match value.get_ref() {
        DeValue::Table(table) => table.len(),
        DeValue::Array(list) => list.len(),
        _ => 1,
    };
    few_enough(count, "`in` names", "arrays", value.span(), mistakes);
    let read = match value.get_ref() {
        DeValue::Table(table) => In::Named(
            value::entries(table)
                .into_iter()
                .take(PARTS_MAX)
                .filter_map(|(key, value)| {
                    let array = value::text("this", "an array's name in quotes", value, mistakes)?;
                    Some((Spanned::new(key.span(), key.get_ref().to_string()), array))
                })
                .collect(),
        ),
        DeValue::Array(list) => In::Each(
            list.iter()
                .take(PARTS_MAX)
                .filter_map(|each| value::text("this", "an array's name in quotes", each, mistakes))
                .collect(),
        ),
        _ => In::One(value::text("`in`", wanted, value, mistakes)?),
    };
    let empty = match &read {
        In::One(_) => false,
        In::Named(named) => named.is_empty(),
        In::Each(each) => each.is_empty(),
    };
    if mistakes.count() == before && empty {
        mistakes.add(value.span(), "`in` names no array", format!("expected {wanted}"));
    }
    (mistakes.count() == before).then(|| Spanned::new(value.span(), read))
}

fn params(
    value: Value<'_, '_>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<(Spanned<String>, Spanned<toml::Value>)> {
    let wanted = "a table such as `{ azimuth = 315, altitude = 45 }`";
    let entries = value::table("`params`", wanted, value, mistakes).unwrap_or_default();
    let owned = entries.into_iter().filter_map(|(key, value)| {
        let any = value::any(value, mistakes)?;
        Some((Spanned::new(key.span(), key.get_ref().to_string()), Spanned::new(value.span(), any)))
    });
    owned.collect()
}

fn palette(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Spanned<Palette>> {
    let name = value::text("`picture`", "the colours' name in quotes", value, mistakes)?;
    let found = Palette::ALL.into_iter().find(|palette| palette.name() == name.get_ref());
    if found.is_none() {
        let names = Palette::ALL.iter().map(|palette| palette.name());
        let (message, expected) = diagnose::unknown("picture", name.get_ref(), names);
        mistakes.add(name.span(), message, expected);
    }
    Some(Spanned::new(name.span(), found?))
}
