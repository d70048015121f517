//! Mangled job files and mangled headers: whatever comes, an answer and no panic.

use proptest::prelude::*;

use super::fixture::{Place, npy};
use crate::memory::NpyHeader;

const JOB: &str = r#"format = 1
name = "t"
inputs.map = { file = "map.npy", cast = "f64", nodata = -1, cell = [1, 2.5] }
[steps.slope]
in = "map"
save = "a/slope.npy"
picture = "grey"
[steps.histogram]
in = { values = "slope" }
params = { bins = 3, range = [0, 1e3] }
[steps.summary]
in = ["slope", "histogram"]
"#;

/// Pieces that make trouble when they stand in the wrong place.
const PIECES: [&str; 16] = [
    "\"",
    "'",
    "[",
    "]]",
    "{",
    "}",
    "=",
    "\n",
    "1e999",
    "nan",
    "99999999999999999999",
    "../",
    "\u{0}",
    "ä\u{301}",
    "[steps.slope]\n",
    "0x",
];

fn mangle(text: &str, edits: &[(usize, usize, usize)]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for &(at, removed, piece) in edits {
        let at = at % (text.len() + 1);
        let end = (at + removed % 8).min(text.len());
        text.splice(at..end, PIECES[piece % PIECES.len()].chars());
    }
    text.into_iter().collect()
}

#[test]
fn the_job_before_it_is_mangled_is_right() {
    let place = Place::new();
    assert!(place.check(JOB).is_ok(), "{}", place.mistakes(JOB));
    for end in 0..JOB.len() {
        let _ = place.check(&JOB[..end]);
    }
    let deep = format!("{JOB}x = {}", "[".repeat(100_000));
    assert!(place.check(&deep).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn mangled_jobs_have_an_answer(
        edits in prop::collection::vec(any::<(usize, usize, usize)>(), 1..6)
    ) {
        let place = Place::new();
        let text = mangle(JOB, &edits);
        if let Err(errors) = place.check(&text) {
            prop_assert!(!errors.errors.is_empty());
            let drawn = format!("{errors}\n{}", errors.plain());
            prop_assert!(!drawn.is_empty());
            for error in &errors.errors {
                prop_assert!(error.line >= 1 && error.column >= 1);
                prop_assert!(error.span.offset() <= text.len());
            }
        }
    }

    #[test]
    fn mangled_headers_have_an_answer(
        edits in prop::collection::vec((0usize..140, any::<u8>()), 1..8),
        length in 0usize..200,
    ) {
        let mut file = npy("<f8", "(2, 3)", 48);
        for (at, byte) in edits {
            file[at] = byte;
        }
        file.truncate(length);
        match NpyHeader::read(&mut &file[..], file.len() as u64) {
            Ok(header) => {
                prop_assert!(header.data_offset_bytes + header.data_bytes <= file.len() as u64);
                prop_assert!(header.shape.len() <= 6);
            }
            Err(error) => prop_assert!(error.offset.is_some_and(|at| at <= file.len() as u64)),
        }
    }
}
