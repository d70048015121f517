//! Floors: a module uses only lower ones, and within a floor no two use each other in turn.

use crate::sources::{code, code_before_tests, expanded, module_of, read, sources, used_paths};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules of the engine, lowest floor first; a module may use what comes before it.
pub(crate) const FLOORS: [&[&str]; 8] = [
    &["fault_place", "error", "partition"],
    &["machine"],
    &["memory"],
    &["shared"],
    &["process"],
    &["compute", "toolbox"],
    &["roles"],
    &["report", "batch", "scale", "cli", "fuzzing", "counting"],
];

/// Uses of a later module by an earlier one of its folder, which close a circle: the folder, who
/// uses whom, and why.
const CIRCLES: &[(&str, &str, &str, &str)] = &[
    ("memory", "array", "npy_file", "the method that saves an array"),
    ("shared", "protocol", "cell", "a worker commits cells, which are told of by the same atomics"),
    ("process", "hygiene", "entry", "what a worker was handed, and how it ends"),
    (
        "compute",
        "access",
        "array_slot",
        "what a plan hands out, and takes as arguments of its steps",
    ),
    ("compute", "access", "program", "the numbers by which a plan's steps name their arrays"),
    ("compute", "access", "groups", "a `Merge` of floats brings the kernel that folds its groups"),
    ("compute", "access", "table", "and that kernel's name"),
    ("compute", "scalar", "plan", "what a scalar of a plan belongs to"),
    ("toolbox", "anchor", "commons", "what keeps a thing's memory, of which it is the header"),
    ("roles", "coordinator", "children", "what is kept of them is a part of the coordinator's"),
    ("roles", "supervisor", "nursery", "the children that run are a part of the supervisor's"),
    ("roles", "notifier", "coordinator", "what it counts is a part of the coordinator's"),
    ("roles", "open_queue", "coordinator", "the queues' state is a part of the coordinator's"),
    ("roles", "engine", "builder", "`Engine::builder` makes what makes an engine"),
    ("roles", "engine", "tasks", "`Engine::tasks` makes what holds the engine"),
];

/// The floor of a file of the engine, and its place in the order of all modules.
pub(crate) fn place_of(path: &Path) -> Option<(usize, usize)> {
    place(module_of(path).first()?)
}

fn place(module: &str) -> Option<(usize, usize)> {
    let all = FLOORS.iter().enumerate();
    let mut all = all.flat_map(|(floor, modules)| modules.iter().map(move |name| (floor, *name)));
    let order = all.clone().position(|(_, name)| name == module)?;
    Some((all.nth(order)?.0, order))
}

#[test]
fn floors_import_downwards_only() {
    let mut wrong = vec![];
    for path in sources("engine/src") {
        let Some((_, order)) = place_of(&path) else { continue };
        let text: String = code(&read(&path)).map(|(_, line)| line.to_owned() + "\n").collect();
        for used in used_paths(&text, &module_of(&path)) {
            if used.first().and_then(|name| place(name)).is_some_and(|(_, other)| other > order) {
                wrong.push(format!("{} uses {}", path.display(), used.join("::")));
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

/// Who uses whom within a folder of the engine, tests left out.
type Uses = BTreeSet<(String, String)>;

/// The names that a folder's mod.rs takes from its modules, each with its module.
fn reexports(folder: &str, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let code = code_before_tests(&read(&PathBuf::from(format!("engine/src/{folder}/mod.rs"))));
    let paths = code.split("use ").skip(1).flat_map(expanded);
    let own = paths.filter(|path| modules.contains(&path[0]));
    own.filter_map(|path| Some((path.last()?.clone(), path.first()?.clone()))).collect()
}

/// Modules that are there for tests alone.
pub(crate) fn test_modules(folder: &str) -> BTreeSet<String> {
    let text = read(&PathBuf::from(format!("engine/src/{folder}/mod.rs")));
    let after = text.split("#[cfg(test)]\n").skip(1).filter_map(|rest| rest.lines().next());
    let named = after.filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod "));
    named.map(|(_, name)| name.to_owned()).collect()
}

fn uses_within(folder: &str) -> Uses {
    let tests = test_modules(folder);
    let files: Vec<(PathBuf, String)> = sources(&format!("engine/src/{folder}"))
        .into_iter()
        .filter_map(|path| Some((path.clone(), module_of(&path).into_iter().nth(1)?)))
        .filter(|(_, module)| !tests.contains(module))
        .collect();
    let modules: BTreeSet<String> = files.iter().map(|(_, module)| module.clone()).collect();
    let reexports = reexports(folder, &modules);
    let mut uses = Uses::new();
    for (path, module) in &files {
        // Deeper test modules stand in files of their own, as shared/protocol/model does.
        if path.iter().any(|part| part == "model") {
            continue;
        }
        for used in used_paths(&code_before_tests(&read(path)), &module_of(path)) {
            let [first, name, ..] = &used[..] else { continue };
            let other = if modules.contains(name) { Some(name) } else { reexports.get(name) };
            if first == folder
                && let Some(other) = other.filter(|other| *other != module)
            {
                uses.insert((module.clone(), other.clone()));
            }
        }
    }
    uses
}

/// What is left of these uses when everybody is gone who uses nobody, or whom nobody uses.
fn circles(mut uses: Uses) -> Uses {
    loop {
        let (users, used): (BTreeSet<_>, BTreeSet<_>) = uses.iter().cloned().unzip();
        let before = uses.len();
        uses.retain(|(from, to)| used.contains(from) && users.contains(to));
        if uses.len() == before {
            return uses;
        }
    }
}

#[test]
fn within_a_floor_nobody_uses_each_other_in_turn() {
    let mut wrong = vec![];
    let mut met = BTreeSet::new();
    for folder in FLOORS.concat() {
        if FLOORS[0].contains(&folder) || ["fuzzing", "counting"].contains(&folder) {
            continue;
        }
        let mut uses = uses_within(folder);
        assert!(!uses.is_empty(), "modules of {folder} use each other");
        uses.retain(|(from, to)| {
            let allowed =
                CIRCLES.iter().position(|(f, a, b, _)| (*f, *a, *b) == (folder, from, to));
            met.extend(allowed);
            allowed.is_none()
        });
        let left = circles(uses);
        wrong.extend(left.iter().map(|(from, to)| format!("{folder}: {from} uses {to}")));
    }
    assert!(wrong.is_empty(), "circles:\n{}", wrong.join("\n"));
    let gone = CIRCLES.iter().enumerate().filter(|(place, _)| !met.contains(place));
    let gone: Vec<_> = gone.map(|(_, circle)| circle).collect();
    assert!(gone.is_empty(), "no longer used, so no longer allowed: {gone:?}");
}

#[test]
fn circles_are_found() {
    let uses = |pairs: &[(&str, &str)]| -> Uses {
        pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    };
    let line = [("a", "b"), ("b", "c"), ("a", "c")];
    assert!(circles(uses(&line)).is_empty());
    let ring = [("b", "c"), ("c", "b")];
    let more = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")];
    assert_eq!(circles(uses(&more)), uses(&ring));
}
