//! The marker of an unfinished run, in an output folder.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gristmill::fuzzing::marker(bytes));
