//! The output folder: locked, unfinished, linked, unwritable, full.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::place::{Answer, MINUTES, Place, skipped};
use super::started::{Started, all_end, computing_workers, send, wait_until};

const SLOPE: &str = "[steps.slope]\nin = \"elevation\"\nsave = \"slope.npy\"\n";

/// A place with a second, short job.
fn with_short_job(steps: &str) -> Place {
    let place = Place::with_steps(steps);
    let long = std::fs::read_to_string(place.path("job.toml")).unwrap();
    place.file("short.toml", long.replace(steps, SLOPE));
    place
}

#[test]
fn a_folder_serves_one_job_at_a_time() {
    let place = with_short_job(MINUTES);
    let mut first = Started::new(&place, "run job.toml --out o");
    first.computing_workers(2);
    for options in ["", "--fresh"] {
        place
            .gristmill(&format!("run short.toml --out o {options}"))
            .ends_with(2)
            .prints_nothing()
            .says(&format!("another job is writing to o (process {})", first.pid()))
            .says("another folder with `--out DIR`");
    }
    place.gristmill("run short.toml --out other").ends_with(0);
    first.signal(Signal::SIGTERM);
    first.end();
    place.gristmill("run short.toml --out o --fresh").ends_with(0);
    place.gristmill("run short.toml --out o").ends_with(0);
}

#[test]
fn an_unfinished_run_is_not_mixed_with() {
    let place = with_short_job(MINUTES);
    let mut first = Started::new(&place, "run job.toml --out out/t");
    first.computing_workers(2);
    first.signal(Signal::SIGKILL);
    first.end();
    place.file("out/t/mine.txt", "kept");
    place
        .gristmill("run short.toml")
        .ends_with(2)
        .prints_nothing()
        .says("holds an unfinished run of job `t`")
        .says("start anew with `--fresh`");
    place.gristmill("check short.toml").ends_with(2).says("--fresh");
    place.gristmill("run short.toml --fresh").ends_with(0);
    assert_eq!(place.names("out/t"), [".gristmill.lock", "mine.txt", "report.json", "slope.npy"]);
    place.gristmill("run short.toml").ends_with(0);
}

#[test]
fn what_an_earlier_run_left_is_gone_once_a_new_one_computes() {
    let place = Place::with_steps(MINUTES);
    let long = std::fs::read_to_string(place.path("job.toml")).unwrap();
    place.file("short.toml", long.replace("azimuths = 7200", "azimuths = 2"));
    place.gristmill("run short.toml --out o").ends_with(0);
    place.file("o/mine.txt", "kept");
    let mut job = Started::new(&place, "run job.toml --out o");
    job.computing_workers(2);
    job.signal(Signal::SIGKILL);
    job.end();
    let left = place.names("o");
    let old = |name: &String| name.starts_with("sky_view") || name == "report.json";
    assert!(!left.iter().any(old) && left.contains(&"mine.txt".to_string()), "{left:?}");
}

#[test]
fn results_may_go_anywhere_that_the_command_line_names() {
    let place = Place::with_steps(SLOPE);
    let absolute = place.path("far/away");
    place.gristmill(&format!("run job.toml --out {}", absolute.display())).ends_with(0);
    std::fs::create_dir(place.path("sub")).unwrap();
    place.gristmill("run job.toml --out sub/../near/").ends_with(0);
    for folder in ["far/away", "near"] {
        assert_eq!(place.names(folder), [".gristmill.lock", "report.json", "slope.npy"]);
    }
}

#[test]
fn links_are_not_written_through() {
    let place = Place::with_steps(&SLOPE.replace("slope.npy", "maps/slope.npy"));
    std::fs::create_dir(place.path("elsewhere")).unwrap();
    let refused = |words: &str, said: &str| {
        place.gristmill(words).ends_with(2).prints_nothing().says("symbolic link").says(said);
        assert!(place.names("elsewhere").is_empty(), "{:?}", place.names("elsewhere"));
    };
    // The folder itself.
    symlink("elsewhere", place.path("link")).unwrap();
    refused("run job.toml --out link", "results are not written through links");
    refused("run job.toml --out link/", "results are not written through links");
    refused("run job.toml --out link/sub", "results are not written through links");
    // A folder inside, and the file.
    std::fs::create_dir_all(place.path("o")).unwrap();
    symlink("../elsewhere", place.path("o/maps")).unwrap();
    refused("run job.toml --out o", "job.toml:9:8: ");
    std::fs::create_dir_all(place.path("p/maps")).unwrap();
    symlink("../../elsewhere/slope.npy", place.path("p/maps/slope.npy")).unwrap();
    refused("run job.toml --out p", "job.toml:9:8: ");
    // The engine's own files.
    for name in [".gristmill.lock", ".gristmill-unfinished"] {
        std::fs::create_dir_all(place.path("q")).unwrap();
        symlink("../elsewhere/x", place.path("q").join(name)).unwrap();
        refused("run job.toml --out q", name);
        std::fs::remove_dir_all(place.path("q")).unwrap();
    }
    std::fs::create_dir_all(place.path("r")).unwrap();
    symlink("../elsewhere/x", place.path("r/report.json")).unwrap();
    let answer = place.gristmill("run job.toml --out r");
    assert!(place.names("elsewhere").is_empty(), "{answer:?}");
    answer.ends_with(2).says("symbolic link");
}

#[test]
fn what_stands_in_the_way_is_named() {
    let place = Place::with_steps(SLOPE);
    place.file("o", "a file");
    place
        .gristmill("run job.toml --out o")
        .ends_with(2)
        .says("o is there already, and is not a folder");
    std::fs::create_dir_all(place.path("p/slope.npy")).unwrap();
    place.gristmill("run job.toml --out p").ends_with(2).says("is not a regular file");
    place.file("p/.gristmill-unfinished", "not ours\n");
    std::fs::remove_dir(place.path("p/slope.npy")).unwrap();
    for options in ["", "--fresh"] {
        place
            .gristmill(&format!("run job.toml --out p {options}"))
            .ends_with(2)
            .says("p/.gristmill-unfinished was not written by this version of gristmill");
    }
    assert_eq!(place.names("p"), [".gristmill-unfinished"]);
}

/// A small file system of its own, where that is permitted.
struct Mounted<'p>(&'p Place);

impl Mounted<'_> {
    fn new<'p>(place: &'p Place, options: &str) -> Option<Mounted<'p>> {
        std::fs::create_dir(place.path("disk")).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place.path("disk"));
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            skipped("mounting a tmpfs is not permitted here");
        }
        mounted.then_some(Mounted(place))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path("disk")).status();
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_half_file() {
    let place = Place::with_steps(&format!("{SLOPE}picture = \"grey\"\n"));
    let Some(_mounted) = Mounted::new(&place, "size=1700k") else { return };
    // The room of an earlier result counts, but while somebody has it open it does not come free.
    std::fs::create_dir(place.path("disk/o")).unwrap();
    place.file("disk/o/slope.npy", vec![1; 1100 << 10]);
    let reader = std::fs::File::open(place.path("disk/o/slope.npy")).unwrap();
    place
        .gristmill("run job.toml --out disk/o")
        .ends_with(1)
        .says("the disk is full")
        .says("slope.npy");
    drop(reader);
    // The picture has room, the array has not.
    assert_eq!(
        place.names("disk/o"),
        [".gristmill-unfinished", ".gristmill.lock", "report.json", "slope.png"]
    );
    assert_eq!(place.report("disk/o")["status"], "failed");
    place.gristmill("run job.toml --out disk/o").ends_with(2).says("--fresh");
}

#[test]
fn an_interrupted_job_whose_disk_is_full_still_prints_its_results_and_says_130() {
    for (word, printed) in [("--json", "\"status\": \"interrupted\""), ("", "--fresh")] {
        let place = Place::with_steps(MINUTES);
        let Some(_mounted) = Mounted::new(&place, "size=8m") else { return };
        let words = format!("run job.toml --out disk/o --workers 2 {word}");
        let mut job = place.command(&words.split_whitespace().collect::<Vec<_>>());
        let mut job = job.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = job.id() as i32;
        wait_until("the first step's file", || {
            assert_eq!(job.try_wait().unwrap(), None, "the job ended");
            place.has("disk/o/slope.npy")
        });
        let workers = computing_workers(pid, 2, || {});
        let filled = std::fs::write(place.path("disk/others"), vec![1; 16 << 20]);
        assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        send(pid, Signal::SIGINT);
        let answer = Answer::from(job.wait_with_output().unwrap()).ends_with(130).prints(printed);
        answer.says("the disk is full").says("report.json");
        all_end(&workers);
        assert!(!place.has("disk/o/report.json"));
    }
}

#[test]
fn a_disk_without_room_for_the_results_is_refused_before_anything_starts() {
    let place = Place::with_steps(SLOPE);
    let Some(_mounted) = Mounted::new(&place, "size=1200k") else { return };
    // What an earlier run has left is replaced, so its room counts.
    place.gristmill("run job.toml --out disk/o").ends_with(0);
    place.gristmill("run job.toml --out disk/o").ends_with(0);
    place
        .gristmill("run job.toml --out disk/p")
        .ends_with(2)
        .prints_nothing()
        .says("the job saves 1 array, 1.06 MiB in all; the disk of disk/p has room for less")
        .says("expected at most ")
        .says("choose another folder with `--out DIR`");
    assert_eq!(place.names("disk"), ["o"]);
}

#[test]
fn a_folder_that_may_not_be_written_to_is_refused() {
    let place = Place::with_steps(SLOPE);
    if nix::unistd::geteuid().is_root() {
        let Some(_mounted) = Mounted::new(&place, "size=2m,ro") else { return };
        place.gristmill("run job.toml --out disk").ends_with(2).says("not allowed to");
        place
            .gristmill("run job.toml --out disk/o")
            .ends_with(2)
            .prints_nothing()
            .says("not allowed to create the folder disk/o")
            .says("choose a folder that you may write to");
    } else {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir(place.path("disk")).unwrap();
        let read_only = std::fs::Permissions::from_mode(0o555);
        std::fs::set_permissions(place.path("disk"), read_only).unwrap();
        place.gristmill("run job.toml --out disk").ends_with(2).says("not allowed to");
        place.gristmill("run job.toml --out disk/o").ends_with(2).says("not allowed to");
    }
}
