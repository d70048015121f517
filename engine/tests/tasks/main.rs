//! Tasks, as who comes from Python knows them: the cases of CPython's `_TestPool`
//! (test/_test_multiprocessing.py) and `test_concurrent_futures`, and the crash matrix of loky, the
//! executor of joblib that is robust against dying workers. Each test names the case that it mirrors.

mod awaiting;
mod branching;
mod cancelling;
mod crash_matrix;
mod executor;
mod pool;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;

/// Says that it has begun, and goes on once its gate is open: (own file, the gate).
fn begin_and_wait((own, gate): (PathBuf, PathBuf)) -> u32 {
    std::fs::write(own, "").unwrap();
    support::processes::wait_until("the gate", || gate.exists());
    7
}

/// A folder, and the files in it of one that begins and waits.
fn gate() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let [own, gate] = ["begun", "gate"].map(|name| folder.path().join(name));
    (folder, own, gate)
}
