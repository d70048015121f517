//! Values of a job file: from what TOML holds to the types that the job wants, with a mistake noted
//! where they differ.
//!
//! It knows types of values, not the keys that they stand under.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::diagnose::Mistakes;

/// A value with its place.
pub(crate) type Value<'v, 't> = &'v Spanned<DeValue<'t>>;

/// What a value is, in a scientist's words.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn wrong(what: &str, wanted: &str, value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) {
    let message = format!("{what} is {}", kind(value.get_ref()));
    mistakes.add(value.span(), message, format!("expected {wanted}"));
}

/// A text.
pub(crate) fn text(
    what: &str,
    wanted: &str,
    value: Value<'_, '_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Spanned<String>> {
    match value.get_ref() {
        DeValue::String(text) => Some(Spanned::new(value.span(), text.clone().into_owned())),
        _ => {
            wrong(what, wanted, value, mistakes);
            None
        }
    }
}

/// A table, its entries in the order of the file.
pub(crate) fn table<'v, 't>(
    what: &str,
    wanted: &str,
    value: Value<'v, 't>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<(Spanned<&'v str>, Value<'v, 't>)>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(entries(table)),
        _ => {
            wrong(what, wanted, value, mistakes);
            None
        }
    }
}

/// The entries of a table in the order of the file: TOML's own table is sorted by name.
pub(crate) fn entries<'v, 't>(table: &'v DeTable<'t>) -> Vec<(Spanned<&'v str>, Value<'v, 't>)> {
    let mut entries: Vec<_> = table.iter().map(|(key, value)| (borrowed(key), value)).collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn borrowed<'v>(key: &'v Spanned<Cow<'_, str>>) -> Spanned<&'v str> {
    Spanned::new(key.span(), key.get_ref().as_ref())
}

/// A name of the job: what may stand in file names and on command lines without quoting.
pub(crate) fn is_name(name: &str) -> bool {
    let rest_is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    name.len() <= 64 && rest_is_plain && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// A number; a whole number only where f64 holds it exactly. Infinities and NaN pass.
pub(crate) fn number(
    what: &str,
    wanted: &str,
    value: Value<'_, '_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<f64> {
    match value.get_ref() {
        DeValue::Integer(written) => {
            let whole = integer(written, value.span(), mistakes)?;
            let held = whole as f64;
            if held as i128 != i128::from(whole) {
                mistakes.add(
                    value.span(),
                    format!("{what} is {whole}, which f64 does not hold exactly"),
                    format!("expected a number that it holds; the nearest is {}", held as i128),
                );
                return None;
            }
            Some(held)
        }
        DeValue::Float(written) => float(written.as_str(), value.span(), mistakes),
        _ => {
            wrong(what, wanted, value, mistakes);
            None
        }
    }
}

fn integer(
    written: &DeInteger<'_>,
    span: Range<usize>,
    mistakes: &mut Mistakes<'_>,
) -> Option<i64> {
    let value = i64::from_str_radix(written.as_str(), written.radix()).ok();
    if value.is_none() {
        mistakes.add(
            span,
            "this number is too large",
            format!("expected {} to {}", i64::MIN, i64::MAX),
        );
    }
    value
}

fn float(written: &str, span: Range<usize>, mistakes: &mut Mistakes<'_>) -> Option<f64> {
    let value: Option<f64> = written.parse().ok();
    let names_infinity = written.contains("inf");
    match value {
        Some(value) if value.is_finite() || value.is_nan() || names_infinity => Some(value),
        _ => {
            mistakes.add(span, "this number is too large", "expected a number that f64 holds");
            None
        }
    }
}

/// Any value, free of its places. The parser bounds the depth.
pub(crate) fn any(value: Value<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<toml::Value> {
    let span = value.span();
    Some(match value.get_ref() {
        DeValue::String(text) => toml::Value::String(text.clone().into_owned()),
        DeValue::Integer(written) => toml::Value::Integer(integer(written, span, mistakes)?),
        DeValue::Float(written) => toml::Value::Float(float(written.as_str(), span, mistakes)?),
        DeValue::Boolean(value) => toml::Value::Boolean(*value),
        DeValue::Datetime(value) => toml::Value::Datetime(*value),
        DeValue::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| any(value, mistakes)).collect();
            toml::Value::Array(values.into_iter().collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let pairs: Vec<_> = entries(table)
                .into_iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), any(value, mistakes)?)))
                .collect();
            toml::Value::Table(pairs.into_iter().collect::<Option<_>>()?)
        }
    })
}
