//! The files of /proc and /sys that describe a machine.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gristmill::fuzzing::machine(bytes));
