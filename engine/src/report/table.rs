//! Tables for the end of a run: its steps, and the numbers that they came to; and figures in units
//! that people read.
//!
//! Nothing is printed here, and there are no colours: a table in a log looks as it does on the
//! terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::report::StepReport;
use super::scalar::{Ordered, Scalar};

/// How a table is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// With lines, for a terminal of so many columns, if that is known.
    Terminal(Option<u16>),
    /// In columns alone, for pipes and files.
    Plain,
}

/// One row per step: what it ran, how long, how fast, and what went wrong on the way.
pub(crate) fn steps(steps: &[StepReport], look: Look) -> String {
    let eventful = steps.iter().any(|step| step.retries > 0 || step.deaths > 0);
    let mut header = vec!["step", "kernel", "chunks", "time", "throughput"];
    if eventful {
        header.extend(["retries", "deaths"]);
    }
    let rows = steps.iter().map(|step| {
        let mut row = vec![
            step.name.clone(),
            step.kernel.clone(),
            step.chunks.to_string(),
            seconds(step.seconds),
            bytes_per_s(step.bytes_per_s),
        ];
        if eventful {
            row.extend([step.retries.to_string(), step.deaths.to_string()]);
        }
        row
    });
    figures(&header, rows, 2, look)
}

/// The numbers of one step: a row per array, a column per number.
pub(crate) fn scalars(by_array: &Ordered<Ordered<Scalar>>, look: Look) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in by_array.0.iter().flat_map(|(_, numbers)| &numbers.0) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let rows = by_array.0.iter().map(|(array, numbers)| {
        let cells = names.iter().map(|name| {
            let found = numbers.0.iter().find(|(other, _)| other == name);
            found.map_or(String::new(), |(_, value)| number(*value))
        });
        std::iter::once(array.clone()).chain(cells).collect()
    });
    let header: Vec<&str> = std::iter::once("array").chain(names.iter().copied()).collect();
    figures(&header, rows, 1, look)
}

/// Columns of text; no header if it is empty. Where lines are longer than `width`, long cells are
/// broken within their column.
pub(crate) fn listing(
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    width: Option<u16>,
) -> String {
    let mut table = table(header, rows, Look::Plain);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    trimmed(&table)
}

/// The first `texts` columns are flush left, the others, numbers, flush right. What is too wide for
/// the terminal loses its lines, and if that does not help its columns: figures are never broken.
pub(crate) fn figures(
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    texts: usize,
    look: Look,
) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let drawn = |look| {
        let mut table = table(header, rows.iter().cloned(), look);
        for column in table.column_iter_mut().skip(texts) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        trimmed(&table)
    };
    let Look::Terminal(Some(width)) = look else { return drawn(look) };
    let fits = |text: &String| text.lines().all(|line| line.chars().count() <= width.into());
    let fitting = [look, Look::Plain].into_iter().map(drawn).find(fits);
    fitting.unwrap_or_else(|| {
        let entries = rows.iter().flat_map(|row| {
            let cells = header.iter().zip(row).enumerate();
            cells.map(|(at, (name, cell))| {
                let (name, cell) = (name.to_string(), cell.clone());
                vec![if at == 0 { name } else { format!("  {name}") }, cell]
            })
        });
        listing(&[], entries, None)
    })
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, look: Look) -> Table {
    let mut table = Table::new();
    table.load_style(match look {
        Look::Terminal(_) => presets::UTF8_FULL_CONDENSED,
        Look::Plain => presets::NOTHING,
    });
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }
    table.add_rows(rows);
    table
}

/// Without the blanks that fill the last column.
fn trimmed(table: &Table) -> String {
    let lines: Vec<String> =
        table.to_string().lines().map(|line| line.trim_end().to_string()).collect();
    lines.join("\n")
}

/// A number with six digits that count; whole numbers with all of theirs.
fn number(value: Scalar) -> String {
    let Scalar::Float(value) = value else {
        return value.to_string();
    };
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..9).contains(&magnitude) {
        return format!("{value:.5e}");
    }
    let decimals = usize::try_from(5 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// A duration, such as "12.5 ms", "3.20 s" or "1 h 02 min".
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s < 0.0 => "?".into(),
        s if s < 999.5e-6 => format!("{:.0} us", s * 1e6),
        s if s < 0.9995 => format!("{:.1} ms", s * 1e3),
        s if s < 59.995 => format!("{s:.2} s"),
        s if s < 3599.5 => {
            let whole = s.round() as u64;
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
        s => {
            let minutes = (s / 60.0).round() as u64;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// A size, such as "277 B", "1.50 MiB".
pub(crate) fn bytes(bytes: u64) -> String {
    if bytes < 1024 {
        format!("{bytes} B")
    } else {
        scaled(bytes as f64, 1024.0, &["KiB", "MiB", "GiB", "TiB"])
    }
}

/// A throughput, such as "4.90 GB/s"; decimal, as memory bandwidth is given. "-" when it was not
/// measured.
pub(crate) fn bytes_per_s(rate: f64) -> String {
    match rate {
        rate if !rate.is_finite() || rate <= 0.0 => "-".into(),
        rate if rate < 1000.0 => format!("{rate:.0} B/s"),
        rate => scaled(rate, 1000.0, &["kB/s", "MB/s", "GB/s", "TB/s"]),
    }
}

/// The value in the largest unit in which it is at least 1, with three digits that count.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let (mut value, mut at) = (value / step, 0);
    while value >= step - 0.5 && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    let decimals = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {}", units[at])
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::example;
    use super::*;

    #[test]
    fn figures_are_short() {
        for (value, text) in [
            (0.0, "0 us"),
            (12.3e-6, "12 us"),
            (0.0125, "12.5 ms"),
            (0.99999, "1.00 s"),
            (59.999, "1 min 00 s"),
            (3720.0, "1 h 02 min"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(seconds(value), text);
        }
        assert_eq!((bytes(1023), bytes(1536)), ("1023 B".into(), "1.50 KiB".into()));
        assert_eq!((bytes(1 << 30), bytes(u64::MAX)), ("1.00 GiB".into(), "16777216 TiB".into()));
        assert_eq!((bytes_per_s(0.0), bytes_per_s(4.9e9)), ("-".into(), "4.90 GB/s".into()));
        assert_eq!(bytes_per_s(999_999.0), "1.00 MB/s");
        for (value, text) in [
            (0.0, "0"),
            (12.345_678_901, "12.3457"),
            (1.5, "1.5"),
            (-0.000_123_456_78, "-0.000123457"),
            (123_456_789.0, "123456789"),
            (1e300, "1.00000e300"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(Scalar::Float(value)), text);
        }
    }

    #[test]
    fn plain_tables_are_columns_alone() {
        let report = example();
        let mut calm = report.steps.clone();
        calm[0].retries = 0;
        assert_eq!(
            steps(&calm, Look::Plain),
            " step   kernel  chunks     time  throughput\n slope  slope       64  12.5 ms    177 MB/s"
        );
        assert!(steps(&report.steps, Look::Plain).contains("retries"));
        let numbers = scalars(&report.scalars.0[0].1, Look::Plain);
        assert_eq!(
            numbers,
            " array    count     mean  lowest\n slope   138632  12.3457      -5\n aspect  138632      NaN      -5"
        );
    }

    #[test]
    fn terminal_tables_have_lines_and_no_colours() {
        let table = steps(&example().steps, Look::Terminal(None));
        assert!(table.contains('│') && !table.contains('\u{1b}'), "{table}");
    }

    #[test]
    fn terminal_tables_are_not_wider_than_the_terminal() {
        let numbers = &example().scalars.0[0].1;
        for width in [30, 40, 60, 120] {
            for table in [
                steps(&example().steps, Look::Terminal(Some(width))),
                scalars(numbers, Look::Terminal(Some(width))),
            ] {
                let longest = table.lines().map(|line| line.chars().count()).max();
                assert!(longest <= Some(width.into()), "{width}:\n{table}");
                // Whole figures, however narrow.
                assert!(table.contains("12.5 ms") || table.contains("138632"), "{table}");
            }
        }
    }
}
