//! The output folder: locking, unfinished runs, links, and files that are whole or absent.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use miette::Diagnostic;
use tempfile::TempDir;

use crate::batch::{FolderError, OutputFolder, OutputPath, WholeFile};

fn path(text: &str) -> OutputPath {
    OutputPath::new(text).unwrap()
}

fn open(folder: &Path, fresh: bool) -> Result<OutputFolder, FolderError> {
    OutputFolder::open(folder, "terrain", fresh)
}

fn write(folder: &OutputFolder, name: &str, text: &str) {
    let mut file = folder.create(&path(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.finish().unwrap();
}

fn has_nameless_files(folder: &Path) -> bool {
    let mut options = fs::OpenOptions::new();
    options.write(true).custom_flags(libc::O_TMPFILE).open(folder).is_ok()
}

type Create = fn(&Path, &OutputPath) -> Result<WholeFile, FolderError>;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// As a kill would leave it: nothing of ours gets to clean up, only the lock goes.
fn die(folder: OutputFolder, mut files: Vec<WholeFile>) {
    let marker = folder.path().join(".gristmill-unfinished");
    let kept = fs::read(&marker).unwrap();
    let copies: Vec<_> = files
        .iter_mut()
        .map(|file| {
            let line = String::from_utf8(kept.clone()).unwrap();
            let temporary = line.lines().rev().find_map(|line| line.strip_prefix("temporary "));
            file.flush().unwrap();
            folder.path().join(temporary.unwrap())
        })
        .collect();
    drop(files);
    for copy in copies {
        fs::write(copy, "torn").unwrap();
    }
    drop(folder);
    fs::write(marker, kept).unwrap();
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("a/b");
    let folder = open(&out, false).unwrap();
    // Without a name where that can be, and under another one.
    let entries = usize::from(!has_nameless_files(place.path()));
    for (create, entries) in [(WholeFile::create as Create, entries), (WholeFile::create_named, 1)]
    {
        let begin = || create(&out, &path("maps/slope.npy")).unwrap();
        let mut file = begin();
        file.write_all(b"half").unwrap();
        assert!(!out.join("maps/slope.npy").exists());
        assert_eq!(names(&out.join("maps")).len(), entries);
        drop(file);
        assert!(names(&out.join("maps")).is_empty());

        let mut file = begin();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(out.join("maps/slope.npy")).unwrap(), b"whole");
        fs::remove_file(out.join("maps/slope.npy")).unwrap();
    }
    folder.finish().unwrap();
    assert_eq!(names(&out), [".gristmill.lock", "maps"]);
}

#[test]
fn a_finished_run_is_replaced_file_by_file() {
    let place = TempDir::new().unwrap();
    let folder = open(place.path(), false).unwrap();
    write(&folder, "a.npy", "old");
    folder.finish().unwrap();
    fs::write(place.path().join("notes.txt"), "mine").unwrap();

    let folder = open(place.path(), false).unwrap();
    let mut file = folder.create(&path("a.npy")).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(fs::read(place.path().join("a.npy")).unwrap(), b"old");
    file.finish().unwrap();
    folder.finish().unwrap();
    assert_eq!(fs::read(place.path().join("a.npy")).unwrap(), b"new");
    assert_eq!(names(place.path()), [".gristmill.lock", "a.npy", "notes.txt"]);
}

#[test]
fn one_job_at_a_time() {
    let place = TempDir::new().unwrap();
    let first = open(place.path(), false).unwrap();
    let error = open(place.path(), true).unwrap_err();
    let holder = format!(
        "another job is writing to {} (process {})",
        place.path().display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), holder);
    assert!(error.help().unwrap().to_string().contains("--out DIR"));
    drop(first);
    open(place.path(), false).unwrap().finish().unwrap();
}

#[test]
fn an_unfinished_run_is_refused_and_fresh_removes_only_what_it_made() {
    let place = TempDir::new().unwrap();
    let out = place.path();
    let folder = open(out, false).unwrap();
    write(&folder, "maps/made.npy", "made");
    write(&folder, "replaced.npy", "made");
    let torn = folder.create(&path("maps/torn.npy")).unwrap();
    die(folder, vec![torn]);
    // Someone put a file of their own in the place of one that the run had made, and one beside.
    fs::write(out.join("other"), "mine").unwrap();
    fs::rename(out.join("other"), out.join("replaced.npy")).unwrap();
    fs::write(out.join("maps/mine.npy"), "mine").unwrap();
    assert_eq!(names(&out.join("maps")).len(), 3);

    let error = open(out, false).unwrap_err();
    assert!(error.to_string().ends_with("holds an unfinished run of job `terrain`"), "{error}");
    assert!(error.help().unwrap().to_string().contains("`--fresh`"));

    let seen = OutputFolder::look(out, false).unwrap_err();
    assert_eq!(seen.to_string(), error.to_string());
    OutputFolder::look(out, true).unwrap();

    open(out, true).unwrap().finish().unwrap();
    OutputFolder::look(out, false).unwrap();
    assert_eq!(names(&out.join("maps")), ["mine.npy"]);
    assert_eq!(names(out), [".gristmill.lock", "maps", "replaced.npy"]);
}

#[test]
fn a_run_that_made_nothing_leaves_nothing_to_clean() {
    let place = TempDir::new().unwrap();
    let folder = open(place.path(), false).unwrap();
    drop(folder.create(&path("a.npy")).unwrap());
    drop(folder);
    open(place.path(), false).unwrap().finish().unwrap();
}

#[test]
fn a_run_that_failed_after_its_first_file_is_unfinished() {
    let place = TempDir::new().unwrap();
    let folder = open(place.path(), false).unwrap();
    write(&folder, "a.npy", "a");
    drop(folder);
    assert!(matches!(open(place.path(), false), Err(FolderError::Unfinished { .. })));
    drop(open(place.path(), true).unwrap());
    assert_eq!(names(place.path()), [".gristmill.lock"]);
}

#[test]
fn temporaries_of_killed_tasks_go_at_the_end() {
    let place = TempDir::new().unwrap();
    let folder = open(place.path(), false).unwrap();
    // A task that was killed runs no destructor.
    std::mem::forget(WholeFile::create(place.path(), &path("a.npy")).unwrap());
    let named = usize::from(!has_nameless_files(place.path()));
    assert_eq!(names(place.path()).len(), 2 + named);
    std::mem::forget(WholeFile::create_named(place.path(), &path("a.npy")).unwrap());
    assert_eq!(names(place.path()).len(), 3 + named);
    folder.finish().unwrap();
    assert_eq!(names(place.path()), [".gristmill.lock"]);
    let error = WholeFile::create(place.path(), &path("a.npy")).unwrap_err();
    assert!(error.to_string().contains("cannot open"), "no run is under way: {error}");
}

#[test]
fn links_are_not_followed() {
    let place = TempDir::new().unwrap();
    let elsewhere = place.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, place.path().join("out")).unwrap();
    OutputFolder::look(&place.path().join("none/yet"), false).unwrap();
    assert_eq!(names(place.path()), ["elsewhere", "out"]);
    for folder in ["out", "out/"] {
        let error = open(&place.path().join(folder), false).unwrap_err();
        assert!(matches!(error, FolderError::Link { .. }), "{error}");
    }
    // Above the folder itself, links are the owner's own affair.
    let folder = open(&place.path().join("out/run"), false).unwrap();
    symlink("/tmp", folder.path().join("maps")).unwrap();
    symlink("/nowhere", folder.path().join("a.npy")).unwrap();
    fs::create_dir(folder.path().join("b.npy")).unwrap();
    for (name, wanted) in [
        ("maps/a.npy", "is a symbolic link"),
        ("a.npy", "is a symbolic link"),
        ("b.npy", "is there already, and is not a regular file"),
    ] {
        let error = folder.create(&path(name)).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
    drop(folder);
    let lock = elsewhere.join("run/.gristmill.lock");
    assert!(!lock.exists(), "a run that made nothing leaves none");
    symlink(place.path().join("victim"), &lock).unwrap();
    assert!(matches!(open(&elsewhere.join("run"), false), Err(FolderError::Link { .. })));
    assert!(!place.path().join("victim").exists());
}

#[test]
fn a_marker_that_is_not_ours_removes_nothing() {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("keep.npy"), "mine").unwrap();
    for text in ["something else\n", "gristmill 1\nmade 1 1 ../keep.npy\n"] {
        fs::write(place.path().join(".gristmill-unfinished"), text).unwrap();
        let error = open(place.path(), true).unwrap_err();
        assert!(matches!(error, FolderError::Marker { .. }), "{error}");
    }
    fs::write(place.path().join(".gristmill-unfinished"), "gristmill 1\nmade 1 1 keep.npy\n")
        .unwrap();
    open(place.path(), true).unwrap().finish().unwrap();
    assert_eq!(fs::read(place.path().join("keep.npy")).unwrap(), b"mine");
}

#[test]
fn a_file_where_the_folder_should_be_is_named() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("out");
    fs::write(&file, "").unwrap();
    let error = open(&file, false).unwrap_err();
    assert!(error.to_string().ends_with("out is there already, and is not a folder"), "{error}");
    assert!(open(&file.join("run"), false).is_err());
}

#[test]
fn full_disks_and_folders_without_permission_say_what_to_do() {
    use std::io::{Error, ErrorKind};
    let system = |kind| FolderError::system("write", Path::new("out/a.npy"), Error::from(kind));
    let full = system(ErrorKind::StorageFull);
    assert_eq!(full.to_string(), "the disk is full: cannot write out/a.npy");
    assert!(full.help().unwrap().to_string().contains("make room"));
    let denied = system(ErrorKind::ReadOnlyFilesystem);
    assert!(denied.to_string().starts_with("not allowed to write out/a.npy: "), "{denied}");
    // /proc takes no folders from anyone, root included.
    let error = open(Path::new("/proc/gristmill"), false).unwrap_err();
    assert!(error.to_string().contains("create the folder /proc/gristmill"), "{error}");
}
