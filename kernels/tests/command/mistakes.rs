//! Every class of mistake in a job file: place, expectation, nearest name; and nothing is begun.

use super::place::{Place, SHORT};

/// Asserts that `run` and `check` refuse a job, whose `steps` begin at line 7, at `at`
/// (line:column) with each of `parts` said on that line.
#[track_caller]
fn refused(steps: &str, at: &str, parts: &[&str]) {
    let place = Place::with_steps(steps);
    refused_in(&place, "", at, parts);
    assert_eq!(place.names("."), ["job.toml", "terrain.npy"]);
}

#[track_caller]
fn refused_in(place: &Place, options: &str, at: &str, parts: &[&str]) {
    // No worker can be started with this in the environment: it would be another error.
    let no_workers = "GRISTMILL_WORKER=none; export GRISTMILL_WORKER";
    let run = format!("run job.toml {options}");
    for words in [run.as_str(), "check job.toml"] {
        if words.starts_with("check") && !options.is_empty() {
            continue;
        }
        let answer = place.gristmill_after(no_workers, words).ends_with(2).prints_nothing();
        let place = format!("job.toml:{at}: ");
        let line = answer.err.lines().find(|line| line.starts_with(&place));
        let line = line.unwrap_or_else(|| panic!("nothing at {at} in\n{}", answer.err));
        for part in parts {
            assert!(line.contains(part), "{part:?} is not in\n{line}");
        }
    }
}

#[test]
fn unknown_kernels() {
    refused(
        "[steps.slop]\nin = \"elevation\"\n",
        "7:8",
        &["unknown kernel `slop`, did you mean `slope`?", "expected", "gristmill kernels"],
    );
    refused(
        "[steps.a]\nkernel = \"hilshade\"\nin = \"elevation\"\n",
        "8:10",
        &["unknown kernel `hilshade`, did you mean `hillshade`?"],
    );
}

#[test]
fn a_kernel_that_is_no_text_is_one_mistake() {
    let place = Place::with_steps("[steps.slop]\nkernel = 3\nin = \"elevation\"\n");
    let answer = place.gristmill("check job.toml").ends_with(2);
    assert_eq!(answer.err.lines().count(), 1, "{}", answer.err);
    answer.says("job.toml:8:10: `kernel` is a whole number; expected a kernel's name in quotes");
}

#[test]
fn a_step_with_an_unknown_kernel_and_no_array_has_two_mistakes() {
    let place = Place::with_steps("[steps.slop]\nsave = \"a.npy\"\n");
    let answer = place.gristmill("check job.toml").ends_with(2);
    assert_eq!(answer.err.lines().count(), 2, "{}", answer.err);
    answer.says("unknown kernel `slop`").says("step `slop` names no array to work on");
}

#[test]
fn all_wrong_parameters_are_named_at_once() {
    let place = Place::with_steps(
        "[steps.sky_view]\nin = \"elevation\"\nparams = { azimuths = -1, radius = 1.5, raduis = 2 }\n\
         [steps.sum]\nin = \"elevation\"\nparams = { bins = 1 }\n",
    );
    let answer = place.gristmill("check job.toml").ends_with(2);
    assert_eq!(answer.err.lines().count(), 4, "{}", answer.err);
    answer
        .says(
            "job.toml:9:23: parameter `azimuths` of `sky_view` is -1; expected a whole number from",
        )
        .says("job.toml:9:36: parameter `radius` of `sky_view` is the number 1.5; expected a whole")
        .says(
            "job.toml:9:41: kernel `sky_view`: unknown parameter `raduis`, did you mean `radius`?",
        )
        .says("job.toml:12:12: kernel `sum` takes no parameters; expected no `params`");
}

#[test]
fn labels_that_only_point_are_not_written_in_a_pipe() {
    let place = Place::with_steps(
        "[steps.slope]\nin = \"elevation\"\nexpr = \"a\"\n[steps.hillshade]\nin = \"x\"\n",
    );
    let answer = place.gristmill("check job.toml").ends_with(2);
    assert!(!answer.err.contains("; reserved"), "{}", answer.err);
    place.file("job.toml", "format = \n");
    let answer = place.gristmill("check job.toml").ends_with(2);
    assert!(!answer.err.contains("; here"), "{}", answer.err);
}

#[test]
fn unknown_keys() {
    let step = "[steps.slope]\nin = \"elevation\"\n";
    refused(
        &format!("{step}sav = \"a.npy\"\n"),
        "9:1",
        &["unknown key `sav`, did you mean `save`?", "expected `kernel`, `in`, `params`"],
    );
    refused(
        &format!("[inputs.b]\nfile = \"terrain.npy\"\nno_data = 0\n{step}"),
        "9:1",
        &["unknown key `no_data`, did you mean `nodata`?", "expected `file`, `cast`"],
    );
    refused(
        &format!("{step}[step.b]\nin = \"slope\"\n"),
        "9:2",
        &["unknown key `step`, did you mean `steps`?"],
    );
    refused(
        "[steps.hillshade]\nin = \"elevation\"\nparams = { azimut = 1 }\n",
        "9:12",
        &["unknown parameter `azimut`, did you mean `azimuth`?", "expected `azimuth`, `altitude`"],
    );
    refused(
        "[steps.axpy]\nin = { x = \"elevation\", yy = \"elevation\" }\n",
        "8:25",
        &["unknown input `yy`, did you mean `y`?", "expected `x` or `y`"],
    );
}

#[test]
fn unknown_arrays() {
    refused(
        "[steps.slope]\nin = \"elevatoin\"\n",
        "8:6",
        &["unknown array `elevatoin`, did you mean `elevation`?", "expected"],
    );
    refused("[steps.summary]\nin = [\"elevation\", \"q\"]\n", "8:20", &["unknown array `q`"]);
}

#[test]
fn values_of_the_wrong_type() {
    refused("[steps.slope]\nin = 3\n", "8:6", &["`in` is a whole number", "expected an array's"]);
    let sky = |params: &str| format!("[steps.sky_view]\nin = \"elevation\"\nparams = {params}\n");
    refused(
        &sky("{ radius = \"far\" }"),
        "9:21",
        &["parameter `radius` of `sky_view` is the text \"far\"", "expected a whole number"],
    );
    refused(&sky("{ radius = 1.5 }"), "9:21", &["the number 1.5", "expected a whole number"]);
    refused(&sky("[1, 2]"), "9:10", &["`params` is a list", "expected a table"]);
    refused(
        "[inputs.b]\nfile = \"terrain.npy\"\ncast = \"f46\"\n[steps.summary]\nin = \"b\"\n",
        "9:8",
        &["unknown element type `f46`, did you mean `f64`?", "expected"],
    );
    refused(
        "[inputs.b]\nfile = \"terrain.npy\"\ncell = [1, 1]\n[steps.slope]\nin = \"b\"\n",
        "11:6",
        &["does not take i16", "expected `f64`", "add `cast = \"f64\"` to [inputs.b]"],
    );
}

#[test]
fn arrays_of_the_wrong_shape() {
    let counts =
        "[steps.histogram]\nin = \"elevation\"\nparams = { bins = 9, range = [0, 1000] }\n";
    refused(
        &format!("{counts}[steps.variance]\nin = \"histogram\"\n"),
        "11:6",
        &["does not take u64, and `histogram` is 9 u64", "expected `f64` or `f32`"],
    );
    refused(
        "[inputs.row]\nfile = \"row.npy\"\n[steps.slope]\nin = \"elevation\"\n",
        "8:8",
        &["there is no file row.npy", "expected a .npy file"],
    );
    let place = Place::with_steps(
        "[inputs.row]\nfile = \"row.npy\"\ncast = \"f64\"\n[steps.slope]\nin = \"row\"\n\
         [steps.axpy]\nin = { x = \"elevation\", y = \"row\" }\n",
    );
    place.file("row.npy", super::place::npy("<f8", "(5,)", &[0; 40]));
    refused_in(&place, "", "11:6", &["takes an array of 2 dimensions, `row` is 5 f64", "2-D"]);
    refused_in(&place, "", "12:8", &["axpy"]);
}

#[test]
fn wrong_values() {
    let sky = |params: &str| format!("[steps.sky_view]\nin = \"elevation\"\nparams = {params}\n");
    let outside = "expected a whole number from 1 to 4294967295";
    refused(&sky("{ radius = 0 }"), "9:21", &["`radius` of `sky_view` is 0", outside]);
    refused(&sky("{ radius = -1 }"), "9:21", &["`radius` of `sky_view` is -1", outside]);
    refused(&sky("{ radius = 99999999999 }"), "9:21", &[outside]);
    // Each by itself may be right.
    let many = "{ azimuths = 5000, radius = 5000 }";
    refused(&sky(many), "9:23", &["azimuths 5000 times radius 5000 is more than"]);
    let counts =
        |params: &str| format!("[steps.histogram]\nin = \"elevation\"\nparams = {params}\n");
    refused(&counts("{ bins = 2 }"), "7:8", &["lacks its parameter `range`"]);
    refused(&counts("{ range = [1] }"), "9:20", &["a list of 1", "expected a list of 2"]);
    refused(&counts("{ range = [1, 0] }"), "9:20", &["the range [1, 0] must be finite"]);
    let too_many = "{ bins = 4611686018427387904, range = [0, 1] }";
    refused(&counts(too_many), "9:19", &["for its result (4611686018427387904 u64)"]);
    refused(
        "[steps.slope]\nin = \"elevation\"\npicture = \"viridiss\"\n",
        "9:11",
        &["unknown picture `viridiss`, did you mean `viridis`?", "`grey`, `viridis` or `magma`"],
    );
    refused(
        "[inputs.flat]\nfile = \"terrain.npy\"\ncast = \"f64\"\n[steps.slope]\nin = \"flat\"\n",
        "11:6",
        &["the array has no cell size", "`cell = [30, 30]`"],
    );
}

#[test]
fn files_that_are_missing_or_are_no_arrays() {
    let job = |file: &str| {
        format!("[inputs.b]\nfile = \"{file}\"\n[steps.summary]\nin = \"elevation\"\n")
    };
    refused(&job("nowhere.npy"), "8:8", &["there is no file nowhere.npy", "expected a .npy file"]);
    refused(&job("terain.npy"), "8:8", &["terain.npy, did you mean `terrain.npy`?"]);
    refused(&job("./terrain"), "8:8", &["did you mean `./terrain.npy`?"]);
    refused(&job(""), "8:8", &["`file` is empty", "expected a path such as"]);
    refused(&job("job.toml"), "8:8", &["this is not a .npy file"]);
    refused(&job("/"), "8:8", &["is not a regular file"]);
    refused(&job("/dev/zero"), "8:8", &["is not a regular file"]);
    let place = Place::with_steps(&job("cut.npy"));
    place.file("cut.npy", super::place::npy("<f8", "(5,)", &[0; 39]));
    refused_in(&place, "", "8:8", &["the file is cut short"]);
    place.file("cut.npy", "");
    refused_in(&place, "", "8:8", &["input `b`", ".npy"]);
    place.file("cut.npy", super::place::npy("<f16", "(5,)", &[0; 80]));
    refused_in(&place, "", "8:8", &["long doubles"]);
    place.file("cut.npy", super::place::npy("|O", "(5,)", &[0; 40]));
    refused_in(&place, "", "8:8", &["object"]);
}

#[test]
fn an_array_of_2_to_the_40_rows_is_refused_with_both_numbers_of_bytes() {
    const ROWS: u64 = 1 << 40;
    let place = Place::with_steps(
        "[inputs.b]\nfile = \"b.npy\"\n[steps.copy]\nin = \"elevation\"\n[steps.summary]\nin = \"b\"\n",
    );
    // The header alone, and with all the data that it declares, which are a hole.
    place.file("b.npy", super::place::npy("<f4", &format!("({ROWS},)"), &[0; 100]));
    let declared = (4 * ROWS).to_string();
    refused_in(&place, "", "8:8", &["the file is cut short", &declared, "only 100 follow"]);
    let file = std::fs::OpenOptions::new().write(true).open(place.path("b.npy")).unwrap();
    match file.set_len(128 + 4 * ROWS) {
        Ok(()) => {
            let answer = place.gristmill("run job.toml").ends_with(2).prints_nothing();
            answer.says("4.00 TiB").says("expected at most ");
        }
        Err(error) => {
            super::place::skipped(&format!("no file of 4 TiB can be made here: {error}"));
        }
    }
    assert!(!place.has("out"));
}

#[test]
fn circles() {
    refused(
        "[steps.a]\nkernel = \"copy\"\nin = \"b\"\n[steps.b]\nkernel = \"copy\"\nin = \"a\"\n",
        "9:6",
        &["the steps go round in a circle: `a` reads `b` reads `a`"],
    );
    refused("[steps.copy]\nin = \"copy\"\n", "8:6", &["`copy` reads its own result"]);
}

#[test]
fn outputs_that_would_overwrite_something() {
    let place = Place::with_steps("[steps.copy]\nin = \"elevation\"\nsave = \"terrain.npy\"\n");
    let before = std::fs::read(place.path("terrain.npy")).unwrap();
    refused_in(
        &place,
        "--out .",
        "9:8",
        &["would overwrite input `elevation`", "expected another name", "--out"],
    );
    assert!(std::fs::read(place.path("terrain.npy")).unwrap() == before);
    // The same file under another name, and by a link.
    std::fs::hard_link(place.path("terrain.npy"), place.path("hard.npy")).unwrap();
    let two = |a: &str, b: &str| {
        format!(
            "[steps.a]\nkernel = \"copy\"\nin = \"elevation\"\n{a}\n\
             [steps.b]\nkernel = \"copy\"\nin = \"elevation\"\n{b}\n"
        )
    };
    let (save, picture) = ("save = \"m.npy\"", "picture = \"grey\"");
    refused(&two(save, save), "14:8", &["would overwrite the result of step `a`", "`m.npy`"]);
    refused(
        &two("save = \"m.npy\"\npicture = \"grey\"", "save = \"m.png\""),
        "15:8",
        &["saved as .npy files only", "write `save = \"m.npy\"`"],
    );
    refused(&two("save = \"b.npy\"\npicture = \"grey\"", picture), "15:11", &["both are `b.png`"]);
    refused(&two("save = \"x.npy\"", "save = \"x.npy/y.npy\""), "14:8", &["cannot both be"]);
    refused(&two("save = \"report.json\"", ""), "10:8", &["written by the engine itself"]);
}

#[test]
fn two_of_one_name() {
    refused(
        "[steps.slope]\nin = \"elevation\"\n[steps.slope]\nin = \"elevation\"\n",
        "9:8",
        &["`slope` is there twice"],
    );
    refused("[steps.slope]\nin = \"elevation\"\nin = \"b\"\n", "9:1", &["`in` is there twice"]);
    refused(
        "[steps.elevation]\nkernel = \"slope\"\nin = \"elevation\"\n",
        "7:8",
        &["`elevation` is both an input and a step", "expected a name of its own"],
    );
}

#[test]
fn reserved_words() {
    for (word, value) in [
        ("expr", "\"a + b\""),
        ("until", "\"x < 1\""),
        ("max_sweeps", "100"),
        ("stream", "true"),
        ("command", "[\"ls\"]"),
    ] {
        refused(
            &format!("[steps.slope]\nin = \"elevation\"\n{word} = {value}\n"),
            "9:1",
            &[&format!("`{word}` is reserved for a later version of the format")],
        );
    }
    refused(
        "[steps.slope]\nin = \"elevation\"\n[sweep]\nazimuth = [1, 2]\n",
        "9:2",
        &["`sweep` is reserved for a later version of the format"],
    );
}

#[test]
fn paths_that_lead_out_of_the_folder() {
    let job = |save: &str| format!("[steps.slope]\nin = \"elevation\"\nsave = \"{save}\"\n");
    refused(&job("../x.npy"), "9:8", &["contains `..`", "results stay in the output folder"]);
    refused(&job("a/../../x.npy"), "9:8", &["contains `..`"]);
    refused(&job("/tmp/x.npy"), "9:8", &["is absolute", "results stay in the output folder"]);
    refused(&job(".gristmill.lock"), "9:8", &["the engine's own"]);
    refused(&job(""), "9:8", &["is empty"]);
}

#[test]
fn all_mistakes_at_once_in_the_order_of_the_file() {
    let place = Place::with_steps(
        "[steps.slop]\nin = \"elevatio\"\nsav = 1\n[steps.summary]\nin = \"nothing\"\n",
    );
    let answer = place.gristmill("run job.toml").ends_with(2);
    let places: Vec<&str> =
        answer.err.lines().filter_map(|line| line.strip_prefix("job.toml:")).collect();
    let begins = ["7:8: ", "8:6: ", "9:1: ", "11:6: "];
    assert_eq!(places.len(), begins.len(), "{}", answer.err);
    assert!(places.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{places:?}");
}

#[test]
fn less_memory_than_a_worker_needs_itself_is_refused() {
    let place = Place::with_steps("[steps.slope]\nin = \"elevation\"\n");
    let text = std::fs::read_to_string(place.path("job.toml")).unwrap();
    place.file("job.toml", format!("worker_memory = \"1 MiB\"\n{text}"));
    let said = "\"1 MiB\" is too little: a worker needs 16.0 MiB at least";
    refused_in(&place, "", "1:17", &["`worker_memory`: ", said]);
    place.file("job.toml", text);
    let words = "run job.toml --worker-memory 1MiB";
    place.gristmill(words).ends_with(2).prints_nothing().says("a worker needs 16.0 MiB at least");
    assert_eq!(place.names("."), ["job.toml", "terrain.npy"]);
}

#[test]
fn check_accepts_what_run_accepts() {
    let place = Place::with_steps(SHORT);
    place
        .gristmill("check job.toml")
        .ends_with(0)
        .prints("1 input, 5 steps, 7 output files: nothing to refuse")
        .says_nothing();
    assert_eq!(place.names("."), ["job.toml", "terrain.npy"]);
    place.gristmill(&format!("check {}", super::place::main_job().display())).ends_with(0);
}
