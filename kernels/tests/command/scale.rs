//! `gristmill scale` and `gristmill bench`: what they measure, refuse, write and compare. How fast
//! anything is is of no concern here.

use super::place::{Place, SHORT};
use serde_json::Value;

fn json(place: &Place, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(place.path(name)).unwrap()).unwrap()
}

/// The same study, all its times longer by a factor.
fn slower(study: &Value, factor: f64) -> Value {
    let mut slower = study.clone();
    for curve in slower["curves"].as_array_mut().unwrap() {
        for point in curve["points"].as_array_mut().unwrap() {
            for sample in point["samples_s"].as_array_mut().unwrap() {
                *sample = (sample.as_f64().unwrap() * factor).into();
            }
        }
    }
    slower
}

#[test]
fn kernels_are_measured_and_shown() {
    let place = Place::new();
    let answer = place
        .gristmill("scale triad:20k npb_cg --workers 1,2 --time 0.2 --out study")
        .ends_with(0)
        .prints("roof")
        .prints("speed-up")
        .prints("npb_cg, S (1400 rows)");
    assert!(answer.out.contains("triad, 20000 f64"), "{}", answer.out);
    let study = json(&place, "study/scale.json");
    assert_eq!(study["schema"], "gristmill scale 1");
    assert_eq!(study["curves"].as_array().unwrap().len(), 2);
    assert_eq!(study["method"]["workers"], serde_json::json!([1, 2]));
    let mut names = place.names("study");
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    assert_eq!(names, ["roofline.svg", "scale.html", "scale.json", "scale.svg"]);
}

#[test]
fn whatever_has_a_name_can_be_measured_and_grows_with_the_workers() {
    let place = Place::new();
    let answer = place.gristmill("scale nothing").ends_with(2);
    let (_, list) = answer.err.split_once("there are ").expect("an unknown name brings the list");
    // Benchmarks have sizes of their own, which take long without optimisation.
    let names: Vec<&str> =
        list.trim().split(", ").filter(|name| !name.starts_with("npb_")).collect();
    assert!(names.contains(&"gemm") && names.contains(&"sky_view"), "{names:?}");
    let words = format!("scale {} --size 60 --weak --workers 1,2 --time 0.02", names.join(" "));
    place.gristmill(&format!("{words} --quiet --out study")).ends_with(0).says_nothing();
    let study = json(&place, "study/scale.json");
    let curves = study["curves"].as_array().unwrap();
    let subjects: Vec<&str> =
        curves.iter().map(|curve| curve["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, names);
    for (curve, name) in curves.iter().zip(names) {
        let work =
            |point: usize, what: &str| curve["points"][point]["work"][what].as_f64().unwrap();
        let grown = work(1, "units") / work(0, "units");
        assert!((1.9..2.1).contains(&grown), "{name}: {grown}");
        assert!(work(0, "bytes_read") + work(0, "bytes_written") > 0.0, "{name}");
        assert!(!curve["points"][1]["samples_s"].as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn a_parameter_is_set_as_in_a_job_file() {
    let place = Place::new();
    place
        .gristmill(
            "scale histogram:10k --set bins=8 --set range=[0,2] --workers 1 --time 0.1 --quiet",
        )
        .ends_with(0)
        .says_nothing();
    assert!(place.has("out/scale/scale.html"));
}

#[test]
fn the_steps_of_a_job_are_measured_and_nothing_else_is_written() {
    let place = Place::with_steps(SHORT);
    let answer = place
        .gristmill("scale --job job.toml --workers 1,2 --time 0.1 --json --out study")
        .ends_with(0)
        .says_nothing();
    let study: Value = serde_json::from_str(&answer.out).unwrap();
    let curves = study["curves"].as_array().unwrap().iter();
    let subjects: Vec<&str> = curves.map(|curve| curve["subject"].as_str().unwrap()).collect();
    let steps = ["t: slope", "t: hillshade", "t: sky_view", "t: histogram", "t: summary", "t"];
    assert_eq!(subjects, steps);
    assert!(!place.has("out"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let place = Place::with_steps("[steps.a]\nkernel = \"nothing\"\n");
    for (words, said) in [
        ("scale", "required"),
        ("scale triat", "did you mean `triad`?"),
        ("scale triad:0", "takes a number of elements"),
        ("scale triad --size many", "takes a number of elements"),
        ("scale npb_cg:Q", "has the sizes S, W, A, B, C"),
        ("scale npb_cg --weak --workers 1,2", "cannot be scaled weakly"),
        ("scale triad --set b=1", "no kernel that is to be measured has a parameter `b`"),
        ("scale triad --set a", "is no parameter"),
        ("scale triad --set a='x'", "parameter `a` of `triad`"),
        ("scale triad --workers 0", "0 is not in 1..=256"),
        ("scale triad --peer openmp", "rayon"),
        ("scale triad --time 0", "above 0"),
        ("scale --job job.toml", "nothing"),
        ("scale --job job.toml triad", "cannot be used with"),
        ("scale triad --out terrain.npy", "terrain.npy"),
        ("scale --compare a.json", "2 values required"),
        ("scale --compare a.json b.json", "a.json"),
        ("bench triat", "did you mean `triad`?"),
    ] {
        let answer = place.gristmill(words);
        assert!(answer.err.contains(said), "{words}: {}", answer.err);
        answer.ends_with(2);
        assert!(!place.has("out"), "{words}");
    }
}

#[test]
fn studies_are_compared() {
    let place = Place::new();
    place.gristmill("scale triad:20k dot:20k --workers 1 --time 0.3 --out a --quiet").ends_with(0);
    let study = json(&place, "a/scale.json");
    place.file("slower.json", slower(&study, 3.0).to_string());
    place.gristmill("scale --compare a/scale.json a/scale.json").ends_with(0).prints("2 alike");
    place
        .gristmill("scale --compare a/scale.json slower.json --out c")
        .ends_with(3)
        .prints("2 slower, 0 faster, 0 alike")
        .prints("compare.svg in c");
    assert!(place.has("c/compare.svg"));
    place.gristmill("scale --compare slower.json a/scale.json").ends_with(0).prints("2 faster");
    let mut other = study.clone();
    other["curves"][0]["subject"] = "another".into();
    other["curves"][1]["subject"] = "and another".into();
    place.file("other.json", other.to_string());
    place.gristmill("scale --compare a/scale.json other.json").ends_with(2).says("in common");
    place.file("broken.json", "{}");
    place.gristmill("scale --compare broken.json a/scale.json").ends_with(2).says("broken.json");
}

#[test]
fn a_card_has_a_row_for_each_kernel() {
    let place = Place::new();
    let answer = place
        .gristmill("bench triad:20k npb_is:S --workers 2")
        .ends_with(0)
        .prints("balance")
        .prints("overhead")
        .prints("triad:20000")
        .prints("npb_is:S");
    let table = answer.out.lines().skip(1);
    assert!(table.map(|line| line.chars().count()).all(|width| width <= 80), "{}", answer.out);
    let answer = place.gristmill("bench dot:20k --json").ends_with(0).says_nothing();
    let cards: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(cards["schema"], "gristmill bench 1");
    assert_eq!(cards["cards"][0]["name"], "dot");
    assert!(cards["cards"][0]["overhead_s"].as_f64().unwrap() > 0.0);
}
