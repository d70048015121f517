//! A meeting of workers in a kernel: that all take part in a step is no matter of luck then.

use gristmill::{Activity, Engine, WorkerActivity};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long beside what a meeting takes, short beside what a case may.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whoever attends waits until as many processes have begun to.
///
/// After a death they may wait in vain: the supervisor takes back what nobody has claimed yet, which
/// is what the others would have begun with, and issues it again only when these here have done theirs.
/// So they wait no longer than some time, and that launch goes on without a meeting.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Meeting {
    folder: PathBuf,
    processes: usize,
}

impl Meeting {
    /// A meeting of so many, which lasts as long as the folder that it comes with.
    pub(crate) fn of(processes: usize) -> (Meeting, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Meeting { folder: folder.path().to_owned(), processes }, folder)
    }

    /// All are to meet anew; to be called between launches. All are there when it returns.
    pub(crate) fn call(&self, engine: &Engine) {
        let starts = |worker: &WorkerActivity| worker.activity == Activity::Starting;
        while engine.activities().iter().any(starts) {
            std::thread::yield_now();
        }
        self.signs().for_each(|sign| fs::remove_file(sign.path()).unwrap());
    }

    /// Who has met the others goes on with its next chunk at once.
    pub(crate) fn attend(&self) {
        let own = self.folder.join(std::process::id().to_string());
        if OpenOptions::new().write(true).create_new(true).open(own).is_ok() {
            let since = Instant::now();
            while self.signs().count() < self.processes && since.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
        }
    }

    fn signs(&self) -> impl Iterator<Item = fs::DirEntry> {
        fs::read_dir(&self.folder).unwrap().map(Result::unwrap)
    }
}
