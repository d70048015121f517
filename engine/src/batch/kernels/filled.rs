//! Parameters of a job file as the fields of a kernel, and what is said when they do not fit.
//!
//! Types and bounds that the kernel declares are checked before; what is caught here is what it
//! has not declared.

use super::catalogue::{At, Refusal};
use crate::error::Result;
use serde::de::DeserializeOwned;

/// The kernel called `name`, its fields filled from the table.
pub(super) fn filled<K: DeserializeOwned>(
    name: &str,
    table: toml::Table,
) -> Result<K, Vec<Refusal>> {
    serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
        let field = error.path().iter().next().map(ToString::to_string);
        let reason: toml::de::Error = error.into_inner();
        vec![Refusal {
            at: At::Params(field.into_iter().collect()),
            message: format!("the value does not fit: {}", in_words(reason.message())),
            help: Some(format!("see `gristmill kernels {name}`")),
        }]
    })
}

/// Serde's words without the names of Rust's types.
fn in_words(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once("expected ") else {
        return message.to_string();
    };
    let wanted = match expected.trim() {
        "usize" | "u64" => "a whole number of at least 0".into(),
        "isize" | "i64" => "a whole number".into(),
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "i8" => "a whole number from -128 to 127".into(),
        "i16" => "a whole number from -32768 to 32767".into(),
        "i32" => "a whole number from -2147483648 to 2147483647".into(),
        "f32" | "f64" => "a number".into(),
        other => other.to_string(),
    };
    format!("{found}expected {wanted}")
}

/// The parameters that a kernel's refusal names, in the order of its text. Names of one letter are
/// words of the language as well, so they count only in backticks.
pub(super) fn naming(message: &str, params: &toml::Table) -> At {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut named = vec![];
    let mut before = ' ';
    for word in message.split_inclusive(|c| !is_part(c)) {
        let name = word.trim_end_matches(|c| !is_part(c));
        let known = params.contains_key(name) && (name.chars().count() > 1 || before == '`');
        if known && !named.contains(&name.to_string()) {
            named.push(name.to_string());
        }
        before = word.chars().next_back().unwrap_or(' ');
    }
    if named.is_empty() { At::Step } else { At::Params(named) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_parameters_by_their_words() {
        let params: toml::Table =
            toml::from_str("a = 1\nrange = 2\nbins_max = 3\nbins = 4").unwrap();
        let named = |message: &str| match naming(message, &params) {
            At::Params(names) => names.join(" "),
            _ => String::new(),
        };
        assert_eq!(named("a range of [1, 0]: the range must rise"), "range");
        assert_eq!(named("`a` must be positive, not a 0"), "a");
        assert_eq!(named("bins 3 above bins_max, 2"), "bins bins_max");
        assert_eq!(named("the maps differ in their ranges"), "");
    }

    #[test]
    fn types_of_the_language_are_put_into_words() {
        assert_eq!(
            in_words("invalid value: integer `-1`, expected usize"),
            "invalid value: integer `-1`, expected a whole number of at least 0"
        );
        assert_eq!(in_words("missing field `x`"), "missing field `x`");
    }
}
