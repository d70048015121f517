//! Job files, checked against the stock kernels in a folder with a few arrays.
#![no_main]

use gristmill::Registry;
use std::path::Path;
use std::sync::OnceLock;

/// Removed by nobody: a fuzzer ends by any signal. It is in the system's folder for such things.
fn place() -> &'static (tempfile::TempDir, Registry) {
    static PLACE: OnceLock<(tempfile::TempDir, Registry)> = OnceLock::new();
    PLACE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/terrain.npy");
        std::fs::copy(data, folder.path().join("terrain.npy")).expect("a copy");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/npy");
        for name in ["numpy_c_f8", "numpy_fortran_big_endian_i2", "numpy_c16", "numpy_0d"] {
            let target = folder.path().join(name.replace("numpy_", "") + ".npy");
            std::fs::copy(golden.join(name), target).expect("a copy");
        }
        (folder, gristmill_kernels::registry())
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (folder, registry) = place();
    gristmill::fuzzing::job(bytes, folder.path(), registry);
});
