//! Files that numpy wrote, files of other programs, and files that lie: read right, or refused with
//! the byte, the reason and the remedy, before memory is asked for.

mod support;

use gristmill::{Element, Engine, Error};
use ndarray::{ArrayD, Ix0, Ix1, Ix2, IxDyn};
use num_complex::{Complex32, Complex64};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use support::processes::{skipped, wait_until};

const WORKERS: usize = 2;

/// A file that numpy 2.4 wrote, of the corpus that the fuzzer starts from.
fn by_numpy(name: &str) -> PathBuf {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/npy");
    corpus.join(format!("numpy_{name}"))
}

fn engine() -> Engine {
    Engine::builder().workers(WORKERS).build().unwrap()
}

/// A file of version 1.0.
fn npy(descr: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let shape: String = shape.iter().map(|length| format!("{length},")).collect();
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape})}}");
    header += &" ".repeat(117 - header.len());
    [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), b"\n", data].concat()
}

/// The array that most of numpy's files hold: 10 times the row plus the column.
fn grid<T>(of: impl Fn(i32) -> T) -> ArrayD<T> {
    ArrayD::from_shape_fn(IxDyn(&[3, 4]), |index| of((10 * index[0] + index[1]) as i32))
}

#[track_caller]
fn holds<T: Element + PartialEq + std::fmt::Debug>(
    engine: &Engine,
    name: &str,
    expected: ArrayD<T>,
) {
    let read = engine.open_npy::<T, IxDyn>(by_numpy(name)).unwrap();
    assert_eq!(read.view(), expected, "{name}");
}

#[test]
fn what_numpy_writes_is_read_right() {
    let engine = engine();
    for name in ["c_f8", "fortran_f8", "big_endian_f8"] {
        holds(&engine, name, grid(f64::from));
    }
    holds(&engine, "fortran_big_endian_i2", grid(|value| value as i16));
    for version in ["version_1", "version_2", "version_3"] {
        holds(&engine, version, grid(|value| value));
    }
    let transposed = ArrayD::from_shape_fn(IxDyn(&[4, 3, 2]), |index| {
        (index[2] * 12 + index[1] * 4 + index[0]) as u8
    });
    holds(&engine, "transposed_u1", transposed);
    holds(&engine, "empty", ArrayD::<f32>::zeros(IxDyn(&[0, 3])));
    holds(&engine, "bool", grid(|value| u8::from(value % 3 == 0)));
    for name in ["f2", "big_endian_f2"] {
        holds(&engine, name, grid(|value| value as f32 / 8.0));
    }
    holds(&engine, "big_endian_c8", grid(|v| Complex32::new(v as f32, (23 - v) as f32)));
    holds(&engine, "c16", grid(|v| Complex64::new(v.into(), (23 - v).into())));
    holds(&engine, "two_in_a_file", ArrayD::from_shape_fn(IxDyn(&[3]), |index| index[0] as u8));
}

#[test]
fn a_number_by_itself_is_an_array_without_axes() {
    let engine = engine();
    let number = engine.open_npy::<f64, Ix0>(by_numpy("0d")).unwrap();
    assert_eq!(number.view().into_scalar(), &2.5);
    assert_eq!(engine.sum(&number).unwrap(), 2.5);
    let mut double = engine.zeros::<f64, _>(()).unwrap();
    engine.map(&number, &mut double, |x: f64| 2.0 * x).unwrap();
    assert_eq!(double.as_slice(), [5.0]);
    let error = engine.open_npy::<f64, Ix1>(by_numpy("0d")).unwrap_err().to_string();
    assert!(error.contains("has 0 axes, not 1; ask for ndarray::Ix0 or IxDyn"), "{error}");
}

#[test]
fn what_no_array_can_hold_is_refused_with_a_remedy() {
    let engine = engine();
    for (name, what, remedy) in [
        ("objects", "stored as a pickle, and pickles are not executed", "astype(\"float64\")"),
        ("structured", "is structured", "array[\"FIELD\"]"),
        ("structured_version_3", "is structured", "array[\"FIELD\"]"),
        ("structured_objects", "is structured", "array[\"FIELD\"]"),
        ("text", "texts", "astype(\"float64\")"),
        ("bytes", "texts", "astype(\"float64\")"),
        ("dates", "dates or durations", "astype(\"int64\")"),
        ("long_double", "long doubles", "astype(\"float64\")"),
        ("void", "raw bytes", "view(\"uint8\")"),
    ] {
        let error = engine.open_npy::<f64, Ix1>(by_numpy(name)).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains(remedy), "{error}");
        assert!(error.contains(" (at byte "), "{error}");
    }
    for (name, held) in [
        ("bool", "it holds booleans, which are read as u8, not f64; ask for u8"),
        ("f2", "it holds half floats, which are read as f32, not f64; ask for f32"),
        ("version_1", "it holds i32, not f64; ask for i32, or convert"),
    ] {
        let error = engine.open_npy::<f64, Ix2>(by_numpy(name)).unwrap_err().to_string();
        assert!(error.contains(held), "{error}");
    }
}

#[test]
fn payloads_of_nan_stay_as_they_are() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.npy");
    let singles = [0x7fa0_0001u32, 0xff81_2345, 0x7fc0_0000, 0x7f80_0000, 0x8000_0000];
    for name in ["nan_f4", "nan_big_endian_f4"] {
        let read = engine.open_npy::<f32, Ix1>(by_numpy(name)).unwrap();
        assert!(read.as_slice().iter().map(|value| value.to_bits()).eq(singles), "{name}");
        read.save_npy(&saved).unwrap();
        let bytes = std::fs::read(&saved).unwrap();
        assert!(bytes.ends_with(&singles.map(u32::to_ne_bytes).concat()), "{name}");
    }
    let doubles = [0x7ff4_0000_0000_0001u64, 0xfff0_0000_0001_2345, 0x7ff8_0000_0000_0000];
    for name in ["nan_f8", "nan_big_endian_f8"] {
        let read = engine.open_npy::<f64, Ix1>(by_numpy(name)).unwrap();
        assert!(read.as_slice().iter().map(|value| value.to_bits()).eq(doubles), "{name}");
        read.save_npy(&saved).unwrap();
        let bytes = std::fs::read(&saved).unwrap();
        assert!(bytes.ends_with(&doubles.map(u64::to_ne_bytes).concat()), "{name}");
    }
}

/// More than a block of the reader, and chunks of several workers.
const MANY: usize = 1_500_000;

#[test]
fn large_files_of_other_encodings_are_decoded_by_the_workers() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.npy");
    let half = |i: usize| (i * 7 % 0x7C00) as u16;
    let launches = || engine.stats().launches;

    let data: Vec<u8> = (0..MANY).flat_map(|i| half(i).to_be_bytes()).collect();
    std::fs::write(&path, npy(">f2", false, &[MANY], &data)).unwrap();
    let before = launches();
    let halves = engine.open_npy::<f32, Ix1>(&path).unwrap();
    assert!(launches() > before);
    let value = |half: u16| match (i32::from(half >> 10), f32::from(half & 0x3FF)) {
        (0, fraction) => fraction * 2f32.powi(-24),
        (exponent, fraction) => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    assert!(halves.as_slice().iter().enumerate().all(|(i, &single)| single == value(half(i))));

    let data: Vec<u8> = (0..MANY).flat_map(|i| (i as f64).to_be_bytes()).collect();
    std::fs::write(&path, npy(">f8", false, &[MANY], &data)).unwrap();
    let swapped = engine.open_npy::<f64, Ix1>(&path).unwrap();
    assert!(swapped.as_slice().iter().enumerate().all(|(i, &read)| read == i as f64));

    let data: Vec<u8> = (0..MANY).map(|i| (i % 3) as u8).collect();
    std::fs::write(&path, npy("|b1", false, &[MANY], &data)).unwrap();
    let bools = engine.open_npy::<u8, Ix1>(&path).unwrap();
    assert!(bools.as_slice().iter().enumerate().all(|(i, &read)| read == u8::from(i % 3 > 0)));
}

#[test]
fn large_files_in_fortran_order_are_transposed() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.npy");
    for shape in [[MANY / 3, 3], [3, MANY / 3], [1000, 1500]] {
        let [rows, columns] = shape;
        let in_file = (0..columns).flat_map(|j| (0..rows).map(move |i| (i * columns + j) as u32));
        let data: Vec<u8> = in_file.flat_map(u32::to_be_bytes).collect();
        std::fs::write(&path, npy(">u4", true, &shape, &data)).unwrap();
        let read = engine.open_npy::<u32, Ix2>(&path).unwrap();
        assert!(read.as_slice().iter().enumerate().all(|(i, &read)| read == i as u32), "{shape:?}");
    }
}

thread_local! {
    /// Bytes of the heap that this thread has asked for.
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: all is passed on to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no count any more, and needs none.
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + layout.size()));
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The bound of `Engine::open_npy`: what it uses besides the array.
const BESIDES_BYTES_MAX: usize = 2 << 20;

#[test]
fn files_that_lie_get_no_memory() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lie.npy");
    let long_header = |length: u32| {
        [b"\x93NUMPY\x02\x00", &length.to_le_bytes()[..], &vec![b'1'; 100_000]].concat()
    };
    for (file, reason) in [
        (vec![], "the file is empty (at byte 0)"),
        (npy("<f8", false, &[1 << 40], &[0; 24]), "8796093022208 bytes of data from byte 128 on"),
        (npy("<f8", true, &[1 << 20, 1 << 20], &[]), "but only 0 follow (at byte 128)"),
        (npy("<f8", false, &[1 << 60, 1 << 60], &[]), "impossible size"),
        (npy("|u1", false, &[0, usize::MAX, 2], &[]), "impossible size"),
        (npy("<f8", false, &[4], &[0; 31]), "32 bytes of data from byte 128 on, but only 31"),
        (long_header(u32::MAX), "the header claims 4294967295 bytes"),
        (long_header(65_537), "the header claims 65537 bytes"),
        (long_header(65_536), "the header is damaged: expected '{'"),
    ] {
        std::fs::write(&path, &file).unwrap();
        let before = ASKED.get();
        let error = engine.open_npy::<f64, IxDyn>(&path).unwrap_err();
        let asked = ASKED.get() - before;
        assert!(matches!(error, Error::File { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert!(asked < BESIDES_BYTES_MAX, "{asked} bytes for {error}");
    }
}

/// What the coordinator's thread has asked for, and each worker's.
fn asked(engine: &Engine) -> BTreeMap<u32, usize> {
    let mut asked = BTreeMap::new();
    wait_until("an answer of each worker", || {
        let ask = |_: u32| (std::process::id(), ASKED.get());
        asked.extend(engine.tasks().map(ask, 0..8).unwrap().map(Result::unwrap));
        asked.len() == WORKERS
    });
    asked.insert(std::process::id(), ASKED.get());
    asked
}

/// The most that one of these processes asks for meanwhile.
fn most_asked(engine: &Engine, meanwhile: impl FnOnce()) -> usize {
    let before = asked(engine);
    meanwhile();
    asked(engine).iter().map(|(process, after)| after - before[process]).max().unwrap()
}

#[test]
fn besides_the_array_little_memory_is_used() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    // What kernels ask for is seen.
    let x = engine.zeros::<f64, _>(1000).unwrap();
    let mut y = engine.zeros(1000).unwrap();
    let greedy = |x: f64| std::hint::black_box(vec![x; 1000])[0];
    assert!(most_asked(&engine, || engine.map(&x, &mut y, greedy).unwrap()) > BESIDES_BYTES_MAX);
    // The calling thread reads small files by itself, and all in Fortran order.
    for rows in [15_000, MANY / 2] {
        for (descr, fortran) in [("<f8", false), (">f8", false), ("<f8", true), (">f8", true)] {
            std::fs::write(&path, npy(descr, fortran, &[rows, 2], &vec![0; 16 * rows])).unwrap();
            let before = engine.stats().launches;
            let asked = most_asked(&engine, || {
                engine.open_npy::<f64, IxDyn>(&path).unwrap();
            });
            let by_workers = engine.stats().launches > before;
            assert!(by_workers || fortran || rows < MANY / 2, "{rows} rows of {descr}");
            let what = format!("{rows} rows of {descr}, Fortran {fortran}");
            assert!(asked < BESIDES_BYTES_MAX, "{asked} bytes for {what}");
        }
    }
}

#[test]
fn a_file_that_is_larger_than_memory_is_refused_with_both_numbers() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.npy");
    std::fs::write(&path, npy("<f8", false, &[1 << 40], &[])).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    // 8 TiB that are nowhere: all holes.
    if let Err(error) = file.set_len(128 + (1 << 43)) {
        return skipped(&format!("this file system has no files of 8 TiB: {error}"));
    }
    match engine.open_npy::<f64, Ix1>(&path) {
        Err(Error::OutOfMemory { requested, available, .. }) => {
            assert!(requested == 1 << 43 && available < requested, "{requested} {available}");
        }
        other => panic!("{:?}", other.map(|array| array.len())),
    }
}
