//! Rules about the source tree that no compiler checks: floors, headers, where `unsafe` may be.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the engine, lowest floor first; a module may use what comes before it.
const FLOORS: [&[&str]; 8] = [
    &["error", "partition"],
    &["machine"],
    &["memory"],
    &["shared"],
    &["process"],
    &["compute"],
    &["roles"],
    &["report", "batch", "cli"],
];

/// Floors on which `unsafe` may be.
const UNSAFE_FLOORS: std::ops::RangeInclusive<usize> = 1..=5;

/// Lines of a file and of a function, columns of a line.
const FILE_LINES_MAX: usize = 450;
const COLUMNS_MAX: usize = 100;

fn sources(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut files = vec![];
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "no sources in {folder}");
    files
}

/// The module of floor F that a file of the engine belongs to: its place in the order of all.
fn place_of(path: &Path) -> Option<(usize, usize, String)> {
    let inside = path.to_str().unwrap().split("engine/src/").nth(1)?;
    let module = inside.split(['/', '.']).next()?.to_string();
    place(&module).map(|(floor, order)| (floor, order, module))
}

fn place(module: &str) -> Option<(usize, usize)> {
    let mut order = 0;
    for (floor, modules) in FLOORS.iter().enumerate() {
        for name in *modules {
            if *name == module {
                return Some((floor, order));
            }
            order += 1;
        }
    }
    None
}

/// A file's lines without its comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or("")))
}

#[test]
fn floors_import_downwards_only() {
    let mut wrong = vec![];
    for path in sources("engine/src") {
        let Some((_, order, module)) = place_of(&path) else { continue };
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in code(&text) {
            for used in line.split("crate::").skip(1) {
                let used: String =
                    used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if place(&used).is_some_and(|(_, other)| other > order) {
                    wrong.push(format!("{}:{number}: {module} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports upwards:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    let unplaced: Vec<_> = sources("engine/src")
        .into_iter()
        .filter(|path| !path.ends_with("lib.rs") && place_of(path).is_none())
        .collect();
    assert!(unplaced.is_empty(), "{unplaced:?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["engine/src", "engine/tests", "kernels/src", "kernels/tests", "examples"] {
        for path in sources(folder) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//!"), "{} does not open with //!", path.display());
        }
    }
}

#[test]
fn unsafe_is_where_it_may_be_and_says_why() {
    for path in sources("engine/src") {
        let text = fs::read_to_string(&path).unwrap();
        let uses = code(&text).any(|(_, line)| {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            words.contains(&"unsafe")
        });
        let floor = place_of(&path).map(|(floor, _, _)| floor);
        let may = floor.is_some_and(|floor| UNSAFE_FLOORS.contains(&floor));
        assert!(!uses || may, "{} has unsafe code on floor {floor:?}", path.display());
        assert!(!uses || text.contains("SAFETY:"), "{} does not say why", path.display());
    }
    for path in sources("kernels/src") {
        let text = fs::read_to_string(&path).unwrap();
        let uses = code(&text).any(|(_, line)| line.contains("unsafe ") && !line.contains('#'));
        assert!(!uses, "{} has unsafe code", path.display());
    }
}

#[test]
fn raw_sync_is_touched_by_the_lock_alone() {
    for path in sources("engine/src") {
        let text = fs::read_to_string(&path).unwrap();
        let uses = code(&text).any(|(_, line)| line.contains("raw_sync"));
        assert!(!uses || path.ends_with("shared/lock.rs"), "{}", path.display());
    }
}

#[test]
fn files_are_short_and_lines_are_narrow() {
    let mut wrong = vec![];
    for path in sources("engine/src").into_iter().chain(sources("kernels/src")) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines", path.display()));
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

#[test]
fn no_drawers() {
    let drawers = ["utils", "util", "helpers", "helper", "common", "misc"];
    for path in sources("engine/src").into_iter().chain(sources("kernels/src")) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(!drawers.contains(&stem), "{} is a drawer", path.display());
    }
}
