//! Inputs as other programs write them: the same results whatever order and encoding a file has,
//! and refusals with the byte and the remedy.

use super::place::{Place, npy};

/// A file with this header and these elements, of which `bytes` makes the encoding.
fn file<const N: usize>(
    descr: &str,
    fortran: bool,
    shape: &str,
    elements: &[i16],
    bytes: impl Fn(i16) -> [u8; N],
) -> Vec<u8> {
    let data: Vec<u8> = elements.iter().flat_map(|&element| bytes(element)).collect();
    let file = npy(descr, shape, &data);
    if !fortran {
        return file;
    }
    let (header, data) = file.split_at(128);
    // Of the same length.
    let header = String::from_utf8_lossy(&header[10..]).replace("False,", "True, ");
    [&file[..10], header.as_bytes(), data].concat()
}

const ROWS: [i16; 12] = [1, 20, 3, 40, -32768, 6, 7, 80, 9, 1000, -11, 12];
/// The same, column by column.
const COLUMNS: [i16; 12] = [1, -32768, 9, 20, 6, 1000, 3, 7, -11, 40, 80, 12];

fn job(rest: &str) -> String {
    format!(
        "format = 1\nname = \"t\"\n[inputs.a]\nfile = \"a.npy\"\n{rest}\
         [steps.copy]\nin = \"a\"\nsave = \"copy.npy\"\n[steps.summary]\nin = [\"a\"]\n"
    )
}

#[test]
fn order_and_encoding_of_a_file_do_not_show_in_results() {
    let place = Place::new();
    let float = |value: i16| f64::from(value);
    for (name, bytes) in [
        ("rows", file("<i2", false, "(3, 4)", &ROWS, i16::to_le_bytes)),
        ("columns", file("<i2", true, "(3, 4)", &COLUMNS, i16::to_le_bytes)),
        ("big-rows", file(">i2", false, "(3, 4)", &ROWS, i16::to_be_bytes)),
        ("big-columns", file(">i2", true, "(3, 4)", &COLUMNS, i16::to_be_bytes)),
        ("doubles", file("<f8", false, "(3, 4)", &ROWS, |value| float(value).to_le_bytes())),
        ("big-doubles", file(">f8", true, "(3, 4)", &COLUMNS, |value| float(value).to_be_bytes())),
    ] {
        place.file("a.npy", bytes);
        place.file("job.toml", job("cast = \"f64\"\nnodata = -32768\n"));
        place.gristmill(&format!("run job.toml --out {name}")).ends_with(0);
        assert_eq!(place.hashes(name), place.hashes("rows"), "{name}");
        assert_eq!(place.report(name)["scalars"], place.report("rows")["scalars"], "{name}");
    }
    let saved = std::fs::read(place.path("rows/copy.npy")).unwrap();
    let value = |at: usize| f64::from_le_bytes(saved[128 + 8 * at..][..8].try_into().unwrap());
    assert!(
        value(4).is_nan() && (0..12).filter(|&at| at != 4).all(|at| value(at) == float(ROWS[at]))
    );
}

#[test]
fn payloads_of_nan_survive_a_search_for_missing_values() {
    let place = Place::new();
    let signalling = [0x7fa0_0001u32, 0xff81_2345, (-9999f32).to_bits()];
    let data: Vec<u8> = signalling.iter().flat_map(|bits| bits.to_be_bytes()).collect();
    place.file("a.npy", npy(">f4", "(3,)", &data));
    place.file("job.toml", job("nodata = -9999\n").split("[steps.summary]").next().unwrap());
    place.gristmill("run job.toml --out out").ends_with(0);
    let saved = std::fs::read(place.path("out/copy.npy")).unwrap();
    let [first, second] = [0, 1].map(|at| signalling[at].to_le_bytes());
    assert_eq!(saved[128..136], [first, second].concat());
    assert!(f32::from_le_bytes(saved[136..].try_into().unwrap()).is_nan());
}

#[test]
fn booleans_half_floats_and_single_numbers_are_arrays() {
    let place = Place::new();
    place.file("job.toml", job("cast = \"f64\"\n"));
    for (file, mean) in [
        (npy("|b1", "(4,)", &[0, 1, 1, 7]), 0.75),
        (npy("<f2", "(2,)", &[0x00, 0x3C, 0x00, 0x40]), 1.5),
        (npy(">f4", "()", &2.5f32.to_be_bytes()), 2.5),
    ] {
        place.file("a.npy", file);
        place.gristmill("check job.toml").ends_with(0);
        place.gristmill("run job.toml --out out --fresh").ends_with(0);
        let report = place.report("out");
        assert_eq!(report["scalars"]["summary"]["a"]["mean"], mean, "{report:#}");
    }
}

#[test]
fn init_says_how_a_file_differs_and_makes_a_job_that_runs() {
    let place = Place::new();
    for (file, said) in [
        (
            file(">i2", true, "(3, 4)", &COLUMNS, i16::to_be_bytes),
            "# 3 x 4 i16 (in the file: big-endian, Fortran order)",
        ),
        (npy("|b1", "(2, 2)", &[0, 1, 1, 0]), "# 2 x 2 u8 (in the file: booleans)"),
        (npy("<f2", "(2, 2)", &[0; 8]), "# 2 x 2 f32 (in the file: half floats)"),
        (npy("<f8", "()", &[0; 8]), "# 1 f64"),
    ] {
        place.file("a.npy", file);
        let answer = place.gristmill("init a.npy").ends_with(0).prints(said);
        place.file("job.toml", &answer.out);
        place.gristmill("run job.toml --out out --fresh").ends_with(0);
    }
    place.file("a.npy", npy("|O", "(2,)", &[0; 16]));
    place.gristmill("init a.npy").ends_with(2).says("pickles are not executed").says("astype");
    place.file("a.npy", "");
    place.gristmill("init a.npy").ends_with(2).says("the file is empty (at byte 0)");
}

#[test]
fn files_that_lie_are_refused_before_anything_starts() {
    let place = Place::new();
    place.file("job.toml", job(""));
    for (file, said) in [
        (vec![], "the file is empty (at byte 0)"),
        (
            npy("<f8", "(1099511627776,)", &[0; 8]),
            "declares 8796093022208 bytes of data from byte 128 on, but only 8 follow (at byte 136)",
        ),
        (npy("<f8", "(5,)", &[0; 39]), "but only 39 follow (at byte 167)"),
        (npy("<m8[ns]", "(1,)", &[0; 8]), "dates or durations"),
    ] {
        place.file("a.npy", file);
        for words in ["run job.toml", "check job.toml"] {
            let answer = place.gristmill(words).ends_with(2);
            answer.says("job.toml:4:8: input `a`: ").says(said);
        }
    }
    assert_eq!(place.names("."), ["a.npy", "job.toml", "terrain.npy"]);
}
