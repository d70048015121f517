//! Job files, checked against the stock kernels in a folder with a few arrays.
#![no_main]

use gristmill::Registry;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn place() -> &'static (PathBuf, Registry) {
    static PLACE: OnceLock<(PathBuf, Registry)> = OnceLock::new();
    PLACE.get_or_init(|| {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = fuzz.join("found/arrays");
        std::fs::create_dir_all(&folder).expect("a folder");
        let terrain = fuzz.join("../../data/terrain.npy");
        std::fs::copy(terrain, folder.join("terrain.npy")).expect("a copy");
        for name in ["c_f8", "fortran_big_endian_i2", "c16", "0d"] {
            let array = fuzz.join(format!("corpus/npy/numpy_{name}"));
            std::fs::copy(array, folder.join(format!("{name}.npy"))).expect("a copy");
        }
        (folder, gristmill_kernels::registry())
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (folder, registry) = place();
    gristmill::fuzzing::job(bytes, folder, registry);
});
