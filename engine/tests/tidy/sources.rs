//! The source tree as text: its files, their code without comments and tests, and the paths that
//! they use. It is read with an eye on what `cargo fmt` makes of it, not by a parser of Rust.

use std::fs;
use std::path::{Path, PathBuf};

/// All Rust files of a folder of the repository, as paths from its root.
pub(crate) fn sources(folder: &str) -> Vec<PathBuf> {
    let root = root();
    let mut files = vec![];
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path.strip_prefix(&root).unwrap().to_owned());
            }
        }
    }
    assert!(!files.is_empty(), "no sources in {folder}");
    files.sort();
    files
}

/// What lies in a folder of the repository: its files without their extensions, and its folders.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> =
        entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// The modules of a folder of the engine.
pub(crate) fn modules(folder: &str) -> Vec<String> {
    names(folder).into_iter().filter(|name| name != "mod").collect()
}

pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// The text of one of these files.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    engine.parent().expect("the engine lies in the repository").to_owned()
}

/// A file's lines without its comments, with their numbers.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or("")))
}

/// A file's code without comments, and without the tests at its end.
pub(crate) fn code_before_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    code(text).map(|(_, line)| line.to_owned() + "\n").collect()
}

/// The path of an engine's file as a module: `engine/src/a/b/mod.rs` is `a`, `b`.
pub(crate) fn module_of(path: &Path) -> Vec<String> {
    let inside = path.strip_prefix("engine/src").expect("a file of the engine").with_extension("");
    let mut module: Vec<String> =
        inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// All paths of some code that begin with `crate::` or `super::`, as absolute ones: groups like
/// `crate::{a::b, c}` are taken apart. `module` is that of the file.
pub(crate) fn used_paths(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut paths = vec![];
    for word in ["crate", "super"] {
        for (at, _) in code.match_indices(&format!("{word}::")) {
            let before = code[..at].chars().next_back();
            // Not at the beginning of a path, or the end of another name.
            if before.is_some_and(|c| c == ':' || c == '_' || c == '$' || c.is_alphanumeric()) {
                continue;
            }
            paths.extend(expanded(&code[at..]).into_iter().filter_map(|p| absolute(p, module)));
        }
    }
    paths
}

fn absolute(path: Vec<String>, module: &[String]) -> Option<Vec<String>> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    // More than there are levels above: inside an inline module, which such code seldom has.
    let base = if ups > 0 { &module[..module.len().checked_sub(ups)?] } else { &[] };
    let names = path.into_iter().skip_while(|part| part == "super" || part == "crate");
    Some(base.iter().cloned().chain(names).collect())
}

/// The paths of the use tree at the beginning of a text: `a::{b, c::d}` is `a::b` and `a::c::d`.
pub(crate) fn expanded(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    let end = text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        let Some(group) = text.strip_prefix('{') else { return vec![] };
        return members(group).into_iter().flat_map(expanded).collect();
    }
    let Some(rest) = rest.strip_prefix("::") else { return vec![vec![name.to_owned()]] };
    let mut below = expanded(rest);
    if below.is_empty() {
        // A glob, or generic arguments.
        below.push(vec![]);
    }
    below.iter_mut().for_each(|path| path.insert(0, name.to_owned()));
    below
}

/// The members of a group of which the opening brace is gone: up to its closing one.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, vec![]);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

/// The functions of a file as `cargo fmt` lays them out: the line where each begins, its name, and
/// how many lines it has.
pub(crate) fn functions(text: &str) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut functions = vec![];
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        // Its end is the first closing brace, or the semicolon of a mere declaration, of the same
        // indent.
        let ends = |line: &&str| {
            let rest = line.strip_prefix(indent).unwrap_or("");
            !rest.starts_with(' ') && (rest.starts_with('}') || rest.ends_with([';', '}']))
        };
        let length = lines[at..].iter().position(ends).map_or(lines.len() - at, |end| end + 1);
        functions.push((at + 1, name, length));
    }
    functions
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start().split(' ').skip_while(|word| {
        let qualifiers = ["const", "async", "unsafe", "extern", "\"C\""];
        word.starts_with("pub") || qualifiers.contains(word)
    });
    (words.next()? == "fn").then(|| words.next())??.split(['(', '<']).next()
}

#[test]
fn use_trees_are_taken_apart() {
    let module: Vec<String> = ["roles", "engine"].map(String::from).into();
    let code = "use crate::{roles::X, memory::{a::B, c}, *};\nuse super::super::shared::lock::Lock;
        let y = super::launch::go($crate::compute::f);";
    let paths: Vec<String> = used_paths(code, &module).iter().map(|p| p.join("::")).collect();
    let expected =
        ["roles::X", "memory::a::B", "memory::c", "shared::lock::Lock", "roles::launch::go"];
    assert_eq!(paths, expected);
}

#[test]
fn functions_are_found_with_their_lengths() {
    let text = "fn a() {}\n\n    pub(crate) const fn b<T>(\n        x: T,\n    ) -> T {\n        x\n    }\n
        fn c(&self);\nlet fn_d = 1;\nunsafe extern \"C\" fn e() {\n    fn f() {\n    }\n}\n";
    let found = [(1, "a", 1), (3, "b", 5), (9, "c", 1), (11, "e", 4), (12, "f", 2)];
    assert_eq!(functions(text), found);
}
