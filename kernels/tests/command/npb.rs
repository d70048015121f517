//! `gristmill npb`: the NAS Parallel Benchmarks, listed, run and verified.

use super::place::Place;

#[test]
fn without_a_class_sizes_are_listed() {
    let place = Place::new();
    for words in ["npb", "npb ep", "npb cg --workers 2"] {
        let all = place.gristmill(words).ends_with(0).says_nothing();
        assert!(all.out.contains("in the style of NPB, unofficial"), "{}", all.out);
        assert_eq!(all.out.contains("2^28 pairs"), words != "npb cg --workers 2");
        assert_eq!(all.out.contains("14000 rows"), words != "npb ep");
    }
    place.gristmill("npb --help").ends_with(0).prints("Examples").prints("S, W, A, B, C");
    place.gristmill("--help").ends_with(0).prints("  npb ");
}

#[test]
fn results_are_shown_beside_the_published_ones() {
    let place = Place::new();
    place
        .gristmill("npb cg S --workers 2")
        .ends_with(0)
        .says_nothing()
        .prints("unofficial")
        .prints("1400 rows")
        .prints("8.5971775")
        .prints("Mop/s")
        .prints("right")
        .prints("\nverified\n");
    place.gristmill("npb is s").ends_with(0).prints("partial tests passed  50        50");
}

#[test]
fn json_has_all_of_it() {
    let place = Place::new();
    let answer = place.gristmill("npb is S --workers 1 --json").ends_with(0).says_nothing();
    let document: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(document["benchmark"], "is");
    assert_eq!(document["class"], "S");
    assert_eq!((&document["workers"], &document["iterations"]), (&1.into(), &10.into()));
    assert_eq!(document["verified"], true);
    assert_eq!(document["checks"][0]["computed"], 50.0);
    assert!(document["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_there_is_not_is_refused() {
    let place = Place::new();
    for (words, said) in [
        ("npb ft S", "unknown benchmark `ft`"),
        ("npb epp S", "did you mean `ep`?"),
        ("npb ep X", "unknown class `X`"),
        ("npb ep X", "expected `S`, `W`, `A`, `B` or `C`"),
        ("npb ep --json", "CLASS"),
        ("npb ep S A", "unexpected argument"),
        ("npb ep S --workers 0", "1..=256"),
        ("npbb", "'npb'"),
    ] {
        place.gristmill(words).ends_with(2).prints_nothing().says(said);
    }
    place.gristmill_after("exec >/dev/full", "npb").ends_with(1).says("cannot write");
}
