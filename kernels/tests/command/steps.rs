//! What steps make of arrays: all that job files can ask for, and what has no answer.

use std::process::{Command, Stdio};

use ndarray::{Array1, Array2};
use ndarray_npy::read_npy;
use num_complex::Complex64;

use super::place::{Place, npy};

/// A place with `x.npy` and a job that names it `x`; the options are those of `[inputs.x]`, and
/// steps begin at line 6.
fn with_array(file: Vec<u8>, options: &str, steps: &str) -> Place {
    let place = Place::new();
    place.file("x.npy", file);
    let job = format!("format = 1\nname = \"t\"\n[inputs.x]\nfile = \"x.npy\"\n{options}\n{steps}");
    place.file("job.toml", job);
    place
}

fn bytes<T: bytemuck::Pod>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

#[test]
fn a_total_that_does_not_fit_fails_the_step() {
    let file = npy("<i8", "(2,)", &bytes(&[i64::MAX, 1]));
    let place = with_array(file, "", "[steps.copy]\nin = \"x\"\n[steps.sum]\nin = \"copy\"\n");
    place
        .gristmill("run job.toml --out o")
        .ends_with(1)
        .says("gristmill: step `sum`: the total 9223372036854775808 does not fit i64");
    assert_eq!(place.report("o")["status"], "failed");
}

#[test]
fn an_array_without_elements_has_no_extreme() {
    for (kernel, which) in [("argmin", "least"), ("argmax", "greatest")] {
        let step = format!("[steps.{kernel}]\nin = \"x\"\n");
        with_array(npy("<f8", "(0, 4)", &[]), "", &step)
            .gristmill("run job.toml")
            .ends_with(1)
            .says(&format!("step `{kernel}`: the array has no elements, so none is the {which}"));
    }
}

#[test]
fn missing_values_are_those_of_the_files_type() {
    let summary = "[steps.summary]\nin = \"x\"\n";
    let missing = |file: Vec<u8>, options: &str| {
        let place = with_array(file, options, summary);
        place.gristmill("run job.toml --out o --quiet").ends_with(0).says_nothing();
        place.report("o")["scalars"]["summary"]["x"]["nan"].as_u64().unwrap()
    };
    let singles = npy("<f4", "(3,)", &bytes(&[0.1f32, 0.2, 0.1]));
    assert_eq!(missing(singles.clone(), "nodata = 0.1"), 2);
    assert_eq!(missing(singles, "cast = \"f64\"\nnodata = 0.1"), 2);
    let exact = -(1i64 << 53);
    let large = npy("<i8", "(3,)", &bytes(&[exact, exact - 1, i64::MIN]));
    let cast = "cast = \"f64\"\nnodata = ";
    assert_eq!(missing(large.clone(), &format!("{cast}{exact}")), 1);
    assert_eq!(missing(large, &format!("{cast}{}", i64::MIN)), 1);
    with_array(npy("<f4", "(1,)", &bytes(&[0f32])), "nodata = 1e300", summary)
        .gristmill("check job.toml")
        .ends_with(2)
        .says("job.toml:5:10: `nodata` is 1e300, which no element of this file can be");
}

#[test]
fn prefix_sums_keep_the_shape_and_may_leave_each_element_out() {
    let file = npy("<i4", "(2, 3)", &bytes(&[3, 1, 4, 1, 5, 9]));
    let place = with_array(
        file,
        "",
        "[steps.scan]\nin = \"x\"\nsave = \"with.npy\"\n\
         [steps.without]\nkernel = \"scan\"\nin = \"x\"\nparams = { exclusive = true }\n\
         save = \"without.npy\"\n",
    );
    place.gristmill("run job.toml --out o").ends_with(0);
    let sums = |name: &str| -> Array2<i32> { read_npy(place.path("o").join(name)).unwrap() };
    assert_eq!(sums("with.npy"), ndarray::arr2(&[[3, 4, 8], [9, 14, 23]]));
    assert_eq!(sums("without.npy"), ndarray::arr2(&[[0, 3, 4], [8, 9, 14]]));
    assert_eq!(place.report("o")["steps"][0]["chunks"], 1);
}

#[test]
fn a_grid_is_sorted_in_c_order() {
    let file = npy("<f8", "(2, 3)", &bytes(&[3.0, f64::NAN, -4.0, f64::INFINITY, 0.0, -0.0]));
    let place = with_array(file, "", "[steps.sort]\nin = \"x\"\nsave = \"sorted.npy\"\n");
    place.gristmill("run job.toml --out o").ends_with(0);
    let made: Array2<f64> = read_npy(place.path("o/sorted.npy")).unwrap();
    let bits = |grid: &Array2<f64>| grid.mapv(f64::to_bits);
    let expected = ndarray::arr2(&[[-4.0, -0.0, 0.0], [3.0, f64::INFINITY, f64::NAN]]);
    assert_eq!(bits(&made), bits(&expected));
}

#[test]
fn heat_spreads_until_it_has_settled() {
    let mut grid = Array2::<f64>::zeros((20, 20));
    grid.row_mut(0).fill(100.0);
    let file = npy("<f8", "(20, 20)", &bytes(grid.as_slice().unwrap()));
    let steps = "[steps.heat2d]\nin = \"x\"\nparams = { sweeps = 10000, tolerance = 1e-3 }\n\
                 save = \"heat.npy\"\n";
    let place = with_array(file.clone(), "", steps);
    for workers in [1, 3] {
        let words = format!("run job.toml --out o{workers} --workers {workers}");
        place.gristmill(&words).ends_with(0).prints("sweeps");
    }
    assert_eq!(place.hashes("o1"), place.hashes("o3"));
    let numbers = &place.report("o1")["scalars"]["heat2d"]["x"];
    let sweeps = numbers["sweeps"].as_u64().unwrap();
    assert!((100..1000).contains(&sweeps) && numbers["change"].as_f64() < Some(1e-3), "{numbers}");
    assert!(place.report("o1")["steps"][0]["chunks"].as_u64() > Some(0));
    // The same, sweep by sweep.
    for _ in 0..sweeps {
        let old = grid.clone();
        for ((row, column), new) in grid.indexed_iter_mut() {
            if (1..19).contains(&row) && (1..19).contains(&column) {
                let sides = old[[row, column - 1]] + old[[row, column + 1]];
                let around = (old[[row - 1, column]] + old[[row + 1, column]]) + sides;
                *new = old[[row, column]] + 0.25 * (around - 4.0 * old[[row, column]]);
            }
        }
    }
    let made: Array2<f64> = read_npy(place.path("o1/heat.npy")).unwrap();
    assert_eq!(made, grid);
    with_array(file, "", "[steps.heat2d]\nin = \"x\"\nparams = { r = 0.3, sweeps = -1 }\n")
        .gristmill("check job.toml")
        .ends_with(2)
        .says("job.toml:8:16: parameter `r` of `heat2d` is 0.3; expected a number from 0 to 0.25")
        .says("job.toml:8:30: parameter `sweeps` of `heat2d` is -1");
}

#[test]
fn complex_arrays_are_copied_added_and_summed() {
    let values = [Complex64::new(1.0, 2.0), Complex64::new(-0.5, 4.0)];
    let flat: Vec<f64> = values.iter().flat_map(|value| [value.re, value.im]).collect();
    let place = with_array(
        npy("<c16", "(2,)", &bytes(&flat)),
        "",
        "[steps.copy]\nin = \"x\"\n[steps.axpy]\nin = { x = \"x\", y = \"copy\" }\nparams = { a = 2 }\n\
         save = \"axpy.npy\"\n[steps.sum]\nin = \"axpy\"\n",
    );
    place.gristmill("run job.toml --out o").ends_with(0);
    let made: Array1<Complex64> = read_npy(place.path("o/axpy.npy")).unwrap();
    assert_eq!(made, Array1::from(values.map(|value| value * 3.0).to_vec()));
    let sum = &place.report("o")["scalars"]["sum"]["axpy"];
    assert_eq!(*sum, serde_json::json!({ "real": 1.5, "imaginary": 18.0 }));
}

#[test]
fn a_job_that_can_never_fit_is_refused_before_it_starts() {
    let place = Place::with_steps(
        "[steps.histogram]\nin = \"elevation\"\nparams = { bins = 100000000000, range = [0, 1] }\n",
    );
    for words in ["check job.toml", "run job.toml"] {
        place
            .gristmill(words)
            .ends_with(2)
            .says("job.toml:9:19: step `histogram` needs 2.18 TiB of memory")
            .says("for its result (100000000000 u64)")
            .says("expected at most ");
    }
    assert_eq!(place.names("."), ["job.toml", "terrain.npy"]);
}

#[test]
fn a_job_that_a_limit_of_address_space_leaves_no_room_is_refused_before_it_starts() {
    let place = Place::with_steps(
        "[steps.histogram]\nin = \"elevation\"\nparams = { bins = 50000000, range = [0, 1] }\n",
    );
    place
        .gristmill_after("ulimit -v 2000000", "run job.toml")
        .ends_with(2)
        .says("step `histogram` needs 1.12 GiB of memory")
        .says(
            "expected at most 972.00 MiB: RLIMIT_AS (`ulimit -v`) allows 1.91 GiB of address space",
        );
    assert_eq!(place.names("."), ["job.toml", "terrain.npy"]);
}

#[test]
fn what_a_job_needs_is_said_part_by_part() {
    let place = Place::with_steps(
        "[inputs.x]\nfile = \"x.npy\"\n[steps.sum]\nin = \"x\"\n\
         [steps.copy]\nin = \"elevation\"\n[steps.summary]\nin = [\"x\", \"copy\"]\n",
    );
    place.sparse_array("x.npy", 128 << 30);
    // The inputs of a step that gives numbers alone are all that it needs.
    let steps = std::fs::read_to_string(place.path("job.toml")).unwrap();
    place.file("sum.toml", steps.split("[steps.copy]").next().unwrap());
    let sum = "sum.toml:9:8: step `sum` needs 128 GiB of memory: 128 GiB for its inputs, \
               4.00 MiB for the engine; there is less";
    place.gristmill_after("ulimit -v 2000000", "check sum.toml").ends_with(2).says(sum);
    let copy = "step `copy` needs 128 GiB of memory: 1.06 MiB for its inputs, 1.06 MiB for its \
                result (344 x 403 f64), 128 GiB for other arrays that are held then, ";
    place.gristmill_after("ulimit -v 2000000", "check job.toml").ends_with(2).says(copy);
}

/// Ten arrays of 16 MiB, of which two at a time are needed, in a region of some 140 MiB; with their
/// files, too.
#[test]
fn arrays_are_given_back_after_their_last_reader_and_their_file() {
    let step = |number: u32, save: &str| {
        let before = if number == 0 { "x".to_string() } else { format!("s{}", number - 1) };
        format!("[steps.s{number}]\nkernel = \"copy\"\nin = \"{before}\"\n{save}")
    };
    for saves in [false, true] {
        let save = |number: u32| match saves && number < 9 {
            true => format!("save = \"{number}.npy\"\n"),
            false => String::new(),
        };
        let steps: Vec<String> = (0..10).map(|number| step(number, &save(number))).collect();
        let place = with_array(npy("<f8", "(2097152,)", &vec![0; 16 << 20]), "", &steps.concat());
        let run = "run job.toml --out o --workers 1 --quiet";
        // Of address space the allocator would otherwise take 64 MiB a thread.
        let setup = "export MALLOC_ARENA_MAX=1; ulimit -v 290000";
        place.gristmill_after(setup, run).ends_with(0).says_nothing();
    }
}

/// The region counts as a file as well, so this ends the job early; what matters is that it is not
/// the signal that ends it.
#[test]
fn a_file_beyond_the_limit_of_its_size_is_an_error() {
    let place = Place::with_steps("[steps.slope]\nin = \"elevation\"\nsave = \"slope.npy\"\n");
    let answer = place.gristmill_after("ulimit -f 200", "run job.toml --out o");
    answer.ends_with(1).says("File too large");
}

#[test]
fn pictures_that_were_made_smaller_say_so() {
    let steps = "[steps.copy]\nin = \"x\"\npicture = \"grey\"\n";
    let file = npy("<i2", "(2, 5000)", &vec![1; 20_000]);
    with_array(file, "", steps)
        .gristmill("run job.toml")
        .ends_with(0)
        .prints("copy.png: the map is too large for a picture; a pixel is the mean of 2 x 2 cells");
}

#[test]
fn a_clone_is_told_to_go_on_with_cargo() {
    let place = Place::with_steps("[steps.summary]\nin = \"elevation\"\n");
    let answer = place.gristmill("run job.toml").ends_with(0).prints("\nreport.json in out/t\n");
    let hint = "With a file of your own: gristmill init FILE.npy > job.toml";
    answer.prints(hint);
    let mut command: Command = place.command(&["run", "job.toml"]);
    let output = command.env("CARGO", "cargo").stderr(Stdio::inherit()).output().unwrap();
    super::place::Answer::from(output)
        .ends_with(0)
        .prints("With a file of your own: cargo run --release -- init FILE.npy > job.toml");
}

#[test]
fn limits_of_workers_that_are_more_than_there_is_are_told() {
    let place = Place::with_steps("[steps.slope]\nin = \"elevation\"\n");
    place
        .gristmill("run job.toml --out o --workers 2 --worker-memory 900TiB --quiet")
        .ends_with(0)
        .says("2 workers may have 900 TiB each, 1800 TiB in all; available are ");
    assert_eq!(place.report("o")["worker_memory_bytes"], 900u64 << 40);
    // Before anything starts: also where nothing does.
    let text = std::fs::read_to_string(place.path("job.toml")).unwrap();
    place.file("job.toml", format!("worker_memory = \"900 TiB\"\n{text}"));
    place.gristmill("check job.toml").ends_with(0).says("may have 900 TiB each");
    let garbage = "export GRISTMILL_WORKER=x";
    let answer = place.gristmill_after(garbage, "run job.toml --out p --workers 2").ends_with(1);
    answer.says("2 workers may have 900 TiB each").says("GRISTMILL_WORKER is set");
}
