//! See `coracle::fuzzing::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coracle::fuzzing::manifest(data));
