//! Mistakes in a job file: each with its place, what was expected and the nearest name, all of them
//! at once.
//!
//! It collects and words them; how they are drawn on a terminal is the command's business.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// Mistakes shown at most: a file that is no job file at all should not scroll away its first line.
const SHOWN_MAX: usize = 100;
/// Mistakes kept at most, from which the first are shown; of others it is only known how many.
const KEPT_MAX: usize = 10_000;
/// Labels that tell the eye which place is meant, and say nothing without it.
const LABELS_ALONE: [&str; 3] = ["refused", "reserved", "here"];
/// Names listed at most where one of them was expected: more do not help the eye.
const LISTED_MAX: usize = 16;

/// One mistake, at one place of the job file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub(crate) struct JobError {
    /// What is wrong.
    pub(crate) message: String,
    /// What was expected, written under the place.
    pub(crate) expected: String,
    /// What to do about it.
    #[help]
    pub(crate) help: Option<String>,
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column in characters, from 1.
    pub(crate) column: usize,
    /// The place in bytes.
    #[label("{expected}")]
    pub(crate) span: SourceSpan,
}

/// All mistakes of one job file. `Display` gives one line per mistake, as compilers do:
/// `terrain.toml:12:5: unknown kernel …`.
#[derive(Debug, Diagnostic)]
pub(crate) struct JobErrors {
    /// The job file's path as the user gave it.
    pub(crate) path: String,
    #[source_code]
    source: Arc<NamedSource<String>>,
    /// In the order of the file.
    #[related]
    pub(crate) errors: Vec<JobError>,
    /// How many more there were than are kept.
    pub(crate) unshown: usize,
}

impl std::error::Error for JobErrors {}

impl fmt::Display for JobErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = counted(self.errors.len() + self.unshown, "mistake");
        write!(formatter, "{}: {count}; nothing was started", self.path)?;
        if self.unshown > 0 {
            write!(formatter, " (the first {} are shown)", self.errors.len())?;
        }
        Ok(())
    }
}

impl JobErrors {
    /// One line per mistake, for pipes and logs: `path:line:column: message; expected; help`.
    pub(crate) fn plain(&self) -> String {
        let mut text = String::new();
        for error in &self.errors {
            text.push_str(&format!(
                "{}:{}:{}: {}",
                self.path, error.line, error.column, error.message
            ));
            for more in [Some(&error.expected), error.help.as_ref()].into_iter().flatten() {
                if !more.is_empty() && !LABELS_ALONE.contains(&more.as_str()) {
                    text.push_str("; ");
                    text.push_str(more);
                }
            }
            text.push('\n');
        }
        text
    }
}

/// Gathers mistakes while a job file is read and checked.
#[derive(Debug)]
pub(crate) struct Mistakes<'t> {
    text: &'t str,
    errors: Vec<JobError>,
    /// How many there were beyond those.
    beyond: usize,
}

impl<'t> Mistakes<'t> {
    /// No mistakes yet in this text.
    pub(crate) fn new(text: &'t str) -> Mistakes<'t> {
        Mistakes { text, errors: Vec::new(), beyond: 0 }
    }

    /// Notes a mistake: its place, what is wrong, what was expected there.
    pub(crate) fn add(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.push(span, message.into(), expected.into(), None);
    }

    /// As [`Mistakes::add`], with a remedy.
    pub(crate) fn add_with_help(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        expected: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(span, message.into(), expected.into(), Some(help.into()));
    }

    fn push(
        &mut self,
        span: Range<usize>,
        message: String,
        expected: String,
        help: Option<String>,
    ) {
        if self.errors.len() == KEPT_MAX {
            self.beyond += 1;
            return;
        }
        let start = floor_char_boundary(self.text, span.start);
        let end = floor_char_boundary(self.text, span.end).max(start);
        let span = SourceSpan::new(start.into(), end - start);
        // The line and the column are looked for once it is known that the mistake is shown.
        self.errors.push(JobError { message, expected, help, line: 0, column: 0, span });
    }

    /// How many so far.
    pub(crate) fn count(&self) -> usize {
        self.errors.len() + self.beyond
    }

    /// Nothing if there are none; otherwise all, in the order of the file.
    pub(crate) fn into_result(mut self, path: &str) -> Result<(), JobErrors> {
        if self.errors.is_empty() {
            return Ok(());
        }
        // Stable: mistakes at one place keep the order in which they were found.
        self.errors.sort_by_key(|error| error.span.offset());
        self.errors.dedup();
        let unshown = self.errors.len().saturating_sub(SHOWN_MAX) + self.beyond;
        self.errors.truncate(SHOWN_MAX);
        for error in &mut self.errors {
            (error.line, error.column) = line_and_column(self.text, error.span.offset());
        }
        Err(JobErrors {
            path: path.to_string(),
            source: Arc::new(NamedSource::new(path, self.text.to_string())),
            errors: self.errors,
            unshown,
        })
    }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Line and column, both from 1, of a byte offset on a character boundary.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[line_start..].chars().count() + 1)
}

/// The name most like `wanted`, if one is near enough that it may have been meant.
pub(crate) fn nearest<'n>(
    wanted: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let wanted = wanted.to_lowercase();
    // strsim's cost grows with the product of the lengths.
    if wanted.len() > 100 {
        return None;
    }
    // One letter is not like another.
    let length = wanted.chars().count();
    let distance_max = if length < 2 { 0 } else { (length / 3).max(1) };
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            *distance <= distance_max
                || (wanted.len() >= 3 && name.to_lowercase().starts_with(&wanted))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "unknown WHAT `name`, did you mean `nearest`?", and what there is to choose from.
pub(crate) fn unknown<'n>(
    what: &str,
    wanted: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> (String, String) {
    let names: Vec<&str> = names.into_iter().collect();
    let message = match nearest(wanted, names.iter().copied()) {
        Some(near) => format!("unknown {what} `{wanted}`, did you mean `{near}`?"),
        None => format!("unknown {what} `{wanted}`"),
    };
    let expected = match names.len() {
        0 => format!("there is no {what} to name here"),
        _ => expected_one_of(&names),
    };
    (message, expected)
}

/// "expected `a`, `b` or `c`", or how many names there are.
pub(crate) fn expected_one_of(names: &[&str]) -> String {
    match names.len() {
        0..=LISTED_MAX => format!("expected {}", one_of(names)),
        count => format!("expected one of {count} names"),
    }
}

/// "1 step", "2 steps".
pub(crate) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// "`a`, `b` or `c`".
pub(crate) fn one_of(names: &[&str]) -> String {
    joined(names, "or")
}

/// "`a`, `b` and `c`".
pub(crate) fn all_of(names: &[&str]) -> String {
    joined(names, "and")
}

fn joined(names: &[&str], word: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_not_bytes() {
        let mut mistakes = Mistakes::new("a = 1\nä = \"ö\" x");
        mistakes.add(14..15, "m", "e");
        let errors = mistakes.into_result("j.toml").unwrap_err();
        assert_eq!((errors.errors[0].line, errors.errors[0].column), (2, 7));
        assert_eq!(errors.plain(), "j.toml:2:7: m; e\n");
    }

    #[test]
    fn a_place_beyond_the_text_is_its_end() {
        let mut mistakes = Mistakes::new("é");
        mistakes.add(1..99, "m", "e");
        assert_eq!(mistakes.into_result("j").unwrap_err().errors[0].column, 1);
    }

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["slope", "hillshade", "sum", "sum_exact"];
        assert_eq!(nearest("slop", names), Some("slope"));
        assert_eq!(nearest("hilshaed", names), Some("hillshade"));
        assert_eq!(nearest("Sum", names), Some("sum"));
        assert_eq!(nearest("convolve", names), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(unknown("kernel", "x", []).1, "there is no kernel to name here");
        assert_eq!(one_of(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
