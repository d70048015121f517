//! Durations and amounts of memory as people write them: `500ms`, `1.5 h`, `2 GiB`.

use crate::report;
use crate::roles::WORKER_MEMORY_MIN;
use std::time::Duration;

/// Units of time, in seconds.
const TIMES: [(&str, f64); 5] =
    [("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("m", 60.0), ("h", 3600.0)];

/// Units of memory, in bytes.
const SIZES: [(&str, f64); 9] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1048576.0),
    ("GiB", 1073741824.0),
    ("TiB", 1099511627776.0),
];

/// A time above 0 and of a century at most, such as `30s`; an error says what is expected.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const MOST: f64 = 100.0 * 365.0 * 86_400.0;
    let seconds = quantity(text, &TIMES, "30s, 500ms, 5m (minutes) or 2h")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() && seconds <= MOST => Ok(time),
        _ => Err(format!("{text:?} is no time that anything could take")),
    }
}

/// A number of bytes above 0, such as `2 GiB`; an error says what is expected.
fn bytes(text: &str) -> Result<u64, String> {
    let bytes = quantity(text, &SIZES, "2GiB, 512 MiB or 2GB")?;
    match bytes.round() {
        bytes if (1.0..1e18).contains(&bytes) => Ok(bytes as u64),
        _ => Err(format!("{text:?} is no size that memory could have")),
    }
}

/// What a worker may have of its own, such as `2 GiB`; an error says what is expected.
pub(crate) fn worker_memory(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        little if little < WORKER_MEMORY_MIN => Err(format!(
            "{text:?} is too little: a worker needs {} at least, some of which it needs itself",
            report::bytes(WORKER_MEMORY_MIN)
        )),
        bytes => Ok(bytes),
    }
}

fn quantity(text: &str, units: &[(&str, f64)], examples: &str) -> Result<f64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Ok(number) = number.parse::<f64>() else {
        return Err(format!("{text:?} does not begin with a number; write for example {examples}"));
    };
    if unit.is_empty() {
        return Err(format!("{text:?} has no unit; write for example {examples}"));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("{unit:?} in {text:?} is none of the units {}", names()));
    };
    Ok(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("30s", 30_000),
            (" 1.5 h", 5_400_000),
            ("5m", 300_000),
            ("2 min", 120_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for (text, expected) in
            [("2GiB", 2 << 30), ("512 MiB", 512 << 20), ("1.5GB", 1_500_000_000), ("7 B", 7)]
        {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for (text, said) in [
            ("", "does not begin with a number"),
            ("-3s", "does not begin with a number"),
            ("soon", "does not begin with a number"),
            ("30", "has no unit"),
            ("30 seconds", "none of the units ms, s, min, m, h"),
            ("0s", "no time that anything could take"),
            ("99999999999h", "no time that anything could take"),
            ("1..2s", "does not begin with a number"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert_eq!(worker_memory("16 MiB"), Ok(16 << 20));
        for (text, said) in [
            ("16777215 B", "a worker needs 16.0 MiB at least"),
            ("2", "has no unit; write for example 2GiB"),
            ("2 gib", "none of the units B, kB"),
            ("0 GiB", "no size that memory could have"),
            ("99999999999TB", "no size that memory could have"),
        ] {
            let error = worker_memory(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
