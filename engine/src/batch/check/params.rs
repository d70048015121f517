//! The check of a step's parameters against those that its kernel declares; defaults are filled in
//! here.

use toml::Value;

use super::diagnose::{self, Mistakes};
use super::job::Step;
use crate::batch::kernels::catalogue::{KernelInfo, ParamType};

/// All parameters of the kernel with their values; `None` when one is unknown, missing or of the
/// wrong type.
pub(crate) fn check(
    step: &Step,
    kernel: &KernelInfo,
    mistakes: &mut Mistakes<'_>,
) -> Option<toml::Table> {
    let before = mistakes.count();
    let mut params = toml::Table::new();
    if let ([], [(key, _), ..]) = (kernel.params.as_slice(), step.params.as_slice()) {
        let message = format!("kernel `{}` takes no parameters", kernel.name);
        mistakes.add(key.span(), message, "expected no `params`");
        return None;
    }
    for (key, value) in &step.params {
        let name = key.get_ref();
        let Some(info) = kernel.params.iter().find(|info| info.name == *name) else {
            let names = kernel.params.iter().map(|info| info.name.as_str());
            let (message, expected) = diagnose::unknown("parameter", name, names);
            mistakes.add(key.span(), format!("kernel `{}`: {message}", kernel.name), expected);
            continue;
        };
        let found = match converted(value.get_ref(), &info.ty) {
            Ok(fitting) if info.allows(&fitting) => {
                params.insert(name.clone(), fitting);
                continue;
            }
            Ok(outside) => outside.to_string(),
            Err(found) => found,
        };
        mistakes.add_with_help(
            value.span(),
            format!("parameter `{name}` of `{}` is {found}", kernel.name),
            format!("expected a {}", info.describe()).replace("a one of", "one of"),
            format!("{name}: {}", info.doc),
        );
    }
    for info in &kernel.params {
        let given = step.params.iter().any(|(key, _)| *key.get_ref() == info.name);
        match &info.default {
            _ if given => {}
            Some(default) => {
                params.insert(info.name.clone(), default.clone());
            }
            // Where `params` itself was not understood, what it lacks is not known.
            None if !step.understood => return None,
            None => mistakes.add_with_help(
                step.name.span(),
                format!("kernel `{}` lacks its parameter `{}`", kernel.name, info.name),
                format!("expected params = {{ {} = … }}", info.name),
                format!("{}: {} ({})", info.name, info.doc, info.describe()),
            ),
        }
    }
    (mistakes.count() == before).then_some(params)
}

/// The parameters of a kernel outside of job files: those that it has of `given`, then of `usual`, and
/// the defaults of the others.
pub(crate) fn with_defaults(
    kernel: &KernelInfo,
    given: &toml::Table,
    usual: &toml::Table,
) -> Result<toml::Table, String> {
    let mut params = toml::Table::new();
    for info in &kernel.params {
        let (name, wanted) = (&info.name, info.describe());
        let value = match given.get(name).or(usual.get(name)) {
            Some(value) => match converted(value, &info.ty) {
                Ok(fitting) if info.allows(&fitting) => fitting,
                _ => {
                    let kernel = &kernel.name;
                    return Err(format!(
                        "parameter `{name}` of `{kernel}` is {value}; {name}: {wanted}"
                    ));
                }
            },
            None => info.default.clone().ok_or_else(|| {
                format!("`{}` lacks its parameter `{name}`: {} ({wanted})", kernel.name, info.doc)
            })?,
        };
        params.insert(name.clone(), value);
    }
    Ok(params)
}

/// The value as the kernel wants it, or what it is instead.
fn converted(value: &Value, ty: &ParamType) -> Result<Value, String> {
    match (ty, value) {
        (ParamType::Bool, Value::Boolean(_))
        | (ParamType::Integer, Value::Integer(_))
        | (ParamType::Number, Value::Float(_))
        | (ParamType::Text, Value::String(_)) => Ok(value.clone()),
        (ParamType::Number, Value::Integer(whole)) => Ok(Value::Float(*whole as f64)),
        (ParamType::Choice(words), Value::String(word)) => match words.contains(word) {
            true => Ok(value.clone()),
            false => Err(match diagnose::nearest(word, words.iter().map(String::as_str)) {
                Some(near) => format!("\"{word}\", did you mean \"{near}\"?"),
                None => format!("\"{word}\""),
            }),
        },
        (ParamType::List(of, length), Value::Array(values)) => {
            if length.is_some_and(|length| length != values.len()) {
                return Err(format!("a list of {}", values.len()));
            }
            let each = values.iter().map(|value| converted(value, of));
            let all: Result<Vec<Value>, String> = each.collect();
            all.map(Value::Array).map_err(|found| format!("a list that holds {found}"))
        }
        _ => Err(kind(value)),
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text {text:?}"),
        Value::Integer(whole) => format!("the whole number {whole}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(value) => format!("{value}"),
        Value::Datetime(value) => format!("the date or time {value}"),
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::Table(_) => "a table".into(),
    }
}
