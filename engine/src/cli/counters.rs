//! `gristmill info --counters`: what the hardware counters tell of a triad, or why they are silent.

use crate::machine::{Counters, Counts};
use crate::report::bytes;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Elements of each array: beyond the last cache of most machines.
const ELEMENTS: usize = 8 << 20;
const PASSES: usize = 4;

/// Rows of the table: a name and what is known.
pub(super) fn rows() -> Vec<[String; 2]> {
    let (b, c) = (vec![1.0f64; ELEMENTS], vec![0.5f64; ELEMENTS]);
    // Not zeros, of which the system makes no pages before they are written: in the time measured.
    let mut x = vec![1.0f64; ELEMENTS];
    let mut counters = Counters::open();
    let (before, start) = (counters.read(), Instant::now());
    for _ in 0..PASSES {
        for ((x, b), c) in x.iter_mut().zip(&b).zip(&c) {
            *x = b + 3.0 * c;
        }
        black_box(&mut x);
    }
    let (took, counts) = (start.elapsed(), counters.read().since(&before));
    told(&counts, took)
}

fn told(counts: &Counts, took: Duration) -> Vec<[String; 2]> {
    let rate = |moved: u64| format!("{:.1} GB/s", moved as f64 / took.as_secs_f64() / 1e9);
    let moved = (PASSES * 3 * ELEMENTS * size_of::<f64>()) as u64;
    let or_why = |what: Result<String, String>| what.unwrap_or_else(|why| format!("none: {why}"));
    let count = |count: &Result<u64, String>| or_why(count.clone().map(|count| count.to_string()));
    let per_cycle = counts.instructions_per_cycle().map(|ipc| format!("{ipc:.2}"));
    let missed = counts.missed_bytes().map(|missed| format!("{}, {}", bytes(missed), rate(missed)));
    let row = |name: &str, text: String| [name.to_owned(), text];
    vec![
        row(
            "counted",
            format!("{PASSES} triads in one thread, {:.1} ms", took.as_secs_f64() * 1e3),
        ),
        row("read, written", format!("{}, {}", bytes(moved), rate(moved))),
        row("instructions", count(&counts.instructions)),
        row("cycles", count(&counts.cycles)),
        row("instructions a cycle", or_why(per_cycle)),
        row("cache misses", count(&counts.misses)),
        row("fetched by misses", or_why(missed)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_is_told_or_why_it_is_silent() {
        let why = || Err::<u64, String>("no such counter".into());
        let none = Counts { instructions: why(), cycles: why(), misses: why() };
        let silent = told(&none, Duration::from_millis(10));
        let silent = silent.iter().filter(|[_, text]| text == "none: no such counter").count();
        assert_eq!(silent, 5);
        let all = Counts { instructions: Ok(300), cycles: Ok(200), misses: Ok(16) };
        let rows = told(&all, Duration::from_millis(10));
        let texts: Vec<&str> = rows[2..].iter().map(|[_, text]| text.as_str()).collect();
        assert_eq!(texts[..4], ["300", "200", "1.50", "16"]);
        assert!(texts[4].contains("GB/s"), "{texts:?}");
    }
}
