//! Files in numpy's format: headers and data.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gristmill::fuzzing::npy(bytes));
