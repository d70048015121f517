//! What documents say of the source tree: the tests, modules, examples and numbers that they name
//! are there.

use crate::floors::{FLOORS, test_modules};
use crate::sources::{exists, modules, names, read, sources};
use crate::{COLUMNS_MAX, FOLDERS};
use gristmill::CrashPoint;
use std::path::Path;

/// Those whose prose is as narrow as code. The protocol's own page is for wide screens.
const DOCUMENTS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/from-multiprocessing.md",
    "docs/performance.md",
    "docs/reliability.md",
];

fn document(path: &str) -> String {
    read(Path::new(path))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of a document's tables, without those that head them, as their cells.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let heads = |at: usize| lines.get(at + 1).is_some_and(|line| line.starts_with("|---"));
    let rows = lines.iter().enumerate().filter(|(at, line)| line.starts_with("| ") && !heads(*at));
    rows.map(|(_, line)| line.trim_matches('|').split(" | ").collect()).collect()
}

#[test]
fn every_promise_has_a_test_that_exists() {
    let reliability = document("docs/reliability.md");
    let code: String = FOLDERS.into_iter().flat_map(sources).map(|path| read(&path)).collect();
    let mut wrong = vec![];
    for row in rows(&reliability) {
        let is_name =
            |word: &&str| word.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let tests: Vec<&str> = quoted(row[row.len() - 1]).filter(is_name).collect();
        if tests.is_empty() && !row[1].contains("**not noticed**") {
            wrong.push(format!("no test for: {}", row[0]));
        }
        let gone = tests.into_iter().filter(|test| !code.contains(&format!("fn {test}(")));
        wrong.extend(gone.map(|test| format!("there is no test `{test}`, of: {}", row[0])));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_code_map_has_every_module() {
    let architecture = document("ARCHITECTURE.md");
    let rows = rows(&architecture);
    let mut wrong = vec![];
    for folder in FLOORS.concat() {
        if !exists(&format!("engine/src/{folder}/mod.rs")) {
            continue; // A file, which stands in the row itself.
        }
        let of_folder = rows.iter().find(|row| row[1].trim() == format!("`{folder}/`"));
        let Some(row) = of_folder else {
            wrong.push(format!("{folder}/ has no row"));
            continue;
        };
        let told: Vec<&str> = quoted(row[2]).map(|name| name.trim_end_matches('/')).collect();
        let tests = test_modules(folder);
        let missing = modules(&format!("engine/src/{folder}"))
            .into_iter()
            .filter(|module| !tests.contains(module) && !told.contains(&module.as_str()));
        wrong.extend(missing.map(|module| format!("{folder}/{module} is not in the code map")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_is_in_the_list() {
    let readme = document("README.md");
    for name in names("examples") {
        assert!(readme.contains(&format!("](examples/{name}")), "{name} is not in README.md");
    }
}

/// A number as documents write it: 83,000.
fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

#[test]
fn numbers_in_documents_are_those_of_the_code() {
    let model = |file: &str| document(&format!("engine/src/shared/protocol/model/{file}.rs"));
    let schedules: u64 = ["scenarios", "queue"]
        .map(model)
        .iter()
        .flat_map(|code| code.split("explore(").skip(1))
        .map(|call| call.split(',').next().unwrap().parse::<u64>().unwrap())
        .sum();
    let points = CrashPoint::ALL.len();
    for (file, told) in [
        ("docs/reliability.md", format!("{points} named steps")),
        ("docs/reliability.md", format!("{} seeded schedules", grouped(schedules))),
        (
            "engine/src/shared/protocol/README.md",
            format!("{} schedules by default", grouped(schedules)),
        ),
    ] {
        assert!(document(file).contains(&told), "{file} does not say {told:?}");
    }
}

#[test]
fn prose_is_narrow() {
    for name in DOCUMENTS {
        let text = document(name);
        let mut in_code = false;
        for (number, line) in text.lines().enumerate() {
            in_code ^= line.starts_with("```");
            // Tables and pictures cannot be broken.
            let may = in_code || line.starts_with('|') || line.starts_with('[');
            let columns = line.chars().count();
            assert!(may || columns <= COLUMNS_MAX, "{name}:{}: {columns} columns", number + 1);
        }
    }
}
