//! Names of output files: relative paths that cannot leave the output folder or meet its own files.
//!
//! Only the text is judged here; what lies on the disk under it is the folder's business.

use std::fmt;
use std::path::Path;

/// The file that the engine itself writes at the top of every output folder.
pub(crate) const REPORT: &str = "report.json";

/// Folders above an output file, inside the output folder, at most.
const FOLDERS_MAX: usize = 4;
/// Bytes of one component at most: file systems take 255, and temporary names add to it.
const COMPONENT_BYTES_MAX: usize = 200;

/// A path below the output folder: plain components, joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OutputPath(String);

/// Why a text is no output path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {message}")]
pub(crate) struct OutputPathError {
    pub(crate) path: String,
    pub(crate) message: String,
}

impl OutputPath {
    /// The path, if it stays below the folder and each of its components is a plain, visible name.
    pub(crate) fn new(path: &str) -> Result<OutputPath, OutputPathError> {
        match problem(path) {
            None => Ok(OutputPath(path.to_string())),
            Some(message) => {
                Err(OutputPathError { path: path.escape_debug().to_string(), message })
            }
        }
    }

    /// The engine's own report.
    pub(crate) fn report() -> OutputPath {
        OutputPath(REPORT.to_string())
    }

    /// The same path with another extension.
    pub(crate) fn with_extension(&self, extension: &str) -> OutputPath {
        let stem = match (self.0.rfind('.'), self.0.rfind('/')) {
            (Some(dot), slash) if slash.is_none_or(|slash| slash < dot) => &self.0[..dot],
            _ => &self.0,
        };
        OutputPath(format!("{stem}.{extension}"))
    }

    /// Where what there is of a result goes if some of it is missing: `a.npy` becomes `a.partial.npy`.
    pub(crate) fn partial(&self) -> OutputPath {
        self.with_extension("partial.npy")
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, the file's name last.
    pub(crate) fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether one of the two would have to be a folder for the other to lie in.
    pub(crate) fn lies_under(&self, other: &OutputPath) -> bool {
        self.0.strip_prefix(&other.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl AsRef<Path> for OutputPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for OutputPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn problem(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("is empty".into());
    }
    if path.starts_with('/') {
        return Some("is absolute; results stay in the output folder".into());
    }
    if path.contains(|c: char| c.is_control() || c == '\\') {
        return Some("contains a backslash or a control character".into());
    }
    let components: Vec<&str> = path.split('/').collect();
    if components.contains(&"..") {
        return Some("contains `..`; results stay in the output folder".into());
    }
    if components.iter().any(|component| component.is_empty() || *component == ".") {
        return Some("has an empty component or a `.` among its folders".into());
    }
    if components.iter().any(|component| component.starts_with('.')) {
        return Some(
            "has a component that begins with a dot; such names are the engine's own".into(),
        );
    }
    if components.len() > FOLDERS_MAX + 1 {
        return Some(format!("lies more than {FOLDERS_MAX} folders deep"));
    }
    if components.iter().any(|component| component.len() > COMPONENT_BYTES_MAX) {
        return Some(format!("has a component longer than {COMPONENT_BYTES_MAX} bytes"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_pass() {
        for good in ["slope.npy", "maps/slope.npy", "a..b.npy", "ä b.npy", "a/b/c/d/e.npy"] {
            assert!(OutputPath::new(good).is_ok(), "{good}");
        }
        let long = "x".repeat(201);
        for bad in [
            "",
            "/a.npy",
            "../a.npy",
            "a/../b.npy",
            "..",
            "a//b.npy",
            "a/",
            "./a.npy",
            ".a.npy",
            "a/.b.npy",
            "a\\b.npy",
            "a\nb.npy",
            "a\0b.npy",
            "a/b/c/d/e/f.npy",
            &long,
        ] {
            assert!(OutputPath::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn extensions_are_those_of_the_file_alone() {
        let path = |path| OutputPath::new(path).unwrap();
        assert_eq!(path("a.b/c.npy").with_extension("png").as_str(), "a.b/c.png");
        assert_eq!(path("a.b/c").with_extension("png").as_str(), "a.b/c.png");
        assert!(path("a.npy/b.npy").lies_under(&path("a.npy")));
        assert!(!path("a.npyb").lies_under(&path("a.npy")));
    }
}
