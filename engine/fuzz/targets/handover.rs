//! The variable that makes a process a worker.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gristmill::fuzzing::handover(bytes));
