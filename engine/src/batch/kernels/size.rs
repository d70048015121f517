//! Sizes of workloads, and how people write them.

/// A size of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Its number: of elements, or whatever the workload counts; of sizes with names, which one.
    pub number: u64,
    /// As it is written, such as `8Mi` or a benchmark's class; empty where there is one size.
    pub text: String,
    /// In words, such as `8388608 elements`.
    pub words: String,
}

/// What the sizes of a workload are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sizes {
    /// Any number of these things; this one if nothing is said. The work grows as this power of it.
    Numbers { unit: &'static str, usual: u64, power: u32 },
    /// These; the first if nothing is said.
    Names(Vec<(String, String)>),
    /// There is one.
    One(String),
}

/// A number as [`number`] reads it, in the largest binary unit in which it is whole.
pub(super) fn written(number: u64) -> String {
    match number.trailing_zeros() {
        30.. if number > 0 => format!("{}Gi", number >> 30),
        20..30 => format!("{}Mi", number >> 20),
        10..20 => format!("{}Ki", number >> 10),
        _ => number.to_string(),
    }
}

/// A number such as 1000, 1_000, 1e3, 1k, 1M, 1G, 1Ki, 1Mi, 1Gi; above 0.
pub(super) fn number(text: &str) -> Option<u64> {
    const UNITS: [(&str, f64); 7] = [
        ("Ki", 1024.0),
        ("Mi", 1048576.0),
        ("Gi", 1073741824.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("", 1.0),
    ];
    let text = text.replace('_', "");
    let (digits, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let number = digits.parse::<f64>().ok()? * factor;
    let is_whole = (1.0..=1e15).contains(&number) && number.fract() == 0.0;
    is_whole.then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1000", Some(1000)),
            ("8_388_608", Some(8 << 20)),
            ("8Mi", Some(8 << 20)),
            ("1e6", Some(1_000_000)),
            ("1.5k", Some(1500)),
            ("2G", Some(2_000_000_000)),
            ("0", None),
            ("-1", None),
            ("1.5", None),
            ("A", None),
            ("", None),
            ("1e40", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        for (number_, text) in
            [(0, "0"), (1000, "1000"), (3 << 10, "3Ki"), (8 << 20, "8Mi"), (5 << 30, "5Gi")]
        {
            assert_eq!(written(number_), text);
            assert_eq!(number(text), (number_ > 0).then_some(number_));
        }
    }
}
