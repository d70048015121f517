//! The page of synthetic studies: what stands on it, and what must not.

use super::scale_html;
use crate::scale::made_up::{all, marked_study, study_of, weak_study};
use crate::scale::numbers::{digits, with_ends};
use crate::scale::results::Results;

fn page(results: &Results) -> String {
    scale_html(results).expect("a page")
}

#[test]
fn pages_ask_for_nothing_and_run_nothing() {
    for (name, results) in all() {
        let html = page(&results);
        let without_names = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for asked in ["http:", "https:", "src=", "url(", "@import", "<script", "onload", "//"] {
            assert!(!without_names.contains(asked), "{name}: {asked}");
        }
        assert_eq!(html.matches("href=").count(), 1, "{name}: the icon, which is empty");
        assert!(html.contains("default-src 'none'"), "{name}");
        assert!(html.contains("<html lang=\"en\">") && html.contains("name=\"viewport\""));
        // For looking at them: see CONTRIBUTING.md.
        if let Some(folder) = std::env::var_os("GRISTMILL_PICTURES") {
            let file = std::path::PathBuf::from(folder).join(format!("{name}.html"));
            std::fs::write(file, html).expect("a file");
        }
    }
}

#[test]
fn every_figure_is_in_the_table() {
    for results in [study_of(6, &[1, 2, 4, 8], 8, true), marked_study(), weak_study()] {
        let html = page(&results);
        let cell = |text: &str| assert!(html.contains(&format!("<td>{text}</td>")), "{text}");
        for point in results.curves.iter().flat_map(|curve| &curve.points) {
            for estimate in [point.speedup, point.efficiency.times(100.0)] {
                let [value, low, high] = with_ends(&estimate);
                cell(&value);
                cell(&format!("{low} to {high}"));
            }
            let rates = [point.bytes_per_s(), point.flops_per_s()].into_iter().flatten();
            rates.for_each(|rate| cell(&digits(rate / 1e9, 3)));
        }
        for roof in &results.roofs {
            cell(&digits(roof.triad_bytes_per_s / 1e9, 3));
        }
    }
}

#[test]
fn what_is_wrong_stands_at_the_top_and_below_the_tables() {
    let html = page(&marked_study());
    let (findings, short) = (html.find("Read this first"), html.find("In short"));
    assert!(findings.is_some() && findings < short);
    assert!(html.contains("given to others") || html.contains("gave it to others"));
    assert!(html.contains("6 of 8 points are marked"));
    assert!(html.contains("The interval is 14 % of the median, not 2 % (synthetic)."));
    let html = page(&study_of(1, &[1, 2], 2, false));
    assert!(!html.contains("Read this first"));
    assert!(html.contains("None of the 2 points is marked"));
}

#[test]
fn laws_stand_there_or_why_there_are_none() {
    let html = page(&study_of(1, &[1, 2, 4, 8], 8, true));
    assert!(html.contains("serial fraction s = 0.120 (0.102 to 0.138)"));
    assert!(html.contains("S(p) = 1 / (s + (1 − s) / p)"));
    let html = page(&study_of(1, &[1, 2], 2, false));
    assert!(html.contains("no law was fitted. There are too few points (synthetic)."));
}

#[test]
fn names_cannot_become_markup() {
    let mut results = study_of(1, &[1, 2], 2, false);
    let bad = "<img src=x onerror=alert(1)>&\"'";
    results.curves[0].subject = bad.to_owned();
    results.curves[0].size = bad.to_owned();
    results.curves[0].no_fit = Some(bad.to_owned());
    results.machine.cpu = bad.to_owned();
    results.machine.linux = bad.to_owned();
    results.engine = bad.to_owned();
    results.begun = bad.to_owned();
    results.findings = vec![bad.to_owned()];
    results.curves[0].points[0].marks =
        vec![crate::scale::made_up::mark(crate::scale::results::MarkKind::Noisy, bad)];
    results.curves[0].points[0].counted.why_not = Some(bad.to_owned());
    let html = page(&results);
    assert!(!html.contains("<img"), "{html}");
    // Names may be wrapped in pictures, but no letter of them may begin an element.
    let elements = html.split('<').skip(1).map(|rest| {
        rest.split(|c: char| !(c.is_ascii_alphanumeric() || "/!".contains(c))).next().unwrap_or("")
    });
    let known = [
        "!DOCTYPE",
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "header",
        "main",
        "h1",
        "h2",
        "h3",
        "p",
        "section",
        "ul",
        "li",
        "strong",
        "figure",
        "figcaption",
        "div",
        "svg",
        "g",
        "rect",
        "polyline",
        "line",
        "polygon",
        "circle",
        "text",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "br",
        "dl",
        "dt",
        "dd",
        "sup",
        "code",
    ];
    for element in elements {
        assert!(known.contains(&element.trim_start_matches('/')), "<{element}");
    }
}
