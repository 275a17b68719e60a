//! See `coracle::fuzzing::challenge`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coracle::fuzzing::challenge(data));
