//! A folder of its own with the terrain in it, and what the command answers there.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The start of a job on the terrain; what follows begins at line 7.
const START: &str = "format = 1
name = \"t\"
[inputs.elevation]
file = \"terrain.npy\"
cast = \"f64\"
cell = [92.6, 74.4]
";

/// The main job, in the repository.
pub(crate) fn main_job() -> PathBuf {
    data("jobs/terrain.toml")
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(name)
}

/// All of the main job's steps, with a horizon that is near enough for unoptimised builds.
pub(crate) const SHORT: &str = "[steps.slope]
in = \"elevation\"
save = \"slope.npy\"
picture = \"viridis\"
[steps.hillshade]
in = \"elevation\"
save = \"hillshade.npy\"
picture = \"grey\"
[steps.sky_view]
in = \"elevation\"
params = { azimuths = 8, radius = 10 }
save = \"sky_view.npy\"
[steps.histogram]
in = \"sky_view\"
params = { bins = 16, range = [0, 1] }
save = \"histogram.npy\"
[steps.summary]
in = [\"slope\", \"hillshade\", \"sky_view\"]
";

/// A sky view of some seconds.
pub(crate) const SECONDS: &str = if cfg!(debug_assertions) {
    "[steps.sky_view]
in = \"elevation\"
params = { azimuths = 24, radius = 60 }
save = \"sky_view.npy\"
picture = \"grey\"
"
} else {
    "[steps.sky_view]
in = \"elevation\"
params = { azimuths = 120, radius = 200 }
save = \"sky_view.npy\"
picture = \"grey\"
"
};

/// A sky view of minutes at least, in chunks of less than a second.
pub(crate) const MINUTES: &str = "[steps.slope]
in = \"elevation\"
save = \"slope.npy\"
[steps.sky_view]
in = \"elevation\"
params = { azimuths = 7200, radius = 25 }
save = \"sky_view.npy\"
picture = \"grey\"
";

pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(data("terrain.npy"), folder.path().join("terrain.npy")).unwrap();
        Place { folder }
    }

    /// A place with `job.toml`: a good start, then `steps`.
    pub(crate) fn with_steps(steps: &str) -> Place {
        let place = Place::new();
        place.file("job.toml", START.to_string() + steps);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// An array of zeros, of so many bytes.
    pub(crate) fn sparse_array(&self, name: &str, bytes: u64) {
        self.file(name, npy("<f8", &format!("({},)", bytes / 8), &[]));
        let file = std::fs::OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.set_len(file.metadata().unwrap().len() + bytes).unwrap();
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// The names in a folder, hidden ones too.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// A copy of the command that every user may start, in a place where every user may write; and
    /// whom limits bind that root is spared.
    pub(crate) fn command_of_a_bound_user(&self, words: &str) -> Command {
        const NOBODY: u32 = 65534;
        let own = self.path("gristmill");
        if !self.has("gristmill") {
            std::fs::copy(env!("CARGO_BIN_EXE_gristmill"), &own).unwrap();
        }
        let mut command = Command::new(own);
        command.args(words.split_whitespace()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).env_remove("GRISTMILL_WORKER");
        if nix::unistd::geteuid().is_root() {
            std::fs::set_permissions(self.folder.path(), Permissions::from_mode(0o777)).unwrap();
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// The command, to be run in this place; no color and no backtrace whatever the tester likes.
    pub(crate) fn command(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gristmill"));
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("GRISTMILL_WORKER").env_remove("RUST_BACKTRACE").env_remove("CARGO");
        command
    }

    /// Runs it to its end; words are split at blanks.
    pub(crate) fn gristmill(&self, words: &str) -> Answer {
        Answer::of(&mut self.command(&words.split_whitespace().collect::<Vec<_>>()))
    }

    /// The same, by a shell that sets something up first.
    pub(crate) fn gristmill_after(&self, setup: &str, words: &str) -> Answer {
        Answer::of(&mut self.command_after(setup, words))
    }

    /// That shell, which becomes the command.
    pub(crate) fn command_after(&self, setup: &str, words: &str) -> Command {
        let program = self.command(&[""; 0]);
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{setup}\nexec \"$0\" \"$@\""));
        shell.arg(program.get_program()).args(words.split_whitespace());
        shell.current_dir(self.folder.path()).stdin(Stdio::null());
        shell.env_remove("GRISTMILL_WORKER").env_remove("RUST_BACKTRACE").env_remove("CARGO");
        shell
    }

    /// The same, under another program that starts it: `unshare --pid --fork`, say.
    pub(crate) fn gristmill_under(&self, starter: &str, words: &str) -> Answer {
        let program = self.command(&[""; 0]);
        let mut starter = starter.split_whitespace();
        let mut command = Command::new(starter.next().unwrap());
        command.args(starter).arg(program.get_program()).args(words.split_whitespace());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("GRISTMILL_WORKER").env_remove("RUST_BACKTRACE").env_remove("CARGO");
        Answer::of(&mut command)
    }

    pub(crate) fn report(&self, folder: &str) -> Value {
        let text = std::fs::read_to_string(self.path(folder).join("report.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Paths and hashes as the report has them.
    pub(crate) fn hashes(&self, folder: &str) -> Vec<(String, String)> {
        let text = |output: &Value, key: &str| output[key].as_str().unwrap().to_string();
        let report = self.report(folder);
        let outputs = report["outputs"].as_array().unwrap();
        outputs.iter().map(|output| (text(output, "path"), text(output, "sha256"))).collect()
    }
}

/// Says that a test is not carried out here; `eprintln` would be heard of failing tests alone.
pub(crate) fn skipped(why: &str) {
    std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
}

/// Whether this program may be used to start others here; says so if not.
pub(crate) fn may_start(starter: &str) -> bool {
    let mut words = starter.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    let may = command.args(words).arg("true").output().is_ok_and(|output| output.status.success());
    if !may {
        skipped(&format!("`{starter}` is not permitted here, or not there"));
    }
    may
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    pub(crate) fn of(command: &mut Command) -> Answer {
        Answer::from(command.output().unwrap())
    }

    #[track_caller]
    pub(crate) fn ends_with(self, status: i32) -> Answer {
        assert_eq!(self.status, Some(status), "{self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn prints(self, part: &str) -> Answer {
        assert!(self.out.contains(part), "{part:?} is not in the output of {self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn prints_nothing(self) -> Answer {
        assert_eq!(self.out, "", "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Answer {
        assert!(self.err.contains(part), "{part:?} is not in the messages of {self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn says_nothing(self) -> Answer {
        assert_eq!(self.err, "", "{self:#?}");
        self
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Answer {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A .npy file of version 1.0.
pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}
