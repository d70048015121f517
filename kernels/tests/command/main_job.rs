//! The main job: its files, its report, and that nothing depends on the number of workers.

use std::collections::BTreeSet;

use ndarray::{Array1, Array2};
use ndarray_npy::read_npy;
use serde_json::Value;
use sha2::Digest;

use super::place::{Place, SHORT, main_job};

const FILES: [&str; 9] = [
    ".gristmill.lock",
    "hillshade.npy",
    "hillshade.png",
    "histogram.npy",
    "report.json",
    "sky_view.npy",
    "sky_view.png",
    "slope.npy",
    "slope.png",
];

#[track_caller]
fn has_keys(object: &Value, keys: &[&str]) {
    let found: BTreeSet<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, keys.iter().copied().collect(), "{object}");
}

fn numbers(report: &Value, array: &str) -> Vec<f64> {
    let numbers = &report["scalars"]["summary"][array];
    has_keys(numbers, &["count", "nan", "min", "max", "mean", "sd"]);
    ["count", "nan", "min", "max", "mean", "sd"].map(|key| numbers[key].as_f64().unwrap()).into()
}

#[test]
fn the_main_job_makes_its_maps_and_its_report() {
    let place = Place::new();
    let job = main_job();
    place
        .gristmill(&format!("run {} --workers 2", job.display()))
        .ends_with(0)
        .prints("7 files and report.json in out/terrain")
        .prints("gristmill init FILE.npy")
        .says_nothing();
    assert_eq!(place.names("out/terrain"), FILES);

    let map =
        |name: &str| -> Array2<f64> { read_npy(place.path("out/terrain").join(name)).unwrap() };
    let (slope, hillshade, sky) = (map("slope.npy"), map("hillshade.npy"), map("sky_view.npy"));
    for map in [&slope, &hillshade, &sky] {
        assert_eq!(map.dim(), (344, 403));
        assert!(map.is_standard_layout() && map.iter().all(|value| value.is_finite()));
    }
    let counts: Array1<u64> = read_npy(place.path("out/terrain/histogram.npy")).unwrap();
    assert_eq!((counts.len(), counts.sum()), (256, 344 * 403));

    for name in FILES.iter().filter(|name| name.ends_with(".png")) {
        let bytes = std::fs::read(place.path("out/terrain").join(name)).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(bytes[16..24], [0, 0, 1, 147, 0, 0, 1, 88], "403 x 344");
    }

    let report = place.report("out/terrain");
    for (array, map, range) in [
        ("slope", &slope, 0.0..90.0),
        ("hillshade", &hillshade, 1.0..255.0),
        ("sky_view", &sky, 0.0..1.0),
    ] {
        let [count, nan, min, max, mean, sd] = numbers(&report, array)[..] else { panic!() };
        assert_eq!((count, nan), (344.0 * 403.0, 0.0));
        assert_eq!(min, map.iter().copied().fold(f64::INFINITY, f64::min));
        assert_eq!(max, map.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        assert!((mean - map.mean().unwrap()).abs() < 1e-9 * mean, "{array}: {mean}");
        assert!((sd - map.std(0.0)).abs() < 1e-9 * sd || (sd - map.std(1.0)).abs() < 1e-9 * sd);
        assert!(range.start <= min && min < mean && mean < max && max <= range.end, "{array}");
    }
}

#[test]
fn the_report_has_its_keys_and_no_others_and_its_hashes_are_those_of_the_files() {
    let place = Place::with_steps(SHORT);
    place.gristmill("run job.toml --out o --quiet").ends_with(0).prints_nothing().says_nothing();
    let report = place.report("o");
    has_keys(
        &report,
        &[
            "schema",
            "job",
            "job_file",
            "status",
            "machine",
            "workers",
            "inputs",
            "steps",
            "retries",
            "deaths",
            "scalars",
            "outputs",
            "poisoned",
            "poisoned_files",
        ],
    );
    assert_eq!((&report["schema"], &report["job"]), (&2.into(), &"t".into()));
    assert_eq!((&report["status"], &report["poisoned"]), (&"done".into(), &Value::Array(vec![])));
    let steps = report["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["slope", "hillshade", "sky_view", "histogram", "summary"]);
    for step in steps {
        has_keys(
            step,
            &["name", "kernel", "chunks", "seconds", "bytes_per_s", "retries", "deaths"],
        );
        assert!(step["chunks"].as_u64().unwrap() > 0 && step["seconds"].as_f64().unwrap() > 0.0);
        assert_eq!((&step["retries"], &step["deaths"]), (&0.into(), &0.into()));
    }
    for output in report["outputs"].as_array().unwrap() {
        has_keys(output, &["path", "sha256"]);
    }
    let hashes = place.hashes("o");
    let mut paths: Vec<&str> = hashes.iter().map(|(path, _)| path.as_str()).collect();
    paths.extend(["report.json", ".gristmill.lock"]);
    paths.sort_unstable();
    assert_eq!(place.names("o"), paths);
    for (path, hash) in &hashes {
        let bytes = std::fs::read(place.path("o").join(path)).unwrap();
        let own: String =
            sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(*hash, own, "{path}");
    }
}

#[test]
fn files_and_numbers_are_the_same_bits_for_any_number_of_workers() {
    let place = Place::with_steps(SHORT);
    for workers in [1, 2, 3, 5, 8] {
        place
            .gristmill(&format!("run job.toml --out o{workers} --workers {workers} --quiet"))
            .ends_with(0)
            .prints_nothing();
        let report = place.report(&format!("o{workers}"));
        assert_eq!(report["workers"], workers);
        assert_eq!(report["scalars"], place.report("o1")["scalars"]);
        assert_eq!(place.hashes(&format!("o{workers}")), place.hashes("o1"));
        for (path, _) in place.hashes("o1") {
            let bytes = |out: &str| std::fs::read(place.path(out).join(&path)).unwrap();
            assert!(bytes("o1") == bytes(&format!("o{workers}")), "{path}, {workers} workers");
        }
    }
}

#[test]
fn a_second_run_replaces_the_first() {
    let place = Place::with_steps("[steps.slope]\nin = \"elevation\"\nsave = \"slope.npy\"\n");
    place.file("notes.txt", "mine");
    for _ in 0..2 {
        place.gristmill("run job.toml --out .").ends_with(0);
    }
    assert_eq!(
        place.names("."),
        [".gristmill.lock", "job.toml", "notes.txt", "report.json", "slope.npy", "terrain.npy"]
    );
    assert_eq!(std::fs::read_to_string(place.path("notes.txt")).unwrap(), "mine");
}

#[test]
fn maps_of_whole_numbers_and_of_f32_have_pictures_too() {
    let steps = "[inputs.whole]\nfile = \"terrain.npy\"\n\
                 [inputs.single]\nfile = \"terrain.npy\"\ncast = \"f32\"\n\
                 [steps.a]\nkernel = \"copy\"\nin = \"whole\"\npicture = \"grey\"\n\
                 [steps.b]\nkernel = \"copy\"\nin = \"single\"\npicture = \"grey\"\n\
                 [steps.c]\nkernel = \"copy\"\nin = \"elevation\"\npicture = \"grey\"\n";
    let place = Place::with_steps(steps);
    place.gristmill("run job.toml --out o").ends_with(0);
    let hashes = place.hashes("o");
    assert_eq!(hashes.len(), 3);
    assert!(hashes.iter().all(|(_, hash)| *hash == hashes[0].1), "{hashes:?}");
}
