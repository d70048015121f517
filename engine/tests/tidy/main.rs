//! Rules about the source tree that no compiler checks: floors, headers, where `unsafe` may be, and
//! that documents name what there is.

mod documents;
mod floors;
mod sources;

use floors::place_of;
use sources::{code, functions, read, sources};

/// Floors on which `unsafe` may be.
const UNSAFE_FLOORS: std::ops::RangeInclusive<usize> = 1..=5;

/// Where all Rust code of the repository is.
const FOLDERS: [&str; 8] = [
    "engine/src",
    "engine/tests",
    "engine/fuzz/targets",
    "kernels/src",
    "kernels/tests",
    "examples",
    "benches",
    "src",
];

/// Lines of a file and of a function, columns of a line.
const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Longer files, how long they may be, and why.
const LONG_FILES: &[(&str, usize, &str)] = &[
    ("engine/src/roles/engine.rs", 490, "half of it are the examples of the public methods"),
    ("engine/src/compute/plan.rs", 410, "the description of a plan, a third of it examples"),
    ("engine/src/shared/protocol/model/queue.rs", 430, "one model, told from end to end"),
];

/// Longer functions, how long they may be, and why.
const LONG_FUNCTIONS: &[(&str, &str, usize, &str)] = &[];

#[test]
fn every_file_says_what_it_is_for() {
    for path in FOLDERS.into_iter().flat_map(sources) {
        assert!(read(&path).starts_with("//!"), "{} does not open with //!", path.display());
    }
}

#[test]
fn unsafe_is_where_it_may_be_and_says_why() {
    for path in sources("engine/src") {
        let text = read(&path);
        let uses = code(&text).any(|(_, line)| {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            words.contains(&"unsafe")
        });
        let floor = place_of(&path).map(|(floor, _)| floor);
        let may = floor.is_some_and(|floor| UNSAFE_FLOORS.contains(&floor));
        assert!(!uses || may, "{} has unsafe code on floor {floor:?}", path.display());
        assert!(!uses || text.contains("SAFETY:"), "{} does not say why", path.display());
    }
    for path in sources("kernels/src") {
        let text = read(&path);
        let uses = code(&text).any(|(_, line)| line.contains("unsafe ") && !line.contains('#'));
        assert!(!uses, "{} has unsafe code", path.display());
    }
}

#[test]
fn raw_sync_is_touched_by_the_lock_alone() {
    for path in sources("engine/src") {
        let text = read(&path);
        let uses = code(&text).any(|(_, line)| line.contains("raw_sync"));
        assert!(!uses || path.ends_with("shared/lock.rs"), "{}", path.display());
    }
}

#[test]
fn files_and_functions_are_short_and_lines_are_narrow() {
    let mut wrong = vec![];
    for path in FOLDERS.into_iter().flat_map(sources) {
        let text = read(&path);
        let lines = text.lines().count();
        let longer = LONG_FILES.iter().find(|(file, _, _)| path.ends_with(file));
        if lines > longer.map_or(FILE_LINES_MAX, |(_, most, _)| *most) {
            wrong.push(format!("{}: {lines} lines", path.display()));
        } else if longer.is_some() && lines <= FILE_LINES_MAX {
            wrong.push(format!("{}: no longer an exception", path.display()));
        }
        for (line, name, length) in functions(&text) {
            let longer = LONG_FUNCTIONS.iter().find(|(f, n, _, _)| path.ends_with(f) && *n == name);
            if length > longer.map_or(FUNCTION_LINES_MAX, |(_, _, most, _)| *most) {
                wrong.push(format!("{}:{line}: {name} has {length} lines", path.display()));
            }
        }
        // Texts that would be broken by breaking them, and tables in comments, are let off.
        let long = text.lines().enumerate().filter(|(_, line)| {
            let prose = line.trim_start().starts_with("//") || line.contains('"');
            line.chars().count() > COLUMNS_MAX && !prose
        });
        wrong.extend(long.map(|(number, _)| format!("{}:{}", path.display(), number + 1)));
    }
    assert!(wrong.is_empty(), "too long:\n{}", wrong.join("\n"));
}

/// What a test that passes prints is heard by nobody; `processes::skipped` is.
#[test]
fn no_test_is_skipped_in_silence() {
    let printed = ["print!", "println!", "eprintln!"].map(|print| format!("{print}(\"skipped"));
    for path in FOLDERS.into_iter().flat_map(sources) {
        let silent = printed.iter().any(|printed| read(&path).contains(printed));
        assert!(!silent, "{}", path.display());
    }
}

#[test]
fn no_drawers() {
    let drawers = ["utils", "util", "helpers", "helper", "common", "misc"];
    for path in FOLDERS.into_iter().flat_map(sources) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(!drawers.contains(&stem), "{} is a drawer", path.display());
    }
}
