//! What processes read in the region.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gristmill::fuzzing::region(bytes));
