//! Command lines, help, and the commands that only print.

use super::place::{Place, npy};

#[test]
fn every_help_ends_well_and_has_an_example() {
    let place = Place::new();
    for words in ["--help", "-h", "run --help", "check --help", "init --help", "kernels --help"] {
        place.gristmill(words).ends_with(0).prints("gristmill ").says_nothing();
    }
    place.gristmill("info --help").ends_with(0).prints("Example").says_nothing();
    place.gristmill("--version").ends_with(0).prints("gristmill 0.").says_nothing();
    place.gristmill("run --help").ends_with(0).prints("--fresh").prints("--workers").prints("130");
}

#[test]
fn wrong_command_lines_end_with_2() {
    let place = Place::with_steps("[steps.slope]\nin = \"elevation\"\n");
    for (words, said) in [
        ("", "Usage"),
        ("walk job.toml", "unrecognized subcommand"),
        ("run", "JOB.toml"),
        ("run job.toml other.toml", "unexpected argument"),
        ("run job.toml --workers", "a value is required"),
        ("run job.toml --workers 0", "1..=256"),
        ("run job.toml --workers 257", "1..=256"),
        ("run job.toml --workers -1", "-1"),
        ("run job.toml --workers x", "invalid digit"),
        ("run job.toml --frsh", "--fresh"),
        ("check", "JOB.toml"),
        ("check job.toml --json", "unexpected argument"),
        ("info all", "unexpected argument"),
        ("kernels a b", "unexpected argument"),
        ("chekc job.toml", "'check'"),
    ] {
        place.gristmill(words).ends_with(2).prints_nothing().says(said);
    }
    assert_eq!(place.names("."), ["job.toml", "terrain.npy"]);
}

#[test]
fn init_writes_a_job_that_is_right() {
    let place = Place::new();
    place.file("row.npy", npy("<f8", "(5,)", &[0; 40]));
    place.file("cube.npy", npy("<f4", "(2, 3, 4)", &[0; 96]));
    place.file("bytes.npy", npy("|u1", "(3, 4)", &[0; 12]));
    place.file("complex.npy", npy("<c16", "(2, 2)", &[0; 64]));
    place.file("nothing.npy", npy("<f8", "(0, 4)", &[]));
    place.file("slope.npy", npy("<i8", "(2,)", &[0; 16]));
    place.file("- \"odd\".npy", npy("<f8", "(2,)", &[0; 16]));
    std::fs::create_dir(place.path("jobs")).unwrap();
    for file in [
        "terrain.npy",
        "row.npy",
        "cube.npy",
        "bytes.npy",
        "nothing.npy",
        "slope.npy",
        "./- \"odd\".npy",
    ] {
        let output = place.command(&["init", file]).output().unwrap();
        let answer = super::place::Answer::from(output).ends_with(0).says_nothing();
        // Wherever the job file comes to lie.
        place.file("jobs/job.toml", &answer.out);
        place.gristmill("check jobs/job.toml").ends_with(0).prints("nothing to refuse");
        place.gristmill("run jobs/job.toml --out o --quiet").ends_with(0).prints_nothing();
    }
    place.gristmill("init terrain.npy").ends_with(0).prints("344 x 403 i16");
    place.gristmill("init complex.npy").ends_with(0).prints("2 x 2 c64");
}

#[test]
fn init_shows_what_a_map_could_be_used_for() {
    let place = Place::new();
    let answer = place.gristmill("init terrain.npy").ends_with(0).prints("# [steps.slope]");
    let job = answer.out.replace("# cell", "cell").replace("# nodata", "nodata");
    let commented_in = ["[steps.slope]", "in = ", "save = \"slope", "picture"];
    let job = commented_in.iter().fold(job, |job, line| job.replace(&format!("# {line}"), line));
    place.file("job.toml", &job);
    place.gristmill("run job.toml --out o --quiet").ends_with(0).says_nothing();
    assert!(place.has("o/slope.npy") && place.has("o/slope.png"), "{job}");
}

#[test]
fn init_without_a_file_is_an_example_to_fill_in() {
    let place = Place::new();
    let job = place.gristmill("init").ends_with(0).says_nothing();
    place.file("job.toml", &job.out);
    place.gristmill("check job.toml").ends_with(2).says("there is no file data.npy");
    place.file("data.npy", npy("<f8", "(3, 4)", &[0; 96]));
    place.gristmill("check job.toml").ends_with(0);
}

#[test]
fn init_refuses_what_is_no_array() {
    let place = Place::with_steps("");
    let none = place.gristmill("init nope.npy").ends_with(2).prints_nothing();
    assert_eq!(none.err, "gristmill: there is no file nope.npy\n");
    let near = place.gristmill("init terain.npy").ends_with(2).prints_nothing();
    assert_eq!(near.err, "gristmill: there is no file terain.npy, did you mean `terrain.npy`?\n");
    place.gristmill("init job.toml").ends_with(2).prints_nothing().says("not a .npy file");
    place.gristmill("init .").ends_with(2).prints_nothing().says("not a regular file");
}

#[test]
fn kernels_are_listed_and_explained() {
    let place = Place::new();
    let all = place.gristmill("kernels").ends_with(0).says_nothing();
    let names = [
        "slope",
        "hillshade",
        "sky_view",
        "histogram",
        "summary",
        "axpy",
        "sum",
        "argmax",
        "scan",
        "sort",
        "heat2d",
    ];
    for name in names {
        assert!(all.out.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}");
        place.gristmill(&format!("kernels {name}")).ends_with(0).prints(name).prints("result:");
    }
    place
        .gristmill("kernels sky_view")
        .ends_with(0)
        .prints("azimuths   whole number from 1 to 4294967295  32 ")
        .prints("radius     whole number from 1 to 4294967295  100 ")
        .prints("elevation  whole ");
    place.gristmill("kernels scan").ends_with(0).prints("exclusive  true or false  false");
    place.gristmill("kernels copy").ends_with(0).prints("c64, c32");
    place.gristmill("kernels histogram").ends_with(0).prints("must be given").prints("256");
    place
        .gristmill("kernels slop")
        .ends_with(2)
        .prints_nothing()
        .says("unknown kernel `slop`, did you mean `slope`?")
        .says("`gristmill kernels` lists them");
}

#[test]
fn info_tells_what_there_is() {
    let answer = Place::new().gristmill("info").ends_with(0);
    for part in ["CPUs allowed", "workers", "caches", "NUMA", "memory", "huge pages", "Linux"] {
        assert!(answer.out.contains(part), "{part} is not in\n{}", answer.out);
    }
}

#[test]
fn info_counts_or_says_why_not() {
    let answer = Place::new().gristmill("info --counters").ends_with(0);
    for part in ["instructions", "cycles", "instructions a cycle", "fetched by misses"] {
        let line = answer.out.lines().map(str::trim_start).find(|line| line.starts_with(part));
        let told = line.map_or("", |line| line[part.len()..].trim());
        let counted = told.starts_with(|first: char| first.is_ascii_digit());
        assert!(counted || told.starts_with("none: "), "{part}: {told:?} in\n{}", answer.out);
    }
}
