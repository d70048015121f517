//! Figures as people read them: with as many digits as they are worth, and units.

use super::estimate::Estimate;
use super::results::Model;

/// What stands for a figure that is not known.
pub(crate) const UNKNOWN: &str = "–";

fn with_decimals(value: f64, decimals: i32) -> String {
    let text = format!("{value:.*}", usize::try_from(decimals.clamp(0, 12)).unwrap_or(0));
    // Rounding may leave nothing but a sign.
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|c| matches!(c, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// The place of the first digit that is not 0: 2 for 123, -3 for 0.00123.
fn magnitude(value: f64) -> i32 {
    // Rounded as it will be shown, so that 9.999 counts as 10.
    format!("{value:.2e}").rsplit_once('e').and_then(|(_, place)| place.parse().ok()).unwrap_or(0)
}

/// A figure with so many digits, from three on.
pub(crate) fn digits(value: f64, count: i32) -> String {
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    match magnitude(value) {
        _ if value == 0.0 => "0".to_owned(),
        place @ -6..=6 => with_decimals(value, count - 1 - place),
        _ => format!("{value:.*e}", usize::try_from(count - 1).unwrap_or(0)),
    }
}

/// A figure of a tick: without zeros at the end.
pub(crate) fn tick(value: f64) -> String {
    let text = digits(value, 3);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A figure, the lower and the upper end of its interval: all with so many decimals that the
/// interval's width shows two digits.
pub(crate) fn with_ends(estimate: &Estimate) -> [String; 3] {
    let Estimate { value, low, high } = *estimate;
    let width = high - low;
    if !(value.is_finite() && width.is_finite()) {
        return [value, low, high].map(|end| digits(end, 3));
    }
    let decimals = match width > 0.0 {
        // A figure that is small against its interval has a digit all the same, if two more do it.
        true => {
            let of_width = 1 - magnitude(width);
            of_width.max((-magnitude(value)).min(of_width + 2))
        }
        false => 3 - magnitude(value),
    };
    match decimals {
        ..=8 => [value, low, high].map(|end| with_decimals(end, decimals.max(0))),
        _ => [value, low, high].map(|end| digits(end, 3)),
    }
}

/// Such as "1.90 (1.88 to 1.92)".
pub(crate) fn with_interval(estimate: &Estimate) -> String {
    let [value, low, high] = with_ends(estimate);
    format!("{value} ({low} to {high})")
}

/// The unit in which a time has one to three digits before the point, and its length in seconds.
pub(crate) fn unit_of_time(time_s: f64) -> (&'static str, f64) {
    match time_s {
        ..1e-6 => ("ns", 1e-9),
        ..1e-3 => ("µs", 1e-6),
        ..1.0 => ("ms", 1e-3),
        _ => ("s", 1.0),
    }
}

/// Such as "12.3 ms".
pub(crate) fn seconds(time_s: f64) -> String {
    let (unit, length) = unit_of_time(time_s);
    format!("{}\u{a0}{unit}", digits(time_s / length, 3))
}

/// Such as "31 GiB".
pub(crate) fn bytes(count: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")];
    let (size, unit) = *units.iter().find(|(size, _)| count >= *size).unwrap_or(&(1, "bytes"));
    let whole = count.checked_rem(size) == Some(0);
    let count = count as f64 / size as f64;
    match whole || count >= 100.0 {
        true => format!("{count:.0} {unit}"),
        false => format!("{count:.1} {unit}"),
    }
}

/// A share from 0 to 1, in percent, such as "95 %".
pub(crate) fn percent(share: f64) -> String {
    match share.abs() {
        ..0.1 if share != 0.0 => format!("{}\u{a0}%", digits(share * 100.0, 2)),
        _ => format!("{}\u{a0}%", with_decimals(share * 100.0, 0)),
    }
}

/// Texts as a sentence has them: "a, b and c".
pub(crate) fn listed<T: AsRef<str>>(parts: &[T]) -> String {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match &parts[..] {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Some of the numbers of workers of a study: "2, 8 to 16", where all between 8 and 16 are meant.
pub(crate) fn ranges(some: &[usize], all: &[usize]) -> String {
    let mut runs: Vec<Vec<usize>> = vec![];
    let mut previous_is_in = false;
    for count in all {
        let is_in = some.contains(count);
        match runs.last_mut() {
            Some(run) if is_in && previous_is_in => run.push(*count),
            _ if is_in => runs.push(vec![*count]),
            _ => {}
        }
        previous_is_in = is_in;
    }
    let text = |run: &Vec<usize>| match &run[..] {
        [first, _, .., last] => format!("{first} to {last}"),
        few => few.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    runs.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// The parameters of a fit, each with its interval.
pub(crate) fn parameters(model: Model, parameters: &[Estimate]) -> String {
    let named = model.parameters().iter().zip(parameters);
    let parts: Vec<String> =
        named.map(|(name, estimate)| format!("{name} {}", with_interval(estimate))).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, low: f64, high: f64) -> Estimate {
        Estimate { value, low, high }
    }

    #[test]
    fn figures_have_the_digits_that_they_are_worth() {
        assert_eq!(digits(123.456, 3), "123");
        assert_eq!(digits(1.23456, 3), "1.23");
        assert_eq!(digits(0.0123456, 3), "0.0123");
        assert_eq!(digits(9.999, 3), "10.0");
        assert_eq!(digits(12_345.6, 3), "12346");
        assert_eq!(digits(1.5e9, 3), "1.50e9");
        assert_eq!(digits(0.0, 3), "0");
        assert_eq!(digits(f64::NAN, 3), UNKNOWN);
        assert_eq!(["0.5", "1", "20", "0"], [0.5, 1.0, 20.0, 0.0].map(tick));
    }

    #[test]
    fn intervals_show_two_digits_of_their_width() {
        assert_eq!(with_interval(&estimate(1.9012, 1.8811, 1.9213)), "1.901 (1.881 to 1.921)");
        assert_eq!(with_interval(&estimate(12.0, 10.4, 15.2)), "12.0 (10.4 to 15.2)");
        assert_eq!(with_interval(&estimate(1.0, 1.0, 1.0)), "1.000 (1.000 to 1.000)");
        assert_eq!(with_interval(&estimate(0.03, -0.00001, 0.06)), "0.030 (0.000 to 0.060)");
        assert_eq!(
            with_interval(&estimate(2e-12, 1e-12, 3e-12)),
            "2.00e-12 (1.00e-12 to 3.00e-12)"
        );
        assert_eq!(with_interval(&estimate(2.0, 1.0, f64::INFINITY)), "2.00 (1.00 to –)");
    }

    #[test]
    fn units_fit_the_figure() {
        assert_eq!(
            ["250\u{a0}ns", "12.3\u{a0}ms", "2.00\u{a0}s"],
            [250e-9, 0.0123, 2.0].map(seconds)
        );
        assert_eq!(bytes(33_554_432), "32 MiB");
        assert_eq!(bytes(33_300_000_000), "31.0 GiB");
        assert_eq!(
            ["95\u{a0}%", "0.50\u{a0}%", "0\u{a0}%", "103\u{a0}%"],
            [0.951, 0.005, 0.0, 1.03].map(percent)
        );
    }

    #[test]
    fn runs_of_counts_are_told_by_their_ends() {
        let all = [1, 2, 4, 8, 16];
        assert_eq!(ranges(&[1, 4, 8, 16], &all), "1, 4 to 16");
        assert_eq!(ranges(&[2, 4], &all), "2, 4");
        assert_eq!(ranges(&[], &all), "");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
