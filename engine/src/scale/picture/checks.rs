//! All pictures of synthetic studies: that they are right as documents, and that no text lies on
//! another, beyond the edge, or is too small.

use super::style::{CURVES, GREY, PALE};
use super::{comparison_svg, roofline_svg, scale_svg};
use crate::scale::compare::{Comparison, Difference, Verdict};
use crate::scale::made_up::{about, all, marked_study, study, study_of, weak_study};
use crate::scale::results::{Curve, Point, Results};
use roxmltree::{Document, Node};

/// A text, and the box that it fills: left, top, right, bottom.
struct Text {
    text: String,
    edges: [f64; 4],
    size: f64,
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    let text = node.attribute(name).unwrap_or_else(|| panic!("{name} of {node:?}"));
    text.parse().unwrap_or_else(|_| panic!("{name} of {node:?}"))
}

/// The texts of a picture, each character taken to be 0.55 of its font's height wide,
/// which is more than most texts are.
fn texts(document: &Document<'_>) -> Vec<Text> {
    let group = document.descendants().find(|node| node.has_tag_name("g")).expect("a group");
    let scale = group.attribute("transform").expect("a scale");
    let scale = scale.trim_start_matches("scale(").trim_end_matches(')');
    let scale: f64 = scale.parse().expect("a number");
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    let text = |node: Node<'_, '_>| {
        let text = node.text().unwrap_or_default().trim().to_owned();
        let size = number(node, "font-size") * scale;
        let (x, y) = (number(node, "x") * scale, number(node, "y") * scale);
        let width = text.chars().count() as f64 * 0.55 * size;
        let left = match node.attribute("text-anchor") {
            Some("start") => 0.0,
            Some("end") => -width,
            _ => -width / 2.0,
        };
        let top = if node.attribute("dy") == Some("0.5ex") { -size / 2.0 } else { 0.0 };
        let edges = match node.attribute("transform") {
            Some(turned) => {
                assert!(turned.starts_with("rotate(270"), "{turned}");
                [x + top, y + left, x + top + size, y + left + width]
            }
            None => [x + left, y + top, x + left + width, y + top + size],
        };
        Text { text, edges, size }
    };
    texts.map(text).collect()
}

fn check(name: &str, svg: &str) {
    check_legible(name, svg);
    assert!(svg.contains("stroke-dasharray") && !svg.contains("opacity=\"0.99"), "{name}: dashes");
    let document = Document::parse(svg).expect("XML");
    let told = document.root_element().attribute("aria-label");
    assert!(told.is_some_and(|told| told.contains("Synthetic CPU")));
}

fn check_legible(name: &str, svg: &str) {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
    let root = document.root_element();
    assert_eq!(number(root, "width"), 600.0);
    let height = number(root, "height");
    assert_eq!(root.attribute("viewBox"), Some(format!("0 0 600 {height}").as_str()));
    assert!(root.attribute("aria-label").is_some_and(|told| !told.is_empty()));
    let texts = texts(&document);
    for (at, Text { text, edges, size }) in texts.iter().enumerate() {
        assert!(*size > 11.99, "{name}: {text} is {size} pixels high");
        let [left, top, right, bottom] = *edges;
        let is_inside = left >= 0.0 && top >= 0.0 && right <= 600.0 && bottom <= height;
        assert!(is_inside, "{name}: {text:?} lies beyond the edge: {edges:?}");
        for other in &texts[..at] {
            let apart = right <= other.edges[0]
                || other.edges[2] <= left
                || bottom <= other.edges[1]
                || other.edges[3] <= top;
            assert!(apart, "{name}: {text:?} lies on {:?}", other.text);
        }
    }
    let allowed: Vec<String> = CURVES
        .into_iter()
        .chain([GREY, PALE, super::style::WHITE])
        .map(|colour| format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2))
        .chain(["none".to_owned()])
        .collect();
    for node in document.descendants() {
        for name in ["fill", "stroke"] {
            let colour = node.attribute(name).unwrap_or("none");
            assert!(allowed.iter().any(|one| one == colour), "{name}: {colour}");
        }
        for name in ["x", "y", "cx", "cy", "points"] {
            assert!(!node.attribute(name).is_some_and(|value| value.contains("NaN")), "{name}");
        }
    }
}

fn all_texts(svg: &str) -> String {
    let document = Document::parse(svg).expect("XML");
    let all: String = texts(&document).iter().map(|text| text.text.clone() + " ").collect();
    all.replace('\u{a0}', " ")
}

fn speedup(results: &Results) -> String {
    scale_svg(results).expect("a picture")
}

#[test]
fn pictures_of_synthetic_studies_are_legible() {
    for (name, results) in all() {
        let svg = speedup(&results);
        check(name, &svg);
        let roofline = roofline_svg(&results).expect("a picture");
        assert_eq!(roofline.is_some(), name != "empty", "{name}");
        if let Some(roofline) = &roofline {
            check(&format!("roofline of {name}"), roofline);
        }
        // For looking at them: see CONTRIBUTING.md.
        if let Some(folder) = std::env::var_os("GRISTMILL_PICTURES") {
            let folder = std::path::PathBuf::from(folder);
            std::fs::write(folder.join(format!("{name}.svg")), svg).expect("a file");
            if let Some(roofline) = roofline {
                let file = folder.join(format!("{name}.roofline.svg"));
                std::fs::write(file, roofline).expect("a file");
            }
        }
    }
}

#[test]
fn axes_have_names_and_units() {
    let text = all_texts(&speedup(&study_of(1, &[1, 2], 2, false)));
    for name in ["workers", "speed-up (times one worker)", "efficiency (% of ideal)"] {
        assert!(text.contains(name), "{name} in {text}");
    }
    let text = all_texts(&speedup(&weak_study()));
    for name in ["Weak scaling", "scaled speed-up", "weak efficiency"] {
        assert!(text.contains(name), "{name} in {text}");
    }
    let text = all_texts(&speedup(&study_of(1, &[4, 8], 8, false)));
    assert!(text.contains("speed-up (4 workers count 4)"), "{text}");
    let roofline = roofline_svg(&study_of(3, &[1, 2], 2, false)).expect("a picture");
    let text = all_texts(&roofline.expect("a roofline"));
    for name in ["arithmetic intensity (FLOP per byte)", "performance (GFLOP/s)", "FMA peak"] {
        assert!(text.contains(name), "{name} in {text}");
    }
}

#[test]
fn marked_points_are_hollow_and_a_line_says_why() {
    let hollow = |svg: &str| svg.matches("stroke-width=\"16\"").count();
    let results = marked_study();
    let svg = speedup(&results);
    let marked = results.curves.iter().flat_map(|curve| &curve.points);
    let marked = marked.filter(|point| !point.marks.is_empty()).count();
    assert_eq!(marked, 6);
    // In both panels, and in the legend.
    assert_eq!(hollow(&svg), 2 * marked + 1);
    let text = all_texts(&svg);
    for reason in ["hollow:", "more workers than CPUs (at 3, 4)", "noisy (at 2)"] {
        assert!(text.to_lowercase().contains(&reason.to_lowercase()), "{reason} in {text}");
    }
    assert_eq!(hollow(&speedup(&study_of(2, &[1, 2], 2, false))), 0);
}

#[test]
fn fits_are_told_with_their_intervals() {
    let fitted = study_of(1, &[1, 2, 4, 8], 8, true);
    let text = all_texts(&speedup(&fitted));
    assert!(text.contains("Amdahl: serial fraction 0.120 (0.102 to 0.138)"), "{text}");
    assert!(text.contains("coherency 0.00080 (0.00056 to 0.00104)"), "{text}");
    assert!(text.contains("95 % intervals of the fits"), "{text}");
    let text = all_texts(&speedup(&study_of(1, &[1, 2, 4, 8], 8, false)));
    assert!(!text.contains("Amdahl") && !text.contains("fits"), "{text}");
}

#[test]
fn a_roofline_says_what_it_does_not_show() {
    let results = study_of(4, &[1, 2], 2, false);
    let text = all_texts(&roofline_svg(&results).expect("a picture").expect("a roofline"));
    let told = "no floating-point operations are counted: copy.";
    assert!(text.contains(told), "{text}");
    let mut results = study(&[1], 1);
    results.curves = study_of(4, &[1], 1, false).curves.split_off(3);
    assert!(roofline_svg(&results).expect("no picture").is_none(), "copy alone");
    let mut results = study_of(1, &[1], 1, false);
    results.roofs.clear();
    assert!(roofline_svg(&results).expect("no picture").is_none(), "no roof");
}

#[test]
fn what_is_not_known_is_not_drawn() {
    let mut results = study_of(2, &[1, 2, 4], 4, true);
    results.curves[0].points[1].speedup.high = f64::INFINITY;
    results.curves[0].points[2].speedup.value = f64::NAN;
    results.curves[1].fits[0].speedups[4].speedup.low = f64::NEG_INFINITY;
    results.curves[1].points[1].efficiency.low = -3.0;
    results.roofs[2].flops_per_s = f64::NAN;
    check("with what is not finite", &speedup(&results));
    let roofline = roofline_svg(&results).expect("a picture").expect("a roofline");
    check("with what is not finite", &roofline);
}

/// The points of a synthetic study, each with a change that is made up: to half and to three times
/// the time.
fn changes(results: &Results) -> Comparison {
    let curves = results.curves.iter();
    let points = curves.flat_map(|curve| curve.points.iter().map(move |point| (curve, point)));
    let difference = |(at, (curve, point)): (usize, (&Curve, &Point))| {
        let change = [1.0, 0.5, 1.004, 3.0, 1.3][at % 5];
        let verdicts = [Verdict::Alike, Verdict::Faster, Verdict::Alike];
        Difference {
            subject: curve.subject.clone(),
            size: curve.size.clone(),
            runtime: curve.runtime,
            workers: point.workers,
            earlier_s: point.time_s,
            later_s: point.time_s.times(change),
            ratio: about(change, 0.03 + 0.1 * (at % 3) as f64),
            verdict: verdicts.get(at % 5).copied().unwrap_or(Verdict::Slower),
        }
    };
    let differences = points.enumerate().map(difference).collect();
    Comparison { differences, tolerance: 0.02, notes: vec![] }
}

#[test]
fn comparisons_of_synthetic_studies_are_legible() {
    for (name, results) in all() {
        let comparison = changes(&results);
        let svg = comparison_svg(&comparison).expect("a picture");
        check_legible(&format!("comparison of {name}"), &svg);
        // Long names are broken.
        let without_blanks = |text: &str| text.replace(' ', "");
        let texts = without_blanks(&all_texts(&svg));
        assert!(texts.contains("changeoftime(%)"), "{name}: {texts}");
        for difference in &comparison.differences {
            let subject = without_blanks(&difference.subject);
            assert!(texts.contains(&subject), "{name}: {subject} is not in {texts}");
        }
    }
}
