//! What is handed over as a job file or a report, and is none: devices, pipes, folders, too much.

use super::place::Place;
use nix::sys::stat::Mode;

#[test]
fn what_is_no_job_file() {
    let place = Place::new();
    place.gristmill("run none.toml").ends_with(2).says("none.toml").says("gristmill init");
    place.gristmill("run .").ends_with(2).says("not a regular file");
    place.gristmill("run terrain.npy").ends_with(2).says("not UTF-8 text");
    place.gristmill("run /dev/zero").ends_with(2).says("not a regular file");
    place.file("long.toml", vec![b'#'; 2 << 20]);
    place.gristmill("run long.toml").ends_with(2).says("longer than");
    place.file("empty.toml", "");
    place.gristmill("run empty.toml").ends_with(2).says("empty.toml:1:1: `format` is missing");
    place.file("broken.toml", "format = \n");
    place.gristmill("run broken.toml").ends_with(2).says("broken.toml:1:10: this is not TOML");
    assert_eq!(place.names("."), ["broken.toml", "empty.toml", "long.toml", "terrain.npy"]);
    nix::unistd::mkfifo(&place.path("pipe"), Mode::S_IRWXU).unwrap();
    place.gristmill("run pipe").ends_with(2).says("not a regular file");
}

#[test]
fn what_is_no_report() {
    let place = Place::new();
    let file = std::fs::File::create(place.path("sparse")).unwrap();
    file.set_len(3 << 30).unwrap();
    nix::unistd::mkfifo(&place.path("pipe"), Mode::S_IRWXU).unwrap();
    for (name, said) in [
        ("/dev/zero", "cannot read /dev/zero: it is not a regular file"),
        ("pipe", "cannot read pipe: it is not a regular file"),
        ("sparse", "cannot read sparse: it is longer than 268435456 bytes"),
        ("terrain.npy", "cannot read terrain.npy: it is not UTF-8 text"),
        (".", "cannot read ./report.json: "),
    ] {
        place.gristmill(&format!("replay {name} 0")).ends_with(2).prints_nothing().says(said);
    }
}
